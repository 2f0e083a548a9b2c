//! Deleted by one, changed by the other; and withdrawn from who may not read it any more.

use super::Outcome;
use crate::diff::{Contested, Diff, Place, compose, diff_closely};
use crate::message::{Code, Format, encode_error, encode_meta};
use crate::operation::Meta;
use crate::prelude::*;
use crate::replica::{Change, Confirmed, Effect, Policy, Replica};
use crate::value::Value;

impl Replica {
    /// It is not for us to know of any more: of what others wrote nothing stays in this browser. What its person wrote and is not
    /// sent, or in a conflict, stays as a conflict.
    pub(super) fn withdrawn(&mut self, effects: &mut Vec<Effect>) -> Outcome {
        let message = "this is shared with you no more";
        let error = encode_error(Code::Forbidden, message, &[], Format::Cbor);
        for conflict in &mut self.conflicts {
            conflict.mine = written(conflict.base.take().as_ref(), conflict.mine.take());
            (conflict.theirs, conflict.place.lost) = (None, true);
            (conflict.meta, conflict.error) = (Vec::new(), error.clone());
        }
        self.conflicts.retain(|conflict| conflict.mine.is_some());
        let unsent = core::mem::take(&mut self.unsent).into_iter().filter_map(|change| match change {
            Change::Create(value) => Some(Diff::over_nothing(value)),
            Change::Patch(diff) => Some(diff),
            Change::Delete | Change::Undelete => None,
        });
        let mine = unsent.reduce(|first, then| compose(&first, &then).unwrap_or(then));
        self.view = None;
        self.unsend();
        self.held.clear();
        self.role.clear();
        (self.stale, self.confirmed, self.disk.changed) = (false, Confirmed::Missing, true);
        if let Some(mine) = mine.and_then(|mine| mine.written()) {
            // It goes nowhere: there is nothing to put it in.
            let place = Place { lost: true, ..Place::at(Vec::new()) };
            self.raise(Contested { place, base: None, mine: Some(mine), theirs: None }, Vec::new(), error.clone());
        }
        self.show_whole(None, effects);
        self.refused = error;
        Outcome::Gone
    }

    /// 404: missing or deleted.
    pub(super) fn gone(&mut self, effects: &mut Vec<Effect>) -> Outcome {
        self.take_held(effects);
        // What does not follow will not while it is deleted; only where somebody has brought it back since is there more to ask.
        let last = core::mem::take(&mut self.held).pop();
        self.stale = last.is_some_and(|push| !push.meta.deleted);
        if let Confirmed::Version(_, meta) = &mut self.confirmed {
            if !meta.deleted {
                meta.deleted = true;
                self.disk.changed = true;
            }
            self.yield_to_deletion(effects);
        } else {
            self.confirmed = Confirmed::Missing;
            if self.disk.exists {
                let message = "an entity of this id is deleted, or somebody else's: undelete it or take another id";
                return self.refuse(encode_error(Code::Exists, message, &[], Format::Cbor), effects);
            }
        }
        Outcome::Gone
    }

    /// The entity is deleted: changes of its value have nowhere to go, and are offered as a conflict, or bring it back if that is
    /// the policy.
    pub(super) fn yield_to_deletion(&mut self, effects: &mut Vec<Effect>) {
        let (mut count, mut lost) = (0, false);
        for change in &self.unsent {
            match change {
                Change::Undelete => break,
                Change::Patch(_) => lost = true,
                Change::Delete => lost = false,
                Change::Create(_) => {}
            }
            count += 1;
        }
        if count > 0 {
            self.unsend();
        }
        if lost && self.policy == Policy::Mine {
            self.unsent.insert(0, Change::Undelete);
            return;
        }
        let mine = self.view.clone();
        self.unsent.drain(..count);
        if lost && let Some(contested) = self.asks(self.with_unsent(0).0, mine) {
            self.raise(contested, self.version_meta(), Vec::new());
        }
        self.show_difference(effects);
    }

    /// The server did not delete, since others had changed what was to be deleted, and that is known by now.
    pub(super) fn undeleted(&mut self, seen: Value, meta: &Meta) {
        if self.policy == Policy::Mine {
            return;
        }
        self.unsent.remove(0);
        if self.unsent.first() == Some(&Change::Undelete) {
            self.unsent.remove(0);
        } else if let Some(contested) = self.asks(Some(seen), None) {
            self.raise(contested, encode_meta(meta, Format::Cbor), Vec::new());
        }
    }

    /// Whether there is to be the entity, and as what, if somebody decides that by the policy. `mine` is none where I deleted it.
    pub(in crate::replica) fn asks(&self, base: Option<Value>, mine: Option<Value>) -> Option<Contested> {
        let asks = self.policy == Policy::KeepTheirsWhereBoth;
        asks.then(|| Contested { place: Place::at(Vec::new()), base, mine, theirs: None })
    }

    /// Whether what is shown is deleted.
    pub(in crate::replica) fn with_flags(&self) -> bool {
        let confirmed = self.version().is_some_and(|meta| meta.deleted);
        self.unsent.iter().fold(confirmed, |deleted, change| match change {
            Change::Delete => true,
            Change::Undelete => false,
            Change::Create(_) | Change::Patch(_) => deleted,
        })
    }
}

/// Of `mine`, which was made from `base`, what its author wrote.
fn written(base: Option<&Value>, mine: Option<Value>) -> Option<Value> {
    match base {
        Some(base) => diff_closely(base, &mine?).written(),
        None => mine,
    }
}
