//! What a caller gives, checked.

use timeweft_core::codec::{DecodeError, cbor};
use timeweft_core::operation::{CborValue, Context, Failure};
use timeweft_core::value::Value;

/// What can't be decoded is the caller's fault.
pub(super) fn refuse(error: DecodeError) -> Failure {
    match error {
        DecodeError::TooLarge(why) => Failure::TooLarge(why),
        other => Failure::BadRequest(other.to_string()),
    }
}

/// The value of an entity.
pub(super) fn decode_value(context: &Context, value: &CborValue) -> Result<Value, Failure> {
    match cbor::decode_value(&value.0, &context.limits).map_err(refuse)? {
        Value::Undefined => Err(Failure::BadRequest("an entity's value can't be undefined; give any other".into())),
        value => Ok(value),
    }
}
