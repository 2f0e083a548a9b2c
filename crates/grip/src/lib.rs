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
//!
//! # Example
//!
//! A gateway tells the server behind it that a client has opened a socket and said something; the server publishes to a channel.
//!
//! ```
//! use timeweft_grip::events::{self, Event, Writer};
//! use timeweft_grip::items::{self, Content, Item};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut body = Writer::default();
//! body.open();
//! body.text(&[b"hello"]);
//! let body = body.finish();
//! assert_eq!(body, b"OPEN\r\nTEXT 5\r\nhello\r\n");
//! assert_eq!(events::decode(body.into())?, [Event::Open, Event::Text("hello".into())]);
//!
//! let said = Item {
//!     channel: "json:note:n1".into(),
//!     id: Some("2".into()),
//!     prev_id: Some("1".into()),
//!     content: Content::Text(r#"{"title":"Weft"}"#.into()),
//!     sender: None,
//! };
//! assert_eq!(items::decode(&items::encode([said.clone()]))?, [said]);
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

pub mod control;
pub mod events;
pub mod items;
pub mod jwt;
