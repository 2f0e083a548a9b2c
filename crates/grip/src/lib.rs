//! The protocol between a gateway, which holds the sockets, and what is behind it: *WebSocket-over-HTTP* and *GRIP*, as
//! Pushpin's and Fastly's documentation specify them (docs/protocol.md, "Behind a gateway"). The host speaks one side of it and
//! the component `front` the other.
//!
//! | module | what |
//! |---|---|
//! | [`events`] | what happens on a socket, and what it is to be sent, as the body of a request and its answer |
//! | [`control`] | what is said to the gateway among that |
//! | [`items`] | what is published to a channel, and what a gateway asks when it may have missed some |
//! | [`jwt`] | signed tokens (HS256): how a gateway shows who it is |
//!
//! No clock, no socket: bytes in, values out, and back.
#![deny(missing_docs)]

pub mod control;
pub mod events;
pub mod items;
pub mod jwt;
