//! One instance of the component and what it can reach: the store, the settings, the issuer, clocks and random numbers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::{Cache, CacheConfig, Config, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::{Composed, ComposedPre, timeweft};
use super::turns::{TICK, Turn};
use super::{EngineOptions, StartError};
use crate::issuer::{Issuer, Question};
use crate::store::{Session, StoreError};
use timeweft::person::issuer;
use timeweft::storage::store;

/// The compiled component, ready to be instantiated.
pub(super) struct Template {
    pre: ComposedPre<Host>,
    settings: Arc<HashMap<String, String>>,
    issuer: Option<Arc<Issuer>>,
    memory_bytes: usize,
    /// See [`EngineOptions::retire_bytes`].
    pub(super) retire_bytes: usize,
}

/// An instance in its store.
pub(super) struct Instance {
    pub(super) store: Store<Host>,
    pub(super) bindings: Composed,
}

/// What is behind the imports of one instance.
pub(super) struct Host {
    pub(super) session: Session,
    pub(super) memory: Memory,
    /// While it is called.
    pub(super) turn: Option<Turn>,
    settings: Arc<HashMap<String, String>>,
    issuer: Option<Arc<Issuer>>,
    wasi: WasiCtx,
    resources: ResourceTable,
}

impl Template {
    pub(super) fn load(options: &EngineOptions) -> Result<Template, StartError> {
        let path = &options.component;
        let wasm = std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => StartError::Missing(path.clone()),
            _ => StartError::Component { path: path.clone(), reason: error.into() },
        })?;
        if !wasm.starts_with(b"\0asm") {
            let reason = wasmtime::Error::msg("it is no WebAssembly");
            return Err(StartError::Component { path: path.clone(), reason });
        }
        let engine = engine(options).map_err(StartError::Runtime)?;
        let pre = compile(&engine, &wasm).map_err(|reason| StartError::Component { path: path.clone(), reason })?;
        tick(&engine)?;
        Ok(Template {
            pre,
            settings: Arc::new(options.settings.clone()),
            issuer: options.issuer.clone(),
            memory_bytes: options.memory_bytes,
            retire_bytes: options.retire_bytes,
        })
    }

    pub(super) fn instantiate(&self, session: Session) -> wasmtime::Result<Instance> {
        let host = Host {
            session,
            memory: Memory { used: 0, at_start: 0, limit: self.memory_bytes, is_refused: false },
            turn: None,
            settings: self.settings.clone(),
            issuer: self.issuer.clone(),
            // No environment, arguments, files or sockets.
            wasi: WasiCtx::builder().inherit_stderr().build(),
            resources: ResourceTable::new(),
        };
        let mut store = Store::new(self.pre.engine(), host);
        store.limiter(|host| &mut host.memory);
        store.epoch_deadline_callback(|mut store| {
            let may_go_on = store.data_mut().turn.as_mut().is_none_or(Turn::tick);
            Ok(if may_go_on { UpdateDeadline::Continue(1) } else { UpdateDeadline::Interrupt })
        });
        store.set_epoch_deadline(1);
        let bindings = self.pre.instantiate(&mut store)?;
        let memory = &mut store.data_mut().memory;
        memory.at_start = memory.used;
        Ok(Instance { store, bindings })
    }
}

fn engine(options: &EngineOptions) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = Config::new();
    // Our interfaces are synchronous; without the machinery for concurrent calls one costs a third.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    if let Some(folder) = &options.cache {
        let mut cache = CacheConfig::new();
        cache.with_directory(folder);
        match Cache::new(cache) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            Err(error) => tracing::warn!(?folder, %error, "compiled code is not kept"),
        }
    }
    wasmtime::Engine::new(&config)
}

fn compile(engine: &wasmtime::Engine, wasm: &[u8]) -> wasmtime::Result<ComposedPre<Host>> {
    let component = Component::from_binary(engine, wasm)?;
    let mut linker = Linker::<Host>::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    store::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    timeweft::person::settings::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    issuer::add_to_linker::<_, HasSelf<Host>>(&mut linker, |host| host)?;
    let pre: InstancePre<Host> = linker.instantiate_pre(&component)?;
    ComposedPre::new(pre)
}

/// Advances the epoch for as long as the engine is there.
fn tick(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}

/// Counts the linear memories of an instance together.
pub(super) struct Memory {
    used: usize,
    at_start: usize,
    limit: usize,
    /// Whether more was wanted than that.
    pub(super) is_refused: bool,
}

impl Memory {
    pub(super) fn grown_by(&self) -> usize {
        self.used.saturating_sub(self.at_start)
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_sub(current).saturating_add(desired);
        if used > self.limit {
            // The guest sees a failed growth, which its allocator answers with a trap.
            tracing::warn!(used, limit = self.limit, "a call wants more memory than it may have");
            self.is_refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 1 << 20)
    }
}

impl Host {
    /// Others compute meanwhile.
    fn wait_for_room(&mut self) {
        let Host { session, turn: Some(turn), .. } = self else { return };
        if !session.has_room() {
            turn.away(|| session.wait_for_room());
        }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl timeweft::person::settings::Host for Host {
    fn get(&mut self, name: String) -> Option<String> {
        self.settings.get(&name).cloned()
    }
}

impl issuer::Host for Host {
    fn send(&mut self, request: issuer::Request) -> Result<issuer::Response, String> {
        let issuer = self.issuer.as_ref().ok_or("there is no issuer")?;
        let issuer::Request { url, authorization, form, max_age } = request;
        let question = Question { url, authorization, form, max_age: Duration::from_secs(max_age.into()) };
        let answer = match (issuer.at_once(&question), &mut self.turn) {
            (Some(answer), _) => answer,
            (None, Some(turn)) => turn.away(|| issuer.wait(&question)),
            (None, None) => issuer.wait(&question),
        };
        answer.map(|answer| issuer::Response { status: answer.status, body: answer.body.into() })
    }
}

impl store::Host for Host {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, store::Error> {
        Ok(self.session.get(&key)?.map(Vec::from))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), store::Error> {
        self.wait_for_room();
        Ok(self.session.set(&key, value)?)
    }

    fn delete(&mut self, key: String) -> Result<(), store::Error> {
        Ok(self.session.delete(&key)?)
    }

    fn read_head(&mut self, key: String) -> Result<u64, store::Error> {
        Ok(self.session.read_head(&key)?)
    }

    fn swap_head(&mut self, key: String, current: u64, next: u64) -> Result<bool, store::Error> {
        Ok(self.session.swap_head(&key, current, next)?)
    }
}

impl From<StoreError> for store::Error {
    fn from(error: StoreError) -> store::Error {
        match error {
            StoreError::TooLarge => store::Error::TooLarge,
            error => store::Error::Unavailable(error.to_string()),
        }
    }
}
