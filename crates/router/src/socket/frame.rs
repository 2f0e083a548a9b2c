//! One request in one frame, answered in order; whatever is in it, the connection stays.

use timeweft_core::message::{Code, Format, Method, Request, Response};

use crate::Router;
use crate::event::{BatchOutcome, Reply};
use crate::execute::{self, Principal, Subscription, execute};
use crate::host::Host;
use crate::{presence, publish};

use super::connection::Connection;

pub(super) async fn handle<H: Host>(
    router: &Router<H>,
    connection: &mut Connection,
    frame: &[u8],
    kind: Format,
    outcome: &mut BatchOutcome,
) {
    let format = connection.format;
    let answer = |outcome: &mut BatchOutcome, response: Response| {
        outcome.replies.push(publish::reply(response.encode(format), format));
    };
    if kind != format {
        let message = match format {
            Format::Cbor => "this socket speaks `timeweft.cbor`: send binary frames, one CBOR map each",
            Format::Json => "this socket speaks `timeweft.json`: send text frames, one JSON object each",
        };
        return answer(outcome, Response::error(None, Code::BadRequest, message));
    }
    let request = match Request::decode(frame, format, &router.config.limits) {
        Ok(request) => request,
        Err(refusal) => return answer(outcome, refusal.into()),
    };
    let entity = request.method.entity().clone();
    let limit = router.config.limits.subscriptions;
    if matches!(request.method, Method::Subscribe { .. })
        && connection.subscriptions() >= limit
        && !connection.is_subscribed(&entity)
    {
        let message =
            format!("a connection has at most {limit} subscriptions; unsubscribe from what is no longer shown");
        return answer(outcome, Response::error(Some(request.id), Code::TooLarge, message));
    }

    let principal = Principal { person: &connection.token.person, connection: Some(&connection.id) };
    let asked = execute::Request { principal, entity: entity.clone(), action: request.method.asked().into() };
    let executed = execute(router, asked).await;
    let response = execute::response(Some(request.id), executed.answer);
    outcome.effects.extend(executed.effects);
    match executed.subscription {
        // Before the answer: what is pushed from now on follows it.
        Some(Subscription::Begin { channel, held }) => {
            if held.is_some() {
                presence::touch(&router.host, &entity, connection.key(), &connection.token.person).await;
                connection.watch(&entity, presence::seconds(&router.host));
            }
            connection.add(&entity);
            outcome.replies.push(Reply::Subscribe { channel: publish::channel(format, &channel), id: held });
        }
        Some(Subscription::End { channel }) => {
            if connection.is_subscribed(&entity) {
                presence::leave(&router.host, &entity, connection.key()).await;
            }
            connection.remove(&entity);
            outcome.replies.push(Reply::Unsubscribe(publish::channel(format, &channel)));
        }
        // Who waited for it to be there watches what they created.
        None if response.status == 201 && connection.is_subscribed(&entity) => {
            presence::touch(&router.host, &entity, connection.key(), &connection.token.person).await;
            connection.watch(&entity, presence::seconds(&router.host));
        }
        None => {}
    }
    answer(outcome, response);
}
