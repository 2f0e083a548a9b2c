//! Arithmetic of binary64 that `core` has only with `std`, which browsers are spared.

use num_bigint::{BigInt, Sign};

/// From here on there are no fractions.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// Without the fraction.
pub(crate) fn trunc(number: f64) -> f64 {
    // The sign of a zero stays; so does what is no number, or none with a fraction.
    if number.abs() < WHOLE { (number as i64 as f64).copysign(number) } else { number }
}

/// To the nearest whole number, and away from zero where two are as near.
pub(crate) fn round(number: f64) -> f64 {
    let whole = trunc(number);
    if (number - whole).abs() >= 0.5 { whole + 1_f64.copysign(number) } else { whole }
}

/// Whether it is finite and has no fraction.
pub(crate) fn is_whole(number: f64) -> bool {
    number.is_finite() && trunc(number) == number
}

/// Whether the bigint is this number, exactly.
pub(crate) fn is(number: f64, big: &BigInt) -> bool {
    // A number has 53 bits, then zeros.
    let written = big.bits() - big.trailing_zeros().unwrap_or(0);
    number.is_finite() && written <= 53 && nearest(big) == number
}

/// A number near to it; it itself, if there is such a number.
pub(crate) fn nearest(big: &BigInt) -> f64 {
    let (sign, bytes) = big.to_bytes_be();
    // The first is not 0, so eight bytes hold all that a number has.
    let (first, rest) = bytes.split_at(bytes.len().min(8));
    let first = first.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let magnitude = match 8 * rest.len() as u64 {
        zeros @ 0..=960 => first as f64 * f64::from_bits((1023 + zeros) << 52),
        _ => f64::INFINITY,
    };
    if sign == Sign::Minus { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use num_traits::{FromPrimitive, ToPrimitive};

    use super::*;

    const NUMBERS: [f64; 22] = [
        0.0,
        -0.0,
        0.5,
        -0.5,
        0.499_999_999_999_999_94,
        1.0,
        -1.5,
        2.5,
        1e-310,
        123.456,
        -4_503_599_627_370_495.5,
        4_503_599_627_370_496.0,
        9_007_199_254_740_993.0,
        18_446_744_073_709_551_616.0,
        -1e19,
        1e22,
        -1e100,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];

    #[test]
    fn arithmetic_is_that_of_std() {
        for number in NUMBERS {
            assert_eq!(trunc(number).to_bits(), number.trunc().to_bits(), "{number}");
            assert_eq!(round(number).to_bits(), number.round().to_bits(), "{number}");
            assert_eq!(is_whole(number), number.fract() == 0.0, "{number}");
        }
    }

    #[test]
    fn whole_numbers_are_bigints() {
        for number in NUMBERS {
            let big = BigInt::from_f64(number).filter(|_| number.fract() == 0.0);
            if let Some(big) = big {
                assert!(is(number, &big), "{number}");
                assert!(!is(number, &(&big + 1)), "{number}");
                assert_eq!(nearest(&big), number);
                assert_eq!(nearest(&big), big.to_f64().unwrap());
            }
        }
        let large = BigInt::from(1) << 1024_u32;
        assert_eq!(nearest(&large), f64::INFINITY);
        assert!(!is(f64::INFINITY, &large));
        assert_eq!(nearest(&BigInt::from_biguint(Sign::Minus, BigUint::from(1_u8) << 1030_u32)), f64::NEG_INFINITY);
    }
}
