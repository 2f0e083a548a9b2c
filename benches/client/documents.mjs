// What is edited: a table as apps keep them, in two shapes, and the one leaf of it that the nth edit changes.

export const SHAPES = ['list', 'keyed'];

/** `count` rows of about 240 bytes of CBOR; `list`: in an array, `keyed`: in an object, by an id. */
export function table(shape, count) {
  const rows = Array.from({ length: count }, (_, i) => row(i));
  return { title: 'What is to be done', rows: shape === 'list' ? rows : Object.fromEntries(rows.map(row => [row.id, row])) };
}

const TEXT = 'The warp is fixed before the first thread of the weft goes through it, and nobody who came late can change that. ';

function row(i) {
  return {
    id: idOf(i),
    title: `Row ${i}`,
    text: TEXT.slice(i % 40) + TEXT.slice(0, i % 40),
    tags: ['weaving', i % 3 ? 'open' : 'closed'],
    owner: `person-${i % 17}`,
    amount: 0,
    done: i % 5 === 0,
  };
}

/** Looks random, as ids do, and is the same in every tab. */
function idOf(i) {
  return `r${Math.imul(i + 1, 0x9e3779b1).toString(36).replace('-', 'z')}`;
}

/** The key, in `rows`, of the row whose `amount` the nth edit makes `n`. */
export function place(shape, count, n) {
  const index = (n * 97) % count;
  return shape === 'list' ? index : idOf(index);
}
