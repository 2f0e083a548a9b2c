//! Values, versions, diffs and messages of Timeweft: what the server, the browser and the tests share.
//!
//! # Layout
//!
//! | module | what |
//! |---|---|
//! | [`value`] | what an entity holds; equality on JavaScript's number line |
//! | [`diff`] | what turns one value into the next: make, apply, invert, compose, conflict, rebase |
//! | [`codec`] | CBOR and JSON, of values and of diffs, with limits enforced while decoding |
//! | [`message`] | requests, responses and pushes of the socket (contract section 3) |
//! | [`operation`] | what is asked of an entity and what comes of it, between router and engine |
//! | [`replica`] | a client's copies of entities: merging, offline edits, undo |
//! | [`id`], [`time`], [`limits`] | names, instants, and the bounds on everything |
//! | [`members`] | the map that objects are |
//!
//! Nothing here knows a clock, a random source, a socket or a runtime.
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
mod prelude;
pub mod replica;
mod sort;
pub mod time;
pub mod value;
