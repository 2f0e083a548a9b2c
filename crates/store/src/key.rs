//! Where things are kept (`docs/storage.md`, "Keys"), and the pointers in those keys.

use minicbor::{Decode, Encode};

/// Points at a commit record: the version in the upper 32 bits, a random nonce in the lower. The nonce keeps apart the
/// records of writers who race for one version; the version makes that no head is ever seen twice.
pub type Pointer = u64;

/// The pointer for a version, with a nonce; never 0.
pub fn pointer(version: u64, nonce: u32) -> Pointer {
    ((version & 0xffff_ffff) << 32) | u64::from(nonce.max(1))
}

/// The version that a pointer is of, as much of it as is in there.
pub fn version_of(pointer: Pointer) -> u64 {
    pointer >> 32
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

/// Where writers say what they are about to write.
pub fn intents_key(entity: &str) -> String {
    format!("w:{entity}")
}

/// Keys that are not needed any more: chunks of one pointer, or its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Gone {
    /// Under which they were written.
    #[n(0)]
    pub pointer: Pointer,
    /// The first chunk.
    #[n(1)]
    pub first: u32,
    /// How many chunks; 0 stands for the record.
    #[n(2)]
    pub count: u32,
}

impl Gone {
    /// The record of a pointer.
    pub fn record(pointer: Pointer) -> Gone {
        Gone { pointer, first: 0, count: 0 }
    }

    /// How many keys that are.
    pub fn keys(&self) -> usize {
        self.count.max(1) as usize
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
        assert_eq!(version_of(pointer(7, u32::MAX)), 7);
    }
}
