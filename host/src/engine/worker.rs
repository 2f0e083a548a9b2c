//! A worker thread: takes a job, calls an instance, answers; replaces the instance when it must.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::Trap;

use super::instance::{Instance, Template};
use super::queue::Queue;
use super::turns::{self, Turn, Turns};
use super::{Call, CallError, Done, EngineOptions, Job, Returned};
use crate::store::SqliteStore;

/// Before it is tried again.
const NO_THREAD: Duration = Duration::from_millis(100);

/// What all workers share: instances that are warm, and turns.
pub(super) struct Pool {
    template: Template,
    store: Arc<SqliteStore>,
    turns: Arc<Turns>,
    /// One call may compute for so long.
    time: Duration,
    warm: Mutex<Vec<Instance>>,
    /// How many are kept.
    places: usize,
}

impl Pool {
    pub(super) fn new(template: Template, store: Arc<SqliteStore>, options: &EngineOptions, first: Instance) -> Pool {
        Pool {
            template,
            store,
            turns: Turns::new(options.workers),
            time: options.time,
            warm: Mutex::new(vec![first]),
            places: options.workers,
        }
    }

    fn take(&self) -> Result<Instance, CallError> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner).pop();
        warm.map_or_else(|| self.instantiate(), Ok)
    }

    fn give_back(&self, instance: Instance) {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.len() < self.places {
            warm.push(instance);
        }
    }

    fn instantiate(&self) -> Result<Instance, CallError> {
        let session = self.store.session().map_err(|error| CallError::Unavailable(error.to_string()))?;
        self.template.instantiate(session).map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "no instance to be had");
            CallError::Unavailable("no instance to be had".into())
        })
    }
}

/// Runs calls until there are no more, on one thread after another: that of a long call gives way to others for good.
pub(super) fn run(queue: &Queue, pool: &Pool) {
    let name = thread::current().name().unwrap_or("worker").to_owned();
    let mut is_open = true;
    while is_open {
        thread::scope(|scope| {
            match thread::Builder::new().name(name.clone()).spawn_scoped(scope, || run_jobs(queue, pool)) {
                // One that panicked has said so, and another takes its place.
                Ok(thread) => is_open = thread.join().unwrap_or(true),
                Err(error) => {
                    tracing::error!(%error, "no thread to be had");
                    thread::sleep(NO_THREAD);
                }
            }
        });
    }
}

/// Returns before there are no more when this thread gives way to others.
fn run_jobs(queue: &Queue, pool: &Pool) -> bool {
    while let Some(job) = queue.pop() {
        let principal = job.principal.clone();
        let spent = run_job(job, pool);
        queue.done(&principal);
        // Made after the next call may begin, so that it costs nobody time.
        if spent {
            let _ = pool.instantiate().map(|instance| pool.give_back(instance));
        }
        if turns::gives_way() {
            return true;
        }
    }
    false
}

/// Whether it took an instance that can't be used again.
fn run_job(Job { call, principal, read_only, done }: Job, pool: &Pool) -> bool {
    let turn = Turn::begin(&pool.turns, principal, pool.time);
    // Nobody waits for it any more: the connection went while it was queued.
    if done.is_closed() {
        return false;
    }
    let mut instance = match pool.take() {
        Ok(instance) => instance,
        Err(error) => {
            let _ = done.send(Done { returned: Err(error), depends_on: 0 });
            return false;
        }
    };
    instance.store.data_mut().turn = Some(turn);
    let returned = call_instance(&mut instance, &call, read_only);
    let host = instance.store.data_mut();
    host.turn = None;
    let answer = Done { depends_on: host.session.depends_on(), returned };
    let reusable = answer.returned.is_ok() && host.memory.grown_by() <= pool.template.retire_bytes;
    // An error means that nobody waits any more.
    let _ = done.send(answer);
    if reusable {
        pool.give_back(instance);
    }
    !reusable
}

fn call_instance(instance: &mut Instance, call: &Call, read_only: bool) -> Result<Returned, CallError> {
    let Instance { store, bindings } = instance;
    match read_only {
        true => store.data_mut().session.begin_read_only(),
        false => store.data_mut().session.begin(),
    }
    store.set_epoch_deadline(1);
    let handler = bindings.timeweft_person_handler();
    let returned = match call {
        Call::Events(batches) => handler.call_handle_events(&mut *store, batches).map(Returned::Events),
        Call::Request(request) => handler.call_handle_request(&mut *store, request).map(Returned::Request),
        Call::Resync(held) => handler.call_resync(&mut *store, held).map(Returned::Resync),
    };
    returned.map_err(|error| {
        let trap = error.downcast_ref::<Trap>();
        let error = if store.data().memory.is_refused {
            CallError::TooMuch("it wants more memory than it may have".to_owned())
        } else if trap == Some(&Trap::Interrupt) {
            CallError::TooMuch("it took too long".to_owned())
        } else {
            CallError::Trapped(trap.map_or_else(|| format!("{error:#}"), Trap::to_string))
        };
        tracing::error!(%error, "a call failed; its instance is replaced");
        error
    })
}
