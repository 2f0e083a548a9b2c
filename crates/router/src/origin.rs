//! Whether a page may speak to us with its visitor's cookie: its `Origin` is our own host or is listed.
//!
//! Only browsers send `Origin`, and they always do where it matters; a request without one is no page's.

use crate::event::{Header, header};

/// True when there is no `Origin`, when it is the host that was asked, or when it is listed.
pub(crate) fn is_ours(headers: &[Header], listed: &[String]) -> bool {
    let Some(origin) = header(headers, "origin") else { return true };
    let origin = origin.to_ascii_lowercase();
    if listed.contains(&origin) {
        return true;
    }
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return false,
    };
    let Some(host) = header(headers, "host") else { return false };
    let host = host.to_ascii_lowercase();
    let bare = |name: &str| name.strip_suffix(default_port).unwrap_or(name).to_owned();
    bare(authority) == bare(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(origin: &str, host: &str) -> bool {
        is_ours(&[Header::new("origin", origin), Header::new("host", host)], &["https://app.example".to_owned()])
    }

    #[test]
    fn our_host_and_listed_origins_are_ours() {
        assert!(ours("http://localhost:3000", "localhost:3000"));
        assert!(ours("https://Weft.example", "weft.example"));
        assert!(ours("https://weft.example", "weft.example:443"));
        assert!(ours("https://app.example", "weft.example"));
        assert!(is_ours(&[Header::new("host", "weft.example")], &[]));
    }

    #[test]
    fn others_are_foreign() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "https://weft.example.evil.example",
            "file://",
            "https://weft.example:8443",
            "ftp://weft.example",
            "http://app.example",
        ] {
            assert!(!ours(origin, "weft.example"), "{origin}");
        }
        assert!(!is_ours(&[Header::new("origin", "https://weft.example")], &[]));
    }
}
