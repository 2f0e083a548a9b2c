//! The pure crates must not even be able to ask for a clock, randomness or I/O.
//!
//! They are built for `wasm32-unknown-unknown`, where anything from outside is an import, and linked with all they depend
//! on, nothing removed. (An ordinary link keeps only what is exported, and would find nothing in a library.) Generic
//! code is not in a library's objects, but what it could call is.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::need;
use crate::shell::{self, Workspace, command};

const CRATES: [&str; 4] = ["timeweft-core", "timeweft-grip", "timeweft-store", "timeweft-router"];
const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    need::target(workspace, TARGET)?;
    let libraries = libraries(workspace)?;
    let rustc = |arguments: &[&str]| -> Result<PathBuf> {
        let output = shell::output(command("rustc").current_dir(&workspace.root).args(arguments))?;
        Ok(PathBuf::from(output.trim()))
    };
    let host = rustc(&["--print", "host-tuple"])?;
    let linker = rustc(&["--print", "sysroot"])?.join("lib/rustlib").join(host).join("bin/rust-lld");
    let standard = rustc(&["--print", "target-libdir", "--target", TARGET])?;
    let standard = standard.read_dir().with_context(|| format!("can't list {}", standard.display()))?;
    let standard = standard.filter_map(|entry| Some(entry.ok()?.path()));

    let module = workspace.target.join("pure.wasm");
    let mut link = command(linker);
    link.args(["-flavor", "wasm", "--no-entry", "--allow-undefined", "--no-gc-sections", "--whole-archive"]);
    link.args(&libraries).arg("--no-whole-archive");
    link.args(standard.filter(|path| path.extension().is_some_and(|extension| extension == "rlib")));
    shell::output(link.arg("-o").arg(&module))?;

    let bytes = std::fs::read(&module).with_context(|| format!("can't read {}", module.display()))?;
    let imports = imports(&bytes)?;
    if !imports.is_empty() {
        bail!("{} are to be pure, but they or their dependencies import {}", CRATES.join(", "), imports.join(", "));
    }
    println!("{} libraries linked ({} KB): no imports", libraries.len(), bytes.len() / 1000);
    Ok(())
}

/// Builds the crates; the libraries that came of it, dependencies included.
fn libraries(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut cargo = workspace.cargo(["build", "--release", "--lib", "--target", TARGET]);
    cargo.args(CRATES.iter().flat_map(|package| ["-p", package]));
    println!("$ {}", shell::show(&cargo));
    let messages = shell::output(cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit()))?;
    let mut libraries = Vec::new();
    for message in messages.lines() {
        let message: Value = serde_json::from_str(message).context("cargo did not answer in JSON")?;
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(PathBuf::from);
        // Procedural macros and build scripts run on this machine and are in another folder.
        libraries.extend(files.filter(|file| {
            file.extension().is_some_and(|extension| extension == "rlib")
                && file.starts_with(workspace.target.join(TARGET))
        }));
    }
    Ok(libraries)
}

/// The imports of a core module that come from outside of Rust, as `module.name`.
pub(crate) fn imports(bytes: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                let import = import?;
                // The allocator's entry points: a final link by rustc provides them.
                if !import.name.contains("___rustc") {
                    found.push(format!("{}.{}", import.module, import.name));
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn imports_of_a_module_are_named() {
        assert_eq!(imports(EMPTY).unwrap(), Vec::<String>::new());
        // (type (func)) (import "env" "now" (func (type 0)))
        let one = [EMPTY, b"\x01\x04\x01\x60\0\0", b"\x02\x0b\x01\x03env\x03now\0\0"].concat();
        assert_eq!(imports(&one).unwrap(), ["env.now"]);
        assert!(imports(b"no module").is_err());
    }
}
