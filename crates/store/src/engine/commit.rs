//! Writing the next version.

use sha2::{Digest, Sha256};
use timeweft_core::codec::cbor;
use timeweft_core::diff::Diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborDiff, Change, Committed, Context, Failure};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::{Current, Engine, EngineError};
use crate::blob::{Blob, ChunkWriter};
use crate::record::{Entry, FORMAT, Place, Pointer, Record, Seen, head_key, pointer, record_key};
use crate::store::Store;

/// Values up to this many bytes are in every record; longer ones in chunks, now and then.
const INLINE_VALUE: usize = 4 * 1024;

/// Versions kept in the tail for those who catch up, when the value doesn't need them.
const TAIL_VERSIONS: usize = 16;

/// Bytes of those.
const TAIL_BYTES: usize = 4 * 1024;

/// Versions in a tail at most, before the value is written again.
const TAIL_VERSIONS_MOST: usize = 256;

/// Idempotency keys remembered after their versions left the tail.
const SEEN: usize = 64;

/// A version about to be written.
pub(super) struct Draft<'a> {
    pub(super) valid_from: Timestamp,
    pub(super) value: &'a Value,
    /// The diff from the version before, and back; absent for a first version.
    pub(super) change: Option<(&'a Diff, &'a Diff)>,
    pub(super) deleted: bool,
    pub(super) key: Option<[u8; 16]>,
}

/// What came of writing it.
pub(super) enum Written {
    Swapped(Box<Record>),
    /// Somebody else's version came first; nothing of this one is left.
    Lost,
}

/// The wire form, encoded.
pub(super) fn wire(diff: &Diff) -> CborDiff {
    CborDiff(cbor::encode_patch(&diff.to_patch()))
}

/// The wire form of a diff that leads to `result`: plainer, as short texts and arrays can be written out.
pub(super) fn wire_to(diff: &Diff, result: &Value) -> CborDiff {
    CborDiff(cbor::encode_patch(&diff.to_patch_giving(result)))
}

/// What is remembered of an idempotency key: nobody can use up another person's.
pub(super) fn digest(person_id: &str, key: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update((person_id.len() as u64).to_le_bytes());
    hash.update(person_id);
    hash.update(key);
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Writes the version after `current` and says what to tell; `None` when the swap was lost.
    pub(super) async fn commit(
        &self,
        context: &Context,
        id: &EntityId,
        current: &Current,
        draft: Draft<'_>,
    ) -> Result<Option<Committed>, Failure> {
        let diff = draft.change.map(|(diff, _)| wire_to(diff, draft.value));
        match self.write(context, id, Some(current), draft).await? {
            Written::Swapped(record) => {
                let meta = self.current_meta(id, &record).await?;
                let prev_valid_from = Some(Timestamp(current.record.entry.valid_from));
                let change = diff.map(|diff| Change { diff, prev_valid_from });
                Ok(Some(Committed { meta, change, merged: None }))
            }
            Written::Lost => Ok(None),
        }
    }

    /// Chunks, then the record, then the swap.
    pub(super) async fn write(
        &self,
        context: &Context,
        id: &EntityId,
        current: Option<&Current>,
        draft: Draft<'_>,
    ) -> Result<Written, EngineError> {
        let version = current.map_or(1, |current| current.record.entry.version + 1);
        let pointer = pointer(version, (self.nonce)());
        let mut chunks = ChunkWriter::new(&self.store, id.as_str(), pointer);
        let (diff, previous) = match draft.change {
            Some((diff, previous)) => (
                Some(chunks.blob(cbor::encode_diff(diff)).await?),
                Some(chunks.blob(cbor::encode_diff(previous)).await?),
            ),
            None => (None, None),
        };
        let entry = Entry {
            pointer,
            version,
            valid_from: draft.valid_from.0,
            person_id: context.person_id.clone(),
            impersonator_id: context.impersonator_id.clone(),
            deleted: draft.deleted,
            diff,
            previous,
            key: draft.key.map(|key| key.to_vec().into()),
        };
        let most = context.limits.value_bytes;
        let place = place(current.map(|current| &current.record), &entry, draft.value, most, &mut chunks).await?;
        let record = match current {
            None => {
                let creator = context.person_id.clone();
                let created = entry.valid_from;
                Record { format: FORMAT, entry, creator, place, tail: Vec::new(), before: 0, seen: Vec::new(), created }
            }
            Some(current) => follow(current, entry, place),
        };
        let bytes = minicbor::to_vec(&record).map_err(|error| EngineError::Corrupt(error.to_string()))?;
        let key = record_key(id.as_str(), pointer);
        self.store.set(&key, &bytes).await?;
        let expected: Pointer = current.map_or(0, |current| current.pointer);
        if self.store.swap_head(&head_key(id.as_str()), expected, pointer).await? {
            return Ok(Written::Swapped(Box::new(record)));
        }
        // Only after a swap that surely failed: nothing will ever point here. What can't be removed stays as garbage.
        let _ = self.store.delete(&key).await;
        chunks.discard().await;
        Ok(Written::Lost)
    }

    /// The answer that a repeated request got the first time: `version` is the one that its key made.
    pub(super) async fn replay(
        &self,
        id: &EntityId,
        current: &Current,
        version: u64,
        since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let mut walk = self.walk(id, &current.record);
        let mut from_since = Vec::new();
        let mut known = false;
        while let Some(entry) = walk.next().await? {
            if since.is_some_and(|since| entry.valid_from <= since.0) {
                known = since.is_some_and(|since| entry.valid_from == since.0);
                if !from_since.is_empty() || entry.version < version {
                    break;
                }
            }
            if entry.version <= version {
                from_since.push(entry);
                if since.is_none() {
                    break;
                }
            }
        }
        let made = from_since.first().ok_or_else(|| EngineError::Corrupt(format!("{id} lost version {version}")))?;
        let meta = self.meta(id, current.record.created, made, Timestamp::FOREVER, None).await?;
        let merged = match known && from_since.len() > 1 {
            true => Some(wire(&self.compose(id, &from_since).await?)),
            false => None,
        };
        Ok(Committed { meta, change: None, merged })
    }
}

/// Where the value goes: in the record if short; else it stays where its last checkpoint is, as long as the diffs
/// since then are few against its length; else a new checkpoint is written.
async fn place<S: Store>(
    parent: Option<&Record>,
    entry: &Entry,
    value: &Value,
    most: usize,
    chunks: &mut ChunkWriter<'_, S>,
) -> Result<Place, EngineError> {
    if let Some(record) = parent
        && let Place::Chunks { version, value, bound } = &record.place
    {
        let bound = bound + entry.diff.as_ref().map_or(0, Blob::len) as u64;
        let since = record.tail.iter().chain([&record.entry, entry]).filter(|entry| entry.version > *version);
        let (count, bytes) = since.fold((0, 0), |(count, bytes), entry| (count + 1, bytes + cost(entry)));
        let budget = (value.len() / 16).clamp(TAIL_BYTES, 16 * TAIL_BYTES);
        if count < TAIL_VERSIONS_MOST && bytes <= budget && bound <= most as u64 {
            return Ok(Place::Chunks { version: *version, value: value.clone(), bound });
        }
    }
    let bytes = cbor::encode_value(value);
    if bytes.len() > most {
        let length = bytes.len();
        return Err(EngineError::TooLarge(format!("the value would have {length} bytes; at most {most} are taken")));
    }
    if bytes.len() <= INLINE_VALUE {
        return Ok(Place::Inline(bytes.into()));
    }
    let bound = bytes.len() as u64;
    Ok(Place::Chunks { version: entry.version, value: chunks.chunks(&bytes).await?, bound })
}

/// Bytes that an entry takes in a record, about.
fn weight(entry: &Entry) -> usize {
    let inline = |blob: &Option<Blob>| match blob {
        Some(Blob::Inline(bytes)) => bytes.len(),
        _ => 32,
    };
    inline(&entry.diff) + inline(&entry.previous) + entry.person_id.len() + 48
}

/// What an entry after a checkpoint costs whoever reads the value: bytes to load and bytes to apply.
fn cost(entry: &Entry) -> usize {
    weight(entry) + entry.diff.as_ref().filter(|diff| diff.chunks() > 0).map_or(0, Blob::len)
}

/// The record of the version after `current`: its tail is current's with current's own entry in front, as long as it needs to be.
fn follow(current: &Current, entry: Entry, place: Place) -> Record {
    let parent = &current.record;
    let needed_after = match &place {
        Place::Inline(_) => u64::MAX,
        Place::Chunks { version, .. } => *version,
    };
    let mut tail = Vec::new();
    let mut bytes = 0;
    let mut before = parent.before;
    let mut seen = parent.seen.clone();
    let mut left = Vec::new();
    for old in std::iter::once(&parent.entry).chain(&parent.tail) {
        bytes += weight(old);
        let wanted = left.is_empty() && tail.len() < TAIL_VERSIONS && bytes <= TAIL_BYTES;
        if old.version > needed_after || wanted {
            tail.push(old.clone());
        } else {
            left.push(old);
        }
    }
    if let Some(newest) = left.first() {
        before = newest.pointer;
    }
    let gone = left.iter().filter_map(|old| old.key.clone().map(|key| Seen { key, version: old.version }));
    seen.splice(0..0, gone);
    seen.truncate(SEEN);
    let (creator, created) = (parent.creator.clone(), parent.created);
    Record { format: FORMAT, entry, creator, place, tail, before, seen, created }
}
