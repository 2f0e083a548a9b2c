//! Numbers compared and divided exactly, as the decimals that they are written as: 0.3 is a multiple of 0.1.

use std::cmp::Ordering;

use num_bigint::BigInt;
use timeweft_core::value::Value;

/// Whether a number is whole.
pub(super) fn is_whole(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.fract() == 0.0,
        Value::BigInt(_) => true,
        _ => false,
    }
}

/// Two numbers; `None` when one is none.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Value::Number(a), Value::Number(b)) = (a, b) {
        return a.partial_cmp(b);
    }
    let (a, b) = aligned(a, b)?;
    Some(a.cmp(&b))
}

/// Whether `value` is a whole number of times `of`, which is above 0.
pub(super) fn is_multiple(value: &Value, of: &Value) -> Option<bool> {
    let (value, of) = aligned(value, of)?;
    Some(of != BigInt::ZERO && value % of == BigInt::ZERO)
}

/// Both as whole numbers of one power of ten.
fn aligned(a: &Value, b: &Value) -> Option<(BigInt, BigInt)> {
    let ((a, a_power), (b, b_power)) = (decimal(a)?, decimal(b)?);
    let power = a_power.min(b_power);
    // A binary64 lies between 1e-324 and 1e309: at most 633 digits.
    let scaled = |number: BigInt, own: i32| Some(number * BigInt::from(10).pow(u32::try_from(own - power).ok()?));
    Some((scaled(a, a_power)?, scaled(b, b_power)?))
}

/// Digits, and the power of ten that they count.
fn decimal(value: &Value) -> Option<(BigInt, i32)> {
    let number = match value {
        Value::BigInt(big) => return Some((big.clone(), 0)),
        Value::Number(number) => number,
        _ => return None,
    };
    // The shortest digits that name it, as JSON has them.
    let text = format!("{number:e}");
    let (digits, power) = text.split_once('e')?;
    let power: i32 = power.parse().ok()?;
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    Some((digits.replace('.', "").parse().ok()?, power - i32::try_from(fraction).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_those_of_the_decimals() {
        let is = |value: f64, of: f64| is_multiple(&Value::Number(value), &Value::Number(of));
        for (value, of) in
            [(0.3, 0.1), (0.0075, 0.0001), (4.5, 1.5), (1e308, 0.5), (0.0, 7.0), (-6.0, 3.0), (12.0, 4.0)]
        {
            assert_eq!(is(value, of), Some(true), "{value} {of}");
        }
        for (value, of) in [(0.31, 0.1), (0.00751, 0.0001), (35.0, 1.5), (1e-300, 1e300), (1e300, 7.0)] {
            assert_eq!(is(value, of), Some(false), "{value} {of}");
        }
        let big = Value::BigInt(BigInt::from(9_007_199_254_740_993_u64));
        assert_eq!(is_multiple(&big, &Value::Number(2.0)), Some(false));
        assert_eq!(is_multiple(&big, &Value::Number(0.5)), Some(true));
    }

    #[test]
    fn a_bigint_and_a_number_are_on_one_line() {
        let big = Value::BigInt(BigInt::from(9_007_199_254_740_993_u64));
        assert_eq!(compare(&big, &Value::Number(9_007_199_254_740_992.0)), Some(Ordering::Greater));
        assert_eq!(compare(&Value::Number(0.5), &big), Some(Ordering::Less));
        assert_eq!(compare(&Value::Null, &big), None);
    }
}
