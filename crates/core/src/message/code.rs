//! The stable words for what went wrong.

use core::fmt;

use crate::codec::DecodeError;
use crate::prelude::*;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:literal;)+) => {
        /// Why a request failed: a stable lower-case word, and the status that goes with it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// The word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $word,)+
                }
            }

            /// The status, as in HTTP (RFC 9110).
            pub fn status(self) -> u16 {
                match self {
                    $(Code::$name => $status,)+
                }
            }

            /// The code of a word.
            pub fn parse(word: &str) -> Option<Code> {
                match word {
                    $($word => Some(Code::$name),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Others changed the same place.
    Conflict = "conflict", 409;
    /// The version named is not one we hold.
    UnknownVersion = "unknown-version", 412;
    /// Missing, deleted, or not for this person to know of.
    NotFound = "not-found", 404;
    /// Something in the request is not as it should be.
    BadRequest = "bad-request", 400;
    /// Past a limit.
    TooLarge = "too-large", 413;
    /// Readable, but not for this person to change.
    Forbidden = "forbidden", 403;
    /// The change would break a rule of the entity's type.
    InvalidValue = "invalid-value", 422;
    /// An idempotency key that came with another request before.
    KeyReused = "key-reused", 422;
    /// The version that the change starts from was not named.
    PreconditionRequired = "precondition-required", 428;
    /// There already.
    Exists = "exists", 409;
    /// Not deleted, so it can't be undeleted.
    NotDeleted = "not-deleted", 400;
    /// No such method.
    UnknownMethod = "unknown-method", 400;
    /// Too many requests.
    SlowDown = "slow-down", 429;
    /// No valid session.
    Unauthorized = "unauthorized", 401;
    /// The store can't answer; whether a change happened is unknown.
    Unavailable = "unavailable", 503;
    /// Too many writers at once; nothing was changed.
    Busy = "busy", 503;
    /// A `test` of a JSON Patch (RFC 6902) failed.
    TestFailed = "test-failed", 409;
    /// Not with this HTTP method.
    MethodNotAllowed = "method-not-allowed", 405;
    /// Only as a WebSocket.
    UpgradeRequired = "upgrade-required", 426;
    /// A media type that is not taken here.
    UnsupportedMediaType = "unsupported-media-type", 415;
    /// A media type that can't be given.
    NotAcceptable = "not-acceptable", 406;
    /// Not yet.
    NotImplemented = "not-implemented", 501;
    /// What is stored is not what was written.
    Damaged = "damaged", 500;
    /// A fault of ours.
    Internal = "internal", 500;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<DecodeError> for (Code, String) {
    fn from(error: DecodeError) -> (Code, String) {
        match error {
            DecodeError::TooLarge(what) => (Code::TooLarge, what),
            DecodeError::Malformed(what) => (Code::BadRequest, what),
        }
    }
}
