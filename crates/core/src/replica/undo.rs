//! What a tab can take back: the inverse of each of its changes, moved behind whatever else happened since.
//!
//! The last entry applies to the value shown, the one before it to what that makes of it, and so on. Where somebody else changed
//! the same place, taking back would undo *their* change: what contradicts it is left out of the entry. So is what they did too.
//!
//! What happens in one transition is gathered, and stacks are moved behind it at its end, or when somebody needs them: where thirty tabs of two
//! hundred entries each do something at once, moving each behind each takes longer than all the rest.

use super::reconcile::{Policy, applied, apply, reconcile};
use super::{Replica, Tab};
use crate::diff::{Diff, Order, compose, fused};
use crate::prelude::*;
use crate::value::Value;

/// So many changes can be taken back.
const DEPTH: usize = 200;

/// What takes one thing back.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// From what is shown.
    pub(super) diff: Diff,
    /// Whether the entity is deleted by it, or comes back.
    pub(super) flips: bool,
}

impl Taken {
    pub(super) fn is_something(&self) -> bool {
        self.flips || !self.diff.is_identity()
    }
}

impl Default for Taken {
    fn default() -> Taken {
        Taken { diff: Diff::identity(), flips: false }
    }
}

/// A stack of inverses, in one direction.
#[derive(Debug, Default)]
pub(super) struct Stack(Vec<Taken>);

impl Stack {
    /// How many can be taken back; of a deleted entity none, before it is back.
    pub(super) fn len(&self, deleted: bool) -> usize {
        if deleted && !self.0.last().is_some_and(|last| last.flips) { 0 } else { self.0.len() }
    }

    /// This takes back what was just done; as one with the entry before it if `merge`.
    pub(super) fn push(&mut self, taken: Taken, merge: bool) {
        if !taken.is_something() {
            return;
        }
        if merge
            && !taken.flips
            && let Some(last) = self.0.last_mut()
            && let Ok(both) = compose(&taken.diff, &last.diff)
        {
            last.diff = both;
            return;
        }
        self.0.push(taken);
        if self.0.len() > DEPTH {
            self.0.remove(0);
        }
    }

    /// The entries, the first one first.
    pub(super) fn into_steps(self) -> impl Iterator<Item = Taken> {
        self.0.into_iter()
    }

    pub(super) fn pop(&mut self) -> Option<Taken> {
        self.0.pop()
    }

    /// Somebody else deleted the entity, or brought it back: that is not to be undone.
    pub(super) fn unflip(&mut self) {
        self.0.retain_mut(|taken| {
            taken.flips = false;
            taken.is_something()
        });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is left of it where somebody else changes `base`, from which what is taken back leads to what is shown, and that makes
    /// `change` of it there: what they did as well stays done, and where mine holds it is theirs that comes back. None where this does not
    /// lead to `base`.
    pub(super) fn above(
        &self,
        (theirs, base): (&Diff, &Value),
        (change, shown): (&Diff, &Value),
        policy: Policy,
        order: Order,
    ) -> Option<Stack> {
        let mut value = shown.clone();
        let mut done = Vec::new();
        let mut rest = self.0.iter();
        while value != *base {
            let taken = rest.next_back()?;
            done.push((taken.diff.undo(&value), taken.flips));
            taken.diff.apply(&mut value).ok()?;
        }
        let mut left = Stack(rest.cloned().collect());
        left.behind(theirs, &|| base.clone());
        let (mut theirs, mut now) = (theirs.clone(), applied(theirs, base));
        for (mine, flips) in done.into_iter().rev() {
            let both = reconcile(&mine, &theirs, &|| value.clone(), policy, order);
            left.0.push(Taken { diff: both.mine.undo(&now), flips });
            both.mine.apply(&mut now).ok()?;
            mine.apply(&mut value).ok()?;
            theirs = both.theirs;
        }
        left.0.retain(Taken::is_something);
        (applied(change, shown) == now).then_some(left)
    }

    /// Somebody else changes what is shown, which is still as it was: `before` gives it.
    pub(super) fn behind(&mut self, change: &Diff, before: &dyn Fn() -> Value) {
        let mut change = change.clone();
        let mut shown: Option<Value> = None;
        for index in (0..self.0.len()).rev() {
            let (below, entry) = self.0.split_at_mut(index);
            let Some(Taken { diff: entry, .. }) = entry.first_mut() else { return };
            // What the entries above make of what is shown; only needed where something is contested.
            let base = || shown.clone().unwrap_or_else(before);
            let both = reconcile(entry, &change, &base, Policy::Theirs, Order::later(None, None));
            if !both.apart && !below.is_empty() {
                let value = shown.get_or_insert_with(before);
                if entry.apply(value).is_err() {
                    self.0.drain(..=index);
                    return;
                }
            } else if let Some(value) = &mut shown
                && entry.apply(value).is_err()
            {
                self.0.drain(..=index);
                return;
            }
            *entry = both.mine;
            change = both.theirs;
        }
        // What is left of an entry may be nothing: then there is nothing to take back with it.
        self.0.retain(Taken::is_something);
    }
}

/// What was shown in the transition under way, and the way back of each.
pub(super) type Lately = [(Diff, Diff)];

impl Tab {
    /// Its stacks are behind all of it. `view` is what is shown then.
    pub(super) fn catch_up(&mut self, lately: &Lately, view: Option<&Value>) {
        let mut at = core::mem::replace(&mut self.behind, lately.len());
        let Some(view) = view.filter(|_| !self.undo.0.is_empty() || !self.redo.0.is_empty()) else { return };
        while let Some(((first, _), rest)) = lately.get(at..).and_then(<[_]>::split_first) {
            let start = at;
            let mut change = first.clone();
            at += 1;
            for (next, _) in rest {
                let Some(both) = fused(&change, next) else { break };
                change = both;
                at += 1;
            }
            let before = || {
                let mut value = view.clone();
                lately[start..].iter().rev().for_each(|(_, back)| apply(back, &mut value));
                value
            };
            self.undo.behind(&change, &before);
            self.redo.behind(&change, &before);
        }
    }
}

impl Replica {
    /// The stacks of all tabs are behind what was shown.
    pub(super) fn catch_up(&mut self) {
        for tab in &mut self.tabs {
            tab.catch_up(&self.lately, self.view.as_ref());
            tab.behind = 0;
        }
        self.lately.clear();
    }

    /// The same of one tab.
    pub(super) fn caught_up(&mut self, name: &str) -> &mut Tab {
        let index = self.tab_at(name);
        let tab = &mut self.tabs[index];
        tab.catch_up(&self.lately, self.view.as_ref());
        tab
    }
}
