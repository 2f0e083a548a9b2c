//! Errors as problem details (RFC 9457), for who asks for `application/problem+json`.
//!
//! The members of the standard come first (`type`, `title`, `status`, `detail`), then `code`, then all that the error has
//! otherwise: `error`, and `diff`, `value`, `meta` where there are some. `type` is where the codes are explained.

use serde_json::{Value as Json, json};

use crate::event::HttpResponse;

/// Of problem details.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// What our errors begin with, in JSON.
const START: &[u8] = b"{\"error\":";

const EXPLAINED: &str = "https://github.com/timeweft/timeweft/blob/main/docs/protocol.md";

/// Writes a JSON error as problem details; leaves any other answer as it is, also one in tRPC's manner, whose codes are numbers.
pub(super) fn describe(response: &mut HttpResponse) {
    if response.status < 400 {
        return;
    }
    let Some(rest) = response.body.strip_prefix(START) else { return };
    let Some(Ok(error)) = serde_json::Deserializer::from_slice(rest).into_iter::<Json>().next() else { return };
    let Some(code) = error["code"].as_str() else { return };
    let mut problem = json!({
        "type": format!("{EXPLAINED}#{code}"),
        "title": title(code),
        "status": response.status,
        "detail": error["message"],
        "code": code,
    });
    if let Some(violations) = error.get("violations") {
        problem["violations"] = violations.clone();
    }
    let mut body = problem.to_string().into_bytes();
    body.pop();
    body.push(b',');
    body.extend_from_slice(response.body.get(1..).unwrap_or_default());
    response.body = body;
    for header in response.headers.iter_mut().filter(|header| header.name == "content-type") {
        header.value = MEDIA_TYPE.to_owned();
    }
}

/// `unknown-version` as `Unknown version`.
fn title(code: &str) -> String {
    let mut letters = code.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters.map(|letter| if letter == '-' { ' ' } else { letter })).collect()
}
