//! Sealed versions: blocks of entries, oldest first, one after the other in a blob.
//!
//! A block is `[version, validFrom, entries]` of its first entry and all of them; a segment is a sequence of blocks
//! (RFC 8742), so that segments are merged by putting their bytes together. While the current value is in the records, each block
//! begins with a version whose whole value is in it: to rebuild one, no other block is needed.

use minicbor::bytes::ByteSlice;
use minicbor::{Decode, Encode};

use crate::error::EngineError;
use crate::record::Entry;

#[derive(Debug, Encode, Decode)]
#[cbor(array)]
struct Head<'b> {
    #[n(0)]
    version: u64,
    #[n(1)]
    valid_from: u64,
    #[b(2)]
    entries: &'b ByteSlice,
}

/// A block whose entries are not looked at yet.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The first version in it.
    pub(crate) version: u64,
    /// When that began.
    pub(crate) valid_from: u64,
    entries: Vec<u8>,
}

impl Block {
    /// Entries, oldest first; at least one.
    pub(crate) fn of(entries: &[Entry]) -> Result<Block, EngineError> {
        let first = entries.first().ok_or_else(|| EngineError::Corrupt("a block of no versions".into()))?;
        let encoded = minicbor::to_vec(entries).map_err(|error| EngineError::Corrupt(error.to_string()))?;
        Ok(Block { version: first.version, valid_from: first.valid_from, entries: encoded })
    }

    pub(crate) fn entries(&self, entity: &str) -> Result<Vec<Entry>, EngineError> {
        minicbor::decode(&self.entries).map_err(|error| EngineError::Corrupt(format!("a block of {entity}: {error}")))
    }

    /// Puts it behind what is there.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), EngineError> {
        let head = Head { version: self.version, valid_from: self.valid_from, entries: self.entries[..].into() };
        minicbor::encode(head, out).map_err(|error| EngineError::Corrupt(error.to_string()))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() + 24
    }
}

/// The blocks of a segment, oldest first.
pub(crate) fn blocks(bytes: &[u8], entity: &str) -> Result<Vec<Block>, EngineError> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut blocks = Vec::new();
    while decoder.position() < bytes.len() {
        let head: Head<'_> =
            decoder.decode().map_err(|error| EngineError::Corrupt(format!("a segment of {entity}: {error}")))?;
        blocks.push(Block { version: head.version, valid_from: head.valid_from, entries: head.entries.to_vec() });
    }
    Ok(blocks)
}
