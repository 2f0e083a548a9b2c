//! The token level: one head of CBOR at a time, by minicbor, with the position in its errors.

use minicbor::Decoder;
use minicbor::data::Token;

use crate::codec::DecodeError;

/// The next token. A container's token is its head alone.
pub(super) fn token<'b>(decoder: &mut Decoder<'b>) -> Result<Token<'b>, DecodeError> {
    let at = decoder.position();
    decoder.decode::<Token<'b>>().map_err(|error| {
        if error.is_end_of_input() {
            DecodeError::malformed(format!("the CBOR ends too early, at byte {}", decoder.input().len()))
        } else {
            DecodeError::malformed(format!("not CBOR at byte {at}"))
        }
    })
}

/// The first byte of the next head.
pub(super) fn peek(decoder: &Decoder<'_>) -> Option<u8> {
    decoder.input().get(decoder.position()).copied()
}

/// Whether the next head ends an indefinite container; then it is passed.
pub(super) fn at_break(decoder: &mut Decoder<'_>) -> bool {
    let found = peek(decoder) == Some(0xff);
    if found {
        decoder.set_position(decoder.position() + 1);
    }
    found
}
