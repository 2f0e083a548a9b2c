//! `/login`, `/logout`, `/me` (docs/protocol.md, "Sign-in").

use timeweft_core::id::EntityId;
use timeweft_core::message::Code;
use timeweft_core::operation::{Committed, Permission};
use timeweft_core::value::Value;

use crate::Router;
use crate::event::{Effect, Header, HttpResponse, Mail, header};
use crate::host::Host;
use crate::sign_in::{codes, device, email, persons, sessions};
use crate::{access, address, close, publish, token};

use super::answer::{Refused, fields, needed, of_value, refuse};
use super::exchange::Exchange;

/// `POST /login {email}`.
pub(super) async fn login<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let config = &exchange.router.config;
    let fields = fields(exchange.request, config)?;
    let email = normal(fields.text("email")?)?;
    let from = address::of(&exchange.request.headers);
    let code = match codes::issue(&exchange.router.host, config, &email, &from).await? {
        Ok(code) => code,
        Err(seconds) => {
            let why = format!("too many codes were asked for; use the last one, or ask again in {seconds} seconds");
            return Err(refuse(Code::SlowDown, why).with(Header::new("retry-after", seconds.to_string())));
        }
    };
    if config.development {
        return Ok(of_value(200, &Value::object([("code", Value::text(code))]), exchange.format));
    }
    let mut response = of_value(202, &Value::object::<&str>([]), exchange.format);
    let text = format!(
        "Your code is {code}.\n\nIt can be used once, within ten minutes. If you did not ask for it, ignore this mail.\n"
    );
    let subject = format!("{code} is your sign-in code");
    response.effects.push(Effect::Mail(Mail { to: email, subject, text, code: Some(code) }));
    Ok(response)
}

/// `POST /login/verify {email, code}`.
pub(super) async fn verify<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    let fields = fields(exchange.request, config)?;
    let email = normal(fields.text("email")?)?;
    let code = needed(fields.text("code")?, "code")?;
    let from = address::of(&exchange.request.headers);
    if !codes::redeem(host, config, &email, &from, code.trim()).await? {
        return Err(refuse(Code::Unauthorized, "this is not the code, or no longer; ask for another with POST /login"));
    }
    let (person, made) = persons::of_email(host, &email).await?;
    let device = device_of(exchange);
    let new = sessions::New { person: &person, email: Some(&email), until: None, device };
    let token = sessions::begin(host, new).await?;
    let mut response = of_value(200, &Value::object([("personId", Value::text(&person))]), exchange.format);
    response.effects = say_made(exchange.router, &person, made).await;
    let text = token.write(&config.key);
    response.headers.push(cookie(&text, sessions::LIFETIME_SECONDS, config.development));
    Ok(response)
}

/// What the session that begins with this request is known by.
pub(super) fn device_of<H>(exchange: &Exchange<'_, H>) -> String {
    device::name(header(&exchange.request.headers, "user-agent"))
}

/// What is published when somebody signs in for the first time.
pub(super) async fn say_made<H: Host>(
    router: &Router<H>,
    person: &str,
    made: Option<(EntityId, Committed)>,
) -> Vec<Effect> {
    let Some((entity, committed)) = made else { return Vec::new() };
    match access::right(router, &entity, person, Permission::Create).await {
        Ok(right) => publish::change(&entity, &right.channel_name(&entity, person), &committed, None),
        Err(_) => Vec::new(),
    }
}

/// `POST /logout`, and `POST /logout/all`.
pub(super) async fn logout<H: Host>(exchange: &Exchange<'_, H>, all: bool) -> Result<HttpResponse, Refused> {
    let host = &exchange.router.host;
    let caller = exchange.caller().await?;
    let session = caller.token.session.as_str();
    sessions::end(host, caller.person(), if all { None } else { Some(session) }).await?;
    let channel = if all { token::sockets_channel(caller.person()) } else { caller.token.channel() };
    let mut response = of_value(200, &Value::object::<&str>([]), exchange.format);
    response.effects.push(Effect::Publish(publish::closing(channel, host.now(), close::SESSION_OVER)));
    response.headers.push(cookie("", 0, exchange.router.config.development));
    Ok(response)
}

/// `GET /me`.
pub(super) async fn me<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let email = caller.email.clone().map_or(Value::Null, Value::Text);
    let me = Value::object([("personId", Value::text(caller.person())), ("email", email)]);
    Ok(of_value(200, &me, exchange.format))
}

fn normal(text: Option<String>) -> Result<String, Refused> {
    let text = needed(text, "email")?;
    email::normalize(&text).ok_or_else(|| refuse(Code::BadRequest, "`email` is not an email address"))
}

pub(super) fn cookie(text: &str, seconds: u64, development: bool) -> Header {
    // A browser keeps `Secure` cookies from plain HTTP, which is what development speaks.
    let secure = if development { "" } else { "; Secure" };
    Header::new("set-cookie", format!("session={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"))
}
