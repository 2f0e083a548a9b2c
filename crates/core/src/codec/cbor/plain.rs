//! Rewriting what npm cbor-x writes by default into plain CBOR: records become maps, references what they refer to.
//!
//! A record (tag 57343) is an array of an id, its keys, and its values; later ones of the same keys come as an array of
//! values under the tag `id`. Whoever writes records writes a JavaScript Map as an untagged map, so that becomes tag 259.
//! Tag 28 marks a value that is referred to later, by its number, with tag 29. The output is bounded, whatever refers to
//! what, and something that contains itself is refused.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::head::{Decoder, Token};
use super::scan::{Found, ScanError};
use super::tag;
use super::write::Writer;
use crate::codec::{DecodeError, too_many_bytes};

struct Rewriter<'b> {
    decoder: Decoder<'b>,
    out: Vec<u8>,
    records: HashMap<u64, Rc<[String]>>,
    /// Where each shared value is in `out`, and how deep it goes; none while it is being written.
    shared: Vec<Option<(Range<usize>, usize)>>,
    untagged_maps_are_maps: bool,
    limit: usize,
    /// Calls under way, and how many there may be: tags nest without being levels.
    nesting: usize,
    max_nesting: usize,
}

/// At most a shared value's and a type's tag belong to an item.
const CALLS_OF_A_LEVEL: usize = 3;

/// Rewrites one item that was scanned.
pub(crate) fn rewrite(bytes: &[u8], found: Found, max_depth: usize, limit: usize) -> Result<Vec<u8>, ScanError> {
    let mut rewriter = Rewriter {
        decoder: Decoder::new(bytes),
        out: Vec::new(),
        records: HashMap::new(),
        shared: Vec::new(),
        untagged_maps_are_maps: found.records,
        limit,
        nesting: 0,
        max_nesting: CALLS_OF_A_LEVEL * max_depth,
    };
    rewriter.item(max_depth, false)?;
    Ok(rewriter.out)
}

impl Rewriter<'_> {
    /// Rewrites an item, `explicit` if under tag 259; says how deep it goes.
    fn item(&mut self, depth: usize, explicit: bool) -> Result<usize, ScanError> {
        self.nesting += 1;
        if self.nesting > self.max_nesting {
            return Err(ScanError::TooDeep);
        }
        let deep = self.any(depth, explicit)?;
        self.nesting -= 1;
        Ok(deep)
    }

    fn any(&mut self, depth: usize, explicit: bool) -> Result<usize, ScanError> {
        let below = depth.checked_sub(1).ok_or(ScanError::TooDeep)?;
        let start = self.decoder.position();
        let deep = match self.decoder.token()? {
            Token::Array(len) => {
                Writer::to(&mut self.out).array(usize::try_from(len).unwrap_or(usize::MAX));
                self.items(len, below)?
            }
            Token::BeginArray => {
                self.copy(start);
                self.items_to_break(below)?
            }
            Token::Map(len) => {
                self.mark_map(explicit);
                Writer::to(&mut self.out).map(usize::try_from(len).unwrap_or(usize::MAX));
                self.items(len.saturating_mul(2), below)?
            }
            Token::BeginMap => {
                self.mark_map(explicit);
                self.copy(start);
                self.items_to_break(below)?
            }
            Token::BeginBytes | Token::BeginText => {
                while !self.decoder.at_break() {
                    self.decoder.token()?;
                }
                self.copy(start);
                0
            }
            Token::Tag(number) => return self.tagged(number, start, depth, explicit),
            _ => {
                self.copy(start);
                0
            }
        };
        if self.out.len() > self.limit {
            return Err(too_many_bytes(self.out.len(), self.limit).into());
        }
        Ok(deep + 1)
    }

    fn tagged(&mut self, number: u64, start: usize, depth: usize, explicit: bool) -> Result<usize, ScanError> {
        match number {
            tag::SHARED => {
                let index = self.shared.len();
                self.shared.push(None);
                let from = self.out.len();
                let deep = self.item(depth, explicit)?;
                let range = from..self.out.len();
                if let Some(place) = self.shared.get_mut(index) {
                    *place = Some((range, deep));
                }
                Ok(deep)
            }
            tag::REFERENCE => self.refer(depth),
            tag::RECORD => self.define(depth),
            id if self.records.contains_key(&id) => {
                let len = self.array()?;
                self.record(id, len, depth)
            }
            _ => {
                self.copy(start);
                self.item(depth, number == tag::MAP)
            }
        }
    }

    /// What was shared before, once more.
    fn refer(&mut self, depth: usize) -> Result<usize, ScanError> {
        let index = self.uint()?;
        let known = usize::try_from(index).ok().and_then(|index| self.shared.get(index).cloned());
        match known {
            Some(Some((range, deep))) => {
                if deep > depth {
                    return Err(ScanError::TooDeep);
                }
                if self.out.len() + range.len() > self.limit {
                    return Err(too_many_bytes(self.out.len() + range.len(), self.limit).into());
                }
                self.out.extend_from_within(range);
                Ok(deep)
            }
            Some(None) => Err(DecodeError::malformed("a value that contains itself can't be stored").into()),
            None => Err(DecodeError::malformed(format!("nothing shared has the number {index}")).into()),
        }
    }

    /// A record with its keys, and its first values.
    fn define(&mut self, depth: usize) -> Result<usize, ScanError> {
        let len = self.array()?;
        if len < 2 {
            return Err(DecodeError::malformed("a record is an array of its id, its keys and its values").into());
        }
        let id = self.uint()?;
        let mut keys = Vec::new();
        for _ in 0..self.array()? {
            match self.decoder.token()? {
                Token::Text(key) => keys.push(key.to_owned()),
                _ => return Err(DecodeError::malformed("the keys of a record are texts").into()),
            }
        }
        self.records.insert(id, keys.into());
        self.record(id, len - 2, depth)
    }

    fn record(&mut self, id: u64, len: u64, depth: usize) -> Result<usize, ScanError> {
        let below = depth.checked_sub(1).ok_or(ScanError::TooDeep)?;
        let keys = self.records.get(&id).cloned().unwrap_or_default();
        if keys.len() as u64 != len {
            return Err(DecodeError::malformed("a record has as many values as keys").into());
        }
        Writer::to(&mut self.out).map(keys.len());
        let mut deepest = 0;
        for key in keys.iter() {
            Writer::to(&mut self.out).text(key);
            deepest = deepest.max(self.item(below, false)?);
        }
        Ok(deepest + 1)
    }

    fn items(&mut self, len: u64, depth: usize) -> Result<usize, ScanError> {
        let mut deepest = 0;
        for _ in 0..len {
            deepest = deepest.max(self.item(depth, false)?);
        }
        Ok(deepest)
    }

    fn items_to_break(&mut self, depth: usize) -> Result<usize, ScanError> {
        let mut deepest = 0;
        while !self.decoder.at_break() {
            deepest = deepest.max(self.item(depth, false)?);
        }
        self.out.push(0xff);
        Ok(deepest)
    }

    fn mark_map(&mut self, explicit: bool) {
        if !explicit && self.untagged_maps_are_maps {
            self.out.extend_from_slice(&[0xd9, 0x01, 0x03]);
        }
    }

    /// Copies what was read since `start`.
    fn copy(&mut self, start: usize) {
        self.out.extend_from_slice(self.decoder.since(start));
    }

    fn uint(&mut self) -> Result<u64, ScanError> {
        match self.decoder.token()? {
            Token::Uint(argument) => Ok(argument.number),
            _ => Err(DecodeError::malformed("the number of a record or a reference is an unsigned integer").into()),
        }
    }

    fn array(&mut self) -> Result<u64, ScanError> {
        match self.decoder.token()? {
            Token::Array(len) => Ok(len),
            _ => Err(DecodeError::malformed("a record is an array of definite length").into()),
        }
    }
}
