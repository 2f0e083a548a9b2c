//! The data folder: one process at a time, and the key that signs sessions.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Shorter keys are guessed.
pub(crate) const KEY_LENGTH: usize = 32;

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// Permissions, most likely.
    #[error("the data folder {0} can't be used: {1}")]
    Folder(PathBuf, io::Error),
    /// Two processes on one database would each trust its own memory.
    #[error("the data folder {0} is in use by another timeweft; stop that one, or choose another with --data")]
    InUse(PathBuf),
    /// The file is not there or not readable.
    #[error("the key in {0} can't be read: {1}")]
    Key(PathBuf, io::Error),
    /// Sessions signed with it could be forged.
    #[error("the key is too short: it has {0} characters and needs at least {KEY_LENGTH} (try `openssl rand -hex 32`)")]
    ShortKey(usize),
}

/// The folder, ours as long as this lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    pub(crate) fn open(path: &Path) -> Result<DataFolder, DataError> {
        let refused = |error| DataError::Folder(path.to_owned(), error);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path).map_err(refused)?;
        let path = path.canonicalize().map_err(refused)?;
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.write(true).create(true).truncate(false).open(path.join("lock"));
        let lock = lock.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataFolder { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The key in the folder, made on the first start.
    pub(crate) fn key(&self) -> Result<String, DataError> {
        let path = self.join("key");
        if !path.exists() {
            make_key(&path).map_err(|error| DataError::Key(path.clone(), error))?;
        }
        read_key(&path)
    }
}

/// Whole or not at all: a key that is cut short would lock everybody out after a crash.
fn make_key(path: &Path) -> io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create(true).truncate(true).open(&new)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    tracing::info!(?path, "made a key for signing sessions");
    Ok(())
}

pub(crate) fn read_key(path: &Path) -> Result<String, DataError> {
    let key = fs::read_to_string(path).map_err(|error| DataError::Key(path.to_owned(), error))?;
    check_key(key.trim())
}

pub(crate) fn check_key(key: &str) -> Result<String, DataError> {
    match key.chars().count() {
        length if length < KEY_LENGTH => Err(DataError::ShortKey(length)),
        _ => Ok(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_for_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        assert!(matches!(DataFolder::open(folder.path()), Err(DataError::InUse(_))));
        drop(first);
        DataFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn the_key_is_made_once_and_is_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("new")).unwrap();
        let key = data.key().unwrap();
        assert_eq!((key.len(), data.key().unwrap()), (64, key));
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&data.join("key").metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(matches!(check_key("short"), Err(DataError::ShortKey(5))));
    }
}
