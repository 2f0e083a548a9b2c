//! What a request must be before anybody looks at it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::backend::{Body, refuse};
use super::shares::SignIn;

/// Whose requests are taken, by the name that the client used for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// All: the proxy in front, or the network, decides.
    All,
    /// This machine and these others: a page of the web can have its own name lead here, and so pass for a page of ours.
    Local(Vec<String>),
}

impl Hosts {
    fn takes(&self, authority: &str) -> bool {
        let Hosts::Local(others) = self else { return true };
        let host = host(authority);
        host == "localhost"
            || host.ends_with(".localhost")
            || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            || others.contains(&host)
    }
}

/// The name in an origin such as `https://app.example.org:8443`.
pub fn host_of(origin: &str) -> Option<String> {
    origin.split_once("://").map(|(_, authority)| host(authority))
}

/// The name in an authority, without the port, in lower case.
fn host(authority: &str) -> String {
    let name = match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => &authority[..at],
        _ => authority,
    };
    name.to_ascii_lowercase()
}

/// Why the request is refused, if it is.
pub(super) fn refusal<B>(request: &Request<B>, hosts: &Hosts) -> Option<Response<Body>> {
    let bad = |message| Some(refuse(StatusCode::BAD_REQUEST, "bad-request", message));
    let mut named = request.headers().get_all(header::HOST).iter();
    // RFC 9112, 3.2.
    match (named.next(), named.next()) {
        (Some(_), Some(_)) => bad("a request has one `Host` header"),
        (None, _) if request.version() >= Version::HTTP_11 => bad("the `Host` header is missing"),
        (Some(name), None) if !name.to_str().is_ok_and(|name| hosts.takes(name)) => Some(refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "forbidden",
            "in development mode requests come to localhost; other names are listed with --origin",
        )),
        _ => None,
    }
}

/// Why the request can't open a WebSocket, if it can't (RFC 6455, 4.2.1).
pub(super) fn no_socket<B>(request: &Request<B>) -> Option<Response<Body>> {
    if request.method() != Method::GET {
        return Some(refuse(StatusCode::METHOD_NOT_ALLOWED, "bad-request", "a WebSocket opens with GET"));
    }
    if request.version() < Version::HTTP_11 {
        let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
        return Some(refuse(status, "bad-request", "a WebSocket opens with HTTP/1.1"));
    }
    let headers = request.headers();
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "bad-request", "WebSocket version 13 is spoken here");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
        return Some(response);
    }
    if !has_key(headers) {
        let message = "`Sec-WebSocket-Key` is missing or not 16 bytes in base64";
        return Some(refuse(StatusCode::BAD_REQUEST, "bad-request", message));
    }
    None
}

fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().and_then(|key| STANDARD.decode(key.as_bytes().trim_ascii()).ok());
    key.is_some_and(|key| key.len() == 16) && keys.next().is_none()
}

/// The step of a sign-in that the request is.
pub(super) fn sign_in<B>(request: &Request<B>) -> Option<SignIn> {
    match (request.method(), request.uri().path().trim_end_matches('/')) {
        (&Method::POST, "/login") => Some(SignIn::Code),
        (&Method::POST, "/login/guest") => Some(SignIn::Guest),
        (&Method::POST, "/login/verify") => Some(SignIn::Guess),
        // What it brings is asked of the issuer.
        (&Method::GET, "/login/oidc/callback") => Some(SignIn::Guess),
        _ => None,
    }
}

/// Whether the request asks for a sign-in code.
pub(crate) fn asks_for_code<B>(request: &Request<B>) -> bool {
    sign_in(request) == Some(SignIn::Code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let headers = headers.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
        headers.body(()).unwrap()
    }

    fn status(refusal: Option<Response<Body>>) -> u16 {
        refusal.map_or(200, |response| response.status().as_u16())
    }

    #[test]
    fn in_development_only_names_of_this_machine_and_those_listed_are_taken() {
        let local = Hosts::Local(vec!["dev.example".to_owned()]);
        let status = |name: &str| status(refusal(&request(&[("host", name)]), &local));
        for name in
            ["localhost", "LOCALHOST:8080", "app.localhost", "127.0.0.1:80", "127.8.8.8", "[::1]:8080", "dev.example:1"]
        {
            assert_eq!(status(name), 200, "{name}");
        }
        for name in
            ["evil.example", "localhost.evil.example", "192.0.2.1", "[2001:db8::1]", "", "127.0.0.1.evil.example"]
        {
            assert_eq!(status(name), 421, "{name}");
        }
    }

    #[test]
    fn a_request_has_one_host() {
        assert_eq!(status(refusal(&request(&[("host", "a")]), &Hosts::All)), 200);
        assert_eq!(status(refusal(&request(&[("host", "a"), ("host", "a")]), &Hosts::All)), 400);
        assert_eq!(status(refusal(&request(&[]), &Hosts::All)), 400);
    }

    #[test]
    fn a_socket_opens_with_a_key_of_16_bytes() {
        let key = |key| status(no_socket(&request(&[("sec-websocket-version", "13"), ("sec-websocket-key", key)])));
        assert_eq!(key("dGhlIHNhbXBsZSBub25jZQ=="), 200);
        assert_eq!([key("dGhlIHNhbXBsZSBub25jZQ"), key("short"), key("")], [400, 400, 400]);
        let mut old = request(&[("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]);
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(no_socket(&old)), 505);
    }
}
