//! What the host keeps for one instance.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Config, Engine};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::StorageSpin;
use crate::key_value::KeyValue;
use crate::outbound::Outbound;

/// Spin's tables of open stores and of compare-and-swap handles hold this many for an instance.
const TABLE: usize = 256;

// `pub` since the generated bindings re-export both.
#[expect(unreachable_pub, reason = "the module of the bindings is private")]
pub struct Bucket;

/// A compare-and-swap handle.
#[expect(unreachable_pub, reason = "the module of the bindings is private")]
pub struct Cas {
    pub(crate) key: String,
    /// What the last `current` gave.
    pub(crate) seen: Option<Vec<u8>>,
}

/// A table that can be full.
pub(crate) struct Slots<T> {
    next: u32,
    entries: HashMap<u32, T>,
}

impl<T> Slots<T> {
    fn new() -> Self {
        Self { next: 0, entries: HashMap::new() }
    }

    pub(crate) fn push(&mut self, entry: T) -> Option<Resource<T>>
    where
        T: 'static,
    {
        if self.entries.len() >= TABLE {
            return None;
        }
        let slot = self.next;
        self.next += 1;
        self.entries.insert(slot, entry);
        Some(Resource::new_own(slot))
    }

    pub(crate) fn get(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(&slot)
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        self.entries.remove(&slot);
    }
}

pub(crate) struct InstanceState {
    wasi: WasiCtx,
    table: ResourceTable,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(crate) buckets: Slots<Bucket>,
    pub(crate) handles: Slots<Cas>,
    pub(crate) key_value: Arc<KeyValue>,
    pub(crate) variables: Arc<BTreeMap<String, String>>,
}

impl InstanceState {
    pub(crate) fn new(key_value: Arc<KeyValue>, variables: Arc<BTreeMap<String, String>>) -> Self {
        Self {
            wasi: WasiCtxBuilder::new().inherit_stderr().build(),
            table: ResourceTable::new(),
            http: WasiHttpCtx::new(),
            outbound: Outbound,
            buckets: Slots::new(),
            handles: Slots::new(),
            key_value,
            variables,
        }
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

/// WASI 0.2 and 0.3 together, as Spin 4.1 has them.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    Engine::new(&config)
}

pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    StorageSpin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut InstanceState| state)?;
    Ok(linker)
}
