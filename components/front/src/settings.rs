//! Spin variables, as the manifest names them, and the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::wit::fermyon::spin::variables;

/// What one request's body may hold if `limit_body_bytes` doesn't say otherwise (docs/protocol.md, "Limits").
const DEFAULT_BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The framing of socket events around a message of the largest size. The person applies the exact limits.
const FRAMING: usize = 64 * 1024;

/// A variable; unset and empty are the same, since one that may be left out has the default `""` in spin.toml.
pub(crate) fn get(name: &str) -> Option<String> {
    variables::get(name).ok().filter(|value| !value.is_empty())
}

/// The most that is read of a request's body.
pub(crate) fn body_limit() -> usize {
    let limit = get("limit_body_bytes").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_BODY_LIMIT);
    limit.saturating_add(FRAMING)
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
