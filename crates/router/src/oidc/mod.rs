//! OpenID Connect: the issuer of the settings vouches for persons, by bearer tokens and by a button (docs/protocol.md, "Sign-in by an
//! issuer").
//!
//! | module | what |
//! |---|---|
//! | [`client`] | what the settings say of the issuer, and of us to it |
//! | [`discovery`] | what the issuer says of itself, and its keys |
//! | [`keys`] | signatures: RS256, ES256, EdDSA |
//! | [`token`] | what a token of the issuer has to be |
//! | [`flow`] | the way of a browser to the issuer and back: the code flow with PKCE |
//!
//! Nothing here is remembered between calls. What the issuer has answered, the host keeps for a while
//! ([`crate::host::IssuerRequest::max_age`]), so that discovery and keys cost nothing with each call.

pub(crate) mod client;
mod discovery;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod flow;
mod keys;
#[cfg(test)]
mod tests;
pub(crate) mod token;

use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;
use timeweft_grip::jwt::Unchecked;

use crate::host::Host;
use client::Client;
use keys::Keys;
use token::{Claims, Untrusted};

/// The claims of a token in `Authorization: Bearer`; `None` when it is not one of this issuer's for us.
pub(crate) async fn of_bearer<H: Host>(host: &H, client: &Client, bearer: &str) -> Result<Option<Claims>, Failure> {
    let Some(token) = candidate(client, bearer) else { return Ok(None) };
    Ok(verify(host, client, token, &client.audience).await?.ok())
}

/// The same from what is known of the issuer already, without asking it.
pub(crate) fn of_known_bearer(
    client: &Client,
    bearer: &str,
    now: Timestamp,
    known: impl Fn(&str) -> Option<Vec<u8>>,
) -> Option<Claims> {
    let token = candidate(client, bearer)?;
    let metadata = discovery::parse(client, &known(&client.discovery_url())?).ok()?;
    let keys = Keys::parse(&known(&metadata.jwks_uri)?)?;
    token::check(token, &keys, client, &client.audience, now).ok()
}

/// What costs nothing to refuse is refused before the issuer is asked for anything.
fn candidate<'a>(client: &Client, bearer: &'a str) -> Option<Unchecked<'a>> {
    let token = Unchecked::read(bearer).ok()?;
    (token.claimed_issuer() == Some(&client.issuer) && token::is_of_kind(&token)).then_some(token)
}

/// Whether the token is the issuer's, for this audience and good now. Of a key that is not known it is asked again, at most as often as
/// [`discovery::KEYS_ANEW`] says.
async fn verify<H: Host>(
    host: &H,
    client: &Client,
    token: Unchecked<'_>,
    audience: &str,
) -> Result<Result<Claims, Untrusted>, Failure> {
    let metadata = discovery::metadata(host, client).await?;
    let keys = discovery::keys(host, &metadata, discovery::MAX_AGE).await?;
    match token::check(token.clone(), &keys, client, audience, host.now()) {
        Err(Untrusted::UnknownKey) => {
            let keys = discovery::keys(host, &metadata, discovery::KEYS_ANEW).await?;
            Ok(token::check(token, &keys, client, audience, host.now()))
        }
        checked => Ok(checked),
    }
}
