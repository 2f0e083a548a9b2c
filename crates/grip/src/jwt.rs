//! JSON Web Tokens (RFC 7519): the gateway's `Grip-Sig` and bearer tokens of an issuer who shares a key, both with HS256, and what
//! those of an issuer with public keys have in common with them ([`Unchecked`]).
//!
//! [`claims`] takes HS256 alone, whatever the token says of itself, so that no token can choose how it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Hmac;
/// What a [`Signer`] can do.
pub use hmac::Mac;
use serde_json::{Value as Json, json};
use sha2::Sha256;

/// Longest token looked at.
const LONGEST: usize = 8_192;

/// How far two clocks may differ, in seconds.
const LEEWAY: f64 = 60.0;

/// A gateway's signature is good for so many seconds.
const SIGNATURE_SECONDS: u64 = 3_600;

/// Why a token is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a token at all, or one without an end.
    #[error("not a JWT, or not signed as it has to be")]
    Malformed,
    /// Made with another key, or changed since.
    #[error("made with another key")]
    Wrong,
    /// It was good once.
    #[error("expired")]
    Expired,
    /// It will be good.
    #[error("not valid yet")]
    Early,
}

/// HMAC-SHA256 with a key.
pub type Signer = Hmac<Sha256>;

/// A signer with a key of any length, over these parts one after the other.
pub fn signer(key: &[u8], parts: &[&[u8]]) -> Signer {
    let mut signer = Signer::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    parts.iter().for_each(|part| signer.update(part));
    signer
}

/// A token over these claims.
pub fn issue(claims: &Json, key: &[u8]) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = signer(key, &[signed.as_bytes()]).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A value for `Grip-Sig`, good for an hour from `now` (seconds since 1970).
pub fn signature(issuer: &str, key: &[u8], now: u64) -> String {
    issue(&json!({ "iss": issuer, "exp": now + SIGNATURE_SECONDS }), key)
}

/// A token taken apart, whose signature nobody has looked at yet.
#[derive(Clone, Debug)]
pub struct Unchecked<'a> {
    /// What it says of itself.
    pub head: Json,
    /// What its signature is of.
    pub signed: &'a str,
    /// Its signature.
    pub signature: Vec<u8>,
    claims: Json,
}

impl<'a> Unchecked<'a> {
    /// Takes a token apart. One whose head asks for more than a signature is none.
    pub fn read(token: &'a str) -> Result<Unchecked<'a>, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (head, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let (head, claims) = (part(head)?, part(claims)?);
        // `crit` names what has to be understood to check the token (RFC 7515, 4.1.11), and `b64` changes what is signed (RFC 7797).
        if head.get("crit").is_some() || head.get("b64").is_some() {
            return Err(TokenError::Malformed);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        Ok(Unchecked { head, signed, signature, claims })
    }

    /// How it says that it is signed. Whoever checks it decides whether that may be.
    pub fn algorithm(&self) -> &str {
        self.head.get("alg").and_then(Json::as_str).unwrap_or_default()
    }

    /// By whom it says that it was issued, which anybody can write.
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// Its claims, for who has found the signature right, if it is good `now` (seconds since 1970). One that never expires is none.
    pub fn claims(self, now: f64) -> Result<Json, TokenError> {
        let claims = self.claims;
        let expires = claims.get("exp").and_then(Json::as_f64).ok_or(TokenError::Malformed)?;
        if expires + LEEWAY <= now {
            return Err(TokenError::Expired);
        }
        match claims.get("nbf").map(Json::as_f64) {
            Some(None) => Err(TokenError::Malformed),
            Some(Some(begins)) if begins - LEEWAY > now => Err(TokenError::Early),
            _ => Ok(claims),
        }
    }
}

/// The claims of a token that was signed with `key` and is good `now` (seconds since 1970). One that never expires is none.
pub fn claims(token: &str, key: &[u8], now: f64) -> Result<Json, TokenError> {
    let token = Unchecked::read(token)?;
    if token.algorithm() != "HS256" {
        return Err(TokenError::Malformed);
    }
    // Takes the same time wherever the difference is.
    signer(key, &[token.signed.as_bytes()]).verify_slice(&token.signature).map_err(|_| TokenError::Wrong)?;
    token.claims(now)
}

fn part(encoded: &str) -> Result<Json, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1e9;

    #[test]
    fn a_token_is_good_for_its_key_from_when_it_begins_until_it_expires() {
        let token = issue(&json!({"exp": 1_000_000_100, "sub": "ann"}), b"key");
        assert_eq!(claims(&token, b"key", NOW).unwrap()["sub"], "ann");
        assert_eq!(claims(&token, b"key", NOW + 159.0).unwrap()["sub"], "ann");
        assert_eq!(claims(&token, b"key", NOW + 160.0), Err(TokenError::Expired));
        assert_eq!(claims(&token, b"other", NOW), Err(TokenError::Wrong));
        assert_eq!(claims(&issue(&json!({"sub": "ann"}), b"key"), b"key", NOW), Err(TokenError::Malformed));
        let early = issue(&json!({"exp": 2e9, "nbf": 1_000_000_100}), b"key");
        assert_eq!(claims(&early, b"key", NOW), Err(TokenError::Early));
    }

    #[test]
    fn changed_claims_are_refused() {
        let good = issue(&json!({"exp": 1_000_000_100}), b"key");
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (head, _) = signed.split_once('.').unwrap();
        let forged = format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"exp":2e9}"#));
        assert_eq!(claims(&forged, b"key", NOW), Err(TokenError::Wrong));
    }

    #[test]
    fn a_token_cannot_choose_to_be_unsigned() {
        let (none, body) = (URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(r#"{"exp":2e9}"#));
        assert_eq!(claims(&format!("{none}.{body}."), b"key", NOW), Err(TokenError::Malformed));
        let signature = signer(b"key", &[format!("{none}.{body}").as_bytes()]).finalize().into_bytes();
        let signed = format!("{none}.{body}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(claims(&signed, b"key", NOW), Err(TokenError::Malformed));
        for bad in ["", ".", "..", "a.b.c", "a"] {
            assert!(claims(bad, b"key", NOW).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_whose_head_asks_for_more_is_refused() {
        for head in [
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
            r#"{"alg":"HS256","b64":true}"#,
        ] {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(r#"{"exp":2e9}"#));
            let signature = signer(b"key", &[signed.as_bytes()]).finalize().into_bytes();
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
            assert_eq!(claims(&token, b"key", NOW), Err(TokenError::Malformed), "{head}");
        }
    }

    #[test]
    fn a_signature_is_good_for_an_hour() {
        let token = signature("timeweft", b"secret", 1_000_000_000);
        assert_eq!(claims(&token, b"secret", NOW).unwrap()["iss"], "timeweft");
        assert_eq!(claims(&token, b"secret", NOW + 3_660.0), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_of_another_implementation_is_read() {
        // From the JWT debugger of the field: header {"alg":"HS256","typ":"JWT"}, key "your-256-bit-secret". It has no end.
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
        let (signed, mac) = token.rsplit_once('.').unwrap();
        let mac = URL_SAFE_NO_PAD.decode(mac).unwrap();
        assert!(signer(b"your-256-bit-secret", &[signed.as_bytes()]).verify_slice(&mac).is_ok());
    }
}
