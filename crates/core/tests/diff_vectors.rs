//! The vectors that the browser's scripts are tested with too (`tests/vectors/diffs.json`): both apply diffs alike.

use serde_json::Value as Json;
use timeweft_core::codec::{cbor, json};
use timeweft_core::diff::diff;
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

fn value(of: &Json) -> Value {
    json::value_from_text(of.to_string().as_bytes(), &Limits::default()).expect("a vector's value can be read")
}

fn applied(base: &Value, patch: &Json) -> Result<Value, String> {
    let limits = Limits::default();
    let patch = json::patch_from_text(patch.to_string().as_bytes(), &limits).map_err(|error| error.to_string())?;
    let patch = cbor::decode_patch(&cbor::encode_patch(&patch), &limits).map_err(|error| error.to_string())?;
    let change = patch.resolve(base).map_err(|error| error.to_string())?;
    let mut value = base.clone();
    change.apply(&mut value).map_err(|error| error.to_string())?;
    Ok(value)
}

#[test]
fn every_vector_gives_its_result_or_is_refused() {
    every_vector_of(include_str!("../../../tests/vectors/diffs.json"));
    every_vector_of(include_str!("../../../tests/vectors/intention.json"));
}

fn every_vector_of(file: &str) {
    let file: Json = serde_json::from_str(file).unwrap();
    let vectors = file["cases"].as_array().expect("the file has cases");
    assert!(vectors.len() > 50, "{} vectors", vectors.len());
    for vector in vectors {
        let name = vector["name"].as_str().expect("a vector has a name");
        let base = value(&vector["base"]);
        match (applied(&base, &vector["patch"]), vector.get("result")) {
            (Ok(got), Some(wanted)) => {
                let wanted = value(wanted);
                assert_eq!(got, wanted, "{name}");
                let again = diff(&base, &wanted).to_patch().resolve(&base).unwrap();
                let mut made = base.clone();
                again.apply(&mut made).unwrap();
                assert_eq!(made, wanted, "{name}: our own diff");
            }
            (Err(_), None) => assert_eq!(vector["error"], true, "{name}"),
            (got, wanted) => panic!("{name}: {got:?}, and the vector says {wanted:?}"),
        }
    }
}
