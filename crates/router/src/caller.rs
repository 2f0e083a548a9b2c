//! Who is asking: the cookie `session`, the same token as `Authorization: Bearer`, or an issuer's JWT as bearer.

use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;
use timeweft_grip::jwt;

use crate::access::{self, NOBODY};
use crate::config::Config;
use crate::crypto;
use crate::event::Header;
use crate::execute::Principal;
use crate::host::Host;
use crate::oidc::{self, token::Claims, token::is_for};
use crate::sign_in::persons;
use crate::sign_in::sessions::{self, Known};
use crate::token::Token;

/// Sessions of an issuer's JWTs begin so; we keep no record of them.
const FOREIGN: &str = "jwt-";

/// Cookies named `session` that are looked at: one of a parent domain may stand before ours.
const COOKIES: usize = 4;

/// A person who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) token: Token,
    /// Known of those who signed in by email.
    pub(crate) email: Option<String>,
    /// Whether they have not signed in yet.
    pub(crate) is_guest: bool,
}

impl Caller {
    pub(crate) fn person(&self) -> &str {
        &self.token.person
    }

    /// In whose name they ask.
    pub(crate) fn principal(&self) -> Principal<'_> {
        Principal::by(&self.token)
    }

    /// The same, or nobody.
    pub(crate) fn principal_of(caller: &Option<Caller>) -> Principal<'_> {
        caller.as_ref().map_or(Principal::of(NOBODY), Caller::principal)
    }
}

/// Whether the session is one that we keep a record of.
pub(crate) fn is_recorded(session: &str) -> bool {
    !session.starts_with(FOREIGN)
}

/// Who sent these headers; `None` when they show nobody, an `Err` when we can't tell.
pub(crate) async fn identify<H: Host>(
    host: &H,
    config: &Config,
    headers: &[Header],
) -> Result<Option<Caller>, Failure> {
    let now = host.now();
    if let Some(bearer) = bearer(headers) {
        if let Some(token) = config.session(bearer, now) {
            return standing(host, config, token).await;
        }
        return vouched_for(host, config, bearer).await;
    }
    for text in cookies(headers).take(COOKIES) {
        if let Some(token) = config.session(text, now)
            && let Some(caller) = standing(host, config, token).await?
        {
            return Ok(Some(caller));
        }
    }
    Ok(None)
}

/// For whom an issuer's token vouches.
pub(crate) async fn vouched_for<H: Host>(host: &H, config: &Config, bearer: &str) -> Result<Option<Caller>, Failure> {
    if let Some(caller) = foreign(bearer, config, host.now()) {
        return Ok(Some(caller));
    }
    let Some(client) = &config.oidc else { return Ok(None) };
    let claims = oidc::of_bearer(host, client, bearer).await?;
    Ok(claims.map(|claims| of_claims(&client.issuer, claims, bearer)))
}

/// Whose credentials these headers carry, as far as that can be told without the store and without asking the issuer: the session may
/// have been ended. `known` is what the issuer has answered to a GET of a URL lately.
pub(crate) fn claimed(
    config: &Config,
    headers: &[Header],
    now: Timestamp,
    known: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<String> {
    if let Some(bearer) = bearer(headers) {
        let token = config.session(bearer, now);
        let foreign = || foreign(bearer, config, now).map(|caller| caller.token);
        let known = || {
            let client = config.oidc.as_ref()?;
            let claims = oidc::of_known_bearer(client, bearer, now, known)?;
            Some(of_claims(&client.issuer, claims, bearer).token)
        };
        return token.or_else(foreign).or_else(known).map(|token| token.person);
    }
    cookies(headers).take(COOKIES).find_map(|text| config.session(text, now)).map(|token| token.person)
}

async fn standing<H: Host>(host: &H, config: &Config, token: Token) -> Result<Option<Caller>, Failure> {
    if !is_recorded(&token.session) {
        return Ok(None);
    }
    let known = sessions::find(host, &token.person, &token.session).await?;
    // Who is an admin may be another since it began.
    if let Some(admin) = &token.impersonator
        && !access::may_impersonate(host, config, admin, &token.person).await?
    {
        return Ok(None);
    }
    Ok(known.map(|Known { email, is_guest }| Caller { token, email, is_guest }))
}

/// The person of a token of the issuer who shares a key.
fn foreign(bearer: &str, config: &Config, now: Timestamp) -> Option<Caller> {
    let issuer = config.issuer.as_ref()?;
    let claims = jwt::claims(bearer, &issuer.key, now.seconds()).ok()?;
    if claims.get("iss")?.as_str()? != issuer.name {
        return None;
    }
    if let Some(audience) = &issuer.audience
        && !is_for(claims.get("aud")?, audience)
    {
        return None;
    }
    let person = persons::of_shared_subject(claims.get("sub")?.as_str()?)?;
    let expires = claims.get("exp")?.as_f64()? as u64;
    let is_theirs = claims.get("email_verified").is_none_or(|verified| verified.as_bool() == Some(true));
    let email = claims.get("email").filter(|_| is_theirs).and_then(|email| email.as_str()).map(str::to_owned);
    Some(of_token(bearer, person, expires, email))
}

/// The person of a token of OpenID Connect.
fn of_claims(issuer: &str, claims: Claims, bearer: &str) -> Caller {
    let person = persons::of_subject(issuer, &claims.subject);
    of_token(bearer, person, claims.expires, claims.email)
}

fn of_token(bearer: &str, person: String, expires: u64, email: Option<String>) -> Caller {
    let session = format!("{FOREIGN}{}", crypto::hash(bearer));
    Caller { token: Token { person, session, expires, impersonator: None }, email, is_guest: false }
}

/// What follows `Bearer ` in `Authorization`.
pub(crate) fn bearer(headers: &[Header]) -> Option<&str> {
    let text = crate::event::header(headers, "authorization")?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// All cookies of a request, by name and value.
pub(crate) fn all_cookies(headers: &[Header]) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("cookie"));
    lines.flat_map(|header| header.value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn cookies(headers: &[Header]) -> impl Iterator<Item = &str> {
    all_cookies(headers).filter_map(|(name, value)| (name == "session").then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let headers = [Header::new("cookie", "a=b; session=one; xsession=no"), Header::new("Cookie", "session=two")];
        assert_eq!(cookies(&headers).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_the_scheme() {
        assert_eq!(bearer(&[Header::new("authorization", "bearer abc")]), Some("abc"));
        assert_eq!(bearer(&[Header::new("authorization", "Basic abc")]), None);
        assert_eq!(bearer(&[]), None);
    }
}
