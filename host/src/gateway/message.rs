//! What the gateway and whatever is behind it say to each other: the native twin of `wit/person.wit`, with payloads
//! as shared bytes so that one item reaches many connections without copies.

use std::sync::Arc;

use bytes::Bytes;

use super::principal::Principal;
pub use timeweft_grip::items::{Content, Held, Item};

/// Names in lower case.
pub type Headers = Vec<(String, String)>;

/// A socket event, as in WebSocket-over-HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client wants a socket.
    Open,
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
    /// The client closes, with its code.
    Close(Option<u16>),
    /// The connection broke.
    Disconnect,
}

impl Event {
    /// Bytes of its payload.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Event::Text(text) => text.len(),
            Event::Binary(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

/// What happened on one connection, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose share of the server the call is.
    pub principal: Principal,
    /// Tells connections apart.
    pub connection_id: Arc<str>,
    /// Of the request that opened the connection.
    pub headers: Arc<Headers>,
    /// What was set with [`Reply::SetMeta`]; names without `meta-`.
    pub meta: Headers,
    /// Path and query of the request that opened the connection.
    pub target: Arc<str>,
    /// Never empty.
    pub events: Vec<Event>,
}

/// What goes back on the connection of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A frame, or the end.
    Send(Content),
    /// Answers a ping that the backend was shown.
    Pong(Bytes),
    /// Subscribe the connection to a channel, of which it holds the version `id`.
    Subscribe {
        /// Which.
        channel: Arc<str>,
        /// The version that the connection holds now.
        id: Option<Arc<str>>,
        /// Items that this connection caused are not sent to it.
        skip_self: bool,
    },
    /// No longer.
    Unsubscribe(Arc<str>),
    /// Remember this on the connection; an empty value forgets.
    SetMeta(String, String),
}

/// What came of a batch.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Answer to [`Event::Open`]: 101, or why not.
    pub status: u16,
    /// Of the answer to the opening request.
    pub headers: Headers,
    /// In order.
    pub replies: Vec<Reply>,
    /// For everybody, in order, after `replies`.
    pub publish: Vec<Item>,
    /// Of the answer, when the socket is refused.
    pub body: Bytes,
    /// So many of the batch's last events were left, and come again first in the next one.
    pub left: u32,
}
