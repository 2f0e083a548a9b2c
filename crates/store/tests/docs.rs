//! `docs/storage.md` names the tests of each invariant and each crash case: they exist.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_the_storage_format_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = fs::read_to_string(root.join("docs/storage.md")).unwrap();
    let mut files = Vec::new();
    ["crates", "host", "components", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let tables = document.split("## Invariants and where they are tested").nth(1).expect("the tables are there");
    let mut named = 0;
    for name in tables.split('`').skip(1).step_by(2) {
        if name.ends_with(".rs") {
            assert!(root.join(name).is_file(), "{name} is named and not there");
        } else if name.matches('_').count() >= 3 {
            named += 1;
            let there = ["(", "<"].iter().any(|next| code.contains(&format!("fn {name}{next}")));
            assert!(there, "the test {name} is named and not there");
        }
    }
    assert!(named > 20, "the tables name {named} tests");
}
