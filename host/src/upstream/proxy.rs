//! Requests that are no sockets, passed on with their bodies as they come.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::Upstream;
use crate::gateway::{Body, is_hop_by_hop, refuse};

/// A backstop; what a request may hold is the upstream's to say.
const BODY_BYTES: usize = 64 << 20;

impl Upstream {
    pub(super) async fn proxy(&self, request: Request<Incoming>) -> Response<Body> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let Ok(uri) = format!("{}{target}", self.options.url).parse() else {
            return refuse(StatusCode::BAD_REQUEST, "bad-request", "the target is no path");
        };
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        end_hop(&mut parts.headers);
        if let Some(host) = parts.headers.get(header::HOST).cloned() {
            parts.headers.entry("x-forwarded-host").or_insert(host);
        }
        parts.headers.entry("x-forwarded-proto").or_insert(HeaderValue::from_static("http"));
        let body = Limited::new(body, BODY_BYTES).boxed_unsync();
        let answer = self.client.request(Request::from_parts(parts, body));
        match tokio::time::timeout(self.options.timeout, answer).await {
            Ok(Ok(response)) => {
                let (mut parts, body) = response.into_parts();
                end_hop(&mut parts.headers);
                Response::from_parts(parts, body.map_err(Into::into).boxed_unsync())
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, target, "the upstream did not answer");
                let error = match error.is_connect() {
                    true => "the server behind this gateway can't be reached",
                    false => "the server behind this gateway broke off",
                };
                refuse(StatusCode::BAD_GATEWAY, "unavailable", error)
            }
            Err(_) => {
                refuse(StatusCode::GATEWAY_TIMEOUT, "unavailable", "the server behind this gateway took too long")
            }
        }
    }
}

/// Removes what was between us and one neighbour, also what `Connection` names.
fn end_hop(headers: &mut HeaderMap) {
    let values = headers.get_all(header::CONNECTION);
    let named = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut names: Vec<HeaderName> = named.filter_map(|name| name.trim().parse().ok()).collect();
    names.extend(headers.keys().filter(|name| is_hop_by_hop(name)).cloned());
    for name in names {
        headers.remove(name);
    }
}
