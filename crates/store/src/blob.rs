//! Bytes of any length: short ones stay in the record, long ones go in chunks under keys of their own.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::engine::EngineError;
use crate::record::{Pointer, chunk_key};
use crate::store::Store;

/// Bytes per chunk: half of what every store takes, as some hosts add framing of their own.
pub(crate) const CHUNK: usize = 512 * 1024;

/// Up to this many bytes stay in the record.
pub(crate) const INLINE: usize = 16 * 1024;

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

    /// In how many chunks.
    pub fn chunks(&self) -> u32 {
        match self {
            Blob::Inline(_) => 0,
            Blob::Chunks { count, .. } => *count,
        }
    }

    pub(crate) async fn read(&self, store: &impl Store, entity: &str) -> Result<Vec<u8>, EngineError> {
        match self {
            Blob::Inline(bytes) => Ok(bytes.to_vec()),
            Blob::Chunks { pointer, first, count, bytes } => {
                let mut whole = Vec::new();
                for chunk in *first..first.saturating_add(*count) {
                    let key = chunk_key(entity, *pointer, chunk);
                    let part = store.get(&key).await?.ok_or_else(|| EngineError::Corrupt(format!("no chunk {key}")))?;
                    whole.extend_from_slice(&part);
                }
                if whole.len() as u64 != *bytes {
                    let found = whole.len();
                    return Err(EngineError::Corrupt(format!("{bytes} bytes of {entity} are {found} in its chunks")));
                }
                Ok(whole)
            }
        }
    }
}

/// Writes what is long under the chunk keys of one pointer.
pub(crate) struct ChunkWriter<'a, S> {
    store: &'a S,
    entity: &'a str,
    pointer: Pointer,
    next: u32,
}

impl<'a, S: Store> ChunkWriter<'a, S> {
    pub(crate) fn new(store: &'a S, entity: &'a str, pointer: Pointer) -> Self {
        ChunkWriter { store, entity, pointer, next: 0 }
    }

    /// Inline if short, else written to chunks.
    pub(crate) async fn blob(&mut self, bytes: Vec<u8>) -> Result<Blob, EngineError> {
        if bytes.len() <= INLINE { Ok(Blob::Inline(bytes.into())) } else { self.chunks(&bytes).await }
    }

    /// Written to chunks, however short.
    pub(crate) async fn chunks(&mut self, bytes: &[u8]) -> Result<Blob, EngineError> {
        let first = self.next;
        for part in bytes.chunks(CHUNK) {
            self.store.set(&chunk_key(self.entity, self.pointer, self.next), part).await?;
            self.next += 1;
        }
        Ok(Blob::Chunks { pointer: self.pointer, first, count: self.next - first, bytes: bytes.len() as u64 })
    }

    /// Removes what was written, when it turned out that nothing will point at it. What fails here stays as garbage.
    pub(crate) async fn discard(self) {
        for chunk in 0..self.next {
            let _ = self.store.delete(&chunk_key(self.entity, self.pointer, chunk)).await;
        }
    }
}
