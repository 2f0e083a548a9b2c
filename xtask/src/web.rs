//! The packages for the browser: `packages/client` (npm `timeweft`) and the app made with it, `apps/notes`.
//!
//! A package is built again when one of its sources, or what another package built for it, is newer than the start of its last
//! build. Tests are no sources.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::client;
use crate::fresh::{Stamp, newest};
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

/// What the app declares of its types: the file for `timeweft serve --types`.
pub(crate) fn app_types(workspace: &Workspace) -> PathBuf {
    workspace.root.join(APP).join("timeweft.types.json")
}

/// Builds what is out of date, and before it the replica that the client takes in.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    client::build(workspace)?;
    packages(workspace)
}

/// The packages alone.
pub(crate) fn packages(workspace: &Workspace) -> Result<()> {
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
        let stamp = Stamp::of(workspace, self.folder);
        let missing = || self.leaves.iter().map(|file| output.join(file)).find(|file| !file.is_file());
        let mut latest = newest(&folder, &NO_SOURCES)?;
        for taken in self.takes {
            latest = latest.max(newest(&workspace.root.join(taken), &[])?);
        }
        if missing().is_none() && stamp.is_after(latest) {
            return Ok(());
        }
        let start = stamp.start();
        shell::run(&mut workspace.npm(self.folder, &["run", "--silent", "build"]))?;
        if let Some(file) = missing() {
            bail!("building {} left no {}", self.folder, file.display());
        }
        start.finished()
    }
}
