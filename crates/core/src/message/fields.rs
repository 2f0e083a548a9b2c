//! The named fields of one map, in either format, each taken as the bytes it is.
//!
//! In CBOR a value or a diff is handed on without being looked into, beyond that it is well-formed and not too deep: who
//! holds the entity reads it whole. In JSON it is read, and written as CBOR.

use std::borrow::Cow;
use minicbor::Decoder;
use minicbor::data::Type;
#[cfg(feature = "server")]
use serde_json::value::RawValue;

use super::Format;
use crate::codec::cbor::{plain, scan, tag};
#[cfg(feature = "server")]
use crate::codec::json;
use crate::codec::{DecodeError, MAX_DEPTH, cbor, too_many_bytes};
use crate::limits::Limits;
use crate::operation::{CborDiff, CborValue};
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

/// The field whose depth is a 400 rather than a 413 (contract section 2), and whose CBOR is deeper than itself.
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
        self.scalar(name, "a text", |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        })
    }

    /// An unsigned integer.
    pub fn uint(&self, name: &'static str) -> Result<Option<u64>, DecodeError> {
        self.scalar(name, "an unsigned integer", |value| match value {
            Value::Number(number) => whole(number),
            Value::BigInt(big) => num_traits::ToPrimitive::to_u64(&big),
            _ => None,
        })
    }

    /// A truth.
    pub fn bool(&self, name: &'static str) -> Result<Option<bool>, DecodeError> {
        self.scalar(name, "true or false", |value| match value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        })
    }

    /// A date.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, DecodeError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Timestamp::parse(&text).map(Some).map_err(|error| DecodeError::malformed(error.to_string()).within(name))
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
        let refused = || DecodeError::malformed("an array of maps was expected").within(name);
        let Some(item) = self.slice(name) else { return Ok(None) };
        let mut maps = Vec::new();
        match self.format {
            Format::Cbor => {
                let mut decoder = Decoder::new(item);
                let len = decoder.array().ok().flatten().ok_or_else(refused)?;
                for _ in 0..len {
                    let start = decoder.position();
                    decoder.skip().map_err(|_| refused())?;
                    maps.push(self.part(item.get(start..decoder.position()).unwrap_or_default())?);
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
        Fields::decode(item, self.format, usize::MAX, &self.limits)
    }

    fn slice(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, item)| item.as_ref())
    }

    fn scalar<T>(
        &self,
        name: &'static str,
        wanted: &str,
        take: impl Fn(Value) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        let Some(item) = self.slice(name) else { return Ok(None) };
        let value = match self.format {
            Format::Cbor => cbor::decode_value(item, &self.limits),
            #[cfg(feature = "server")]
            Format::Json => json::value_from_text(item, &self.limits),
        };
        match value.map_err(|error| error.within(name))? {
            Value::Undefined | Value::Null => Ok(None),
            value => {
                let refused = || DecodeError::malformed(format!("{wanted} was expected")).within(name);
                take(value).map(Some).ok_or_else(refused)
            }
        }
    }
}

/// A number that counts something, up to where numbers are exact.
pub(super) fn whole(number: f64) -> Option<u64> {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && (0.0..=SAFE).contains(&number)).then_some(number as u64)
}

pub(super) fn add<'a>(entries: &mut Entries<'a>, key: String, item: Cow<'a, [u8]>) -> Result<(), DecodeError> {
    if entries.iter().any(|(known, _)| *known == key) {
        return Err(DecodeError::malformed(format!("the field {key:?} is there twice")));
    }
    if entries.len() >= MAX_FIELDS {
        return Err(DecodeError::malformed(format!("a message has at most {MAX_FIELDS} fields")));
    }
    entries.push((key, item));
    Ok(())
}

/// The fields of a CBOR map. What npm cbor-x writes by default is made plain first.
fn cbor_entries<'a>(frame: &'a [u8], limits: &Limits) -> Result<Entries<'a>, DecodeError> {
    if let Some(entries) = plain_entries(frame, limits)? {
        return Ok(entries);
    }
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
    let malformed = |_| DecodeError::malformed(NOT_A_MAP);
    let mut decoder = Decoder::new(frame);
    if let Ok(Type::Tag) = decoder.datatype() {
        match decoder.tag().map_err(malformed)?.as_u64() {
            // A JavaScript Map is a map too.
            tag::MAP => {}
            _ => return Ok(None),
        }
    }
    let len = decoder.map().map_err(malformed)?;
    let mut entries = Vec::new();
    let mut left = len;
    loop {
        match &mut left {
            Some(0) => break,
            Some(left) => *left -= 1,
            None if decoder.datatype().map_err(malformed)? == Type::Break => {
                decoder.skip().map_err(malformed)?;
                break;
            }
            None => {}
        }
        let key = decoder.str().map_err(malformed)?.to_owned();
        let start = decoder.position();
        let found = scan::scan(&mut decoder, field_depth(&key, limits)).map_err(|error| {
            let error = if key == DIFF { error.malformed() } else { error.too_large() };
            error.within(&key)
        })?;
        if !found.is_plain() {
            return Ok(None);
        }
        add(&mut entries, key, Cow::Borrowed(frame.get(start..decoder.position()).unwrap_or_default()))?;
    }
    if decoder.position() < frame.len() {
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
