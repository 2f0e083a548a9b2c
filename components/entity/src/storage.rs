//! The imported store as the engine's [`Store`].

use timeweft_store::{Store, StoreError};

use crate::wit::timeweft::storage::store::{self, Error};

/// `timeweft:storage/store`, whoever provides it.
#[derive(Clone, Copy)]
pub(crate) struct Imported;

fn error(error: Error) -> StoreError {
    match error {
        Error::TooLarge => StoreError::TooLarge,
        Error::Unavailable(why) => StoreError::Unavailable(why),
    }
}

impl Store for Imported {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        store::get(key).map_err(error)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        store::set(key, value).map_err(error)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        store::delete(key).map_err(error)
    }

    async fn read_head(&self, key: &str) -> Result<u64, StoreError> {
        store::read_head(key).map_err(error)
    }

    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, StoreError> {
        store::swap_head(key, current, next).map_err(error)
    }
}
