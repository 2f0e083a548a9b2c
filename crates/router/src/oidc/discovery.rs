//! What the issuer says of itself (OpenID Connect Discovery 1.0), and its keys (RFC 7517).

use serde_json::Value as Json;
use timeweft_core::operation::Failure;

use super::client::Client;
use super::keys::Keys;
use crate::host::{Host, IssuerError, IssuerRequest};

/// Answers of the issuer are taken up to this age, in seconds.
pub(super) const MAX_AGE: u32 = 300;

/// Of a key that is not known, the issuer is asked again when what is known is older than this. So it is asked no more often than that,
/// however many tokens name keys that there are not.
pub(super) const KEYS_ANEW: u32 = 30;

/// What we need of it.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) jwks_uri: String,
    /// Whether our secret goes into the header (RFC 6749, 2.3.1), and not into the form.
    pub(super) basic: bool,
}

/// Reads what the issuer says of itself, or says what is wrong with it.
pub(super) fn parse(client: &Client, document: &[u8]) -> Result<Metadata, String> {
    let document: Json = serde_json::from_slice(document).map_err(|error| format!("it is no JSON: {error}"))?;
    let text = |name: &str| document.get(name).and_then(Json::as_str);
    let endpoint = |name: &str| match text(name) {
        Some(url) if !client.takes(url) => Err(format!("its `{name}` is no address of HTTPS")),
        url => Ok(url.map(str::to_owned)),
    };
    if text("issuer") != Some(&client.issuer) {
        return Err(format!("it says that it is `{}`; set `oidc-issuer` to that", text("issuer").unwrap_or_default()));
    }
    let methods = document.get("token_endpoint_auth_methods_supported").and_then(Json::as_array);
    Ok(Metadata {
        authorization_endpoint: endpoint("authorization_endpoint")?,
        token_endpoint: endpoint("token_endpoint")?,
        userinfo_endpoint: endpoint("userinfo_endpoint")?,
        jwks_uri: endpoint("jwks_uri")?.ok_or("it names no `jwks_uri`")?,
        // What holds when nothing is said.
        basic: methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")),
    })
}

pub(super) async fn metadata<H: Host>(host: &H, client: &Client) -> Result<Metadata, Failure> {
    let url = client.discovery_url();
    let document = get(host, &url, MAX_AGE).await?;
    parse(client, &document).map_err(|why| Failure::Unavailable(format!("the issuer's {url}: {why}")))
}

pub(super) async fn keys<H: Host>(host: &H, metadata: &Metadata, max_age: u32) -> Result<Keys, Failure> {
    let url = &metadata.jwks_uri;
    let keys = Keys::parse(&get(host, url, max_age).await?);
    keys.ok_or_else(|| Failure::Unavailable(format!("the issuer's {url} is no set of keys")))
}

async fn get<H: Host>(host: &H, url: &str, max_age: u32) -> Result<Vec<u8>, Failure> {
    let request = IssuerRequest { url: url.to_owned(), authorization: None, form: None, max_age };
    let answer = host.send(request).await.map_err(unavailable)?;
    match answer.status {
        200 => Ok(answer.body),
        status => Err(Failure::Unavailable(format!("the issuer's {url} answered {status}"))),
    }
}

pub(super) fn unavailable(IssuerError(why): IssuerError) -> Failure {
    Failure::Unavailable(format!("the issuer can't be asked: {why}"))
}
