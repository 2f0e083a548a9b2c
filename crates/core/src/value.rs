//! What an entity holds: JSON, and what a structured clone holds and CBOR can carry (docs/protocol.md, "Values").
//!
//! Numbers are one line as in JavaScript: `1`, `1.0` and the bigint `1n` are equal, and NaN equals itself (or a diff would
//! never come to rest). Which of them was written is kept, so that each comes back as it went in.
//! Members of an object are kept sorted: an object has one encoding, whatever the order its keys were set in.

use num_bigint::BigInt;

use crate::float;
use crate::members::Members;
use crate::prelude::*;

/// Members of an object, sorted by key (in the order of their UTF-8 bytes).
pub type Object = Members<Value>;

/// A JSON-like value.
#[derive(Clone, Debug)]
// A case is a whole word: else what is beside a byte is copied at odd addresses, which is 2 KB of what browsers load.
#[repr(u32)]
pub enum Value {
    /// JavaScript's `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A JavaScript number (IEEE 754 binary64).
    Number(f64),
    /// A JavaScript bigint.
    BigInt(BigInt),
    /// A string.
    Text(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A date: milliseconds since 1970-01-01T00:00:00Z; NaN is JavaScript's invalid date.
    Date(f64),
    /// An array.
    Array(Vec<Value>),
    /// A plain object.
    Object(Object),
    /// A JavaScript `Map`, in insertion order.
    Map(Vec<(Value, Value)>),
    /// A JavaScript `Set`, in insertion order.
    Set(Vec<Value>),
    /// A typed array (RFC 8746): its CBOR tag, 64 to 87, and its bytes.
    Typed(u8, Vec<u8>),
}

impl Value {
    /// Text from anything that is one.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// An object from its members.
    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Whether a plain map in a diff would merge into this value rather than replace it.
    pub fn is_container(&self) -> bool {
        matches!(self, Value::Object(_) | Value::Array(_))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Number(number)
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        use Value::*;
        match (self, other) {
            (Undefined, Undefined) | (Null, Null) => true,
            (Bool(a), Bool(b)) => a == b,
            (Number(a), Number(b)) | (Date(a), Date(b)) => a == b || (a.is_nan() && b.is_nan()),
            (BigInt(a), BigInt(b)) => a == b,
            (Number(number), BigInt(big)) | (BigInt(big), Number(number)) => float::is(*number, big),
            (Text(a), Text(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Array(a), Array(b)) | (Set(a), Set(b)) => a == b,
            (Object(a), Object(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            (Typed(tag_a, a), Typed(tag_b, b)) => tag_a == tag_b && a == b,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_line() {
        assert_eq!(Value::Number(1e12), Value::BigInt(BigInt::from(1_000_000_000_000_u64)));
        assert_eq!(Value::Number(f64::NAN), Value::Number(f64::NAN));
        assert_eq!(Value::Number(0.0), Value::Number(-0.0));
        assert_ne!(Value::Number(0.5), Value::BigInt(BigInt::from(0)));
        assert_ne!(Value::Number(f64::INFINITY), Value::BigInt(BigInt::from(0)));
        // 2^53 + 1 has no binary64; the nearest is another number.
        assert_ne!(Value::Number(9_007_199_254_740_992.0), Value::BigInt(BigInt::from(9_007_199_254_740_993_u64)));
    }
}
