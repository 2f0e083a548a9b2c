//! `GET /ws/note/{id}`: a socket on which one note is shown, in text frames of JSON, whatever subprotocol is offered.
//!
//! Checked before it opens, in this order: the id (400), `Origin` (403), the session (401). Then comes the note, if it is there,
//! and after each change the note again. It ends with its session, as every socket does (one of an issuer's JWT with the first
//! frame after that expired). What the client says on it means nothing: only pings and the close are answered.
//!
//! Nothing is kept of the connection but, as meta with its gateway, the signed token of who it is.

use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Response};
use timeweft_core::operation::Outcome;

use crate::event::{Batch, BatchOutcome, Event, Header, Reply, header};
use crate::execute::{self, Action, Request, Subscription, execute};
use crate::host::Host;
use crate::{Router, close, notes, target};

use super::admission::{admit, answered, refused};

/// Where the sockets are.
const PATH: &str = "/ws/note/";

/// The last part of the path, if it is one of these sockets' at all.
pub(super) fn local(target: &str) -> Option<&str> {
    target::path(target).strip_prefix(PATH)
}

/// What happened on one of these sockets.
pub(super) async fn handle<H: Host>(router: &Router<H>, batch: Batch, local: &str) -> BatchOutcome {
    let mut outcome = BatchOutcome { status: 200, ..BatchOutcome::default() };
    if batch.events.first() == Some(&Event::Open) {
        if let Err(refusal) = open(router, &batch, local, &mut outcome).await {
            return *refusal;
        }
    } else if !stands(router, &batch) {
        outcome.replies.push(close::SESSION_OVER.into());
        return outcome;
    }
    for event in batch.events {
        match event {
            Event::Ping(payload) => outcome.replies.push(Reply::Pong(payload)),
            Event::Close(code) => outcome.replies.push(Reply::Close(code.unwrap_or(close::NORMAL), String::new())),
            Event::Open | Event::Text(_) | Event::Binary(_) | Event::Pong(_) | Event::Disconnect => {}
        }
    }
    outcome
}

fn stands<H: Host>(router: &Router<H>, batch: &Batch) -> bool {
    let token = header(&batch.headers, "meta-session");
    token.is_some_and(|token| router.config.session(token, router.host.now()).is_some())
}

async fn open<H: Host>(
    router: &Router<H>,
    batch: &Batch,
    local: &str,
    outcome: &mut BatchOutcome,
) -> Result<(), Box<BatchOutcome>> {
    let local = target::unescape(local).unwrap_or_default();
    let entity = EntityId::new(notes::KIND, &local).map_err(|error| refused(Code::BadRequest, error.as_str()))?;
    let (caller, closing) = admit(router, batch).await?;
    let request = Request { principal: caller.principal(), entity, action: Action::Follow };
    let executed = execute(router, request).await;
    let (followed, rights) = match executed.subscription {
        Some(Subscription::Begin { channel, held, rights }) => (Some((channel, held)), rights),
        // As one that is missing; whose it becomes is told to connect again.
        Some(Subscription::Wait { rights }) => (None, rights),
        Some(Subscription::End { .. }) | None => {
            return Err(answered(&execute::response(None, executed.answer)));
        }
    };
    let shown = match executed.answer {
        Ok(Some(Outcome::Reading(reading))) => notes::initial(reading),
        _ => Ok(None),
    };
    let shown = shown.map_err(|failure| answered(&Response::of_failure(None, failure)))?;

    outcome.status = 101;
    // Before the subscription: an update that comes at once must not be followed by what was before it.
    outcome.replies.extend(shown.map(Reply::Text));
    outcome.replies.extend(followed.map(|(channel, held)| Reply::Subscribe { channel, id: held }));
    outcome.replies.extend(rights.into_iter().map(|(channel, id)| Reply::Subscribe { channel, id: Some(id) }));
    outcome.replies.extend(closing);
    outcome.replies.push(Reply::SetMeta(Header::new("session", caller.token.write(&router.config.key))));
    outcome.replies.push(Reply::SetMeta(Header::new("person-id", caller.person())));
    outcome.replies.push(Reply::SetMeta(Header::new("expires", caller.token.expires.to_string())));
    Ok(())
}
