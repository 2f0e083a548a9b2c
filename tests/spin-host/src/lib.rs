//! A host for tests that runs our composed component as Spin does, where Spin itself isn't at hand.
//!
//! - [`KeyValue`] is Spin's key-value store on SQLite as it behaves, its faults included. What they are was read in Spin
//!   4.1's source and is said where each is modelled, in `key_value` and `keyvalue_host`.
//! - [`Storage`] runs the bare `storage-spin` component, so that a suite can drive it call by call, and crash it.
//! - [`Server`] serves the composed component over plain HTTP, with Spin's rules for reusing instances.
//!
//! It is not Spin: one store in memory, no TLS, no other triggers. Outgoing requests reach this machine only.

mod bindings;
mod instance;
mod key_value;
mod keyvalue_host;
mod outbound;
mod server;
mod storage;

pub use key_value::{Crash, KeyValue};
pub use server::{Options, Server};
pub use storage::{Error, Storage, StorageHandle};
