//! Clients and servers for the end-to-end tests.
//!
//! The client knows nothing but the contract: requests are built field by field, in JSON, and sent as JSON or turned into
//! CBOR on the way. The servers are the real programs, started as an operator would start them.

pub mod client;
pub mod server;

pub use client::{Format, Person, Socket, fresh, http};
pub use server::{Server, timeweft};
