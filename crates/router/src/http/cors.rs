//! What pages of listed origins may do and see (the Fetch standard, "CORS protocol"). Pages of our own host need none of
//! it, and pages of other origins get none of it. Without the setting `origins` there is no CORS at all.
//!
//! Credentials are allowed, so an origin is always named and never `*`. A browser sends the cookie along only from a page of
//! the same site (`SameSite=Lax`); other pages bring a bearer token.

use crate::event::{Header, HttpRequest, HttpResponse, header};

/// The methods there are. GET, HEAD and POST need no leave, and are named for who reads this.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// The headers that mean something to us and that a page may not set without leave.
const HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-modified-since, if-none-match, \
                       if-unmodified-since";

/// The headers of answers that a page could not see otherwise.
const EXPOSED: &str = "accept-patch, allow, etag, location, retry-after, timeweft-role, www-authenticate";

/// The request's origin, if it is one of those listed.
pub(super) fn origin(headers: &[Header], listed: &[String]) -> Option<String> {
    let origin = header(headers, "origin")?;
    listed.contains(&origin.to_ascii_lowercase()).then(|| origin.to_owned())
}

/// Whether a browser asks if its page may ask.
pub(super) fn is_preflight(request: &HttpRequest) -> bool {
    request.method == "OPTIONS" && header(&request.headers, "access-control-request-method").is_some()
}

/// The answer to that, beside what [`allow`] adds.
pub(super) fn preflight() -> HttpResponse {
    let headers = vec![
        Header::new("access-control-allow-methods", METHODS),
        Header::new("access-control-allow-headers", HEADERS),
        Header::new("access-control-max-age", "600"),
    ];
    HttpResponse { status: 204, headers, ..HttpResponse::default() }
}

/// Lets the page see the answer.
pub(super) fn allow(response: &mut HttpResponse, origin: String) {
    response.headers.push(Header::new("access-control-allow-origin", origin));
    response.headers.push(Header::new("access-control-allow-credentials", "true"));
    response.headers.push(Header::new("access-control-expose-headers", EXPOSED));
}
