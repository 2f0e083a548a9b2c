//! `POST /message`: one request of the socket without a socket. `subscribe` answers as `get`, to poll with.

use timeweft_core::message::{Format, Request, Response};

use crate::event::{Effect, HttpResponse};
use crate::host::Host;
use crate::perform::{Asker, Subscription, perform};
use crate::presence;

use super::Asking;
use super::answer::{Refused, body_format, of_response};

pub(super) async fn post<H: Host>(asking: &Asking<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = asking.caller().await?;
    let format = body_format(asking.request)?;
    let limits = &asking.router.config.limits;
    let request = match Request::decode_within(&asking.request.body, format, limits.body_bytes, limits) {
        Ok(request) => request,
        Err(refusal) => return Ok(framed(refusal.into(), format, Vec::new())),
    };
    let entity = request.method.entity().clone();
    let asker = Asker { person: caller.person(), connection: None };
    let done = perform(asking.router, asker, Some(request.id), request.method).await;
    // Who polls is one watcher, however many tabs it is.
    let watcher = presence::connection_key(&format!("http {}", caller.person()));
    match done.subscription {
        Some(Subscription::Begin { held: Some(_), .. }) => {
            presence::touch(&asking.router.host, &entity, &watcher, caller.person()).await;
        }
        Some(Subscription::End { .. }) => presence::leave(&asking.router.host, &entity, &watcher).await,
        _ => {}
    }
    Ok(framed(done.response, format, done.effects))
}

/// The same frame as on the socket, in the format of the request, with the status in the line too.
fn framed(response: Response, format: Format, effects: Vec<Effect>) -> HttpResponse {
    // 304 has no body in HTTP.
    let frame = if response.status == 304 { Vec::new() } else { response.encode(format) };
    let mut answer = of_response(
        Response { meta: response.meta, error: response.error, status: response.status, ..Response::default() },
        format,
        effects,
    );
    answer.body = frame;
    answer
}
