//! What comes in and what goes out: the native twins of the records of `wit/person.wit`, where they are documented.

/// One header; names are in lower case on the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Header {
    /// A header.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Header {
        Header { name: name.into(), value: value.into() }
    }
}

/// A socket event, as in WebSocket-over-HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client asks for the socket.
    Open,
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// A ping and its payload.
    Ping(Vec<u8>),
    /// A pong and its payload.
    Pong(Vec<u8>),
    /// The client closes, with its code.
    Close(Option<u16>),
    /// The connection broke.
    Disconnect,
}

/// What happened on one connection, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The gateway's name for the connection.
    pub connection_id: String,
    /// The client's request headers, and `meta-*` as set on the connection before.
    pub headers: Vec<Header>,
    /// Path and query of the request that opened the connection.
    pub target: String,
    /// The events.
    pub events: Vec<Event>,
    /// Whether none of them can be left for a later call.
    pub at_once: bool,
}

/// What goes back on the batch's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// Close with this code and reason.
    Close(u16, String),
    /// Subscribe the connection to a channel, whose version `id` it holds.
    Subscribe {
        /// The channel.
        channel: String,
        /// The version held.
        id: Option<String>,
    },
    /// Take it off a channel.
    Unsubscribe(String),
    /// Send `meta-NAME: value` with every later batch of this connection.
    SetMeta(Header),
}

/// The body of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// Close the connection with this code and reason.
    Close(u16, String),
}

impl Content {
    /// Bytes of its payload.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Content::Text(text) => text.len(),
            Content::Binary(bytes) => bytes.len(),
            Content::Close(_, reason) => reason.len(),
        }
    }
}

/// What to publish to every connection on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The channel.
    pub channel: String,
    /// The version that it brings the receiver to.
    pub id: String,
    /// The version it starts from.
    pub prev_id: Option<String>,
    /// What is sent.
    pub content: Content,
    /// The connection that caused it and doesn't get it.
    pub sender: Option<String>,
}

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The body.
    pub text: String,
    /// The sign-in code in it, alone, if that is what it is about.
    pub code: Option<String>,
}

/// What should happen outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Publish an item.
    Publish(Item),
    /// Send a mail.
    Mail(Mail),
}

/// What comes of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// 101 when the socket is opened, 200 for a batch without `open`, else why not.
    pub status: u16,
    /// With the answer to `open`.
    pub headers: Vec<Header>,
    /// Back on the connection, in order.
    pub replies: Vec<Reply>,
    /// To execute, in order.
    pub effects: Vec<Effect>,
    /// With a status of 400 or more.
    pub body: Vec<u8>,
    /// So many of the last events are left for a later call.
    pub left: u32,
}

impl BatchOutcome {
    /// Bytes of what is to be sent, to the connection and to others.
    pub(crate) fn bytes(&self) -> usize {
        bytes_of(&self.replies, &self.effects)
    }
}

/// Bytes of what is to be sent, to a connection and to others.
pub(crate) fn bytes_of(replies: &[Reply], effects: &[Effect]) -> usize {
    let replies = replies.iter().map(|reply| match reply {
        Reply::Text(text) => text.len(),
        Reply::Binary(bytes) | Reply::Pong(bytes) => bytes.len(),
        _ => 0,
    });
    let effects = effects.iter().map(|effect| match effect {
        Effect::Publish(item) => item.content.bytes(),
        Effect::Mail(mail) => mail.text.len(),
    });
    replies.chain(effects).sum()
}

/// An HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// In upper case.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Its headers.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Its response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// To execute, in order.
    pub effects: Vec<Effect>,
}

/// A version that some connections on a channel hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The channel.
    pub channel: String,
    /// The version; absent when they hold none.
    pub id: Option<String>,
}

/// The first header of that name (lower case).
pub(crate) fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
}
