//! Files that have to stay where they are: a database that was moved away or deleted under a running server still takes writes,
//! and nobody would ever find them.

use std::fs::{Metadata, metadata};
use std::io::{Error, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) struct Watched(Vec<(PathBuf, (u64, u64))>);

impl Watched {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Watched> {
        let identified = |path: &Path| Ok((path.to_owned(), identity(&metadata(path)?)));
        paths.into_iter().map(identified).collect::<Result<_>>().map(Watched)
    }

    /// An error when one of them is gone, or another in its place.
    pub(super) fn check(&self) -> Result<()> {
        for (path, first) in &self.0 {
            if metadata(path).is_ok_and(|found| identity(&found) == *first) {
                continue;
            }
            return Err(Error::other(format!("{} is gone, or another in its place", path.display())));
        }
        Ok(())
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
