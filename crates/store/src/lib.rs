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
