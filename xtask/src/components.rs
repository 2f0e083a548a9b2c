//! The WASI components: compiled for `wasm32-wasip2`, then composed into what runs.
//!
//! ```text
//! target/components/timeweft.wasm      person ← entity            imports store, settings, issuer: the embedded host
//! target/components/spin.wasm          front ← person ← entity, all of them ← storage-spin: one file for Spin
//! target/components/storage-spin.wasm  the adapter alone: the contract suite runs it
//! ```
//!
//! Cargo decides what to compile again; a composition is made again when one of its parts is newer than it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::compose::compose;
use crate::fresh::modified;
use crate::need;
use crate::shell::{self, Workspace};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";
/// The folders in `components/` that are for this target.
const COMPONENTS: [&str; 4] = ["entity", "person", "storage-spin", "front"];

/// A composition: the components in the order in which they are instantiated, the last of which gives the exports.
struct Composition {
    name: &'static str,
    parts: &'static [&'static str],
    /// Our own interfaces that the host still has to provide.
    imports: &'static [&'static str],
}

const COMPOSITIONS: [Composition; 3] = [
    Composition {
        name: "timeweft.wasm",
        parts: &["entity", "person"],
        imports: &["timeweft:person/issuer", "timeweft:person/settings", "timeweft:storage/store"],
    },
    Composition { name: "spin.wasm", parts: &["storage-spin", "entity", "person", "front"], imports: &[] },
    Composition { name: "storage-spin.wasm", parts: &["storage-spin"], imports: &[] },
];

pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    need::target(workspace, TARGET)?;
    shell::run(&mut cargo(workspace, "build")?)?;
    let folder = workspace.target.join("components");
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    for composition in &COMPOSITIONS {
        make(workspace, composition, &folder.join(composition.name))
            .with_context(|| format!("composing {} failed", composition.name))?;
    }
    Ok(())
}

/// A cargo command on the components. All of them at once, so that they share what they depend on.
pub(crate) fn cargo(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    let mut cargo = workspace.cargo([subcommand, "--profile", PROFILE, "--target", TARGET]);
    for folder in COMPONENTS {
        cargo.args(["-p", &workspace.member(&format!("components/{folder}"))?.package]);
    }
    Ok(cargo)
}

fn make(workspace: &Workspace, composition: &Composition, output: &Path) -> Result<()> {
    let parts = composition.parts.iter().map(|part| compiled(workspace, part)).collect::<Result<Vec<_>>>()?;
    let newest = parts.iter().map(|part| modified(part)).collect::<Result<Vec<_>>>()?.into_iter().max();
    // The composing code itself is an input too.
    let composer = std::env::current_exe().context("can't find this program")?;
    if let Ok(made) = modified(output)
        && newest.is_some_and(|newest| newest < made)
        && modified(&composer)? < made
    {
        return Ok(());
    }
    let bytes = compose(&parts, composition.imports)?;
    fs::write(output, &bytes).with_context(|| format!("can't write {}", output.display()))?;
    println!("composed {} ({} KB)", composition.name, bytes.len() / 1000);
    Ok(())
}

fn compiled(workspace: &Workspace, folder: &str) -> Result<PathBuf> {
    let library = workspace.member(&format!("components/{folder}"))?.library;
    Ok(workspace.target.join(TARGET).join(PROFILE).join(library).with_extension("wasm"))
}
