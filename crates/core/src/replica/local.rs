//! What tabs do: edits, undo, choices. Each edit is numbered by its tab and taken once.

use super::conflict::{Conflict, Undecidable};
use super::reconcile::{applied, reconcile};
use super::series::{Edited, Rest};
use super::typed::Typed;
use super::undo::Taken;
use super::unseen::By;
use super::{Change, Effect, Origin, Policy, Replica, Source, Tab};
use crate::codec::cbor;
use crate::diff::{Diff, DiffError, Order, Place, Step, compose, diff_closely, diff_finely, joined};
use crate::limits::TRUSTED;
use crate::message::Code;
use crate::prelude::*;
use crate::value::Value;

/// So many changes stay apart that would replace something only together.
const APART: usize = 8;

/// What a tab asks for. Patches and values in CBOR; a patch is made on what the tab shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Change the value.
    Patch(Vec<u8>),
    /// Replace it, or create the entity.
    Set(Vec<u8>),
    /// Delete the entity, softly.
    Delete,
    /// Take the deletion back.
    Undelete,
    /// Take this tab's last change back.
    Undo,
    /// Do again what was taken back.
    Redo,
    /// A conflict is decided.
    Resolve {
        /// Which.
        conflict: u32,
        /// How.
        choice: Choice,
    },
}

/// What becomes of the place of a conflict.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// What I made of it.
    Mine,
    /// What is there.
    Theirs,
    /// Theirs and then mine: stretches of texts and arrays, and elements.
    Both,
    /// This value, in CBOR; none to remove what is there.
    Value(Option<Vec<u8>>),
}

/// Which edit of which tab; of several taken as one, the last.
pub(super) struct Edit<'a> {
    pub(super) tab: &'a str,
    pub(super) op: u32,
    /// Whether it is taken back together with the one before it.
    pub(super) merge: bool,
}

/// Why an edit can't be taken.
pub(super) struct No(Code, String);

impl No {
    pub(super) fn unknown() -> No {
        No(Code::BadRequest, "what this edit was made on is not known".to_owned())
    }

    fn deleted() -> No {
        No(Code::NotFound, "the entity is deleted: undelete it to change it".to_owned())
    }

    fn nothing_to_change() -> No {
        No(Code::NotFound, "there is nothing to change: set a value to create the entity".to_owned())
    }
}

impl From<Undecidable> for No {
    fn from(why: Undecidable) -> No {
        let (code, message) = match why {
            Undecidable::Gone => (
                Code::Conflict,
                "its place is no longer part of the value: resolve it with 'theirs', and set what you want instead",
            ),
            Undecidable::NotBoth => {
                (Code::BadRequest, "there is one place: it can't have both, only mine, theirs or a value")
            }
            Undecidable::Bad => (Code::BadRequest, "this is no value for its place"),
        };
        No(code, message.to_owned())
    }
}

impl From<crate::codec::DecodeError> for No {
    fn from(error: crate::codec::DecodeError) -> No {
        let (code, message) = error.into();
        No(code, message)
    }
}

impl From<DiffError> for No {
    fn from(_: DiffError) -> No {
        No(Code::BadRequest, "the patch does not fit the value that it is for".to_owned())
    }
}

impl Replica {
    /// Edits of one tab, each made on what it showed after the `show` numbered `seen`.
    pub(super) fn edit(&mut self, edits: Vec<Edited>, effects: &mut Vec<Effect>) {
        let mut edits = edits.into_iter().peekable();
        while let Some(Edited { tab: name, op, seen, merge, action }) = edits.next() {
            let mut edit = Edit { tab: &name, op, merge };
            if self.knows(&edit) {
                continue;
            }
            let tab = self.tab(&name);
            let overtakes = tab.repeat.is_some_and(|first| op > first);
            if overtakes || (matches!(action, Action::Patch(_)) && tab.unseen.is_lost(seen)) {
                tab.repeat.get_or_insert(op);
                effects.push(Effect::Repeat { entity: self.id(), tab: name, op });
                continue;
            }
            tab.unseen.saw(seen);
            tab.again = Typed::default();
            let is_local = matches!(action, Action::Patch(_) | Action::Set(_));
            let done = self.act(&mut edit, action, &mut edits, effects);
            self.took(&edit, done, is_local, effects);
        }
    }

    /// A patch together with the value that it was made on.
    pub(super) fn edit_from(&mut self, edit: &Edit<'_>, base: &[u8], patch: &[u8], effects: &mut Vec<Effect>) {
        if self.knows(edit) {
            return;
        }
        if self.tab(edit.tab).repeat.is_some_and(|first| edit.op > first) {
            effects.push(Effect::Repeat { entity: self.id(), tab: edit.tab.to_owned(), op: edit.op });
            return;
        }
        let done = self.act_from(edit, base, patch, effects);
        self.took(edit, done, true, effects);
    }

    fn knows(&mut self, edit: &Edit<'_>) -> bool {
        let known = self.ops.iter().any(|(tab, last)| tab == edit.tab && edit.op <= *last);
        if known {
            self.disk.keep(edit.tab, edit.op);
        }
        known
    }

    pub(super) fn tab(&mut self, name: &str) -> &mut Tab {
        let index = self.tab_at(name);
        &mut self.tabs[index]
    }

    /// Which it is of the tabs.
    pub(super) fn tab_at(&mut self, name: &str) -> usize {
        self.tabs.iter().position(|tab| tab.name == name).unwrap_or_else(|| {
            self.tabs.push(Tab::new(name.to_owned(), self.seq));
            self.tabs.len() - 1
        })
    }

    fn note(&mut self, edit: &Edit<'_>) {
        self.ops.retain(|(tab, _)| tab != edit.tab);
        self.ops.push((edit.tab.to_owned(), edit.op));
    }

    /// `is_local`: the tab shows it already.
    fn took(&mut self, edit: &Edit<'_>, done: Result<(), No>, is_local: bool, effects: &mut Vec<Effect>) {
        self.note(edit);
        self.disk.keep(edit.tab, edit.op);
        self.tab(edit.tab).repeat.take_if(|first| *first <= edit.op);
        match done {
            Ok(()) => self.refused.clear(),
            Err(No(code, message)) => {
                if is_local {
                    // What the tab shows is not what is here: its next edit must come with its base.
                    let seq = self.seq + 1;
                    self.tab(edit.tab).unseen.lose(seq);
                }
                let (entity, tab) = (self.id(), edit.tab.to_owned());
                effects.push(Effect::Refused { entity, tab, op: edit.op, code, message });
                self.show(&Diff::identity(), edit.source(Shown { unchanged: false, local: false }), effects);
            }
        }
    }

    fn act(
        &mut self,
        edit: &mut Edit<'_>,
        action: Action,
        rest: &mut Rest,
        effects: &mut Vec<Effect>,
    ) -> Result<(), No> {
        match action {
            Action::Patch(patch) => self.patch(edit, &patch, rest, effects),
            Action::Set(value) => {
                let value = cbor::decode_value(&value, &TRUSTED)?;
                if value == Value::Undefined {
                    return Err(No(Code::BadRequest, "a value can't be undefined; delete the entity instead".into()));
                }
                self.set(edit, value, effects);
                Ok(())
            }
            Action::Delete if self.view.is_none() => Err(No(Code::NotFound, "there is nothing to delete".into())),
            Action::Delete => {
                self.delete(edit, effects);
                Ok(())
            }
            Action::Undelete if self.view.is_none() => Err(No(Code::NotFound, "there is nothing to undelete".into())),
            Action::Undelete => {
                self.change(edit, Diff::identity(), Shown { unchanged: true, local: true }, effects);
                Ok(())
            }
            Action::Undo => self.step(edit, false, effects),
            Action::Redo => self.step(edit, true, effects),
            Action::Resolve { conflict, choice } => self.resolve(edit, conflict, choice, effects),
        }
    }

    fn resolve(&mut self, edit: &Edit<'_>, id: u32, choice: Choice, effects: &mut Vec<Effect>) -> Result<(), No> {
        let Some(index) = self.conflicts.iter().position(|conflict| conflict.id == id) else {
            // It is over by now.
            self.show(&Diff::identity(), edit.source(Shown { unchanged: true, local: true }), effects);
            return Ok(());
        };
        let conflict = self.conflicts.remove(index);
        let done = self.choose(edit, &conflict, choice, effects);
        if done.is_err() {
            self.conflicts.insert(index.min(self.conflicts.len()), conflict);
        } else {
            self.disk.changed = true;
        }
        done
    }

    fn choose(
        &mut self,
        edit: &Edit<'_>,
        conflict: &Conflict,
        choice: Choice,
        effects: &mut Vec<Effect>,
    ) -> Result<(), No> {
        if choice == Choice::Theirs {
            self.show(&Diff::identity(), edit.source(Shown { unchanged: true, local: true }), effects);
            return Ok(());
        }
        let both = choice == Choice::Both;
        let wanted = conflict.wanted(choice)?;
        if conflict.is_of_all() && !both && !conflict.place.lost {
            match (&self.view, &wanted) {
                // Its creation was refused: the choice creates it.
                (None, _) => {
                    return wanted.map(|value| self.set(edit, value, effects)).ok_or_else(No::nothing_to_change);
                }
                (Some(_), None) => {
                    self.delete(edit, effects);
                    return Ok(());
                }
                (Some(_), Some(_)) => {}
            }
        }
        let element = wanted.clone().filter(|_| conflict.place.absent);
        let tab = self.tabs.iter().find(|tab| tab.name == edit.tab);
        let view = self.shown()?;
        let seen = tab.and_then(|tab| tab.unseen.shown_in(&conflict.place, view));
        let change = conflict.decide(wanted, both, view, seen)?;
        self.change(edit, change, Shown { unchanged: false, local: false }, effects);
        self.put_before(conflict, element);
        Ok(())
    }

    /// The element of a conflict is in its place again: those that went from there with it, and are decided later, come behind it.
    fn put_before(&mut self, decided: &Conflict, element: Option<Value>) {
        let there = Place { absent: false, ..decided.place.clone() };
        if element.is_none() || there.value(self.view.as_ref()) != element {
            return;
        }
        for other in &mut self.conflicts {
            if other.id > decided.id
                && other.place == decided.place
                && let Some(Step::Index(index)) = other.place.path.last_mut()
            {
                *index += 1;
            }
        }
    }

    fn delete(&mut self, edit: &Edit<'_>, effects: &mut Vec<Effect>) {
        if !self.view_deleted {
            self.caught_up(edit.tab).did(Taken { diff: Diff::identity(), flips: true }, false);
            self.flip(edit);
        }
        self.show(&Diff::identity(), edit.source(Shown { unchanged: true, local: true }), effects);
    }

    /// Deletes the entity, or brings it back.
    fn flip(&mut self, edit: &Edit<'_>) {
        self.add(if self.view_deleted { Change::Undelete } else { Change::Delete });
        self.set_deleted(!self.view_deleted, Some(edit.tab));
    }

    /// An edit that comes with what it was made on: what that has become since is known by its value alone.
    fn act_from(&mut self, edit: &Edit<'_>, base: &[u8], patch: &[u8], effects: &mut Vec<Effect>) -> Result<(), No> {
        let base = cbor::decode_value(base, &TRUSTED)?;
        let mut mine = cbor::decode_patch(patch, &TRUSTED)?.resolve(&base)?;
        // A tab that has edits to come again shows nothing but these on what it showed before: what it types goes on with them.
        self.tab(edit.tab).again.write(&mut mine);
        if self.view.is_none() {
            self.set(edit, applied(&mine, &base), effects);
            return Ok(());
        }
        self.may_change(&mine, Some(&base))?;
        let theirs = diff_closely(&base, self.shown()?);
        let both = reconcile(&mine, &theirs, &|| base.clone(), self.policy, Order::later(None, None));
        self.change(edit, both.mine, Shown { unchanged: false, local: true }, effects);
        for contested in both.contested {
            self.raise(contested, Vec::new(), Vec::new());
        }
        Ok(())
    }

    pub(super) fn shown(&self) -> Result<&Value, No> {
        self.view.as_ref().ok_or_else(No::nothing_to_change)
    }

    /// A tab changes what it does not know to be deleted. Of this person's own doings the later one holds; against others' deletion
    /// it waits as a conflict, or as the policy has it. `seen` is what the tab shows, if that is not what is here.
    pub(super) fn may_change(&mut self, mine: &Diff, seen: Option<&Value>) -> Result<(), No> {
        let by_others = self.version().is_some_and(|meta| meta.deleted && meta.person_id != self.person);
        if !(by_others && self.view_deleted) || self.policy == Policy::Mine {
            return Ok(());
        }
        let base = seen.or(self.view.as_ref()).cloned();
        let with_mine = base.as_ref().map(|base| applied(mine, base));
        if let Some(contested) = self.asks(base, with_mine) {
            self.raise(contested, self.version_meta(), Vec::new());
        }
        Err(No::deleted())
    }

    fn set(&mut self, edit: &Edit<'_>, value: Value, effects: &mut Vec<Effect>) {
        match &self.view {
            Some(view) => {
                let diff = diff_finely(view, &value);
                self.change(edit, diff, Shown { unchanged: false, local: true }, effects);
                self.tab(edit.tab).unseen.saw(u32::MAX);
            }
            None => {
                self.view = Some(value.clone());
                self.add(Change::Create(value));
                self.note(edit);
                self.show_whole(None, effects);
            }
        }
    }

    /// Changes the value shown by a diff that fits it. If it is deleted, that brings it back.
    pub(super) fn change(&mut self, edit: &Edit<'_>, diff: Diff, shown: Shown, effects: &mut Vec<Effect>) {
        if let Some(view) = &self.view {
            let taken = Taken { diff: diff.undo(view), flips: self.view_deleted };
            self.caught_up(edit.tab).did(taken, edit.merge);
        }
        self.changed(edit, diff, shown, effects);
    }

    /// The same, where it is known already what takes it back.
    pub(super) fn changed(&mut self, edit: &Edit<'_>, diff: Diff, shown: Shown, effects: &mut Vec<Effect>) {
        if self.view_deleted {
            self.flip(edit);
        }
        self.add(Change::Patch(diff.clone()));
        self.show(&diff, edit.source(shown), effects);
    }

    fn step(&mut self, edit: &Edit<'_>, redo: bool, effects: &mut Vec<Effect>) -> Result<(), No> {
        let deleted = self.view_deleted;
        let tab = self.caught_up(edit.tab);
        let stack = if redo { &mut tab.redo } else { &mut tab.undo };
        if deleted && stack.len(deleted) == 0 {
            return Err(No::deleted());
        }
        let Taken { diff, flips } = stack.pop().unwrap_or_default();
        if let Some(taken) = self.view.as_ref().map(|view| Taken { diff: diff.undo(view), flips }) {
            let tab = self.tab(edit.tab);
            let back = if redo { &mut tab.undo } else { &mut tab.redo };
            back.push(taken, false);
        }
        // What is deleted is changed before that, or after it is back.
        if flips && deleted {
            self.flip(edit);
        }
        self.add(Change::Patch(diff.clone()));
        if flips && !deleted {
            self.flip(edit);
        }
        self.show(&diff, edit.source(Shown { unchanged: false, local: false }), effects);
        Ok(())
    }

    /// Appends to what is unsent; as one with the last change where that is not in flight.
    pub(super) fn add(&mut self, change: Change) {
        let in_flight = usize::from(self.sent.is_some());
        let are_many = self.unsent.len() > APART;
        if self.unsent.len() > in_flight
            && let Some(last) = self.unsent.last_mut()
        {
            match (last, &change) {
                (Change::Patch(last), Change::Patch(next)) => {
                    let both = if are_many { compose(last, next).ok() } else { joined(last, next) };
                    if let Some(both) = both {
                        *last = both;
                        return;
                    }
                }
                (Change::Create(value), Change::Patch(next)) => {
                    *value = applied(next, value);
                    return;
                }
                (Change::Delete, Change::Undelete) | (Change::Undelete, Change::Delete) => {
                    self.unsent.pop();
                    return;
                }
                _ => {}
            }
        }
        self.unsent.push(change);
    }
}

/// How an edit is shown in the tab that it comes from.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// Exactly as that tab shows it already.
    pub(super) unchanged: bool,
    /// That tab shows it already, perhaps in another form.
    pub(super) local: bool,
}

impl Edit<'_> {
    fn source(&self, shown: Shown) -> Source {
        let origin = Origin { tab: self.tab.to_owned(), op: self.op, unchanged: shown.unchanged };
        Source { origin: Some(origin), local: shown.local, by: By::Own }
    }
}
