//! The entity engine as a component: exports `timeweft:entity/temporalizable`, imports `timeweft:storage/store`.
//!
//! Nothing of one person stays between two calls. The engine's work is in `timeweft_store`; here is only its translation.

mod convert;
mod ready;
mod storage;

// What `generate!` expands to is the ABI, unsafe by nature.
#[allow(unsafe_code)]
mod wit {
    wit_bindgen::generate!({
        path: ["../../wit/storage.wit", "../../wit/entity.wit"],
        world: "timeweft:entity/entity",
        generate_all,
    });

    pub(crate) use timeweft::entity::types;

    pub(crate) struct Entity;

    export!(Entity with_types_in self);
}

use std::future::Future;
use std::rc::Rc;

use timeweft_core::id::EntityId;
use timeweft_core::operation::{self as native, CborDiff, CborValue};
use timeweft_core::time::Timestamp;
use timeweft_store::Engine;

use crate::convert::{
    committed_out, context_in, failure_out, listing_out, moment_in, page_out, policy_out, reading_out,
};
use crate::storage::Imported;
use crate::wit::Entity;
use crate::wit::exports::timeweft::entity::temporalizable::Guest;
use crate::wit::types::{Committed, Context, Failure, Listing, Moment, Page, Policy, Reading};

fn nonce() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness races could not be told apart: better no answer than a wrong one.
    getrandom::fill(&mut bytes).expect("the host gives randomness");
    u32::from_le_bytes(bytes)
}

/// Waits up to 100 µs after the first lost round, twice that after the second, 12.8 ms at most.
fn pause(round: u32, random: u32) {
    let most = 100_u64 << round.min(7);
    std::thread::sleep(std::time::Duration::from_micros(u64::from(random) % most));
}

thread_local! {
    /// What it keeps between two calls are the rules of types, which are nobody's in particular.
    static ENGINE: Rc<Engine<Imported, fn() -> u32>> =
        Rc::new(Engine::new(Imported, nonce as fn() -> u32).with_pause(pause));
}

fn engine() -> Rc<Engine<Imported, fn() -> u32>> {
    ENGINE.with(Rc::clone)
}

#[allow(clippy::result_large_err, reason = "the failure is as the interface has it, and made once a call")]
fn parse(entity_id: &str) -> Result<EntityId, Failure> {
    EntityId::parse(entity_id).map_err(|error| Failure::BadRequest(error.to_string()))
}

/// The answer of an engine's call.
#[allow(clippy::result_large_err, reason = "the failure is as the interface has it, and made once a call")]
fn answer<T>(future: impl Future<Output = Result<T, native::Failure>>) -> Result<T, Failure> {
    match ready::ready(future) {
        Some(result) => result.map_err(failure_out),
        None => Err(Failure::Unavailable("the engine waits for what is no store call".to_owned())),
    }
}

impl Guest for Entity {
    fn post(
        context: Context,
        entity_id: String,
        value: Vec<u8>,
        valid_from: Option<u64>,
        idempotency_key: Option<String>,
    ) -> Result<Committed, Failure> {
        let (context, id, value) = (context_in(context), parse(&entity_id)?, CborValue(value));
        answer(engine().post(&context, &id, &value, valid_from.map(Timestamp), idempotency_key.as_deref()))
            .map(committed_out)
    }

    fn get(
        context: Context,
        entity_id: String,
        if_modified_since: Option<u64>,
        deleted: bool,
    ) -> Result<Reading, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        answer(engine().get(&context, &id, if_modified_since.map(Timestamp), deleted)).map(reading_out)
    }

    fn get_past(context: Context, entity_id: String, moment: Moment, since: Option<u64>) -> Result<Reading, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        answer(engine().get_past(&context, &id, moment_in(moment), since.map(Timestamp))).map(reading_out)
    }

    fn patch_diff(
        context: Context,
        entity_id: String,
        diff: Vec<u8>,
        if_unmodified_since: Option<u64>,
        idempotency_key: Option<String>,
        valid_from: Option<u64>,
    ) -> Result<Committed, Failure> {
        let (context, id, diff) = (context_in(context), parse(&entity_id)?, CborDiff(diff));
        let (since, valid_from) = (if_unmodified_since.map(Timestamp), valid_from.map(Timestamp));
        answer(engine().patch_diff(&context, &id, &diff, since, idempotency_key.as_deref(), valid_from))
            .map(committed_out)
    }

    fn put(
        context: Context,
        entity_id: String,
        value: Vec<u8>,
        if_unmodified_since: Option<u64>,
    ) -> Result<Committed, Failure> {
        let (context, id, value) = (context_in(context), parse(&entity_id)?, CborValue(value));
        answer(engine().put(&context, &id, &value, if_unmodified_since.map(Timestamp))).map(committed_out)
    }

    fn revert(
        context: Context,
        entity_id: String,
        valid_from: u64,
        if_unmodified_since: Option<u64>,
    ) -> Result<Committed, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        let since = if_unmodified_since.map(Timestamp);
        answer(engine().revert(&context, &id, Timestamp(valid_from), since)).map(committed_out)
    }

    fn delete(context: Context, entity_id: String, if_unmodified_since: Option<u64>) -> Result<Committed, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        answer(engine().delete(&context, &id, if_unmodified_since.map(Timestamp))).map(committed_out)
    }

    fn patch_undelete(context: Context, entity_id: String) -> Result<Committed, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        answer(engine().patch_undelete(&context, &id)).map(committed_out)
    }

    fn history(context: Context, entity_id: String, before: Option<u64>, limit: u32) -> Result<Page, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        answer(engine().history(&context, &id, before.map(Timestamp), limit)).map(page_out)
    }

    fn list_entities(context: Context, kind: String, cursor: Option<String>, limit: u32) -> Result<Listing, Failure> {
        answer(engine().list(&context_in(context), &kind, cursor.as_deref(), limit)).map(listing_out)
    }

    fn get_policy(kind: String) -> Result<Policy, Failure> {
        answer(engine().policy(&kind)).map(policy_out)
    }

    fn get_identity(kind: String) -> Result<Vec<String>, Failure> {
        answer(engine().identity(&kind)).map(|identity| identity.members().to_vec())
    }
}
