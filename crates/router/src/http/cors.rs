//! What pages of listed origins may do and see (the Fetch standard's CORS). Pages of our own host need none of it, and
//! pages of other origins get none of it.

use crate::event::{Header, HttpResponse, header};

/// The request's origin, if it is one of those listed.
pub(super) fn origin(headers: &[Header], listed: &[String]) -> Option<String> {
    let origin = header(headers, "origin")?;
    listed.contains(&origin.to_ascii_lowercase()).then(|| origin.to_owned())
}

/// What a browser asks before it asks.
pub(super) fn preflight() -> HttpResponse {
    let headers = vec![
        Header::new("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE"),
        Header::new(
            "access-control-allow-headers",
            "authorization, content-type, idempotency-key, if-modified-since, if-none-match, if-unmodified-since",
        ),
        Header::new("access-control-max-age", "600"),
    ];
    HttpResponse { status: 204, headers, ..HttpResponse::default() }
}

/// Lets the page see the answer.
pub(super) fn allow(response: &mut HttpResponse, origin: String) {
    response.headers.push(Header::new("access-control-allow-origin", origin));
    response.headers.push(Header::new("access-control-allow-credentials", "true"));
    response.headers.push(Header::new("access-control-expose-headers", "etag, location, retry-after"));
    response.headers.push(Header::new("vary", "origin"));
}
