//! Reading JSON text: no key twice, and no deeper than said, whatever the parser would allow.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::codec::DecodeError;

/// Parses one JSON text of at most `max_depth` levels. A key twice in one object is refused.
pub fn parse(text: &[u8], max_depth: usize) -> Result<Json, DecodeError> {
    let text = std::str::from_utf8(text).map_err(|_| DecodeError::malformed("JSON is UTF-8"))?;
    if depth_of(text) > max_depth {
        return Err(DecodeError::TooLarge("nested deeper than allowed".into()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // The depth was counted: the parser's own bound is lower than ours.
    deserializer.disable_recursion_limit();
    let malformed = |error: serde_json::Error| {
        let why = error.to_string();
        // The parser speaks of the escape only, which may be what is behind it.
        let half =
            if why.contains("hex escape") { "; half of a surrogate pair (\\ud800 to \\udfff) is no text" } else { "" };
        DecodeError::malformed(format!("not JSON: {why}{half}"))
    };
    let strict = Strict::deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(strict.0)
}

/// The most brackets open at once, strings left out. Right for JSON; for anything else the parser stops no later.
fn depth_of(text: &str) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    // A scalar is a level of its own.
    deepest + 1
}

struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(member))) = members.next_entry::<String, Strict>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key {key:?} is there twice")));
            }
            object.insert(key, member);
        }
        Ok(Json::Object(object))
    }
}
