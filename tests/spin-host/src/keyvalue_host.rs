//! `wasi:keyvalue` and `fermyon:spin/variables` for instances, as Spin answers them.
//!
//! One fault is of the host and not of the store: `swap` takes a handle and never removes it from the instance's table of
//! 256. An instance can swap 256 times, and after that no handle can be had in it.

use wasmtime::bail;
use wasmtime::component::Resource;

use crate::bindings::fermyon::spin::variables;
use crate::bindings::wasi::keyvalue::{atomics, store};
use crate::instance::{Bucket, Cas, InstanceState};
use crate::key_value::Panic;

type Answer<T> = wasmtime::Result<Result<T, store::Error>>;

const TABLE_FULL: &str = "too many compare_and_swaps opened";

/// A panic in the host ends the instance, as a trap does.
fn trap<T>(result: Result<T, Panic>) -> wasmtime::Result<T> {
    result.map_err(|Panic(reason)| wasmtime::format_err!("{reason}"))
}

impl store::Host for InstanceState {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        if identifier != "default" {
            return Ok(Err(store::Error::AccessDenied));
        }
        Ok(self.buckets.push(Bucket).ok_or_else(|| store::Error::Other("store table full".into())))
    }
}

impl store::HostBucket for InstanceState {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        if self.buckets.get(bucket.rep()).is_none() {
            return Ok(Err(store::Error::NoSuchStore));
        }
        self.key_value.pause().await;
        Ok(Ok(trap(self.key_value.get(&key))?))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        if self.buckets.get(bucket.rep()).is_none() {
            return Ok(Err(store::Error::NoSuchStore));
        }
        self.key_value.pause().await;
        Ok(Ok(trap(self.key_value.set(&key, value))?))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        if self.buckets.get(bucket.rep()).is_none() {
            return Ok(Err(store::Error::NoSuchStore));
        }
        self.key_value.pause().await;
        Ok(Ok(trap(self.key_value.delete(&key))?))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        Ok(self.get(bucket, key).await?.map(|value| value.is_some()))
    }

    async fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<String>) -> Answer<store::KeyResponse> {
        if self.buckets.get(bucket.rep()).is_none() {
            return Ok(Err(store::Error::NoSuchStore));
        }
        if cursor.is_some() {
            return Ok(Err(store::Error::Other("list_keys: cursor not supported".into())));
        }
        Ok(Ok(store::KeyResponse { keys: trap(self.key_value.keys())?, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.buckets.remove(bucket.rep());
        Ok(())
    }
}

impl atomics::HostCas for InstanceState {
    async fn new(&mut self, _bucket: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        let handle = self.handles.push(Cas { key, seen: None });
        Ok(handle.ok_or_else(|| store::Error::Other(TABLE_FULL.into())))
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        self.key_value.pause().await;
        let Some(handle) = self.handles.get(cas.rep()) else { bail!("no such handle") };
        handle.seen = trap(self.key_value.get(&handle.key))?;
        Ok(Ok(handle.seen.clone()))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.handles.remove(cas.rep());
        Ok(())
    }
}

impl atomics::Host for InstanceState {
    async fn increment(&mut self, _bucket: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        self.key_value.pause().await;
        Ok(Ok(trap(self.key_value.increment(&key, delta))?))
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), atomics::CasError>> {
        self.key_value.pause().await;
        // Stays in the table: see above.
        let Some(handle) = self.handles.get(cas.rep()) else { bail!("no such handle") };
        let key = handle.key.clone();
        let seen = handle.seen.clone();
        if trap(self.key_value.swap(&key, seen.as_deref(), value))? {
            return Ok(Ok(()));
        }
        let current = trap(self.key_value.get(&key))?;
        Ok(Err(match self.handles.push(Cas { key, seen: current }) {
            Some(fresh) => atomics::CasError::CasFailed(fresh),
            None => atomics::CasError::StoreError(store::Error::Other(TABLE_FULL.into())),
        }))
    }
}

impl variables::Host for InstanceState {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, variables::Error>> {
        let valid = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !valid {
            return Ok(Err(variables::Error::InvalidName(name)));
        }
        Ok(self.variables.get(&name).cloned().ok_or(variables::Error::Undefined(name)))
    }
}
