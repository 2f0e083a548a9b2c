//! The commit record: one per version, written once under `c:{entityId}:{pointer}`, never changed.
//!
//! It says everything about its version but what is too long to be inside, and carries the recent log: a tail of the
//! versions before it, so that catching up, merging and rebuilding the value seldom need a second record. Older versions are
//! in sealed segments, which it lists. `docs/storage.md` has the bytes.
//!
//! Invariants: `tail` is newest first and without gaps, starting at the version before this one; it holds at least every
//! version after the one whose value the tree has ([`Tree::version`]); the newest sealed version is the one before the
//! oldest of the tail, or was coalesced into it. No record but the current one is needed for anything.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::blob::{self, Blob};
use crate::error::EngineError;
use crate::key::{Gone, Pointer};

/// The format this build writes: behind the record is the lower half of its XXH3 of 64 bits, big-endian.
pub const FORMAT: u8 = 3;

/// The one before, which is read: without sums.
const WITHOUT_SUM: u8 = 2;

const SUM: usize = 4;

/// A commit record.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Record {
    /// [`FORMAT`].
    #[n(0)]
    pub format: u8,
    /// This version.
    #[n(1)]
    pub entry: Entry,
    /// Who made the first version.
    #[n(2)]
    pub creator: String,
    /// When the first version began.
    #[n(3)]
    pub created: u64,
    /// Where the value is.
    #[n(4)]
    pub place: Place,
    /// The versions before this one that are not sealed, newest first.
    #[n(5)]
    pub tail: Vec<Entry>,
    /// Where the versions before those are.
    #[n(6)]
    pub sealed: Sealed,
    /// Idempotency keys of versions that left the tail, newest first.
    #[n(7)]
    pub seen: Vec<Seen>,
    /// What no head will reach again and may still be there.
    #[n(8)]
    pub garbage: Vec<Gone>,
}

impl Record {
    /// As it is stored.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EngineError> {
        let mut bytes = minicbor::to_vec(self).map_err(|error| EngineError::Corrupt(error.to_string()))?;
        let sum = blob::sum(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        Ok(bytes)
    }

    /// What was stored; else what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Record, String> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let record: Record = decoder.decode().map_err(|error| format!("can't be read: {error}"))?;
        let (content, sum) = bytes.split_at(decoder.position());
        match record.format {
            FORMAT if sum.len() == SUM && sum == blob::sum(content).to_be_bytes() => Ok(record),
            WITHOUT_SUM if sum.is_empty() => Ok(record),
            FORMAT | WITHOUT_SUM => Err("is not what was written".to_owned()),
            other => Err(format!("has format {other}; this build reads {WITHOUT_SUM} and {FORMAT}")),
        }
    }
}

/// One version and how it came from the one before.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Entry {
    /// Under which it was written.
    #[n(0)]
    pub pointer: Pointer,
    /// Counts from 1.
    #[n(1)]
    pub version: u64,
    /// Microseconds since 1970.
    #[n(2)]
    pub valid_from: u64,
    /// Who made it.
    #[n(3)]
    pub person_id: String,
    /// In whose name it was not.
    #[n(4)]
    pub impersonator_id: Option<String>,
    /// Whether it is a deletion.
    #[n(5)]
    pub deleted: bool,
    /// The diff from the version before, in stored form; absent for version 1, and for what remains of a run that began with it.
    #[n(6)]
    pub diff: Option<Blob>,
    /// The reverse diff, in stored form; absent there too, and where the type suppresses it or did for a version of the run.
    #[n(7)]
    pub previous: Option<Blob>,
    /// Digest of the idempotency key that made it.
    #[n(8)]
    pub key: Option<ByteVec>,
    /// The whole value, here and there; always for the first.
    #[n(9)]
    pub base: Option<Base>,
    /// Of what remains of a run of coalesced versions: when the first of them began.
    #[n(10)]
    pub run: Option<u64>,
    /// When it was taken, where its author said when it begins.
    #[n(11)]
    pub recorded: Option<u64>,
    /// The digests of other idempotency keys, one behind the other, newest first: of changes that came to nothing when this was current, and of
    /// the others of a run whose last version this is.
    #[n(12)]
    pub keys: Option<ByteVec>,
}

/// Bytes of the digest of an idempotency key.
pub const KEY: usize = 16;

/// A version's whole value, from which later ones are rebuilt.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Base {
    /// Encoded.
    #[n(0)]
    Inline(#[n(0)] ByteVec),
    /// A tree, and what is to be applied to it.
    #[n(1)]
    Tree {
        /// The root node.
        #[n(0)]
        root: ByteVec,
        /// A diff in stored form.
        #[n(1)]
        then: Option<Blob>,
    },
}

/// An idempotency key that was used.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Seen {
    /// Digest of person and key.
    #[n(0)]
    pub key: ByteVec,
    /// The version that it was answered with.
    #[n(1)]
    pub version: u64,
    /// Whether others had made that and what it asked for, so that it made none; absent where it made it.
    #[n(2)]
    pub made_none: Option<bool>,
}

/// Where the current value is.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Place {
    /// In the record.
    #[n(0)]
    Inline(#[n(0)] ByteVec),
    /// In a tree of pages (`tree`).
    #[n(1)]
    Tree(#[n(0)] Tree),
}

/// A value in a tree of pages.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Tree {
    /// The root node.
    #[n(0)]
    pub root: ByteVec,
    /// The version whose value it is; the diffs of later ones lead from there to this one.
    #[n(1)]
    pub version: u64,
    /// What the current value's length in bytes can be at most.
    #[n(2)]
    pub bound: u64,
    /// Chunks that it takes.
    #[n(3)]
    pub chunks: u32,
    /// The newest version whose tree is a [`Base`]: what is as old or older is never garbage.
    #[n(4)]
    pub kept: u64,
    /// Bytes of diffs since then.
    #[n(5)]
    pub since_kept: u64,
}

/// The versions that left the tail.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Sealed {
    /// Oldest first.
    #[n(0)]
    pub segments: Vec<Segment>,
    /// Where what is older than those is: again a [`Sealed`].
    #[n(1)]
    pub older: Option<Blob>,
}

/// Consecutive versions, in one blob (`segment`).
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Segment {
    /// The first of them.
    #[n(0)]
    pub version: u64,
    /// When that began.
    #[n(1)]
    pub valid_from: u64,
    /// Its blocks.
    #[n(2)]
    pub blocks: u32,
    /// The bytes.
    #[n(3)]
    pub blob: Blob,
}

impl Record {
    /// Bytes that the value has at most.
    pub fn value_bytes(&self) -> usize {
        match &self.place {
            Place::Inline(bytes) => bytes.len(),
            Place::Tree(tree) => usize::try_from(tree.bound).unwrap_or(usize::MAX),
        }
    }

    /// How many chunks the value is in, when it is in any.
    pub fn chunks(&self) -> Option<u32> {
        match &self.place {
            Place::Inline(_) => None,
            Place::Tree(tree) => Some(tree.chunks),
        }
    }
}
