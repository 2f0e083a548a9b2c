//! `/api/v1/entities/…`: the protocol's methods in the manner of HTTP.

use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Method};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::crypto;
use crate::event::{Header, HttpResponse, header};
use crate::host::Host;
use crate::perform::{Asker, Performed, Replacing, perform, replace};
use crate::presence;

use super::Asking;
use super::answer::{Refused, date, fields, media_type, needed, of_response, of_value, refuse};

/// Letters of an id that we choose.
pub(super) const ID_LENGTH: usize = 20;

async fn performed<H: Host>(asking: &Asking<'_, H>, person: &str, method: Method) -> Performed {
    perform(asking.router, Asker { person, connection: None }, None, method).await
}

/// Asks the entity, and answers as it answers.
async fn ask<H: Host>(asking: &Asking<'_, H>, method: Method) -> Result<HttpResponse, Refused> {
    let caller = asking.caller().await?;
    let done = performed(asking, caller.person(), method).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

fn not_implemented(what: &str) -> Refused {
    refuse(Code::NotImplemented, format!("{what} is not implemented yet"))
}

pub(super) async fn list<H: Host>(asking: &Asking<'_, H>) -> Result<HttpResponse, Refused> {
    asking.caller().await?;
    Err(not_implemented("the list of entities"))
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
        idempotency_key: header(&asking.request.headers, "idempotency-key").map(str::to_owned),
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
    let if_modified_since = date(headers, "if-modified-since")?;
    let caller = asking.caller().await?;
    let method = Method::Get { entity, if_modified_since, as_of, diff_from };
    let mut done = performed(asking, caller.person(), method).await;
    // A cache asks so: it has the whole value and wants the whole new one, never a diff.
    if if_modified_since.is_none()
        && let (200, Some(meta), Some(tags)) =
            (done.response.status, &done.response.meta, header(headers, "if-none-match"))
        && tags
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/").trim_matches('"') == meta.valid_from.to_string())
    {
        done.response.status = 304;
    }
    Ok(of_response(done.response, asking.format, done.effects))
}

pub(super) async fn patch<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let headers = &asking.request.headers;
    if let Some("application/json-patch+json" | "application/merge-patch+json") = media_type(headers).as_deref() {
        asking.caller().await?;
        return Err(not_implemented("this kind of patch"));
    }
    let if_unmodified_since = date(headers, "if-unmodified-since")?;
    let caller = asking.caller().await?;
    let fields = fields(asking.request, &asking.router.config)?;
    let method = Method::PatchDiff {
        entity,
        diff: needed(fields.diff("diff")?, "diff")?,
        if_unmodified_since,
        idempotency_key: header(headers, "idempotency-key").map(str::to_owned),
        valid_from: fields.time("validFrom")?,
    };
    let done = performed(asking, caller.person(), method).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

pub(super) async fn put<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let if_unmodified_since = date(&asking.request.headers, "if-unmodified-since")?;
    let caller = asking.caller().await?;
    let fields = fields(asking.request, &asking.router.config)?;
    let replacing = Replacing::By(needed(fields.value("value")?, "value")?);
    let asker = Asker { person: caller.person(), connection: None };
    let done = replace(asking.router, asker, entity, replacing, if_unmodified_since).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

pub(super) async fn delete<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let if_unmodified_since = date(&asking.request.headers, "if-unmodified-since")?;
    ask(asking, Method::Delete { entity, if_unmodified_since }).await
}

pub(super) async fn undelete<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    ask(asking, Method::PatchUndelete { entity }).await
}

pub(super) async fn revert<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let if_unmodified_since = date(&asking.request.headers, "if-unmodified-since")?;
    let caller = asking.caller().await?;
    let fields = fields(asking.request, &asking.router.config)?;
    let replacing = Replacing::ByVersion(needed(fields.time("validFrom")?, "validFrom")?);
    let asker = Asker { person: caller.person(), connection: None };
    let done = replace(asking.router, asker, entity, replacing, if_unmodified_since).await;
    Ok(of_response(done.response, asking.format, done.effects))
}

pub(super) async fn history<H: Host>(asking: &Asking<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let before = match asking.parameter("before") {
        Some(text) => Some(timestamp("before", &text)?),
        None => None,
    };
    let limit = match asking.parameter("limit").map(|text| text.parse::<u32>()) {
        None => None,
        Some(Ok(limit)) if limit > 0 => Some(limit),
        Some(_) => return Err(refuse(Code::BadRequest, "`limit` is a whole number above 0")),
    };
    ask(asking, Method::History { entity, before, limit }).await
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

fn timestamp(name: &str, text: &str) -> Result<Timestamp, Refused> {
    Timestamp::parse(text).map_err(|error| refuse(Code::BadRequest, format!("`{name}`: {error}")))
}
