//! Why sockets are closed from our side: the code and the reason (docs/protocol.md).

use crate::event::Reply;

/// A close: code and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close(pub(crate) u16, pub(crate) &'static str);

/// The session is over; connecting again needs a sign-in.
pub(crate) const SESSION_OVER: Close = Close(4001, "the session is over");

/// Its entity has left the channel: who connects and subscribes again is on the right one. 1012 is service restart of the
/// WebSocket registry.
pub(crate) const RIGHTS_CHANGED: Close = Close(1012, "rights have changed; connect and subscribe again");

/// The code of a normal end (RFC 6455).
pub(crate) const NORMAL: u16 = 1000;

impl From<Close> for Reply {
    fn from(Close(code, why): Close) -> Reply {
        Reply::Close(code, why.to_owned())
    }
}
