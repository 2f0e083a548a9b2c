//! Sums: what an increment makes of a number. The sum is of the kind that is there, a number or a bigint.

#[cfg(feature = "server")]
use num_bigint::BigInt;
#[cfg(feature = "server")]
use num_traits::FromPrimitive;

use super::{DiffError, Increment, kind};
use crate::value::Value;
#[cfg(feature = "server")]
use crate::{codec::MAX_BIGINT_BYTES, float};

impl Increment {
    /// By this much, of a number that is not known.
    pub(super) fn by(by: Value) -> Increment {
        Increment { by, to: None }
    }

    /// What it makes where nothing is.
    pub fn alone(&self) -> Value {
        self.to.clone().unwrap_or_else(|| self.by.clone())
    }

    /// What becomes of the number that is there; nothing is 0.
    pub(super) fn on(&self, base: Option<&Value>) -> Result<Value, DiffError> {
        match (&self.to, base) {
            (Some(to), _) => Ok(to.clone()),
            (None, Some(base)) => sum(base, &self.by),
            (None, None) => Ok(self.by.clone()),
        }
    }
}

/// `base` and `by` together.
///
/// # Errors
/// When one of them is no number, or the sum is none.
pub fn sum(base: &Value, by: &Value) -> Result<Value, DiffError> {
    let not = |value| DiffError::NotANumber(kind(value));
    let sum = match (base, by) {
        (Value::Number(a), Value::Number(b)) => Value::Number(a + b),
        (Value::BigInt(a), Value::BigInt(b)) => Value::BigInt(a + b),
        #[cfg(feature = "server")]
        (Value::Number(a), Value::BigInt(b)) => Value::Number(a + float::nearest(b)),
        // Tabs say it in the kind that is there.
        #[cfg(feature = "server")]
        (Value::BigInt(a), Value::Number(b)) => {
            let whole = BigInt::from_f64(*b).filter(|_| float::is_whole(*b));
            Value::BigInt(a + whole.ok_or(DiffError::NoSum("a bigint grows by whole numbers"))?)
        }
        (Value::Number(_) | Value::BigInt(_), other) | (other, _) => return Err(not(other)),
    };
    match sum {
        Value::Number(number) if !number.is_finite() => Err(DiffError::NoSum("the sum is no finite number")),
        #[cfg(feature = "server")]
        Value::BigInt(big) if big.bits() > MAX_BIGINT_BYTES as u64 * 8 => {
            Err(DiffError::NoSum("the sum is longer than a bigint may be, 8192 bytes"))
        }
        sum => Ok(sum),
    }
}

/// The opposite.
pub(super) fn negated(by: &Value) -> Value {
    match by {
        Value::Number(number) => Value::Number(-number),
        Value::BigInt(big) => Value::BigInt(-big),
        other => other.clone(),
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_number_grows_to_can_be_kept() {
        let longest = Value::BigInt((BigInt::from(1) << (MAX_BIGINT_BYTES * 8)) - 1);
        for (base, by, why) in [
            (&longest, Value::Number(1.0), "longer"),
            (&longest, longest.clone(), "longer"),
            (&Value::Number(1.7e308), Value::Number(1.7e308), "finite"),
            (&Value::BigInt(1.into()), Value::Number(0.5), "whole"),
        ] {
            let refused = sum(base, &by).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(sum(&longest, &Value::Number(-1.0)).is_ok());
    }
}
