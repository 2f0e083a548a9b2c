//! The one thread that writes: takes everything pending, commits it, lets the waiters go.

use rusqlite::Connection;

use super::checkpoint::Checkpoint;
use super::overlay::{Shared, Writes};
use super::sqlite;
use super::watched::Watched;

/// A connection, and the log that it writes to.
type Writer = (Connection, Watched);

pub(super) fn run(shared: &Shared, connection: Connection, watched: &Watched, checkpoint: &Checkpoint) {
    let mut connection = with_log(shared, connection).ok();
    let mut failing = false;
    while let Some((batch, writes)) = shared.take() {
        match commit(shared, &mut connection, &writes, watched, checkpoint) {
            Ok(()) => {
                if std::mem::take(&mut failing) {
                    tracing::info!(batch, "the store takes writes again");
                }
                shared.committed(batch, writes);
                if let Some((connection, _)) = &connection {
                    checkpoint.committed(connection);
                }
            }
            Err(error) => {
                // Once an outage; who asks is told each time.
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(batch, error = format!("{error:#}"), "a commit failed; its changes are refused");
                }
                shared.failed(batch, error.to_string());
            }
        }
    }
}

/// A connection that failed is not trusted with the next batch: after an I/O error its idea of the log may be wrong.
fn commit(
    shared: &Shared,
    connection: &mut Option<Writer>,
    writes: &Writes,
    watched: &Watched,
    checkpoint: &Checkpoint,
) -> anyhow::Result<()> {
    // Before, so that no new database is made in its place.
    watched.check()?;
    let (mut current, log) = match connection.take() {
        Some(current) => current,
        None => {
            let mut current = sqlite::open_writer(&shared.path)?;
            checkpoint.watch(&mut current)?;
            with_log(shared, current)?
        }
    };
    #[cfg(test)]
    match shared.page_limit.load(std::sync::atomic::Ordering::SeqCst) {
        0 => current.pragma_update(None, "max_page_count", u32::MAX - 1)?,
        pages => current.pragma_update(None, "max_page_count", pages)?,
    }
    sqlite::commit(&mut current, writes)?;
    watched.check()?;
    log.check()?;
    *connection = Some((current, log));
    Ok(())
}

/// Once the log is there, it stays as long as anybody has the database open.
fn with_log(shared: &Shared, connection: Connection) -> anyhow::Result<Writer> {
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    let log = Watched::new([sqlite::log(&shared.path).as_path()])?;
    Ok((connection, log))
}
