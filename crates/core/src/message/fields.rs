//! The named fields of one map, in either format; values and diffs in CBOR are taken as the bytes they are.

use std::borrow::Cow;
use std::ops::Range;

use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::{Map, Value as Json};

use super::Format;
use crate::codec::cbor::{plain, scan};
use crate::codec::{DecodeError, MAX_DEPTH, cbor, json, too_many_bytes};
use crate::limits::Limits;
use crate::operation::{CborDiff, CborValue};
use crate::time::Timestamp;
use crate::value::Value;

/// The fields of a message or a body. Fields that nobody asks for are not looked at.
pub struct Fields<'a> {
    content: Content<'a>,
    limits: Limits,
}

enum Content<'a> {
    Cbor { bytes: Cow<'a, [u8]>, entries: Vec<(String, Range<usize>)> },
    Json(Map<String, Json>),
}

const NOT_A_MAP: &str = "a message is one map with text keys";

impl Fields<'_> {
    /// Takes a map of at most `max_bytes` apart.
    pub fn decode<'a>(
        frame: &'a [u8],
        format: Format,
        max_bytes: usize,
        limits: &Limits,
    ) -> Result<Fields<'a>, DecodeError> {
        if frame.len() > max_bytes {
            return Err(too_many_bytes(frame.len(), max_bytes));
        }
        // The map is one level, and an edit inside an array takes two for one of the diff's.
        let depth = scan::diff_depth(limits.depth.min(MAX_DEPTH)) + 1;
        let content = match format {
            Format::Cbor => entries(frame, depth, max_bytes)?,
            Format::Json => match json::parse(frame, depth)? {
                Json::Object(members) => Content::Json(members),
                _ => return Err(DecodeError::malformed(NOT_A_MAP)),
            },
        };
        Ok(Fields { content, limits: *limits })
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
        const SAFE: f64 = 9_007_199_254_740_992.0;
        self.scalar(name, "an unsigned integer", |value| match value {
            Value::Number(number) if number.fract() == 0.0 && (0.0..=SAFE).contains(&number) => Some(number as u64),
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
        match &self.content {
            Content::Cbor { .. } => Ok(self.slice(name).filter(|item| *item != [0xf7]).map(|item| CborValue(item.into()))),
            Content::Json(members) => {
                let Some(member) = members.get(name) else { return Ok(None) };
                match json::value_from_json(member, &self.limits).map_err(|error| error.within(name))? {
                    Value::Undefined => Ok(None),
                    value => Ok(Some(CborValue(cbor::encode_value(&value)))),
                }
            }
        }
    }

    /// A diff. `undefined` is a diff, though none that applies to an entity.
    pub fn diff(&self, name: &'static str) -> Result<Option<CborDiff>, DecodeError> {
        match &self.content {
            Content::Cbor { .. } => Ok(self.slice(name).map(|item| CborDiff(item.into()))),
            Content::Json(members) => {
                let Some(member) = members.get(name) else { return Ok(None) };
                let patch = json::patch_from_json(member, &self.limits).map_err(|error| error.within(name))?;
                Ok(Some(CborDiff(cbor::encode_patch(&patch))))
            }
        }
    }

    /// The items of an array of maps, each taken apart.
    pub(super) fn maps(&self, name: &'static str) -> Result<Option<Vec<Fields<'static>>>, DecodeError> {
        let fields = |content| Fields { content, limits: self.limits };
        let refused = || DecodeError::malformed("an array of maps was expected").within(name);
        match &self.content {
            Content::Cbor { .. } => {
                let Some(item) = self.slice(name) else { return Ok(None) };
                let mut decoder = Decoder::new(item);
                let len = decoder.array().ok().flatten().ok_or_else(refused)?;
                let mut maps = Vec::new();
                for _ in 0..len {
                    let start = decoder.position();
                    decoder.skip().map_err(|_| refused())?;
                    let bytes = item.get(start..decoder.position()).unwrap_or_default().to_vec();
                    let Content::Cbor { entries, .. } = entries(&bytes, MAX_DEPTH, usize::MAX)? else { continue };
                    maps.push(fields(Content::Cbor { bytes: Cow::Owned(bytes.clone()), entries }));
                }
                Ok(Some(maps))
            }
            Content::Json(members) => {
                let Some(member) = members.get(name) else { return Ok(None) };
                let items = member.as_array().ok_or_else(refused)?;
                let map = |item: &Json| item.as_object().cloned().map(|map| fields(Content::Json(map))).ok_or_else(refused);
                items.iter().map(map).collect::<Result<_, _>>().map(Some)
            }
        }
    }

    /// A field that is a map, taken apart.
    pub(super) fn map(&self, name: &'static str) -> Result<Option<Fields<'static>>, DecodeError> {
        let refused = || DecodeError::malformed("a map was expected").within(name);
        let content = match &self.content {
            Content::Cbor { .. } => {
                let Some(item) = self.slice(name).filter(|item| *item != [0xf7]) else { return Ok(None) };
                let Content::Cbor { bytes, entries } = entries(item, MAX_DEPTH, usize::MAX)? else { return Ok(None) };
                Content::Cbor { bytes: Cow::Owned(bytes.into_owned()), entries }
            }
            Content::Json(members) => match members.get(name) {
                None => return Ok(None),
                Some(member) => Content::Json(member.as_object().cloned().ok_or_else(refused)?),
            },
        };
        Ok(Some(Fields { content, limits: self.limits }))
    }

    fn slice(&self, name: &str) -> Option<&[u8]> {
        let Content::Cbor { bytes, entries } = &self.content else { return None };
        let (_, range) = entries.iter().find(|(key, _)| key == name)?;
        bytes.get(range.clone())
    }

    fn scalar<T>(
        &self,
        name: &'static str,
        wanted: &str,
        take: impl Fn(Value) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        let value = match &self.content {
            Content::Cbor { .. } => match self.slice(name) {
                None => return Ok(None),
                Some(item) => cbor::decode_value(item, &self.limits),
            },
            Content::Json(members) => match members.get(name) {
                None => return Ok(None),
                Some(member) => json::value_from_json(member, &self.limits),
            },
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

/// Where each field of a CBOR map is. What npm cbor-x writes by default is made plain first.
fn entries(frame: &[u8], depth: usize, max_bytes: usize) -> Result<Content<'_>, DecodeError> {
    let found = scan::scan_whole(frame, depth).map_err(scan::ScanError::too_large)?;
    let bytes = if found.is_plain() {
        Cow::Borrowed(frame)
    } else {
        Cow::Owned(plain::rewrite(frame, found, depth, max_bytes).map_err(scan::ScanError::too_large)?)
    };
    let mut decoder = Decoder::new(&bytes);
    let malformed = |_| DecodeError::malformed(NOT_A_MAP);
    if !matches!(decoder.datatype(), Ok(Type::Map | Type::MapIndef)) {
        return Err(DecodeError::malformed(NOT_A_MAP));
    }
    let len = decoder.map().map_err(malformed)?;
    let mut entries: Vec<(String, Range<usize>)> = Vec::new();
    while len.map_or_else(|| decoder.datatype().is_ok_and(|kind| kind != Type::Break), |len| (entries.len() as u64) < len) {
        let key = decoder.str().map_err(malformed)?.to_owned();
        let start = decoder.position();
        decoder.skip().map_err(malformed)?;
        if entries.iter().any(|(known, _)| *known == key) {
            return Err(DecodeError::malformed(format!("the field {key:?} is there twice")));
        }
        // A message has a dozen fields; looking each up among thousands would be somebody's way to keep us busy.
        if entries.len() >= 64 {
            return Err(DecodeError::malformed("a message has at most 64 fields"));
        }
        entries.push((key, start..decoder.position()));
    }
    Ok(Content::Cbor { bytes, entries })
}
