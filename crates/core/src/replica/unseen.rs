//! What has become of the value that a tab had not seen when it made its next edit: that edit is moved over it, by the same rules
//! as a person's over another's.
//!
//! The tab's value with the changes here, oldest first, is the value of the replica. Each carries its way back, so that the value
//! that the tab shows is found from the replica's.
//!
//! A tab whose edits wait takes in nothing until the last of them is shown to it. So what came before an edit is seen together or not at all, and
//! this person's own of it are kept as one: else each edit of a tab that is thousands of changes behind would be moved over each of them.
//! But what was put in beside what was deleted by another edit stays apart: as one, that is in place of it, and goes where the later edit holds.

use super::reconcile::{Policy, apply, reconcile, without_ways_back};
use super::typed::Typed;
use crate::diff::{Contested, Diff, Order, Place, compose, fused, rebase};
use crate::prelude::*;
use crate::value::Value;

/// So many changes are kept for a tab. One that is further behind sends its edits with the value that they are made on.
const KEPT: usize = 1024;

/// A change as that tab will see it.
#[derive(Debug)]
pub(super) struct Change {
    /// The number of the `show`; of several, that of the last.
    pub(super) seq: u32,
    pub(super) diff: Diff,
    pub(super) back: Diff,
    pub(super) by: By,
}

impl Change {
    /// How an edit of this person stands to it.
    fn order(&self, person: &str) -> Order {
        match &self.by {
            By::Own => Order::later(None, None),
            By::Other(author, _) => Order::later(Some(person), author.as_deref()),
        }
    }
}

/// Whose a change is.
#[derive(Clone, Debug)]
pub(super) enum By {
    /// This person's, in another tab or by a command.
    Own,
    /// Somebody else's: who, if one did all of it, and the version in CBOR.
    Other(Option<String>, Vec<u8>),
}

/// What one tab has not seen.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    /// What an edit was made on that has seen less is not known.
    lost: u32,
    changes: Vec<Change>,
    /// In what the tab shows.
    typed: Typed,
}

impl Unseen {
    /// Nothing, after the `show` of that number.
    pub(super) fn after(seq: u32) -> Unseen {
        Unseen { lost: seq, ..Unseen::default() }
    }

    pub(super) fn is_lost(&self, seen: u32) -> bool {
        seen < self.lost
    }

    /// What the tab shows up to a `show` is not known.
    pub(super) fn lose(&mut self, seq: u32) {
        *self = Unseen::after(seq);
    }

    /// The tab has taken in everything up to that `show`.
    pub(super) fn saw(&mut self, seen: u32) {
        let count = self.changes.iter().take_while(|change| change.seq <= seen).count();
        for change in self.changes.drain(..count) {
            self.typed.follow(&change.diff);
        }
    }

    /// The tab makes this change of what it shows: what goes on with what it wrote there before is marked.
    pub(super) fn wrote(&mut self, edit: &mut Diff) {
        self.typed.write(edit);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn push(&mut self, change: Change) {
        self.changes.push(change);
        if self.changes.len() > KEPT {
            self.lost = self.changes.remove(0).seq;
        }
    }

    /// What the tab shows, where the replica shows `view`.
    pub(super) fn shown(&self, view: &Value) -> Option<Value> {
        let mut value = view.clone();
        for change in self.changes.iter().rev() {
            change.back.apply(&mut value).ok()?;
        }
        Some(value)
    }

    /// What the tab shows where the replica, which shows `view`, has this place.
    pub(super) fn shown_in(&self, place: &Place, view: &Value) -> Option<Value> {
        let place = self.changes.iter().rev().fold(place.clone(), |place, change| place.follow(&change.back));
        place.value(self.shown(view).as_ref())
    }

    /// How many changes there are, as they are kept.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// What this person did is one change, as far as nobody else did something in between; what was taken back and brought back is none.
    pub(super) fn gather(&mut self) {
        let mut index = 1;
        while let Some(then) = self.changes.get(index) {
            let first = &self.changes[index - 1];
            if matches!((&first.by, &then.by), (By::Own, By::Own)) && first.back == then.diff {
                self.changes.drain(index - 1..=index);
                index = index.max(2) - 1;
            } else {
                index += 1;
            }
        }
        // From the end: the first may be thousands of changes, and takes the others in once.
        for index in (1..self.changes.len()).rev() {
            let [.., first, then] = &self.changes[..=index] else { return };
            if let (By::Own, By::Own) = (&first.by, &then.by)
                && let Some(diff) = fused(&first.diff, &then.diff)
                && let Ok(back) = compose(&then.back, &first.back)
            {
                self.changes[index - 1] = Change { seq: then.seq, diff, back, by: By::Own };
                self.changes.remove(index);
            }
        }
    }

    /// An edit of what the tab shows, moved behind all that it has not seen; and what it gave way in, with the version that did
    /// that. A later edit of this person's own holds against an earlier one. `shown` is changed by it, if that is at most one change.
    pub(super) fn moved(
        &mut self,
        mut edit: Diff,
        shown: &mut Value,
        policy: Policy,
        person: &str,
    ) -> (Diff, Vec<(Contested, Vec<u8>)>) {
        let by_others = self.changes.iter().filter(|change| matches!(change.by, By::Other(..))).count();
        if by_others > 1 && !self.is_apart(&edit, person) {
            self.gather_others(shown);
        }
        let mut raised: Vec<(Contested, Vec<u8>)> = Vec::new();
        let last = self.changes.len().saturating_sub(1);
        // What the tab shows, and then that with each change; with the edit as well it is `shown`.
        let mut before = (last > 0).then(|| shown.clone());
        if self.changes.is_empty() {
            apply(&edit, shown);
        }
        for (index, change) in self.changes.iter_mut().enumerate() {
            let order = change.order(person);
            let (policy, meta) = match &change.by {
                By::Own => (Policy::Mine, &[][..]),
                By::Other(_, meta) => (policy, &meta[..]),
            };
            let base = || before.as_ref().unwrap_or(shown).clone();
            let both = reconcile(&edit, &change.diff, &base, policy, order);
            if index == 0 {
                apply(&edit, shown);
            }
            change.back = both.theirs.invert(shown);
            if let Some(before) = before.as_mut().filter(|_| index < last) {
                apply(&change.diff, before);
                apply(&both.theirs, shown);
            }
            for (contested, _) in &mut raised {
                contested.place = contested.place.follow(&both.theirs);
            }
            raised.extend(both.contested.into_iter().map(|contested| (contested, meta.to_vec())));
            (edit, change.diff) = (both.mine, both.theirs);
        }
        (edit, raised)
    }

    /// The same of an edit that `shown` has in it already, unless it contradicts them, does the same as one of them, or they are several.
    pub(super) fn moved_apart(&mut self, edit: &Diff, shown: &Value, person: &str) -> Option<Diff> {
        let [change] = &mut self.changes[..] else { return self.changes.is_empty().then(|| edit.clone()) };
        let order = change.order(person);
        let (mine, theirs) =
            (rebase(edit, &change.diff, order).ok()?, rebase(&change.diff, edit, order.reversed()).ok()?);
        if theirs.amount() < change.diff.amount() {
            return None;
        }
        change.back = theirs.invert(shown);
        change.diff = theirs;
        Some(mine)
    }

    /// What is there that the tab has not seen.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Diff> {
        self.changes.iter().map(|change| &change.diff)
    }

    /// Whether an edit contradicts none of them, also what one of them did too and a later one took back.
    fn is_apart(&self, edit: &Diff, person: &str) -> bool {
        let mut edit = edit.clone();
        self.changes.iter().all(|change| {
            let order = match &change.by {
                By::Own => Order::later(None, None),
                By::Other(author, _) => Order::insisting(person, author.as_deref()),
            };
            rebase(&edit, &change.diff, order).map(|moved| edit = moved).is_ok()
        })
    }

    /// What others did in a row is one change, without what came to nothing. `shown` is what the tab shows.
    fn gather_others(&mut self, shown: &Value) {
        for index in (1..self.changes.len()).rev() {
            let [.., first, then] = &mut self.changes[..=index] else { return };
            let (By::Other(author, _), By::Other(other, meta)) = (&first.by, &then.by) else { continue };
            if let (Ok(diff), Ok(back)) = (compose(&first.diff, &then.diff), compose(&then.back, &first.back)) {
                let by = By::Other(author.clone().filter(|_| author == other), meta.clone());
                *first = Change { seq: then.seq, diff, back, by };
                self.changes.remove(index);
            }
        }
        let mut value = shown.clone();
        for change in &mut self.changes {
            if let By::Other(..) = change.by {
                change.diff = without_ways_back(&change.diff, &value);
            }
            apply(&change.diff, &mut value);
        }
    }
}
