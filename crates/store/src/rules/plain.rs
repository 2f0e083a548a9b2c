//! A value as JSON has it (docs/protocol.md, "Values"): what a schema speaks of.
//!
//! As the projection to JSON, but for `undefined`, which JSON Schema has no word for: a member that is `undefined` is not
//! there, anywhere else it is `null`, as `JSON.stringify` has it.

use std::borrow::Cow;

use timeweft_core::codec::json;
use timeweft_core::limits::TRUSTED;
use timeweft_core::value::Value;

/// The value itself if JSON can hold it, else its projection.
pub(super) fn of(value: &Value) -> Cow<'_, Value> {
    if is_plain(value) { Cow::Borrowed(value) } else { Cow::Owned(make(value)) }
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::BigInt(_) | Value::Text(_) => true,
        Value::Number(number) => number.is_finite(),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(members) => members.values().all(is_plain),
        Value::Undefined | Value::Bytes(_) | Value::Date(_) | Value::Map(_) | Value::Set(_) | Value::Typed(..) => false,
    }
}

fn make(value: &Value) -> Value {
    let all = |items: &[Value]| Value::Array(items.iter().map(make).collect());
    match value {
        Value::Undefined => Value::Null,
        Value::Number(number) if !number.is_finite() => Value::Null,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::BigInt(_) | Value::Text(_) => value.clone(),
        Value::Array(items) | Value::Set(items) => all(items),
        Value::Map(pairs) => {
            Value::Array(pairs.iter().map(|(key, value)| Value::Array(vec![make(key), make(value)])).collect())
        }
        Value::Object(members) => {
            let there = members.iter().filter(|(_, member)| !matches!(member, Value::Undefined));
            Value::object(there.map(|(name, member)| (name.as_str(), make(member))))
        }
        // Texts and arrays of numbers, which are read back as they were written.
        Value::Date(_) | Value::Bytes(_) | Value::Typed(..) => {
            json::value_from_text(&json::value_to_text(value), &TRUSTED).unwrap_or(Value::Null)
        }
    }
}
