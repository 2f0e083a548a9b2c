//! What the settings say of the issuer, and of us to it.

use std::net::IpAddr;

/// The issuer, and who we are to it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// As it stands in tokens, letter by letter.
    pub(crate) issuer: String,
    /// By what the issuer knows us; without one nobody is sent there to sign in, and bearer tokens are all.
    pub(crate) id: Option<String>,
    /// A public client has none.
    pub(crate) secret: Option<String>,
    /// What bearer tokens have to be for.
    pub(crate) audience: String,
    /// Whether plain HTTP to this machine will do.
    pub(crate) development: bool,
}

impl Client {
    /// Where the issuer says what it is (OpenID Connect Discovery 1.0, 4).
    pub(crate) fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'))
    }

    /// Whether requests and browsers may be sent there.
    pub(crate) fn takes(&self, url: &str) -> bool {
        is_secure(url, self.development)
    }
}

/// Whether it is an address of HTTPS, or in development mode one of plain HTTP on this machine.
pub(crate) fn is_secure(url: &str, development: bool) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['#', '\\', '"', '<', '>']);
    if !plain || authority.is_empty() || authority.contains('@') {
        return false;
    }
    match scheme {
        "https" => true,
        "http" => development && is_loopback(authority),
        _ => false,
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_secure;

    #[test]
    fn plain_http_is_for_this_machine_in_development_mode() {
        for url in ["https://id.example", "https://id.example:8443/realms/weft?a=b"] {
            assert!(is_secure(url, false) && is_secure(url, true), "{url}");
        }
        for url in ["http://localhost:9000", "http://127.0.0.1:9000/x", "http://[::1]:9000"] {
            assert!(is_secure(url, true) && !is_secure(url, false), "{url}");
        }
        for url in [
            "http://id.example",
            "http://localhost.evil.example",
            "https://",
            "https://a@b.example",
            "https://id.example/#x",
            "ftp://id.example",
            "id.example",
            "https://id.example/\r\nx",
            "https://id.example/a b",
        ] {
            assert!(!is_secure(url, true), "{url}");
        }
    }
}
