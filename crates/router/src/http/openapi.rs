//! `GET /api/v1/openapi.json`: the API described in OpenAPI 3.1, for tools. Written by hand in `docs/openapi.json`;
//! `tests/http` holds the server to it.

use crate::event::{Header, HttpResponse};

/// The document.
const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

/// For everybody, and in JSON whatever is accepted.
pub(super) fn get() -> HttpResponse {
    let headers =
        vec![Header::new("content-type", "application/json"), Header::new("cache-control", "public, max-age=300")];
    HttpResponse { status: 200, headers, body: DOCUMENT.as_bytes().to_vec(), ..HttpResponse::default() }
}
