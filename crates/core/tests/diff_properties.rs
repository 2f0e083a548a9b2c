//! The algebra of diffs on random values and random edits of them. Values are drawn from small alphabets, so that edits
//! often meet; each run of the concurrent properties checks that they met, and passed each other, often enough.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use timeweft_core::diff::{Diff, Patch, Segment, compose, conflicts, diff, diff_finely, rebase};
use timeweft_core::members::Members;
use timeweft_core::value::Value;

/// Random choices, taken one by one; when they run out, always the first.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % count.max(1))
    }
}

const PIECES: [&str; 8] = ["a", "b", "ab", "😀", "😁", "ä", "lorem ipsum dolor sit amet, ", "\n"];
const KEYS: [&str; 6] = ["a", "b", "id", "0", "1", "text"];

fn text(from: &mut Choices<'_>, most: usize) -> String {
    (0..from.below(most)).map(|_| PIECES[from.below(PIECES.len())]).collect()
}

fn value(from: &mut Choices<'_>, depth: usize) -> Value {
    match from.below(if depth == 0 { 9 } else { 16 }) {
        0 => Value::Null,
        1 => Value::Undefined,
        2 => Value::Bool(from.below(2) == 0),
        3 => Value::Number(from.below(3) as f64),
        4 => Value::BigInt(from.below(3).into()),
        5 => Value::Date(from.below(3) as f64),
        6 => Value::Bytes(vec![from.below(2) as u8]),
        7 => Value::Set(vec![Value::Number(from.below(2) as f64)]),
        8 => Value::Text(text(from, 12)),
        9..12 => Value::Array((0..from.below(7)).map(|_| value(from, depth - 1)).collect()),
        _ => object(from, depth),
    }
}

fn object(from: &mut Choices<'_>, depth: usize) -> Value {
    let keys = (0..from.below(5)).map(|_| KEYS[from.below(KEYS.len())]).collect::<Vec<_>>();
    Value::object(keys.into_iter().map(|key| (key, value(from, depth - 1))).collect::<Vec<_>>())
}

/// A value as an application would hold: a list of records, a text, some settings.
fn document(from: &mut Choices<'_>) -> Value {
    let records = (0..4 + from.below(4)).map(|id| {
        let text = Value::Text(format!("{}{}", text(from, 6), text(from, 6)));
        Value::object([("id", Value::Number(id as f64)), ("text", text), ("a", value(from, 1))])
    });
    let records = Value::Array(records.collect());
    let (long, words) = (text(from, 40), (0..10).map(|_| Value::Text(text(from, 3))).collect());
    Value::object([
        ("records", records),
        ("text", Value::Text(long)),
        ("words", Value::Array(words)),
        ("settings", object(from, 3)),
    ])
}

/// One random edit, somewhere inside.
fn edit(value: &mut Value, from: &mut Choices<'_>) {
    let new = |from: &mut Choices<'_>| self::value(from, 1);
    match value {
        Value::Text(old) => {
            let bounds: Vec<usize> = old.char_indices().map(|(at, _)| at).chain([old.len()]).collect();
            let start = from.below(bounds.len());
            let end = bounds.len().min(start + from.below(4) + 1) - 1;
            old.replace_range(bounds[start]..bounds[end], &text(from, 3));
        }
        Value::Array(items) if from.below(3) == 0 || items.is_empty() => {
            let at = from.below(items.len() + 1);
            let end = items.len().min(at + from.below(3));
            let inserted: Vec<Value> = (0..from.below(3)).map(|_| new(from)).collect();
            items.splice(at..end, inserted);
        }
        Value::Array(items) => {
            let at = from.below(items.len());
            edit(&mut items[at], from);
        }
        Value::Object(members) if from.below(4) == 0 || members.is_empty() => {
            let key = KEYS[from.below(KEYS.len())];
            if from.below(2) == 0 {
                members.remove(key);
            } else {
                members.insert(key.to_owned(), new(from));
            }
        }
        Value::Object(members) => {
            let at = from.below(members.len());
            members.values_mut().skip(at).take(1).for_each(|member| edit(member, from));
        }
        other => *other = new(from),
    }
}

fn edited(base: &Value, from: &mut Choices<'_>) -> Value {
    let mut value = base.clone();
    (0..=from.below(3)).for_each(|_| edit(&mut value, from));
    value
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), most / 3..most)
}

/// A base and values that come of it by edits, or have nothing to do with it.
fn base_and<const N: usize>() -> impl Strategy<Value = (Value, [Value; N])> {
    let each = std::array::from_fn::<_, N, _>(|_| bytes(24));
    (bytes(400), each, any::<u8>()).prop_map(|(base, others, kind)| {
        let mut from = Choices(base.iter());
        let base = if kind % 4 == 0 { value(&mut from, 4) } else { document(&mut from) };
        let others = others.map(|other| {
            let mut from = Choices(other.iter());
            if kind % 16 == 0 { value(&mut from, 3) } else { edited(&base, &mut from) }
        });
        (base, others)
    })
}

/// As [`base_and`], both edited inside the same member too.
fn neighbours() -> impl Strategy<Value = (Value, [Value; 2])> {
    (base_and::<2>(), bytes(12), bytes(12), 0..6_usize).prop_map(|((base, mut others), a, b, which)| {
        let key = ["text", "records", "words"].get(which);
        for (other, bytes) in others.iter_mut().zip([a, b]) {
            if let (Value::Object(members), Some(key)) = (other, key)
                && let Some(member) = members.get_mut(key)
            {
                edit(member, &mut Choices(bytes.iter()));
            }
        }
        (base, others)
    })
}

fn applied(diff: &Diff, value: &Value) -> Value {
    let mut value = value.clone();
    diff.apply(&mut value).expect("the diff is of this base");
    value
}

fn resolved(patch: Patch, base: &Value) -> Diff {
    patch.resolve(base).expect("the patch is of this base")
}

fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    TestRunner::new(Config { failure_persistence: None, ..Config::default() }).run(&strategy, test).unwrap();
}

#[test]
fn a_diff_takes_the_old_value_to_the_new_one() {
    run(base_and::<1>(), |(old, [new])| {
        for change in [diff(&old, &new), diff_finely(&old, &new)] {
            prop_assert_eq!(&applied(&change, &old), &new);
            prop_assert_eq!(change.is_identity(), old == new);
            prop_assert_eq!(applied(&resolved(change.to_patch(), &old), &old), new.clone(), "{:?}", change.to_patch());
            let plainly = change.to_patch_giving(&new);
            prop_assert_eq!(applied(&resolved(plainly.clone(), &old), &old), new.clone(), "{:?}", plainly);
        }
        prop_assert_eq!(Diff::over_nothing(new.clone()).to_patch().into_value(), Ok(new.clone()));
        prop_assert!(diff(&new, &new).is_identity());
        Ok(())
    });
}

#[test]
fn the_inverse_takes_the_new_value_back() {
    run(base_and::<2>(), |(old, [new, other])| {
        for change in [diff(&old, &new), diff_finely(&old, &new), resolved(diff(&old, &new).to_patch(), &old)] {
            let back = change.invert(&old);
            prop_assert_eq!(&applied(&back, &new), &old, "{:?}", back);
            prop_assert_eq!(applied(&resolved(back.to_patch(), &new), &new), old.clone());
            // And there again.
            prop_assert_eq!(&applied(&back.invert(&new), &old), &new);
            // Of another base it is of no use, yet does no harm.
            change.invert(&other).to_patch();
        }
        Ok(())
    });
}

#[test]
fn a_composition_does_what_its_parts_do_in_a_row() {
    let chain = (base_and::<1>(), bytes(24), bytes(24), any::<bool>()).prop_map(|((a, [b]), second, third, finely)| {
        let c = edited(&b, &mut Choices(second.iter()));
        let d = edited(&c, &mut Choices(third.iter()));
        ([a, b, c, d], finely)
    });
    run(chain, |([a, b, c, d], finely)| {
        let make = if finely { diff_finely } else { diff };
        let (ab, bc, cd) = (make(&a, &b), make(&b, &c), make(&c, &d));
        let ac = compose(&ab, &bc).unwrap();
        prop_assert_eq!(&applied(&ac, &a), &c);
        let left = compose(&ac, &cd).unwrap();
        let right = compose(&ab, &compose(&bc, &cd).unwrap()).unwrap();
        for whole in [&left, &right] {
            prop_assert_eq!(&applied(whole, &a), &d);
            prop_assert_eq!(&applied(&resolved(whole.to_patch(), &a), &a), &d, "{:?}", whole);
            prop_assert_eq!(&applied(&resolved(whole.to_patch_giving(&d), &a), &a), &d);
            prop_assert_eq!(&applied(&whole.invert(&a), &d), &a);
        }
        // Over the wire between the steps.
        let wired = resolved(ab.to_patch(), &a);
        let wired = compose(&wired, &resolved(bc.to_patch(), &b)).unwrap();
        let wired = compose(&resolved(wired.to_patch(), &a), &resolved(cd.to_patch_giving(&d), &c)).unwrap();
        prop_assert_eq!(&applied(&wired, &a), &d);
        // What came of nothing stays what came of nothing.
        let first = compose(&Diff::over_nothing(a.clone()), &left).unwrap();
        prop_assert_eq!(&first.to_patch().into_value().unwrap(), &d);
        Ok(())
    });
}

/// Whether both edit one text or one array from inside.
fn side_by_side(a: &Diff, b: &Diff) -> bool {
    match (a, b) {
        (Diff::Object(a), Diff::Object(b)) => {
            a.iter().any(|(key, change)| b.get(key).is_some_and(|other| side_by_side(change, other)))
        }
        (Diff::Array(_), Diff::Array(_)) | (Diff::Text(_), Diff::Text(_)) => true,
        _ => false,
    }
}

#[test]
fn concurrent_diffs_conflict_either_way_or_converge() {
    let (met, passed, merged, beside) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    run((neighbours(), 0..4_u8), |((base, [mine, others]), how)| {
        let make = if how & 1 == 0 { diff } else { diff_finely };
        let (mut a, mut b) = (make(&base, &mine), make(&base, &others));
        if how & 2 == 0 {
            (a, b) = (resolved(a.to_patch(), &base), resolved(b.to_patch(), &base));
        }
        prop_assert_eq!(conflicts(&a, &b), conflicts(&b, &a));
        prop_assert!(!conflicts(&a, &a));
        prop_assert!(!conflicts(&a, &Diff::identity()));
        if conflicts(&a, &b) {
            met.set(met.get() + 1);
            prop_assert!(rebase(&a, &b).is_err() && rebase(&b, &a).is_err());
            return Ok(());
        }
        passed.set(passed.get() + 1);
        let (a_after_b, b_after_a) = (rebase(&a, &b).unwrap(), rebase(&b, &a).unwrap());
        let result = applied(&b_after_a, &mine);
        prop_assert_eq!(&applied(&a_after_b, &others), &result, "{:?} {:?}", a, b);
        if !a_after_b.is_identity() && !b_after_a.is_identity() {
            merged.set(merged.get() + 1);
            beside.set(beside.get() + u32::from(side_by_side(&a, &b)));
        }
        // The receiver of the one resolves it on what the other made.
        prop_assert_eq!(&applied(&resolved(a_after_b.to_patch(), &others), &others), &result);
        // What is merged composes.
        prop_assert_eq!(&applied(&compose(&b, &a_after_b).unwrap(), &base), &result);
        Ok(())
    });
    let [met, passed, merged, beside] = [met, passed, merged, beside].map(Cell::into_inner);
    let all = met + passed;
    assert!(met * 10 > all, "only {met} of {all} pairs conflict");
    assert!(merged * 4 > all, "only {merged} of {all} pairs are merged");
    assert!(beside * 10 > all, "only {beside} of {all} pairs are merged in one text or array");
}

const LENGTHS: [usize; 8] = [0, 1, 1, 2, 3, 5, usize::MAX, usize::MAX - 1];
const ODD_KEYS: [&str; 12] =
    ["a", "b", "id", "0", "1", "2", "3", "00", "-1", "", "18446744073709551615", "99999999999999999999999"];

fn segments<T, I>(
    from: &mut Choices<'_>,
    insert: impl Fn(&mut Choices<'_>) -> T,
    inner: impl Fn(&mut Choices<'_>) -> I,
) -> Vec<Segment<T, I>> {
    let length = from.below(5);
    (0..length)
        .map(|_| match from.below(4) {
            0 => Segment::Insert(insert(from)),
            1 => Segment::Delete(LENGTHS[from.below(LENGTHS.len())]),
            2 => Segment::Keep(LENGTHS[from.below(LENGTHS.len())]),
            _ => Segment::Inner(inner(from)),
        })
        .collect()
}

fn items(from: &mut Choices<'_>) -> Vec<Value> {
    (0..from.below(3)).map(|_| value(from, 1)).collect()
}

/// A patch that more often than not fits what is there.
fn patch(from: &mut Choices<'_>, base: Option<&Value>, depth: usize) -> Patch {
    let fits = from.below(8) != 0;
    match (from.below(8), base) {
        (0, _) => Patch::Value(value(from, 2)),
        (1, _) => Patch::Replace(value(from, 2)),
        (2, _) if depth < 3 => Patch::Remove,
        (_, Some(Value::Text(_))) if fits => Patch::Text(segments(from, |from| text(from, 3), |_| ())),
        (3..6, Some(Value::Array(found))) if fits => {
            Patch::Array(segments(from, items, |from| patch(from, found.first(), depth.saturating_sub(1))))
        }
        (_, Some(Value::Array(found))) if fits && depth > 0 => {
            let count = from.below(4);
            let start = found.len().saturating_sub(from.below(3));
            let keys =
                (start..start + count).map(|index| (index.to_string(), patch(from, found.get(index), depth - 1)));
            Patch::Map(keys.collect())
        }
        (_, Some(Value::Object(found))) if fits && depth > 0 => {
            let keys: Vec<&String> = found.keys().collect();
            let mut members = Members::new();
            for _ in 0..from.below(4) {
                let key = keys.get(from.below(keys.len() + 1)).map_or("b", |key| key.as_str());
                members.insert(key.to_owned(), patch(from, found.get(key), depth - 1));
            }
            Patch::Map(members)
        }
        (3, _) => Patch::Text(segments(from, |from| text(from, 3), |_| ())),
        (4, _) if depth > 0 => Patch::Array(segments(from, items, |from| patch(from, None, depth - 1))),
        _ if depth > 0 => {
            let keys: Vec<_> = (0..from.below(4)).map(|_| ODD_KEYS[from.below(ODD_KEYS.len())]).collect();
            Patch::Map(keys.into_iter().map(|key| (key.to_owned(), patch(from, base, depth - 1))).collect())
        }
        _ => Patch::Value(value(from, 1)),
    }
}

#[test]
fn whatever_a_patch_is_what_is_resolved_applies() {
    let (fit, refused) = (Cell::new(0), Cell::new(0));
    let all = (bytes(300), bytes(80), bytes(80), any::<bool>()).prop_map(|(base, a, b, plain)| {
        let mut from = Choices(base.iter());
        let base = if plain { value(&mut from, 3) } else { document(&mut from) };
        let [a, b] = [a, b].map(|bytes| patch(&mut Choices(bytes.iter()), Some(&base), 4));
        (base, a, b)
    });
    run(all, |(base, a, b)| {
        let mut changes = Vec::new();
        for patch in [a, b] {
            let Ok(change) = patch.resolve(&base) else {
                refused.set(refused.get() + 1);
                continue;
            };
            fit.set(fit.get() + 1);
            let new = applied(&change, &base);
            prop_assert_eq!(&applied(&resolved(change.to_patch(), &base), &base), &new, "{:?}", change);
            prop_assert_eq!(&applied(&resolved(change.to_patch_giving(&new), &base), &base), &new);
            prop_assert_eq!(&applied(&change.invert(&base), &new), &base);
            if !change.is_identity() {
                prop_assert_ne!(&new, &base, "{:?} changes nothing", change);
            }
            changes.push((change, new));
        }
        if let [(a, after_a), (b, after_b)] = changes.as_slice() {
            prop_assert_eq!(conflicts(a, b), conflicts(b, a));
            if let (Ok(moved_a), Ok(moved_b)) = (rebase(a, b), rebase(b, a)) {
                prop_assert_eq!(applied(&moved_a, after_b), applied(&moved_b, after_a), "{:?} {:?}", a, b);
            }
        }
        Ok(())
    });
    assert!(fit.get() * 4 > refused.get() && refused.get() * 20 > fit.get());
}

/// Any diff at all, of no base.
fn garbage(from: &mut Choices<'_>, depth: usize) -> Diff {
    match from.below(if depth == 0 { 3 } else { 7 }) {
        0 => Diff::Remove,
        1 => Diff::Set { value: value(from, 1), over_container: from.below(2) == 0 },
        2 => Diff::Text(segments(from, |from| text(from, 3), |_| ())),
        3 | 4 => Diff::Array(segments(from, items, |from| garbage(from, depth - 1))),
        _ => {
            let keys: Vec<_> = (0..from.below(4)).map(|_| KEYS[from.below(KEYS.len())]).collect();
            Diff::Object(keys.into_iter().map(|key| (key.to_owned(), garbage(from, depth - 1))).collect())
        }
    }
}

#[test]
fn no_diff_makes_anything_panic() {
    let all = (bytes(80), bytes(60), bytes(60)).prop_map(|(base, a, b)| {
        let [a, b] = [a, b].map(|bytes| garbage(&mut Choices(bytes.iter()), 3));
        (value(&mut Choices(base.iter()), 3), a, b)
    });
    run(all, |(base, a, b)| {
        let _ = a.apply(&mut base.clone());
        let _ = a.to_patch().resolve(&base);
        let _ = a.to_patch_giving(&base);
        let _ = a.invert(&base).to_patch();
        let _ = compose(&a, &b);
        let _ = rebase(&a, &b).map(|moved| moved.to_patch());
        prop_assert_eq!(conflicts(&a, &b), conflicts(&b, &a));
        Ok(())
    });
}
