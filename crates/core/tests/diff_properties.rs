//! The algebra of diffs on random values and random edits of them. Each run of the concurrent properties checks that edits
//! met, and passed each other, often enough.

mod edits;

use std::cell::Cell;

use edits::*;
use proptest::prelude::*;
use timeweft_core::diff::{Diff, Increment, Joins, Order, Patch, Segment, compose, diff, diff_finely, rebase, split};
use timeweft_core::members::Members;
use timeweft_core::value::Value;

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

const LATER: Order = Order { later: true, first: false, insists: false };

fn conflicts(a: &Diff, b: &Diff) -> bool {
    rebase(a, b, LATER).is_err()
}

/// Whether both edit one text or one array from inside.
fn side_by_side(a: &Diff, b: &Diff) -> bool {
    match (a, b) {
        (Diff::Object(a), Diff::Object(b)) => {
            a.iter().any(|(key, change)| b.get(key).is_some_and(|other| side_by_side(change, other)))
        }
        (Diff::Array(_), Diff::Array(_)) | (Diff::Text(_), Diff::Text(_)) | (Diff::Entries(..), Diff::Entries(..)) => {
            true
        }
        _ => false,
    }
}

#[test]
fn concurrent_diffs_conflict_either_way_or_converge() {
    let (met, passed, merged, beside) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    run((neighbours(), 0..16_u8), |((base, [mine, others]), how)| {
        let order = Order { later: how & 4 == 0, first: how & 8 == 0, insists: false };
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
            // Without what is contested, the rest passes the other, and nothing else is held back. What is put elsewhere as it was
            // stays where it is, and is not contested.
            let parts = split(&a, &b, &base);
            prop_assert!(!parts.contested.is_empty() || parts.kept != a, "{:?} {:?}", a, b);
            prop_assert!(!conflicts(&parts.kept, &b), "{:?} of {:?} against {:?}", parts, a, b);
            for one in &parts.contested {
                prop_assert_eq!(&one.place.value(Some(&others)), &one.theirs, "{:?} {:?} {:?}", one, a, b);
                prop_assert_ne!(&one.mine, &one.theirs);
            }
            prop_assert!(rebase(&a, &b, LATER).is_err() && rebase(&b, &a, LATER.reversed()).is_err());
            return Ok(());
        }
        passed.set(passed.get() + 1);
        let (a_after_b, b_after_a) = (rebase(&a, &b, order).unwrap(), rebase(&b, &a, order.reversed()).unwrap());
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
    let joins = |from: &mut Choices<'_>| Joins { before: from.below(4) == 0, behind: from.below(4) == 0 };
    (0..length)
        .map(|_| match from.below(4) {
            0 => {
                let joins = joins(from);
                Segment::Insert(insert(from), joins)
            }
            1 => Segment::Delete(LENGTHS[from.below(LENGTHS.len())]),
            2 => Segment::Keep(LENGTHS[from.below(LENGTHS.len())]),
            _ => Segment::Inner(inner(from)),
        })
        .collect()
}

/// Steps that fit so many elements, and move some of them.
fn moving(
    from: &mut Choices<'_>,
    length: usize,
    inner: impl Fn(&mut Choices<'_>, usize) -> Patch,
) -> Vec<Segment<Vec<Value>, Patch>> {
    let mut steps = Vec::new();
    let mut taken = Vec::new();
    for index in 0..length {
        match from.below(8) {
            0 => steps.push(Segment::Delete(1)),
            1 => steps.push(Segment::Inner(inner(from, index))),
            2 | 3 => {
                steps.push(Segment::Take(taken.len()));
                taken.push(index);
            }
            4 => {
                let joins = Joins { before: from.below(4) == 0, behind: from.below(4) == 0 };
                steps.extend([Segment::Insert(vec![value(from, 1)], joins), Segment::Keep(1)]);
            }
            _ => steps.push(Segment::Keep(1)),
        }
    }
    for (number, index) in taken.into_iter().enumerate() {
        let change = (from.below(3) == 0).then(|| inner(from, index));
        steps.insert(from.below(steps.len() + 1), Segment::Put(number, change));
    }
    steps
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
        (2, Some(Value::Array(found))) if depth > 0 => {
            Patch::Array(moving(from, found.len(), |from, index| patch(from, found.get(index), depth - 1)))
        }
        (2..=4, Some(Value::Number(_) | Value::BigInt(_))) => {
            let by = if from.below(2) == 0 {
                Value::Number(from.below(4) as f64 - 2.0)
            } else {
                Value::BigInt(from.below(3).into())
            };
            Patch::Increment(Increment { by, to: None })
        }
        (2..=5, Some(base @ (Value::Set(_) | Value::Map(_)))) => {
            let changed = edited(base, from);
            diff_finely(base, &changed).to_patch()
        }
        (3..=5, Some(Value::Array(found))) if fits => {
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
            // Elements that come, go and change places may be equal, and letters.
            let said = format!("{change:?}");
            if !change.is_identity() && !said.contains("Array(") && !said.contains("Text(") {
                prop_assert_ne!(&new, &base, "{:?} changes nothing", change);
            }
            changes.push((change, new));
        }
        if let [(a, after_a), (b, after_b)] = changes.as_slice() {
            prop_assert_eq!(conflicts(a, b), conflicts(b, a));
            for first in [true, false] {
                let order = Order { first, ..LATER };
                if let (Ok(moved_a), Ok(moved_b)) = (rebase(a, b, order), rebase(b, a, order.reversed())) {
                    let both = applied(&moved_a, after_b);
                    prop_assert_eq!(&both, &applied(&moved_b, after_a), "{:?} {:?}", a, b);
                    prop_assert_eq!(&applied(&compose(b, &moved_a).unwrap(), &base), &both, "{:?} {:?}", a, b);
                    prop_assert_eq!(&applied(&moved_a.invert(after_b), &both), after_b);
                    prop_assert_eq!(&applied(&resolved(moved_a.to_patch(), after_b), after_b), &both);
                    prop_assert_eq!(&applied(&resolved(moved_a.to_patch_giving(&both), after_b), after_b), &both);
                } else {
                    let parts = split(a, b, &base);
                    prop_assert!(!parts.contested.is_empty(), "{:?} {:?}", a, b);
                    prop_assert!(!conflicts(&parts.kept, b), "{:?} of {:?} against {:?}", parts, a, b);
                    for one in &parts.contested {
                        prop_assert_eq!(&one.place.value(Some(after_b)), &one.theirs, "{:?} {:?} {:?}", one, a, b);
                    }
                }
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
        let _ = rebase(&a, &b, LATER).map(|moved| moved.to_patch());
        let _ = split(&a, &b, &base);
        prop_assert_eq!(conflicts(&a, &b), conflicts(&b, &a));
        Ok(())
    });
}
