//! The statements. Two tables: `entries` for values and `heads` for heads, which are used with nothing else.
//!
//! `entries` keeps its rowid, because values of up to a megabyte do badly inside the key's tree; `heads` has rows of a
//! few bytes and does without. `synchronous=FULL` makes SQLite sync the log in every commit, before the commit can be
//! seen by other connections.

use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::StoreError;
use super::overlay::Writes;

/// Raise when the tables change, and teach `open_writer` to bring the older ones up.
const VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS heads (key TEXT PRIMARY KEY NOT NULL, head INTEGER NOT NULL) WITHOUT ROWID;
    PRAGMA user_version = 1;
";

pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Makes the database's files if they are not there, and all of them the owner's alone.
pub(super) fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // SQLite gives the files of its log the mode of the database.
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match std::fs::set_permissions(&name, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// SQLite's write-ahead log of a database.
pub(super) fn log(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // `checkpoint` sees to it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A log that grew in a burst gives its space back.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        let reason =
            format!("the database was written by a newer timeweft (format {version}, this one knows {VERSION})");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(reason),
        ));
    }
    if version < VERSION {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
    }
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // Not read-only: a reader of a WAL database may have to map and recover its index.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    Ok(connection)
}

pub(super) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Bytes>> {
    let mut statement = connection.prepare_cached("SELECT value FROM entries WHERE key = ?1")?;
    statement.query_row([key], |row| row.get::<_, Vec<u8>>(0)).optional().map(|value| value.map(Bytes::from))
}

pub(super) fn read_head(connection: &Connection, key: &str) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT head FROM heads WHERE key = ?1")?;
    let head = statement.query_row([key], |row| row.get::<_, i64>(0)).optional()?;
    Ok(head.unwrap_or(0).cast_unsigned())
}

/// The heads are `h:` and the entity.
pub(super) fn entities(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT substr(key, 3) FROM heads WHERE key LIKE 'h:%' ORDER BY key")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Shows the keys of commit records, which are `c:`, the entity, `:` and the pointer.
pub(super) fn records(connection: &Connection, mut show: impl FnMut(&str)) -> rusqlite::Result<()> {
    // The table, not its index: either can be what is damaged.
    let mut statement = connection.prepare("SELECT key FROM entries NOT INDEXED WHERE key >= 'c:' AND key < 'c;'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // What is no text any more is no key of ours.
        show(row.get_ref(0)?.as_str().unwrap_or_default());
    }
    Ok(())
}

/// What SQLite finds wrong with the file.
pub(super) fn damage(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let lines = found.iter().flat_map(|found| found.lines()).filter(|line| *line != "ok" && !line.starts_with("***"));
    Ok(lines.map(str::to_owned).collect())
}

/// Moves what is in the log into the database, as far as nobody reads older pages. Returns how many pages of the log are there.
pub(super) fn checkpoint(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2))
}

/// All of `writes` in one transaction, on disk when this returns.
pub(super) fn commit(connection: &mut Connection, writes: &Writes) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut set = transaction.prepare_cached(
            "INSERT INTO entries (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )?;
        let mut delete = transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?;
        let mut swap = transaction.prepare_cached(
            "INSERT INTO heads (key, head) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET head = excluded.head",
        )?;
        for (key, value) in &writes.values {
            match value {
                Some(value) => set.execute(params![key, &value[..]])?,
                None => delete.execute([key])?,
            };
        }
        for (key, head) in &writes.heads {
            swap.execute(params![key, head.cast_signed()])?;
        }
    }
    transaction.commit()
}
