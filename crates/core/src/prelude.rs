//! What every file may take for granted, with `std` or without.
//!
//! Messages are put together with `concat` and [`decimal`] wherever browsers come by: `format!` would bring `core::fmt`
//! with it, which is larger than all that is said.

pub(crate) use alloc::borrow::ToOwned;
pub(crate) use alloc::boxed::Box;
pub(crate) use alloc::string::{String, ToString};
pub(crate) use alloc::vec;
pub(crate) use alloc::vec::Vec;

/// The digits of a number.
pub(crate) fn decimal(number: impl TryInto<u64>) -> String {
    digits(number.try_into().unwrap_or(u64::MAX), 1)
}

/// The digits of a number, at least so many.
pub(crate) fn digits(mut number: u64, least: usize) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.len() < least {
        digits.insert(0, char::from(b'0' + (number % 10) as u8));
        number /= 10;
    }
    digits.into_iter().collect()
}
