//! Conditional requests (RFC 9110, 13), in which a version is named by its `validFrom`: in a date header as it is, as an
//! entity tag in quotes.
//!
//! The tag names the version and not its encoding: JSON and CBOR of one version have the same. `If-None-Match` compares
//! weakly. `If-Match` names the version that a change starts from, as `If-Unmodified-Since` does; `*`, any version, names none.

use timeweft_core::message::Code;
use timeweft_core::time::Timestamp;

use crate::event::{Header, header};

use super::answer::{Refused, refuse};

/// A header that may be there once: of two that say different things neither is what was meant.
pub(super) fn only<'a>(headers: &'a [Header], name: &str) -> Result<Option<&'a str>, Refused> {
    match headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count() {
        0 | 1 => Ok(header(headers, name)),
        _ => Err(refuse(Code::BadRequest, format!("`{name}` is there more than once; send one"))),
    }
}

/// A date in a header, in the form of section 1.
pub(super) fn date(headers: &[Header], name: &str) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = only(headers, name)? else { return Ok(None) };
    // Who puts our `ETag` into a date header means what is in it.
    let text = text.trim().trim_matches('"');
    Timestamp::parse(text).map(Some).map_err(|error| refuse(Code::BadRequest, format!("`{name}`: {error}")))
}

/// The version that a change starts from.
pub(super) fn base(headers: &[Header]) -> Result<Option<Timestamp>, Refused> {
    if header(headers, "if-none-match").is_some() {
        return Err(refuse(
            Code::BadRequest,
            "`if-none-match` is for reading; name the version that this change starts from in `if-match`",
        ));
    }
    let by_date = date(headers, "if-unmodified-since")?;
    let by_tag = match only(headers, "if-match")?.map(str::trim) {
        None | Some("*") => None,
        Some(tag) => {
            let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let version = version.and_then(|text| Timestamp::parse(text).ok());
            Some(version.ok_or_else(|| {
                refuse(Code::BadRequest, "`if-match` is one `ETag` of this entity, as it was given, or `*`")
            })?)
        }
    };
    match (by_date, by_tag) {
        (Some(date), Some(tag)) if date != tag => {
            Err(refuse(Code::BadRequest, "`if-match` and `if-unmodified-since` name different versions; send one"))
        }
        (date, tag) => Ok(date.or(tag)),
    }
}

/// Whether `If-None-Match` names this version, so that a read of it answers 304.
pub(super) fn is_known(if_none_match: &str, version: Timestamp) -> bool {
    let version = version.to_string();
    let is = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == version;
    if_none_match.split(',').map(str::trim).any(is)
}
