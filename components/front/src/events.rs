//! WebSocket-over-HTTP: socket events in a body, both ways.
//!
//! An event is `TYPE\r\n`, or with content `TYPE LENGTH\r\nCONTENT\r\n` with the length in hexadecimal. What comes from a
//! gateway is what the client did. What goes back is what the client gets, its messages after the prefix that `EXTENSION`
//! agrees on, and control messages for the gateway: a TEXT of `c:` and a JSON object.
//!
//! Beyond GRIP, a `subscribe` may carry `id`: the version that the connection holds, from which a gateway that knows the
//! field asks for what was missed. Others ignore it.

use crate::wit::timeweft::person::handler::{Event, Header, Reply, Subscription};

pub(crate) const CONTENT_TYPE: &str = "application/websocket-events";

/// The extension that the answer to `open` agrees to.
pub(crate) const EXTENSION: &str = "grip; message-prefix=\"m:\"";
const MESSAGE_PREFIX: &[u8] = b"m:";

/// More events than any gateway puts into one request.
const MAX_EVENTS: usize = 100_000;

/// A control frame's payload is at most 125 bytes, two of them the code.
const MAX_REASON: usize = 123;

/// The connection meta that `skip-self` compares an item's sender with. Gateways that keep this meta apart from what
/// `Set-Meta-*` sets are told by a control message too.
const USER_META: &str = "user";

#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub(crate) enum DecodeError {
    #[error("socket events: a line without its end")]
    Unterminated,
    #[error("socket events: a length that isn't hexadecimal, or content shorter than its length")]
    Length,
    #[error("socket events: the type {0:?}, expected OPEN, TEXT, BINARY, PING, PONG, CLOSE or DISCONNECT")]
    Type(String),
    #[error("socket events: a TEXT that isn't UTF-8")]
    Text,
    #[error("socket events: a CLOSE of one byte, expected none or a code of two")]
    Close,
    #[error("socket events: more than {MAX_EVENTS} in one request")]
    TooMany,
}

/// The events of a request's body.
pub(crate) fn decode(mut body: &[u8]) -> Result<Vec<Event>, DecodeError> {
    let mut events = Vec::new();
    while !body.is_empty() {
        if events.len() == MAX_EVENTS {
            return Err(DecodeError::TooMany);
        }
        let (line, rest) = split_line(body)?;
        body = rest;
        let (kind, content) = match line.split_once(' ') {
            None => (line, &[][..]),
            Some((kind, length)) => {
                let length = usize::from_str_radix(length, 16).map_err(|_| DecodeError::Length)?;
                let (content, rest) = body.split_at_checked(length).ok_or(DecodeError::Length)?;
                body = rest.strip_prefix(b"\r\n").ok_or(DecodeError::Length)?;
                (kind, content)
            }
        };
        events.push(event(kind, content)?);
    }
    Ok(events)
}

fn split_line(body: &[u8]) -> Result<(&str, &[u8]), DecodeError> {
    let end = body.windows(2).position(|two| two == b"\r\n").ok_or(DecodeError::Unterminated)?;
    let (line, rest) = body.split_at_checked(end).ok_or(DecodeError::Unterminated)?;
    let line = str::from_utf8(line).map_err(|_| DecodeError::Type(String::from_utf8_lossy(line).into_owned()))?;
    Ok((line, rest.get(2..).unwrap_or_default()))
}

fn event(kind: &str, content: &[u8]) -> Result<Event, DecodeError> {
    Ok(match kind {
        "OPEN" => Event::Open,
        "TEXT" => Event::Text(str::from_utf8(content).map_err(|_| DecodeError::Text)?.to_owned()),
        "BINARY" => Event::Binary(content.to_vec()),
        "PING" => Event::Ping(content.to_vec()),
        "PONG" => Event::Pong(content.to_vec()),
        "CLOSE" => Event::Close(match content {
            [] => None,
            [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            [_] => return Err(DecodeError::Close),
        }),
        "DISCONNECT" => Event::Disconnect,
        other => return Err(DecodeError::Type(other.chars().take(20).collect())),
    })
}

/// The body that answers a request; one that opened a connection is answered by `OPEN` first.
pub(crate) fn encode(replies: &[Reply], opening: bool) -> Vec<u8> {
    let mut body = Vec::new();
    if opening {
        body.extend_from_slice(b"OPEN\r\n");
    }
    for reply in replies {
        match reply {
            Reply::Text(text) => push(&mut body, "TEXT", &[MESSAGE_PREFIX, text.as_bytes()]),
            Reply::Binary(bytes) => push(&mut body, "BINARY", &[MESSAGE_PREFIX, bytes]),
            Reply::Pong(bytes) => push(&mut body, "PONG", &[bytes]),
            Reply::Close((code, reason)) => {
                let end = reason.floor_char_boundary(MAX_REASON);
                let reason = reason.as_bytes().get(..end).unwrap_or_default();
                push(&mut body, "CLOSE", &[&code.to_be_bytes(), reason]);
            }
            Reply::Subscribe(Subscription { channel, id }) => {
                let mut message =
                    serde_json::json!({"type": "subscribe", "channel": channel, "filters": ["skip-self"]});
                if let (Some(id), Some(fields)) = (id, message.as_object_mut()) {
                    fields.insert("id".to_owned(), id.as_str().into());
                }
                control(&mut body, &message);
            }
            Reply::Unsubscribe(channel) => {
                control(&mut body, &serde_json::json!({"type": "unsubscribe", "channel": channel}));
            }
            // The rest of it is a header of the answer.
            Reply::SetMeta(Header { name, value }) => {
                if name == USER_META {
                    control(&mut body, &serde_json::json!({"type": "set-meta", "name": name, "value": value}));
                }
            }
        }
    }
    body
}

fn control(body: &mut Vec<u8>, message: &serde_json::Value) {
    push(body, "TEXT", &[b"c:", message.to_string().as_bytes()]);
}

fn push(body: &mut Vec<u8>, kind: &str, content: &[&[u8]]) {
    let length: usize = content.iter().map(|part| part.len()).sum();
    body.extend_from_slice(format!("{kind} {length:x}\r\n").as_bytes());
    for part in content {
        body.extend_from_slice(part);
    }
    body.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
