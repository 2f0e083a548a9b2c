//! The replica for browsers: `components/client-wasm` for `wasm32-unknown-unknown`, made a component and transpiled to
//! JavaScript glue and types, in `packages/client/src/wasm`. No Node is needed for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use js_component_bindgen::{InstantiationMode, TranspileOpts, transpile};

use crate::need;
use crate::pure;
use crate::shell::{self, Workspace};

const TARGET: &str = "wasm32-unknown-unknown";
const COMPONENT: &str = "components/client-wasm";
const PROFILE: &str = "browser";
/// Where the package takes it from; generated, and not in the repository.
const OUTPUT: &str = "packages/client/src/wasm";

pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    shell::run(&mut cargo(workspace, "build")?)?;
    let member = workspace.member(COMPONENT)?;
    let module = workspace.target.join(TARGET).join(PROFILE).join(member.library).with_extension("wasm");
    let module = fs::read(&module).with_context(|| format!("can't read {}", module.display()))?;
    let imports = pure::imports(&module)?;
    if !imports.is_empty() {
        bail!("{COMPONENT} is to import nothing, and imports {}", imports.join(", "));
    }
    let component = wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    let made = transpile(&component, options()).with_context(|| format!("can't transpile {COMPONENT}"))?;
    for (name, mut content) in made.files {
        if name == "replica.js" {
            content = without_own_fetch(&content)?;
        }
        write(&workspace.root.join(OUTPUT).join(name), &content)?;
    }
    Ok(())
}

/// A cargo command on the component.
pub(crate) fn cargo(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    need::target(workspace, TARGET)?;
    let package = workspace.member(COMPONENT)?.package;
    Ok(workspace.cargo([subcommand, "--profile", PROFILE, "--target", TARGET, "-p", &package]))
}

/// The glue can fetch the module by itself. Ours never does, and bundlers would take the template URL for a folder to copy.
fn without_own_fetch(glue: &[u8]) -> Result<Vec<u8>> {
    let glue = std::str::from_utf8(glue).context("the glue is no text")?;
    let own = "if (!getCoreModule) getCoreModule = (name) => fetchCompile(new URL(`./${name}`, import.meta.url));";
    if !glue.contains(own) {
        bail!("the glue looks otherwise than it did: {own} is not in it");
    }
    Ok(glue.replace(own, "").into_bytes())
}

fn options() -> TranspileOpts {
    TranspileOpts {
        name: "replica".to_owned(),
        no_typescript: false,
        // The host says how the module is fetched.
        instantiation: Some(InstantiationMode::Async),
        import_bindings: None,
        map: None,
        no_nodejs_compat: true,
        base64_cutoff: 0,
        tla_compat: false,
        valid_lifting_optimization: true,
        tracing: false,
        no_namespaced_exports: true,
        multi_memory: false,
        guest: false,
        async_mode: None,
    }
}

/// Leaves alone what is as it should be, so that nothing is built again for it.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let folder = path.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    fs::write(path, content).with_context(|| format!("can't write {}", path.display()))
}
