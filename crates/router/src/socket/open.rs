//! Opening a socket. Checked in this order, so that each refusal says the first thing that is wrong:
//! the path (404), `Origin` (403), the session (401), the subprotocol (400).
//!
//! The subprotocol is the first offered that we speak; a client that offers none speaks CBOR.

use timeweft_core::message::{Code, Format};
use timeweft_core::operation::Failure;

use crate::Router;
use crate::caller::{self, Caller};
use crate::event::{Batch, BatchOutcome, Header, Reply};
use crate::host::Host;
use crate::{origin, token};

use super::connection::Connection;
use super::refused;

pub(crate) const PATH: &str = "/connect";

/// Opens the socket of the batch, or says why not.
pub(super) async fn open<H: Host>(
    router: &Router<H>,
    batch: &Batch,
    outcome: &mut BatchOutcome,
) -> Result<Connection, Box<BatchOutcome>> {
    if batch.target.split('?').next() != Some(PATH) {
        return Err(refused(Code::NotFound, "there is no socket here; they are at /connect and /ws/note/{id}"));
    }
    let caller = admit(router, batch).await?;
    let (format, chosen) = match choose(&batch.headers) {
        Choice::None => (Format::Cbor, None),
        Choice::Ours(format) => (format, Some(protocol(format))),
        Choice::Unknown => {
            return Err(refused(Code::BadRequest, "offer the subprotocol `timeweft.cbor` or `timeweft.json`"));
        }
    };
    outcome.status = 101;
    outcome.headers.extend(chosen.map(|name| Header::new("sec-websocket-protocol", name)));
    outcome.replies.extend(closing(&caller));
    Ok(Connection::new(router, &batch.connection_id, caller.token, format))
}

/// Who may open a socket: `Origin` first, then the session.
pub(crate) async fn admit<H: Host>(router: &Router<H>, batch: &Batch) -> Result<Caller, Box<BatchOutcome>> {
    if !origin::is_ours(&batch.headers, &router.config.origins) {
        return Err(refused(Code::Forbidden, "this origin may not connect; list it in the setting `origins`"));
    }
    match caller::identify(&router.host, &router.config, &batch.headers).await {
        Ok(Some(caller)) => Ok(caller),
        Ok(None) => Err(refused(Code::Unauthorized, "sign in first: POST /login, then POST /login/verify")),
        Err(failure @ Failure::Busy) => Err(refused(Code::Busy, &failure.to_string())),
        Err(failure) => Err(refused(Code::Unavailable, &failure.to_string())),
    }
}

/// On which the sockets of a caller are closed.
pub(crate) fn closing(caller: &Caller) -> [Reply; 2] {
    [caller.token.channel(), token::sockets_channel(caller.person())]
        .map(|channel| Reply::Subscribe { channel, id: None })
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
