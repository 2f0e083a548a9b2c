//! Two changes made at the same time, one of them ours: what each becomes after the other.

use crate::diff::{Diff, Path, diff_finely, rebase, split};
use crate::prelude::*;
use crate::value::Value;

/// What to do where both touched the same place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Theirs there, mine elsewhere, and the conflict is raised with both values.
    #[default]
    KeepTheirsWhereBoth,
    /// Mine there, theirs elsewhere.
    Mine,
    /// My whole change gives way.
    Theirs,
}

/// `mine` and `theirs` from the same base, each moved behind the other: both orders make the same value.
#[derive(Debug, PartialEq)]
pub(super) struct Reconciled {
    pub(super) mine: Diff,
    pub(super) theirs: Diff,
    /// Where mine gave way and somebody has to be told.
    pub(super) places: Vec<Path>,
    /// Whether the two were apart.
    pub(super) apart: bool,
}

/// The base is only asked for when they conflict.
pub(super) fn reconcile(mine: &Diff, theirs: &Diff, base: impl FnOnce() -> Value, policy: Policy) -> Reconciled {
    if let (Ok(mine), Ok(theirs)) = (rebase(mine, theirs), rebase(theirs, mine)) {
        return Reconciled { mine, theirs, places: Vec::new(), apart: true };
    }
    let base = base();
    let (with_mine, with_theirs) = (applied(mine, &base), applied(theirs, &base));
    // Rebased behind what it was cut against, nothing conflicts any more.
    let behind = |part: &Diff, other: &Diff| rebase(part, other).unwrap_or_else(|_| Diff::identity());
    let (mine, theirs, places) = match policy {
        Policy::KeepTheirsWhereBoth => {
            let parts = split(mine, theirs);
            let mine = behind(&parts.kept, theirs);
            let both = applied(&mine, &with_theirs);
            (mine, diff_finely(&with_mine, &both), parts.places)
        }
        Policy::Mine => {
            let theirs = behind(&split(theirs, mine).kept, mine);
            let both = applied(&theirs, &with_mine);
            (diff_finely(&with_theirs, &both), theirs, Vec::new())
        }
        Policy::Theirs => (Diff::identity(), diff_finely(&with_mine, &with_theirs), Vec::new()),
    };
    Reconciled { mine, theirs, places, apart: false }
}

/// `base` changed by a diff that was made for it.
pub(super) fn applied(diff: &Diff, base: &Value) -> Value {
    let mut value = base.clone();
    let fits = diff.apply(&mut value);
    debug_assert!(fits.is_ok(), "a diff does not fit its base: {fits:?}");
    value
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
    fn each_policy_decides_the_same_place_and_both_orders_agree() {
        let base = object(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        let mine = patch(&[("a", 2.0), ("b", 2.0)], &base);
        let theirs = patch(&[("b", 3.0), ("c", 3.0)], &base);
        for (policy, wanted, raised) in [
            (Policy::KeepTheirsWhereBoth, object(&[("a", 2.0), ("b", 3.0), ("c", 3.0)]), 1),
            (Policy::Mine, object(&[("a", 2.0), ("b", 2.0), ("c", 3.0)]), 0),
            (Policy::Theirs, object(&[("a", 1.0), ("b", 3.0), ("c", 3.0)]), 0),
        ] {
            let both = reconcile(&mine, &theirs, || base.clone(), policy);
            assert_eq!(applied(&both.mine, &applied(&theirs, &base)), wanted, "{policy:?}");
            assert_eq!(applied(&both.theirs, &applied(&mine, &base)), wanted, "{policy:?}");
            assert_eq!(both.places.len(), raised, "{policy:?}");
        }
    }

    #[test]
    fn what_is_apart_asks_for_no_base() {
        let base = object(&[("a", 1.0), ("b", 1.0)]);
        let (mine, theirs) = (patch(&[("a", 2.0)], &base), patch(&[("b", 2.0)], &base));
        let both = reconcile(&mine, &theirs, || unreachable!("they are apart"), Policy::Mine);
        assert!(both.apart);
    }
}
