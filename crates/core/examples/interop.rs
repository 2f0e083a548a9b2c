//! The native side of `tests/interop`: reads one command a line as JSON, answers each with one line of JSON.
//!
//! | command | answer |
//! |---|---|
//! | `{"do":"value","cbor":hex}` | `{"cbor":hex,"json":…}`: the value, encoded again and projected |
//! | `{"do":"value-json","json":…}` | `{"cbor":hex}` |
//! | `{"do":"apply","base":hex,"diff":hex}` or with `"diffJson":…` | `{"cbor":hex}`: the new value |
//! | `{"do":"diff","old":hex,"new":hex}` | `{"cbor":hex,"json":…}`: the diff in its wire form |
//! | `{"do":"request","cbor":hex}` | `{"cbor":hex}`: the request, written plainly; `{"id","code","error"}` if refused |
//!
//! What can't be done is answered `{"error":…}`.

use std::io::{BufRead, Write};

use serde_json::{Value as Json, json};
use timeweft_core::codec::cbor::{decode_patch, decode_value, encode_patch, encode_value};
use timeweft_core::codec::json::{patch_from_json, patch_to_json, value_from_json, value_to_json};
use timeweft_core::diff::diff;
use timeweft_core::limits::Limits;
use timeweft_core::message::{Format, Request};
use timeweft_core::value::Value;

type Outcome = Result<Json, Box<dyn std::error::Error>>;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answer(&line?).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(line: &str) -> Outcome {
    let command: Json = serde_json::from_str(line)?;
    let limits = Limits::default();
    let bytes = |name: &str| unhex(command.get(name).and_then(Json::as_str).unwrap_or_default());
    let value = |name: &str| -> Result<Value, Box<dyn std::error::Error>> { Ok(decode_value(&bytes(name)?, &limits)?) };
    match command.get("do").and_then(Json::as_str) {
        Some("value") => {
            let value = value("cbor")?;
            Ok(json!({ "cbor": hex(&encode_value(&value)), "json": value_to_json(&value) }))
        }
        Some("value-json") => {
            let value = value_from_json(command.get("json").unwrap_or(&Json::Null), &limits)?;
            Ok(json!({ "cbor": hex(&encode_value(&value)) }))
        }
        Some("apply") => {
            let mut base = value("base")?;
            let patch = match command.get("diffJson") {
                Some(json) => patch_from_json(json, &limits)?,
                None => decode_patch(&bytes("diff")?, &limits)?,
            };
            patch.resolve(&base)?.apply(&mut base)?;
            Ok(json!({ "cbor": hex(&encode_value(&base)) }))
        }
        Some("diff") => {
            let patch = diff(&value("old")?, &value("new")?).to_patch();
            Ok(json!({ "cbor": hex(&encode_patch(&patch)), "json": patch_to_json(&patch) }))
        }
        Some("request") => Ok(match Request::decode(&bytes("cbor")?, Format::Cbor, &limits) {
            Ok(request) => json!({ "cbor": hex(&request.encode(Format::Cbor)) }),
            Err(refusal) => json!({ "id": refusal.id, "code": refusal.code.as_str(), "error": refusal.message }),
        }),
        _ => Err("no such command".into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    let digits = |at: usize| text.get(at..at + 2).map_or(Ok(0), |pair| u8::from_str_radix(pair, 16));
    (0..text.len()).step_by(2).map(digits).collect()
}
