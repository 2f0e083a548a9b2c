//! The entity engine: versions, merges and storage of one entity at a time, over the [`Store`] trait.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | [`store`] | the key-value trait and what it promises |
//! | [`engine`] | what can be asked of an entity: [`Engine::apply`], a file a family of operations |
//! | [`record`] | the commit record: one per version, immutable (`docs/storage.md` has the bytes) |
//! | [`key`] | where things are kept |
//! | `segment` | versions that left the recent log, sealed |
//! | `tree` | a long value in pages |
//! | `blob`, `loader` | what is too long for where it is named, in chunks; reading it |
//! | `error` | why the engine does not do something |
//! | [`rules`] | what a type says of its entities: whom they are for, what their values must be |
//! | [`memory`] | a store in memory that fails when told to |
//! | `contract` | the suite that each implementation of [`Store`] passes (feature `contract`) |
//!
//! Everything stored is immutable but one head per entity, which points at the latest commit record. A commit writes its
//! chunks and its record under new keys, then swings the head by compare-and-swap: a reader sees a whole version or an
//! older whole one, and a crash anywhere leaves at most garbage. Nothing here knows a clock, a random source or a socket.
//!
//! # Example
//!
//! Two people change one version of a note; both changes are in it, and what it was before can be read.
//!
//! ```
//! use timeweft_core::codec::{cbor, json};
//! use timeweft_core::id::EntityId;
//! use timeweft_core::limits::Limits;
//! use timeweft_core::operation::{Access, CborDiff, CborValue, Context, Moment, Patch, Post, Read, Reading, Which};
//! use timeweft_core::time::Timestamp;
//! use timeweft_store::Engine;
//! use timeweft_store::memory::MemoryStore;
//! # use std::pin::pin;
//! # use std::task::{Poll, Waker};
//! # /// The store in memory is ready at once.
//! # fn ready<T>(future: impl Future<Output = T>) -> T {
//! #     match pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
//! #         Poll::Ready(output) => output,
//! #         Poll::Pending => panic!("it waits"),
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let limits = Limits::default();
//! # let value = |text: &str| json::value_from_text(text.as_bytes(), &limits).map(|v| CborValue(cbor::encode_value(&v)));
//! # let diff = |text: &str| json::patch_from_text(text.as_bytes(), &limits).map(|p| CborDiff(cbor::encode_patch(&p)));
//!
//! // The caller gives the time with each call, and 32 random bits where it is asked: here, to be the same each time, none.
//! let engine = Engine::new(MemoryStore::new(), || 1);
//! let by = |person: &str, now: u64| Context {
//!     person_id: person.into(),
//!     impersonator_id: None,
//!     now: Timestamp(now),
//!     access: Access::Any,
//!     rules: None,
//!     limits: Limits::default(),
//! };
//! let note = EntityId::new("note", "n1").map_err(|error| error.to_string())?;
//! let read = |which| match ready(engine.read(&by("ann", 100), &note, Read::whole(which))) {
//!     Ok(Reading::Value(CborValue(bytes), meta)) => (bytes, meta.version),
//!     other => panic!("{other:?}"),
//! };
//!
//! let first = ready(engine.post(&by("ann", 10), &note, Post::of(value(r#"{"title":"Weft","blob":""}"#)?)))?;
//! let seen = first.meta.valid_from;
//! ready(engine.patch(&by("ann", 20), &note, Patch::of(diff(r#"{"title":"Warp"}"#)?, seen)))?;
//! ready(engine.patch(&by("bob", 30), &note, Patch::of(diff(r#"{"blob":"and weft"}"#)?, seen)))?;
//!
//! assert_eq!(read(Which::Current), (value(r#"{"title":"Warp","blob":"and weft"}"#)?.0, 3));
//! assert_eq!(read(Which::Past(Moment::Time(Timestamp(25)))), (value(r#"{"title":"Warp","blob":""}"#)?.0, 2));
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]
// Callers are single-threaded components or a simulator: no `Send` bound is wanted on the futures.
#![allow(async_fn_in_trait)]

mod blob;
#[cfg(feature = "contract")]
pub mod contract;
pub mod engine;
mod error;
pub mod key;
mod loader;
pub mod memory;
pub mod record;
pub mod rules;
mod segment;
pub mod store;
mod tree;

pub use engine::Engine;
pub use error::EngineError;
pub use rules::Rules;
pub use store::{Store, StoreError};
