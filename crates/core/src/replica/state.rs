//! What tabs are told beside the value: one CBOR map.

use super::conflict::Conflict;
use super::journal::path_out;
use super::{Confirmed, Effect, Replica};
use crate::codec::cbor;
use crate::message::{Format, MapWriter, encode_meta};
use crate::operation::CborValue;
use crate::prelude::*;
use crate::value::Value;

impl Replica {
    /// Tells tabs, if it is not what they were told last.
    pub(super) fn tell_state(&mut self, effects: &mut Vec<Effect>) {
        if self.tabs.is_empty() {
            return;
        }
        let state = self.state();
        if state != self.last_state {
            effects.push(Effect::State { entity: self.id(), state: state.clone() });
            self.last_state = state;
        }
    }

    fn state(&self) -> Vec<u8> {
        let mut map = MapWriter::new(Format::Cbor);
        map.text("presence", self.presence());
        map.text("status", self.status());
        if let Some(meta) = self.version() {
            map.raw("meta", &encode_meta(meta, Format::Cbor));
        }
        if !self.role.is_empty() {
            map.text("role", &self.role);
        }
        let conflicts: Vec<Vec<u8>> = self.conflicts.iter().map(conflict).collect();
        map.array("conflicts", &conflicts);
        let mut undo = MapWriter::new(Format::Cbor);
        for tab in &self.tabs {
            let steps = Value::Array(
                [&tab.undo, &tab.redo].map(|stack| Value::from(stack.len(self.view_deleted) as f64)).into(),
            );
            undo.value(&tab.name, &CborValue(cbor::encode_value(&steps)));
        }
        map.raw("undo", &undo.finish());
        if !self.refused.is_empty() {
            map.raw("error", &self.refused);
        }
        map.finish()
    }

    fn presence(&self) -> &'static str {
        match (&self.view, &self.confirmed) {
            (Some(_), _) if self.view_deleted => "deleted",
            (Some(_), _) => "present",
            (None, Confirmed::Unknown) => "unknown",
            (None, _) => "missing",
        }
    }

    fn status(&self) -> &'static str {
        match () {
            () if !self.conflicts.is_empty() => "conflict",
            () if !self.connected => "offline",
            () if !self.is_settled() => "saving",
            () if self.confirmed == Confirmed::Unknown => "loading",
            () => "saved",
        }
    }
}

fn conflict(conflict: &Conflict) -> Vec<u8> {
    let mut map = MapWriter::new(Format::Cbor);
    map.uint("id", conflict.id.into());
    map.value("path", &CborValue(cbor::encode_value(&path_out(&conflict.place.path))));
    if let Some(range) = conflict.place.range {
        let range = Value::Array([range.start, range.length].map(|number| Value::from(number as f64)).into());
        map.value("range", &CborValue(cbor::encode_value(&range)));
    }
    if conflict.place.absent || conflict.place.lost {
        map.value("absent", &CborValue(cbor::encode_value(&Value::Bool(true))));
    }
    for (name, value) in [("base", &conflict.base), ("mine", &conflict.mine), ("theirs", &conflict.theirs)] {
        if let Some(value) = value {
            map.value(name, &CborValue(cbor::encode_value(value)));
        }
    }
    for (name, part) in [("meta", &conflict.meta), ("error", &conflict.error)] {
        if !part.is_empty() {
            map.raw(name, part);
        }
    }
    map.finish()
}
