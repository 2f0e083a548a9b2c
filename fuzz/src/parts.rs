//! How one input is several things, and what bounds them.

use minicbor::Decoder;
use timeweft_core::limits::Limits;

/// A value: small, so that what expands is seen to.
pub(crate) const VALUE_BYTES: usize = 1 << 14;

/// By which targets decode.
pub(crate) const LIMITS: Limits = Limits {
    value_bytes: VALUE_BYTES,
    depth: 128,
    message_bytes: 1 << 20,
    body_bytes: 1 << 20,
    diff_operations: 10_000,
    subscriptions: 1_000,
};

/// Separates the parts of a text.
pub(crate) const BETWEEN: u8 = 0x1e;

/// Items of CBOR, one behind the other (RFC 8742); the last is what remains.
pub(crate) fn items<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    std::array::from_fn(|index| {
        let mut decoder = Decoder::new(rest);
        let end = if index + 1 < N && decoder.skip().is_ok() { decoder.position().min(rest.len()) } else { rest.len() };
        let (item, behind) = rest.split_at(end);
        rest = behind;
        item
    })
}

/// Lines, of which the last is what remains.
pub(crate) fn lines<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut lines = bytes.splitn(N, |byte| *byte == b'\n');
    std::array::from_fn(|_| lines.next().unwrap_or_default())
}

/// At most so many parts, each before a [`BETWEEN`].
pub(crate) fn several(bytes: &[u8], most: usize) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == BETWEEN).take(most)
}
