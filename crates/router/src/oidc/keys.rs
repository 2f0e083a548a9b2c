//! Signatures by the issuer's public keys (RFC 7517, RFC 7518, RFC 8037): RS256, ES256 and EdDSA with Ed25519, and no others.
//!
//! A key is of one kind, and so checks one algorithm: whatever a token says, a public key is never taken for a shared one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::EncodedPoint;
use p256::ecdsa::VerifyingKey as P256Key;
use rsa::pkcs1v15::VerifyingKey as RsaKey;
use rsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};
use serde_json::Value as Json;
use sha2::Sha256;
use timeweft_grip::jwt::Unchecked;

use super::token::Untrusted;

/// Keys of a set that are looked at.
const MOST: usize = 64;

/// Bits of an RSA key (RFC 7518, 3.3): fewer can be broken, and more take long.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// By the name in a token's head. `Ed25519` is what RFC 9864 calls it.
    pub(super) fn named(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" | "Ed25519" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }
}

/// The issuer's keys, as it publishes them.
pub(super) struct Keys(Vec<Json>);

impl Keys {
    pub(super) fn parse(set: &[u8]) -> Option<Keys> {
        let mut set: Json = serde_json::from_slice(set).ok()?;
        match set.get_mut("keys").map(Json::take) {
            Some(Json::Array(mut keys)) => {
                keys.truncate(MOST);
                Some(Keys(keys))
            }
            _ => None,
        }
    }

    /// Whether one of them has signed the token.
    pub(super) fn verify(&self, token: &Unchecked<'_>) -> Result<(), Untrusted> {
        let algorithm = Algorithm::named(token.algorithm()).ok_or(Untrusted::Algorithm)?;
        let named = match token.head.get("kid") {
            None => None,
            Some(Json::String(name)) => Some(name.as_str()),
            Some(_) => return Err(Untrusted::UnknownKey),
        };
        let name = |key: &Json| named.is_none() || key.get("kid").and_then(Json::as_str) == named;
        let mut fitting = self.0.iter().filter(|key| name(key) && fits(key, algorithm));
        let key = fitting.next().ok_or(Untrusted::UnknownKey)?;
        // Which of several is for the token to say.
        if named.is_none() && fitting.next().is_some() {
            return Err(Untrusted::UnknownKey);
        }
        match is_signed(algorithm, key, token.signed.as_bytes(), &token.signature) {
            Some(()) => Ok(()),
            None => Err(Untrusted::Signature),
        }
    }
}

/// Whether the key is of the algorithm's kind, and is there for signatures.
fn fits(key: &Json, algorithm: Algorithm) -> bool {
    let text = |name: &str| key.get(name).and_then(Json::as_str);
    let kind = match algorithm {
        Algorithm::Rs256 => text("kty") == Some("RSA"),
        Algorithm::Es256 => text("kty") == Some("EC") && text("crv") == Some("P-256"),
        Algorithm::EdDsa => text("kty") == Some("OKP") && text("crv") == Some("Ed25519"),
    };
    let operations = key.get("key_ops").and_then(Json::as_array);
    kind && text("use").is_none_or(|purpose| purpose == "sig")
        && text("alg").is_none_or(|name| Algorithm::named(name) == Some(algorithm))
        && operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
}

fn is_signed(algorithm: Algorithm, key: &Json, signed: &[u8], signature: &[u8]) -> Option<()> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
    match algorithm {
        Algorithm::Rs256 => {
            let (n, e) = (BigUint::from_bytes_be(&number("n")?), BigUint::from_bytes_be(&number("e")?));
            let key = RsaPublicKey::new_with_max_size(n, e, *RSA_BITS.end()).ok()?;
            if !RSA_BITS.contains(&key.n().bits()) {
                return None;
            }
            RsaKey::<Sha256>::new(key).verify(signed, &signature.try_into().ok()?).ok()
        }
        Algorithm::Es256 => {
            let (x, y): ([u8; 32], [u8; 32]) = (number("x")?.try_into().ok()?, number("y")?.try_into().ok()?);
            let point = EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
            let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
            P256Key::from_encoded_point(&point).ok()?.verify(signed, &signature).ok()
        }
        Algorithm::EdDsa => {
            let key = Ed25519Key::from_bytes(&number("x")?.try_into().ok()?).ok()?;
            key.verify_strict(signed, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Checks the example of a standard, and that no other bit of it is right.
    fn example(algorithm: Algorithm, key: &Json, token: &str) {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(fits(key, algorithm));
        assert_eq!(is_signed(algorithm, key, signed.as_bytes(), &signature), Some(()));
        assert_eq!(is_signed(algorithm, key, &signed.as_bytes()[1..], &signature), None);
        for n in 0..signature.len() {
            signature[n] ^= 1;
            assert_eq!(is_signed(algorithm, key, signed.as_bytes(), &signature), None, "byte {n}");
            signature[n] ^= 1;
        }
        assert_eq!(is_signed(algorithm, key, signed.as_bytes(), &[]), None);
    }

    #[test]
    fn the_examples_of_the_standards_are_right_and_nothing_near_them() {
        // RFC 7515, A.2, A.3; RFC 8037, A.4.
        let rsa = json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"});
        example(
            Algorithm::Rs256,
            &rsa,
            "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        );
        let p256 = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        example(
            Algorithm::Es256,
            &p256,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        );
        let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        example(
            Algorithm::EdDsa,
            &ed25519,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
    }

    #[test]
    fn a_key_fits_one_algorithm_and_only_when_it_is_for_signatures() {
        let rsa = |more: Json| {
            let mut key = json!({"kty": "RSA"});
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        assert!(fits(&rsa(json!({"use": "sig", "alg": "RS256", "key_ops": ["verify"]})), Algorithm::Rs256));
        for more in [json!({"use": "enc"}), json!({"alg": "RS384"}), json!({"key_ops": ["encrypt"]})] {
            assert!(!fits(&rsa(more), Algorithm::Rs256));
        }
        assert!(!fits(&rsa(json!({})), Algorithm::Es256) && !fits(&rsa(json!({})), Algorithm::EdDsa));
        assert!(!fits(&json!({"kty": "EC", "crv": "P-384"}), Algorithm::Es256));
        for name in ["none", "HS256", "RS384", "PS256", "ES384", "", "rs256"] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_short_or_very_long_rsa_key_is_none() {
        for bytes in [128, 1_024] {
            let n = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
            let key = json!({"kty": "RSA", "n": n, "e": "AQAB"});
            assert_eq!(is_signed(Algorithm::Rs256, &key, b"a", &vec![1; bytes]), None);
        }
    }
}
