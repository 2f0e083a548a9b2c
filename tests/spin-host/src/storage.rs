//! The bare `storage-spin` component, call by call.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use crate::bindings::exports::timeweft::storage::store;
use crate::bindings::{StorageSpin, StorageSpinPre};
use crate::instance::{InstanceState, engine, linker};
use crate::key_value::KeyValue;

/// How many requests Spin gives to one instance; a call stands for a request here.
const REUSE: u32 = 128;

/// The component's error, or the end of its instance.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A key or a value is too long.
    TooLarge,
    /// The component said so.
    Unavailable(String),
    /// The instance trapped, or the host panicked under it; whether a write happened is unknown.
    Died(String),
}

/// The compiled component and the store under it.
pub struct Storage {
    engine: Engine,
    component: StorageSpinPre<InstanceState>,
    key_value: Arc<KeyValue>,
    reuse: u32,
}

impl Storage {
    /// Loads the component from a file.
    pub fn load(path: &Path, key_value: Arc<KeyValue>) -> anyhow::Result<Self> {
        let engine = engine()?;
        let component = Component::from_file(&engine, path)?;
        let component = StorageSpinPre::new(linker(&engine)?.instantiate_pre(&component)?)?;
        Ok(Self { engine, component, key_value, reuse: REUSE })
    }

    /// With another number of calls that one instance serves.
    pub fn with_reuse(self, reuse: u32) -> Self {
        Self { reuse, ..self }
    }

    /// One caller's way to it: calls of one handle follow each other in the same instances.
    pub fn connect(&self) -> StorageHandle<'_> {
        StorageHandle { storage: self, idle: Mutex::new(None) }
    }

    async fn instantiate(&self) -> wasmtime::Result<Instance> {
        let state = InstanceState::new(self.key_value.clone(), Arc::default());
        let mut store = Store::new(&self.engine, state);
        let component = self.component.instantiate_async(&mut store).await?;
        Ok(Instance { store, component, calls: 0 })
    }
}

struct Instance {
    store: Store<InstanceState>,
    component: StorageSpin,
    calls: u32,
}

/// See [`Storage::connect`].
pub struct StorageHandle<'a> {
    storage: &'a Storage,
    idle: Mutex<Option<Instance>>,
}

impl StorageHandle<'_> {
    /// What is under `key`.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut instance = self.take().await?;
        let result = instance.component.timeweft_storage_store().call_get(&mut instance.store, key).await;
        self.give_back(instance, result)
    }

    /// Writes or overwrites.
    pub async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let mut instance = self.take().await?;
        let result = instance.component.timeweft_storage_store().call_set(&mut instance.store, key, value).await;
        self.give_back(instance, result)
    }

    /// Removes.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let mut instance = self.take().await?;
        let result = instance.component.timeweft_storage_store().call_delete(&mut instance.store, key).await;
        self.give_back(instance, result)
    }

    /// The head under `key`.
    pub async fn read_head(&self, key: &str) -> Result<u64, Error> {
        let mut instance = self.take().await?;
        let result = instance.component.timeweft_storage_store().call_read_head(&mut instance.store, key).await;
        self.give_back(instance, result)
    }

    /// Compare-and-swap of the head.
    pub async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, Error> {
        let mut instance = self.take().await?;
        let store = instance.component.timeweft_storage_store();
        let result = store.call_swap_head(&mut instance.store, key, current, next).await;
        self.give_back(instance, result)
    }

    async fn take(&self) -> Result<Instance, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        match idle {
            Some(instance) => Ok(instance),
            None => self.storage.instantiate().await.map_err(died),
        }
    }

    /// An instance that trapped is not used again, nor one that has served its number.
    fn give_back<T>(
        &self,
        mut instance: Instance,
        result: wasmtime::Result<Result<T, store::Error>>,
    ) -> Result<T, Error> {
        let result = result.map_err(died)?;
        instance.calls += 1;
        if instance.calls < self.storage.reuse {
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(instance);
        }
        result.map_err(|error| match error {
            store::Error::TooLarge => Error::TooLarge,
            store::Error::Unavailable(message) => Error::Unavailable(message),
        })
    }
}

fn died(error: wasmtime::Error) -> Error {
    Error::Died(format!("{error:#}"))
}
