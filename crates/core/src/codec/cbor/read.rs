//! Building values, patches and diffs from plain CBOR that was scanned: its lengths are true and its depth is bounded.

mod edits;

use num_bigint::{BigInt, BigUint, Sign};

use super::head::{Argument, Decoder, Token, major};
use super::tag;
use crate::codec::{DecodeError, MAX_BIGINT_BYTES};
use crate::float;
use crate::limits::TRUSTED;
use crate::members::Members;
use crate::prelude::*;
use crate::sort;
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
        Reader { decoder: Decoder::new(bytes), too_deep, operations: TRUSTED.diff_operations }
    }

    /// Reads one item that must be all there is.
    pub(super) fn whole<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        let item = read(&mut self)?;
        if !self.decoder.rest().is_empty() {
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

    /// A step that stands for so many more.
    fn operations_more(&mut self, count: usize) -> Result<(), DecodeError> {
        (0..count).try_for_each(|_| self.operation())
    }

    fn next(&mut self) -> Result<Token<'b>, DecodeError> {
        self.decoder.token()
    }

    /// Whether there is another item; counts it.
    fn more(&mut self, items: &mut Items) -> bool {
        match &mut items.0 {
            Some(left) => {
                let more = *left > 0;
                *left = left.saturating_sub(1);
                more
            }
            None => !self.decoder.at_break(),
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let depth = self.deeper(depth)?;
        Ok(match self.next()? {
            Token::Undefined => Value::Undefined,
            Token::Null => Value::Null,
            Token::Bool(truth) => Value::Bool(truth),
            Token::Float(number) => Value::Number(number),
            Token::Uint(Argument { number, wide: true }) => Value::BigInt(number.into()),
            Token::Uint(Argument { number, .. }) => Value::Number(number as f64),
            Token::Negative(Argument { number, wide: true }) => Value::BigInt(negative(number.into())),
            Token::Negative(Argument { number, .. }) => Value::Number(-1.0 - number as f64),
            Token::Text(text) => Value::Text(text.into()),
            Token::BeginText => Value::Text(self.rest_of_text()?),
            Token::Bytes(bytes) => Value::Bytes(bytes.into()),
            Token::BeginBytes => Value::Bytes(self.rest_of_bytes()?),
            Token::Array(len) => Value::Array(self.values(Items(Some(len)), depth)?),
            Token::BeginArray => Value::Array(self.values(Items(None), depth)?),
            Token::Map(len) => Value::Object(self.members(Items(Some(len)), |reader| reader.value(depth))?),
            Token::BeginMap => Value::Object(self.members(Items(None), |reader| reader.value(depth))?),
            Token::Tag(number) => self.tagged(number, depth)?,
            _ => {
                return Err(DecodeError::malformed(
                    "a simple value other than false, true, null and undefined is not a value",
                ));
            }
        })
    }

    fn tagged(&mut self, number: u64, depth: usize) -> Result<Value, DecodeError> {
        match number {
            tag::DATE => Ok(Value::Date(self.date()?)),
            // Python's cbor2 and others write dates so; they come back with tag 1.
            #[cfg(feature = "server")]
            tag::DATE_TEXT => {
                let text = self.text()?;
                let instant: jiff::Timestamp =
                    text.parse().map_err(|_| DecodeError::malformed("a date (tag 0) is a text as RFC 3339 has it"))?;
                Ok(Value::Date(instant.as_millisecond() as f64))
            }
            tag::BIG => Ok(Value::BigInt(self.big()?.into())),
            tag::BIG_NEGATIVE => Ok(Value::BigInt(negative(self.big()?))),
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
            tag::TEXT_EDITS | tag::ARRAY_EDITS | tag::REPLACE | tag::INCREMENT | tag::MAP_EDITS => {
                Err(DecodeError::malformed("edits are part of a diff, not of a value"))
            }
            other => Err(DecodeError::malformed(["values have no tag ", &decimal(other)].concat())),
        }
    }

    /// A number of seconds, and nothing that has a tag of its own, in milliseconds.
    fn date(&mut self) -> Result<f64, DecodeError> {
        let refused = || DecodeError::malformed("a date (tag 1) is a number of seconds");
        if !matches!(self.decoder.major(), Some(major::UINT | major::NEGATIVE | major::SIMPLE)) {
            return Err(refused());
        }
        match self.value(1)? {
            Value::Number(seconds) => Ok(millis(seconds)),
            Value::BigInt(seconds) => Ok(millis(float::nearest(&seconds))),
            _ => Err(refused()),
        }
    }

    fn big(&mut self) -> Result<BigUint, DecodeError> {
        let bytes = match self.next()? {
            Token::Bytes(bytes) => bytes.to_vec(),
            Token::BeginBytes => self.rest_of_bytes()?,
            _ => return Err(DecodeError::malformed("a bigint (tags 2 and 3) is a byte string")),
        };
        if bytes.len() > MAX_BIGINT_BYTES {
            return Err(DecodeError::TooLarge(
                ["a bigint has at most ", &decimal(MAX_BIGINT_BYTES), " bytes"].concat(),
            ));
        }
        Ok(BigUint::from_bytes_be(&bytes))
    }

    fn rest_of_text(&mut self) -> Result<String, DecodeError> {
        let mut text = String::new();
        while !self.decoder.at_break() {
            text.push_str(&self.text()?);
        }
        Ok(text)
    }

    fn rest_of_bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = Vec::new();
        while !self.decoder.at_break() {
            match self.next()? {
                Token::Bytes(part) => bytes.extend_from_slice(part),
                _ => return Err(DecodeError::malformed("a byte string has parts of another kind")),
            }
        }
        Ok(bytes)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        match self.next()? {
            Token::Text(text) => Ok(text.into()),
            Token::BeginText => self.rest_of_text(),
            _ => Err(DecodeError::malformed("a text was expected")),
        }
    }

    /// A member's name; an integer counts as its digits, since maps of indices are written with either.
    fn key(&mut self) -> Result<String, DecodeError> {
        match self.next()? {
            Token::Text(text) => Ok(text.into()),
            Token::BeginText => self.rest_of_text(),
            Token::Uint(argument) => Ok(decimal(argument.number)),
            _ => Err(DecodeError::malformed("keys of an object are texts")),
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
        let rest = self.decoder.rest().len();
        items.0.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX).min(rest))
    }

    fn members<T>(
        &mut self,
        mut items: Items,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Members<T>, DecodeError> {
        let mut members = Vec::new();
        while self.more(&mut items) {
            members.push((self.key()?, read(self)?));
        }
        Members::of(members)
            .map_err(|twice| DecodeError::malformed(["the key \"", &twice, "\" is there twice"].concat()))
    }
}

/// Whole milliseconds of seconds: what a `Date` holds, within 8.64e15 of 1970, or is invalid. The fraction is multiplied by
/// itself, so that every date comes back from the nearest number of seconds.
fn millis(seconds: f64) -> f64 {
    let whole = float::trunc(seconds);
    let millis = whole * 1000.0 + float::round((seconds - whole) * 1000.0);
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
    let mut seen = Vec::new();
    for key in keys {
        let encoded = match key {
            // JavaScript has one zero as a key.
            Value::Number(number) if *number == 0.0 => vec![0],
            Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) | Value::BigInt(_) | Value::Text(_) => {
                super::encode_value(key)
            }
            _ => continue,
        };
        seen.push(encoded);
    }
    if sort::sorted(seen).windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(DecodeError::malformed("a Map or Set has the same key twice"));
    }
    Ok(())
}

/// −1 less the argument.
fn negative(argument: BigUint) -> BigInt {
    BigInt::from_biguint(Sign::Minus, argument + 1_u8)
}
