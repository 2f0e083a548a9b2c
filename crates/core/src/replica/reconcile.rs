//! Two changes made at the same time, one of them ours: what each becomes after the other.

use crate::diff::{Contested, Diff, Order, Place, Range, Segment, beyond, compose, diff_closely, rebase, split};
use crate::prelude::*;
use crate::value::Value;

/// Who has the places that both changed to different effect. Everywhere else both changes stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Theirs, and a conflict holds mine.
    #[default]
    KeepTheirsWhereBoth,
    /// Mine.
    Mine,
    /// Theirs.
    Theirs,
}

/// `mine` and `theirs` from the same base, each moved behind the other: both orders make the same value.
#[derive(Debug, PartialEq)]
pub(super) struct Reconciled {
    pub(super) mine: Diff,
    pub(super) theirs: Diff,
    /// What mine gave way in, in places of what both make, and somebody has to be told of.
    pub(super) contested: Vec<Contested>,
    /// Whether neither had to give way in anything.
    pub(super) apart: bool,
}

/// `order` is that of mine to theirs. The base is only asked for when something is contested.
#[inline(never)]
pub(super) fn reconcile(
    mine: &Diff,
    theirs: &Diff,
    base: &dyn Fn() -> Value,
    policy: Policy,
    order: Order,
) -> Reconciled {
    if let (Ok(mine), Ok(theirs)) = (rebase(mine, theirs, order), rebase(theirs, mine, order.reversed())) {
        return Reconciled { mine, theirs, contested: Vec::new(), apart: true };
    }
    contest(mine, theirs, &base(), policy, order)
}

/// The same where they contradict each other.
#[inline(never)]
fn contest(mine: &Diff, theirs: &Diff, base: &Value, policy: Policy, order: Order) -> Reconciled {
    if policy == Policy::Mine {
        let (theirs, mine, _) = give_way(theirs, mine, base, order.reversed());
        return Reconciled { mine, theirs, contested: Vec::new(), apart: false };
    }
    let (kept, behind, mut contested) = give_way(mine, theirs, base, order);
    if policy == Policy::Theirs {
        contested.clear();
    }
    if contested.iter().any(is_stretch) {
        let (other, _, others) = give_way(theirs, mine, base, order.reversed());
        let stands = applied(&kept, &applied(theirs, base));
        let instead = applied(&other, &applied(mine, base));
        complete(&mut contested, &stands, &others, &instead);
    }
    Reconciled { mine: kept, theirs: behind, contested, apart: false }
}

fn is_stretch(one: &Contested) -> bool {
    one.place.range.is_some()
}

/// Beside the stretches that both replaced, each did more that stays. So theirs is what `stands` there with that, and mine what would stand
/// there `instead`, had theirs given way to it.
fn complete(contested: &mut [Contested], stands: &Value, others: &[Contested], instead: &Value) {
    let others = others.iter().filter(|one| is_stretch(one));
    for (one, other) in contested.iter_mut().filter(|one| is_stretch(one)).zip(others) {
        if one.base != other.base {
            continue;
        }
        one.theirs = one.place.value(Some(stands));
        one.mine = other.place.value(Some(instead));
        let (now, then) = (rest(&one.place, stands), rest(&other.place, instead));
        if let (Some(Value::Array(theirs)), Some(Value::Array(mine))) = (&one.theirs, &mut one.mine) {
            // What was moved there by one, and what was moved away, is where it is.
            without(mine, &now, &then);
            for (item, is_moved) in theirs.iter().zip(beyond(theirs, &then, &now)) {
                if is_moved {
                    mine.insert(0, item.clone());
                }
            }
        }
    }
}

/// The elements beside a stretch.
fn rest(place: &Place, root: &Value) -> Vec<Value> {
    match (Place::at(place.path.clone()).value(Some(root)), place.range) {
        (Some(Value::Array(items)), Some(Range { start, length })) if start + length <= items.len() => {
            [&items[..start], &items[start + length..]].concat()
        }
        _ => Vec::new(),
    }
}

/// Takes out the elements that others have more of than is in `but`.
#[inline(never)]
pub(super) fn without(items: &mut Vec<Value>, others: &[Value], but: &[Value]) {
    let mut beyond = beyond(items, others, but).into_iter();
    items.retain(|_| beyond.next() != Some(true));
}

/// `a` without what contradicts `b`, and `b`, each moved behind the other; and what `a` gave way in, in places of what both make.
#[inline(never)]
fn give_way(a: &Diff, b: &Diff, base: &Value, order: Order) -> (Diff, Diff, Vec<Contested>) {
    let parts = split(a, b, base);
    let (with_a, with_kept) = (applied(a, base), applied(&parts.kept, base));
    let back = diff_closely(&with_a, &with_kept);
    let moved = (rebase(&parts.kept, b, order), rebase(b, &parts.kept, order.reversed()));
    debug_assert!(moved.0.is_ok() && moved.1.is_ok(), "what is kept contradicts nothing");
    if let (Ok(kept), Ok(b_behind)) = moved
        && let Ok(b_behind) = compose(&back, &b_behind)
    {
        let mut contested = parts.contested;
        for one in &mut contested {
            one.place = one.place.follow(&kept);
        }
        return (kept, b_behind, contested);
    }
    // Never, as far as is known. Then all of it is held.
    let with_b = applied(b, base);
    let whole = Contested {
        place: Place::at(Vec::new()),
        base: Some(base.clone()),
        mine: Some(with_a.clone()),
        theirs: Some(with_b.clone()),
    };
    (Diff::identity(), diff_closely(&with_a, &with_b), vec![whole])
}

/// `base` changed by a diff that was made for it.
pub(super) fn applied(diff: &Diff, base: &Value) -> Value {
    let mut value = base.clone();
    apply(diff, &mut value);
    value
}

/// The same in place.
pub(super) fn apply(diff: &Diff, value: &mut Value) {
    let fits = diff.apply(value);
    debug_assert!(fits.is_ok(), "a diff does not fit its base: {fits:?}");
}

/// A diff without the parts that lead back to what was there.
pub(super) fn without_ways_back(diff: &Diff, base: &Value) -> Diff {
    if applied(diff, base) == *base {
        return Diff::identity();
    }
    match (diff, base) {
        (Diff::Object(members), Value::Object(before)) => {
            let members = members.iter().filter_map(|(key, inner)| match before.get(key) {
                Some(_) if matches!(inner, Diff::Remove) => Some((key.clone(), Diff::Remove)),
                Some(before) => {
                    let left = without_ways_back(inner, before);
                    (!left.is_identity()).then(|| (key.clone(), left))
                }
                // Put in and taken out again.
                None => (!matches!(inner, Diff::Remove)).then(|| (key.clone(), inner.clone())),
            });
            Diff::Object(members.collect())
        }
        (Diff::Array(edits), Value::Array(items)) => {
            let (mut edits, mut at) = (edits.clone(), 0);
            for edit in &mut edits {
                if let (Segment::Inner(inner), Some(before)) = (&mut *edit, items.get(at)) {
                    *inner = without_ways_back(inner, before);
                }
                at += edit.before();
            }
            Diff::Array(edits)
        }
        _ => diff.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Patch;

    fn object(members: &[(&str, f64)]) -> Value {
        Value::object(members.iter().map(|(key, number)| (*key, Value::from(*number))))
    }

    fn patch(members: &[(&str, f64)], base: &Value) -> Diff {
        let members = members.iter().map(|(key, number)| ((*key).to_owned(), Patch::Value(Value::from(*number))));
        Patch::Map(members.collect()).resolve(base).unwrap()
    }

    #[test]
    fn each_policy_decides_the_contested_place_and_nothing_else_and_both_orders_agree() {
        let base = object(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        let mine = patch(&[("a", 2.0), ("b", 2.0)], &base);
        let theirs = patch(&[("b", 3.0), ("c", 3.0)], &base);
        let order = Order::later(None, None);
        for (policy, wanted, raised) in [
            (Policy::KeepTheirsWhereBoth, object(&[("a", 2.0), ("b", 3.0), ("c", 3.0)]), 1),
            (Policy::Mine, object(&[("a", 2.0), ("b", 2.0), ("c", 3.0)]), 0),
            (Policy::Theirs, object(&[("a", 2.0), ("b", 3.0), ("c", 3.0)]), 0),
        ] {
            let both = reconcile(&mine, &theirs, &|| base.clone(), policy, order);
            assert_eq!(applied(&both.mine, &applied(&theirs, &base)), wanted, "{policy:?}");
            assert_eq!(applied(&both.theirs, &applied(&mine, &base)), wanted, "{policy:?}");
            assert_eq!(both.contested.len(), raised, "{policy:?}");
        }
    }

    #[test]
    fn what_is_apart_asks_for_no_base() {
        let base = object(&[("a", 1.0), ("b", 1.0)]);
        let (mine, theirs) = (patch(&[("a", 2.0)], &base), patch(&[("b", 2.0)], &base));
        let order = Order::later(None, None);
        let both = reconcile(&mine, &theirs, &|| unreachable!("they are apart"), Policy::Mine, order);
        assert!(both.apart);
    }
}
