//! The one store we use (`default`), its limits, and Spin's errors as ours.

use std::cell::OnceCell;

use crate::head;
use crate::wit::exports::timeweft::storage::store::Error;
use crate::wit::wasi::keyvalue::store::{Bucket, Error as SpinError, open};

/// What every Spin store promises to take (docs/storage.md, "Sizes").
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 1_000_000;

/// The label that `key_value_stores` in spin.toml grants.
const STORE: &str = "default";

thread_local! {
    // An instance is reused for many requests and Spin keeps a table of open stores for it; one entry is enough.
    static BUCKET: OnceCell<Bucket> = const { OnceCell::new() };
}

/// Runs `action` on the opened store.
pub(crate) fn with_bucket<T>(action: impl FnOnce(&Bucket) -> Result<T, SpinError>) -> Result<T, Error> {
    BUCKET.with(|cell| {
        let bucket = match cell.get() {
            Some(bucket) => bucket,
            None => {
                let opened = open(STORE).map_err(unavailable)?;
                cell.get_or_init(|| opened)
            }
        };
        action(bucket).map_err(unavailable)
    })
}

/// An ordinary key: of a size that every store takes, and not a head's.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    check_key_size(key)?;
    if head::is_head_key(key) {
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

/// Whether a failed write happened isn't known to Spin either, so every failure is the same to the caller.
pub(crate) fn unavailable(error: SpinError) -> Error {
    Error::Unavailable(match error {
        SpinError::NoSuchStore => format!("the store {STORE:?} is not defined in the runtime configuration"),
        SpinError::AccessDenied => format!("the manifest grants no key_value_stores = [{STORE:?}]"),
        SpinError::Other(message) => message,
    })
}
