//! Bytes of any length: short ones stay where they are named, long ones go in chunks under keys of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::engine::EngineError;
use crate::record::{Gone, Pointer, chunk_key};
use crate::store::Store;
use crate::tree::Index;

/// Bytes per chunk: half of what every store takes, as some hosts add framing of their own.
pub(crate) const CHUNK: usize = 512 * 1024;

/// Up to this many bytes of a diff stay in the record.
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

/// By pointer and first chunk.
type Known<T> = HashMap<(Pointer, u32), Rc<T>>;

/// Reads an entity's blobs, each chunk once.
pub(crate) struct Loader<'a, S> {
    store: &'a S,
    pub(crate) entity: &'a str,
    chunks: RefCell<Known<Vec<u8>>>,
    indices: RefCell<Known<Index>>,
}

impl<'a, S: Store> Loader<'a, S> {
    pub(crate) fn new(store: &'a S, entity: &'a str) -> Self {
        Loader { store, entity, chunks: RefCell::default(), indices: RefCell::default() }
    }

    pub(crate) async fn read(&self, blob: &Blob) -> Result<Rc<Vec<u8>>, EngineError> {
        let (pointer, first, count, bytes) = match blob {
            Blob::Inline(bytes) => return Ok(Rc::new(bytes.to_vec())),
            Blob::Chunks { pointer, first, count, bytes } => (*pointer, *first, *count, *bytes),
        };
        if count == 1 {
            return self.chunk(pointer, first).await;
        }
        let mut whole = Vec::new();
        for chunk in first..first.saturating_add(count) {
            whole.extend_from_slice(&self.chunk(pointer, chunk).await?);
        }
        if whole.len() as u64 != bytes {
            let (found, entity) = (whole.len(), self.entity);
            return Err(EngineError::Corrupt(format!("{bytes} bytes of {entity} are {found} in its chunks")));
        }
        Ok(Rc::new(whole))
    }

    /// An index of a tree, read once: several views of one place go by it.
    pub(crate) async fn index(&self, blob: &Blob) -> Result<Rc<Index>, EngineError> {
        let place = blob.keys().map(|keys| (keys.pointer, keys.first));
        if let Some(known) = place.and_then(|place| self.indices.borrow().get(&place).cloned()) {
            return Ok(known);
        }
        let bytes = self.read(blob).await?;
        let index: Index = minicbor::decode(&bytes)
            .map_err(|error| EngineError::Corrupt(format!("an index of {}: {error}", self.entity)))?;
        let index = Rc::new(index);
        if let Some(place) = place {
            self.indices.borrow_mut().insert(place, index.clone());
        }
        Ok(index)
    }

    async fn chunk(&self, pointer: Pointer, chunk: u32) -> Result<Rc<Vec<u8>>, EngineError> {
        if let Some(known) = self.chunks.borrow().get(&(pointer, chunk)) {
            return Ok(known.clone());
        }
        let key = chunk_key(self.entity, pointer, chunk);
        let bytes = Rc::new(self.store.get(&key).await?.ok_or(EngineError::Missing(key))?);
        self.chunks.borrow_mut().insert((pointer, chunk), bytes.clone());
        Ok(bytes)
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
        let (first, length) = (self.chunks.len() as u32, bytes.len() as u64);
        if bytes.len() <= CHUNK {
            self.chunks.push(bytes);
        } else {
            self.chunks.extend(bytes.chunks(CHUNK).map(<[u8]>::to_vec));
        }
        Blob::Chunks { pointer: self.pointer, first, count: self.chunks.len() as u32 - first, bytes: length }
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
