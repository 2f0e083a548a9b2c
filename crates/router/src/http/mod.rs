//! The door of HTTP (docs/protocol.md, "HTTP"): routes, and what is checked of every request. A file a family of routes.
//!
//! | module | routes |
//! |---|---|
//! | [`entities`] | `/api/v1/entities/…` |
//! | [`people`] | who is what with an entity, and invitations |
//! | [`create`] | `POST /api/v1/entities/{type}` |
//! | [`message`] | `/message` |
//! | [`account`] | `/login`, `/login/verify`, `/login/guest`, `/logout`, `/logout/all`, `/impersonate`, `/me` |
//! | [`oidc`] | `/login/oidc`, `/login/oidc/callback`, `/login/token` |
//! | [`sessions`] | `/sessions`, `/sessions/{id}` |
//! | [`trpc`] | `/api/v1/{procedure}` |
//! | [`openapi`] | `/api/v1/openapi.json` |
//! | [`cors`] | what pages of listed origins may do and see |
//! | [`exchange`] | a request on its way through the routes |
//! | [`answer`] | reading bodies and writing answers, in JSON or CBOR |
//! | [`accept`], [`problem`] | which of them is wanted, and errors as problem details |
//! | [`conditional`] | entity tags and dates of versions in headers |
//!
//! A page of a foreign origin can't change anything with its visitor's cookie: every request but a reading one is refused
//! to a foreign `Origin`, unless it brings its own right in `Authorization`.

mod accept;
mod account;
mod answer;
mod conditional;
mod cors;
mod create;
mod entities;
mod exchange;
mod message;
mod oidc;
mod openapi;
mod people;
mod problem;
mod sessions;
#[cfg(test)]
mod tests;
mod trpc;

use timeweft_core::id::EntityId;
use timeweft_core::message::Code;
use timeweft_core::value::Value;

use crate::Router;
use crate::event::{Header, HttpRequest, HttpResponse};
use crate::host::Host;
use crate::target::unescape;
use crate::{caller, notes, origin};

use answer::{Refused, refuse};
use exchange::Exchange;

/// Longest path with its query.
const LONGEST_TARGET: usize = 4_096;

/// And of a call of procedures, many of which may be in one.
const LONGEST_CALL: usize = 32_768;

/// Answers any request.
pub(crate) async fn handle<H: Host>(router: &Router<H>, mut request: HttpRequest) -> HttpResponse {
    let bodiless = request.method == "HEAD";
    if bodiless && !request.target.starts_with("/login/oidc") {
        request.method = "GET".to_owned();
    }
    let target = std::mem::take(&mut request.target);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let wanted = accept::wanted(&request.headers);
    let exchange = Exchange { router, request: &request, query, format: wanted.format };
    let origins = &router.config.origins;
    let origin = cors::origin(&request.headers, origins);
    let mut response = match &origin {
        Some(_) if cors::is_preflight(&request) => cors::preflight(),
        _ => match route(&exchange, path).await {
            Ok(response) => response,
            Err(refused) if trpc::is_call(path) => trpc::refusal(&refused),
            Err(refused) => refused.response(wanted.format),
        },
    };
    if wanted.problems {
        problem::describe(&mut response);
    }
    // What is not there for one origin or format may be for another: of every answer, also to who named neither.
    let varies = if origins.is_empty() { "accept" } else { "accept, origin" };
    response.headers.push(Header::new("vary", varies));
    if let Some(origin) = origin {
        cors::allow(&mut response, origin);
    }
    if bodiless {
        response.body.clear();
    }
    response
}

async fn route<H: Host>(exchange: &Exchange<'_, H>, path: &str) -> Result<HttpResponse, Refused> {
    check(exchange, path)?;
    let segments: Option<Vec<String>> = path.strip_prefix('/').unwrap_or(path).split('/').map(unescape).collect();
    let segments = segments.ok_or_else(|| refuse(Code::BadRequest, "the path is not percent-encoded UTF-8"))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some(methods) = methods(&segments) else {
        return Err(refuse(Code::NotFound, format!("there is nothing at {path}")));
    };
    let method = exchange.request.method.as_str();
    if method == "OPTIONS" {
        return Ok(options(methods));
    }
    // Which procedure takes which method is said in tRPC's own manner.
    if !trpc::is_call(path) && !methods.split(", ").any(|known| known == method) {
        return Err(
            refuse(Code::MethodNotAllowed, format!("this address takes {methods}")).with(Header::new("allow", methods))
        );
    }
    match (method, &segments[..]) {
        (_, ["health"]) => Ok(answer::of_value(200, &Value::object([("status", Value::text("ok"))]), exchange.format)),
        (_, ["connect"]) => Err(upgrade()),
        (_, ["ws", "note", id]) => match EntityId::new(notes::KIND, id) {
            Ok(_) => Err(upgrade()),
            Err(error) => Err(refuse(Code::BadRequest, error.as_str())),
        },
        (_, ["message"]) => message::post(exchange).await,
        (_, ["me"]) => account::me(exchange).await,
        (_, ["login"]) => account::login(exchange).await,
        (_, ["login", "verify"]) => account::verify(exchange).await,
        (_, ["login", "guest"]) => account::guest(exchange).await,
        (_, ["impersonate"]) => account::impersonate(exchange).await,
        (_, ["login", "token"]) => oidc::by_token(exchange).await,
        (_, ["login", "oidc"]) => oidc::begin(exchange).await,
        (_, ["login", "oidc", "callback"]) => oidc::end(exchange).await,
        (_, ["logout"]) => account::logout(exchange, false).await,
        (_, ["logout", "all"]) => account::logout(exchange, true).await,
        (_, ["sessions"]) => sessions::list(exchange).await,
        (_, ["sessions", id]) => sessions::end(exchange, id).await,
        (_, ["api", "v1", "openapi.json"]) => Ok(openapi::get()),
        (_, ["api", "v1", "entities"]) => entities::list(exchange).await,
        ("POST", ["api", "v1", "entities", kind]) => create::post(exchange, kind).await,
        ("PATCH", ["api", "v1", "entities", name]) => entities::patch(exchange, entity(name)?).await,
        ("PUT", ["api", "v1", "entities", name]) => entities::put(exchange, entity(name)?).await,
        ("DELETE", ["api", "v1", "entities", name]) => entities::delete(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name]) => entities::get(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name, "history"]) => entities::history(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name, "subscribers"]) => entities::subscribers(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name, "undelete"]) => entities::undelete(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name, "revert"]) => entities::revert(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name, "people"]) => people::list(exchange, entity(name)?).await,
        ("PUT", ["api", "v1", "entities", name, "people", person]) => {
            people::share(exchange, entity(name)?, person).await
        }
        (_, ["api", "v1", "entities", name, "people", person]) => {
            people::unshare(exchange, entity(name)?, person).await
        }
        (_, ["api", "v1", "entities", name, "invitations"]) => people::invite(exchange, entity(name)?).await,
        (_, ["api", "v1", "entities", name, "invitations", id]) => people::withdraw(exchange, entity(name)?, id).await,
        (_, ["api", "v1", "invitations", "accept"]) => people::accept(exchange).await,
        (_, ["api", "v1", procedures]) => trpc::handle(exchange, procedures).await,
        _ => Err(refuse(Code::NotFound, format!("there is nothing at {path}"))),
    }
}

/// The methods that an address takes; none when there is nothing.
fn methods(segments: &[&str]) -> Option<&'static str> {
    Some(match segments {
        ["health" | "connect" | "me" | "sessions"] | ["api", "v1", "openapi.json" | "entities"] => "GET, HEAD, OPTIONS",
        ["message" | "login" | "logout" | "impersonate"]
        | ["login", "verify" | "token" | "guest"]
        | ["logout", "all"] => "POST, OPTIONS",
        ["sessions", _] => "DELETE, OPTIONS",
        // A look ahead would use up what is good once.
        ["login", "oidc"] | ["login", "oidc", "callback"] => "GET, OPTIONS",
        // A type has no colon and an entity has one.
        ["api", "v1", "entities", name] if !name.contains(':') => "POST, OPTIONS",
        ["api", "v1", "entities", _] => "GET, HEAD, PATCH, PUT, DELETE, OPTIONS",
        ["api", "v1", "entities", _, "history" | "subscribers"] => "GET, HEAD, OPTIONS",
        ["api", "v1", "entities", _, "people"] => "GET, HEAD, OPTIONS",
        ["api", "v1", "entities", _, "people", _] => "PUT, DELETE, OPTIONS",
        ["api", "v1", "entities", _, "invitations", _] => "DELETE, OPTIONS",
        ["api", "v1", "invitations", "accept"] => "POST, OPTIONS",
        ["api", "v1", "entities", _, "undelete" | "revert" | "invitations"] => "POST, OPTIONS",
        ["ws", "note", _] => "GET, HEAD, OPTIONS",
        ["api", "v1", names] => trpc::methods(names),
        _ => return None,
    })
}

/// What may be asked of an address (RFC 9110, 9.3.7; RFC 5789, 3.1).
fn options(methods: &'static str) -> HttpResponse {
    let mut headers = vec![Header::new("allow", methods)];
    if methods.contains("PATCH") {
        headers.push(Header::new("accept-patch", entities::PATCHES));
    }
    HttpResponse { status: 204, headers, ..HttpResponse::default() }
}

fn check<H: Host>(exchange: &Exchange<'_, H>, path: &str) -> Result<(), Refused> {
    let request = exchange.request;
    let longest = if trpc::is_call(path) { LONGEST_CALL } else { LONGEST_TARGET };
    if path.len() + exchange.query.len() > longest {
        return Err(refuse(Code::TooLarge, format!("an address has at most {longest} bytes")));
    }
    if unescape(exchange.query).is_none() {
        return Err(refuse(Code::BadRequest, "the query is not percent-encoded UTF-8"));
    }
    let most = exchange.router.config.limits.body_bytes;
    if request.body.len() > most {
        return Err(refuse(Code::TooLarge, format!("a body has at most {most} bytes")));
    }
    let reads = matches!(request.method.as_str(), "GET" | "OPTIONS");
    let by_cookie = caller::bearer(&request.headers).is_none();
    if !reads && by_cookie && !origin::is_ours(&request.headers, &exchange.router.config.origins) {
        return Err(refuse(
            Code::Forbidden,
            "pages of this origin may change nothing here; list it in the setting `origins`",
        ));
    }
    Ok(())
}

fn entity(name: &str) -> Result<EntityId, Refused> {
    EntityId::parse(name).map_err(|error| refuse(Code::BadRequest, error.to_string()))
}

fn upgrade() -> Refused {
    refuse(Code::UpgradeRequired, "this is the address of a WebSocket").with(Header::new("upgrade", "websocket"))
}
