//! `POST /api/v1/entities/{type}`: an entity is made, and answered as it is stored.
//!
//! With an `Idempotency-Key` a repetition is answered as the first was, also where no id was chosen: the id then follows from
//! the key. That the same key comes with another value is told by comparing with what is stored (draft-ietf-httpapi-idempotency-key-header).

use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Format, Response};
use timeweft_core::operation::{CborValue, Committed, Moment, Operation, Outcome, Post, Read, Reading, Which};

use crate::caller::Caller;
use crate::crypto;
use crate::event::{Header, HttpResponse};
use crate::execute::{self, Action};
use crate::host::Host;

use super::answer::{Refused, body_format, fields, needed, of_response, refuse};
use super::entities::{executed, idempotency_key};
use super::exchange::Exchange;

/// What a derived id is made for: nothing else that is signed with the server's key has these words in it.
const PURPOSE: &[u8] = b"timeweft id\n";

pub(super) async fn post<H: Host>(exchange: &Exchange<'_, H>, kind: &str) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let config = &exchange.router.config;
    let fields = fields(exchange.request, config)?;
    let sent = needed(fields.value("value")?, "value")?;
    let value = match body_format(exchange.request)? {
        Format::Json => sent,
        // As it is stored and written, whatever form the client's encoder gave it.
        Format::Cbor => CborValue(cbor::encode_value(&cbor::decode_value(&sent.0, &config.limits)?)),
    };
    let key = idempotency_key(&exchange.request.headers)?;
    let id = match (fields.text("id")?, &key) {
        (Some(id), _) => id,
        (None, Some(key)) => {
            let about = [PURPOSE, caller.person().as_bytes(), b"\n", kind.as_bytes(), b"\n", key.as_bytes()];
            crypto::derived_id(&config.key, &about)
        }
        (None, None) => crypto::random_id(&exchange.router.host),
    };
    let entity = EntityId::new(kind, &id).map_err(|error| refuse(Code::BadRequest, error.to_string()))?;
    let post = Post { value: value.clone(), valid_from: fields.time("validFrom")?, idempotency_key: key };
    let done = executed(exchange, caller.principal(), entity.clone(), Action::Apply(Operation::Post(post))).await;
    let shown = match &done.answer {
        Ok(Some(Outcome::Created(Committed { change: Some(_), .. }))) => Some(value),
        Ok(Some(Outcome::Created(made))) => Some(stored(exchange, &caller, &entity, made, &value).await?),
        _ => None,
    };
    let location = shown.as_ref().map(|_| Header::new("location", format!("/api/v1/entities/{entity}")));
    let response = execute::response(None, done.answer);
    // What failed may show a value of its own.
    let value = shown.or(response.value);
    let mut response = of_response(Response { value, ..response }, exchange.format, done.effects);
    response.headers.extend(location);
    Ok(response)
}

/// The value of the version that this request made when it came before. Another value under the same key is another request.
async fn stored<H: Host>(
    exchange: &Exchange<'_, H>,
    caller: &Caller,
    entity: &EntityId,
    made: &Committed,
    sent: &CborValue,
) -> Result<CborValue, Refused> {
    let version = made.meta.version;
    let read = Operation::Read(Read::whole(Which::Past(Moment::Version(version))));
    let done = executed(exchange, caller.principal(), entity.clone(), Action::Apply(read)).await;
    let outcome = done.answer?.ok_or_else(|| refuse(Code::Internal, "a version that was made came to nothing"))?;
    match outcome.reading()? {
        // Where history has taken the first version together with later ones, what was in it can't be told.
        Reading::Value(value, _) if version > 1 || value == *sent => Ok(value),
        _ => Err(refuse(
            Code::KeyReused,
            "this `Idempotency-Key` came with another value before: take a new key for each new request",
        )),
    }
}
