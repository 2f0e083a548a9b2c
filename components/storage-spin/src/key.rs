//! Keys and values that every store takes, and which keys are heads.

use crate::wit::exports::timeweft::storage::store::Error;

/// What every Spin store promises to take (docs/storage.md, "Sizes").
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 1_000_000;

/// Whether `key` names a head.
pub(crate) fn is_head_key(key: &str) -> bool {
    key.starts_with("h:")
}

/// An ordinary key: of a size that every store takes, and not a head's.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    check_key_size(key)?;
    if is_head_key(key) {
        return Err(Error::Unavailable(format!("{key}: a head is only read by read-head and written by swap-head")));
    }
    Ok(())
}

pub(crate) fn check_key_size(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > MAX_KEY { Err(Error::TooLarge) } else { Ok(()) }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), Error> {
    if value.len() > MAX_VALUE { Err(Error::TooLarge) } else { Ok(()) }
}
