//! What a request is for: the path and the query of its target (RFC 3986), percent-decoded.

use percent_encoding::percent_decode_str;

/// The path.
pub(crate) fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// Percent-decoding; `None` when what comes out is not UTF-8 or an escape is cut short.
pub(crate) fn unescape(text: &str) -> Option<String> {
    // Decoders of the field leave a `%` that is no escape as it is; here it is a mistake of who wrote it.
    let is_escape = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_percent_encoded_utf_8_is_nothing() {
        assert_eq!(unescape("a%20b%C3%A9+%25").as_deref(), Some("a bé+%"));
        for bad in ["%", "%4", "a%zz", "%C3", "%+f1", "%é1"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }
}
