//! JSON of values and diffs (docs/protocol.md, "JSON").
//!
//! Values lose what JSON doesn't have: a date becomes its text, a bigint a number, a Map an array of pairs, a Set an
//! array, bytes base64, a typed array an array of numbers, NaN and the infinities null. `undefined` is
//! `{"$undefined":true}`. An object whose one key is a reserved word, or starts with `$$`, is written with one more `$`.

mod parse;
mod patch;
mod write;

use serde_json::{Map, Value as Json};

use crate::codec::{DecodeError, MAX_DEPTH};
use crate::diff::Patch;
use crate::limits::Limits;
use crate::value::Value;

pub use parse::parse;
pub use patch::patch_from_json;

const UNDEFINED: &str = "$undefined";
const TEXT: &str = "$text";
const ARRAY: &str = "$array";
const REPLACE: &str = "$replace";
const INCREMENT: &str = "$increment";
const ENTRIES: &str = "$entries";
const RESERVED: [&str; 6] = [UNDEFINED, TEXT, ARRAY, REPLACE, INCREMENT, ENTRIES];

/// A value as JSON text; a bigint with all its digits.
pub fn value_to_text(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write::value(&mut out, value);
    out
}

/// A patch as JSON text.
pub fn patch_to_text(patch: &Patch) -> Vec<u8> {
    let mut out = Vec::new();
    write::patch(&mut out, patch);
    out
}

/// A value as `serde_json` holds it; a bigint past what that holds becomes the nearest number.
pub fn value_to_json(value: &Value) -> Json {
    write::tree(&value_to_text(value))
}

/// A patch as `serde_json` holds it.
pub fn patch_to_json(patch: &Patch) -> Json {
    write::tree(&patch_to_text(patch))
}

/// A value from JSON text, within `depth` and `value_bytes`. A key twice in one object is refused.
pub fn value_from_text(text: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
    // `{"$undefined":true}` takes two levels for one.
    value_from_json(&parse(text, limits.depth.min(MAX_DEPTH) + 1)?, limits)
}

/// A patch from JSON text, within `depth`, `diff_operations` and `value_bytes`. A key twice in one object is refused.
pub fn patch_from_text(text: &[u8], limits: &Limits) -> Result<Patch, DecodeError> {
    let json = parse(text, levels(limits.depth.min(MAX_DEPTH))).map_err(|error| match error {
        // A diff too deep can't be applied (docs/protocol.md, "Limits"): a 400.
        DecodeError::TooLarge(what) => DecodeError::Malformed(what),
        other => other,
    })?;
    patch_from_json(&json, limits)
}

/// How deep the JSON of a diff may be that is `depth` deep: `{"$array":[{"at":…}]}` takes three levels for one.
pub(crate) fn levels(depth: usize) -> usize {
    3 * depth + 3
}

/// Whether a key, alone in its object, means something else than itself.
fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key) || key.starts_with("$$")
}

/// A value from JSON, at most `depth` deep and, in CBOR, `value_bytes` long.
pub fn value_from_json(json: &Json, limits: &Limits) -> Result<Value, DecodeError> {
    let value = read(json, limits.depth.min(MAX_DEPTH))?;
    let length = super::cbor::value_len(&value);
    if length > limits.value_bytes {
        return Err(super::too_many_bytes(length, limits.value_bytes));
    }
    Ok(value)
}

fn read(json: &Json, depth: usize) -> Result<Value, DecodeError> {
    let depth = depth.checked_sub(1).ok_or_else(|| DecodeError::TooLarge("nested deeper than allowed".into()))?;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(|item| read(item, depth)).collect::<Result<_, _>>()?),
        Json::Object(members) => match reserved(members)? {
            Some((UNDEFINED, Json::Bool(true))) => Value::Undefined,
            _ => {
                let member = |(key, member): (&String, &Json)| Ok((unescaped(members, key), read(member, depth)?));
                Value::Object(members.iter().map(member).collect::<Result<_, _>>()?)
            }
        },
    })
}

/// The reserved word that an object's one key is, and what is under it.
fn reserved(members: &Map<String, Json>) -> Result<Option<(&str, &Json)>, DecodeError> {
    match only(members) {
        Some((UNDEFINED, under)) if *under != Json::Bool(true) => Err(DecodeError::malformed(
            "undefined is written {\"$undefined\":true}; a key \"$undefined\" of yours, \"$$undefined\"",
        )),
        Some((key, under)) if RESERVED.contains(&key) => Ok(Some((key, under))),
        _ => Ok(None),
    }
}

fn only(members: &Map<String, Json>) -> Option<(&str, &Json)> {
    let (key, value) = members.iter().next()?;
    (members.len() == 1).then_some((key.as_str(), value))
}

fn unescaped(members: &Map<String, Json>, key: &str) -> String {
    match key.strip_prefix('$') {
        Some(rest) if members.len() == 1 && rest.starts_with('$') => rest.to_owned(),
        _ => key.to_owned(),
    }
}

#[cfg(test)]
mod tests;
