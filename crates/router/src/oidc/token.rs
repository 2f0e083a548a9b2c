//! What a token of the issuer has to be (OpenID Connect Core 1.0, 3.1.3.7; RFC 9068, 4).

use serde_json::Value as Json;
use timeweft_core::time::Timestamp;
use timeweft_grip::jwt::{TokenError, Unchecked};

use super::client::Client;
use super::keys::Keys;
use crate::sign_in::email;

/// What a token says, all of which the issuer vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// Normal. One that the issuer has not verified is not known.
    pub(crate) email: Option<String>,
    pub(super) nonce: Option<String>,
    /// The client that it was given to (`azp`).
    pub(super) authorized: Option<String>,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Untrusted {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("signed neither with RS256 nor ES256 nor EdDSA")]
    Algorithm,
    #[error("signed with a key that the issuer does not publish")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is a token for something else")]
    Kind,
    #[error("issued by another")]
    Issuer,
    #[error("for another audience")]
    Audience,
    #[error("it names no subject")]
    Subject,
}

/// Whether it is an ID token, an access token or a JWT of no kind: others of the same issuer (of a logout, say) are for something else.
pub(super) fn is_of_kind(token: &Unchecked<'_>) -> bool {
    match token.head.get("typ") {
        None => true,
        Some(Json::String(kind)) => {
            let kind = kind.to_ascii_lowercase();
            matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
        }
        Some(_) => false,
    }
}

/// The claims, when one of the keys has signed them and they are for this audience and good now.
pub(super) fn check(
    token: Unchecked<'_>,
    keys: &Keys,
    client: &Client,
    audience: &str,
    now: Timestamp,
) -> Result<Claims, Untrusted> {
    if !is_of_kind(&token) {
        return Err(Untrusted::Kind);
    }
    keys.verify(&token)?;
    let claims = token.claims(now.seconds())?;
    let text = |name: &str| claims.get(name).and_then(Json::as_str);
    if text("iss") != Some(&client.issuer) {
        return Err(Untrusted::Issuer);
    }
    if !claims.get("aud").is_some_and(|aud| is_for(aud, audience)) {
        return Err(Untrusted::Audience);
    }
    let expires = claims.get("exp").and_then(Json::as_f64).ok_or(TokenError::Malformed)?;
    Ok(Claims {
        subject: text("sub").filter(|subject| !subject.is_empty()).ok_or(Untrusted::Subject)?.to_owned(),
        expires: expires as u64,
        email: verified_email(&claims),
        nonce: text("nonce").map(str::to_owned),
        authorized: text("azp").map(str::to_owned),
    })
}

/// The address, if the issuer says that it is this person's.
pub(super) fn verified_email(claims: &Json) -> Option<String> {
    // Some issuers write it as a text.
    let verified = claims.get("email_verified").is_some_and(|is| is == true || is == "true");
    claims.get("email").and_then(Json::as_str).filter(|_| verified).and_then(email::normalize)
}

/// `aud` is one audience or a list of them (RFC 7519, 4.1.3).
pub(crate) fn is_for(aud: &Json, audience: &str) -> bool {
    aud.as_str() == Some(audience)
        || aud.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some(audience)))
}
