//! Requests that are made again with their idempotency key: what is remembered of keys, and the answer of the first time.

use sha2::{Digest, Sha256};
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Committed, Moment, Told};
use timeweft_core::time::Timestamp;

use super::describe::encoded;
use super::settle::{Current, Engine};
use crate::error::{EngineError, Stop};
use crate::loader::Loader;
use crate::record::{Entry, Record};
use crate::store::Store;

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

/// The version that an idempotency key made, as far as the record remembers.
pub(super) fn version_of_key(record: &Record, key: &[u8]) -> Option<u64> {
    let is = |entry: &&Entry| entry.key.as_ref().is_some_and(|known| known.as_slice() == key);
    let in_log = std::iter::once(&record.entry).chain(&record.tail).find(is).map(|entry| entry.version);
    in_log.or_else(|| record.seen.iter().find(|seen| seen.key.as_slice() == key).map(|seen| seen.version))
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// The answer that a repeated request got the first time: `version` is the one that its key made. Where history has taken that
    /// together with later ones, it is the one that holds them.
    pub(super) async fn replay(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        current: &Current,
        version: u64,
        since: Option<Timestamp>,
    ) -> Result<Committed, Stop> {
        let record = &current.record;
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
        let is_current = made.version == record.entry.version;
        let chunks = record.chunks().filter(|_| is_current);
        let meta = self.meta(loader, id, record, &made, Timestamp::FOREVER, chunks).await?;
        let merged = match (known, &from_since[..]) {
            (true, [_, others @ ..]) if !others.is_empty() => {
                let whole = self.compose(loader, id, &from_since).await?;
                let value = match self.find(loader, record, Moment::Version(made.version)).await? {
                    Some((entry, _, walk)) if !is_current => self.rebuild(loader, id, &entry, walk).await?,
                    _ => self.state(loader, id, record).await?.whole(loader).await?,
                };
                let diff = encoded(&whole.to_patch_giving(&value));
                let steps = self.steps(loader, id, others, &diff).await?;
                Some(Told { diff, exact: None, steps })
            }
            _ => None,
        };
        Ok(Committed { meta, change: None, merged })
    }
}
