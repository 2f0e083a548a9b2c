//! Several versions at once, one after the other: as if each had been pushed, so that it is known who did what.

use super::{Outcome, resolve};
use crate::diff::{Diff, Order, compose, rebase};
use crate::operation::{Meta, Step, Told};
use crate::prelude::*;
use crate::replica::reconcile::without_ways_back;
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

    /// One after the other; where that contradicts what is unsent, what they come to together is taken in, as on the server: what was
    /// changed and changed back is in nobody's way, and a word that was typed letter by letter is one.
    pub(super) fn take_steps(&mut self, unknown: Unknown, effects: &mut Vec<Effect>) -> Outcome {
        let is_apart = unknown.steps.len() < 2 || self.unsent.is_empty() || self.is_apart(&unknown);
        if is_apart { self.take_each(unknown, effects) } else { self.take_whole(unknown, effects) }
    }

    /// The same under the first of what is unsent, which the server took.
    pub(super) fn take_steps_under(&mut self, unknown: Unknown, effects: &mut Vec<Effect>) -> Outcome {
        let Some(Change::Patch(first)) = self.unsent.first() else { return self.take_each(unknown, effects) };
        let mut first = first.clone();
        let is_apart = unknown.steps.iter().all(|(theirs, meta)| {
            let moved = rebase(&first, theirs, Order::insisting(&self.person, Some(&meta.person_id)));
            moved.map(|moved| first = moved).is_ok()
        });
        if is_apart { self.take_each(unknown, effects) } else { self.take_whole(unknown, effects) }
    }

    /// Whether nothing that is unsent contradicts any of them, also what one of them did too and a later one took back.
    fn is_apart(&self, unknown: &Unknown) -> bool {
        let mut unsent = self.unsent.clone();
        unknown.steps.iter().all(|(theirs, meta)| {
            let order = Order::insisting(&self.person, Some(&meta.person_id));
            let mut down = theirs.clone();
            unsent.iter_mut().all(|change| match change {
                Change::Patch(mine) => {
                    let moved = (rebase(mine, &down, order), rebase(&down, mine, order.reversed()));
                    let (Ok(moved), Ok(behind)) = moved else { return false };
                    (*mine, down) = (moved, behind);
                    true
                }
                Change::Delete => down.is_identity(),
                _ => true,
            })
        })
    }

    fn take_each(&mut self, unknown: Unknown, effects: &mut Vec<Effect>) -> Outcome {
        let mut apart = true;
        for (theirs, meta) in unknown.steps {
            let author = Some(meta.person_id.clone());
            apart &= self.integrate_of(&theirs, author, meta, effects) != Outcome::Conflicted;
        }
        if apart { Outcome::Advanced } else { Outcome::Conflicted }
    }

    fn take_whole(&mut self, unknown: Unknown, effects: &mut Vec<Effect>) -> Outcome {
        let mut whole = Diff::identity();
        for (theirs, _) in &unknown.steps {
            match compose(&whole, theirs) {
                Ok(both) => whole = both,
                Err(_) => return self.distrust(),
            }
        }
        let Confirmed::Version(value, _) = &self.confirmed else { return Outcome::Ignored };
        let whole = without_ways_back(&whole, value);
        let mut persons = unknown.steps.iter().map(|(_, meta)| &meta.person_id);
        let author = persons.next().filter(|first| persons.all(|person| person == *first)).cloned();
        match unknown.steps.into_iter().next_back() {
            Some((_, meta)) => self.integrate_of(&whole, author, meta, effects),
            None => Outcome::Ignored,
        }
    }
}
