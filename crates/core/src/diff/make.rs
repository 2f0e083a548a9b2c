//! From two values to the diff between them, in near-linear time whatever they are.
//!
//! Equal parts are found by their marks. Elements of arrays are known again by what names them ([`Identity`]), then by being equal,
//! then by likeness (`pair`), and are changed from inside; those out of order move. Texts are compared by line, then by word;
//! within words what both begin and end with stays. What would take too many steps is replaced whole.

use core::cmp::Ordering;
use core::ops::Range;

use super::align::{Hunk, align};
use super::arrange::{Piece, arrange};
use super::identity::Identity;
use super::mark::{Mark, Marked, elements, number, number_pieces};
use super::pair::pair;
use super::sequence::Builder;
use super::{Diff, Joins, Keyed, Segment, apply, text, wire};
use crate::members::Members;
use crate::prelude::*;
use crate::sort::sorted;
use crate::value::{Object, Value};

/// A diff has so many steps at most.
const STEPS: usize = 50_000;

/// The change from `old` to `new`, as short on the wire as it is found.
pub fn diff(old: &Value, new: &Value) -> Diff {
    let marks = (Mark::of(old), Mark::of(new));
    let identity = Identity::default();
    match between(
        Marked { value: old, mark: &marks.0 },
        Marked { value: new, mark: &marks.1 },
        How { identity: &identity, letters: false },
    ) {
        None => Diff::identity(),
        Some(change) => root(wire::shortest(coarse(change, new, STEPS), new, &marks.1), old),
    }
}

/// The change from `old` to `new`, with what stays kept apart from what changes even where replacing both would be
/// shorter: so that as much as can be merges with concurrent changes. Write it with [`Diff::to_patch_giving`].
pub fn diff_finely(old: &Value, new: &Value) -> Diff {
    diff_finely_by(old, new, &Identity::default())
}

/// As [`diff_finely`], with elements of arrays told apart by other members.
pub fn diff_finely_by(old: &Value, new: &Value, identity: &Identity) -> Diff {
    between_values(old, new, identity).map_or_else(Diff::identity, |change| root(change, old))
}

/// As [`diff_finely`], for who knows only what came of what somebody did: within words letters are compared too, so that what stands
/// beside a letter that stayed still does.
pub fn diff_closely(old: &Value, new: &Value) -> Diff {
    let how = How { identity: &Identity::default(), letters: true };
    whole(old, new, how).map_or_else(Diff::identity, |change| root(change, old))
}

/// How values are compared.
#[derive(Clone, Copy)]
struct How<'a> {
    identity: &'a Identity,
    /// Texts also by letter.
    letters: bool,
}

/// What changes below the root, finely; nothing when they are equal.
pub(super) fn between_values(old: &Value, new: &Value, identity: &Identity) -> Option<Diff> {
    whole(old, new, How { identity, letters: false })
}

fn whole(old: &Value, new: &Value, how: How<'_>) -> Option<Diff> {
    let marks = (Mark::of(old), Mark::of(new));
    let change = between(Marked { value: old, mark: &marks.0 }, Marked { value: new, mark: &marks.1 }, how);
    change.map(|change| coarse(change, new, STEPS))
}

fn root(change: Diff, old: &Value) -> Diff {
    match change {
        Diff::Set { value, .. } => Diff::root(value, old),
        change => change,
    }
}

/// Nothing when they are equal.
fn between(old: Marked<'_>, new: Marked<'_>, how: How<'_>) -> Option<Diff> {
    if old == new {
        return None;
    }
    Some(match (old.value, new.value) {
        (Value::Object(a), Value::Object(b)) => Diff::Object(members((a, old.mark), (b, new.mark), how)),
        (Value::Array(a), Value::Array(b)) => Diff::Array(array(&elements(a, old.mark), &elements(b, new.mark), how)),
        (Value::Text(a), Value::Text(b)) => texts(a, b, how.letters),
        (Value::Map(_), Value::Map(_)) => entries(Keyed::Map, old.value, new.value, how),
        (Value::Set(_), Value::Set(_)) => entries(Keyed::Set, old.value, new.value, how),
        (before, after) => Diff::Set { value: after.clone(), over_container: before.is_container() },
    })
}

/// How many steps there are.
fn steps(diff: &Diff) -> usize {
    match diff {
        Diff::Object(members) => members.values().map(|change| 1 + steps(change)).sum(),
        Diff::Array(segments) | Diff::Entries(_, segments) => segments.iter().map(steps_of).sum(),
        Diff::Text(segments) => segments.len(),
        _ => 1,
    }
}

fn steps_of(segment: &Segment<Vec<Value>, Diff>) -> usize {
    match segment {
        Segment::Inner(inner) | Segment::Put(_, Some(inner)) => 1 + steps(inner),
        _ => 1,
    }
}

/// With so many steps at most: of what is in one place, the largest is replaced whole.
fn coarse(diff: Diff, new: &Value, most: usize) -> Diff {
    if steps(&diff) <= most {
        return diff;
    }
    let whole = || Diff::Set { value: new.clone(), over_container: new.is_container() };
    match (diff, new) {
        (Diff::Object(members), Value::Object(object)) => {
            let each = members.values().map(steps).collect();
            let Some(largest) = largest(each, members.len(), most) else { return whole() };
            let changes = members.into_iter().zip(0..).map(|((key, change), place)| match object.get(&key) {
                Some(value) if largest.contains(&place) => (key, replaced(&change, value)),
                _ => (key, change),
            });
            Diff::Object(changes.collect())
        }
        (Diff::Array(mut segments), Value::Array(items)) => {
            let each = segments.iter().map(|segment| steps_of(segment) - 1).collect();
            let Some(largest) = largest(each, segments.len(), most) else { return whole() };
            let mut at = 0;
            for (place, segment) in segments.iter_mut().enumerate() {
                if let Segment::Inner(inner) | Segment::Put(_, Some(inner)) = segment
                    && largest.contains(&place)
                    && let Some(value) = items.get(at)
                {
                    *inner = replaced(inner, value);
                }
                at += segment.after();
            }
            Diff::Array(segments)
        }
        _ => whole(),
    }
}

/// Edits from inside as the value that comes out of them.
fn replaced(change: &Diff, value: &Value) -> Diff {
    match change {
        Diff::Object(_) | Diff::Array(_) => Diff::Set { value: value.clone(), over_container: true },
        Diff::Text(_) | Diff::Entries(..) => Diff::Set { value: value.clone(), over_container: false },
        change => change.clone(),
    }
}

/// Which of these have to go for the rest, with one step for each, to be no more than `most`; none if that is not enough.
fn largest(each: Vec<usize>, own: usize, most: usize) -> Option<Vec<usize>> {
    let mut sum = own + each.iter().sum::<usize>();
    let mut places = Vec::new();
    for (steps, place) in sorted(each.into_iter().zip(0..).collect::<Vec<(usize, usize)>>()).into_iter().rev() {
        if sum <= most || places.len() > 1_000 {
            break;
        }
        sum -= steps;
        places.push(place);
    }
    (sum <= most).then(|| sorted(places))
}

fn members(old: (&Object, &Mark), new: (&Object, &Mark), how: How<'_>) -> Members<Diff> {
    let mut changes = Members::new();
    let mut before = old.0.iter().zip(&old.1.children).peekable();
    let mut after = new.0.iter().zip(&new.1.children).peekable();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(((a, _), _)), Some(((b, _), _))) => a.cmp(b),
        };
        let gone = if order.is_le() { before.next() } else { None };
        let came = if order.is_ge() { after.next() } else { None };
        match (gone, came) {
            (Some(((key, value), mark)), Some(((_, new), new_mark))) => {
                if let Some(change) = between(Marked { value, mark }, Marked { value: new, mark: new_mark }, how) {
                    changes.push(key.clone(), change);
                }
            }
            (Some(((key, _), _)), None) => {
                changes.push(key.clone(), Diff::Remove);
            }
            (None, Some(((key, value), _))) => {
                changes.push(key.clone(), Diff::Set { value: value.clone(), over_container: false });
            }
            (None, None) => return changes,
        }
    }
}

fn array(old: &[Marked<'_>], new: &[Marked<'_>], how: How<'_>) -> Vec<Segment<Vec<Value>, Diff>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_old, middle_new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let from = origins(middle_old, middle_new, tail == 0, how.identity);
    let mut pieces = Vec::with_capacity(middle_new.len() + 2);
    if head > 0 {
        pieces.push(Piece::Kept(0, head));
    }
    for (element, from) in middle_new.iter().zip(from) {
        pieces.push(match from {
            None => Piece::New(element.value.clone()),
            Some(index) => match between(middle_old[index], *element, how) {
                None => Piece::Kept(head + index, 1),
                Some(change) => Piece::Changed(head + index, change),
            },
        });
    }
    if tail > 0 {
        pieces.push(Piece::Kept(old.len() - tail, tail));
    }
    arrange(old.len(), pieces)
}

/// Which of the old elements each of the new ones was.
fn origins(old: &[Marked<'_>], new: &[Marked<'_>], at_end: bool, identity: &Identity) -> Vec<Option<usize>> {
    let mut from = vec![None; new.len()];
    let mut is_known = vec![false; old.len()];
    for (i, j) in identity.pairs(&values(old), &values(new)) {
        (from[j], is_known[i]) = (Some(i), true);
    }
    // Of those that nothing names, what is equal and in order; and what is equal, there once, and somewhere else.
    let rest = |is_known: &[bool]| (0..old.len()).filter(|i| !is_known[*i]).collect::<Vec<usize>>();
    let left = |from: &[Option<usize>]| (0..new.len()).filter(|j| from[*j].is_none()).collect::<Vec<usize>>();
    let (rest_old, rest_new) = (rest(&is_known), left(&from));
    let (these, those) = (pick(old, &rest_old), pick(new, &rest_new));
    let [numbers, new_numbers] = number([&these, &those]);
    let hunks = align(&numbers, &new_numbers);
    let (mut at, mut at_new) = (0, 0);
    for hunk in hunks.iter().chain([&Hunk { old: these.len()..these.len(), new: those.len()..those.len() }]) {
        for (i, j) in (at..hunk.old.start).zip(at_new..hunk.new.start) {
            (from[rest_new[j]], is_known[rest_old[i]]) = (Some(rest_old[i]), true);
        }
        (at, at_new) = (hunk.old.end, hunk.new.end);
    }
    let (unknown, unplaced) = (rest(&is_known), left(&from));
    for (i, j) in Identity::equal(&values(&pick(old, &unknown)), &values(&pick(new, &unplaced))) {
        (from[unplaced[j]], is_known[unknown[i]]) = (Some(unknown[i]), true);
    }
    // Within what changed between, what is alike.
    for hunk in &hunks {
        let olds: Vec<usize> = hunk.old.clone().map(|i| rest_old[i]).filter(|i| !is_known[*i]).collect();
        let news: Vec<usize> = hunk.new.clone().map(|j| rest_new[j]).filter(|j| from[*j].is_none()).collect();
        let whole = Hunk { old: 0..olds.len(), new: 0..news.len() };
        let is_last = at_end && hunk.old.end == these.len();
        for (i, j) in pair(&pick(old, &olds), &pick(new, &news), &whole, is_last) {
            let are_others = identity.of(old[olds[i]].value).is_some() && identity.of(new[news[j]].value).is_some();
            if !are_others {
                from[news[j]] = Some(olds[i]);
            }
        }
    }
    from
}

fn values<'a>(list: &[Marked<'a>]) -> Vec<&'a Value> {
    list.iter().map(|element| element.value).collect()
}

/// Those in these places.
fn pick<'a>(list: &[Marked<'a>], places: &[usize]) -> Vec<Marked<'a>> {
    places.iter().map(|place| list[*place]).collect()
}

/// By key. What is out of order goes and comes: a key has no place that it could keep.
fn entries(kind: Keyed, old: &Value, new: &Value, how: How<'_>) -> Diff {
    let elements = |value| apply::elements(value).unwrap_or_default();
    let (old, new) = (elements(old), elements(new));
    let keys = |items: &'_ [Value]| items.iter().map(|item| kind.key(item).unwrap_or(item).clone()).collect::<Vec<_>>();
    let (old_keys, new_keys) = (keys(&old), keys(&new));
    let mut from = vec![None; new.len()];
    for (i, j) in Identity::equal(&old_keys.iter().collect::<Vec<_>>(), &new_keys.iter().collect::<Vec<_>>()) {
        from[j] = Some(i);
    }
    let pieces = new.iter().zip(from).map(|(item, from)| match from {
        None => Piece::New(item.clone()),
        Some(index) => match (&old[index], item) {
            (Value::Array(before), Value::Array(after)) if kind == Keyed::Map => {
                match before.get(1).zip(after.get(1)).and_then(|(a, b)| whole(a, b, how)) {
                    None => Piece::Kept(index, 1),
                    Some(change) => {
                        let in_pair = Diff::Array(vec![Segment::Keep(1), Segment::Inner(change)]);
                        Piece::Changed(index, in_pair)
                    }
                }
            }
            _ => Piece::Kept(index, 1),
        },
    });
    Diff::Entries(kind, wire::unmoved(arrange(old.len(), pieces.collect()), &new))
}

fn texts(old: &str, new: &str, letters: bool) -> Diff {
    let mut out = Builder::<String>::new();
    along(&mut out, old, new, if letters { &CUTS } else { &CUTS[..2] });
    Diff::Text(out.finish())
}

/// Ways to cut a text into the pieces that are compared, from coarse to fine: after these. The last one is for who asks for it.
const CUTS: [fn(char) -> bool; 3] = [|character| character == '\n', ends_word, |_| true];

/// Roughly what is no letter and no digit: what is precisely one takes tables.
fn ends_word(character: char) -> bool {
    match character {
        '\0'..'\u{80}' => !character.is_ascii_alphanumeric(),
        // Punctuation of many scripts, of East Asia, and in full width.
        _ => matches!(character, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}'),
    }
}

fn along(out: &mut Builder<String>, old: &str, new: &str, cuts: &[fn(char) -> bool]) {
    let head = text::common_prefix(old, new);
    let tail = text::common_suffix(&old[head..], &new[head..]);
    let (gone, came) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    out.keep(text::units(&old[..head]));
    match cuts {
        [end, finer @ ..] if !gone.is_empty() && !came.is_empty() => {
            let (a, b) = (Pieces::of(gone, end), Pieces::of(came, end));
            let mut at = 0;
            for (from, to) in hunks(&a, &b) {
                out.keep(text::units(&gone[at..from.start]));
                at = from.end;
                along(out, &gone[from], &came[to], finer);
            }
            out.keep(text::units(&gone[at..]));
        }
        _ => {
            out.insert(came, Joins::NONE);
            out.delete(text::units(gone));
        }
    }
    out.keep(text::units(&old[old.len() - tail..]));
}

/// A text cut into pieces.
struct Pieces<'a> {
    pieces: Vec<&'a str>,
    /// Where each begins, in bytes, and where the last one ends.
    bounds: Vec<usize>,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str, end: &fn(char) -> bool) -> Self {
        let pieces: Vec<&str> = text.split_inclusive(end).collect();
        let mut bounds = vec![0];
        let mut at = 0;
        bounds.extend(pieces.iter().map(|piece| {
            at += piece.len();
            at
        }));
        Pieces { pieces, bounds }
    }
}

/// What changes between two texts cut into pieces, in bytes.
fn hunks(a: &Pieces<'_>, b: &Pieces<'_>) -> Vec<(Range<usize>, Range<usize>)> {
    let [old, new] = number_pieces([&a.pieces, &b.pieces]);
    let bytes = |bounds: &[usize], pieces: Range<usize>| bounds[pieces.start]..bounds[pieces.end];
    let hunks = align(&old, &new).into_iter();
    hunks.map(|Hunk { old, new }| (bytes(&a.bounds, old), bytes(&b.bounds, new))).collect()
}

#[cfg(test)]
mod tests;
