//! What comes down: answers and pushes.

mod answers;
mod deletion;
mod steps;

use core::ops::Range;

use super::conflict::Conflict;
use super::reconcile::{applied, reconcile};
use super::request::{Asked, Body};
use super::unseen::By;
use super::{Change, Confirmed, Effect, Policy, Replica, Source, Tab};
use crate::codec::cbor;
use crate::diff::{Contested, Diff, Order, Patch, Place, compose, diff_closely, diff_finely};
use crate::limits::TRUSTED;
use crate::message::{Format, Push, encode_meta};
use crate::operation::{CborDiff, Meta, Told};
use crate::prelude::*;
use crate::sort;
use crate::value::{Object, Value};

/// Pushes that wait for an answer; past that it is cheaper to ask.
const HELD: usize = 64;

/// What came of an answer or a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Known already, or not ours.
    Ignored,
    /// It waits for something before it.
    Held,
    /// What is confirmed is what was unsent.
    Confirmed,
    /// Others' changes were taken in, apart from ours.
    Advanced,
    /// Others' changes were taken in, and ours gave way or theirs did.
    Conflicted,
    /// The whole value was taken.
    Loaded,
    /// There is nothing, or nothing any more.
    Gone,
    /// The server won't have the change; it was taken back.
    Refused,
    /// The server could not; later.
    Postponed,
}

impl Replica {
    pub(super) fn pushed(&mut self, push: Push, now: f64, effects: &mut Vec<Effect>) -> Outcome {
        self.heard = now;
        if self.version().is_some_and(|meta| push.meta.version <= meta.version) {
            return Outcome::Ignored;
        }
        let awaits_reading = self.awaited.as_ref().is_some_and(|awaited| awaited.what != Asked::Change);
        // Our own change in flight may be in it: its answer comes first.
        let may_be_ours = self.sent.as_ref().is_some_and(|sent| {
            push.meta.person_id == self.person || matches!(sent.body, Body::Post(_)) || !self.held.is_empty()
        });
        if awaits_reading || may_be_ours {
            return self.hold(push);
        }
        self.take(push, effects)
    }

    fn hold(&mut self, push: Push) -> Outcome {
        if self.held.len() < HELD {
            self.held.push(push);
        } else {
            self.stale = true;
        }
        Outcome::Held
    }

    fn take(&mut self, push: Push, effects: &mut Vec<Effect>) -> Outcome {
        match &self.confirmed {
            Confirmed::Version(_, meta) if push.prev_valid_from == Some(meta.valid_from) => {
                self.advance(push.diff, push.meta, effects)
            }
            Confirmed::Unknown | Confirmed::Missing if push.prev_valid_from.is_none() => {
                let value =
                    cbor::decode_patch(&push.diff.diff.0, &TRUSTED).ok().and_then(|patch| patch.into_value().ok());
                match value {
                    Some(value) => self.load_value(value, push.meta, effects),
                    None => self.distrust(),
                }
            }
            _ => {
                self.stale = true;
                self.hold(push)
            }
        }
    }

    /// What is here can't be what the server meant: the whole value is asked for.
    fn distrust(&mut self) -> Outcome {
        self.disk.distrusted = true;
        self.stale = true;
        Outcome::Held
    }

    /// Pushes that waited, as far as they follow.
    pub(super) fn take_held(&mut self, effects: &mut Vec<Effect>) {
        let held = core::mem::take(&mut self.held);
        for (_, push) in sort::by_number(held.into_iter().map(|push| (push.meta.version, push)).collect()) {
            let now = self.heard;
            self.pushed(push, now, effects);
        }
    }

    /// What was in flight is not any more; it may be sent anew.
    fn unsend(&mut self) {
        self.sent = None;
        self.disk.changed = true;
    }

    /// The server took `unsent[0]`. If others' changes are under it, `told` leads from what it was made on to `meta`, and its steps to
    /// the version before that.
    fn confirm(&mut self, meta: Meta, told: Option<Told>, effects: &mut Vec<Effect>) -> Outcome {
        let Some(sent) = self.sent.take() else { return Outcome::Ignored };
        self.disk.changed = true;
        let change = self.unsent.remove(0);
        match (change, &mut self.confirmed) {
            (Change::Create(value), confirmed) => {
                *confirmed = Confirmed::Version(value, Box::new(meta));
                self.disk.exists = false;
                self.disk.needs_snapshot = true;
                Outcome::Confirmed
            }
            (Change::Delete | Change::Undelete, Confirmed::Version(_, known)) => {
                if meta.version > known.version + 1 {
                    // What happened between is asked for; that it is deleted, or not, is known.
                    known.deleted = meta.deleted;
                    self.stale = true;
                } else if meta.version > known.version {
                    **known = meta;
                }
                Outcome::Confirmed
            }
            (Change::Patch(mine), Confirmed::Version(value, known)) => {
                let follows = meta.version == known.version + 1 || meta.valid_from == known.valid_from;
                // Where the server has merged, it says what came of it, and that is what counts.
                if follows && !sent.disturbed && told.is_none() {
                    let fits = mine.apply(value);
                    debug_assert!(fits.is_ok(), "a confirmed change does not fit: {fits:?}");
                    **known = meta;
                    self.disk.advanced(&mine);
                    return Outcome::Confirmed;
                }
                let started_from = applied(&sent.back, value);
                let Body::Patch(as_sent, _) = &sent.body else { return self.distrust() };
                let (whole, steps) = match told {
                    None => (CborDiff(as_sent.clone()), Vec::new()),
                    Some(mut told) => {
                        let steps = core::mem::take(&mut told.steps);
                        (told.most(), steps)
                    }
                };
                let Some(whole) = resolve(&whole, &started_from) else { return self.distrust() };
                let now = applied(&whole, &started_from);
                self.unsent.insert(0, Change::Patch(mine));
                let first = sent.back.is_identity();
                // Until then it stays apart from what was done after it.
                self.sent = Some(sent);
                // What others did, as far as it is not known yet, comes first: as if it had been pushed.
                if let Some(steps) = self.unknown_steps(&steps, &meta, first) {
                    self.take_steps_under(steps, effects);
                }
                self.confirm_as(&now, meta, effects)
            }
            (_, Confirmed::Unknown | Confirmed::Missing) => self.distrust(),
        }
    }

    /// The first of what is unsent is confirmed as it is here; where the server has made something else of it, as if others had then
    /// done that.
    fn confirm_as(&mut self, now: &Value, meta: Meta, effects: &mut Vec<Effect>) -> Outcome {
        self.sent = None;
        let first = self.unsent.remove(0);
        let (Change::Patch(mine), Confirmed::Version(value, known)) = (first, &mut self.confirmed) else {
            return self.distrust();
        };
        let fits = mine.apply(value);
        debug_assert!(fits.is_ok(), "a confirmed change does not fit: {fits:?}");
        self.disk.advanced(&mine);
        if value == now {
            **known = meta;
            return Outcome::Confirmed;
        }
        let rest = diff_closely(value, now);
        self.integrate(&rest, meta, effects)
    }

    /// `diff` leads from what the change was made on to the current version, and touches the same place.
    fn conflicted(&mut self, told: Told, meta: Meta, effects: &mut Vec<Effect>) -> Outcome {
        let (Some(sent), Confirmed::Version(value, _)) = (self.sent.take(), &self.confirmed) else {
            return Outcome::Ignored;
        };
        self.disk.changed = true;
        if let (Body::Delete(_), true) = (&sent.body, sent.disturbed) {
            self.undeleted(applied(&sent.back, value), &meta);
        }
        let Confirmed::Version(value, known) = &self.confirmed else { return Outcome::Ignored };
        if meta.version <= known.version {
            return Outcome::Conflicted;
        }
        if let Some(steps) = self.unknown_steps(&told.steps, &meta, sent.back.is_identity()) {
            return self.take_steps(steps, effects);
        }
        let started_from = applied(&sent.back, value);
        let Some(theirs) = resolve(&told.most(), &started_from) else { return self.distrust() };
        let theirs =
            if sent.back.is_identity() { theirs } else { diff_closely(value, &applied(&theirs, &started_from)) };
        self.integrate(&theirs, meta, effects)
    }

    /// Others changed what is confirmed by `theirs`, to the version `meta`.
    fn integrate(&mut self, theirs: &Diff, meta: Meta, effects: &mut Vec<Effect>) -> Outcome {
        let Confirmed::Version(_, known) = &self.confirmed else { return Outcome::Ignored };
        // Of several versions at once it is not known who did what.
        let author = (meta.version == known.version + 1).then(|| meta.person_id.clone());
        self.integrate_of(theirs, author, meta, effects)
    }

    /// The same, by an author if it is one.
    fn integrate_of(
        &mut self,
        theirs: &Diff,
        author: Option<String>,
        meta: Meta,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let Confirmed::Version(_, known) = &self.confirmed else { return Outcome::Ignored };
        let deletes = meta.deleted && !known.deleted;
        let order = Order::later(Some(&self.person), author.as_deref());
        let outcome = self.take_in(theirs, (order, author), encode_meta(&meta, Format::Cbor), effects);
        if let Confirmed::Version(_, known) = &mut self.confirmed {
            **known = meta;
        }
        if deletes {
            self.yield_to_deletion(effects);
        }
        outcome
    }

    /// Others, or one of them, changed what is confirmed by `theirs`; conflicts say by which version.
    fn take_in(
        &mut self,
        theirs: &Diff,
        (order, author): (Order, Option<String>),
        version: Vec<u8>,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        self.tidy();
        self.catch_up();
        let Confirmed::Version(value, _) = &self.confirmed else { return Outcome::Ignored };
        let (mut down, mut apart) = (theirs.clone(), true);
        let mut moved = Vec::with_capacity(self.unsent.len());
        let mut raised: Vec<Contested> = Vec::new();
        let (mut disturbed, mut contesting) = (false, None);
        for (index, change) in self.unsent.iter().enumerate() {
            let mine = match change {
                Change::Patch(mine) => mine,
                Change::Delete if !down.is_identity() && self.policy != Policy::Mine => {
                    disturbed |= index == 0;
                    // In flight, its answer says whether the server let it be.
                    if index == 0 && self.sent.is_some() {
                        moved.push(change.clone());
                    } else {
                        raised.extend(self.asks(self.with_unsent(index).0, None));
                    }
                    continue;
                }
                _ => {
                    moved.push(change.clone());
                    continue;
                }
            };
            let base = || self.with_unsent(index).0.unwrap_or(Value::Undefined);
            let both = reconcile(mine, &down, &base, self.policy, order);
            for contested in &mut raised {
                contested.place = contested.place.follow(&both.mine);
            }
            if !both.contested.is_empty() {
                let (first, theirs) = contesting.get_or_insert_with(|| (index, down.clone()));
                let again = if raised.is_empty() {
                    None
                } else {
                    self.contested_by_all(*first..index + 1, theirs, (&moved, &both.mine), order)
                };
                match again {
                    Some(by_all) => raised = by_all,
                    None => raised.extend(both.contested),
                }
            }
            apart &= both.apart;
            disturbed |= index == 0 && !both.apart;
            down = both.theirs;
            moved.push(Change::Patch(both.mine));
        }
        // Less is left of theirs only where both did the same, or mine held; what is taken back then leads to theirs.
        let mut undo = Vec::new();
        let holds = !apart && self.policy == Policy::Mine;
        if let Some(view) = self.view.as_ref().filter(|_| holds || apart && down.amount() < theirs.amount()) {
            let policy = if holds { Policy::Mine } else { Policy::Theirs };
            let left = |tab: &Tab| tab.undo.above((theirs, value), (&down, view), policy, order);
            undo = self.tabs.iter().map(left).collect();
        }
        if let Some(sent) = &mut self.sent {
            sent.disturbed |= disturbed;
            match compose(&theirs.invert(value), &sent.back) {
                Ok(back) => sent.back = back,
                Err(_) => debug_assert!(false, "what leads back does not compose"),
            }
        }
        self.unsent = moved;
        if let Confirmed::Version(value, _) = &mut self.confirmed {
            let fits = theirs.apply(value);
            debug_assert!(fits.is_ok(), "a remote change does not fit: {fits:?}");
        }
        self.disk.advanced(theirs);
        self.show(&down, Source::of(By::Other(author, version.clone())), effects);
        self.catch_up();
        for (tab, left) in self.tabs.iter_mut().zip(undo) {
            tab.undo = left.unwrap_or(core::mem::take(&mut tab.undo));
        }
        self.correct_sums(effects);
        for contested in raised {
            self.raise(contested, version.clone(), Vec::new());
        }
        if apart { Outcome::Advanced } else { Outcome::Conflicted }
    }

    /// What several unsent changes give way in together, if that leaves of them what each by itself has left, `moved` and the `last`: who went
    /// on with what they had changed wants what came of it, and not what they had in between.
    fn contested_by_all(
        &self,
        which: Range<usize>,
        theirs: &Diff,
        (moved, last): (&[Change], &Diff),
        order: Order,
    ) -> Option<Vec<Contested>> {
        let mut whole = Diff::identity();
        let before = self.with_unsent(which.start).0?;
        let mut with_each = applied(theirs, &before);
        for index in which {
            let kept = match moved.get(index) {
                Some(Change::Patch(kept)) => kept,
                Some(_) => return None,
                None => last,
            };
            let Change::Patch(mine) = &self.unsent[index] else { return None };
            whole = compose(&whole, mine).ok()?;
            with_each = applied(kept, &with_each);
        }
        let both = reconcile(&whole, theirs, &|| before.clone(), self.policy, order);
        (applied(&both.mine, &applied(theirs, &before)) == with_each).then_some(both.contested)
    }

    /// The whole value of a version, whatever was known before.
    fn load_value(&mut self, value: Value, meta: Meta, effects: &mut Vec<Effect>) -> Outcome {
        self.disk.exists = false;
        let empty = Value::Object(Object::new());
        match (&mut self.confirmed, self.unsent.first_mut()) {
            (Confirmed::Version(known, known_meta), _) => {
                if meta.version < known_meta.version {
                    return Outcome::Ignored;
                }
                let theirs = diff_closely(known, &value);
                self.integrate(&theirs, meta, effects)
            }
            // Somebody else made it too: as if both had filled in an empty object.
            (confirmed, Some(first @ Change::Create(_))) => {
                if let Change::Create(mine) = first {
                    *first = Change::Patch(diff_finely(&empty, mine));
                }
                let theirs = diff_finely(&empty, &value);
                *confirmed = Confirmed::Version(empty, Box::new(meta.clone()));
                self.unsend();
                self.disk.needs_snapshot = true;
                self.integrate(&theirs, meta, effects)
            }
            (confirmed, _) => {
                self.view = Some(value.clone());
                self.view_deleted = meta.deleted;
                *confirmed = Confirmed::Version(value, Box::new(meta));
                self.disk.needs_snapshot = true;
                self.show_whole(None, effects);
                Outcome::Loaded
            }
        }
    }

    /// The server won't have what was sent, and would not have it again: everything unsent is taken back, and offered as a
    /// conflict with the reason.
    fn refuse(&mut self, error: Vec<u8>, effects: &mut Vec<Effect>) -> Outcome {
        let mine = self.view.clone();
        self.unsent.clear();
        self.unsend();
        self.disk.exists = false;
        self.show_difference(effects);
        let base = self.with_unsent(0).0;
        if base != mine {
            let mine = self.with_refused(base.as_ref(), mine);
            self.conflicts.retain(|known| !is_refused(known));
            let contested = Contested { place: Place::at(Vec::new()), base: base.clone(), mine, theirs: base };
            self.raise(contested, Vec::new(), error.clone());
        }
        self.refused = error;
        Outcome::Refused
    }

    /// What was refused now, with what was refused before and nobody has decided; where both changed the same place, what is newer.
    fn with_refused(&self, base: Option<&Value>, mine: Option<Value>) -> Option<Value> {
        let known = self.conflicts.iter().find(|known| is_refused(known));
        match (base, mine, known.and_then(|known| Some((known, known.mine.as_ref()?)))) {
            (Some(base), Some(mine), Some((known, before))) => {
                // What was refused before, in what others have made of everything since.
                let mut with_it = base.clone();
                known.join(&mut with_it, before);
                let (mine, before_it) = (diff_finely(base, &mine), diff_finely(base, &with_it));
                let order = Order::later(None, None);
                let both = reconcile(&mine, &before_it, &|| base.clone(), Policy::Mine, order);
                Some(applied(&both.mine, &with_it))
            }
            (_, mine, _) => mine,
        }
    }

    /// Brings what is shown in line with what is confirmed and unsent.
    fn show_difference(&mut self, effects: &mut Vec<Effect>) {
        let (value, _) = self.with_unsent(self.unsent.len());
        match (&self.view, &value) {
            (Some(old), Some(new)) => {
                let change = diff_closely(old, new);
                self.show(&change, Source::of(By::Own), effects);
            }
            (None, None) => {}
            _ => {
                self.view = value;
                self.show_whole(None, effects);
            }
        }
    }

    /// Conflicts stand beside each other: what one holds is nowhere else.
    pub(super) fn raise(&mut self, contested: Contested, meta: Vec<u8>, error: Vec<u8>) {
        let Contested { place, base, mine, theirs } = contested;
        let shown = self.view.as_ref().filter(|_| !self.with_flags());
        let theirs = theirs.or_else(|| place.value(shown));
        let id = self.next_conflict;
        self.next_conflict += 1;
        self.conflicts.push(Conflict { id, place, base, mine, theirs, meta, error });
        self.disk.changed = true;
    }

    /// A sum of fractions depends on the order in which it was made: what is shown is what will be confirmed.
    fn correct_sums(&mut self, effects: &mut Vec<Effect>) {
        let counts = |change: &Change| matches!(change, Change::Patch(diff) if diff.increments());
        if self.unsent.iter().any(counts) {
            self.show_difference(effects);
        }
    }
}

/// What the server would not have, of what is there: not what was handed over when it was withdrawn.
fn is_refused(conflict: &Conflict) -> bool {
    conflict.place.path.is_empty() && !conflict.place.lost && !conflict.error.is_empty()
}

/// A diff of the server on the value that it is for.
fn resolve(diff: &CborDiff, base: &Value) -> Option<Diff> {
    let patch: Patch = cbor::decode_patch(&diff.0, &TRUSTED).ok()?;
    patch.resolve(base).ok()
}
