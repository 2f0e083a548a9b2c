//! The signature of a gateway: a JWT (HS256) in the `Grip-Sig` header, made with a key that both know.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// How far a gateway's clock may be behind ours, in seconds.
const LEEWAY: u64 = 30;

#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub(crate) enum SignatureError {
    #[error("missing")]
    Missing,
    #[error("not a JWT signed with HS256")]
    Malformed,
    #[error("made with another key")]
    Wrong,
    #[error("expired")]
    Expired,
}

#[derive(Deserialize)]
struct Algorithm {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
}

/// Whether `token` was signed with `key` and holds at `now` (seconds since 1970).
pub(crate) fn check(token: Option<&str>, key: &str, now: u64) -> Result<(), SignatureError> {
    let (signed, signature) =
        token.ok_or(SignatureError::Missing)?.rsplit_once('.').ok_or(SignatureError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(SignatureError::Malformed)?;
    let algorithm: Algorithm = part(header)?;
    if algorithm.alg != "HS256" {
        return Err(SignatureError::Malformed);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SignatureError::Malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| SignatureError::Wrong)?;
    mac.update(signed.as_bytes());
    // Takes the same time wherever the difference is.
    mac.verify_slice(&signature).map_err(|_| SignatureError::Wrong)?;
    let claims: Claims = part(claims)?;
    if claims.exp.saturating_add(LEEWAY) < now { Err(SignatureError::Expired) } else { Ok(()) }
}

fn part<T: for<'de> Deserialize<'de>>(encoded: &str) -> Result<T, SignatureError> {
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SignatureError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| SignatureError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str, key: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length will do");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

    #[test]
    fn a_signature_with_our_key_holds_until_it_expires() {
        let token = token(HEADER, r#"{"iss":"gateway","exp":1000}"#, "changeme");
        assert_eq!(check(Some(&token), "changeme", 1000), Ok(()));
        assert_eq!(check(Some(&token), "changeme", 1030), Ok(()));
        assert_eq!(check(Some(&token), "changeme", 1031), Err(SignatureError::Expired));
    }

    #[test]
    fn another_key_or_changed_claims_are_refused() {
        let good = token(HEADER, r#"{"exp":1000}"#, "changeme");
        assert_eq!(check(Some(&good), "other", 0), Err(SignatureError::Wrong));
        let (_, signature) = good.rsplit_once('.').expect("has three parts");
        let forged =
            format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(r#"{"exp":9000}"#));
        assert_eq!(check(Some(&forged), "changeme", 0), Err(SignatureError::Wrong));
    }

    #[test]
    fn an_unsigned_token_is_refused_and_so_is_none() {
        let unsigned = token(r#"{"alg":"none"}"#, r#"{"exp":1000}"#, "changeme");
        assert_eq!(check(Some(&unsigned), "changeme", 0), Err(SignatureError::Malformed));
        assert_eq!(check(Some("a.b"), "changeme", 0), Err(SignatureError::Malformed));
        assert_eq!(check(Some(""), "changeme", 0), Err(SignatureError::Malformed));
        assert_eq!(check(None, "changeme", 0), Err(SignatureError::Missing));
    }
}
