//! Who may open a socket, at whatever address: `Origin` (403) is checked before the session (401).

use timeweft_core::message::{Code, Format, Response};
use timeweft_core::operation::Failure;

use crate::Router;
use crate::caller::{self, Caller};
use crate::event::{Batch, BatchOutcome, Header, Reply};
use crate::host::Host;
use crate::{origin, token};

/// Who opens the socket, if they may, and the channels on which it is closed when they may no longer.
pub(super) async fn admit<H: Host>(
    router: &Router<H>,
    batch: &Batch,
) -> Result<(Caller, Vec<Reply>), Box<BatchOutcome>> {
    if !origin::is_ours(&batch.headers, &router.config.origins) {
        return Err(refused(Code::Forbidden, "this origin may not connect; list it in the setting `origins`"));
    }
    // Before it is asked whether the session stands: one that ends from now on closes the socket, though it be subscribed later.
    let since = router.host.now().to_string();
    match caller::identify(&router.host, &router.config, &batch.headers).await {
        Ok(Some(caller)) => {
            // An admin's signing out everywhere ends what they do in others' names.
            let persons = [Some(caller.person()), caller.token.impersonator.as_deref()];
            let channels = persons.into_iter().flatten().map(token::sockets_channel).chain([caller.token.channel()]);
            let replies = channels.map(|channel| Reply::Subscribe { channel, id: Some(since.clone()) }).collect();
            Ok((caller, replies))
        }
        Ok(None) => Err(refused(Code::Unauthorized, "sign in first: POST /login, then POST /login/verify")),
        Err(failure @ Failure::Busy) => Err(refused(Code::Busy, &failure.to_string())),
        Err(failure) => Err(refused(Code::Unavailable, &failure.to_string())),
    }
}

/// The answer to an `open` that is not granted.
pub(super) fn refused(code: Code, message: &str) -> Box<BatchOutcome> {
    answered(&Response::error(None, code, message))
}

/// The same, with this response.
pub(super) fn answered(response: &Response) -> Box<BatchOutcome> {
    let (status, body) = response.encode_body(Format::Json);
    Box::new(BatchOutcome {
        status,
        headers: vec![Header::new("content-type", Format::Json.media_type())],
        body,
        ..BatchOutcome::default()
    })
}
