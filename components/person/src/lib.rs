//! The router as a component: exports `timeweft:person/handler`, imports entities, the store (for private records) and
//! settings. The rules are in `timeweft_router`; here is only their translation.
//!
//! What stays between two calls is the configuration, which is the same for everybody, and organisations, of which it is asked each time whether
//! they are still the same.

#[path = "../../entity/src/convert.rs"]
mod convert;
mod host;
#[path = "../../entity/src/ready.rs"]
mod ready;
mod translate;

// What `generate!` expands to is the ABI, unsafe by nature.
#[allow(unsafe_code)]
mod wit {
    wit_bindgen::generate!({
        path: ["../../wit/storage.wit", "../../wit/entity.wit", "../../wit/person.wit"],
        world: "timeweft:person/person",
        generate_all,
    });

    pub(crate) use timeweft::entity::types;

    pub(crate) struct Person;

    export!(Person with_types_in self);
}

use std::cell::OnceCell;

use timeweft_router::{ConfigError, Router};

use crate::host::Imported;
use crate::wit::Person;
use crate::wit::exports::timeweft::person::handler::{
    Batch, BatchOutcome, Guest, Header, Held, Item, Request, Response,
};

thread_local! {
    static ROUTER: OnceCell<Result<Router<Imported>, ConfigError>> = const { OnceCell::new() };
}

/// Runs with the router; without a configuration, or should a call wait, with why not.
fn with_router<T>(run: impl FnOnce(&Router<Imported>) -> Option<T>) -> Result<T, String> {
    ROUTER.with(|router| match router.get_or_init(|| Router::new(Imported)) {
        Ok(router) => run(router).ok_or_else(|| "the router waits for what is no import".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}

/// The body of a 503 that says why.
fn broken(why: &str) -> (Vec<Header>, Vec<u8>) {
    let why: String = why.chars().map(|c| if c == '"' || c == '\\' || c.is_control() { '\'' } else { c }).collect();
    let header = Header { name: "content-type".to_owned(), value: "application/json".to_owned() };
    (vec![header], format!(r#"{{"error":{{"code":"unavailable","message":"{why}"}}}}"#).into_bytes())
}

impl Guest for Person {
    fn handle_events(batches: Vec<Batch>) -> Vec<BatchOutcome> {
        let count = batches.len();
        let batches = batches.into_iter().map(translate::batch).collect();
        match with_router(|router| ready::ready(router.handle_events(batches))) {
            Ok(outcomes) => outcomes.into_iter().map(translate::outcome).collect(),
            Err(why) => {
                let refusal = || {
                    let (headers, body) = broken(&why);
                    BatchOutcome { status: 503, headers, replies: Vec::new(), effects: Vec::new(), body, left: 0 }
                };
                (0..count).map(|_| refusal()).collect()
            }
        }
    }

    fn handle_request(request: Request) -> Response {
        let request = translate::request(request);
        match with_router(|router| ready::ready(router.handle_request(request))) {
            Ok(response) => translate::response(response),
            Err(why) => {
                let (headers, body) = broken(&why);
                Response { status: 503, headers, body, effects: Vec::new() }
            }
        }
    }

    fn resync(held: Vec<Held>) -> Vec<Item> {
        let held = held.into_iter().map(translate::held).collect();
        // Whoever asks asks again.
        let items = with_router(|router| ready::ready(router.resync(held))).unwrap_or_default();
        items.into_iter().map(translate::item).collect()
    }
}
