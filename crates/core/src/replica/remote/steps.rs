//! Several versions at once, one after the other: as if each had been pushed, so that it is known who did what.

use super::{Outcome, resolve};
use crate::diff::{Diff, Order, compose, rebase};
use crate::operation::{Meta, Step, Told};
use crate::prelude::*;
use crate::replica::{Change, Confirmed, Effect, Replica};

/// Versions that are not known yet, as changes of what is confirmed.
pub(super) struct Unknown {
    steps: Vec<(Diff, Meta)>,
}

impl Replica {
    /// Others' changes, from what is confirmed to `meta`.
    pub(super) fn advance(&mut self, told: Told, meta: Meta, effects: &mut Vec<Effect>) -> Outcome {
        if let Some(steps) = self.unknown_steps(&told.steps, &meta, true) {
            return self.take_steps(steps, effects);
        }
        let Confirmed::Version(value, _) = &self.confirmed else { return Outcome::Ignored };
        match resolve(&told.most(), value) {
            Some(theirs) => self.integrate(&theirs, meta, effects),
            None => self.distrust(),
        }
    }

    /// Those of the steps of an answer that is about `meta` which are not known; nothing where they don't go on from what is
    /// confirmed. `first`: they begin there, with nothing known in between.
    pub(super) fn unknown_steps(&self, steps: &[Step], meta: &Meta, first: bool) -> Option<Unknown> {
        let Confirmed::Version(value, known) = &self.confirmed else { return None };
        let count = steps.iter().take_while(|step| step.version <= known.version).count();
        let follows = match count.checked_sub(1).and_then(|last| steps.get(last)) {
            None => first && !steps.is_empty(),
            Some(last) => last.version == known.version,
        };
        if !follows {
            return None;
        }
        let mut value = value.clone();
        let mut unknown = Vec::new();
        for step in &steps[count..] {
            let diff = resolve(&step.diff.0, &value)?;
            diff.apply(&mut value).ok()?;
            let meta = if step.version == meta.version {
                meta.clone()
            } else {
                Meta {
                    version: step.version,
                    valid_from: step.valid_from,
                    person_id: step.person_id.clone(),
                    previous_values: None,
                    impersonator_id: None,
                    deleted: known.deleted,
                    ..meta.clone()
                }
            };
            unknown.push((diff, meta));
        }
        Some(Unknown { steps: unknown })
    }

    /// One after the other.
    pub(super) fn take_steps(&mut self, unknown: Unknown, effects: &mut Vec<Effect>) -> Outcome {
        let mut apart = true;
        for (theirs, meta) in unknown.steps {
            let author = Some(meta.person_id.clone());
            apart &= self.integrate_of(&theirs, author, meta, effects) != Outcome::Conflicted;
        }
        if apart { Outcome::Advanced } else { Outcome::Conflicted }
    }

    /// The same under the first of what is unsent, which the server took: where one of them contradicts it, what they come to
    /// together does not, since what was changed and changed back is in nobody's way.
    pub(super) fn take_steps_under(&mut self, unknown: Unknown, effects: &mut Vec<Effect>) -> Outcome {
        let Some(Change::Patch(first)) = self.unsent.first() else { return self.take_steps(unknown, effects) };
        let mut first = first.clone();
        let is_apart = unknown.steps.iter().all(|(theirs, meta)| {
            let moved = rebase(&first, theirs, Order::later(Some(&self.person), Some(&meta.person_id)));
            moved.map(|moved| first = moved).is_ok()
        });
        if is_apart {
            return self.take_steps(unknown, effects);
        }
        let mut whole = Diff::identity();
        for (theirs, _) in &unknown.steps {
            match compose(&whole, theirs) {
                Ok(both) => whole = both,
                Err(_) => return self.distrust(),
            }
        }
        match unknown.steps.into_iter().next_back() {
            Some((_, meta)) => self.integrate_of(&whole, None, meta, effects),
            None => Outcome::Ignored,
        }
    }
}
