//! What a tab can take back: the inverse of each of its changes, moved behind whatever else happened since.
//!
//! The last entry applies to the value shown, the one before it to what that makes of it, and so on. Where somebody else
//! changed the same place, taking back would undo *their* change: that entry and those below it are given up.

use crate::diff::{Diff, compose, rebase};
use crate::prelude::*;

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

    /// Somebody else changed the value shown.
    pub(super) fn behind(&mut self, change: &Diff) {
        let mut change = change.clone();
        for index in (0..self.0.len()).rev() {
            let entry = &self.0[index];
            match (rebase(entry, &change), rebase(&change, entry)) {
                (Ok(moved), Ok(other)) => {
                    self.0[index] = moved;
                    change = other;
                }
                _ => {
                    self.0.drain(..=index);
                    return;
                }
            }
        }
    }
}
