//! The Person's logic: who is asking, what they may do, what they are subscribed to. An event or a request comes in, frames
//! or a response **and effects as data** (publish this, send that mail) go out; the caller executes them. Between calls
//! nothing is remembered here: what a connection is, its gateway sends along as meta, signed where it matters.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | [`event`] | what comes in and goes out; the twins of `wit/person.wit` |
//! | [`host`] | what is needed from outside: entities, private records, clock, random, settings, the issuer |
//! | `config` | the settings, read once |
//! | `sign_in` | codes by mail, persons, sessions |
//! | `oidc` | an OpenID Connect issuer: its tokens, and the way of a browser to it and back |
//! | `credentials` | who a request says it is from, for gateways that share out what they have |
//! | `caller`, `token`, `origin`, `address`, `crypto` | who is asking, from where, and how they show it |
//! | `access` | who may do what |
//! | `document` | patches of JSON documents (RFC 6902, RFC 7396) as diffs |
//! | `execute` | the one way from a door to an entity: the right to it, what is applied, what follows from that |
//! | `org` | rights that come from organisations |
//! | `sharing` | who is what with one entity, and invitations to it |
//! | `publish`, `resync` | what subscribers are told, and what they are told again |
//! | `presence` | who watches an entity, as far as is known |
//! | `notes` | notes as such: shown whole to those who follow them |
//! | `socket` | the door of WebSockets: opening, frames, closing |
//! | `http` | the door of HTTP: a file a family of routes |
//! | `internal` | the entities that the router keeps for itself |
//! | `target`, `close` | what doors have in common: addresses, why sockets are closed |
//!
//! Nothing here holds a socket or executes an effect, and of the store it sees small records alone ([`host::Records`]); everything
//! else that is kept is an entity, sessions and sign-in codes too. Values that come in CBOR are handed on without being decoded.
//! Those in JSON are written as CBOR first. Values are compared where a client patches a document as JSON, and in entities of the
//! router's own; a note is read where it is shown whole.
//!
//! # Example
//!
//! A host in memory. Somebody asks for a sign-in code: the answer is empty, and the mail is an effect that the caller sends.
//!
//! ```
//! use timeweft_core::id::EntityId;
//! use timeweft_core::operation::{Context, Failure, List, Listing, Operation, Outcome, TypeRules};
//! use timeweft_core::time::Timestamp;
//! use timeweft_router::Router;
//! use timeweft_router::event::{Effect, Header, HttpRequest};
//! use timeweft_router::host::{Clock, Entities, Random, Records, RecordsError, Settings};
//! use timeweft_router::host::{Issuer, IssuerError, IssuerRequest, IssuerResponse};
//! use timeweft_store::{Engine, Store, memory::MemoryStore};
//! # use std::pin::pin;
//! # use std::task::{Poll, Waker};
//! # /// The store in memory is ready at once.
//! # fn ready<T>(future: impl Future<Output = T>) -> T {
//! #     match pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
//! #         Poll::Ready(output) => output,
//! #         Poll::Pending => panic!("it waits"),
//! #     }
//! # }
//!
//! struct Host(MemoryStore, Engine<MemoryStore, fn() -> u32>);
//!
//! impl Entities for Host {
//!     async fn apply(&self, context: &Context, id: &EntityId, operation: Operation) -> Result<Outcome, Failure> {
//!         self.1.apply(context, id, operation).await
//!     }
//!     async fn list(&self, context: &Context, list: List) -> Result<Listing, Failure> {
//!         self.1.list(context, list).await
//!     }
//!     async fn rules(&self, kind: &str) -> Result<TypeRules, Failure> {
//!         self.1.type_rules(kind).await
//!     }
//! }
//!
//! impl Records for Host {
//!     async fn record(&self, key: &str) -> Result<Option<Vec<u8>>, RecordsError> {
//!         self.0.get(key).await.map_err(|error| RecordsError(error.to_string()))
//!     }
//!     async fn set_record(&self, key: &str, bytes: &[u8]) -> Result<(), RecordsError> {
//!         self.0.set(key, bytes).await.map_err(|error| RecordsError(error.to_string()))
//!     }
//! }
//!
//! // A clock that stands, and no randomness at all: for an example only.
//! impl Clock for Host {
//!     fn now(&self) -> Timestamp {
//!         Timestamp(1_800_000_000_000_000)
//!     }
//! }
//!
//! impl Random for Host {
//!     fn fill(&self, bytes: &mut [u8]) {
//!         bytes.fill(7);
//!     }
//! }
//!
//! impl Settings for Host {
//!     fn setting(&self, name: &str) -> Option<String> {
//!         (name == "key").then(|| "a secret of at least 32 characters".to_owned())
//!     }
//! }
//!
//! impl Issuer for Host {
//!     async fn send(&self, _: IssuerRequest) -> Result<IssuerResponse, IssuerError> {
//!         Err(IssuerError("there is no network".to_owned()))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let router = Router::new(Host(store.clone(), Engine::new(store, || 1)))?;
//! let answer = ready(router.handle_request(HttpRequest {
//!     method: "POST".into(),
//!     target: "/login".into(),
//!     headers: vec![Header::new("content-type", "application/json")],
//!     body: br#"{"email":"ada@example.org"}"#.to_vec(),
//! }));
//! assert_eq!(answer.status, 202);
//! assert!(matches!(&answer.effects[..], [Effect::Mail(mail)] if mail.to == "ada@example.org"));
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]
// Callers are single-threaded components or a simulator: no `Send` bound is wanted on the futures.
#![allow(async_fn_in_trait)]

mod access;
mod address;
mod caller;
mod close;
mod config;
mod credentials;
mod crypto;
mod document;
pub mod event;
mod execute;
pub mod host;
mod http;
mod internal;
mod notes;
mod oidc;
mod org;
mod origin;
mod presence;
mod publish;
mod resync;
mod sharing;
mod sign_in;
mod socket;
mod target;
#[cfg(test)]
mod testing;
mod token;

pub use config::ConfigError;
pub use credentials::Credentials;

use event::{Batch, BatchOutcome, Held, HttpRequest, HttpResponse, Item};
use host::Host;

/// What one call gives its caller to send, in bytes: once it is more, the call ends. One answer may always be longer.
const CALL_BYTES: usize = 4 << 20;

/// The Person, for everybody: which person is meant comes with each call.
pub struct Router<H> {
    host: H,
    config: config::Config,
    orgs: org::Known,
}

impl<H: Host> Router<H> {
    /// Reads the settings.
    pub fn new(host: H) -> Result<Self, ConfigError> {
        let config = config::Config::read(&host)?;
        Ok(Router { host, config, orgs: org::Known::default() })
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
