//! Moves what is in the log into the database, beside the writer: moving megabytes takes longer than anybody who has written a few
//! bytes should wait.
//!
//! The log can only begin anew when all of it has been moved, which never happens beside a writer that goes on. So most is moved
//! by a thread of its own, again and again until little is left, and that by the writer, between two commits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::sqlite;

/// A log of 4 MiB is moved: of a longer one the disk would have too much at once, and commits wait for it.
const LONG_LOG: i32 = 1024;
/// So many pages the writer moves itself: 1 MiB.
const LITTLE: i32 = 256;
/// Beside one who writes faster than that can be moved, there is no end to it.
const ROUNDS: usize = 8;

const IDLE: u8 = 0;
const MOVING: u8 = 1;
const MOST_MOVED: u8 = 2;

pub(super) struct Checkpoint {
    /// Of the log, after the last commit.
    pages: Arc<AtomicI32>,
    state: Arc<AtomicU8>,
    work: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoint {
    pub(super) fn start(path: &Path) -> std::io::Result<Checkpoint> {
        let state = Arc::new(AtomicU8::new(IDLE));
        let pages = Arc::new(AtomicI32::new(0));
        let (work, todo) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("store-checkpoint".into()).spawn({
            let (state, pages, path) = (state.clone(), pages.clone(), path.to_owned());
            move || {
                while todo.recv().is_ok() {
                    if let Err(error) = move_most(&path, &pages) {
                        tracing::warn!(%error, "the log could not be moved beside the writer");
                    }
                    state.store(MOST_MOVED, Ordering::Release);
                }
            }
        })?;
        Ok(Checkpoint { pages, state, work: Some(work), thread: Some(thread) })
    }

    /// Learns the length of the log from each commit of the writer.
    pub(super) fn watch(&self, writer: &mut Connection) -> rusqlite::Result<()> {
        let pages = self.pages.clone();
        let hook = move |_: &mut Wal, length| {
            pages.store(length, Ordering::Relaxed);
            Ok(())
        };
        writer.wal_hook(Some(hook))
    }

    /// The writer has committed, and nobody waits for it.
    pub(super) fn committed(&self, writer: &Connection) {
        if self.pages.load(Ordering::Relaxed) < LONG_LOG {
            return;
        }
        match self.state.load(Ordering::Acquire) {
            IDLE => {
                self.state.store(MOVING, Ordering::Release);
                if let Some(work) = &self.work {
                    // The thread lives as long as this.
                    let _ = work.send(());
                }
            }
            MOST_MOVED => {
                self.state.store(IDLE, Ordering::Release);
                if let Err(error) = sqlite::checkpoint(writer) {
                    tracing::warn!(%error, "the log could not be moved");
                }
            }
            _ => {}
        }
    }
}

fn move_most(path: &Path, pages: &AtomicI32) -> rusqlite::Result<()> {
    let connection = sqlite::open_reader(path)?;
    for _ in 0..ROUNDS {
        let moved = sqlite::checkpoint(&connection)?;
        if pages.load(Ordering::Relaxed) - moved < LITTLE {
            break;
        }
    }
    Ok(())
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}
