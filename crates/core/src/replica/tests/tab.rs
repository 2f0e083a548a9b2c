//! A tab as a model: what the browser's scripts do with effects, in Rust.

use crate::codec::cbor;
use crate::diff::diff_finely;
use crate::limits::Limits;
use crate::replica::{Action, Effect};
use crate::value::Value;

pub(super) fn text(text: &str) -> Value {
    Value::text(text)
}

pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::object(members)
}

/// An edit that is not yet known to be safe.
pub(super) struct Pending {
    pub(super) op: u32,
    pub(super) action: Action,
    /// What the tab showed before it.
    pub(super) before: Option<Value>,
    shown: bool,
    kept: bool,
}

#[derive(Default)]
pub(super) struct Screen {
    pub(super) name: String,
    base: Option<Value>,
    seq: u32,
    pub(super) view: Option<Value>,
    /// The `show` that the view was built on.
    seen: u32,
    op: u32,
    pub(super) pending: Vec<Pending>,
    state: Option<Value>,
    pub(super) refused: usize,
}

impl Screen {
    pub(super) fn new(name: &str) -> Screen {
        Screen { name: name.to_owned(), ..Screen::default() }
    }

    /// Numbers an edit and shows it.
    pub(super) fn next(&mut self, action: Action) -> (u32, u32) {
        self.op += 1;
        let before = self.view.clone();
        match &action {
            Action::Patch(patch) => {
                if let (Ok(patch), Some(view)) = (cbor::decode_patch(patch, &Limits::default()), &mut self.view)
                    && let Ok(diff) = patch.resolve(view)
                {
                    diff.apply(view).unwrap();
                }
            }
            Action::Set(value) => {
                self.view =
                    cbor::decode_value(value, &Limits::default()).ok().filter(|value| *value != Value::Undefined);
            }
            _ => {}
        }
        self.pending.push(Pending { op: self.op, action, before, shown: false, kept: false });
        (self.op, self.seen)
    }

    pub(super) fn patch_to(&self, value: &Value) -> Vec<u8> {
        let view = self.view.as_ref().expect("a tab edits what it shows");
        cbor::encode_patch(&diff_finely(view, value).to_patch())
    }

    /// What the tab was told last, by name.
    pub(super) fn state(&self, name: &str) -> Option<Value> {
        match &self.state {
            Some(Value::Object(members)) => members.get(name).cloned(),
            _ => None,
        }
    }

    /// Takes an effect; the edits that have to be sent again, with their base.
    pub(super) fn see(&mut self, effect: &Effect) -> Vec<u32> {
        match effect {
            Effect::Show { seq, patch, origin, .. } => {
                if *seq <= self.seq {
                    return Vec::new();
                }
                assert_eq!(*seq, self.seq + 1, "no show is missed");
                self.seq = *seq;
                if let Some(base) = &mut self.base {
                    let patch = cbor::decode_patch(patch, &Limits::default()).unwrap();
                    patch.resolve(base).expect("a show fits what the tab has").apply(base).unwrap();
                }
                if let Some(origin) = origin.as_ref().filter(|origin| origin.tab == self.name) {
                    self.pending.iter_mut().filter(|edit| edit.op <= origin.op).for_each(|edit| edit.shown = true);
                }
            }
            Effect::Reset { seq, to, value, ops, .. } => {
                if to.as_ref().is_some_and(|to| *to != self.name) {
                    return Vec::new();
                }
                self.seq = *seq;
                self.base = value.as_ref().map(|value| cbor::decode_value(value, &Limits::default()).unwrap());
                let done = ops.iter().find(|(tab, _)| *tab == self.name).map_or(0, |(_, op)| *op);
                self.pending.iter_mut().for_each(|edit| edit.shown |= edit.op <= done);
            }
            Effect::Refused { tab, op, .. } if *tab == self.name => {
                self.refused += 1;
                self.pending.retain(|edit| edit.op != *op);
            }
            Effect::Repeat { tab, op, .. } if *tab == self.name => return vec![*op],
            Effect::State { state, .. } => {
                self.state = Some(cbor::decode_value(state, &Limits::default()).unwrap());
            }
            _ => {}
        }
        self.settle();
        Vec::new()
    }

    /// The disk has this tab's edits up to `op`.
    pub(super) fn keep(&mut self, op: u32) {
        self.pending.iter_mut().filter(|edit| edit.op <= op).for_each(|edit| edit.kept = true);
        self.settle();
    }

    fn settle(&mut self) {
        self.pending.retain(|edit| !(edit.shown && edit.kept));
        if self.pending.iter().all(|edit| edit.shown) {
            self.view.clone_from(&self.base);
            self.seen = self.seq;
        }
    }

    /// The browser's replicas start anew: what it shows comes again, and edits it does not have are sent again.
    pub(super) fn restart(&mut self) {
        (self.seq, self.seen) = (0, 0);
        self.pending.iter_mut().for_each(|edit| edit.shown = false);
    }

    pub(super) fn pending(&self, op: u32) -> Option<&Pending> {
        self.pending.iter().find(|edit| edit.op == op)
    }

    /// Edits that the browser does not have.
    pub(super) fn unknown(&self) -> Vec<u32> {
        self.pending.iter().filter(|edit| !edit.shown).map(|edit| edit.op).collect()
    }
}
