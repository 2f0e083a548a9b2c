//! `…/{entityId}/people`, `…/{entityId}/invitations` and `/api/v1/invitations/accept` (docs/protocol.md, "Sharing").

use timeweft_core::id::{EntityId, is_local_id};
use timeweft_core::message::Code;
use timeweft_core::operation::{Failure, Violation};
use timeweft_core::org::{EVERYBODY, Role};
use timeweft_core::value::{Object, Value};

use crate::event::{Effect, HttpResponse};
use crate::host::Host;
use crate::sharing::{self, People, Person, Shared, invitations};
use crate::sign_in::email;

use super::answer::{Refused, fields, needed, of_value, refuse};
use super::exchange::Exchange;

/// `GET …/people`.
pub(super) async fn list<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let People { role, org, node, everybody, people } =
        sharing::people(exchange.router, &entity, caller.principal()).await?;
    let people = people.into_iter().map(|Person { id, role, is_inherited, public }| {
        let mut person = text([("personId", Some(&*id)), ("role", Some(role.as_str()))]);
        if is_inherited {
            person.insert("inherited".to_owned(), Value::Bool(true));
        }
        if let Some(public) = public {
            person.insert("public".to_owned(), public);
        }
        Value::Object(person)
    });
    let mut body = text([
        ("role", Some(role.as_str())),
        ("everybody", everybody.map(Role::as_str)),
        ("org", org.as_ref().map(EntityId::as_str)),
        ("node", node.as_deref()),
    ]);
    body.insert("people".to_owned(), Value::Array(people.collect()));
    if role == Role::Admin {
        let standing = invitations::list(exchange.router, &entity, caller.principal()).await?;
        let standing = standing.into_iter().map(|(id, one)| {
            let expires_at = one.expires_at.to_string();
            Value::Object(text([
                ("id", Some(&*id)),
                ("role", Some(one.role.as_str())),
                ("email", one.email.as_deref()),
                ("node", one.node.as_deref()),
                ("expiresAt", Some(&*expires_at)),
            ]))
        });
        body.insert("invitations".to_owned(), Value::Array(standing.collect()));
    }
    Ok(of_value(200, &Value::Object(body), exchange.format))
}

/// `PUT …/people/{personId}` `{role, node?}`.
pub(super) async fn share<H: Host>(
    exchange: &Exchange<'_, H>,
    entity: EntityId,
    person: &str,
) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let role = role(exchange)?;
    if person == EVERYBODY && role == Role::Admin {
        let message = "everybody is `viewer` or `editor`".to_owned();
        return Err(Failure::InvalidValue(vec![Violation { path: "/role".to_owned(), message }]).into());
    }
    let node = fields(exchange.request, &exchange.router.config)?.text("node")?;
    let shared = Shared { entity: &entity, node: node.as_deref() };
    let effects = sharing::share(exchange.router, shared, caller.principal(), person, role).await?;
    Ok(done(exchange, effects))
}

/// `DELETE …/people/{personId}?node=`.
pub(super) async fn unshare<H: Host>(
    exchange: &Exchange<'_, H>,
    entity: EntityId,
    person: &str,
) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let node = exchange.parameter("node");
    let shared = Shared { entity: &entity, node: node.as_deref() };
    let effects = sharing::unshare(exchange.router, shared, caller.principal(), person).await?;
    Ok(done(exchange, effects))
}

/// `POST …/invitations` `{role, email?, expiresIn?, node?}`.
pub(super) async fn invite<H: Host>(exchange: &Exchange<'_, H>, entity: EntityId) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let config = &exchange.router.config;
    let fields = fields(exchange.request, config)?;
    let email = match fields.text("email")? {
        None => None,
        Some(text) => {
            Some(email::normalize(&text).ok_or_else(|| refuse(Code::BadRequest, "`email` is not an email address"))?)
        }
    };
    let is_by_mail = email.is_some();
    let promised = (role(exchange)?, email, fields.uint("expiresIn")?);
    let node = fields.text("node")?;
    let shared = Shared { entity: &entity, node: node.as_deref() };
    let made = invitations::invite(exchange.router, shared, &caller, promised).await?;
    let expires_at = made.expires_at.to_string();
    // Who invites by mail does not prove that they read it.
    let token = Some(&*made.token).filter(|_| !is_by_mail || config.development);
    let body = text([("id", Some(&*made.id)), ("token", token), ("expiresAt", Some(&*expires_at))]);
    Ok(HttpResponse { effects: made.effects, ..of_value(201, &Value::Object(body), exchange.format) })
}

/// `DELETE …/invitations/{id}`.
pub(super) async fn withdraw<H: Host>(
    exchange: &Exchange<'_, H>,
    entity: EntityId,
    id: &str,
) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    if !is_local_id(id) {
        return Err(refuse(Code::BadRequest, format!("`{id}` is no invitation's id")));
    }
    invitations::withdraw(exchange.router, &entity, caller.principal(), id).await?;
    Ok(done(exchange, Vec::new()))
}

/// `POST /api/v1/invitations/accept` `{token}`.
pub(super) async fn accept<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let fields = fields(exchange.request, &exchange.router.config)?;
    let token = needed(fields.text("token")?, "token")?;
    let accepted = invitations::accept(exchange.router, &caller, &token).await?;
    let body = text([("entityId", Some(&*accepted.entity)), ("role", Some(accepted.role.as_str()))]);
    Ok(HttpResponse { effects: accepted.effects, ..of_value(200, &Value::Object(body), exchange.format) })
}

fn role<H: Host>(exchange: &Exchange<'_, H>) -> Result<Role, Refused> {
    let name = needed(fields(exchange.request, &exchange.router.config)?.text("role")?, "role")?;
    Role::of(&name).ok_or_else(|| refuse(Code::BadRequest, "`role` is `viewer`, `editor` or `admin`"))
}

fn done<H: Host>(exchange: &Exchange<'_, H>, effects: Vec<Effect>) -> HttpResponse {
    HttpResponse { effects, ..of_value(200, &Value::object::<&str>([]), exchange.format) }
}

fn text<const N: usize>(members: [(&str, Option<&str>); N]) -> Object {
    let there = members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::text(text?))));
    there.collect()
}
