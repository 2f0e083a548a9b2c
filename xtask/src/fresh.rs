//! Whether what cargo does not build is up to date. A finished build leaves a [`Stamp`] with the time at which it began; it is done
//! again when something that it was made from is newer. A build that breaks off leaves none.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::shell::Workspace;

/// In `target/stamps`.
pub(crate) struct Stamp {
    path: PathBuf,
}

/// A build that is under way.
pub(crate) struct Start {
    path: PathBuf,
    // What is saved while it is being built may have come too late for it.
    at: SystemTime,
}

impl Stamp {
    /// Of what is built from `folder`.
    pub(crate) fn of(workspace: &Workspace, folder: &str) -> Stamp {
        Stamp { path: workspace.target.join("stamps").join(folder.replace('/', "-")) }
    }

    /// Whether a build that began after `time` was finished.
    pub(crate) fn is_after(&self, time: SystemTime) -> bool {
        self.path.metadata().and_then(|meta| meta.modified()).is_ok_and(|began| began > time)
    }

    pub(crate) fn start(self) -> Start {
        Start { path: self.path, at: SystemTime::now() }
    }
}

impl Start {
    pub(crate) fn finished(self) -> Result<()> {
        mark(&self.path, self.at).with_context(|| format!("can't write {}", self.path.display()))
    }
}

fn mark(stamp: &Path, time: SystemTime) -> std::io::Result<()> {
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(stamp)?.set_modified(time)
}

pub(crate) fn modified(path: &Path) -> Result<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).with_context(|| format!("{} is not there", path.display()))
}

/// When a file below `folder` was last written, leaving out the folders named directly in it.
pub(crate) fn newest(folder: &Path, without: &[&str]) -> Result<SystemTime> {
    let read = || -> std::io::Result<SystemTime> {
        let mut newest = SystemTime::UNIX_EPOCH;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if without.iter().any(|left_out| name == *left_out) {
                continue;
            }
            let mut pending = vec![entry.path()];
            while let Some(path) = pending.pop() {
                let meta = path.symlink_metadata()?;
                newest = newest.max(meta.modified()?);
                // A folder's own time too: it tells of what was removed.
                if meta.is_dir() {
                    for entry in fs::read_dir(&path)? {
                        pending.push(entry?.path());
                    }
                }
            }
        }
        Ok(newest)
    };
    read().with_context(|| format!("can't read {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_newer_is_found_at_any_depth_but_not_in_what_was_built() {
        let without = ["dist", "node_modules"];
        let folder = std::env::temp_dir().join(format!("timeweft-xtask-fresh-{}", std::process::id()));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (file, seconds) in [("package.json", 10), ("src/deep/a.ts", 30), ("dist/a.js", 50), ("node_modules/x", 60)]
        {
            mark(&folder.join(file), at(seconds)).unwrap();
        }
        for inner in ["src", "src/deep"] {
            File::open(folder.join(inner)).unwrap().set_modified(at(20)).unwrap();
        }
        assert_eq!(newest(&folder, &without).unwrap(), at(30));
        fs::remove_file(folder.join("src/deep/a.ts")).unwrap();
        assert!(newest(&folder, &without).unwrap() > at(30), "what is gone counts as well");
        assert!(newest(&folder.join("missing"), &[]).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
