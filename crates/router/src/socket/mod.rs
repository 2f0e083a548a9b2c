//! The door of WebSockets (contract section 3), event by event.
//!
//! | module | what |
//! |---|---|
//! | [`open`] | who may open a socket, and what it speaks |
//! | [`connection`] | what is known of a connection, kept as meta by its gateway |
//! | [`frame`] | one request in one frame |
//!
//! The sockets of single notes are [`crate::notes::socket`]'s.
//!
//! Whoever can send us events could speak for any connection: where events come over the network (`grip-required`) they
//! count only with the gateway's signature. Who a connection is, is a token signed by us, checked with every batch.

mod connection;
mod frame;
mod open;
#[cfg(test)]
mod tests;

pub(crate) use open::{admit, closing};

use timeweft_core::message::{Code, Format, Response};

use crate::Router;
use crate::event::{Batch, BatchOutcome, Event, Header, Reply, header};
use crate::host::Host;
use crate::{jwt, notes, presence};

use connection::Connection;

/// Close code: the session is over; connecting again needs a sign-in.
pub(crate) const SESSION_OVER: u16 = 4001;

/// Close code for connecting again at once (1012, service restart, of the WebSocket registry).
pub(crate) const CONNECT_AGAIN: u16 = 1012;

/// Close code of a normal end (RFC 6455).
pub(crate) const NORMAL: u16 = 1000;

/// Whether these headers carry the gateway's signature, where there is a key to check it with.
fn is_signed<H: Host>(router: &Router<H>, headers: &[Header]) -> bool {
    match (&router.config.grip_key, header(headers, "grip-sig")) {
        (Some(key), Some(signature)) => jwt::claims(signature, key, router.host.now()).is_some(),
        _ => false,
    }
}

pub(crate) async fn handle<H: Host>(router: &Router<H>, batch: Batch) -> BatchOutcome {
    if router.config.grip_required && !is_signed(router, &batch.headers) {
        return *refused(Code::Forbidden, "socket events are taken from a gateway only, signed with `Grip-Sig`");
    }
    let target = batch.target.clone();
    if let Some(local) = notes::socket::local(&target) {
        return notes::socket::handle(router, batch, local).await;
    }
    let mut outcome = BatchOutcome { status: 200, ..BatchOutcome::default() };
    let mut connection = if batch.events.first() == Some(&Event::Open) {
        match open::open(router, &batch, &mut outcome).await {
            Ok(connection) => connection,
            Err(refusal) => return *refusal,
        }
    } else {
        match Connection::of_meta(router, &batch) {
            Some(connection) => connection,
            // The session ran out, or the gateway forgot what it was told.
            None => {
                outcome.replies.push(Reply::Close(SESSION_OVER, "the session is over".to_owned()));
                return outcome;
            }
        }
    };
    for event in batch.events {
        match event {
            Event::Open | Event::Pong(_) => {}
            Event::Text(text) => {
                frame::handle(router, &mut connection, text.as_bytes(), Format::Json, &mut outcome).await
            }
            Event::Binary(bytes) => frame::handle(router, &mut connection, &bytes, Format::Cbor, &mut outcome).await,
            Event::Ping(payload) => outcome.replies.push(Reply::Pong(payload)),
            Event::Close(code) => {
                left(router, &connection).await;
                connection.forget();
                outcome.replies.push(Reply::Close(code.unwrap_or(NORMAL), String::new()));
            }
            Event::Disconnect => {
                left(router, &connection).await;
                connection.forget();
            }
        }
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

/// The answer to an `open` that is not granted.
pub(crate) fn refused(code: Code, message: &str) -> Box<BatchOutcome> {
    let response = Response::error(None, code, message);
    let (status, body) = response.encode_body(Format::Json);
    Box::new(BatchOutcome {
        status,
        headers: vec![Header::new("content-type", Format::Json.media_type())],
        body,
        ..BatchOutcome::default()
    })
}
