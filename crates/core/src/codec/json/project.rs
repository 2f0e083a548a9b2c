//! To and from `serde_json`'s own tree, for those who work on JSON (JSON Patch, merge patch).

use serde::Deserialize;

use crate::value::Value;

pub(super) fn to_serde(text: &[u8]) -> serde_json::Value {
    let mut reader = serde_json::Deserializer::from_slice(text);
    // What we wrote is as deep as the value was, which is bounded where it came in.
    reader.disable_recursion_limit();
    serde_json::Value::deserialize(&mut reader).unwrap_or(serde_json::Value::Null)
}

/// The same tree, nothing interpreted; none when it is deeper than `depth`.
pub(super) fn from_serde(json: serde_json::Value, depth: usize) -> Option<Value> {
    if depth == 0 {
        return None;
    }
    Some(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(on) => Value::Bool(on),
        serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| from_serde(item, depth - 1)).collect::<Option<_>>()?)
        }
        serde_json::Value::Object(members) => Value::Object(
            members.into_iter().map(|(key, member)| Some((key, from_serde(member, depth - 1)?))).collect::<Option<_>>()?,
        ),
    })
}
