//! Values in CBOR and JSON.

use timeweft_core::codec::{cbor, json};
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

use crate::memory;
use crate::parts::LIMITS;

/// What was read once is read again, however its encoding grew.
pub(crate) const AGAIN: Limits = Limits { value_bytes: usize::MAX, ..LIMITS };

pub(crate) fn cbor(bytes: &[u8]) {
    let read = memory::within(memory::of_reading(bytes.len()), || cbor::decode_value(bytes, &LIMITS));
    if let Ok(value) = read {
        encodes_as_itself(&value);
        has_json(&value);
    }
}

pub(crate) fn json(bytes: &[u8]) {
    let read = memory::within(memory::of_reading(bytes.len()), || json::value_from_text(bytes, &LIMITS));
    if let Ok(value) = read {
        encodes_as_itself(&value);
        let text = json::value_to_text(&value);
        let again = json::value_from_text(&text, &AGAIN);
        assert_eq!(again.as_ref(), Ok(&value), "{}", String::from_utf8_lossy(&text));
    }
}

/// What is decoded encodes to what decodes as the same, in one form, as long as it is said to be.
pub(crate) fn encodes_as_itself(value: &Value) {
    let encoded = cbor::encode_value(value);
    assert_eq!(cbor::value_len(value), encoded.len(), "{value:?}");
    let again = cbor::decode_value(&encoded, &AGAIN).unwrap_or_else(|error| panic!("{error}: {value:?}"));
    assert_eq!(again, *value);
    assert_eq!(cbor::encode_value(&again), encoded, "{value:?}");
}

/// Any value has JSON, which is text, and which stays what it is once it was read.
fn has_json(value: &Value) {
    let text = json::value_to_text(value);
    assert!(str::from_utf8(&text).is_ok(), "{value:?}");
    json::value_to_json(value);
    // A bigint past the largest number is nothing that is read from JSON, nor is what is nested deeper as JSON.
    if let Ok(shown) = json::value_from_text(&text, &AGAIN) {
        let again = json::value_from_text(&json::value_to_text(&shown), &AGAIN);
        assert_eq!(again, Ok(shown));
    }
}
