//! What is collected: keys that a commit made superfluous, and what writers left who died before their swap.
//!
//! A commit lists in its record what no later head will reach. Whoever commits on that record removes it: the record was
//! current, so nobody but a slow reader can still want it, and who misses a key reads the head again.
//!
//! Whoever is about to write says so first, under one key per entity: `[pointer, chunks]` for each. The next writer looks
//! there. An intent of a version that is not later than the current one, and not in the recent log, can't succeed any
//! more: what it wrote is garbage. An intent that got lost (two writers at once, and the one overwritten then died; or the disk
//! changed it) leaves what it announced behind. So does who dies while a key alone is remembered (`repeat`), which is one record;
//! nothing else does.

use minicbor::{Decode, Encode};

use super::settle::{Current, Engine};
use crate::error::EngineError;
use crate::key::{Gone, Pointer, chunk_key, intents_key, record_key, version_of};
use crate::record::Record;
use crate::store::Store;

/// So much garbage is let gather before it is removed: one commit in so many pays for all.
const GATHER: usize = 16;

/// Keys removed in one commit at most.
const REMOVED: usize = 64;

/// Intents that are remembered at most.
const INTENTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
struct Intent {
    #[n(0)]
    pointer: Pointer,
    #[n(1)]
    chunks: u32,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Removes garbage, a bounded number of keys; says what of the record's is left.
    pub(super) async fn collect(&self, entity: &str, record: &Record) -> Result<Vec<Gone>, EngineError> {
        let mut left = record.garbage.clone();
        if left.iter().map(Gone::keys).sum::<usize>() < GATHER {
            return Ok(left);
        }
        let mut most = REMOVED;
        while most > 0
            && let Some(gone) = left.pop()
        {
            left.extend(self.remove(entity, gone, &mut most).await?);
        }
        Ok(left)
    }

    /// Removes keys, `most` of them; what is left.
    async fn remove(&self, entity: &str, gone: Gone, most: &mut usize) -> Result<Option<Gone>, EngineError> {
        if gone.count == 0 {
            self.store.delete(&record_key(entity, gone.pointer)).await?;
            *most = most.saturating_sub(1);
            return Ok(None);
        }
        let now = (gone.count as usize).min(*most) as u32;
        let count = gone.count - now;
        for chunk in gone.first + count..gone.first + gone.count {
            self.store.delete(&chunk_key(entity, gone.pointer, chunk)).await?;
        }
        *most -= now as usize;
        Ok((count > 0).then_some(Gone { count, ..gone }))
    }

    /// Says what is about to be written, and removes what those left who can't succeed any more.
    pub(super) async fn announce(
        &self,
        entity: &str,
        current: Option<&Current>,
        pointer: Pointer,
        chunks: u32,
    ) -> Result<(), EngineError> {
        let key = intents_key(entity);
        let known = match self.store.get(&key).await? {
            // What can't be read is as one that got lost: it keeps nobody from writing.
            Some(bytes) => minicbor::decode::<Vec<Intent>>(&bytes).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut most = REMOVED;
        let mut intents = Vec::with_capacity(known.len() + 1);
        for intent in known {
            match current.map_or(Fate::Open, |current| fate(&intent, current)) {
                Fate::Open => intents.push(intent),
                Fate::Known => {}
                Fate::Dead if most == 0 => intents.push(intent),
                Fate::Dead => {
                    let chunks = Gone { pointer: intent.pointer, first: 0, count: intent.chunks };
                    let left = match intent.chunks {
                        0 => None,
                        _ => self.remove(entity, chunks, &mut most).await?,
                    };
                    match left {
                        Some(left) => intents.push(Intent { chunks: left.count, ..intent }),
                        None => drop(self.remove(entity, Gone::record(intent.pointer), &mut most).await?),
                    }
                }
            }
        }
        intents.push(Intent { pointer, chunks });
        let forgotten = intents.len().saturating_sub(INTENTS);
        let bytes = minicbor::to_vec(&intents[forgotten..]).map_err(|error| EngineError::Corrupt(error.to_string()))?;
        Ok(self.store.set(&key, &bytes).await?)
    }
}

/// What became of an intent.
enum Fate {
    /// It may still succeed.
    Open,
    /// It succeeded, or it is too old to tell.
    Known,
    /// It never will.
    Dead,
}

fn fate(intent: &Intent, current: &Current) -> Fate {
    let version = version_of(intent.pointer);
    if version > version_of(current.pointer) {
        return Fate::Open;
    }
    let log = std::iter::once(&current.record.entry).chain(&current.record.tail);
    let same = log.map(|entry| entry.pointer).find(|pointer| version_of(*pointer) == version);
    match same {
        Some(pointer) if pointer != intent.pointer => Fate::Dead,
        _ => Fate::Known,
    }
}
