//! Plugs components together: every part is instantiated once, and its imports are met by the exports of the parts
//! before it. One instance for all, so `person` and `entity` speak to the same store.
//!
//! What no part exports stays an import of the whole (WASI, or what the host provides). The result is checked: of
//! our own interfaces it may ask the host for exactly those named, so that a renamed or forgotten one is found here
//! and not when the host fails to link it. Interfaces that hold only types need no one to provide them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use wac_graph::types::{ItemKind, Package, Types};
use wac_graph::{CompositionGraph, EncodeOptions};

/// The composition of `parts`; the last one's exports are exported. `imports` are our interfaces (without their
/// version) that remain for the host.
pub(crate) fn compose(parts: &[PathBuf], imports: &[&str]) -> Result<Vec<u8>> {
    let bytes = match parts {
        // A graph of one would only wrap it in another component.
        [part] => fs::read(part).with_context(|| format!("can't read {}", part.display()))?,
        parts => plug(parts)?,
    };
    let remaining = own_imports(&bytes)?;
    let expected: BTreeSet<String> = imports.iter().map(|&name| name.to_owned()).collect();
    if remaining != expected {
        bail!("it asks its host for {remaining:?} of our interfaces and should ask for {expected:?}");
    }
    Ok(bytes)
}

fn plug(parts: &[PathBuf]) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut instances = Vec::new();
    for part in parts {
        let name = part.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-")).unwrap_or_default();
        let package = Package::from_file(&name, None, part, graph.types_mut())
            .with_context(|| format!("{} is no component", part.display()))?;
        let package = graph.register_package(package)?;
        let world = graph[package].ty();
        let imports: Vec<String> = graph.types()[world].imports.keys().cloned().collect();
        let exports: Vec<String> = graph.types()[world].exports.keys().cloned().collect();
        let instance = graph.instantiate(package);
        for import in imports {
            // The nearest part wins, should two export the same.
            let giver = instances.iter().rev().find(|(_, exports): &&(_, Vec<String>)| exports.contains(&import));
            if let Some(&(giver, _)) = giver {
                let export = graph.alias_instance_export(giver, &import)?;
                graph
                    .set_instantiation_argument(instance, &import, export)
                    .with_context(|| format!("{import}, as {name} imports it, is not what the other part exports"))?;
            }
        }
        instances.push((instance, exports));
    }
    let (instance, exports) = instances.pop().context("nothing to compose")?;
    for name in exports {
        let export = graph.alias_instance_export(instance, &name)?;
        graph.export(export, &name)?;
    }
    graph.encode(EncodeOptions::default()).context("the composition is not valid")
}

/// Our interfaces with functions that the component `bytes` imports, without their version.
fn own_imports(bytes: &[u8]) -> Result<BTreeSet<String>> {
    let mut types = Types::default();
    let package = Package::from_bytes("composed", None, bytes.to_vec(), &mut types)?;
    let mut found = BTreeSet::new();
    for (name, kind) in &types[package.ty()].imports {
        let only_types = match kind {
            ItemKind::Instance(interface) => {
                types[*interface].exports.values().all(|kind| matches!(kind, ItemKind::Type(_)))
            }
            _ => false,
        };
        if name.starts_with("timeweft:") && !only_types {
            found.insert(name.split('@').next().unwrap_or(name).to_owned());
        }
    }
    Ok(found)
}
