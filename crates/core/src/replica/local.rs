//! What tabs do: edits, undo, choices. Each edit is numbered by its tab and taken once.

use super::reconcile::{Policy, applied, reconcile};
use super::{Change, Effect, Origin, Replica, Tab};
use crate::codec::cbor;
use crate::diff::{Diff, DiffError, compose, diff_finely};
use crate::limits::Limits;
use crate::message::Code;
use crate::prelude::*;
use crate::value::Value;

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
    /// A choice was made about a conflict: it is over, and with `patch` the value changes too.
    Resolve {
        /// Which.
        conflict: u32,
        /// None to leave what is there.
        patch: Option<Vec<u8>>,
    },
}

/// Which edit of which tab.
pub(super) struct Edit<'a> {
    pub(super) tab: &'a str,
    pub(super) op: u32,
    /// Whether it is taken back together with the one before it.
    pub(super) merge: bool,
}

/// Why an edit can't be taken.
struct No(Code, String);

impl No {
    fn nothing_to_change() -> No {
        No(Code::NotFound, "there is nothing to change: set a value to create the entity".to_owned())
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
    /// An edit made on what the tab showed after the `show` numbered `seen`.
    pub(super) fn edit(&mut self, edit: &Edit<'_>, seen: u32, action: Action, effects: &mut Vec<Effect>) {
        if self.knows(edit) {
            return;
        }
        let on_value = matches!(action, Action::Patch(_) | Action::Resolve { patch: Some(_), .. });
        let tab = self.tab(edit.tab);
        let overtakes = tab.repeat.is_some_and(|first| edit.op > first);
        if overtakes || (on_value && tab.foreign > seen) {
            tab.repeat.get_or_insert(edit.op);
            effects.push(Effect::Repeat { entity: self.id(), tab: edit.tab.to_owned(), op: edit.op });
            return;
        }
        let done = self.act(edit, action, effects);
        self.took(edit, done, effects);
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
        self.took(edit, done, effects);
    }

    fn knows(&mut self, edit: &Edit<'_>) -> bool {
        let known = self.ops.iter().any(|(tab, last)| tab == edit.tab && edit.op <= *last);
        if known {
            self.disk.keep(edit.tab, edit.op);
        }
        known
    }

    pub(super) fn tab(&mut self, name: &str) -> &mut Tab {
        let index = self.tabs.iter().position(|tab| tab.name == name).unwrap_or_else(|| {
            self.tabs.push(Tab { name: name.to_owned(), foreign: self.seq, ..Tab::default() });
            self.tabs.len() - 1
        });
        &mut self.tabs[index]
    }

    fn note(&mut self, edit: &Edit<'_>) {
        self.ops.retain(|(tab, _)| tab != edit.tab);
        self.ops.push((edit.tab.to_owned(), edit.op));
    }

    fn took(&mut self, edit: &Edit<'_>, done: Result<(), No>, effects: &mut Vec<Effect>) {
        self.note(edit);
        self.disk.keep(edit.tab, edit.op);
        self.tab(edit.tab).repeat.take_if(|first| *first <= edit.op);
        match done {
            Ok(()) => self.refused.clear(),
            Err(No(code, message)) => {
                // What the tab shows is not what is here: its next edit must come with its base.
                let foreign = self.seq + 1;
                self.tab(edit.tab).foreign = foreign;
                let (entity, tab) = (self.id(), edit.tab.to_owned());
                effects.push(Effect::Refused { entity, tab, op: edit.op, code, message });
                self.show(&Diff::identity(), Some(edit.origin(false)), effects);
            }
        }
    }

    fn act(&mut self, edit: &Edit<'_>, action: Action, effects: &mut Vec<Effect>) -> Result<(), No> {
        match action {
            Action::Patch(patch) => self.patch(edit, &patch, effects),
            Action::Set(value) => {
                let value = cbor::decode_value(&value, &Limits::default())?;
                if value == Value::Undefined {
                    return Err(No(Code::BadRequest, "a value can't be undefined; delete the entity instead".into()));
                }
                self.set(edit, value, effects);
                Ok(())
            }
            Action::Delete => {
                if self.view.is_none() {
                    return Err(No(Code::NotFound, "there is nothing to delete".into()));
                }
                if !self.view_deleted {
                    self.add(Change::Delete);
                    self.view_deleted = true;
                }
                self.show(&Diff::identity(), Some(edit.origin(true)), effects);
                Ok(())
            }
            Action::Undelete => {
                self.undelete()?;
                self.show(&Diff::identity(), Some(edit.origin(true)), effects);
                Ok(())
            }
            Action::Undo => self.step(edit, false, effects),
            Action::Redo => self.step(edit, true, effects),
            Action::Resolve { conflict, patch } => {
                match patch {
                    // Its creation was refused: the choice creates it.
                    Some(patch) if self.view.is_none() => {
                        let value = cbor::decode_patch(&patch, &Limits::default())?.into_value();
                        self.set(edit, value?, effects);
                    }
                    Some(patch) => self.patch(edit, &patch, effects)?,
                    None => self.show(&Diff::identity(), Some(edit.origin(true)), effects),
                }
                self.conflicts.retain(|known| known.id != conflict);
                Ok(())
            }
        }
    }

    fn patch(&mut self, edit: &Edit<'_>, patch: &[u8], effects: &mut Vec<Effect>) -> Result<(), No> {
        let patch = cbor::decode_patch(patch, &Limits::default())?;
        let view = self.changeable()?;
        let diff = patch.resolve(view)?;
        self.change(edit, diff, true, effects);
        Ok(())
    }

    fn act_from(&mut self, edit: &Edit<'_>, base: &[u8], patch: &[u8], effects: &mut Vec<Effect>) -> Result<(), No> {
        let base = cbor::decode_value(base, &Limits::default())?;
        let mine = cbor::decode_patch(patch, &Limits::default())?.resolve(&base)?;
        if self.view.is_none() {
            self.set(edit, applied(&mine, &base), effects);
            return Ok(());
        }
        let theirs = diff_finely(&base, self.changeable()?);
        let mine = reconcile(&mine, &theirs, || base.clone(), Policy::Mine).mine;
        self.change(edit, mine, false, effects);
        Ok(())
    }

    /// The value shown, if it may be changed.
    fn changeable(&self) -> Result<&Value, No> {
        if self.view_deleted {
            return Err(No(Code::NotFound, "the entity is deleted: undelete it to change it".into()));
        }
        self.view.as_ref().ok_or_else(No::nothing_to_change)
    }

    fn set(&mut self, edit: &Edit<'_>, value: Value, effects: &mut Vec<Effect>) {
        match &self.view {
            Some(view) => {
                let diff = diff_finely(view, &value);
                if self.view_deleted {
                    self.add(Change::Undelete);
                    self.view_deleted = false;
                }
                self.change(edit, diff, false, effects);
            }
            None => {
                self.view = Some(value.clone());
                self.add(Change::Create(value));
                self.note(edit);
                self.show_whole(None, effects);
            }
        }
    }

    fn undelete(&mut self) -> Result<(), No> {
        if self.view.is_none() {
            return Err(No(Code::NotFound, "there is nothing to undelete".into()));
        }
        if self.view_deleted {
            self.add(Change::Undelete);
            self.view_deleted = false;
        }
        Ok(())
    }

    /// Changes the value shown by a diff that fits it.
    fn change(&mut self, edit: &Edit<'_>, diff: Diff, unchanged: bool, effects: &mut Vec<Effect>) {
        if let Some(view) = self.view.as_ref().filter(|_| !diff.is_identity()) {
            let inverse = diff.invert(view);
            let tab = self.tab(edit.tab);
            tab.undo.push(inverse, edit.merge);
            tab.redo.clear();
        }
        self.add(Change::Patch(diff.clone()));
        self.show(&diff, Some(edit.origin(unchanged)), effects);
    }

    fn step(&mut self, edit: &Edit<'_>, redo: bool, effects: &mut Vec<Effect>) -> Result<(), No> {
        self.changeable()?;
        let tab = self.tab(edit.tab);
        let taken = if redo { tab.redo.pop() } else { tab.undo.pop() };
        let diff = taken.unwrap_or_else(Diff::identity);
        if let Some(view) = self.view.as_ref().filter(|_| !diff.is_identity()) {
            let inverse = diff.invert(view);
            let tab = self.tab(edit.tab);
            let back = if redo { &mut tab.undo } else { &mut tab.redo };
            back.push(inverse, false);
        }
        self.add(Change::Patch(diff.clone()));
        self.show(&diff, Some(edit.origin(false)), effects);
        Ok(())
    }

    /// Appends to what is unsent; as one with the last change where that is not in flight.
    pub(super) fn add(&mut self, change: Change) {
        let in_flight = usize::from(self.sent.is_some());
        if self.unsent.len() > in_flight
            && let Some(last) = self.unsent.last_mut()
        {
            match (last, &change) {
                (Change::Patch(last), Change::Patch(next)) => {
                    if let Ok(both) = compose(last, next) {
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

impl Edit<'_> {
    fn origin(&self, unchanged: bool) -> Origin {
        Origin { tab: self.tab.to_owned(), op: self.op, unchanged }
    }
}
