//! The examples of `docs/protocol.md` are true: each table of base, diff and result, the bytes, and the JSON escapes.

#![allow(clippy::disallowed_methods, reason = "a test reads files of this repository; core itself does no I/O")]

use timeweft_core::codec::{cbor, json};
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

fn protocol() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md")).unwrap()
}

/// The cells of the rows of every table whose head begins so.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with(head) {
            inside = true;
        } else if !line.starts_with('|') {
            inside = false;
        } else if inside && !line.starts_with("|---") {
            rows.push(
                line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect(),
            );
        }
    }
    rows
}

/// `undefined` stands for itself in the examples, unless it is the word in quotes.
fn in_json(text: &str) -> String {
    let quoted = "\u{0}";
    let kept = text.replace("$undefined", quoted);
    kept.replace("undefined", r#"{"$undefined":true}"#).replace(quoted, "$undefined")
}

fn value(text: &str) -> Value {
    json::value_from_text(in_json(text).as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_diff_makes_of_its_base_what_the_table_says() {
    let rows = rows(&protocol(), "| base | diff");
    assert!(rows.len() >= 14, "{rows:?}");
    for row in rows {
        let [base, diff, result] = row.as_slice() else { panic!("three cells: {row:?}") };
        let mut base = value(base);
        let patch = json::patch_from_text(in_json(diff).as_bytes(), &Limits::default()).unwrap();
        let through_cbor = cbor::decode_patch(&cbor::encode_patch(&patch), &Limits::default()).unwrap();
        assert_eq!(through_cbor, patch);
        let resolved = patch.resolve(&base);
        if result == "400" {
            assert!(resolved.is_err(), "{row:?}");
        } else {
            resolved.unwrap().apply(&mut base).unwrap();
            assert_eq!(base, value(result), "{row:?}");
        }
    }
}

#[test]
fn objects_that_look_reserved_are_escaped_as_the_table_says() {
    let rows = rows(&protocol(), "| value | JSON |");
    assert!(rows.len() >= 5, "{rows:?}");
    for row in rows {
        let [shown, text] = row.as_slice() else { panic!("two cells: {row:?}") };
        let shown = match shown.as_str() {
            "undefined" => Value::Undefined,
            object => {
                let tree: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).unwrap();
                Value::object(tree.into_iter().map(|(key, member)| (key, value(&member.to_string()))))
            }
        };
        let written = String::from_utf8(json::value_to_text(&shown)).unwrap();
        let text = if text == "the same" { written.replace(' ', "") } else { text.clone() };
        assert_eq!(written, text, "{row:?}");
        assert_eq!(value(&text), shown, "{row:?}");
    }
}

#[test]
fn the_bytes_of_the_example_are_those_of_its_json() {
    let text = protocol();
    let (before, after) = text.split_once("```\na1 ").unwrap();
    let from = before.rsplit("In CBOR, `").next().unwrap().split('`').next().unwrap();
    let hex: String = format!("a1 {}", after.split("```").next().unwrap())
        .lines()
        .flat_map(|line| {
            line.split_whitespace()
                .take_while(|word| word.len() % 2 == 0 && word.chars().all(|c| c.is_ascii_hexdigit()))
        })
        .collect();
    let bytes = cbor::encode_patch(&json::patch_from_text(from.as_bytes(), &Limits::default()).unwrap());
    assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), hex);
}

#[test]
fn every_code_is_in_the_table_with_its_status() {
    use timeweft_core::message::Code;
    let rows = rows(&protocol(), "| code | status |");
    for row in &rows {
        let code = Code::parse(&row[0]).unwrap_or_else(|| panic!("no code {}", row[0]));
        assert_eq!(code.status().to_string(), row[1], "{}", row[0]);
    }
    assert_eq!(rows.len(), 24, "as many as there are");
}
