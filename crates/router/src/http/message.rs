//! `POST /message`: one request of the socket without a socket. `subscribe` answers as `get`, to poll with.

use timeweft_core::message::{Format, Request, Response};

use crate::access::Denied;
use crate::caller::Caller;
use crate::event::{Effect, Header, HttpResponse};
use crate::execute::{self, Subscription, execute};
use crate::host::Host;
use crate::presence;

use super::answer::{Refused, body_format, of_response};
use super::exchange::Exchange;

pub(super) async fn post<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = exchange.anybody().await?;
    let principal = Caller::principal_of(&caller);
    let format = body_format(exchange.request)?;
    let limits = &exchange.router.config.limits;
    let request = match Request::decode_within(&exchange.request.body, format, limits.body_bytes, limits) {
        Ok(request) => request,
        // What is wrong with their request is told to those who may ask.
        Err(_) if caller.is_none() => return Err(Denied::SignIn.into()),
        Err(refusal) => return Ok(framed(refusal.into(), format, Vec::new())),
    };
    let entity = request.method.entity().clone();
    let action = request.method.asked().into();
    let executed = execute(exchange.router, execute::Request { principal, entity: entity.clone(), action }).await;
    // Who polls is one watcher, however many tabs it is, if it is anybody.
    let watcher = presence::connection_key(&format!("http {}", principal.person));
    match executed.subscription.filter(|_| caller.is_some()) {
        Some(Subscription::Begin { held: Some(_), .. }) => {
            presence::touch(&exchange.router.host, &entity, &watcher, principal.person).await;
        }
        Some(Subscription::End { .. }) => presence::leave(&exchange.router.host, &entity, &watcher).await,
        _ => {}
    }
    let response = execute::response_with_role(request.id, executed.answer, executed.role);
    Ok(framed(response, format, executed.effects))
}

/// The same frame as on the socket, in the format of the request, with the status in the line too.
fn framed(response: Response, format: Format, effects: Vec<Effect>) -> HttpResponse {
    let (status, frame) = response.encode_framed(format);
    let (meta, error) = if status == response.status { (response.meta, response.error) } else { (None, None) };
    let mut answer = of_response(Response { meta, error, status, ..Response::default() }, format, effects);
    if status != 304 {
        answer.body = frame;
        return answer;
    }
    // It has no body in HTTP, and who polls is to know of another role also where nothing else changed.
    answer.body = Vec::new();
    answer.headers.extend(response.role.map(|role| Header::new("timeweft-role", &role)));
    answer
}
