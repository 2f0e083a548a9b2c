//! Patches and stored diffs.

use super::{Items, Reader};
use crate::codec::DecodeError;
use crate::codec::cbor::head::{Token, major};
use crate::codec::cbor::tag;
use crate::diff::{Diff, Increment, Joins, Keyed, Patch, Segment};
use crate::prelude::*;
use crate::value::Value;

impl Reader<'_> {
    pub(in crate::codec::cbor) fn patch(&mut self, depth: usize) -> Result<Patch, DecodeError> {
        let below = self.deeper(depth)?;
        let start = self.decoder.position();
        match self.next()? {
            Token::Undefined => Ok(Patch::Remove),
            Token::Map(len) => self.patches(Items(Some(len)), below),
            Token::BeginMap => self.patches(Items(None), below),
            Token::Tag(tag::REPLACE) => Ok(Patch::Replace(self.value(depth)?)),
            Token::Tag(tag::TEXT_EDITS) => Ok(Patch::Text(self.text_edits()?)),
            Token::Tag(tag::ARRAY_EDITS) => Ok(Patch::Array(self.array_edits(below, Self::patch)?)),
            Token::Tag(tag::MAP_EDITS) => Ok(Patch::Entries(self.array_edits(below, Self::patch)?)),
            Token::Tag(tag::INCREMENT) => Ok(Patch::Increment(self.increment()?)),
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

    pub(in crate::codec::cbor) fn diff(&mut self, depth: usize) -> Result<Diff, DecodeError> {
        let below = self.deeper(depth)?;
        match self.next()? {
            Token::Undefined => Ok(Diff::Remove),
            Token::Map(len) => Ok(Diff::Object(self.members(Items(Some(len)), |reader| reader.diff(below))?)),
            Token::Tag(number) => match number {
                tag::REPLACE => Ok(Diff::Set { value: self.value(depth)?, over_container: true }),
                tag::SET_OVER_NO_CONTAINER => Ok(Diff::Set { value: self.value(depth)?, over_container: false }),
                tag::TEXT_EDITS => Ok(Diff::Text(self.text_edits()?)),
                tag::ARRAY_EDITS => Ok(Diff::Array(self.array_edits(below, Self::diff)?)),
                tag::MAP_EDITS => Ok(Diff::Entries(Keyed::Map, self.array_edits(below, Self::diff)?)),
                tag::SET_EDITS => Ok(Diff::Entries(Keyed::Set, self.array_edits(below, Self::diff)?)),
                tag::INCREMENT => Ok(Diff::Increment(self.increment()?)),
                _ => Err(DecodeError::malformed("a stored diff has no such tag")),
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

    /// By how much, or an array of that and of what it then is.
    fn increment(&mut self) -> Result<Increment, DecodeError> {
        let (by, to) = match self.value(2)? {
            Value::Array(mut both) if both.len() == 2 => {
                let to = both.pop();
                (both.pop().unwrap_or(Value::Undefined), to)
            }
            by => (by, None),
        };
        let is_number = |value: &Value| match value {
            Value::Number(number) => number.is_finite(),
            value => matches!(value, Value::BigInt(_)),
        };
        if !is_number(&by) || !to.as_ref().is_none_or(is_number) {
            return Err(DecodeError::malformed("an increment is a finite number or a bigint"));
        }
        Ok(Increment { by, to })
    }

    fn text_edits(&mut self) -> Result<Vec<Segment<String, ()>>, DecodeError> {
        let mut items = self.steps()?;
        let mut segments = Vec::new();
        while self.more(&mut items) {
            self.operation()?;
            segments.push(match self.decoder.major() {
                Some(major::TEXT) => Segment::Insert(self.inserted_text()?, Joins::NONE),
                Some(major::MAP) => {
                    let mut text = None;
                    let mut joins = Joins::NONE;
                    self.step(|reader, name| match name {
                        "insert" => {
                            text = Some(reader.inserted_text()?);
                            Ok(true)
                        }
                        "joins" => {
                            joins = reader.joins()?;
                            Ok(true)
                        }
                        _ => Ok(false),
                    })?;
                    Segment::Insert(text.ok_or_else(no_step)?, joins)
                }
                _ => match self.length()? {
                    (len, true) => Segment::Keep(len),
                    (len, false) => Segment::Delete(len),
                },
            });
        }
        Ok(segments)
    }

    fn inserted_text(&mut self) -> Result<String, DecodeError> {
        let text = self.text()?;
        if text.is_empty() { Err(inserts_nothing()) } else { Ok(text) }
    }

    fn inserted_items(&mut self, depth: usize) -> Result<Vec<Value>, DecodeError> {
        let items = self.steps()?;
        let values = self.values(items, depth)?;
        if values.is_empty() { Err(inserts_nothing()) } else { Ok(values) }
    }

    fn joins(&mut self) -> Result<Joins, DecodeError> {
        let joins = match self.next()? {
            Token::Uint(argument) => Joins::from_bits(argument.number),
            _ => None,
        };
        joins.ok_or_else(|| DecodeError::malformed("joins is 1, 2 or 3: what is before, what is behind, or both"))
    }

    /// A count or a number of elements, in a step.
    fn count(&mut self) -> Result<usize, DecodeError> {
        let count = match self.next()? {
            // Added or doubled they fit in 32 bits, which is what wasm has.
            Token::Uint(argument) => i32::try_from(argument.number).ok(),
            _ => None,
        };
        count
            .map(|count| count as usize)
            .ok_or_else(|| DecodeError::malformed("elements are counted by unsigned integers"))
    }

    /// A step that is a map: `read` takes the fields that it knows.
    fn step(&mut self, mut read: impl FnMut(&mut Self, &str) -> Result<bool, DecodeError>) -> Result<(), DecodeError> {
        let mut items = match self.next()? {
            Token::Map(len) => Items(Some(len)),
            _ => Items(None),
        };
        let mut known: Vec<String> = Vec::new();
        while self.more(&mut items) {
            let name = self.key()?;
            if known.contains(&name) || !read(self, &name)? {
                return Err(no_step());
            }
            known.push(name);
        }
        Ok(())
    }

    fn array_edits<I>(
        &mut self,
        depth: usize,
        inner: fn(&mut Self, usize) -> Result<I, DecodeError>,
    ) -> Result<Vec<Segment<Vec<Value>, I>>, DecodeError> {
        let mut items = self.steps()?;
        let mut segments = Vec::new();
        let mut taken = 0;
        while self.more(&mut items) {
            self.operation()?;
            match self.decoder.major() {
                Some(major::ARRAY) => segments.push(Segment::Insert(self.inserted_items(depth)?, Joins::NONE)),
                Some(major::MAP) => {
                    let (mut at, mut insert, mut joins) = (None, None, None);
                    let (mut take, mut put, mut count) = (None, None, None);
                    self.step(|reader, name| {
                        match name {
                            "at" => at = Some(inner(reader, depth)?),
                            "insert" => insert = Some(reader.inserted_items(depth)?),
                            "joins" => joins = Some(reader.joins()?),
                            "take" => take = Some(reader.count()?),
                            "put" => put = Some(reader.count()?),
                            "count" => count = Some(reader.count()?),
                            _ => return Ok(false),
                        }
                        Ok(true)
                    })?;
                    match (at, insert, joins, take, put, count) {
                        (Some(at), None, None, None, None, None) => segments.push(Segment::Inner(at)),
                        (None, Some(items), joins, None, None, None) => {
                            segments.push(Segment::Insert(items, joins.unwrap_or_default()));
                        }
                        (None, None, None, Some(count), None, None) if count > 0 => {
                            self.operations_more(count - 1)?;
                            segments.extend((taken..taken + count).map(Segment::Take));
                            taken += count;
                        }
                        (at, None, None, None, Some(put), None) => segments.push(Segment::Put(put, at)),
                        (None, None, None, None, Some(put), Some(count)) if count > 0 => {
                            self.operations_more(count - 1)?;
                            segments.extend((put..put + count).map(|number| Segment::Put(number, None)));
                        }
                        _ => return Err(no_step()),
                    }
                }
                _ => segments.push(match self.length()? {
                    (len, true) => Segment::Keep(len),
                    (len, false) => Segment::Delete(len),
                }),
            }
        }
        Ok(segments)
    }

    /// A length to keep (true) or to delete.
    fn length(&mut self) -> Result<(usize, bool), DecodeError> {
        let refused = || {
            DecodeError::malformed("a step of edits is a length to keep, minus a length to delete, or what to insert")
        };
        let (number, keep) = match self.next()? {
            Token::Uint(argument) => (Some(argument.number), true),
            Token::Negative(argument) => (argument.number.checked_add(1), false),
            _ => return Err(refused()),
        };
        // No text or array of ours is longer, and lengths that are summed can't overflow.
        match number.and_then(|number| u32::try_from(number).ok()) {
            None => Err(refused()),
            Some(0) => Err(DecodeError::malformed("a step of edits can't be 0: leave it out")),
            Some(length) => Ok((length as usize, keep)),
        }
    }
}

fn no_step() -> DecodeError {
    DecodeError::malformed("a step that is a map has at, insert and maybe joins, take, or put and maybe at or count")
}

fn inserts_nothing() -> DecodeError {
    DecodeError::malformed("a step of edits inserts nothing: leave it out")
}
