//! JSON of values and diffs (docs/protocol.md, "JSON").
//!
//! Values lose what JSON doesn't have: a date becomes its text, a bigint a number, a Map an array of pairs, a Set an
//! array, bytes base64, a typed array an array of numbers, NaN and the infinities null. `undefined` is
//! `{"$undefined":true}`. An object whose one key is a reserved word, or starts with `$$`, is written with one more `$`.

mod parse;
mod patch;

use base64::Engine;
use num_traits::ToPrimitive;
use serde_json::{Map, Number, Value as Json};

use crate::codec::{DecodeError, MAX_DEPTH};
use crate::limits::Limits;
use crate::value::Value;

pub use parse::parse;
pub use patch::{patch_from_json, patch_to_json};

const UNDEFINED: &str = "$undefined";
const TEXT: &str = "$text";
const ARRAY: &str = "$array";
const REPLACE: &str = "$replace";

/// A value as JSON text.
pub fn value_to_text(value: &Value) -> Vec<u8> {
    value_to_json(value).to_string().into_bytes()
}

/// A value as JSON.
pub fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Undefined => Json::Object(Map::from_iter([(UNDEFINED.to_owned(), Json::Bool(true))])),
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Number(number) => number_to_json(*number),
        Value::BigInt(big) => match (big.to_u64(), big.to_i64()) {
            (Some(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => big.to_f64().map_or(Json::Null, number_to_json),
        },
        Value::Text(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::String(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::Date(milliseconds) => date_to_json(*milliseconds),
        Value::Array(items) | Value::Set(items) => Json::Array(items.iter().map(value_to_json).collect()),
        Value::Object(members) => {
            escaped(members.iter().map(|(key, value)| (key.clone(), value_to_json(value))).collect())
        }
        Value::Map(entries) => {
            let pair = |(key, value): &(Value, Value)| Json::Array(vec![value_to_json(key), value_to_json(value)]);
            Json::Array(entries.iter().map(pair).collect())
        }
        Value::Typed(kind, bytes) => typed_to_json(*kind, bytes),
    }
}

/// Integers without a fraction, as JavaScript writes them; what JSON can't write is null.
fn number_to_json(number: f64) -> Json {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= SAFE {
        return Json::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

fn date_to_json(milliseconds: f64) -> Json {
    let instant = milliseconds.is_finite().then(|| jiff::Timestamp::from_millisecond(milliseconds as i64).ok()).flatten();
    instant.map_or(Json::Null, |instant| Json::String(format!("{instant:.3}")))
}

/// Elements by the tag's bits (RFC 8746, section 2.1): whether floating, signed, little-endian, and how long.
fn typed_to_json(kind: u8, bytes: &[u8]) -> Json {
    let (float, signed, little) = (kind & 0b10000 != 0, kind & 0b1000 != 0, kind & 0b100 != 0);
    let length = 1_usize << ((kind & 0b11) + u8::from(float));
    let element = |part: &[u8]| {
        let mut wide = [0_u8; 16];
        for (index, byte) in part.iter().enumerate() {
            let place = if little { index } else { part.len() - 1 - index };
            if let Some(slot) = wide.get_mut(place) {
                *slot = *byte;
            }
        }
        let raw = u128::from_le_bytes(wide);
        let number = match (float, length) {
            (true, 2) => half(raw as u16),
            (true, 4) => f64::from(f32::from_bits(raw as u32)),
            (true, _) => f64::from_bits(raw as u64),
            (false, 1) if signed => f64::from(raw as u8 as i8),
            (false, 2) if signed => f64::from(raw as u16 as i16),
            (false, 4) if signed => f64::from(raw as u32 as i32),
            (false, 8) if signed => raw as u64 as i64 as f64,
            _ => raw as u64 as f64,
        };
        number_to_json(number)
    };
    // Tag 76 is the clamped form of unsigned bytes.
    if kind == 68 || kind == 64 {
        return Json::Array(bytes.iter().map(|byte| Json::from(*byte)).collect());
    }
    Json::Array(bytes.chunks(length).map(element).collect())
}

fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    }
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
        Some((UNDEFINED, under)) if *under != Json::Bool(true) => {
            Err(DecodeError::malformed("undefined is written {\"$undefined\":true}; a key \"$undefined\" of yours, \"$$undefined\""))
        }
        Some((key, under)) if [UNDEFINED, TEXT, ARRAY, REPLACE].contains(&key) => Ok(Some((key, under))),
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

/// The object, its one key escaped if it would be read as something else.
fn escaped(members: Map<String, Json>) -> Json {
    let special = |key: &str| [UNDEFINED, TEXT, ARRAY, REPLACE].contains(&key) || key.starts_with("$$");
    match only(&members) {
        Some((key, value)) if special(key) => Json::Object(Map::from_iter([(format!("${key}"), value.clone())])),
        _ => Json::Object(members),
    }
}

#[cfg(test)]
mod tests;
