//! The one store we use (`default`), and Spin's errors as ours.

use std::cell::OnceCell;

use crate::wit::exports::timeweft::storage::store::Error;
use crate::wit::wasi::keyvalue::store::{Bucket, Error as SpinError, open};

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

/// Whether a failed write happened isn't known to Spin either, so every failure is the same to the caller.
pub(crate) fn unavailable(error: SpinError) -> Error {
    Error::Unavailable(match error {
        SpinError::NoSuchStore => format!("the store {STORE:?} is not defined in the runtime configuration"),
        SpinError::AccessDenied => format!("the manifest grants no key_value_stores = [{STORE:?}]"),
        SpinError::Other(message) => message,
    })
}
