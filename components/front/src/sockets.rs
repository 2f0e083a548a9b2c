//! A POST of socket events: one batch of one connection to the person, and its outcome as the answer.
//!
//! Whether the sender may speak for connections (`Grip-Sig`) and who the client is (cookie, `meta-*`) the person checks
//! from the headers, which pass through.

use timeweft_grip::control;
use timeweft_grip::events::MEDIA_TYPE;

use crate::incoming::Incoming;
use crate::outgoing::{Answer, answer, failure, header};
use crate::wit::timeweft::person::handler::{self, Batch, BatchOutcome, Event, Header, Reply};
use crate::{convert, effects};

pub(crate) async fn serve(incoming: Incoming) -> Answer {
    let Some(connection_id) = incoming.header("connection-id").map(str::to_owned) else {
        return failure(400, "bad-request", "socket events need a Connection-Id header");
    };
    let events = match convert::events(incoming.body) {
        Ok(events) => events,
        Err(error) => return failure(400, "bad-request", &error.to_string()),
    };
    let opening = events.contains(&Event::Open);
    // The proxy takes this answer for that of all its events.
    let batch = Batch { connection_id, headers: incoming.headers, target: incoming.target, events, at_once: true };
    let Some(outcome) = handler::handle_events(&[batch]).into_iter().next() else {
        return failure(500, "internal", "no outcome for the batch");
    };
    let BatchOutcome { status, headers, replies, effects, body, .. } = outcome;
    effects::execute(effects).await;
    if status >= 400 {
        return answer(status, headers, body);
    }
    // What is 101 to the client is 200 on the way to the gateway.
    answer(200, response_headers(headers, &replies, opening), convert::answer(&replies, opening))
}

fn response_headers(mut headers: Vec<Header>, replies: &[Reply], opening: bool) -> Vec<Header> {
    headers.push(header("content-type", MEDIA_TYPE));
    if opening {
        headers.push(header("sec-websocket-extensions", control::EXTENSION));
    }
    for reply in replies {
        if let Reply::SetMeta(Header { name, value }) = reply {
            headers.push(header(&format!("set-meta-{name}"), value));
        }
    }
    headers
}
