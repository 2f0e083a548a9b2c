//! Loading records, values and the versions before.

use std::collections::VecDeque;

use timeweft_core::codec::cbor;
use timeweft_core::diff::{self, Diff};
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::operation::Meta;
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::{Engine, EngineError, commit};
use crate::blob::Blob;
use crate::record::{Entry, FORMAT, Place, Pointer, Record, record_key};
use crate::store::Store;

/// The version that an idempotency key made, as far as the record remembers.
pub(super) fn version_of_key(record: &Record, key: &[u8]) -> Option<u64> {
    let is = |entry: &&Entry| entry.key.as_ref().is_some_and(|known| known.as_slice() == key);
    let in_tail = std::iter::once(&record.entry).chain(&record.tail).find(is).map(|entry| entry.version);
    in_tail.or_else(|| record.seen.iter().find(|seen| seen.key.as_slice() == key).map(|seen| seen.version))
}

/// Versions from a record backwards, one after the other, loading older records as needed.
pub(super) struct Walk<'a, S, N> {
    engine: &'a Engine<S, N>,
    id: &'a EntityId,
    loaded: VecDeque<Entry>,
    before: Pointer,
}

impl<S: Store, N: Fn() -> u32> Walk<'_, S, N> {
    /// The next older version.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>, EngineError> {
        if self.loaded.is_empty() && self.before != 0 {
            let record = self.engine.record(self.id, self.before).await?;
            self.before = record.before;
            self.loaded.push_back(record.entry);
            self.loaded.extend(record.tail);
        }
        Ok(self.loaded.pop_front())
    }
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    pub(super) async fn record(&self, id: &EntityId, pointer: Pointer) -> Result<Record, EngineError> {
        let key = record_key(id.as_str(), pointer);
        let bytes = self.store.get(&key).await?.ok_or_else(|| EngineError::Corrupt(format!("no record {key}")))?;
        let record: Record =
            minicbor::decode(&bytes).map_err(|error| EngineError::Corrupt(format!("record {key}: {error}")))?;
        if record.format != FORMAT {
            let format = record.format;
            return Err(EngineError::Corrupt(format!("record {key} has format {format}; this build reads {FORMAT}")));
        }
        Ok(record)
    }

    pub(super) fn walk<'a>(&'a self, id: &'a EntityId, record: &Record) -> Walk<'a, S, N> {
        let loaded = std::iter::once(&record.entry).chain(&record.tail).cloned().collect();
        Walk { engine: self, id, loaded, before: record.before }
    }

    /// The versions after `since`, newest first; `None` if `since` is not a version of this entity.
    pub(super) async fn newer_than(
        &self,
        id: &EntityId,
        record: &Record,
        since: Timestamp,
    ) -> Result<Option<Vec<Entry>>, EngineError> {
        let mut newer = Vec::new();
        let mut walk = self.walk(id, record);
        while let Some(entry) = walk.next().await? {
            if entry.valid_from <= since.0 {
                return Ok((entry.valid_from == since.0).then_some(newer));
            }
            newer.push(entry);
        }
        Ok(None)
    }

    pub(super) async fn diff(&self, id: &EntityId, blob: &Option<Blob>) -> Result<Diff, EngineError> {
        let blob = blob.as_ref().ok_or_else(|| EngineError::Corrupt(format!("a version of {id} has no diff")))?;
        let bytes = blob.read(&self.store, id.as_str()).await?;
        cbor::decode_diff(&bytes).map_err(|error| EngineError::Corrupt(format!("a diff of {id}: {error}")))
    }

    /// From the version before the oldest of `newer` (newest first) to the newest.
    pub(super) async fn compose(&self, id: &EntityId, newer: &[Entry]) -> Result<Diff, EngineError> {
        let mut whole = Diff::Object(Default::default());
        for entry in newer.iter().rev() {
            let next = self.diff(id, &entry.diff).await?;
            whole = diff::compose(&whole, &next)
                .map_err(|error| EngineError::Corrupt(format!("versions of {id} don't follow: {error}")))?;
        }
        Ok(whole)
    }

    /// The value of the record's version.
    pub(super) async fn value(&self, id: &EntityId, record: &Record) -> Result<Value, EngineError> {
        let (stored_at, bytes) = match &record.place {
            Place::Inline(bytes) => (record.entry.version, bytes.to_vec()),
            Place::Chunks { version, value, .. } => (*version, value.read(&self.store, id.as_str()).await?),
        };
        let mut value = cbor::decode_value(&bytes, &STORED)
            .map_err(|error| EngineError::Corrupt(format!("the value of {id}: {error}")))?;
        let later = record.tail.iter().rev().chain([&record.entry]).filter(|entry| entry.version > stored_at);
        for entry in later {
            self.apply(id, &entry.diff, &mut value).await?;
        }
        Ok(value)
    }

    /// Applies a stored diff, forwards or backwards.
    pub(super) async fn apply(&self, id: &EntityId, blob: &Option<Blob>, value: &mut Value) -> Result<(), EngineError> {
        let diff = self.diff(id, blob).await?;
        diff.apply(value).map_err(|error| EngineError::Corrupt(format!("a diff of {id} doesn't fit: {error}")))
    }

    pub(super) async fn meta(
        &self,
        id: &EntityId,
        created: u64,
        entry: &Entry,
        valid_to: Timestamp,
        chunks: Option<u32>,
    ) -> Result<Meta, EngineError> {
        let previous_values = match &entry.previous {
            Some(_) => Some(commit::wire(&self.diff(id, &entry.previous).await?)),
            None => None,
        };
        Ok(Meta {
            entity_id: id.as_str().into(),
            version: entry.version,
            valid_from: Timestamp(entry.valid_from),
            valid_to,
            person_id: entry.person_id.clone(),
            previous_values,
            deleted: entry.deleted,
            impersonator_id: entry.impersonator_id.clone(),
            chunks,
            created_at: Some(Timestamp(created)),
        })
    }
}

/// What is stored was within its limits when it was written; the limits may have been lowered since.
const STORED: Limits = Limits {
    value_bytes: usize::MAX,
    depth: 1_024,
    message_bytes: usize::MAX,
    body_bytes: usize::MAX,
    diff_operations: usize::MAX,
    subscriptions: usize::MAX,
};
