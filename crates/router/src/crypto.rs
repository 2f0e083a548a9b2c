//! Signatures, hashes and random names. Every comparison of a secret takes the same time whatever it finds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use timeweft_grip::jwt::{Mac as _, signer};

use crate::host::Random;

/// Crockford's base 32, lower case: no letter looks like a digit, and every name fits an entity's id.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Letters of an id that nobody chose.
const ID: usize = 20;

/// HMAC-SHA256 over the parts one after the other, in base64url.
pub(crate) fn sign(key: &[u8], parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(signer(key, parts).finalize().into_bytes())
}

/// Whether `signature` (base64url) is [`sign`]'s of the same; in constant time.
pub(crate) fn verify(key: &[u8], parts: &[&[u8]], signature: &str) -> bool {
    URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| signer(key, parts).verify_slice(&signature).is_ok())
}

/// SHA-256 in base64url: 43 letters that fit an entity's id.
pub(crate) fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// What nobody reads but who has the key, and which comes back as it was or not at all: XChaCha20-Poly1305, in base64url.
pub(crate) fn seal(key: &[u8], random: &impl Random, text: &str) -> Option<String> {
    let mut nonce = XNonce::default();
    random.fill(&mut nonce);
    let sealed = sealer(key).encrypt(&nonce, text.as_bytes()).ok()?;
    Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
}

/// What was sealed.
pub(crate) fn unseal(key: &[u8], sealed: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(XNonce::default().len())?;
    String::from_utf8(sealer(key).decrypt(XNonce::from_slice(nonce), sealed).ok()?).ok()
}

fn sealer(key: &[u8]) -> XChaCha20Poly1305 {
    // Of its own, so that no signature has anything to do with it.
    XChaCha20Poly1305::new(&signer(key, &[b"what is sealed"]).finalize().into_bytes())
}

/// `length` random letters, five bits each.
pub(crate) fn random_name(random: &impl Random, length: usize) -> String {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    name(&bytes)
}

/// Whether [`random_name`] could have made it.
pub(crate) fn is_name(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|letter| LETTERS.contains(&letter))
}

/// 32 divides 256, so every letter is as likely.
fn name(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// The id of an entity for which none was chosen: 100 bits.
pub(crate) fn random_id(random: &impl Random) -> String {
    random_name(random, ID)
}

/// The id of an entity that is made of these parts and nothing random: it looks like any other, and nobody without the key can
/// tell it beforehand.
pub(crate) fn derived_id(key: &[u8], parts: &[&[u8]]) -> String {
    name(&signer(key, parts).finalize().into_bytes()[..ID])
}

/// Six random digits.
pub(crate) fn random_code(random: &impl Random) -> String {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    // 2^64 is so much larger that the remainder's bias is below 10^-13.
    format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_text_only() {
        let signature = sign(b"key", &[b"a", b"b"]);
        assert!(verify(b"key", &[b"ab"], &signature));
        assert!(!verify(b"key", &[b"ac"], &signature));
        assert!(!verify(b"other", &[b"ab"], &signature));
        assert!(!verify(b"key", &[b"ab"], &signature[..20]));
        assert!(!verify(b"key", &[b"ab"], "not base64!"));
        assert!(!verify(b"key", &[b"ab"], ""));
    }

    #[test]
    fn a_hash_fits_an_id() {
        assert!(timeweft_core::id::is_local_id(&hash("someone@example.org")));
    }
}
