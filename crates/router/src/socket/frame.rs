//! One request in one frame, answered in order; whatever is in it, the connection stays.

use timeweft_core::message::{Code, Format, Method, Request, Response};

use crate::Router;
use crate::event::{BatchOutcome, Reply};
use crate::execute::{self, Principal, Subscription, execute};
use crate::host::Host;
use crate::{presence, publish};

use super::connection::Connection;

/// What came in.
pub(super) struct Frame<'a> {
    bytes: &'a [u8],
    /// Told by its opcode.
    format: Format,
    /// Whether what came before it in the call is as much as one call answers.
    is_too_much: bool,
}

impl<'a> Frame<'a> {
    pub(super) fn json(text: &'a str, is_too_much: bool) -> Self {
        Frame { bytes: text.as_bytes(), format: Format::Json, is_too_much }
    }

    pub(super) fn cbor(bytes: &'a [u8], is_too_much: bool) -> Self {
        Frame { bytes, format: Format::Cbor, is_too_much }
    }
}

pub(super) async fn handle<H: Host>(
    router: &Router<H>,
    connection: &mut Connection,
    frame: Frame<'_>,
    outcome: &mut BatchOutcome,
) {
    let format = connection.format;
    let answer = |outcome: &mut BatchOutcome, response: Response| {
        outcome.replies.push(publish::reply(response.encode(format), format));
    };
    if frame.format != format {
        let message = match format {
            Format::Cbor => "this socket speaks `timeweft.cbor`: send binary frames, one CBOR map each",
            Format::Json => "this socket speaks `timeweft.json`: send text frames, one JSON object each",
        };
        return answer(outcome, Response::error(None, Code::BadRequest, message));
    }
    let request = match Request::decode(frame.bytes, format, &router.config.limits) {
        Ok(request) => request,
        Err(refusal) => return answer(outcome, refusal.into()),
    };
    // To be told less costs nothing.
    if frame.is_too_much && !matches!(request.method, Method::Unsubscribe { .. }) {
        let message = "the answers before this one are as much as is answered at once: ask again in a moment";
        return answer(outcome, Response::error(Some(request.id), Code::SlowDown, message));
    }
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

    let principal = Principal { connection: Some(&connection.id), ..Principal::by(&connection.token) };
    let asked = execute::Request { principal, entity: entity.clone(), action: request.method.asked().into() };
    let executed = execute(router, asked).await;
    let response = execute::response_with_role(request.id, executed.answer, executed.role);
    outcome.effects.extend(executed.effects);
    let follow = |connection: &mut Connection, rights: Vec<(String, String)>| {
        let mut new = rights;
        new.retain(|(channel, _)| connection.begins_to_follow(&router.config.key, channel));
        new.into_iter().map(|(channel, id)| Reply::Subscribe { channel, id: Some(id) })
    };
    match executed.subscription {
        // After the answer: what is pushed from now on follows it, and nothing comes before it.
        Some(Subscription::Begin { channel, held, rights }) => {
            if held.is_some() {
                presence::touch(&router.host, &entity, connection.key(), &connection.token.person).await;
                connection.watch(&entity, presence::seconds(&router.host));
            }
            connection.add(&entity);
            answer(outcome, response);
            outcome.replies.push(Reply::Subscribe { channel: publish::channel(format, &channel), id: held });
            return outcome.replies.extend(follow(connection, rights));
        }
        Some(Subscription::Wait { rights }) => {
            connection.add(&entity);
            answer(outcome, response);
            return outcome.replies.extend(follow(connection, rights));
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
