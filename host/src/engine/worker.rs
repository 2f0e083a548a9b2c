//! One worker thread: takes a job, calls its instance, answers; replaces the instance when it must.

use std::sync::Arc;

use wasmtime::Trap;

use super::instance::{Instance, Template};
use super::{Call, CallError, Done, Job, Queue, Returned};
use crate::store::SqliteStore;

pub(super) fn run(queue: &Queue, template: &Template, store: &Arc<SqliteStore>, first: Instance) {
    let mut warm = Some(first);
    while let Some(Job { call, read_only, done }) = queue.pop() {
        // Nobody waits for it any more: the connection went while it was queued.
        if done.is_closed() {
            continue;
        }
        let mut instance = match warm.take().map_or_else(|| instantiate(template, store), Ok) {
            Ok(instance) => instance,
            Err(error) => {
                let _ = done.send(Done { returned: Err(error), depends_on: 0 });
                continue;
            }
        };
        let returned = call_instance(template, &mut instance, &call, read_only);
        let host = instance.store.data();
        let answer = Done { depends_on: host.session.depends_on(), returned };
        let reusable = answer.returned.is_ok() && host.memory.grown_by() <= template.retire_bytes;
        // An error means that nobody waits any more.
        let _ = done.send(answer);
        // Made after the answer is on its way, so that it costs nobody time.
        warm = if reusable { Some(instance) } else { instantiate(template, store).ok() };
    }
}

fn instantiate(template: &Template, store: &Arc<SqliteStore>) -> Result<Instance, CallError> {
    let session = store.session().map_err(|error| CallError::Unavailable(error.to_string()))?;
    template.instantiate(session).map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "no instance to be had");
        CallError::Unavailable("no instance to be had".into())
    })
}

fn call_instance(
    template: &Template,
    instance: &mut Instance,
    call: &Call,
    read_only: bool,
) -> Result<Returned, CallError> {
    let Instance { store, bindings } = instance;
    match read_only {
        true => store.data_mut().session.begin_read_only(),
        false => store.data_mut().session.begin(),
    }
    store.set_epoch_deadline(template.ticks);
    let handler = bindings.timeweft_person_handler();
    let returned = match call {
        Call::Events(batches) => handler.call_handle_events(&mut *store, batches).map(Returned::Events),
        Call::Request(request) => handler.call_handle_request(&mut *store, request).map(Returned::Request),
        Call::Resync(held) => handler.call_resync(&mut *store, held).map(Returned::Resync),
    };
    returned.map_err(|error| {
        let reason = match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => "it took too long".to_owned(),
            Some(trap) => trap.to_string(),
            None => format!("{error:#}"),
        };
        tracing::error!(reason, "a call failed; its instance is replaced");
        CallError::Trapped(reason)
    })
}
