//! Answers. A body is one frame of a length known beforehand: Spin leaves Nagle's algorithm on, and each further small
//! write (a chunk's end is one) waits for the client's delayed acknowledgement.

use bytes::Bytes;
use spin_sdk::http::{FullBody, HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::wit::timeweft::person::handler::Header;

pub(crate) type Answer = (StatusCode, HeaderMap, FullBody<Bytes>);

/// An answer with these headers; one that can't be a header is left out, and logged.
pub(crate) fn answer(status: u16, headers: Vec<Header>, body: impl Into<Bytes>) -> Answer {
    let mut map = HeaderMap::new();
    for Header { name, value } in headers {
        // `wasi:http` lets no guest set what concerns the connection, and fails the whole answer.
        if ["connection", "upgrade", "keep-alive", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) => drop(map.append(name, value)),
            _ => eprintln!("not a header, left out: {name:?}"),
        }
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = body.into();
    if ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status) {
        map.insert("content-length", body.len().into());
    }
    (status, map, FullBody::new(body))
}

pub(crate) fn json(status: u16, body: Vec<u8>) -> Answer {
    answer(status, vec![header("content-type", "application/json")], body)
}

/// `{"error":{"code","message"}}` (docs/protocol.md, "HTTP").
pub(crate) fn failure(status: u16, code: &str, message: &str) -> Answer {
    let body = serde_json::json!({"error": {"code": code, "message": message}});
    json(status, body.to_string().into_bytes())
}

pub(crate) fn page(html: &'static str) -> Answer {
    let headers = vec![
        header("content-type", "text/html; charset=utf-8"),
        header("cache-control", "no-cache"),
        header("x-content-type-options", "nosniff"),
        header("x-frame-options", "DENY"),
    ];
    answer(200, headers, html)
}

pub(crate) fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}
