//! Rewriting what npm cbor-x writes by default into plain CBOR: records become maps, references what they refer to.
//!
//! A record (tag 57343) is an array of an id, its keys, and its values; later ones of the same keys come as an array of
//! values under the tag `id`. Whoever writes records writes a JavaScript Map as an untagged map, so that becomes tag 259.
//! Tag 28 marks a value that is referred to later, by its number, with tag 29. The output is bounded, whatever refers to
//! what, and something that contains itself is refused.

use std::collections::HashMap;
use std::ops::Range;

use minicbor::Decoder;
use minicbor::data::Token;

use super::head::{at_break, token};
use super::scan::{Found, ScanError};
use super::tag;
use super::write::{Out, Writer};
use crate::codec::{DecodeError, too_many_bytes};

struct Rewriter<'b> {
    input: &'b [u8],
    decoder: Decoder<'b>,
    out: Vec<u8>,
    records: HashMap<u64, Vec<String>>,
    /// Where each shared value is in `out`, and how deep it goes; none while it is being written.
    shared: Vec<Option<(Range<usize>, usize)>>,
    untagged_maps_are_maps: bool,
    limit: usize,
}

/// Rewrites one item that was scanned.
pub(crate) fn rewrite(bytes: &[u8], found: Found, max_depth: usize, limit: usize) -> Result<Vec<u8>, ScanError> {
    let mut rewriter = Rewriter {
        input: bytes,
        decoder: Decoder::new(bytes),
        out: Vec::new(),
        records: HashMap::new(),
        shared: Vec::new(),
        untagged_maps_are_maps: found.records,
        limit,
    };
    rewriter.item(max_depth)?;
    Ok(rewriter.out)
}

impl Rewriter<'_> {
    /// Rewrites an item; says how deep it goes.
    fn item(&mut self, depth: usize) -> Result<usize, ScanError> {
        let below = depth.checked_sub(1).ok_or(ScanError::TooDeep)?;
        let start = self.decoder.position();
        let deep = match token(&mut self.decoder)? {
            Token::Array(len) => {
                Writer(&mut self.out).array(usize::try_from(len).unwrap_or(usize::MAX));
                self.items(len, below)?
            }
            Token::BeginArray => {
                self.copy(start);
                self.items_to_break(below)?
            }
            Token::Map(len) => {
                self.mark_map();
                Writer(&mut self.out).map(usize::try_from(len).unwrap_or(usize::MAX));
                self.items(len.saturating_mul(2), below)?
            }
            Token::BeginMap => {
                self.mark_map();
                self.copy(start);
                self.items_to_break(below)?
            }
            Token::BeginBytes | Token::BeginString => {
                while !at_break(&mut self.decoder) {
                    token(&mut self.decoder)?;
                }
                self.copy(start);
                0
            }
            Token::Tag(number) => return self.tagged(number.as_u64(), start, depth),
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

    fn tagged(&mut self, number: u64, start: usize, depth: usize) -> Result<usize, ScanError> {
        match number {
            tag::SHARED => {
                let index = self.shared.len();
                self.shared.push(None);
                let from = self.out.len();
                let deep = self.item(depth)?;
                let range = from..self.out.len();
                if let Some(place) = self.shared.get_mut(index) {
                    *place = Some((range, deep));
                }
                Ok(deep)
            }
            tag::REFERENCE => {
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
            tag::RECORD => {
                let len = self.array()?;
                if len < 2 {
                    return Err(DecodeError::malformed("a record is an array of its id, its keys and its values").into());
                }
                let id = self.uint()?;
                let mut keys = Vec::new();
                for _ in 0..self.array()? {
                    match token(&mut self.decoder)? {
                        Token::String(key) => keys.push(key.to_owned()),
                        _ => return Err(DecodeError::malformed("the keys of a record are texts").into()),
                    }
                }
                self.records.insert(id, keys);
                self.record(id, len - 2, depth)
            }
            id if self.records.contains_key(&id) => {
                let len = self.array()?;
                self.record(id, len, depth)
            }
            tag::MAP => {
                // It says by itself what an untagged map is rewritten to.
                let said = std::mem::replace(&mut self.untagged_maps_are_maps, false);
                self.copy(start);
                let deep = self.item(depth);
                self.untagged_maps_are_maps = said;
                deep
            }
            _ => {
                self.copy(start);
                self.item(depth)
            }
        }
    }

    fn record(&mut self, id: u64, len: u64, depth: usize) -> Result<usize, ScanError> {
        let below = depth.checked_sub(1).ok_or(ScanError::TooDeep)?;
        let keys = self.records.get(&id).cloned().unwrap_or_default();
        if keys.len() as u64 != len {
            return Err(DecodeError::malformed("a record has as many values as keys").into());
        }
        Writer(&mut self.out).map(keys.len());
        let mut deepest = 0;
        for key in &keys {
            Writer(&mut self.out).text(key);
            deepest = deepest.max(self.item(below)?);
        }
        Ok(deepest + 1)
    }

    fn items(&mut self, len: u64, depth: usize) -> Result<usize, ScanError> {
        let mut deepest = 0;
        for _ in 0..len {
            deepest = deepest.max(self.item(depth)?);
        }
        Ok(deepest)
    }

    fn items_to_break(&mut self, depth: usize) -> Result<usize, ScanError> {
        let mut deepest = 0;
        while !at_break(&mut self.decoder) {
            deepest = deepest.max(self.item(depth)?);
        }
        self.out.put(&[0xff]);
        Ok(deepest)
    }

    fn mark_map(&mut self) {
        if self.untagged_maps_are_maps {
            self.out.put(&[0xd9, 0x01, 0x03]);
        }
    }

    /// Copies what was read since `start`.
    fn copy(&mut self, start: usize) {
        self.out.put(self.input.get(start..self.decoder.position()).unwrap_or_default());
    }

    fn uint(&mut self) -> Result<u64, ScanError> {
        let number = self.decoder.u64();
        number.map_err(|_| DecodeError::malformed("the number of a record or a reference is an unsigned integer").into())
    }

    fn array(&mut self) -> Result<u64, ScanError> {
        match token(&mut self.decoder)? {
            Token::Array(len) => Ok(len),
            _ => Err(DecodeError::malformed("a record is an array of definite length").into()),
        }
    }
}
