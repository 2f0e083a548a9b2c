//! Socket events: an address, headers, an empty line, and the events with a [`BETWEEN`](crate::parts::BETWEEN) between them, each
//! a letter and its content. The signed-in person's sockets get them, one of each format; and then that they are gone.
//! (How a gateway writes events is for the target `grip`: what is changed here stays a list of events.)

use timeweft_core::limits::TRUSTED;
use timeweft_core::message::{Format, Response};
use timeweft_router::event::{Batch, BatchOutcome, Event, Header, Reply};

use crate::parts::several;
use crate::server::{Head, Server, is_no_fault, now};

pub(crate) fn batches(bytes: &[u8]) {
    let head = Head::read(bytes);
    let events: Vec<Event> = several(head.body, 12).filter_map(event).collect();
    let server = Server::new();
    let cookie = [("cookie", server.cookie.as_str()), ("host", "weft.example")];
    let Head { first: target, headers, .. } = head.with(&cookie, &["cookie", "authorization"]);
    for protocol in ["timeweft.json", "timeweft.cbor"] {
        let mut socket = Socket { server: &server, target: target.clone(), headers: headers.clone() };
        socket.headers.push(Header::new("sec-websocket-protocol", protocol));
        let status = socket.gets(vec![Event::Open]);
        // What was never opened may come all the same.
        socket.gets(events.clone());
        if status == 101 {
            socket.gets(vec![Event::Disconnect]);
        }
    }
}

fn event(written: &[u8]) -> Option<Event> {
    let (kind, content) = written.split_first()?;
    let content = content.to_vec();
    Some(match kind {
        b'o' => Event::Open,
        b't' => Event::Text(String::from_utf8(content).ok()?),
        b'b' => Event::Binary(content),
        b'i' => Event::Ping(content),
        b'p' => Event::Pong(content),
        b'c' => Event::Close(content.try_into().ok().map(u16::from_be_bytes)),
        b'd' => Event::Disconnect,
        _ => return None,
    })
}

/// A connection as its gateway keeps it.
struct Socket<'a> {
    server: &'a Server,
    target: String,
    headers: Vec<Header>,
}

impl Socket<'_> {
    fn gets(&mut self, events: Vec<Event>) -> u16 {
        let batch = Batch {
            connection_id: "c".to_owned(),
            headers: self.headers.clone(),
            target: self.target.clone(),
            events,
            at_once: true,
        };
        let outcome = now(self.server.router.handle_events(vec![batch.clone()])).remove(0);
        let BatchOutcome { status, replies, body, .. } = outcome;
        assert!(status == 101 || is_no_fault(status), "{status} to {batch:?}: {}", body.escape_ascii());
        for reply in replies {
            match reply {
                Reply::Text(text) => is_answer(text.as_bytes(), Format::Json, &batch),
                Reply::Binary(bytes) => is_answer(&bytes, Format::Cbor, &batch),
                Reply::SetMeta(Header { name, value }) => {
                    assert!(!value.bytes().any(|byte| byte.is_ascii_control()), "{name}: {value:?} to {batch:?}");
                    let name = format!("meta-{name}");
                    self.headers.retain(|header| header.name != name);
                    self.headers.push(Header::new(name, value));
                }
                Reply::Close(code, reason) => {
                    assert!(reason.len() <= 123, "{code} {reason} to {batch:?}");
                }
                Reply::Pong(_) | Reply::Subscribe { .. } | Reply::Unsubscribe(_) => {}
            }
        }
        status
    }
}

/// A response as a client reads it, or what the socket of a note shows.
fn is_answer(frame: &[u8], format: Format, batch: &Batch) {
    match Response::decode(frame, format, &TRUSTED) {
        Ok(response) => assert!(is_no_fault(response.status), "{response:?} to {batch:?}"),
        Err(error) => {
            let is_json = format == Format::Json && serde_json::from_slice::<serde_json::Value>(frame).is_ok();
            assert!(is_json, "{error}: {} to {batch:?}", frame.escape_ascii());
        }
    }
}
