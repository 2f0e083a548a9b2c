//! `GET /connect`: the socket of the protocol, event by event.
//!
//! Checked before it opens, in this order, so that each refusal says the first thing that is wrong: the path (404), `Origin` (403),
//! the session (401), the subprotocol (400). The subprotocol is the first offered that we speak; a client that offers none
//! speaks CBOR.

use timeweft_core::message::{Code, Format};

use crate::event::{Batch, BatchOutcome, Event, Header, Reply, bytes_of};
use crate::host::Host;
use crate::{CALL_BYTES, Router, close, presence, target};

use super::admission::{admit, refused};
use super::connection::Connection;
use super::frame::{self, Frame};

const PATH: &str = "/connect";

/// What happened on one of these sockets.
pub(super) async fn handle<H: Host>(router: &Router<H>, batch: Batch, spent: usize) -> BatchOutcome {
    let mut outcome = BatchOutcome { status: 200, ..BatchOutcome::default() };
    let mut connection = if batch.events.first() == Some(&Event::Open) {
        match open(router, &batch, &mut outcome).await {
            Ok(connection) => connection,
            Err(refusal) => return *refusal,
        }
    } else {
        match Connection::of_meta(router, &batch) {
            Some(connection) => connection,
            // The session ran out, or the gateway forgot what it was told.
            None => {
                outcome.replies.push(close::SESSION_OVER.into());
                return outcome;
            }
        }
    };
    let mut sent = spent + outcome.bytes();
    let mut events = batch.events.into_iter();
    while let Some(event) = events.next() {
        let full = sent > CALL_BYTES;
        if full && !batch.at_once {
            outcome.left = events.len() as u32 + 1;
            break;
        }
        let (replies, effects) = (outcome.replies.len(), outcome.effects.len());
        match event {
            Event::Open | Event::Pong(_) => {}
            Event::Text(text) => frame::handle(router, &mut connection, Frame::json(&text, full), &mut outcome).await,
            Event::Binary(bytes) => {
                frame::handle(router, &mut connection, Frame::cbor(&bytes, full), &mut outcome).await
            }
            Event::Ping(payload) => outcome.replies.push(Reply::Pong(payload)),
            Event::Close(code) => {
                left(router, &connection).await;
                connection.forget();
                outcome.replies.push(Reply::Close(code.unwrap_or(close::NORMAL), String::new()));
            }
            Event::Disconnect => {
                left(router, &connection).await;
                connection.forget();
            }
        }
        sent += bytes_of(&outcome.replies[replies..], &outcome.effects[effects..]);
    }
    if connection.wants_refresh(presence::seconds(&router.host)) {
        for entity in connection.watched() {
            presence::touch(&router.host, &entity, connection.key(), &connection.token.person).await;
        }
    }
    outcome.replies.extend(connection.new_meta().into_iter().map(Reply::SetMeta));
    outcome
}

async fn left<H: Host>(router: &Router<H>, connection: &Connection) {
    for entity in connection.watched() {
        presence::leave(&router.host, &entity, connection.key()).await;
    }
}

/// Opens the socket of the batch, or says why not.
async fn open<H: Host>(
    router: &Router<H>,
    batch: &Batch,
    outcome: &mut BatchOutcome,
) -> Result<Connection, Box<BatchOutcome>> {
    if target::path(&batch.target) != PATH {
        return Err(refused(Code::NotFound, "there is no socket here; they are at /connect and /ws/note/{id}"));
    }
    let (caller, closing) = admit(router, batch).await?;
    let (format, chosen) = match choose(&batch.headers) {
        Choice::None => (Format::Cbor, None),
        Choice::Ours(format) => (format, Some(protocol(format))),
        Choice::Unknown => {
            return Err(refused(Code::BadRequest, "offer the subprotocol `timeweft.cbor` or `timeweft.json`"));
        }
    };
    outcome.status = 101;
    outcome.headers.extend(chosen.map(|name| Header::new("sec-websocket-protocol", name)));
    outcome.replies.extend(closing);
    Ok(Connection::new(router, &batch.connection_id, caller.token, format))
}

fn protocol(format: Format) -> &'static str {
    match format {
        Format::Cbor => "timeweft.cbor",
        Format::Json => "timeweft.json",
    }
}

enum Choice {
    None,
    Ours(Format),
    Unknown,
}

fn choose(headers: &[Header]) -> Choice {
    let mut choice = Choice::None;
    for header in headers.iter().filter(|header| header.name.eq_ignore_ascii_case("sec-websocket-protocol")) {
        for offered in header.value.split(',').map(str::trim).filter(|offered| !offered.is_empty()) {
            match offered {
                "timeweft.cbor" => return Choice::Ours(Format::Cbor),
                "timeweft.json" => return Choice::Ours(Format::Json),
                _ => choice = Choice::Unknown,
            }
        }
    }
    choice
}
