//! The Person's logic: who is asking, what they may do, what they are subscribed to. An event or a request comes in, frames
//! or a response **and effects as data** (publish this, send that mail) go out; the caller executes them. Between calls
//! nothing is remembered here: what a connection is, its gateway sends along as meta, signed where it matters.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | [`event`] | what comes in and goes out; the twins of `wit/person.wit` |
//! | [`host`] | what is needed from outside: entities, private records, clock, random, settings |
//! | `config` | the settings, read once |
//! | `sign_in` | codes by mail, persons, sessions |
//! | `caller`, `token`, `origin`, `crypto` | who is asking, and how they show it |
//! | `access` | who may do what |
//! | `document` | patches of JSON documents (RFC 6902, RFC 7396) as diffs |
//! | `execute` | the one way from a door to an entity: the right to it, what is applied, what follows from that |
//! | `publish`, `resync` | what subscribers are told, and what they are told again |
//! | `presence` | who watches an entity, as far as is known |
//! | `notes` | notes as such: shown whole to those who follow them |
//! | `socket` | the door of WebSockets: opening, frames, closing |
//! | `http` | the door of HTTP: a file a family of routes |
//! | `internal` | the entities that the router keeps for itself |
//! | `target`, `close` | what doors have in common: addresses, why sockets are closed |
//!
//! Nothing here knows a store or a socket, or executes an effect. The only values that are compared are documents that a client
//! patches as JSON, and entities of the router's own.
#![deny(missing_docs)]
// Callers are single-threaded components or a simulator: no `Send` bound is wanted on the futures.
#![allow(async_fn_in_trait)]

mod access;
mod caller;
mod close;
mod config;
mod crypto;
mod document;
pub mod event;
mod execute;
pub mod host;
mod http;
mod internal;
mod notes;
mod origin;
mod presence;
mod publish;
mod resync;
mod sign_in;
mod socket;
mod target;
#[cfg(test)]
mod testing;
mod token;

pub use config::ConfigError;

use event::{Batch, BatchOutcome, Held, HttpRequest, HttpResponse, Item};
use host::Host;

/// What one call gives its caller to send, in bytes: once it is more, the call ends. One answer may always be longer.
const CALL_BYTES: usize = 4 << 20;

/// The Person, for everybody: which person is meant comes with each call.
pub struct Router<H> {
    host: H,
    config: config::Config,
}

impl<H: Host> Router<H> {
    /// Reads the settings.
    pub fn new(host: H) -> Result<Self, ConfigError> {
        let config = config::Config::read(&host)?;
        Ok(Router { host, config })
    }

    /// Handles what happened on several connections; one outcome a batch, in the same order. Once what is to be sent exceeds
    /// a bound, the events that follow are left for a later call, or where they can't be, requests are refused.
    pub async fn handle_events(&self, batches: Vec<Batch>) -> Vec<BatchOutcome> {
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut spent = 0;
        for batch in batches {
            let outcome = socket::handle(self, batch, spent).await;
            spent += outcome.bytes();
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Handles an HTTP request.
    pub async fn handle_request(&self, request: HttpRequest) -> HttpResponse {
        http::handle(self, request).await
    }

    /// The items that bring those who hold these versions to the current ones; nothing for those who have them.
    pub async fn resync(&self, held: Vec<Held>) -> Vec<Item> {
        resync::items(self, held).await
    }
}
