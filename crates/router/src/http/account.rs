//! `/login`, `/logout`, `/impersonate`, `/me` (docs/protocol.md, "Sign-in").

use timeweft_core::id::EntityId;
use timeweft_core::message::Code;
use timeweft_core::operation::{Committed, Failure, Permission};
use timeweft_core::value::Value;

use crate::Router;
use crate::caller::Caller;
use crate::event::{Effect, Header, HttpResponse, Mail, header};
use crate::host::Host;
use crate::sign_in::sessions::Begun;
use crate::sign_in::{codes, device, email, persons, sessions};
use crate::{access, address, internal, publish, token};

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
    let signed_in = by_email(exchange, &email).await?;
    let mut response = of_value(200, &Value::object([("personId", Value::Text(signed_in.person))]), exchange.format);
    response.effects = signed_in.effects;
    response.headers.push(signed_in.cookie);
    Ok(response)
}

/// Who has shown that they read the mail of an address.
pub(super) struct SignedIn {
    person: String,
    pub(super) cookie: Header,
    pub(super) effects: Vec<Effect>,
}

/// Begins a session of the person of an address. A guest who has none yet goes on as the same person.
pub(super) async fn by_email<H: Host>(exchange: &Exchange<'_, H>, email: &str) -> Result<SignedIn, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    // An admin who acts in a guest's name signs in as themselves.
    let guest = exchange.anybody().await?.filter(|caller| caller.is_guest && caller.token.impersonator.is_none());
    let (person, made) = persons::of_email(host, email, guest.as_ref().map(Caller::person)).await?;
    let mut effects = say_made(exchange.router, &person, made).await;
    if sessions::of_whom(host, &person).await?.is_some_and(|known| known.is_guest) {
        // Whoever has brought the guest's session into this browser, or the one before, is to have none of the person's.
        effects.extend(end_all(host, &person).await?);
    }
    let device = device_of(exchange);
    let new = sessions::New { email: Some(email), ..sessions::New::of(&person, device) };
    let begun = sessions::begin(host, new).await?;
    effects.extend(begun.effects);
    let cookie = cookie(&begun.token.write(&config.key), sessions::LIFETIME_SECONDS, config.development);
    Ok(SignedIn { person, cookie, effects })
}

/// `POST /login/guest`: a person without an address, who may sign in later.
pub(super) async fn guest<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    if !config.guests {
        return Err(refuse(Code::NotFound, "guests are not let in here: that takes the setting `guests`"));
    }
    let person = persons::fresh(host);
    let made = persons::make_entity(host, &person, None).await?;
    let new = sessions::New { is_guest: true, ..sessions::New::of(&person, device_of(exchange)) };
    let Begun { token, .. } = sessions::begin(host, new).await?;
    let mut response = of_value(200, &Value::object([("personId", Value::text(&person))]), exchange.format);
    response.effects = say_made(exchange.router, &person, made).await;
    response.headers.push(cookie(&token.write(&config.key), sessions::LIFETIME_SECONDS, config.development));
    Ok(response)
}

/// How long an admin may act in somebody's name before they say so again, in seconds.
const IMPERSONATED_SECONDS: u64 = 3_600;

/// `POST /impersonate {personId}`: an admin's session becomes one in which they act in that person's name. What they change has their own id
/// as `impersonatorId`, and the person sees the session among theirs.
pub(super) async fn impersonate<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    let caller = exchange.caller().await?;
    let person = needed(fields(exchange.request, config)?.text("personId")?, "personId")?;
    if caller.token.impersonator.is_some() || !access::is_admin(exchange.router, caller.person()).await? {
        return Err(refuse(
            Code::Forbidden,
            "only who is named in the setting `admins`, and as themselves, acts in somebody's name",
        ));
    }
    let entity = internal::entity("person", &person)?;
    // Whom an issuer vouches for may have no entity, and whoever has one may delete it.
    let is_known = sessions::of_whom(host, &person).await?.is_some() || internal::read(host, &entity).await?.is_some();
    if person == caller.person() || !is_known {
        return Err(refuse(Code::NotFound, format!("there is nobody else of the id `{person}`")));
    }
    if !access::may_impersonate(host, config, caller.person(), &person).await? {
        return Err(refuse(Code::Forbidden, "nobody acts in an admin's name"));
    }
    let now = host.now().0 / 1_000_000;
    let new = sessions::New {
        impersonator: Some(&caller.token),
        // No longer than they would be there themselves.
        until: Some(caller.token.expires.min(now + IMPERSONATED_SECONDS)),
        ..sessions::New::of(&person, device_of(exchange))
    };
    let Begun { token, effects } = sessions::begin(host, new).await?;
    let body = Value::object([("personId", Value::text(&person)), ("impersonatorId", Value::text(caller.person()))]);
    let mut response = of_value(200, &body, exchange.format);
    response.effects = effects;
    response.headers.push(cookie(&token.write(&config.key), token.expires.saturating_sub(now), config.development));
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
    let mut response = of_value(200, &Value::object::<&str>([]), exchange.format);
    if all {
        response.effects = end_all(host, caller.person()).await?;
    } else {
        sessions::end(host, caller.person(), Some(&caller.token.session)).await?;
        response.effects.push(sessions::over(host, caller.token.channel()));
    }
    response.headers.push(cookie("", 0, exchange.router.config.development));
    Ok(response)
}

/// Ends all sessions of a person. Their sockets are closed, also those that are just being opened, which each look for their own session,
/// and those that were opened with a token of an issuer.
async fn end_all<H: Host>(host: &H, person: &str) -> Result<Vec<Effect>, Failure> {
    let ended = sessions::end(host, person, None).await?;
    let channels = ended.iter().map(|session| token::session_channel(person, session));
    Ok(channels.chain([token::sockets_channel(person)]).map(|channel| sessions::over(host, channel)).collect())
}

/// `GET /me`.
pub(super) async fn me<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let caller = exchange.caller().await?;
    let email = caller.email.clone().map_or(Value::Null, Value::Text);
    let guest = caller.is_guest.then_some(("guest", Value::Bool(true)));
    let impersonator = caller.token.impersonator.as_ref().map(|by| ("impersonatorId", Value::text(by)));
    let me = [("personId", Value::text(caller.person())), ("email", email)];
    Ok(of_value(200, &Value::object(me.into_iter().chain(guest).chain(impersonator)), exchange.format))
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
