//! The components in this process: worker threads that share warm instances, calls as plain functions.
//!
//! Calls begin in turn between principals (`queue`). A call runs on one worker from start to end, makes way for others when it takes
//! long (`turns`), and does not wait for its writes to be synced (only for room, where too many of everybody's are not:
//! [`crate::store::StoreOptions`]). What it may answer is held back here until what it read and wrote is durable. When that fails,
//! the call is made once more with a store that takes no writes, so
//! that the component itself answers each request in the batch with `unavailable`.
//!
//! Nothing of one call reaches another but through the store: a trap, a call past its time or an instance that grew too
//! much costs that instance only, and the next call has a new one.

mod backend;
mod bindings;
mod convert;
mod instance;
mod priority;
mod queue;
mod turns;
mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

pub use backend::EngineBackend;

use crate::gateway::Principal;
use crate::issuer::Issuer;
use crate::store::{Batch as StoreBatch, SqliteStore, StoreError};
use bindings::handler;
use instance::Template;
use queue::Queue;
use worker::Pool;

/// How the engine behaves.
#[derive(Clone)]
pub struct EngineOptions {
    /// The composed component.
    pub component: PathBuf,
    /// Compiled code is kept here from one start to the next.
    pub cache: Option<PathBuf>,
    /// How many calls compute at once.
    pub workers: usize,
    /// One call may compute for so long.
    pub time: Duration,
    /// Of all linear memories of one instance.
    pub memory_bytes: usize,
    /// An instance that has grown by more than this is not used again.
    pub retire_bytes: usize,
    /// For the component, by name.
    pub settings: HashMap<String, String>,
    /// Who vouches for persons.
    pub issuer: Option<Arc<Issuer>>,
}

/// Why the engine can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no file to load.
    #[error("the component {0} is missing; build it with `cargo xtask build`, or name it with --component")]
    Missing(PathBuf),
    /// There is one, but not what it should be.
    #[error("{path} can't be used: {reason:#}")]
    Component {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: wasmtime::Error,
    },
    /// The machine does not provide what is needed.
    #[error("can't start wasmtime: {0:#}")]
    Runtime(wasmtime::Error),
    /// No thread to be had.
    #[error("can't start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The store is not there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a call has no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The component trapped.
    #[error("the component failed: {0}")]
    Trapped(String),
    /// It took too long or too much memory.
    #[error("the component was stopped: {0}")]
    TooMuch(String),
    /// Too many calls are waiting, or the disk takes no writes.
    #[error("{0}")]
    Unavailable(String),
}

/// What to call; shared, because it may be called a second time.
enum Call {
    Events(Vec<handler::Batch>),
    Request(handler::Request),
    Resync(Vec<handler::Held>),
}

enum Returned {
    Events(Vec<handler::BatchOutcome>),
    Request(handler::Response),
    Resync(Vec<handler::Item>),
}

struct Job {
    call: Arc<Call>,
    /// Whose.
    principal: Principal,
    read_only: bool,
    done: oneshot::Sender<Done>,
}

struct Done {
    returned: Result<Returned, CallError>,
    depends_on: StoreBatch,
}

/// So many calls a worker wait at most; more wait with their connections. How many one principal may have waiting is the
/// gateway's to say.
const QUEUE_PER_WORKER: usize = 1_024;
/// So many more calls than compute at once may have begun and make way for others.
const LONG_CALLS: usize = 6;
/// How long a call waits for its place in the queue.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// The component, warm.
pub struct Engine {
    queue: Arc<Queue>,
    places: Semaphore,
    store: Arc<SqliteStore>,
    workers: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Compiles the component (or finds it compiled in the cache), makes a first instance and starts the workers.
    pub fn start(options: &EngineOptions, store: Arc<SqliteStore>) -> Result<Engine, StartError> {
        let template = Template::load(options)?;
        // Made here, so that it is said here what is wrong.
        let first = template
            .instantiate(store.session()?)
            .map_err(|reason| StartError::Component { path: options.component.clone(), reason })?;
        let queue = Arc::new(Queue::new(options.workers));
        let pool = Arc::new(Pool::new(template, store.clone(), options, first));
        let mut engine = Engine {
            queue: queue.clone(),
            places: Semaphore::new(QUEUE_PER_WORKER * options.workers),
            store: store.clone(),
            workers: Vec::new(),
        };
        for n in 0..options.workers + LONG_CALLS {
            let (queue, pool) = (queue.clone(), pool.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{n}"));
            engine.workers.push(thread.spawn(move || worker::run(&queue, &pool))?);
        }
        Ok(engine)
    }

    /// Calls for a principal, and returns when what was returned may leave the host.
    async fn call(&self, principal: &Principal, call: Call) -> Result<Returned, CallError> {
        let call = Arc::new(call);
        let unavailable = |error: &dyn std::fmt::Display| CallError::Unavailable(error.to_string());
        let place = tokio::time::timeout(QUEUE_PATIENCE, self.places.acquire());
        let place = place.await.map_err(|_| unavailable(&"too many requests at once"))?;
        let _place = place.map_err(|error| unavailable(&error))?;
        let done = self.run(principal, call.clone(), false).await?;
        match self.store.durable(done.depends_on).await {
            Ok(()) => return done.returned,
            Err(error) => tracing::debug!(%error, "a call is made again without writing"),
        }
        let done = self.run(principal, call, true).await?;
        self.store.durable(done.depends_on).await.map_err(|error| unavailable(&error))?;
        done.returned
    }

    async fn run(&self, principal: &Principal, call: Arc<Call>, read_only: bool) -> Result<Done, CallError> {
        let (done, result) = oneshot::channel();
        self.queue.push(Job { call, principal: principal.clone(), read_only, done });
        result.await.map_err(|_| CallError::Unavailable("the server is stopping".into()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so.
            let _ = worker.join();
        }
    }
}
