//! From the recent log to the sealed history. Done by whoever commits when the log has become long, in bounded steps: the
//! newest segment is written anew with what left the log, and now and then a few segments become one.
//!
//! The newest segment is open: it takes more until it has [`BLOCK`] bytes. Its last version stays behind when it is closed
//! and begins the next, so that a run of one person's quick edits is coalesced across.

use minicbor::bytes::ByteVec;
use timeweft_core::codec::cbor;
use timeweft_core::diff::{self, Diff};
use timeweft_core::id::EntityId;
use timeweft_core::value::Value;

use super::settle::Engine;
use crate::blob::{INLINE, INLINE_VALUE, Writing};
use crate::error::EngineError;
use crate::loader::{Loader, decode_stored};
use crate::record::{Base, Entry, KEY, Sealed, Segment};
use crate::segment::{self, Block};
use crate::store::Store;

/// Idempotency keys that a run keeps: of its newest versions.
const KEYS: usize = 1_024;

/// A block is closed when it has so many bytes.
const BLOCK: usize = 32 * 1024;

/// So many closed segments of one block become one segment.
const MERGED: usize = 8;

/// So many merged segments are listed in a record; older ones are listed elsewhere.
const LISTED: usize = 32;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Puts `entries` (oldest first) behind what is sealed.
    pub(super) async fn seal(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        sealed: &Sealed,
        entries: Vec<Entry>,
        granularity: u64,
        to: &mut Writing,
    ) -> Result<Sealed, EngineError> {
        let mut sealed = sealed.clone();
        let mut all = Vec::new();
        if let Some(open) = sealed.segments.pop() {
            for block in segment::blocks(&loader.read(&open.blob).await?, id.as_str())? {
                all.extend(block.entries(id.as_str())?);
            }
            to.drop_blob(&open.blob);
        }
        all.extend(entries.into_iter().map(|entry| Entry { pointer: 0, ..entry }));
        let mut all = self.coalesce(loader, id, all, granularity, to).await?;
        let block = Block::of(&all)?;
        if block.len() < BLOCK || all.len() < 2 {
            push(&mut sealed, &block, to)?;
            return Ok(sealed);
        }
        // The last version begins the next block, with its value if that is short.
        if let Some(value) = self.last_value(loader, id, &all).await?
            && let Some(last) = all.last_mut()
            && last.base.is_none()
        {
            let bytes = cbor::encode_value(&value);
            last.base = (bytes.len() <= INLINE_VALUE).then(|| Base::Inline(bytes.into()));
        }
        let last = all.split_off(all.len() - 1);
        push(&mut sealed, &Block::of(&all)?, to)?;
        self.merge(loader, &mut sealed, to).await?;
        push(&mut sealed, &Block::of(&last)?, to)?;
        Ok(sealed)
    }

    /// The value at the last of these, where it follows from a short one in them.
    async fn last_value(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        entries: &[Entry],
    ) -> Result<Option<Value>, EngineError> {
        let mut value: Option<Value> = None;
        for entry in entries {
            match (&entry.base, &mut value) {
                (Some(Base::Inline(bytes)), value) => *value = Some(decode_stored(id.as_str(), bytes)?),
                (Some(Base::Tree { .. }), value) => *value = None,
                (None, Some(value)) => {
                    let diff = self.diff(loader, &entry.diff).await?;
                    diff.apply(value).map_err(|error| EngineError::Corrupt(format!("a diff of {id}: {error}")))?;
                }
                (None, None) => {}
            }
        }
        Ok(value)
    }

    /// Runs of versions that one person made within the granularity become their last one, under its own start.
    async fn coalesce(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        entries: Vec<Entry>,
        granularity: u64,
        to: &mut Writing,
    ) -> Result<Vec<Entry>, EngineError> {
        if granularity == 0 {
            return Ok(entries);
        }
        let mut kept = Vec::with_capacity(entries.len());
        let mut run: Vec<Entry> = Vec::new();
        for entry in entries {
            let joins = run.first().is_some_and(|first| {
                let person = |entry: &Entry| (entry.person_id.clone(), entry.impersonator_id.clone());
                person(first) == person(&entry)
                    && !first.deleted
                    && !entry.deleted
                    && entry.valid_from - run_start(first) < granularity
            });
            if !joins && !run.is_empty() {
                kept.push(self.one(loader, id, std::mem::take(&mut run), to).await?);
            }
            run.push(entry);
        }
        if !run.is_empty() {
            kept.push(self.one(loader, id, run, to).await?);
        }
        Ok(kept)
    }

    /// A run as its last version.
    async fn one(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        run: Vec<Entry>,
        to: &mut Writing,
    ) -> Result<Entry, EngineError> {
        let last = run.len() - 1;
        if last == 0 {
            return run.into_iter().next().ok_or_else(|| EngineError::Corrupt("a run of no versions".into()));
        }
        let composed = |first: &Diff, second: &Diff| {
            diff::compose(first, second).map_err(|error| EngineError::Corrupt(format!("versions of {id}: {error}")))
        };
        let start = Some(run_start(&run[0]));
        let (mut there, mut back) = (Some(Diff::identity()), Some(Diff::identity()));
        // What is to be applied to the last whole value in the run.
        let mut base: Option<(Base, Diff)> = None;
        for entry in &run {
            let diff = match &entry.diff {
                Some(_) => Some(self.diff(loader, &entry.diff).await?),
                None => None,
            };
            base = match (&entry.base, base, &diff) {
                (Some(own), ..) => Some((own.clone(), Diff::identity())),
                (None, Some((base, then)), Some(diff)) => Some((base, composed(&then, diff)?)),
                _ => None,
            };
            there = match (there, &diff) {
                (Some(there), Some(diff)) => Some(composed(&there, diff)?),
                _ => None,
            };
            back = match (back, &entry.previous) {
                (Some(back), Some(_)) => Some(composed(&self.diff(loader, &entry.previous).await?, &back)?),
                _ => None,
            };
            for blob in [&entry.diff, &entry.previous].into_iter().flatten() {
                to.drop_blob(blob);
            }
        }
        let base = match base {
            None => None,
            Some((base, then)) if then.is_identity() => Some(base),
            Some((Base::Inline(bytes), then)) => {
                let mut value = decode_stored(id.as_str(), &bytes)?;
                then.apply(&mut value).map_err(|error| EngineError::Corrupt(format!("versions of {id}: {error}")))?;
                Some(Base::Inline(cbor::encode_value(&value).into()))
            }
            Some((Base::Tree { root, then: before }, then)) => {
                let then = match &before {
                    Some(_) => composed(&self.diff(loader, &before).await?, &then)?,
                    None => then,
                };
                before.iter().for_each(|blob| to.drop_blob(blob));
                Some(Base::Tree { root, then: Some(to.blob(cbor::encode_diff(&then), INLINE)) })
            }
        };
        let mut blob = |diff: Option<Diff>| diff.map(|diff| to.blob(cbor::encode_diff(&diff), INLINE));
        let (diff, previous) = (blob(there), blob(back));
        let keys = keys(&run);
        let last = run.into_iter().next_back().ok_or_else(|| EngineError::Corrupt("a run of no versions".into()))?;
        Ok(Entry { diff, previous, base, run: start, keys, ..last })
    }

    /// The closed segments of one block become one, when there are enough of them; the oldest leave the list when it is long.
    async fn merge(&self, loader: &Loader<'_, S>, sealed: &mut Sealed, to: &mut Writing) -> Result<(), EngineError> {
        let single = sealed.segments.iter().rev().take_while(|segment| segment.blocks == 1).count();
        if single < MERGED {
            return Ok(());
        }
        let merged = sealed.segments.split_off(sealed.segments.len() - single);
        let mut bytes = Vec::new();
        for segment in &merged {
            match to.take_back(&segment.blob) {
                Some(mut block) => bytes.append(&mut block),
                None => {
                    bytes.extend_from_slice(&loader.read(&segment.blob).await?);
                    to.drop_blob(&segment.blob);
                }
            }
        }
        let (version, valid_from) = (merged[0].version, merged[0].valid_from);
        sealed.segments.push(Segment { version, valid_from, blocks: single as u32, blob: to.blob(bytes, 0) });
        if sealed.segments.len() > LISTED {
            let newer = sealed.segments.split_off(sealed.segments.len() - LISTED / 2);
            let older = minicbor::to_vec(&*sealed).map_err(|error| EngineError::Corrupt(error.to_string()))?;
            *sealed = Sealed { segments: newer, older: Some(to.blob(older, 0)) };
        }
        Ok(())
    }
}

/// The idempotency keys of a run but that of its last version.
fn keys(run: &[Entry]) -> Option<ByteVec> {
    let mut keys = Vec::new();
    for (back, entry) in run.iter().rev().enumerate() {
        keys.extend(entry.key.iter().filter(|_| back > 0).flat_map(|key| key.iter()));
        keys.extend(entry.keys.iter().flat_map(|keys| keys.iter()));
    }
    keys.truncate(KEYS * KEY);
    (!keys.is_empty()).then(|| keys.into())
}

/// When the run began of which this is what remains.
fn run_start(entry: &Entry) -> u64 {
    entry.run.unwrap_or(entry.valid_from)
}

fn push(sealed: &mut Sealed, block: &Block, to: &mut Writing) -> Result<(), EngineError> {
    let mut bytes = Vec::new();
    block.write(&mut bytes)?;
    let (version, valid_from) = (block.version, block.valid_from);
    sealed.segments.push(Segment { version, valid_from, blocks: 1, blob: to.blob(bytes, 0) });
    Ok(())
}
