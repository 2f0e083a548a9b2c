//! Bytes of any length: short ones stay where they are named, long ones go in chunks under keys of their own.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use xxhash_rust::xxh3::xxh3_64;

use crate::key::{Gone, Pointer};

/// Bytes per chunk. Every store takes more at once; but what one call writes goes to the disk in shares, and one chunk is the least of them.
pub(crate) const CHUNK: usize = 128 * 1024;

/// Up to this many bytes of a diff stay in the record.
pub(crate) const INLINE: usize = 16 * 1024;

/// Values up to this many bytes are in every record; longer ones in a tree.
pub(crate) const INLINE_VALUE: usize = 4 * 1024;

/// What tells bytes from damaged ones: the lower half of their XXH3 of 64 bits.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    xxh3_64(bytes) as u32
}

/// Bytes, here or in chunks.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Blob {
    /// Here.
    #[n(0)]
    Inline(#[n(0)] ByteVec),
    /// In `count` chunks of `pointer`, from chunk `first` on.
    #[n(1)]
    Chunks {
        /// The version they were written for.
        #[n(0)]
        pointer: Pointer,
        /// The first chunk's number.
        #[n(1)]
        first: u32,
        /// How many.
        #[n(2)]
        count: u32,
        /// Bytes in all.
        #[n(3)]
        bytes: u64,
        /// Their checksum, as behind a record; builds of format 2 wrote none.
        #[n(4)]
        sum: Option<u32>,
    },
}

impl Blob {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        match self {
            Blob::Inline(bytes) => bytes.len(),
            Blob::Chunks { bytes, .. } => *bytes as usize,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its keys, when it has any.
    pub fn keys(&self) -> Option<Gone> {
        match self {
            Blob::Inline(_) => None,
            Blob::Chunks { pointer, first, count, .. } => {
                Some(Gone { pointer: *pointer, first: *first, count: *count })
            }
        }
    }
}

/// What a commit writes beside its record, and what it makes superfluous.
pub(crate) struct Writing {
    pub(crate) pointer: Pointer,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) gone: Vec<Gone>,
}

impl Writing {
    pub(crate) fn new(pointer: Pointer) -> Self {
        Writing { pointer, chunks: Vec::new(), gone: Vec::new() }
    }

    /// Inline if it has at most so many bytes, else in chunks.
    pub(crate) fn blob(&mut self, bytes: Vec<u8>, inline: usize) -> Blob {
        if bytes.len() <= inline {
            return Blob::Inline(bytes.into());
        }
        let (first, length, sum) = (self.chunks.len() as u32, bytes.len() as u64, Some(sum(&bytes)));
        if bytes.len() <= CHUNK {
            self.chunks.push(bytes);
        } else {
            self.chunks.extend(bytes.chunks(CHUNK).map(<[u8]>::to_vec));
        }
        Blob::Chunks { pointer: self.pointer, first, count: self.chunks.len() as u32 - first, bytes: length, sum }
    }

    /// What is in a blob is not needed any more.
    pub(crate) fn drop_blob(&mut self, blob: &Blob) {
        self.gone.extend(blob.keys());
    }

    /// Takes back the bytes of a blob that was to be written; `None` if it is in the store.
    pub(crate) fn take_back(&mut self, blob: &Blob) -> Option<Vec<u8>> {
        let gone = blob.keys().filter(|gone| gone.pointer == self.pointer)?;
        let chunks = self.chunks.get_mut(gone.first as usize..(gone.first + gone.count) as usize)?;
        Some(chunks.iter_mut().flat_map(std::mem::take).collect())
    }
}
