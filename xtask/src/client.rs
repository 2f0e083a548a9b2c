//! The replica for browsers: `components/client-wasm` for `wasm32-unknown-unknown`, and by the script in that folder made smaller
//! and given JavaScript glue and types, in `packages/client/src/wasm`: docs/decisions/009-client-glue.md.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::fresh::{Stamp, modified};
use crate::need;
use crate::pure;
use crate::shell::{self, Workspace, command};

const TARGET: &str = "wasm32-unknown-unknown";
const COMPONENT: &str = "components/client-wasm";
const PROFILE: &str = "browser";
/// Where the package takes it from; generated, and not in the repository.
const OUTPUT: &str = "packages/client/src/wasm";
/// What the script leaves there, among others.
const LEAVES: [&str; 3] = ["replica.core.wasm", "replica.js", "replica.d.ts"];
/// What decides, beside the module, how that comes out.
const MADE_BY: [&str; 2] = ["glue.mjs", "package-lock.json"];

pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    shell::run(&mut cargo(workspace, "build")?)?;
    let member = workspace.member(COMPONENT)?;
    let module = workspace.target.join(TARGET).join(PROFILE).join(member.library).with_extension("wasm");
    let folder = workspace.root.join(COMPONENT);
    let output = workspace.root.join(OUTPUT);
    let stamp = Stamp::of(workspace, COMPONENT);
    let mut latest = modified(&module)?;
    for file in MADE_BY {
        latest = latest.max(modified(&folder.join(file))?);
    }
    if LEAVES.iter().all(|file| output.join(file).is_file()) && stamp.is_after(latest) {
        return Ok(());
    }
    let start = stamp.start();
    let imports = pure::imports(&fs::read(&module).with_context(|| format!("can't read {}", module.display()))?)?;
    if !imports.is_empty() {
        bail!("{COMPONENT} is to import nothing, and imports {}", imports.join(", "));
    }
    need::npm_packages(workspace, COMPONENT)?;
    shell::run(command("node").arg("glue.mjs").args([&module, &output]).current_dir(&folder))?;
    start.finished()
}

/// A cargo command on the component.
pub(crate) fn cargo(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    need::target(workspace, TARGET)?;
    let package = workspace.member(COMPONENT)?.package;
    Ok(workspace.cargo([subcommand, "--profile", PROFILE, "--target", TARGET, "-p", &package]))
}
