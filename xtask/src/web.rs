//! The packages for the browser: `packages/client` (npm `timeweft`) and the app made with it, `apps/notes`.
//!
//! npm does not know what is up to date. A package is built again when one of its sources, or what another package built for
//! it, is newer than the start of its last build; the stamp of that is in `target/web`, so that a build which broke off
//! leaves none. Tests are no sources.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::client;
use crate::need;
use crate::shell::{self, Workspace};

/// What bundlers write; in each package.
const OUTPUT: &str = "dist";

/// Folders of a package that hold nothing that is built from.
const NO_SOURCES: [&str; 5] = [OUTPUT, "node_modules", "test", "docs", "examples"];

struct Package {
    folder: &'static str,
    /// What others built that it takes in.
    takes: &'static [&'static str],
    /// Files that a finished build leaves in [`OUTPUT`].
    leaves: &'static [&'static str],
}

/// In the order in which they are built.
const PACKAGES: [Package; 2] = [
    Package { folder: "packages/client", takes: &[], leaves: &["index.js", "index.d.ts"] },
    Package { folder: APP, takes: &["packages/client/dist"], leaves: &["index.html"] },
];

const APP: &str = "apps/notes";

/// The folder for `timeweft serve --assets`.
pub(crate) fn app(workspace: &Workspace) -> PathBuf {
    workspace.root.join(APP).join(OUTPUT)
}

/// Builds what is out of date, and before it the replica that the client takes in.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    client::build(workspace)?;
    PACKAGES.iter().try_for_each(|package| package.build(workspace))
}

/// Types, then tests, of each package.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    for package in &PACKAGES {
        shell::run(&mut workspace.npm(package.folder, &["run", "--silent", "check"]))?;
        shell::run(&mut workspace.npm(package.folder, &["test", "--silent"]))?;
    }
    Ok(())
}

impl Package {
    fn build(&self, workspace: &Workspace) -> Result<()> {
        need::npm_packages(workspace, self.folder)?;
        let folder = workspace.root.join(self.folder);
        let output = folder.join(OUTPUT);
        let stamp = workspace.target.join("web").join(self.folder.replace('/', "-"));
        let missing = || self.leaves.iter().map(|file| output.join(file)).find(|file| !file.is_file());
        let mut newest = newest(&folder, &NO_SOURCES)?;
        for taken in self.takes {
            newest = newest.max(self::newest(&workspace.root.join(taken), &[])?);
        }
        let built = stamp.metadata().and_then(|meta| meta.modified()).ok();
        if missing().is_none() && built.is_some_and(|built| newest < built) {
            return Ok(());
        }
        // What is saved while it is being built may have come too late for it.
        let started = SystemTime::now();
        shell::run(&mut workspace.npm(self.folder, &["run", "--silent", "build"]))?;
        if let Some(file) = missing() {
            bail!("building {} left no {}", self.folder, file.display());
        }
        mark(&stamp, started).with_context(|| format!("can't write {}", stamp.display()))
    }
}

fn mark(stamp: &Path, time: SystemTime) -> std::io::Result<()> {
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(stamp)?.set_modified(time)
}

/// When a file below `folder` was last written, leaving out the folders named directly in it.
fn newest(folder: &Path, without: &[&str]) -> Result<SystemTime> {
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
        let folder = std::env::temp_dir().join(format!("timeweft-xtask-web-{}", std::process::id()));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (file, seconds) in [("package.json", 10), ("src/deep/a.ts", 30), ("dist/a.js", 50), ("node_modules/x", 60)]
        {
            mark(&folder.join(file), at(seconds)).unwrap();
        }
        for inner in ["src", "src/deep"] {
            File::open(folder.join(inner)).unwrap().set_modified(at(20)).unwrap();
        }
        assert_eq!(newest(&folder, &NO_SOURCES).unwrap(), at(30));
        fs::remove_file(folder.join("src/deep/a.ts")).unwrap();
        assert!(newest(&folder, &NO_SOURCES).unwrap() > at(30), "what is gone counts as well");
        assert!(newest(&folder.join("missing"), &[]).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
