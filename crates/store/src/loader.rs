//! Reading what an entity keeps under keys of its own: each chunk once, and each index of a tree.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use timeweft_core::codec::cbor;
use timeweft_core::limits::TRUSTED;
use timeweft_core::value::Value;

use crate::blob::Blob;
use crate::error::EngineError;
use crate::key::{Pointer, chunk_key};
use crate::store::Store;
use crate::tree::node::Index;

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

/// A value from our own bytes.
pub(crate) fn decode_stored(entity: &str, bytes: &[u8]) -> Result<Value, EngineError> {
    cbor::decode_value(bytes, &TRUSTED).map_err(|error| EngineError::Corrupt(format!("the value of {entity}: {error}")))
}
