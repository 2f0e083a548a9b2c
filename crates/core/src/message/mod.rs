//! The messages, one a file: what `docs/protocol.md`, "Messages", specifies, as types.
//!
//! Values and diffs in them stay encoded: in CBOR a message is put together around them and taken apart without
//! looking into them, so that a large one costs a copy and no more.

mod code;
mod fields;
#[cfg(feature = "server")]
mod json_fields;
mod meta;
mod push;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod told;

use crate::codec::cbor;
#[cfg(feature = "server")]
use crate::codec::json;
use crate::prelude::*;
use crate::value::Value;

pub use code::Code;
pub use fields::Fields;
pub(crate) use meta::decode_meta_bytes as decode_meta;
pub use meta::encode_meta;
pub use push::Push;
pub use request::{Asked, MAX_IDEMPOTENCY_KEY, Method, Refusal, Request};
pub use response::Response;
pub(crate) use response::{MapWriter, encode_error};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CBOR in binary frames: subprotocol `timeweft.cbor`, media type `application/cbor`.
    Cbor,
    /// JSON in text frames: subprotocol `timeweft.json`, media type `application/json`.
    #[cfg(feature = "server")]
    Json,
}

impl Format {
    const ALL: &[Format] = &[
        Format::Cbor,
        #[cfg(feature = "server")]
        Format::Json,
    ];

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Cbor => "application/cbor",
            #[cfg(feature = "server")]
            Format::Json => "application/json",
        }
    }

    /// The format of a media type, parameters aside.
    pub fn of_media_type(media_type: &str) -> Option<Format> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        Format::ALL.iter().copied().find(|format| essence.eq_ignore_ascii_case(format.media_type()))
    }

    /// `cbor` or `json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Cbor => "cbor",
            #[cfg(feature = "server")]
            Format::Json => "json",
        }
    }
}

/// A value in a format.
pub fn encode_value_as(value: &Value, format: Format) -> Vec<u8> {
    match format {
        Format::Cbor => cbor::encode_value(value),
        #[cfg(feature = "server")]
        Format::Json => json::value_to_text(value),
    }
}
