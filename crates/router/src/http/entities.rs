//! `/api/v1/entities/…`: the protocol's methods in the manner of HTTP.

use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Format, MAX_IDEMPOTENCY_KEY, Method};
use timeweft_core::operation::Listed;
use timeweft_core::time::Timestamp;
use timeweft_core::value::{Object, Value};

use crate::caller::Caller;
use crate::crypto;
use crate::document::DocumentPatch;
use crate::event::{Header, HttpResponse, header};
use crate::host::Host;
use crate::perform::{self, Asker, Performed, Replacing, perform, replace};
use crate::presence;

use super::Asking;
use super::answer::{Refused, fields, media_type, needed, of_response, of_value, refuse};
use super::conditional::{base, date, is_known};

/// What `PATCH` takes.
pub(super) const PATCHES: &str =
    "application/json-patch+json, application/merge-patch+json, application/json, application/cbor";

/// Letters of an id that we choose.
pub(super) const ID_LENGTH: usize = 20;

/// Entities in a page of a list, unless the client says.
const PAGE: u32 = 50;

/// And at most.
const LONGEST_PAGE: u32 = 1_000;

async fn performed<H: Host>(asking: &Asking<'_, H>, person: &str, method: Method) -> Performed {
    perform(asking.router, Asker { person, connection: None }, None, method).await
}

/// Asks the entity, and answers as it answers.
async fn ask<H: Host>(asking: &Asking<'_, H>, method: Method) -> Result<HttpResponse, Refused> {
    let caller = asking.caller().await?;
    let done = performed(asking, caller.person(), method).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

/// The entities of a type that the caller may read.
pub(super) async fn list<H: Host>(asking: &Asking<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = asking.anybody().await?;
    let Some(kind) = asking.parameter("type") else {
        asking.caller().await?;
        return Err(refuse(Code::BadRequest, "name a type: `?type=note`"));
    };
    let limit = limit(asking)?.unwrap_or(PAGE);
    if limit > LONGEST_PAGE {
        return Err(refuse(Code::BadRequest, format!("`limit` is a whole number from 1 to {LONGEST_PAGE}")));
    }
    let listing =
        perform::list(asking.router, Caller::person_of(&caller), &kind, asking.parameter("cursor"), limit).await?;
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
    Ok(of_value(200, &Value::Object(body), asking.format))
}

pub(super) async fn post<H: Host>(asking: &Asking<'_, H>, kind: &str) -> Result<HttpResponse, Refused> {
    let caller = asking.caller().await?;
    let fields = fields(asking.request, &asking.router.config)?;
    let value = needed(fields.value("value")?, "value")?;
    let id = match fields.text("id")? {
        Some(id) => id,
        None => crypto::random_name(&asking.router.host, ID_LENGTH),
    };
    let entity = EntityId::new(kind, &id).map_err(|error| refuse(Code::BadRequest, error.to_string()))?;
    let location = format!("/api/v1/entities/{entity}");
    let method = Method::Post {
        entity,
        value: value.clone(),
        valid_from: fields.time("validFrom")?,
        idempotency_key: idempotency_key(&asking.request.headers)?,
    };
    let mut done = performed(asking, caller.person(), method).await;
    let made = done.response.status == 201;
    if made {
        done.response.value = Some(value);
    }
    let mut response = of_response(done.response, asking.format, done.effects);
    if made {
        response.headers.push(Header::new("location", location));
    }
    Ok(response)
}

pub(super) async fn get<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let headers = &asking.request.headers;
    let instant = |name| asking.parameter(name).map(|text| timestamp(name, &text)).transpose();
    let (as_of, diff_from) = (instant("asOf")?, instant("diffFrom")?);
    let if_none_match = header(headers, "if-none-match");
    // A cache asks by tag: it has the whole value and wants the whole new one, never a diff (RFC 9110, 13.1.3).
    let if_modified_since = date(headers, "if-modified-since")?.filter(|_| if_none_match.is_none());
    let caller = asking.anybody().await?;
    let method = Method::Get { entity, if_modified_since, as_of, diff_from };
    let mut done = performed(asking, Caller::person_of(&caller), method).await;
    if let (200, Some(meta), Some(tags)) = (done.response.status, &done.response.meta, if_none_match)
        && is_known(tags, meta.valid_from)
    {
        done.response.status = 304;
    }
    Ok(of_response(done.response, asking.format, done.effects))
}

pub(super) async fn patch<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let headers = &asking.request.headers;
    let since = base(headers)?;
    let caller = asking.caller().await?;
    let key = idempotency_key(headers)?;
    let kind = media_type(headers).unwrap_or_default();
    if let Some(patch) = DocumentPatch::read(&kind, &asking.request.body, &asking.router.config.limits) {
        let replacing = Replacing::ByDocumentPatch(patch?, key);
        return replaced(asking, caller.person(), entity, replacing, since).await;
    }
    if !kind.is_empty() && Format::of_media_type(&kind).is_none() {
        return Err(refuse(Code::UnsupportedMediaType, format!("send one of {PATCHES}, not `{kind}`"))
            .with(Header::new("accept-patch", PATCHES)));
    }
    let fields = fields(asking.request, &asking.router.config)?;
    let method = Method::PatchDiff {
        entity,
        diff: needed(fields.diff("diff")?, "diff")?,
        if_unmodified_since: since,
        idempotency_key: key,
        valid_from: fields.time("validFrom")?,
    };
    let done = performed(asking, caller.person(), method).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

/// Replaces the value, and answers as the entity answers.
async fn replaced<H: Host>(
    asking: &Asking<'_, H>,
    person: &str,
    entity: EntityId,
    replacing: Replacing,
    since: Option<Timestamp>,
) -> Result<HttpResponse, Refused> {
    let asker = Asker { person, connection: None };
    let done = replace(asking.router, asker, entity, replacing, since).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

pub(super) async fn put<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let since = base(&asking.request.headers)?;
    let caller = asking.caller().await?;
    let fields = fields(asking.request, &asking.router.config)?;
    let replacing = Replacing::By(needed(fields.value("value")?, "value")?);
    replaced(asking, caller.person(), entity, replacing, since).await
}

pub(super) async fn delete<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let if_unmodified_since = base(&asking.request.headers)?;
    ask(asking, Method::Delete { entity, if_unmodified_since }).await
}

pub(super) async fn undelete<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    ask(asking, Method::PatchUndelete { entity }).await
}

pub(super) async fn revert<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let since = base(&asking.request.headers)?;
    let caller = asking.caller().await?;
    let fields = fields(asking.request, &asking.router.config)?;
    let replacing = Replacing::ByVersion(needed(fields.time("validFrom")?, "validFrom")?);
    replaced(asking, caller.person(), entity, replacing, since).await
}

pub(super) async fn history<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let before = match asking.parameter("before") {
        Some(text) => Some(timestamp("before", &text)?),
        None => None,
    };
    let limit = limit(asking)?;
    let caller = asking.anybody().await?;
    let done = performed(asking, Caller::person_of(&caller), Method::History { entity, before, limit }).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

/// To those who may read the entity.
pub(super) async fn subscribers<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let caller = asking.caller().await?;
    let method = Method::Get { entity: entity.clone(), if_modified_since: None, as_of: None, diff_from: None };
    let done = performed(asking, caller.person(), method).await;
    if done.response.status != 200 {
        return Ok(of_response(done.response, asking.format, done.effects));
    }
    let persons = presence::list(&asking.router.host, &entity).await.into_iter().map(Value::Text).collect();
    Ok(of_value(200, &Value::object([("subscribers", Value::Array(persons))]), asking.format))
}

/// As long as on the socket.
fn idempotency_key(headers: &[Header]) -> Result<Option<String>, Refused> {
    match header(headers, "idempotency-key") {
        Some(key) if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY => {
            Err(refuse(Code::BadRequest, format!("`idempotency-key` has 1 to {MAX_IDEMPOTENCY_KEY} bytes")))
        }
        key => Ok(key.map(str::to_owned)),
    }
}

fn limit<H: Host>(asking: &Asking<'_, H>) -> Result<Option<u32>, Refused> {
    match asking.parameter("limit").map(|text| text.parse::<u32>()) {
        None => Ok(None),
        Some(Ok(limit)) if limit > 0 => Ok(Some(limit)),
        Some(_) => Err(refuse(Code::BadRequest, "`limit` is a whole number above 0")),
    }
}

fn timestamp(name: &str, text: &str) -> Result<Timestamp, Refused> {
    Timestamp::parse(text).map_err(|error| refuse(Code::BadRequest, format!("`{name}`: {error}")))
}
