//! CBOR and JSON, of values and of diffs. Every form is specified once, in `docs/protocol.md`.
//!
//! Bytes that come from outside are bounded while they are read: in size, depth and (diffs) operations. Nothing is
//! allocated because a length says so, a key written twice is refused, and so is whatever follows the end. What is
//! written is plain and has one form: no records, no references, sorted keys, shortest heads.

pub mod cbor;
#[cfg(feature = "server")]
pub mod json;

use crate::prelude::*;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// What is wrong and what would be right. A 400 `bad-request`.
    #[error("{0}")]
    Malformed(String),
    /// Which limit was passed. A 413 `too-large`.
    #[error("{0}")]
    TooLarge(String),
}

impl DecodeError {
    pub(crate) fn malformed(what: impl Into<String>) -> DecodeError {
        DecodeError::Malformed(what.into())
    }

    /// The same error, told of a named place.
    pub(crate) fn within(self, place: &str) -> DecodeError {
        match self {
            DecodeError::Malformed(what) => DecodeError::Malformed(["`", place, "`: ", &what].concat()),
            DecodeError::TooLarge(what) => DecodeError::TooLarge(["`", place, "`: ", &what].concat()),
        }
    }
}

/// The deepest nesting that is read whatever the settings say: readers recurse, and a stack is small (1 MiB in wasm).
pub const MAX_DEPTH: usize = 256;

/// The largest bigint, in bytes: writing its digits takes time that grows with the square of its length.
pub(crate) const MAX_BIGINT_BYTES: usize = 8192;

pub(crate) fn too_many_bytes(len: usize, limit: usize) -> DecodeError {
    DecodeError::TooLarge([&decimal(len), " bytes are more than the ", &decimal(limit), " allowed"].concat())
}
