//! The text in the cookie `session`, and in the meta of a socket: who, which session, until when, signed.
//!
//! `{personId}.{sessionId}.{expiry in seconds}.{HMAC-SHA256 of what is before, base64url}`; where an admin acts in the person's name,
//! `.{their id}` follows the expiry. A valid signature says that we made it; whether the session still stands is for [`crate::sign_in::sessions`] to say.

use timeweft_core::id::is_local_id;
use timeweft_core::time::Timestamp;

use crate::crypto;

/// Keeps these signatures apart from others by the same key.
const PURPOSE: &[u8] = b"timeweft session\n";

/// Longest token looked at.
const LONGEST: usize = 512;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) person: String,
    pub(crate) session: String,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// The admin who acts in the person's name.
    pub(crate) impersonator: Option<String>,
}

impl Token {
    /// The name by which the session's sockets can be closed.
    pub(crate) fn channel(&self) -> String {
        session_channel(&self.person, &self.session)
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires <= now.0 / 1_000_000
    }

    pub(crate) fn write(&self, key: &[u8]) -> String {
        let mut text = format!("{}.{}.{}", self.person, self.session, self.expires);
        if let Some(impersonator) = &self.impersonator {
            text = format!("{text}.{impersonator}");
        }
        let signature = crypto::sign(key, &[PURPOSE, text.as_bytes()]);
        format!("{text}.{signature}")
    }

    /// Reads a token that was signed with `key` and is not over.
    pub(crate) fn read(text: &str, key: &[u8], now: Timestamp) -> Option<Token> {
        if text.len() > LONGEST {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        if !crypto::verify(key, &[PURPOSE, signed.as_bytes()], signature) {
            return None;
        }
        let mut parts = signed.split('.');
        let (person, session, expires) = (parts.next()?, parts.next()?, parts.next()?);
        let impersonator = parts.next();
        if parts.next().is_some() || ![Some(person), Some(session), impersonator].into_iter().flatten().all(is_local_id)
        {
            return None;
        }
        let token = Token {
            person: person.into(),
            session: session.into(),
            expires: expires.parse().ok()?,
            impersonator: impersonator.map(str::to_owned),
        };
        (!token.is_over(now)).then_some(token)
    }
}

/// On which the sockets of one session are closed.
pub(crate) fn session_channel(person: &str, session: &str) -> String {
    format!("session:{person}.{session}")
}

/// On which all of a person's sockets are closed.
pub(crate) fn sockets_channel(person: &str) -> String {
    format!("person:{person}:sockets")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn a_token_reads_back_until_it_is_over_and_not_when_tampered_with() {
        let token = Token { person: "ann".into(), session: "s1".into(), expires: 2_000, impersonator: None };
        let text = token.write(b"key");
        assert_eq!(Token::read(&text, b"key", NOW), Some(token.clone()));
        let by_cem = Token { impersonator: Some("cem".into()), ..token };
        assert_eq!(Token::read(&by_cem.write(b"key"), b"key", NOW), Some(by_cem));
        assert_eq!(Token::read(&text, b"key", Timestamp(2_000_000_000)), None);
        assert_eq!(Token::read(&text, b"another", NOW), None);
        assert_eq!(Token::read(&text.replacen("ann", "bob", 1), b"key", NOW), None);
        assert_eq!(Token::read(&text.replacen("2000", "9000", 1), b"key", NOW), None);
        for bad in ["", ".", "...", "ann.s1.2000.", "ann.s1.2000"] {
            assert_eq!(Token::read(bad, b"key", NOW), None, "{bad}");
        }
    }
}
