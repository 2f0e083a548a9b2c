//! What a caller gives, checked.

use timeweft_core::codec::{DecodeError, cbor};
use timeweft_core::operation::{CborValue, Context, Failure};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::record::Record;

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

/// The time of the next version: the caller's if it named one, else the clock's, and always after the current one.
pub(super) fn next_time(
    now: Timestamp,
    wanted: Option<Timestamp>,
    current: Option<&Record>,
) -> Result<Timestamp, Failure> {
    let last = current.map(|record| Timestamp(record.entry.valid_from));
    let time = match (wanted, last) {
        (Some(wanted), Some(last)) if wanted <= last => {
            return Err(Failure::BadRequest(format!("validFrom must be later than the current version's, {last}")));
        }
        (Some(wanted), _) => wanted,
        (None, Some(last)) => now.max(last.next()),
        (None, None) => now,
    };
    if time >= Timestamp::FOREVER {
        return Err(Failure::BadRequest(format!("validFrom must be before {}", Timestamp::FOREVER)));
    }
    Ok(time)
}
