//! The commit record: one per version, written once under `c:{entityId}:{pointer}`, never changed.
//!
//! It says everything about its version but a value too long to be inside, and carries a tail of the versions before it,
//! so that catching up, merging and rebuilding the value seldom need a second record. `docs/storage.md` has the bytes.
//!
//! Invariants: `tail` is newest first and without gaps, starting at the version before this one; it holds at least every
//! version after the one whose value is stored ([`Place::Chunks`]); `before` points at the newest version not in it.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::blob::Blob;

/// The format this build writes.
pub const FORMAT: u8 = 1;

/// Points at a commit record: the version in the upper 32 bits, a random nonce in the lower. The nonce keeps apart the
/// records of writers who race for one version; the version makes that no head is ever seen twice.
pub type Pointer = u64;

/// The pointer for a version, with a nonce; never 0.
pub fn pointer(version: u64, nonce: u32) -> Pointer {
    ((version & 0xffff_ffff) << 32) | u64::from(nonce.max(1))
}

/// Where the head of an entity is kept.
pub fn head_key(entity: &str) -> String {
    format!("h:{entity}")
}

/// Where a commit record is kept.
pub fn record_key(entity: &str, pointer: Pointer) -> String {
    format!("c:{entity}:{pointer:016x}")
}

/// Where a chunk is kept.
pub fn chunk_key(entity: &str, pointer: Pointer, chunk: u32) -> String {
    format!("v:{entity}:{pointer:016x}:{chunk}")
}

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
    /// Where the value is.
    #[n(3)]
    pub place: Place,
    /// The versions before this one, newest first.
    #[n(4)]
    pub tail: Vec<Entry>,
    /// The newest version that is neither this one nor in the tail; 0 if there is none.
    #[n(5)]
    pub before: Pointer,
    /// Idempotency keys of versions that left the tail, newest first.
    #[n(6)]
    pub seen: Vec<Seen>,
    /// When the first version began.
    #[n(7)]
    pub created: u64,
}

/// One version and how it came from the one before.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Entry {
    /// Where this version's own record is.
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
    /// The diff from the version before, in stored form; absent for the first.
    #[n(6)]
    pub diff: Option<Blob>,
    /// The reverse diff, in stored form; absent for the first.
    #[n(7)]
    pub previous: Option<Blob>,
    /// Digest of the idempotency key that made it.
    #[n(8)]
    pub key: Option<ByteVec>,
}

/// An idempotency key that was used.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Seen {
    /// Digest of person and key.
    #[n(0)]
    pub key: ByteVec,
    /// The version it made.
    #[n(1)]
    pub version: u64,
}

/// Where a version's value is.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Place {
    /// In the record.
    #[n(0)]
    Inline(#[n(0)] ByteVec),
    /// In chunks, as it was at `version`; the diffs of later versions lead from there to this one.
    #[n(1)]
    Chunks {
        /// The version whose value it is.
        #[n(0)]
        version: u64,
        /// The value.
        #[n(1)]
        value: Blob,
        /// What the value's length in bytes can be at most by now.
        #[n(2)]
        bound: u64,
    },
}

impl Record {
    /// How many chunks the value is in, when it is in any.
    pub fn chunks(&self) -> Option<u32> {
        match &self.place {
            Place::Inline(_) => None,
            Place::Chunks { value, .. } => Some(value.chunks()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_longest_id_fit_every_store() {
        let entity = format!("{}:{}", "t".repeat(32), "i".repeat(64));
        let longest = chunk_key(&entity, u64::MAX, u32::MAX);
        assert!(longest.len() <= crate::store::MAX_KEY, "{}", longest.len());
    }

    #[test]
    fn a_pointer_is_never_zero_and_orders_by_version() {
        assert_ne!(pointer(0, 0), 0);
        assert!(pointer(2, 0) > pointer(1, u32::MAX));
    }
}
