//! What a tab can take back: the inverse of each of its changes, moved behind whatever else happened since.
//!
//! The last entry applies to the value shown, the one before it to what that makes of it, and so on. Where somebody else changed
//! the same place, taking back would undo *their* change: what contradicts it is left out of the entry.

use super::reconcile::{Policy, reconcile};
use crate::diff::{Diff, Order, compose};
use crate::prelude::*;
use crate::value::Value;

/// So many changes can be taken back.
const DEPTH: usize = 200;

/// A stack of inverses, in one direction.
#[derive(Debug, Default)]
pub(super) struct Stack(Vec<Diff>);

impl Stack {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `inverse` takes back what was just done; as one with the entry before it if `merge`.
    pub(super) fn push(&mut self, inverse: Diff, merge: bool) {
        if merge
            && let Some(last) = self.0.last_mut()
            && let Ok(both) = compose(&inverse, last)
        {
            *last = both;
            return;
        }
        self.0.push(inverse);
        if self.0.len() > DEPTH {
            self.0.remove(0);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Diff> {
        self.0.pop()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Somebody else changes what is shown, which is still as it was: `before` gives it.
    pub(super) fn behind(&mut self, change: &Diff, before: impl Fn() -> Value) {
        let mut change = change.clone();
        let mut shown: Option<Value> = None;
        for index in (0..self.0.len()).rev() {
            let (below, entry) = self.0.split_at_mut(index);
            let Some(entry) = entry.first_mut() else { return };
            // What the entries above make of what is shown; only needed where something is contested.
            let base = || shown.clone().unwrap_or_else(&before);
            let both = reconcile(entry, &change, base, Policy::Theirs, Order::later(None, None));
            if !both.apart && !below.is_empty() {
                let value = shown.get_or_insert_with(&before);
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
        self.0.retain(|entry| !entry.is_identity());
    }
}
