//! What was written and is not on disk yet, and a little of what is.
//!
//! An entry's batch tells which it is: up to `settled` it is on disk and the entry only saves a read; beyond, it is
//! pending. All of it is behind one lock that is never held over I/O.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::{Batch, StoreError, StoreOptions};

/// How long a write waits for room before it is refused: shorter than a call may take, so that the caller can say so.
const PATIENCE: Duration = Duration::from_secs(4);
/// What an entry costs beside its key and value, roughly.
const ENTRY_OVERHEAD: usize = 128;

#[derive(Clone)]
pub(super) struct Entry<T> {
    pub(super) value: T,
    pub(super) batch: Batch,
}

/// What the overlay knows of a head, and as of when.
pub(super) struct PeekedHead {
    pub(super) entry: Option<Entry<u64>>,
    pub(super) settled: Batch,
}

/// What one transaction writes.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) values: HashMap<Box<str>, Option<Bytes>>,
    pub(super) heads: HashMap<Box<str>, u64>,
    bytes: usize,
}

/// What one session has put into a batch, and into all of them.
#[derive(Default)]
pub(super) struct Share {
    batch: Batch,
    bytes: usize,
    all: usize,
}

impl Writes {
    fn is_empty(&self) -> bool {
        self.values.is_empty() && self.heads.is_empty()
    }
}

pub(super) struct Shared {
    pub(super) path: PathBuf,
    options: StoreOptions,
    state: Mutex<State>,
    /// Something is pending, or the store stops.
    work: Condvar,
    /// There is room again.
    room: Condvar,
    settled: watch::Sender<Batch>,
    #[cfg(test)]
    pub(super) page_limit: std::sync::atomic::AtomicU32,
}

struct State {
    values: HashMap<Box<str>, Entry<Option<Bytes>>>,
    heads: HashMap<Box<str>, Entry<u64>>,
    /// The batch that takes writes now.
    open: Batch,
    pending: Writes,
    /// Bytes of the batch that the writer has in hand.
    in_hand: usize,
    /// Every batch up to this one is on disk or has failed.
    settled: Batch,
    /// Batches that failed, ascending; neighbours are merged, so that a long outage is one range.
    failed: Vec<RangeInclusive<Batch>>,
    /// Entries on disk that are still in memory, oldest first.
    clean: VecDeque<(Kind, Box<str>, Batch, usize)>,
    clean_bytes: usize,
    /// Why the last batch failed.
    failure: Option<String>,
    stopped: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Value,
    Head,
}

impl Shared {
    pub(super) fn new(path: PathBuf, options: StoreOptions) -> Shared {
        Shared {
            path,
            options,
            state: Mutex::new(State {
                values: HashMap::new(),
                heads: HashMap::new(),
                open: 1,
                pending: Writes::default(),
                in_hand: 0,
                settled: 0,
                failed: Vec::new(),
                clean: VecDeque::new(),
                clean_bytes: 0,
                failure: None,
                stopped: false,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            settled: watch::Sender::new(0),
            #[cfg(test)]
            page_limit: Default::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock can panic half-way through a change, so a poisoned lock is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn peek_value(&self, key: &str, depends_on: Batch) -> Result<Option<Entry<Option<Bytes>>>, StoreError> {
        let state = self.lock();
        state.check(depends_on)?;
        Ok(state.values.get(key).cloned())
    }

    pub(super) fn peek_head(&self, key: &str, depends_on: Batch) -> Result<PeekedHead, StoreError> {
        let state = self.lock();
        state.check(depends_on)?;
        Ok(PeekedHead { entry: state.heads.get(key).cloned(), settled: state.settled })
    }

    /// Returns the batch that the write is in.
    pub(super) fn write(
        &self,
        key: &str,
        value: Option<Bytes>,
        depends_on: Batch,
        share: &mut Share,
    ) -> Result<Batch, StoreError> {
        let mut state = self.lock_with_room(Some(share))?;
        state.check(depends_on)?;
        let batch = state.open;
        let bytes = key.len() + value.as_ref().map_or(0, Bytes::len) + ENTRY_OVERHEAD;
        state.pending.bytes += bytes;
        let before = if share.batch == batch { share.bytes } else { 0 };
        *share = Share { batch, bytes: before + bytes, all: share.all + bytes };
        state.pending.values.insert(key.into(), value.clone());
        state.values.insert(key.into(), Entry { value, batch });
        self.work.notify_one();
        Ok(batch)
    }

    /// `on_disk` is the head as the disk had it when batches up to `settled` were settled; it is not looked at when
    /// the overlay has the head. Returns whether it was swapped and the batch that this depends on, or `None` when
    /// `on_disk` may be out of date.
    pub(super) fn swap_head(
        &self,
        key: &str,
        current: u64,
        next: u64,
        on_disk: Option<u64>,
        settled: Batch,
        depends_on: Batch,
    ) -> Result<Option<(bool, Batch)>, StoreError> {
        let mut state = self.lock_with_room(None)?;
        state.check(depends_on)?;
        let (head, seen) = match (state.heads.get(key), on_disk) {
            (Some(entry), _) => (entry.value, entry.batch),
            (None, Some(head)) if state.settled == settled => (head, 0),
            _ => return Ok(None),
        };
        if head != current {
            return Ok(Some((false, seen)));
        }
        let batch = state.open;
        state.pending.bytes += key.len() + ENTRY_OVERHEAD;
        state.pending.heads.insert(key.into(), next);
        state.heads.insert(key.into(), Entry { value: next, batch });
        self.work.notify_one();
        Ok(Some((true, batch)))
    }

    fn lock_with_room(&self, share: Option<&Share>) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.room_for(share);
        if state.stopped {
            return Err(StoreError::Unavailable("the store is closing".into()));
        }
        // Whose share alone is used up need not wait longer.
        if self.is_full(&state, None) {
            return Err(StoreError::Unavailable("the disk is too slow for what is written".into()));
        }
        Ok(state)
    }

    fn is_full(&self, state: &State, share: Option<&Share>) -> bool {
        let most = self.options.share_bytes;
        // Those who write much have one share together.
        let is_used_up = share.is_some_and(|share| {
            (share.batch == state.open && share.bytes > most) || (share.all > most && state.pending.bytes > most)
        });
        !state.stopped && (is_used_up || state.pending.bytes + state.in_hand > self.options.pending_bytes)
    }

    /// Waits until one more can be written; not for ever.
    fn room_for(&self, share: Option<&Share>) -> MutexGuard<'_, State> {
        let full = |state: &mut State| self.is_full(state, share);
        self.room.wait_timeout_while(self.lock(), PATIENCE, full).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn has_room(&self, share: &Share) -> bool {
        !self.is_full(&self.lock(), Some(share))
    }

    pub(super) fn wait_for_room(&self, share: &Share) {
        drop(self.room_for(Some(share)));
    }

    pub(super) async fn durable(&self, batch: Batch) -> Result<(), StoreError> {
        // The sender lives as long as `self`, so waiting can't fail.
        let _ = self.settled.subscribe().wait_for(|settled| *settled >= batch).await;
        self.lock().check(batch)
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// For the writer: waits for something to write. `None` when the store stops and nothing is left.
    pub(super) fn take(&self) -> Option<(Batch, Writes)> {
        let idle = |state: &mut State| state.pending.is_empty() && !state.stopped;
        let mut state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.pending.is_empty() {
            return None;
        }
        let batch = state.open;
        state.open += 1;
        let writes = std::mem::take(&mut state.pending);
        state.in_hand = writes.bytes;
        drop(state);
        self.room.notify_all();
        Some((batch, writes))
    }

    /// For the writer: `batch` is on disk and visible to readers.
    pub(super) fn committed(&self, batch: Batch, writes: Writes) {
        let mut state = self.lock();
        let values = writes.values.into_iter().map(|(key, value)| (Kind::Value, key, value.map_or(0, |v| v.len())));
        let heads = writes.heads.into_keys().map(|key| (Kind::Head, key, 0));
        for (kind, key, len) in values.chain(heads) {
            let bytes = key.len() * 2 + len + ENTRY_OVERHEAD;
            state.clean_bytes += bytes;
            state.clean.push_back((kind, key, batch, bytes));
        }
        state.forget(self.options.cached_bytes);
        state.settled = batch;
        state.in_hand = 0;
        state.failure = None;
        drop(state);
        self.settled.send_replace(batch);
        self.room.notify_all();
    }

    /// For the writer: `batch` did not reach the disk. Whatever came after it may rest on it and goes too.
    pub(super) fn failed(&self, batch: Batch, reason: String) {
        let mut state = self.lock();
        let last = state.open;
        state.open += 1;
        state.pending = Writes::default();
        state.in_hand = 0;
        state.values.retain(|_, entry| entry.batch < batch);
        state.heads.retain(|_, entry| entry.batch < batch);
        match state.failed.last_mut() {
            Some(range) if *range.end() + 1 == batch => *range = *range.start()..=last,
            _ => state.failed.push(batch..=last),
        }
        state.settled = last;
        state.failure = Some(reason);
        drop(state);
        self.settled.send_replace(last);
        self.room.notify_all();
    }
}

impl State {
    /// Refuses who depends on a batch that was lost.
    fn check(&self, depends_on: Batch) -> Result<(), StoreError> {
        let after = self.failed.partition_point(|range| *range.end() < depends_on);
        match self.failed.get(after) {
            Some(range) if range.contains(&depends_on) => {
                let reason = self.failure.clone().unwrap_or_else(|| "a write did not reach the disk".into());
                Err(StoreError::Unavailable(reason))
            }
            _ => Ok(()),
        }
    }

    /// Drops the oldest entries that are on disk anyway.
    fn forget(&mut self, cached_bytes: usize) {
        while self.clean_bytes > cached_bytes {
            let Some((kind, key, batch, bytes)) = self.clean.pop_front() else { return };
            self.clean_bytes -= bytes;
            match kind {
                Kind::Value if self.values.get(&key).is_some_and(|entry| entry.batch == batch) => {
                    self.values.remove(&key);
                }
                Kind::Head if self.heads.get(&key).is_some_and(|entry| entry.batch == batch) => {
                    self.heads.remove(&key);
                }
                _ => {}
            }
        }
    }
}
