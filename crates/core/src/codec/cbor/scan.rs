//! Whether bytes are one well-formed item of bounded depth: no recursion, no allocation beyond one word a level.
//!
//! What it lets through has true lengths, so that those who read after it may trust them.

use super::head::{Decoder, Token};
use super::tag;
use crate::codec::DecodeError;
use crate::prelude::*;

/// What was seen on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// cbor-x's records. Whoever writes them writes objects as records, and JavaScript Maps as untagged maps.
    pub(crate) records: bool,
    /// Shared values, or references to them.
    pub(crate) references: bool,
}

impl Found {
    /// Whether there is nothing to rewrite.
    pub(crate) fn is_plain(self) -> bool {
        !self.records && !self.references
    }
}

/// Why a scan stopped. Too deep is a 413 in a value and a 400 in a diff: the caller says.
#[derive(Debug)]
pub(crate) enum ScanError {
    Decode(DecodeError),
    TooDeep,
}

const TOO_DEEP: &str = "nested deeper than allowed";

impl ScanError {
    pub(crate) fn too_large(self) -> DecodeError {
        match self {
            ScanError::Decode(error) => error,
            ScanError::TooDeep => DecodeError::TooLarge(TOO_DEEP.into()),
        }
    }

    pub(crate) fn malformed(self) -> DecodeError {
        match self {
            ScanError::Decode(error) => error,
            ScanError::TooDeep => DecodeError::Malformed(TOO_DEEP.into()),
        }
    }
}

impl From<DecodeError> for ScanError {
    fn from(error: DecodeError) -> Self {
        ScanError::Decode(error)
    }
}

/// How deep the CBOR of a diff may be that is `depth` deep: an edit inside an array takes an array and a map more.
pub(crate) fn diff_depth(depth: usize) -> usize {
    2 * depth + 2
}

enum Open {
    /// Items still to come.
    Counted(u64),
    /// Until the break.
    Array,
    /// Until the break. For a map: whether a value must come next.
    Map(bool),
}

/// Scans all of `bytes`.
pub(crate) fn scan_whole(bytes: &[u8], max_depth: usize) -> Result<Found, ScanError> {
    let mut decoder = Decoder::new(bytes);
    let found = scan(&mut decoder, max_depth)?;
    if !decoder.rest().is_empty() {
        let at = decimal(decoder.position());
        return Err(DecodeError::malformed(["there is more after the end, at byte ", &at].concat()).into());
    }
    Ok(found)
}

/// Scans one item and leaves the decoder behind it.
pub(crate) fn scan(decoder: &mut Decoder<'_>, max_depth: usize) -> Result<Found, ScanError> {
    let mut found = Found::default();
    let mut open: Vec<Open> = Vec::new();
    loop {
        if open.len() >= max_depth && decoder.peek() != Some(0xff) {
            return Err(ScanError::TooDeep);
        }
        match decoder.token()? {
            Token::Tag(number) => {
                match number {
                    tag::SHARED | tag::REFERENCE => found.references = true,
                    tag::RECORD => found.records = true,
                    _ => {}
                }
                // What is tagged comes next, in the same place; a break can't.
                if decoder.peek() == Some(0xff) {
                    return Err(misplaced_break());
                }
                continue;
            }
            Token::Array(len) if len > 0 => {
                open.push(Open::Counted(len));
                continue;
            }
            Token::Map(len) if len > 0 => {
                let items = len.checked_mul(2).ok_or_else(|| DecodeError::malformed("a map longer than any input"))?;
                open.push(Open::Counted(items));
                continue;
            }
            Token::BeginArray => {
                open.push(Open::Array);
                continue;
            }
            Token::BeginMap => {
                open.push(Open::Map(false));
                continue;
            }
            Token::BeginBytes => chunks(decoder, |chunk| matches!(chunk, Token::Bytes(_)))?,
            Token::BeginText => chunks(decoder, |chunk| matches!(chunk, Token::Text(_)))?,
            Token::Break => match open.pop() {
                Some(Open::Array | Open::Map(false)) => {}
                _ => return Err(misplaced_break()),
            },
            _ => {}
        }
        // An item is done, and with it perhaps those that it was the last of.
        loop {
            match open.last_mut() {
                None => return Ok(found),
                Some(Open::Array) => break,
                Some(Open::Map(value)) => {
                    *value = !*value;
                    break;
                }
                Some(Open::Counted(left)) => {
                    *left -= 1;
                    if *left > 0 {
                        break;
                    }
                    open.pop();
                }
            }
        }
    }
}

fn misplaced_break() -> ScanError {
    DecodeError::malformed("a break where an item should be").into()
}

/// The parts of an indefinite string, up to its break.
fn chunks(decoder: &mut Decoder<'_>, fits: fn(&Token<'_>) -> bool) -> Result<(), DecodeError> {
    loop {
        match decoder.token()? {
            Token::Break => return Ok(()),
            chunk if fits(&chunk) => {}
            _ => return Err(DecodeError::malformed("a string of indefinite length has parts of another kind")),
        }
    }
}
