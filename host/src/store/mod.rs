//! `timeweft:storage/store` on SQLite, with group commit.
//!
//! A write does not wait for the disk, unless [`StoreOptions::pending_bytes`] are waiting or [`StoreOptions::share_bytes`] of its
//! own session: it goes to an `Overlay` in memory
//! that every reader sees at once, and one writer thread commits everything pending in one transaction and one sync. Batches
//! are numbered; a [`Session`] remembers the newest batch that its reads and writes depend on, and whoever runs the session
//! holds back its answer until [`SqliteStore::durable`] says that this batch is on disk.
//!
//! Invariants:
//! - Batches reach the disk in the order of their numbers and each one whole, so that a surviving write implies every
//!   earlier write of any session, and what any reader saw before it wrote.
//! - When a batch fails (disk full), it and everything pending after it are dropped together, and memory is again what
//!   is on disk. A session that touched any of it is refused from then on, in its next call and in `durable`: it can't
//!   go on writing on top of what was lost. Sessions that only saw what is on disk don't notice.
//! - An entry leaves the overlay only after its batch is visible to the read connections.

mod checkpoint;
mod overlay;
mod sqlite;
mod watched;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use rusqlite::Connection;

use checkpoint::Checkpoint;
use overlay::{Share, Shared};
use watched::Watched;

/// Longest key, in bytes.
pub const MAX_KEY: usize = 256;
/// Longest value, in bytes.
pub const MAX_VALUE: usize = 1_000_000;

/// Number of a batch; 0 is what was on disk at the start.
pub type Batch = u64;

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A key or a value is out of bounds.
    #[error("a key is 1 to 256 bytes and a value at most 1,000,000 bytes")]
    TooLarge,
    /// The disk does not do its part. What the session wrote is gone or will not be answered for.
    #[error("the store can't answer: {0}")]
    Unavailable(String),
}

/// Bounds of the store's memory.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Writes wait when so many bytes are not on disk yet.
    pub pending_bytes: usize,
    /// A session that has put more than this into one batch waits for the next, and one that has written more than this when there is so
    /// much in it of all: what others write is not held up by them.
    pub share_bytes: usize,
    /// So many bytes of what was written last stay in memory after they reached the disk.
    pub cached_bytes: usize,
    /// A file beside the database that has to stay where it is, as the database has to: while one of them is gone, nothing is
    /// written.
    pub lock: Option<PathBuf>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions { pending_bytes: 64 << 20, share_bytes: 128 << 10, cached_bytes: 32 << 20, lock: None }
    }
}

/// The store: one database file, one writer thread.
pub struct SqliteStore {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens or creates the database at `path`, for the owner alone. The caller sees to it that no other process has it open.
    pub fn open(path: &Path, options: StoreOptions) -> Result<SqliteStore, StoreError> {
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        sqlite::make_private(path).map_err(unavailable)?;
        let mut connection = sqlite::open_writer(path).map_err(sqlite::unavailable)?;
        let watched = Watched::new([path].into_iter().chain(options.lock.as_deref())).map_err(unavailable)?;
        let shared = Arc::new(Shared::new(path.to_owned(), options));
        let checkpoint = Checkpoint::start(path).map_err(unavailable)?;
        checkpoint.watch(&mut connection).map_err(sqlite::unavailable)?;
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let shared = shared.clone();
                move || writer::run(&shared, connection, &watched, &checkpoint)
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(SqliteStore { shared, writer: Some(writer) })
    }

    /// A caller with a read connection of its own; reuse it for many calls with [`Session::begin`].
    pub fn session(&self) -> Result<Session, StoreError> {
        let reader = sqlite::open_reader(&self.shared.path).map_err(sqlite::unavailable)?;
        Ok(Session { shared: self.shared.clone(), reader, depends_on: 0, share: Share::default(), read_only: false })
    }

    /// Waits until `batch` and all before it are on disk; an error when it never will be.
    pub async fn durable(&self, batch: Batch) -> Result<(), StoreError> {
        self.shared.durable(batch).await
    }

    /// Commits what is pending and stops the writer. Later writes are refused.
    pub fn close(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.shared.stop();
        if let Some(writer) = self.writer.take() {
            // The writer only panics on a broken invariant, which it has reported by then.
            let _ = writer.join();
        }
    }

    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.shared.page_limit.store(pages, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One caller: its calls take effect in order. Between [`begin`](Session::begin)s it is one request's.
pub struct Session {
    shared: Arc<Shared>,
    reader: Connection,
    depends_on: Batch,
    share: Share,
    read_only: bool,
}

impl Session {
    /// Starts anew, depending on nothing.
    pub fn begin(&mut self) {
        (self.depends_on, self.share) = (0, Share::default());
        self.read_only = false;
    }

    /// As [`begin`](Session::begin), and every write is refused as unavailable: for answering a request, whose writes
    /// were lost, with what is on disk.
    pub fn begin_read_only(&mut self) {
        (self.depends_on, self.share) = (0, Share::default());
        self.read_only = true;
    }

    /// The newest batch that what was read and written depends on. Answer after it is durable.
    pub fn depends_on(&self) -> Batch {
        self.depends_on
    }

    /// The value of `key`.
    pub fn get(&mut self, key: &str) -> Result<Option<Bytes>, StoreError> {
        check_key(key)?;
        let Some(entry) = self.shared.peek_value(key, self.depends_on)? else {
            return sqlite::get(&self.reader, key).map_err(sqlite::unavailable);
        };
        self.depends_on = self.depends_on.max(entry.batch);
        Ok(entry.value)
    }

    /// Writes or overwrites.
    pub fn set(&mut self, key: &str, value: impl Into<Bytes>) -> Result<(), StoreError> {
        let value = value.into();
        if value.len() > MAX_VALUE {
            return Err(StoreError::TooLarge);
        }
        self.write(key, Some(value))
    }

    /// Whether [`set`](Session::set) would not wait.
    pub fn has_room(&self) -> bool {
        self.shared.has_room(&self.share)
    }

    /// Waits until [`set`](Session::set) does not; not for ever.
    pub fn wait_for_room(&self) {
        self.shared.wait_for_room(&self.share);
    }

    /// Removes; removing what is not there is no error.
    pub fn delete(&mut self, key: &str) -> Result<(), StoreError> {
        self.write(key, None)
    }

    /// The head, 0 if it was never swapped.
    pub fn read_head(&mut self, key: &str) -> Result<u64, StoreError> {
        check_key(key)?;
        let Some(entry) = self.shared.peek_head(key, self.depends_on)?.entry else {
            return sqlite::read_head(&self.reader, key).map_err(sqlite::unavailable);
        };
        self.depends_on = self.depends_on.max(entry.batch);
        Ok(entry.value)
    }

    /// Every entity that has a head, in order: what is on disk.
    pub fn entities(&mut self) -> Result<Vec<String>, StoreError> {
        sqlite::entities(&self.reader).map_err(sqlite::unavailable)
    }

    /// Shows the key of every commit record: what is on disk.
    pub fn records(&mut self, show: impl FnMut(&str)) -> Result<(), StoreError> {
        sqlite::records(&self.reader, show).map_err(sqlite::unavailable)
    }

    /// What is wrong with the database itself, a line each.
    pub fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        sqlite::damage(&self.reader).map_err(sqlite::unavailable)
    }

    /// Sets the head to `next` if it is `current`; whether it was.
    pub fn swap_head(&mut self, key: &str, current: u64, next: u64) -> Result<bool, StoreError> {
        check_key(key)?;
        self.check_writable()?;
        loop {
            let peeked = self.shared.peek_head(key, self.depends_on)?;
            let on_disk = match peeked.entry {
                Some(_) => None,
                None => Some(sqlite::read_head(&self.reader, key).map_err(sqlite::unavailable)?),
            };
            // While the disk was read, a swap by somebody else may have come, reached the disk and left the overlay:
            // then what was read is worth nothing and `swap_head` says so with `None`.
            let swapped = self.shared.swap_head(key, current, next, on_disk, peeked.settled, self.depends_on)?;
            if let Some((swapped, batch)) = swapped {
                self.depends_on = self.depends_on.max(batch);
                return Ok(swapped);
            }
        }
    }

    fn write(&mut self, key: &str, value: Option<Bytes>) -> Result<(), StoreError> {
        check_key(key)?;
        self.check_writable()?;
        self.depends_on = self.shared.write(key, value, self.depends_on, &mut self.share)?;
        Ok(())
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        if self.read_only {
            return Err(StoreError::Unavailable("the last write did not reach the disk".into()));
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), StoreError> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(StoreError::TooLarge);
    }
    Ok(())
}
