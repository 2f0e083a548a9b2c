//! The named fields of one map, in either format, each taken as the bytes it is.
//!
//! In CBOR a value or a diff is handed on without being looked into, beyond that it is well-formed and not too deep: who
//! holds the entity reads it whole. In JSON it is read, and written as CBOR.

use alloc::borrow::Cow;

#[cfg(feature = "server")]
use serde_json::value::RawValue;

use super::Format;
use crate::codec::cbor::head::{Decoder, Token};
#[cfg(feature = "server")]
use crate::codec::cbor::plain;
use crate::codec::cbor::{scan, tag};
#[cfg(feature = "server")]
use crate::codec::json;
use crate::codec::{DecodeError, MAX_DEPTH, cbor, too_many_bytes};
use crate::float;
use crate::limits::{Limits, TRUSTED};
use crate::operation::{CborDiff, CborValue};
use crate::prelude::*;
use crate::time::Timestamp;
use crate::value::Value;

/// The fields of a message or a body. Fields that nobody asks for are not looked at.
pub struct Fields<'a> {
    format: Format,
    entries: Entries<'a>,
    limits: Limits,
}

pub(super) type Entries<'a> = Vec<(String, Cow<'a, [u8]>)>;

const NOT_A_MAP: &str = "a message is one map with text keys";

/// A message has a dozen fields; looking each up among thousands would be somebody's way to keep us busy.
const MAX_FIELDS: usize = 64;

/// The field whose depth is a 400 rather than a 413 (docs/protocol.md, "Limits"), and whose CBOR is deeper than itself.
const DIFF: &str = "diff";

impl<'a> Fields<'a> {
    /// Takes a map of at most `max_bytes` apart.
    pub fn decode(
        frame: &'a [u8],
        format: Format,
        max_bytes: usize,
        limits: &Limits,
    ) -> Result<Fields<'a>, DecodeError> {
        if frame.len() > max_bytes {
            return Err(too_many_bytes(frame.len(), max_bytes));
        }
        let entries = match format {
            Format::Cbor => cbor_entries(frame, limits)?,
            #[cfg(feature = "server")]
            Format::Json => super::json_fields::entries(frame)?,
        };
        Ok(Fields { format, entries, limits: *limits })
    }

    /// A text; absent, null and undefined are none.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, DecodeError> {
        match self.scalar(name)? {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(expected("a text", name)),
        }
    }

    /// An unsigned integer.
    pub fn uint(&self, name: &'static str) -> Result<Option<u64>, DecodeError> {
        let number = match self.scalar(name)? {
            None => return Ok(None),
            Some(Value::Number(number)) => whole(number),
            Some(Value::BigInt(big)) => num_traits::ToPrimitive::to_u64(&big),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| expected("an unsigned integer", name))
    }

    /// A truth.
    pub fn bool(&self, name: &'static str) -> Result<Option<bool>, DecodeError> {
        match self.scalar(name)? {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(truth)),
            Some(_) => Err(expected("true or false", name)),
        }
    }

    /// A date.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, DecodeError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Timestamp::parse(&text).map(Some).map_err(|error| DecodeError::malformed(error.as_str()).within(name))
    }

    /// A value; `undefined` is none, null is a value.
    pub fn value(&self, name: &'static str) -> Result<Option<CborValue>, DecodeError> {
        let Some(item) = self.slice(name) else { return Ok(None) };
        match self.format {
            Format::Cbor if item == [0xf7] => Ok(None),
            Format::Cbor if item.len() > self.limits.value_bytes => {
                Err(too_many_bytes(item.len(), self.limits.value_bytes).within(name))
            }
            Format::Cbor => Ok(Some(CborValue(item.into()))),
            #[cfg(feature = "server")]
            Format::Json => match json::value_from_text(item, &self.limits).map_err(|error| error.within(name))? {
                Value::Undefined => Ok(None),
                value => Ok(Some(CborValue(cbor::encode_value(&value)))),
            },
        }
    }

    /// A diff. `undefined` is a diff, though none that applies to an entity.
    pub fn diff(&self, name: &'static str) -> Result<Option<CborDiff>, DecodeError> {
        let Some(item) = self.slice(name) else { return Ok(None) };
        match self.format {
            Format::Cbor => Ok(Some(CborDiff(item.into()))),
            #[cfg(feature = "server")]
            Format::Json => {
                let patch = json::patch_from_text(item, &self.limits).map_err(|error| error.within(name))?;
                Ok(Some(CborDiff(cbor::encode_patch(&patch))))
            }
        }
    }

    /// The items of an array of maps, each taken apart.
    pub(super) fn maps(&self, name: &'static str) -> Result<Option<Vec<Fields<'_>>>, DecodeError> {
        let refused = || expected("an array of maps", name);
        let Some(item) = self.slice(name) else { return Ok(None) };
        let mut maps = Vec::new();
        match self.format {
            Format::Cbor => {
                let mut decoder = Decoder::new(item);
                let Ok(Token::Array(len)) = decoder.token() else { return Err(refused()) };
                for _ in 0..len {
                    let start = decoder.position();
                    scan::scan(&mut decoder, TRUSTED.depth).map_err(|_| refused())?;
                    maps.push(self.part(decoder.since(start))?);
                }
            }
            #[cfg(feature = "server")]
            Format::Json => {
                let items: Vec<&RawValue> = serde_json::from_slice(item).map_err(|_| refused())?;
                for item in items {
                    maps.push(self.part(item.get().as_bytes())?);
                }
            }
        }
        Ok(Some(maps))
    }

    /// A field that is a map, taken apart.
    pub(super) fn map(&self, name: &'static str) -> Result<Option<Fields<'_>>, DecodeError> {
        match self.slice(name) {
            None | Some([0xf7]) => Ok(None),
            Some(item) => self.part(item).map(Some).map_err(|error| error.within(name)),
        }
    }

    fn part<'b>(&self, item: &'b [u8]) -> Result<Fields<'b>, DecodeError> {
        Fields::decode(item, self.format, TRUSTED.message_bytes, &self.limits)
    }

    fn slice(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, item)| item.as_ref())
    }

    /// What is there; absent, null and undefined are none.
    fn scalar(&self, name: &'static str) -> Result<Option<Value>, DecodeError> {
        let Some(item) = self.slice(name) else { return Ok(None) };
        let value = match self.format {
            Format::Cbor => cbor::decode_value(item, &self.limits),
            #[cfg(feature = "server")]
            Format::Json => json::value_from_text(item, &self.limits),
        };
        Ok(match value.map_err(|error| error.within(name))? {
            Value::Undefined | Value::Null => None,
            value => Some(value),
        })
    }
}

fn expected(what: &str, name: &str) -> DecodeError {
    DecodeError::malformed([what, " was expected"].concat()).within(name)
}

/// A field that has to be there is not.
pub(super) fn missing(name: &str) -> DecodeError {
    DecodeError::malformed(["the field `", name, "` is missing"].concat())
}

/// A number that counts something, up to where numbers are exact.
pub(super) fn whole(number: f64) -> Option<u64> {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    (float::is_whole(number) && (0.0..=SAFE).contains(&number)).then_some(number as u64)
}

pub(super) fn add<'a>(entries: &mut Entries<'a>, key: String, item: Cow<'a, [u8]>) -> Result<(), DecodeError> {
    if entries.iter().any(|(known, _)| *known == key) {
        return Err(DecodeError::malformed(["the field `", &key, "` is there twice"].concat()));
    }
    if entries.len() >= MAX_FIELDS {
        return Err(DecodeError::malformed(["a message has at most ", &decimal(MAX_FIELDS), " fields"].concat()));
    }
    entries.push((key, item));
    Ok(())
}

/// The fields of a CBOR map. What npm cbor-x writes by default is made plain first.
fn cbor_entries<'a>(frame: &'a [u8], limits: &Limits) -> Result<Entries<'a>, DecodeError> {
    if let Some(entries) = plain_entries(frame, limits)? {
        return Ok(entries);
    }
    #[cfg(not(feature = "server"))]
    return Err(DecodeError::malformed(NOT_A_MAP));
    #[cfg(feature = "server")]
    rewritten_entries(frame, limits)
}

/// The same of a map with records or references in it.
#[cfg(feature = "server")]
fn rewritten_entries<'a>(frame: &[u8], limits: &Limits) -> Result<Entries<'a>, DecodeError> {
    // Whatever is in it: one level for the map, and what the deepest field may have.
    let depth = field_depth(DIFF, limits) + 1;
    let found = scan::scan_whole(frame, depth).map_err(scan::ScanError::too_large)?;
    let bytes =
        plain::rewrite(frame, found, depth, limits.value_bytes.max(frame.len())).map_err(scan::ScanError::too_large)?;
    let entries = plain_entries(&bytes, limits)?.ok_or_else(|| DecodeError::malformed(NOT_A_MAP))?;
    Ok(entries.into_iter().map(|(key, item)| (key, Cow::Owned(item.into_owned()))).collect())
}

/// The fields of a CBOR map that holds neither records nor references; none if there are some, or if the map is a record.
fn plain_entries<'a>(frame: &'a [u8], limits: &Limits) -> Result<Option<Entries<'a>>, DecodeError> {
    let malformed = || DecodeError::malformed(NOT_A_MAP);
    let mut decoder = Decoder::new(frame);
    let mut first = decoder.token();
    // A JavaScript Map is a map too.
    if let Ok(Token::Tag(number)) = first {
        if number != tag::MAP {
            return Ok(None);
        }
        first = decoder.token();
    }
    let mut left = match first {
        Ok(Token::Map(len)) => Some(len),
        Ok(Token::BeginMap) => None,
        _ => return Err(malformed()),
    };
    let mut entries = Vec::new();
    loop {
        match &mut left {
            Some(0) => break,
            Some(left) => *left -= 1,
            None if decoder.at_break() => break,
            None => {}
        }
        let Ok(Token::Text(key)) = decoder.token() else { return Err(malformed()) };
        let start = decoder.position();
        let found = scan::scan(&mut decoder, field_depth(key, limits)).map_err(|error| {
            let error = if key == DIFF { error.malformed() } else { error.too_large() };
            error.within(key)
        })?;
        if !found.is_plain() {
            return Ok(None);
        }
        add(&mut entries, key.to_owned(), Cow::Borrowed(decoder.since(start)))?;
    }
    if !decoder.rest().is_empty() {
        return Err(DecodeError::malformed("there is more after the end of the message"));
    }
    Ok(Some(entries))
}

/// How deep the CBOR of a field may be: a value as deep as values may be; anything else may hold a diff.
fn field_depth(name: &str, limits: &Limits) -> usize {
    let depth = limits.depth.min(MAX_DEPTH);
    match name {
        "value" => depth,
        DIFF => scan::diff_depth(depth),
        // `meta`, and lists of it.
        _ => scan::diff_depth(depth) + 2,
    }
}
