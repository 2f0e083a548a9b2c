//! Building values, patches and diffs from plain CBOR that was scanned: its lengths are true and its depth is bounded.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use minicbor::Decoder;
use minicbor::data::{Tag, Token, Type};
use num_bigint::{BigInt, Sign};

use super::head::{at_break, peek, token};
use super::tag;
use crate::codec::{DecodeError, MAX_BIGINT_BYTES};
use crate::diff::{Diff, Patch, Segment};
use crate::value::Value;

/// Reads items.
pub(super) struct Reader<'b> {
    decoder: Decoder<'b>,
    /// What nesting too deep is: for a value it is too large, for a diff it is malformed.
    too_deep: fn(String) -> DecodeError,
    /// How many more places a patch may touch.
    pub(super) operations: usize,
}

/// How many items there are, or that a break says.
#[derive(Clone, Copy)]
struct Items(Option<u64>);

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8], too_deep: fn(String) -> DecodeError) -> Self {
        Reader { decoder: Decoder::new(bytes), too_deep, operations: usize::MAX }
    }

    /// Reads one item that must be all there is.
    pub(super) fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        let item = read(&mut self)?;
        if self.decoder.position() < self.decoder.input().len() {
            return Err(DecodeError::malformed("there is more after the end"));
        }
        Ok(item)
    }

    fn deeper(&self, depth: usize) -> Result<usize, DecodeError> {
        depth.checked_sub(1).ok_or_else(|| (self.too_deep)("nested deeper than allowed".into()))
    }

    fn operation(&mut self) -> Result<(), DecodeError> {
        let left = self.operations.checked_sub(1);
        self.operations =
            left.ok_or_else(|| DecodeError::TooLarge("the diff has more operations than allowed".into()))?;
        Ok(())
    }

    fn next(&mut self) -> Result<Token<'b>, DecodeError> {
        token(&mut self.decoder)
    }

    /// Whether there is another item; counts it.
    fn more(&mut self, items: &mut Items) -> bool {
        match &mut items.0 {
            Some(left) => {
                let more = *left > 0;
                *left = left.saturating_sub(1);
                more
            }
            None => !at_break(&mut self.decoder),
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let depth = self.deeper(depth)?;
        let first = peek(&self.decoder);
        Ok(match self.next()? {
            Token::Undefined => Value::Undefined,
            Token::Null => Value::Null,
            Token::Bool(truth) => Value::Bool(truth),
            Token::F16(number) | Token::F32(number) => Value::Number(f64::from(number)),
            Token::F64(number) => Value::Number(number),
            // A head of eight bytes is how npm cbor-x writes a bigint, and what it reads as one.
            Token::U64(number) if first == Some(0x1b) => Value::BigInt(number.into()),
            Token::U8(number) => Value::Number(number.into()),
            Token::U16(number) => Value::Number(number.into()),
            Token::U32(number) => Value::Number(number.into()),
            Token::U64(number) => Value::BigInt(number.into()),
            Token::I8(number) => integer(number.into(), first),
            Token::I16(number) => integer(number.into(), first),
            Token::I32(number) => integer(number.into(), first),
            Token::I64(number) => integer(number.into(), first),
            Token::Int(number) => integer(number.into(), first),
            Token::String(text) => Value::Text(text.into()),
            Token::BeginString => Value::Text(self.rest_of_text()?),
            Token::Bytes(bytes) => Value::Bytes(bytes.into()),
            Token::BeginBytes => Value::Bytes(self.rest_of_bytes()?),
            Token::Array(len) => Value::Array(self.values(Items(Some(len)), depth)?),
            Token::BeginArray => Value::Array(self.values(Items(None), depth)?),
            Token::Map(len) => Value::Object(self.members(Items(Some(len)), |reader| reader.value(depth))?),
            Token::BeginMap => Value::Object(self.members(Items(None), |reader| reader.value(depth))?),
            Token::Tag(number) => self.tagged(number, depth)?,
            _ => return Err(DecodeError::malformed("a simple value other than false, true, null and undefined is not a value")),
        })
    }

    fn tagged(&mut self, number: Tag, depth: usize) -> Result<Value, DecodeError> {
        match number.as_u64() {
            tag::DATE => Ok(Value::Date(self.date()?)),
            // Python's cbor2 and others write dates so; they come back with tag 1.
            #[cfg(feature = "server")]
            tag::DATE_TEXT => {
                let text = self.text()?;
                let instant: jiff::Timestamp =
                    text.parse().map_err(|_| DecodeError::malformed("a date (tag 0) is a text as RFC 3339 has it"))?;
                Ok(Value::Date(instant.as_millisecond() as f64))
            }
            tag::BIG => Ok(Value::BigInt(self.big()?)),
            tag::BIG_NEGATIVE => Ok(Value::BigInt(-self.big()? - 1_u8)),
            tag::SET => match self.next()? {
                Token::Array(len) => self.set(Items(Some(len)), depth),
                Token::BeginArray => self.set(Items(None), depth),
                _ => Err(DecodeError::malformed("a set (tag 258) is an array")),
            },
            tag::MAP => match self.next()? {
                Token::Map(len) => Ok(Value::Map(self.entries(Items(Some(len)), depth)?)),
                Token::BeginMap => Ok(Value::Map(self.entries(Items(None), depth)?)),
                _ => Err(DecodeError::malformed("a map with keys of any kind (tag 259) is a map")),
            },
            // 76 is reserved (RFC 8746).
            kind if tag::TYPED.contains(&kind) && kind != 76 => {
                let bytes = match self.next()? {
                    Token::Bytes(bytes) => bytes.to_vec(),
                    Token::BeginBytes => self.rest_of_bytes()?,
                    _ => return Err(DecodeError::malformed("a typed array (tags 64 to 87) is a byte string")),
                };
                if bytes.len() % element_len(kind as u8) != 0 {
                    return Err(DecodeError::malformed("a typed array ends inside an element"));
                }
                Ok(Value::Typed(kind as u8, bytes))
            }
            tag::TEXT_EDITS | tag::ARRAY_EDITS | tag::REPLACE => {
                Err(DecodeError::malformed("edits are part of a diff, not of a value"))
            }
            other => Err(DecodeError::malformed(format!("values have no tag {other}"))),
        }
    }

    /// A number of seconds, and nothing that has a tag of its own, in milliseconds.
    fn date(&mut self) -> Result<f64, DecodeError> {
        let refused = || DecodeError::malformed("a date (tag 1) is a number of seconds");
        if peek(&self.decoder).is_none_or(|first| !matches!(first >> 5, 0 | 1 | 7)) {
            return Err(refused());
        }
        match self.value(1)? {
            Value::Number(seconds) => Ok(millis(seconds)),
            Value::BigInt(seconds) => Ok(millis(num_traits::ToPrimitive::to_f64(&seconds).unwrap_or(f64::NAN))),
            _ => Err(refused()),
        }
    }

    fn big(&mut self) -> Result<BigInt, DecodeError> {
        let bytes = match self.next()? {
            Token::Bytes(bytes) => bytes.to_vec(),
            Token::BeginBytes => self.rest_of_bytes()?,
            _ => return Err(DecodeError::malformed("a bigint (tags 2 and 3) is a byte string")),
        };
        if bytes.len() > MAX_BIGINT_BYTES {
            return Err(DecodeError::TooLarge(format!("a bigint has at most {MAX_BIGINT_BYTES} bytes")));
        }
        Ok(BigInt::from_bytes_be(Sign::Plus, &bytes))
    }

    fn rest_of_text(&mut self) -> Result<String, DecodeError> {
        let mut text = String::new();
        while !at_break(&mut self.decoder) {
            text.push_str(&self.text()?);
        }
        Ok(text)
    }

    fn rest_of_bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = Vec::new();
        while !at_break(&mut self.decoder) {
            match self.next()? {
                Token::Bytes(part) => bytes.extend_from_slice(part),
                _ => return Err(DecodeError::malformed("a byte string has parts of another kind")),
            }
        }
        Ok(bytes)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        match self.next()? {
            Token::String(text) => Ok(text.into()),
            Token::BeginString => self.rest_of_text(),
            _ => Err(DecodeError::malformed("a text was expected")),
        }
    }

    /// A member's name; an integer counts as its digits, since maps of indices are written with either.
    fn key(&mut self) -> Result<String, DecodeError> {
        match self.decoder.datatype() {
            Ok(Type::U8 | Type::U16 | Type::U32 | Type::U64) => {
                let number = self.decoder.u64().map_err(|error| DecodeError::malformed(error.to_string()))?;
                Ok(number.to_string())
            }
            _ => self.text().map_err(|error| match error {
                DecodeError::Malformed(_) => DecodeError::malformed("keys of an object are texts"),
                other => other,
            }),
        }
    }

    fn values(&mut self, mut items: Items, depth: usize) -> Result<Vec<Value>, DecodeError> {
        let mut values = Vec::with_capacity(self.room(items));
        while self.more(&mut items) {
            values.push(self.value(depth)?);
        }
        Ok(values)
    }

    fn entries(&mut self, mut items: Items, depth: usize) -> Result<Vec<(Value, Value)>, DecodeError> {
        let mut entries = Vec::with_capacity(self.room(items) / 2);
        while self.more(&mut items) {
            entries.push((self.value(depth)?, self.value(depth)?));
        }
        distinct(entries.iter().map(|(key, _)| key))?;
        Ok(entries)
    }

    fn set(&mut self, items: Items, depth: usize) -> Result<Value, DecodeError> {
        let items = self.values(items, depth)?;
        distinct(items.iter())?;
        Ok(Value::Set(items))
    }

    /// Room for `items`. The scan has counted them, and each takes at least a byte of what is left.
    fn room(&self, items: Items) -> usize {
        let rest = self.decoder.input().len() - self.decoder.position();
        items.0.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX).min(rest))
    }

    fn members<T>(
        &mut self,
        mut items: Items,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<BTreeMap<String, T>, DecodeError> {
        let mut members = BTreeMap::new();
        while self.more(&mut items) {
            match members.entry(self.key()?) {
                Entry::Vacant(place) => place.insert(read(self)?),
                Entry::Occupied(taken) => {
                    return Err(DecodeError::malformed(format!("the key {:?} is there twice", taken.key())));
                }
            };
        }
        Ok(members)
    }

    pub(super) fn patch(&mut self, depth: usize) -> Result<Patch, DecodeError> {
        let below = self.deeper(depth)?;
        let start = self.decoder.position();
        match self.next()? {
            Token::Undefined => Ok(Patch::Remove),
            Token::Map(len) => self.patches(Items(Some(len)), below),
            Token::BeginMap => self.patches(Items(None), below),
            Token::Tag(number) if number.as_u64() == tag::REPLACE => Ok(Patch::Replace(self.value(depth)?)),
            Token::Tag(number) if number.as_u64() == tag::TEXT_EDITS => Ok(Patch::Text(self.text_edits()?)),
            Token::Tag(number) if number.as_u64() == tag::ARRAY_EDITS => {
                Ok(Patch::Array(self.array_edits(below, Self::patch)?))
            }
            _ => {
                self.decoder.set_position(start);
                Ok(Patch::Value(self.value(depth)?))
            }
        }
    }

    fn patches(&mut self, items: Items, depth: usize) -> Result<Patch, DecodeError> {
        let read = |reader: &mut Self| {
            reader.operation()?;
            reader.patch(depth)
        };
        Ok(Patch::Map(self.members(items, read)?))
    }

    pub(super) fn diff(&mut self, depth: usize) -> Result<Diff, DecodeError> {
        let below = self.deeper(depth)?;
        match self.next()? {
            Token::Undefined => Ok(Diff::Remove),
            Token::Map(len) => Ok(Diff::Object(self.members(Items(Some(len)), |reader| reader.diff(below))?)),
            Token::Tag(number) => match number.as_u64() {
                tag::REPLACE => Ok(Diff::Set { value: self.value(depth)?, over_container: true }),
                tag::SET_OVER_NO_CONTAINER => Ok(Diff::Set { value: self.value(depth)?, over_container: false }),
                tag::TEXT_EDITS => Ok(Diff::Text(self.text_edits()?)),
                tag::ARRAY_EDITS => Ok(Diff::Array(self.array_edits(below, Self::diff)?)),
                other => Err(DecodeError::malformed(format!("a stored diff has no tag {other}"))),
            },
            _ => Err(DecodeError::malformed("a stored diff starts with a map, undefined or a tag")),
        }
    }

    fn steps(&mut self) -> Result<Items, DecodeError> {
        match self.next()? {
            Token::Array(len) => Ok(Items(Some(len))),
            Token::BeginArray => Ok(Items(None)),
            _ => Err(DecodeError::malformed("edits are an array")),
        }
    }

    fn text_edits(&mut self) -> Result<Vec<Segment<String, ()>>, DecodeError> {
        let mut items = self.steps()?;
        let mut segments = Vec::new();
        while self.more(&mut items) {
            self.operation()?;
            segments.push(match self.decoder.datatype() {
                Ok(Type::String | Type::StringIndef) => {
                    let text = self.text()?;
                    if text.is_empty() {
                        return Err(inserts_nothing());
                    }
                    Segment::Insert(text)
                }
                _ => match self.length()? {
                    (len, true) => Segment::Keep(len),
                    (len, false) => Segment::Delete(len),
                },
            });
        }
        Ok(segments)
    }

    fn array_edits<I>(
        &mut self,
        depth: usize,
        inner: fn(&mut Self, usize) -> Result<I, DecodeError>,
    ) -> Result<Vec<Segment<Vec<Value>, I>>, DecodeError> {
        let mut items = self.steps()?;
        let mut segments = Vec::new();
        while self.more(&mut items) {
            self.operation()?;
            segments.push(match self.decoder.datatype() {
                Ok(Type::Array | Type::ArrayIndef) => {
                    let items = self.steps()?;
                    let values = self.values(items, depth)?;
                    if values.is_empty() {
                        return Err(inserts_nothing());
                    }
                    Segment::Insert(values)
                }
                Ok(Type::Map | Type::MapIndef) => {
                    let items = match self.next()? {
                        Token::Map(len) => Items(Some(len)),
                        _ => Items(None),
                    };
                    let mut change = self.members(items, |reader| inner(reader, depth))?;
                    match (change.remove("at"), change.is_empty()) {
                        (Some(change), true) => Segment::Inner(change),
                        _ => return Err(DecodeError::malformed("a map among edits has the one key \"at\"")),
                    }
                }
                _ => match self.length()? {
                    (len, true) => Segment::Keep(len),
                    (len, false) => Segment::Delete(len),
                },
            });
        }
        Ok(segments)
    }

    /// A length to keep (true) or to delete.
    fn length(&mut self) -> Result<(usize, bool), DecodeError> {
        let refused = || {
            DecodeError::malformed("a step of edits is a length to keep, minus a length to delete, or what to insert")
        };
        let number = match self.next()? {
            Token::U8(number) => i128::from(number),
            Token::U16(number) => number.into(),
            Token::U32(number) => number.into(),
            Token::U64(number) => number.into(),
            Token::I8(number) => number.into(),
            Token::I16(number) => number.into(),
            Token::I32(number) => number.into(),
            Token::I64(number) => number.into(),
            Token::Int(number) => number.into(),
            _ => return Err(refused()),
        };
        // No text or array of ours is longer, and lengths that are summed can't overflow.
        let len = u32::try_from(number.unsigned_abs()).map_err(|_| refused())? as usize;
        match len {
            0 => Err(DecodeError::malformed("a step of edits can't be 0: leave it out")),
            len => Ok((len, number > 0)),
        }
    }
}

fn integer(number: i128, first: Option<u8>) -> Value {
    if first == Some(0x3b) || first == Some(0x1b) { Value::BigInt(number.into()) } else { Value::Number(number as f64) }
}

/// Whole milliseconds of seconds: what a `Date` holds, within 8.64e15 of 1970, or is invalid. The fraction is multiplied by
/// itself, so that every date comes back from the nearest number of seconds.
fn millis(seconds: f64) -> f64 {
    let millis = seconds.trunc() * 1000.0 + (seconds.fract() * 1000.0).round();
    if millis.abs() <= 8.64e15 { millis + 0.0 } else { f64::NAN }
}

/// Bytes of one element of a typed array, from its tag's bits (RFC 8746, section 2.1).
pub(crate) fn element_len(kind: u8) -> usize {
    let float = kind & 0b1_0000 != 0;
    1 << ((kind & 0b11) + u8::from(float))
}

/// Refuses what a JavaScript Map or Set could not hold: a primitive twice. Objects are told apart by identity there, so two
/// that look the same are two.
fn distinct<'v>(keys: impl Iterator<Item = &'v Value>) -> Result<(), DecodeError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        let encoded = match key {
            // JavaScript has one zero as a key.
            Value::Number(number) if *number == 0.0 => vec![0],
            Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) | Value::BigInt(_) | Value::Text(_) => {
                super::encode_value(key)
            }
            _ => continue,
        };
        if !seen.insert(encoded) {
            return Err(DecodeError::malformed("a Map or Set has the same key twice"));
        }
    }
    Ok(())
}

fn inserts_nothing() -> DecodeError {
    DecodeError::malformed("a step of edits inserts nothing: leave it out")
}
