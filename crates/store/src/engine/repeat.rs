//! Requests that are made again with their idempotency key: what is remembered of keys, and the answer of the first time.

use sha2::{Digest, Sha256};
use timeweft_core::diff::Patch;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Committed, Moment, Told};
use timeweft_core::time::Timestamp;

use super::describe::encoded;
use super::settle::{Current, Engine};
use crate::error::{EngineError, Stop};
use crate::key::{Gone, head_key, pointer, record_key};
use crate::loader::Loader;
use crate::record::{Entry, KEY, Record};
use crate::store::Store;

/// Of so many changes that others had made with one version the keys are remembered.
const NONE: usize = 256;

/// What is remembered of an idempotency key: nobody can use up another person's.
pub(super) fn digest(person_id: &str, key: &str) -> [u8; KEY] {
    let mut hash = Sha256::new();
    hash.update((person_id.len() as u64).to_le_bytes());
    hash.update(person_id);
    hash.update(key);
    let mut short = [0; KEY];
    short.copy_from_slice(&hash.finalize()[..KEY]);
    short
}

/// What a request was answered with.
#[derive(Clone, Copy)]
pub(super) struct Answered {
    pub(super) version: u64,
    /// Whether it made that.
    pub(super) is_own: bool,
}

impl Answered {
    /// What this version says of the key, if it has it: it made that, or was there when it came to nothing, or holds the one that it made.
    pub(super) fn of(entry: &Entry, key: &[u8; KEY]) -> Option<Answered> {
        let is_own = entry.key.as_ref().is_some_and(|own| own[..] == key[..]);
        let has = || entry.keys.iter().flat_map(|keys| keys.chunks_exact(KEY)).any(|known| known == key);
        (is_own || has()).then(|| Answered { version: entry.version, is_own: is_own && entry.run.is_none() })
    }
}

/// What was answered to this idempotency key, as far as the record remembers.
pub(super) fn answered(record: &Record, key: &[u8; KEY]) -> Option<Answered> {
    let in_log = std::iter::once(&record.entry).chain(&record.tail).find_map(|entry| Answered::of(entry, key));
    let seen = || record.seen.iter().find(|seen| seen.key.as_slice() == key);
    in_log.or_else(|| seen().map(|seen| Answered { version: seen.version, is_own: seen.made_none != Some(true) }))
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Remembers the key of a change that others had made already, so that it made no version: repeated when they have taken it back, it would
    /// make one. The record is written again with the key; false when somebody else was faster.
    ///
    /// Nothing is announced: who finds an intent of a version that is there removes what it names. Who dies before the swap leaves a record behind.
    pub(super) async fn remember(&self, id: &EntityId, current: &Current, key: [u8; KEY]) -> Result<bool, EngineError> {
        let (entity, mut record) = (id.as_str(), current.record.clone());
        let version = record.entry.version;
        let mut keys = key.to_vec();
        keys.extend(record.entry.keys.iter().flat_map(|keys| keys.iter()));
        keys.truncate(NONE * KEY);
        record.entry.keys = Some(keys.into());
        record.garbage = self.collect(entity, &record).await?;
        record.garbage.push(Gone::record(current.pointer));
        let to = pointer(version, (self.nonce)());
        let key = record_key(entity, to);
        self.store.set(&key, &record.to_bytes()?).await?;
        if self.store.swap_head(&head_key(entity), current.pointer, to).await? {
            return Ok(true);
        }
        let _ = self.store.delete(&key).await;
        Ok(false)
    }

    /// The answer that a repeated request got the first time: where history has taken its version
    /// together with later ones, with the one that holds them.
    pub(super) async fn replay(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        current: &Current,
        answered: Answered,
        since: Option<Timestamp>,
    ) -> Result<Committed, Stop> {
        let record = &current.record;
        let Answered { version, is_own } = answered;
        let Some((made, mut walk)) = self.holding(loader, record, version).await? else {
            return Err(EngineError::Corrupt(format!("{id} lost version {version}")).into());
        };
        // Newest first: that version, and those that came after `since` before it.
        let mut from_since = vec![made.clone()];
        let mut known = false;
        if let Some(since) = since {
            while let Some(entry) = walk.next().await? {
                if entry.valid_from <= since.0 {
                    known = entry.valid_from == since.0;
                    break;
                }
                from_since.push(entry);
            }
        }
        // Else others of one run, which is not told apart any more, are in it too.
        let is_alone = made.version == version && made.run.is_none();
        let is_current = made.version == record.entry.version;
        let chunks = record.chunks().filter(|_| is_current);
        let meta = self.meta(loader, id, record, &made, Timestamp::FOREVER, chunks).await?;
        let others = &from_since[usize::from(is_own && is_alone)..];
        // What the request was made on is of a run itself: then the whole value is told.
        let is_forgotten = !known && since.is_some_and(|since| since.0 < made.valid_from);
        let merged = if is_forgotten || known && !others.is_empty() {
            let value = match self.find(loader, record, Moment::Version(made.version)).await? {
                Some((entry, _, walk)) if !is_current => self.rebuild(loader, id, &entry, walk).await?,
                _ => self.state(loader, id, record).await?.whole(loader).await?,
            };
            let (diff, steps) = if is_forgotten {
                (encoded(&Patch::Replace(value)), Vec::new())
            } else {
                let whole = self.compose(loader, id, &from_since).await?;
                let diff = encoded(&whole.to_patch_giving(&value));
                let steps = if is_alone { self.steps(loader, id, others, &diff).await? } else { Vec::new() };
                (diff, steps)
            };
            Some(Told { diff, exact: None, steps })
        } else {
            None
        };
        Ok(Committed { meta, change: None, merged })
    }
}
