//! JSON Web Tokens with HS256 (RFC 7519): the gateway's `Grip-Sig`, and bearer tokens of a configured issuer.
//!
//! Only HS256 is taken, whatever the token says of itself, so that no token can choose how it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;
use timeweft_core::time::Timestamp;

use crate::crypto;

/// Longest token looked at.
const LONGEST: usize = 8_192;
/// How far two clocks may differ, in seconds.
const LEEWAY: f64 = 60.0;

/// The claims of a token signed with `key` and valid `now`. A token that never expires is not valid.
pub(crate) fn claims(token: &str, key: &[u8], now: Timestamp) -> Option<Json> {
    if token.len() > LONGEST {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, body) = signed.split_once('.')?;
    if !crypto::verify(key, &[signed.as_bytes()], signature) {
        return None;
    }
    let json = |part: &str| serde_json::from_slice::<Json>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    if json(head)?.get("alg")?.as_str()? != "HS256" {
        return None;
    }
    let claims = json(body)?;
    let seconds = now.0 as f64 / 1e6;
    if claims.get("exp")?.as_f64()? + LEEWAY <= seconds {
        return None;
    }
    match claims.get("nbf") {
        Some(not_before) if not_before.as_f64()? - LEEWAY > seconds => None,
        _ => Some(claims),
    }
}

/// A token over these claims; for tests and for those who play a gateway.
#[cfg(test)]
pub(crate) fn issue(claims: &Json, key: &[u8]) -> String {
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&serde_json::json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let signature = crypto::sign(key, &[signed.as_bytes()]);
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000_000);

    #[test]
    fn a_token_is_good_for_its_key_until_it_expires() {
        let token = issue(&json!({"exp": 1_000_000_100, "sub": "ann"}), b"key");
        assert_eq!(claims(&token, b"key", NOW).unwrap()["sub"], "ann");
        assert!(claims(&token, b"other", NOW).is_none());
        assert!(claims(&token, b"key", Timestamp(NOW.0 + 1_000_000_000)).is_none());
        assert!(claims(&issue(&json!({"sub": "ann"}), b"key"), b"key", NOW).is_none());
        assert!(claims(&issue(&json!({"exp": 2e9, "nbf": 1_000_000_100}), b"key"), b"key", NOW).is_none());
    }

    #[test]
    fn a_token_cannot_choose_to_be_unsigned() {
        let part = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let body = part(json!({"exp": 2e9}));
        let none = part(json!({"alg": "none"}));
        assert!(claims(&format!("{none}.{body}."), b"key", NOW).is_none());
        let signature = crypto::sign(b"key", &[format!("{none}.{body}").as_bytes()]);
        assert!(claims(&format!("{none}.{body}.{signature}"), b"key", NOW).is_none());
        for bad in ["", ".", "..", "a.b.c", "a"] {
            assert!(claims(bad, b"key", NOW).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_of_another_implementation_is_read() {
        // From the JWT debugger of the field: header {"alg":"HS256","typ":"JWT"}, key "your-256-bit-secret".
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert!(crypto::verify(b"your-256-bit-secret", &[signed.as_bytes()], signature));
    }
}
