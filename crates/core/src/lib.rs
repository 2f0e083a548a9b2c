//! Values, versions, diffs and messages of Timeweft: what the server, the browser and the tests share.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | [`value`] | what an entity holds; equality on JavaScript's number line |
//! | [`diff`] | what turns one value into the next: make, apply, invert, compose, conflict, rebase |
//! | [`codec`] | CBOR and JSON, of values and of diffs, with limits enforced while decoding |
//! | [`message`] | requests, responses and pushes of the socket (docs/protocol.md, "Messages") |
//! | [`operation`] | what is asked of an entity and what comes of it, between router and engine |
//! | [`org`] | organisations: roles at nodes, and the entities attached to them |
//! | [`replica`] | a client's copies of entities: merging, offline edits, undo |
//! | [`id`], [`time`], [`limits`] | names, instants, and the bounds on everything |
//! | [`members`] | the map that objects are |
//!
//! Nothing here knows a clock, a random source, a socket or a runtime.
//!
//! # Example
//!
//! Ann sorts a list while Bob ticks an item of it. Bob's change came second and is moved over hers.
//!
//! ```
//! use timeweft_core::codec::json;
//! use timeweft_core::diff::{Order, rebase};
//! use timeweft_core::limits::Limits;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = Limits::default();
//! let base = json::value_from_text(br#"[{"id":"pay","done":false},{"id":"ask","done":false}]"#, &limits)?;
//!
//! // As on the wire; what it means depends on the value that it was made on.
//! let sorts = json::patch_from_text(br#"{"$array":[{"take":1},1,{"put":0}]}"#, &limits)?.resolve(&base)?;
//! let ticks = json::patch_from_text(br#"{"0":{"done":true}}"#, &limits)?.resolve(&base)?;
//!
//! let ticks = rebase(&ticks, &sorts, Order::later(Some("bob"), Some("ann")))?;
//! let mut list = base;
//! sorts.apply(&mut list)?;
//! ticks.apply(&mut list)?;
//! let both = json::value_from_text(br#"[{"id":"ask","done":false},{"id":"pay","done":true}]"#, &limits)?;
//! assert_eq!(list, both);
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]
// Browsers load neither `std` nor its way to panic, which alone would be a quarter of what they load.
#![cfg_attr(not(any(test, feature = "server")), no_std)]

extern crate alloc;

pub mod codec;
pub mod diff;
mod float;
pub mod id;
pub mod limits;
pub mod members;
pub mod message;
pub mod operation;
pub mod org;
mod prelude;
pub mod replica;
mod sort;
pub mod time;
pub mod value;
