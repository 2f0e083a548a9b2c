//! Reading what an entity keeps under keys of its own: each blob once, and each index of a tree.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use timeweft_core::codec::cbor;
use timeweft_core::limits::TRUSTED;
use timeweft_core::value::Value;

use crate::blob::{self, Blob};
use crate::error::EngineError;
use crate::key::{Pointer, chunk_key};
use crate::store::Store;
use crate::tree::node::Index;

/// By pointer and first chunk.
type Known<T> = HashMap<(Pointer, u32), Rc<T>>;

/// Reads an entity's blobs, each once.
pub(crate) struct Loader<'a, S> {
    store: &'a S,
    pub(crate) entity: &'a str,
    blobs: RefCell<Known<Vec<u8>>>,
    indices: RefCell<Known<Index>>,
}

impl<'a, S: Store> Loader<'a, S> {
    pub(crate) fn new(store: &'a S, entity: &'a str) -> Self {
        Loader { store, entity, blobs: RefCell::default(), indices: RefCell::default() }
    }

    pub(crate) async fn read(&self, blob: &Blob) -> Result<Rc<Vec<u8>>, EngineError> {
        let (pointer, first, count, bytes, sum) = match blob {
            Blob::Inline(bytes) => return Ok(Rc::new(bytes.to_vec())),
            Blob::Chunks { pointer, first, count, bytes, sum } => (*pointer, *first, *count, *bytes, *sum),
        };
        if let Some(known) = self.blobs.borrow().get(&(pointer, first)) {
            return Ok(known.clone());
        }
        let mut whole = Vec::new();
        for chunk in first..first.saturating_add(count) {
            let key = chunk_key(self.entity, pointer, chunk);
            let mut chunk = self.store.get(&key).await?.ok_or(EngineError::Missing(key))?;
            match whole.is_empty() {
                true => whole = chunk,
                false => whole.append(&mut chunk),
            }
        }
        if whole.len() as u64 != bytes || sum.is_some_and(|sum| sum != blob::sum(&whole)) {
            let key = chunk_key(self.entity, pointer, first);
            return Err(EngineError::Corrupt(format!("{key} and the {count} from there on are not what was written")));
        }
        let whole = Rc::new(whole);
        self.blobs.borrow_mut().insert((pointer, first), whole.clone());
        Ok(whole)
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
}

/// A value from our own bytes.
pub(crate) fn decode_stored(entity: &str, bytes: &[u8]) -> Result<Value, EngineError> {
    cbor::decode_value(bytes, &TRUSTED).map_err(|error| EngineError::Corrupt(format!("the value of {entity}: {error}")))
}
