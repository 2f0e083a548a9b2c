//! `/login/oidc`, to the issuer and back, and `/login/token` (docs/protocol.md, "Sign-in by an issuer").

use timeweft_core::message::Code;
use timeweft_core::operation::Failure;
use timeweft_core::value::Value;

use crate::caller;
use crate::event::{Header, HttpResponse, header};
use crate::host::Host;
use crate::oidc::client::Client;
use crate::oidc::flow::{self, Back, Lost};
use crate::sign_in::sessions::Begun;
use crate::sign_in::{persons, sessions};

use super::account::{by_email, cookie, device_of, say_made};
use super::answer::{Refused, of_value, refuse};
use super::exchange::Exchange;

/// `GET /login/oidc?return=/path`.
pub(super) async fn begin<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    readable(exchange, go(exchange).await)
}

/// `GET /login/oidc/callback`.
pub(super) async fn end<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    readable(exchange, come_back(exchange).await)
}

async fn go<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    let (client, id) = client(exchange)?;
    let back = exchange.parameter("return").unwrap_or_else(|| "/".to_owned());
    let back = flow::way_back(&back)
        .ok_or_else(|| refuse(Code::BadRequest, "`return` is a path of this server, such as `/notes`"))?;
    let origin = own_origin(&exchange.request.headers, config.development)
        .ok_or_else(|| refuse(Code::BadRequest, "the header `Host` says where to come back to, and is missing"))?;
    let away = flow::begin(host, config, client, id, &origin, back).await?;
    Ok(redirect(&away.location, vec![away.cookie]))
}

async fn come_back<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    let (client, id) = client(exchange)?;
    let back = Back {
        state: exchange.parameter("state"),
        code: exchange.parameter("code"),
        issuer: exchange.parameter("iss"),
        error: exchange.parameter("error"),
    };
    let cookies = caller::all_cookies(&exchange.request.headers);
    let arrived = flow::end(host, config, client, id, back, cookies).await.map_err(refused)?;
    let (session, effects) = match &arrived.claims.email {
        Some(email) => {
            let signed_in = by_email(exchange, email).await?;
            (signed_in.cookie, signed_in.effects)
        }
        None => {
            let person = persons::of_subject(&client.issuer, &arrived.claims.subject);
            let made = persons::make_entity(host, &person, None).await?;
            let begun = sessions::begin(host, sessions::New::of(&person, device_of(exchange))).await?;
            let session = cookie(&begun.token.write(&config.key), sessions::LIFETIME_SECONDS, config.development);
            let mut effects = say_made(exchange.router, &person, made).await;
            effects.extend(begun.effects);
            (session, effects)
        }
    };
    let mut response = redirect(&arrived.back, vec![session, arrived.cookie]);
    response.effects = effects;
    Ok(response)
}

/// `POST /login/token`, with a JWT as bearer.
pub(super) async fn by_token<H: Host>(exchange: &Exchange<'_, H>) -> Result<HttpResponse, Refused> {
    let (host, config) = (&exchange.router.host, &exchange.router.config);
    let vouched = match caller::bearer(&exchange.request.headers) {
        // A session's token is none of an issuer's: with it a session could go on for ever.
        Some(bearer) => caller::vouched_for(host, config, bearer).await?,
        None => None,
    };
    let caller = vouched.ok_or_else(|| {
        refuse(Code::Unauthorized, "send a JWT of the issuer that this server trusts, as `Authorization: Bearer`")
    })?;
    let now = host.now().0 / 1_000_000;
    // The leeway for clocks is for requests: what has expired begins nothing.
    if caller.token.expires <= now {
        return Err(refuse(Code::Unauthorized, "this token has expired"));
    }
    let new =
        sessions::New { until: Some(caller.token.expires), ..sessions::New::of(caller.person(), device_of(exchange)) };
    let Begun { token, effects } = sessions::begin(host, new).await?;
    let mut response = of_value(200, &Value::object([("personId", Value::text(caller.person()))]), exchange.format);
    response.effects = effects;
    response.headers.push(cookie(&token.write(&config.key), token.expires - now, config.development));
    Ok(response)
}

fn client<'a, H: Host>(exchange: &'a Exchange<'_, H>) -> Result<(&'a Client, &'a str), Refused> {
    let client = exchange.router.config.oidc.as_ref();
    let known = client.and_then(|client| Some((client, client.id.as_deref()?)));
    known.ok_or_else(|| refuse(Code::NotFound, "no issuer is set up to sign in with here"))
}

/// Our origin as the browser sees it. A `Host` that is not ours leads nowhere: the issuer sends nobody to an address that it was not
/// told of before.
fn own_origin(headers: &[Header], development: bool) -> Option<String> {
    let host = header(headers, "host")?;
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    let scheme = if development { "http" } else { "https" };
    (plain && !host.is_empty()).then(|| format!("{scheme}://{host}"))
}

fn redirect(location: &str, mut headers: Vec<Header>) -> HttpResponse {
    headers.push(Header::new("location", location));
    headers.push(Header::new("cache-control", "no-store"));
    // The address that leads away from here has a code in it.
    headers.push(Header::new("referrer-policy", "no-referrer"));
    HttpResponse { status: 302, headers, ..HttpResponse::default() }
}

fn refused(lost: Lost) -> Refused {
    let why = lost.to_string();
    match lost {
        Lost::Failed(Failure::Unavailable(why)) => refuse(Code::Unavailable, why),
        Lost::Failed(failure) => failure.into(),
        Lost::Unknown | Lost::Used => refuse(Code::BadRequest, why),
        _ => refuse(Code::Unauthorized, why),
    }
}

/// A refusal as a page, for who came by a link and not from a program.
fn readable<H: Host>(
    exchange: &Exchange<'_, H>,
    response: Result<HttpResponse, Refused>,
) -> Result<HttpResponse, Refused> {
    let accepted = header(&exchange.request.headers, "accept").unwrap_or_default();
    match response {
        Err(refused) if accepted.contains("text/html") => Ok(page(&refused)),
        response => response,
    }
}

fn page(refused: &Refused) -> HttpResponse {
    let (status, why) = refused.reason();
    let why = why.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Not signed in</title><h1>Not signed in</h1><p>{why}</p>\
         <p><a href=\"/\">Back</a></p></html>\n"
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    let headers = headers.map(|(name, value)| Header::new(name, value)).to_vec();
    HttpResponse { status, headers, body: body.into_bytes(), ..HttpResponse::default() }
}
