//! What the documents name is there: the tests in `docs/storage.md`, and the files and what they define in `ARCHITECTURE.md`
//! ("Which file decides") and `docs/glossary.md`.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

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

/// What is between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_storage_format_names_exists() {
    let root = root();
    let document = fs::read_to_string(root.join("docs/storage.md")).unwrap();
    let mut files = Vec::new();
    ["crates", "host", "components", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let tables = document.split("## Invariants and where they are tested").nth(1).expect("the tables are there");
    let mut named = 0;
    for name in quoted(tables) {
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

/// What comes before a name where it is defined, in Rust, TypeScript and WIT.
const DEFINING: &str =
    "class const enum fn function interface mod package record static struct trait type variant world";

/// Whether `source` defines `name`; that it is mentioned in a comment or used is not enough.
fn defines(source: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    source.match_indices(name).any(|(at, _)| {
        let (before, behind) = (&source[..at], &source[at + name.len()..]);
        // `%` is WIT's, for a name that is a word of WIT too.
        let before = before.strip_suffix('%').unwrap_or(before);
        let word = before.strip_suffix(' ').unwrap_or("").rsplit(|c: char| !is_part(c)).next();
        !behind.starts_with(is_part) && word.is_some_and(|word| DEFINING.split(' ').any(|known| known == word))
    })
}

/// The last two cells of each row of the tables in a text: a file, and names that it defines. Rows without a file head a group.
fn check_owners(text: &str) -> Result<usize, String> {
    let root = root();
    let mut checked = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [.., file, names] = cells[..] else { continue };
        let Some(file) = quoted(file).next() else { continue };
        let source =
            fs::read_to_string(root.join(file)).map_err(|_| format!("{file} is named and not there: {row}"))?;
        let mut names = quoted(names).peekable();
        names.peek().ok_or_else(|| format!("nothing is named in {file}: {row}"))?;
        if let Some(missing) = names.find(|name| !defines(&source, name)) {
            return Err(format!("{file} does not define {missing}: {row}"));
        }
        checked += 1;
    }
    Ok(checked)
}

#[test]
fn every_file_that_decides_something_defines_what_the_architecture_names() {
    let document = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, section) = document.split_once("## Which file decides\n").expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let checked = check_owners(section).unwrap_or_else(|wrong| panic!("ARCHITECTURE.md: {wrong}"));
    assert!(checked > 40, "the table has {checked} rows with a file");
}

#[test]
fn every_file_that_owns_a_word_defines_what_the_glossary_names() {
    let document = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let checked = check_owners(&document).unwrap_or_else(|wrong| panic!("docs/glossary.md: {wrong}"));
    assert!(checked > 60, "the tables have {checked} rows with a file");
}

#[test]
fn a_row_that_is_wrong_is_found() {
    let row = |file: &str, name: &str| check_owners(&format!("| what | `{file}` | `{name}` |"));
    assert_eq!(row("crates/store/src/blob.rs", "INLINE_VALUE"), Ok(1));
    assert_eq!(row("wit/entity.wit", "list"), Ok(1));
    assert!(row("crates/store/src/gone.rs", "INLINE_VALUE").is_err());
    assert!(row("crates/store/src/blob.rs", "INLINE_VAL").is_err(), "a part of a name is none");
    assert!(row("crates/store/src/blob.rs", "XXH3").is_err(), "what a comment mentions is not defined there");
    assert!(check_owners("| what | `crates/store/src/blob.rs` | |").is_err());
}
