//! The way of a browser to the issuer and back (OpenID Connect Core 1.0, 3.1; RFC 7636; RFC 9700).
//!
//! 1. [`begin`]: the browser is sent to the issuer. What we have to know when it comes back goes along in a cookie that only we can
//!    read: `state`, `nonce`, the verifier of PKCE, and where it wanted to go. So a code that somebody else was given is worth nothing
//!    in this browser, and one that was stolen on the way is worth nothing in another.
//! 2. [`end`]: the browser brings a code and the `state`. Each `state` is good once, and for ten minutes; the code is exchanged for a
//!    token, whose `nonce` has to be ours.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;
use timeweft_core::value::{Object, Value};
use timeweft_grip::jwt::Unchecked;

use super::client::Client;
use super::discovery::{self, Metadata};
use super::token::{Claims, Untrusted, verified_email};
use crate::config::Config;
use crate::crypto;
use crate::event::Header;
use crate::host::{Host, IssuerRequest};
use crate::internal::{self, Step, as_instant, member, of_instant};

/// How long somebody may be away at the issuer, in seconds.
const LIFETIME_SECONDS: u64 = 600;

/// Letters of `state` and `nonce` (130 bits) and of the verifier, of which PKCE wants at least 43.
const SECRET: usize = 26;
const VERIFIER: usize = 52;

/// Before what is sealed, so that nothing else that was sealed with the key is taken for it.
const PURPOSE: &str = "oidc\n";

/// Cookies of these are sent to no other address.
const PATH: &str = "/login/oidc";

/// Longest way back within our own origin.
const LONGEST_BACK: usize = 1_024;

/// What stays as it is in a query or a form (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What of a path and query is escaped to stand in `Location`: whatever is not visible ASCII.
const ESCAPED: &AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\');

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Lost {
    #[error("this sign-in was not begun in this browser, or more than ten minutes ago; begin again")]
    Unknown,
    #[error("this sign-in has come to its end already; begin again")]
    Used,
    #[error("the issuer did not sign you in: {0}")]
    Refused(String),
    #[error("the issuer's answer can't be trusted: {0}")]
    Untrusted(#[from] Untrusted),
    #[error("the issuer's answer is for another sign-in")]
    Nonce,
    #[error("{0:?}")]
    Failed(Failure),
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Lost {
        Lost::Failed(failure)
    }
}

/// What a browser takes with it.
pub(crate) struct Away {
    /// Where it is sent.
    pub(crate) location: String,
    pub(crate) cookie: Header,
}

/// What the cookie holds.
struct Held {
    state: String,
    nonce: String,
    verifier: String,
    /// Where the issuer sends the browser, word for word the same in both requests.
    redirect: String,
    back: String,
    until: u64,
}

impl Held {
    fn seal<H: Host>(&self, host: &H, key: &[u8]) -> Option<String> {
        let Held { state, nonce, verifier, redirect, back, until } = self;
        let held = json!([state, nonce, verifier, redirect, back, until]);
        crypto::seal(key, host, &format!("{PURPOSE}{held}"))
    }

    fn unseal(key: &[u8], sealed: &str) -> Option<Held> {
        let held = crypto::unseal(key, sealed)?;
        let held: [Json; 6] = serde_json::from_str(held.strip_prefix(PURPOSE)?).ok()?;
        let text = |n: usize| held[n].as_str().map(str::to_owned);
        Some(Held {
            state: text(0)?,
            nonce: text(1)?,
            verifier: text(2)?,
            redirect: text(3)?,
            back: text(4)?,
            until: held[5].as_u64()?,
        })
    }
}

/// A path of our own that a browser may be sent to; `None` for whatever could lead elsewhere.
pub(crate) fn way_back(wanted: &str) -> Option<String> {
    let leads_away = wanted.starts_with("//") || wanted.contains(['\\']) || wanted.chars().any(char::is_control);
    let own = wanted.starts_with('/') && !leads_away && wanted.len() <= LONGEST_BACK;
    own.then(|| utf8_percent_encode(wanted, ESCAPED).to_string())
}

/// Sends a browser to the issuer. `origin` is ours as the browser sees it, `back` a path of it.
pub(crate) async fn begin<H: Host>(
    host: &H,
    config: &Config,
    client: &Client,
    id: &str,
    origin: &str,
    back: String,
) -> Result<Away, Failure> {
    let metadata = discovery::metadata(host, client).await?;
    let endpoint = metadata.authorization_endpoint.ok_or_else(|| names_no("authorization_endpoint"))?;
    let held = Held {
        state: crypto::random_name(host, SECRET),
        nonce: crypto::random_name(host, SECRET),
        verifier: crypto::random_name(host, VERIFIER),
        redirect: format!("{origin}{PATH}/callback"),
        back,
        until: host.now().0 / 1_000_000 + LIFETIME_SECONDS,
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(held.verifier.as_bytes()));
    let query = form(&[
        ("response_type", "code"),
        ("client_id", id),
        ("redirect_uri", &held.redirect),
        ("scope", "openid email"),
        ("state", &held.state),
        ("nonce", &held.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let join = if endpoint.contains('?') { '&' } else { '?' };
    let sealed =
        held.seal(host, &config.key).ok_or_else(|| Failure::Unavailable("nothing can be sealed".to_owned()))?;
    let cookie = cookie(&held.state, &sealed, LIFETIME_SECONDS, config.development);
    Ok(Away { location: format!("{endpoint}{join}{query}"), cookie })
}

/// The parameters with which a browser comes back.
pub(crate) struct Back {
    pub(crate) state: Option<String>,
    pub(crate) code: Option<String>,
    /// By whom (RFC 9207).
    pub(crate) issuer: Option<String>,
    pub(crate) error: Option<String>,
}

/// Who was signed in, and where the browser goes from here.
pub(crate) struct Arrived {
    pub(crate) claims: Claims,
    pub(crate) back: String,
    /// Takes the cookie away.
    pub(crate) cookie: Header,
}

/// A browser comes back from the issuer, with these cookies.
pub(crate) async fn end<'a, H: Host>(
    host: &H,
    config: &Config,
    client: &Client,
    id: &str,
    back: Back,
    mut cookies: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Arrived, Lost> {
    let state = back.state.filter(|state| state.len() == SECRET && state.is_ascii()).ok_or(Lost::Unknown)?;
    let name = cookie_name(&state);
    let sealed = cookies.find_map(|(other, value)| (other == name).then_some(value)).ok_or(Lost::Unknown)?;
    let held = Held::unseal(&config.key, sealed).filter(|held| held.state == state).ok_or(Lost::Unknown)?;
    if held.until <= host.now().0 / 1_000_000 {
        return Err(Lost::Unknown);
    }
    if back.issuer.is_some_and(|issuer| issuer != client.issuer) {
        return Err(Untrusted::Issuer.into());
    }
    if !is_first_use(host, &held).await? {
        return Err(Lost::Used);
    }
    let code = match (back.code, back.error) {
        (Some(code), None) => code,
        (_, error) => return Err(Lost::Refused(error.unwrap_or_else(|| "it gave no code".to_owned()))),
    };
    let metadata = discovery::metadata(host, client).await?;
    let given = exchange(host, client, id, &metadata, &held, &code).await?;
    let token = Unchecked::read(&given.id_token).map_err(Untrusted::from)?;
    let mut claims = super::verify(host, client, token, id).await??;
    if claims.nonce.as_deref() != Some(&held.nonce) {
        return Err(Lost::Nonce);
    }
    // A token for several is for the one that it was given to.
    if claims.authorized.as_deref().is_some_and(|authorized| authorized != id) {
        return Err(Untrusted::Audience.into());
    }
    if claims.email.is_none()
        && let (Some(endpoint), Some(access_token)) = (&metadata.userinfo_endpoint, &given.access_token)
    {
        claims.email = email(host, endpoint, access_token, &claims.subject).await?;
    }
    Ok(Arrived { claims, back: held.back, cookie: cookie(&state, "", 0, config.development) })
}

/// What is given for a code.
struct Given {
    id_token: String,
    access_token: Option<String>,
}

/// Exchanges the code.
async fn exchange<H: Host>(
    host: &H,
    client: &Client,
    id: &str,
    metadata: &Metadata,
    held: &Held,
    code: &str,
) -> Result<Given, Lost> {
    let endpoint = metadata.token_endpoint.as_ref().ok_or_else(|| names_no("token_endpoint"))?;
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &held.redirect),
        ("code_verifier", &held.verifier),
    ];
    let mut authorization = None;
    match &client.secret {
        Some(secret) if metadata.basic => {
            let both = format!("{}:{}", utf8_percent_encode(id, ENCODED), utf8_percent_encode(secret, ENCODED));
            authorization = Some(format!("Basic {}", STANDARD.encode(both)));
        }
        Some(secret) => fields.extend([("client_id", id), ("client_secret", secret)]),
        None => fields.push(("client_id", id)),
    }
    let request = IssuerRequest { url: endpoint.clone(), authorization, form: Some(form(&fields)), max_age: 0 };
    let answer = host.send(request).await.map_err(discovery::unavailable)?;
    let body: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Json::as_str);
    match (answer.status, text("id_token")) {
        (200, Some(token)) => {
            Ok(Given { id_token: token.to_owned(), access_token: text("access_token").map(str::to_owned) })
        }
        (200, None) => Err(Lost::Refused("it gave no ID token".to_owned())),
        (500.., _) => Err(Failure::Unavailable(format!("the issuer answered {}", answer.status)).into()),
        (status, _) => Err(Lost::Refused(format!("{} ({status})", text("error").unwrap_or("it took no code")))),
    }
}

/// The verified address, of an issuer that keeps it out of ID tokens (OpenID Connect Core 1.0, 5.3).
async fn email<H: Host>(
    host: &H,
    endpoint: &str,
    access_token: &str,
    subject: &str,
) -> Result<Option<String>, Failure> {
    let authorization = Some(format!("Bearer {access_token}"));
    let request = IssuerRequest { url: endpoint.to_owned(), authorization, form: None, max_age: 0 };
    let answer = host.send(request).await.map_err(discovery::unavailable)?;
    let person: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_theirs = answer.status == 200 && person.get("sub").and_then(Json::as_str) == Some(subject);
    Ok(verified_email(&person).filter(|_| is_theirs))
}

/// Writes down that this `state` was used. They are kept for as long as they are good, each under a key of its own, in 32 entities
/// `tw-flow:{first letter}`. Of two who come with the same at once, both write under one key, what conflicts.
async fn is_first_use<H: Host>(host: &H, held: &Held) -> Result<bool, Failure> {
    let now = host.now();
    let by = crypto::random_name(host, SECRET);
    let entity = internal::entity("tw-flow", held.state.get(..1).unwrap_or_default())?;
    internal::update(host, &entity, |found| {
        let mut used = match found.and_then(|value| member(value, "used")) {
            Some(Value::Object(used)) => used.clone(),
            _ => Object::new(),
        };
        let until = |of: &Value| member(of, "until").and_then(as_instant);
        used.retain(|_, of| until(of).is_some_and(|until| until > now));
        if used.get(&held.state).is_some() {
            return Step::Leave(false);
        }
        let until = of_instant(Timestamp(held.until * 1_000_000));
        used.insert(held.state.clone(), Value::object([("until", until), ("by", Value::text(&by))]));
        Step::Write(Value::object([("used", Value::Object(used))]), true)
    })
    .await
}

fn names_no(endpoint: &str) -> Failure {
    Failure::Unavailable(format!("the issuer names no `{endpoint}`"))
}

fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, ENCODED));
    fields.iter().map(field).collect::<Vec<_>>().join("&")
}

/// One for each way to the issuer: two tabs may be on it at once.
fn cookie_name(state: &str) -> String {
    format!("oidc-{}", state.get(..8).unwrap_or_default())
}

fn cookie(state: &str, value: &str, seconds: u64, development: bool) -> Header {
    let secure = if development { "" } else { "; Secure" };
    let name = cookie_name(state);
    Header::new("set-cookie", format!("{name}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"))
}

#[cfg(test)]
mod tests {
    use super::way_back;

    #[test]
    fn the_way_back_is_a_path_of_our_own() {
        for (wanted, way) in
            [("/", "/"), ("/notes?a=b&c#d", "/notes?a=b&c#d"), ("/é x", "/%C3%A9%20x"), ("/%2F/a", "/%2F/a")]
        {
            assert_eq!(way_back(wanted).as_deref(), Some(way));
        }
        for away in [
            "",
            "notes",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\..\\b",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: session=x",
            " /notes",
            "/\u{0}",
        ] {
            assert_eq!(way_back(away), None, "{away:?}");
        }
        assert_eq!(way_back(&format!("/{}", "a".repeat(1_024))), None);
    }
}
