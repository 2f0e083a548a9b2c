//! `GET /ws/note/{id}`: a socket on which one note is shown, in text frames of JSON, whatever subprotocol is offered.
//!
//! Checked before it opens, in this order: the id (400), `Origin` (403), the session (401). Then comes the note, if it is there,
//! and after each change the note again. It ends with its session, as every socket does. What the client says on it
//! means nothing: only pings and the close are answered.
//!
//! Nothing is kept of the connection but, as meta with its gateway, the signed token of who it is.

use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Response};
use timeweft_core::operation::Failure;

use crate::event::{Batch, BatchOutcome, Event, Header, Reply, header};
use crate::host::Host;
use crate::socket::{self, SESSION_OVER, refused};
use crate::token::Token;
use crate::{Router, http, perform};

use super::{KIND, channel};

/// Where the sockets are.
const PATH: &str = "/ws/note/";

/// The last part of the path, if it is one of these sockets' at all.
pub(crate) fn local(target: &str) -> Option<&str> {
    target.split('?').next()?.strip_prefix(PATH)
}

/// What happened on one of these sockets.
pub(crate) async fn handle<H: Host>(router: &Router<H>, batch: Batch, local: &str) -> BatchOutcome {
    let mut outcome = BatchOutcome { status: 200, ..BatchOutcome::default() };
    if batch.events.first() == Some(&Event::Open) {
        if let Err(refusal) = open(router, &batch, local, &mut outcome).await {
            return *refusal;
        }
    } else if !stands(router, &batch) {
        outcome.replies.push(Reply::Close(SESSION_OVER, "the session is over".to_owned()));
        return outcome;
    }
    for event in batch.events {
        match event {
            Event::Ping(payload) => outcome.replies.push(Reply::Pong(payload)),
            Event::Close(code) => outcome.replies.push(Reply::Close(code.unwrap_or(socket::NORMAL), String::new())),
            Event::Open | Event::Text(_) | Event::Binary(_) | Event::Pong(_) | Event::Disconnect => {}
        }
    }
    outcome
}

fn stands<H: Host>(router: &Router<H>, batch: &Batch) -> bool {
    let token = header(&batch.headers, "meta-session");
    token.is_some_and(|token| Token::read(token, &router.config.key, router.host.now()).is_some())
}

async fn open<H: Host>(
    router: &Router<H>,
    batch: &Batch,
    local: &str,
    outcome: &mut BatchOutcome,
) -> Result<(), Box<BatchOutcome>> {
    let local = http::unescape(local).unwrap_or_default();
    let entity = EntityId::new(KIND, &local).map_err(|error| refused(Code::BadRequest, error.as_str()))?;
    let caller = socket::admit(router, batch).await?;
    let failed = |failure| match Response::of_failure(None, failure).error {
        Some((code, message)) => refused(code, &message),
        None => refused(Code::Internal, "a failure without a reason"),
    };
    let (right, context) = perform::allowed(router, caller.person(), &entity).await.map_err(failed)?;
    channel::follow(&router.host, &entity).await.map_err(|error| failed(Failure::Unavailable(error.0)))?;
    let (shown, held) = channel::initial(router, &context, &entity).await.map_err(failed)?;

    outcome.status = 101;
    // Before the subscription: an update that comes at once must not be followed by what was before it.
    outcome.replies.extend(shown.map(Reply::Text));
    outcome.replies.push(Reply::Subscribe { channel: channel::name(right, &entity, caller.person()), id: held });
    outcome.replies.extend(socket::closing(&caller));
    outcome.replies.push(Reply::SetMeta(Header::new("session", caller.token.write(&router.config.key))));
    outcome.replies.push(Reply::SetMeta(Header::new("person-id", caller.person())));
    Ok(())
}
