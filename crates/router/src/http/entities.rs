//! `/api/v1/entities/…`: the protocol's methods in the manner of HTTP.

use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Format, MAX_IDEMPOTENCY_KEY};
use timeweft_core::operation::{Delete, History, List, Listed, Moment, Operation, Patch, Put, Read, Revert, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::{Object, Value};

use crate::caller::Caller;
use crate::document::DocumentPatch;
use crate::event::{Header, HttpResponse, header};
use crate::execute::{self, Action, Executed, PatchDocument, Principal, Request, execute};
use crate::host::Host;
use crate::presence;

use super::answer::{Refused, fields, media_type, needed, of_response, of_value, refuse};
use super::conditional::{base, date, is_known, only};
use super::exchange::Exchange;

/// What `PATCH` takes.
pub(super) const PATCHES: &str =
    "application/json-patch+json, application/merge-patch+json, application/json, application/cbor";

/// Entities in a page of a list, unless the client says.
const PAGE: u32 = 50;

/// And at most.
const LONGEST_PAGE: u32 = 1_000;

/// Does it for a person.
pub(super) async fn executed<H: Host>(
    exchange: &Exchange<'_, H>,
    principal: Principal<'_>,
    entity: EntityId,
    action: Action,
) -> Executed {
    execute(exchange.router, Request { principal, entity, action }).await
}

/// Does it for the caller, and answers as the entity answers.
async fn ask<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId, action: Action) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    Ok(answer(exchange, executed(exchange, caller.principal(), entity, action).await))
}

fn answer<H: Host>(exchange: &Exchange<'_, H>, executed: Executed) -> HttpResponse {
    of_response(execute::response(None, executed.answer), exchange.format, executed.effects)
}

/// The entities of a type that the caller may read.
pub(super) async fn list<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = exchange.anybody().await?;
    let Some(kind) = exchange.parameter("type") else {
        exchange.caller().await?;
        return Err(refuse(Code::BadRequest, "name a type: `?type=note`"));
    };
    let limit = limit(exchange)?.unwrap_or(PAGE);
    if limit > LONGEST_PAGE {
        return Err(refuse(Code::BadRequest, format!("`limit` is a whole number from 1 to {LONGEST_PAGE}")));
    }
    let list = List { kind, cursor: exchange.parameter("cursor"), limit };
    let listing = execute::list(exchange.router, Caller::principal_of(&caller).person, list).await?;
    let entity = |listed: Listed| {
        Value::object([
            ("entityId", Value::Text(listed.entity_id)),
            ("validFrom", Value::Text(listed.valid_from.to_string())),
            ("personId", Value::Text(listed.person_id)),
        ])
    };
    let mut body =
        Object::from([("entities".to_owned(), Value::Array(listing.entities.into_iter().map(entity).collect()))]);
    if let Some(cursor) = listing.cursor {
        body.insert("cursor".to_owned(), Value::Text(cursor));
    }
    Ok(of_value(200, &Value::Object(body), exchange.format))
}

pub(super) async fn get<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let headers = &exchange.request.headers;
    let instant = |name| exchange.parameter(name).map(|text| timestamp(name, &text)).transpose();
    let (as_of, diff_from) = (instant("asOf")?, instant("diffFrom")?);
    let if_none_match = header(headers, "if-none-match");
    // A cache asks by tag: it has the whole value and wants the whole new one, never a diff (RFC 9110, 13.1.3).
    let if_modified_since = date(headers, "if-modified-since")?.filter(|_| if_none_match.is_none());
    let caller = exchange.anybody().await?;
    let read = match (as_of, diff_from) {
        (None, None) => Read { which: Which::Current, since: if_modified_since },
        _ => Read { which: Which::Past(Moment::Time(as_of.unwrap_or(Timestamp::FOREVER))), since: diff_from },
    };
    let action = Action::Apply(Operation::Read(read));
    let done = executed(exchange, Caller::principal_of(&caller), entity, action).await;
    let mut response = execute::response(None, done.answer);
    if let (200, Some(meta), Some(tags)) = (response.status, &response.meta, if_none_match)
        && is_known(tags, meta.valid_from)
    {
        response.status = 304;
    }
    Ok(of_response(response, exchange.format, done.effects))
}

pub(super) async fn patch<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let headers = &exchange.request.headers;
    let if_unmodified_since = base(headers)?;
    let caller = exchange.caller().await?;
    let idempotency_key = idempotency_key(headers)?;
    let kind = media_type(headers).unwrap_or_default();
    let action = match DocumentPatch::read(&kind, &exchange.request.body, &exchange.router.config.limits) {
        Some(patch) => Action::PatchDocument(PatchDocument { patch: patch?, if_unmodified_since, idempotency_key }),
        None if !kind.is_empty() && Format::of_media_type(&kind).is_none() => {
            return Err(refuse(Code::UnsupportedMediaType, format!("send one of {PATCHES}, not `{kind}`"))
                .with(Header::new("accept-patch", PATCHES)));
        }
        None => {
            let fields = fields(exchange.request, &exchange.router.config)?;
            let diff = needed(fields.diff("diff")?, "diff")?;
            let valid_from = fields.time("validFrom")?;
            Action::Apply(Operation::Patch(Patch { diff, if_unmodified_since, valid_from, idempotency_key }))
        }
    };
    Ok(answer(exchange, executed(exchange, caller.principal(), entity, action).await))
}

pub(super) async fn put<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let headers = &exchange.request.headers;
    let if_unmodified_since = base(headers)?;
    let idempotency_key = idempotency_key(headers)?;
    let caller = exchange.caller().await?;
    let fields = fields(exchange.request, &exchange.router.config)?;
    let value = needed(fields.value("value")?, "value")?;
    let put = Action::Apply(Operation::Put(Put { value, if_unmodified_since, idempotency_key }));
    Ok(answer(exchange, executed(exchange, caller.principal(), entity, put).await))
}

pub(super) async fn delete<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let if_unmodified_since = base(&exchange.request.headers)?;
    ask(exchange, entity, Action::Apply(Operation::Delete(Delete { if_unmodified_since }))).await
}

pub(super) async fn undelete<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    ask(exchange, entity, Action::Apply(Operation::Undelete)).await
}

pub(super) async fn revert<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let if_unmodified_since = base(&exchange.request.headers)?;
    let caller = exchange.caller().await?;
    let fields = fields(exchange.request, &exchange.router.config)?;
    let valid_from = needed(fields.time("validFrom")?, "validFrom")?;
    let revert = Action::Apply(Operation::Revert(Revert { valid_from, if_unmodified_since }));
    Ok(answer(exchange, executed(exchange, caller.principal(), entity, revert).await))
}

pub(super) async fn history<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let before = match exchange.parameter("before") {
        Some(text) => Some(timestamp("before", &text)?),
        None => None,
    };
    let history = History::of(before, limit(exchange)?);
    let caller = exchange.anybody().await?;
    let action = Action::Apply(Operation::History(history));
    Ok(answer(exchange, executed(exchange, Caller::principal_of(&caller), entity, action).await))
}

/// To those who may read the entity.
pub(super) async fn subscribers<H: Host>(
    exchange: &Exchange<'_, H>,
    entity: EntityId,
) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let read = Action::Apply(Operation::Read(Read::whole(Which::Current)));
    let done = executed(exchange, caller.principal(), entity.clone(), read).await;
    if done.answer.is_err() {
        return Ok(answer(exchange, done));
    }
    let persons = presence::list(&exchange.router.host, &entity).await.into_iter().map(Value::Text).collect();
    Ok(of_value(200, &Value::object([("subscribers", Value::Array(persons))]), exchange.format))
}

/// As long as on the socket.
pub(super) fn idempotency_key(headers: &[Header]) -> Result<Option<String>, Refused> {
    match only(headers, "idempotency-key")? {
        Some(key) if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY => {
            Err(refuse(Code::BadRequest, format!("`idempotency-key` has 1 to {MAX_IDEMPOTENCY_KEY} bytes")))
        }
        key => Ok(key.map(str::to_owned)),
    }
}

fn limit<H: Host>(exchange: &Exchange<'_, H>) -> Result<Option<u32>, Refused> {
    match exchange.parameter("limit").map(|text| text.parse::<u32>()) {
        None => Ok(None),
        Some(Ok(limit)) if limit > 0 => Ok(Some(limit)),
        Some(_) => Err(refuse(Code::BadRequest, "`limit` is a whole number above 0")),
    }
}

fn timestamp(name: &str, text: &str) -> Result<Timestamp, Refused> {
    Timestamp::parse(text).map_err(|error| refuse(Code::BadRequest, format!("`{name}`: {error}")))
}
