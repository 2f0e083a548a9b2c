//! The native side of Timeweft: everything that is not a component.
//!
//! ```text
//!  cli       flags and environment            start     from flags to a running server and back
//!  data      the data folder: lock and key    mail      where sign-in codes go    issuer  who vouches for persons
//!  gateway   the WebSocket side
//!  engine    backend 1: the components in this process, on wasmtime
//!  upstream  backend 2: an HTTP server that speaks WebSocket-over-HTTP (crates/grip); client is how it is called
//!  store     timeweft:storage/store on SQLite, for the engine
//! ```
//!
//! `timeweft check` reads what is in a store. `timeweft serve` is gateway, engine and store; `timeweft gateway` is gateway and upstream. It is a library too, so that
//! tests can use the parts.

#![deny(missing_docs)]

pub mod check;
pub mod cli;
mod client;
mod data;
pub mod engine;
pub mod gateway;
pub mod issuer;
mod local;
pub mod mail;
pub mod start;
pub mod store;
pub mod types;
pub mod upstream;
