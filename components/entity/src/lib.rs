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
use timeweft_core::operation as native;
use timeweft_store::Engine;

use crate::convert::{context_in, failure_out, list_in, listing_out, operation_in, outcome_out, rules_out};
use crate::storage::Imported;
use crate::wit::Entity;
use crate::wit::exports::timeweft::entity::temporalizable::Guest;
use crate::wit::types::{Context, Failure, List, Listing, Operation, Outcome, TypeRules};

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
    /// What it keeps between two calls are the rules of types, and organisations: nobody's in particular, and each looked up before it is used.
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
    fn apply(context: Context, entity_id: String, operation: Operation) -> Result<Outcome, Failure> {
        let (context, id) = (context_in(context), parse(&entity_id)?);
        answer(engine().apply(&context, &id, operation_in(operation))).map(outcome_out)
    }

    fn list_entities(context: Context, list: List) -> Result<Listing, Failure> {
        answer(engine().list(&context_in(context), list_in(list))).map(listing_out)
    }

    fn get_rules(kind: String) -> Result<TypeRules, Failure> {
        answer(engine().type_rules(&kind)).map(rules_out)
    }
}
