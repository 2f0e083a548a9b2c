//! CBOR (RFC 8949) of values and diffs.
//!
//! Reading goes in up to three passes, each linear: `scan` checks that the bytes are well-formed and not too deep; what
//! npm cbor-x writes by default (records, shared references) `plain` rewrites to plain CBOR, bounded in size; then the
//! value is built from bytes whose lengths are known to be true. Browsers read what servers and our own tabs write: there
//! is no `plain` in them.

pub(crate) mod head;
#[cfg(feature = "server")]
pub mod parts;
#[cfg(feature = "server")]
pub(crate) mod plain;
pub(crate) mod read;
pub(crate) mod scan;
pub(crate) mod write;

use alloc::borrow::Cow;

use crate::codec::{DecodeError, MAX_DEPTH, too_many_bytes};
use crate::diff::{Diff, Patch};
use crate::limits::Limits;
use crate::prelude::*;
use crate::value::Value;
use read::Reader;
use write::Writer;
pub use write::{encode_value, value_len};

/// CBOR tags that mean something here (docs/protocol.md, "Tags").
pub(crate) mod tag {
    #[cfg(feature = "server")]
    pub(crate) const DATE_TEXT: u64 = 0;
    pub(crate) const DATE: u64 = 1;
    pub(crate) const BIG: u64 = 2;
    pub(crate) const BIG_NEGATIVE: u64 = 3;
    pub(crate) const SHARED: u64 = 28;
    pub(crate) const REFERENCE: u64 = 29;
    pub(crate) const TYPED: core::ops::RangeInclusive<u64> = 64..=87;
    pub(crate) const SET: u64 = 258;
    pub(crate) const MAP: u64 = 259;
    /// cbor-x: an array of a record's id, its keys, and its values; later ones come under the tag `id`.
    pub(crate) const RECORD: u64 = 57343;
    pub(crate) const TEXT_EDITS: u64 = 64001;
    pub(crate) const ARRAY_EDITS: u64 = 64002;
    pub(crate) const REPLACE: u64 = 64003;
    /// Records on disk only: a new value where no container was.
    pub(crate) const SET_OVER_NO_CONTAINER: u64 = 64004;
    pub(crate) const INCREMENT: u64 = 64008;
    /// Of a `Map`; on the wire, where what is there tells, also of a `Set`.
    pub(crate) const MAP_EDITS: u64 = 64009;
    /// Records on disk only.
    pub(crate) const SET_EDITS: u64 = 64010;
}

/// A value from CBOR; at most `value_bytes` long (also once references are expanded) and `depth` deep.
pub fn decode_value(bytes: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
    let depth = limits.depth.min(MAX_DEPTH);
    let bytes = checked(bytes, depth, limits).map_err(scan::ScanError::too_large)?;
    Reader::new(&bytes, DecodeError::TooLarge).whole(|reader| reader.value(depth))
}

/// A patch in CBOR, the wire form of a diff.
pub fn encode_patch(patch: &Patch) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::to(&mut out).patch(patch);
    out
}

/// How long [`encode_patch`] would be.
pub fn patch_len(patch: &Patch) -> usize {
    let mut counting = Writer::counting();
    counting.patch(patch);
    counting.length()
}

/// A patch from CBOR; at most `value_bytes` long, `depth` deep and of `diff_operations` operations: each member of a map and
/// each step along a text or an array is one.
pub fn decode_patch(bytes: &[u8], limits: &Limits) -> Result<Patch, DecodeError> {
    let depth = limits.depth.min(MAX_DEPTH);
    let bytes = checked(bytes, scan::diff_depth(depth), limits).map_err(scan::ScanError::malformed)?;
    let mut reader = Reader::new(&bytes, DecodeError::Malformed);
    reader.operations = limits.diff_operations;
    reader.whole(|reader| reader.patch(depth))
}

/// A diff in its stored form, which needs no base to be understood.
pub fn encode_diff(diff: &Diff) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::to(&mut out).diff(diff);
    out
}

/// As many steps as a stored diff can have: those of more could not be held in the 32 bits of wasm. A few bytes that are damaged
/// stand for as many as they say.
const STORED_OPERATIONS: usize = 1 << 24;

/// A diff from its stored form. For our own records: its size is not bounded.
pub fn decode_diff(bytes: &[u8]) -> Result<Diff, DecodeError> {
    let found = scan::scan_whole(bytes, scan::diff_depth(MAX_DEPTH)).map_err(scan::ScanError::malformed)?;
    if found.is_plain() {
        let mut reader = Reader::new(bytes, DecodeError::Malformed);
        reader.operations = STORED_OPERATIONS;
        reader.whole(|reader| reader.diff(MAX_DEPTH))
    } else {
        Err(DecodeError::malformed("a stored diff has no records and no references"))
    }
}

fn checked<'b>(bytes: &'b [u8], depth: usize, limits: &Limits) -> Result<Cow<'b, [u8]>, scan::ScanError> {
    if bytes.len() > limits.value_bytes {
        return Err(scan::ScanError::Decode(too_many_bytes(bytes.len(), limits.value_bytes)));
    }
    let found = scan::scan_whole(bytes, depth)?;
    if found.is_plain() {
        return Ok(Cow::Borrowed(bytes));
    }
    #[cfg(feature = "server")]
    {
        let rewritten = plain::rewrite(bytes, found, depth, limits.value_bytes)?;
        // Only what was scanned is read.
        scan::scan_whole(&rewritten, depth)?;
        Ok(Cow::Owned(rewritten))
    }
    // Servers write plain CBOR, and so do our tabs.
    #[cfg(not(feature = "server"))]
    Err(DecodeError::malformed("records and references are not read here").into())
}
