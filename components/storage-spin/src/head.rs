//! Heads: compare-and-swap made of what Spin's key-value store does right.
//!
//! Read in its source and measured (docs/operations-spin.md, "The store"):
//!
//! - A compare-and-swap handle is exact when the key was present at its last `current`. When the key was absent, or
//!   `current` was never asked, `swap` writes unconditionally. So no handle is swapped here unless its `current` gave
//!   exactly the 8 bytes that are expected.
//! - `increment(key, 0)` is atomic and leaves 8 zero bytes where nothing was: that is how a head comes to be. Two that
//!   create the same head both leave zeros, and only one of their swaps from zero succeeds. A head of 0 is as good as none.
//! - `increment` on a value that isn't 8 bytes panics inside Spin with the store's lock held, and with it the whole store
//!   is gone until a restart. So heads have keys of their own, which `set` refuses, and it is only called after `current`
//!   said that the key is absent.
//! - A handle that was swapped stays in a table of 256 that Spin keeps for the instance, and nothing frees it. Handles
//!   that are dropped unswapped do not. So a swap that can't succeed isn't tried, and an instance whose table is full
//!   is given up: see `give_up`.

use crate::bucket::with_bucket;
use crate::key::{check_key_size, is_head_key};
use crate::wit::exports::timeweft::storage::store::Error;
use crate::wit::wasi::keyvalue::atomics::{Cas, CasError, increment, swap as swap_cas};
use crate::wit::wasi::keyvalue::store::Error as SpinError;

/// What Spin says when its table of handles is full.
const TABLE_FULL: &str = "too many compare_and_swaps opened";

pub(crate) fn read(key: &str) -> Result<u64, Error> {
    check_head_key(key)?;
    match with_bucket(|bucket| bucket.get(key))? {
        Some(bytes) => decode(key, &bytes),
        None => Ok(0),
    }
}

pub(crate) fn swap(key: &str, current: u64, next: u64) -> Result<bool, Error> {
    check_head_key(key)?;
    if next == 0 {
        return Err(Error::Unavailable(format!("{key}: a head is never swapped to 0")));
    }
    let cas = match with_bucket(|bucket| Cas::new(bucket, key)) {
        Err(Error::Unavailable(message)) if message == TABLE_FULL => give_up(),
        other => other?,
    };
    let mut found = held(&cas)?;
    if found.is_none() && current == 0 {
        with_bucket(|bucket| increment(bucket, key, 0).map(drop))?;
        found = held(&cas)?;
    }
    // Still absent: somebody deletes heads behind our back. A swap now would be unconditional.
    let Some(found) = found else { return Ok(false) };
    if decode(key, &found)? != current {
        return Ok(false);
    }
    match swap_cas(cas, &next.to_le_bytes()) {
        Ok(()) => Ok(true),
        Err(CasError::CasFailed(_fresh)) => Ok(false),
        // Spin prepares a fresh handle for the loser, and that is what didn't fit: the swap itself did not happen.
        Err(CasError::StoreError(SpinError::Other(message))) if message == TABLE_FULL => Ok(false),
        Err(CasError::StoreError(error)) => Err(crate::bucket::unavailable(error)),
    }
}

/// What the handle holds now, which is also what its swap will compare with.
fn held(cas: &Cas) -> Result<Option<Vec<u8>>, Error> {
    cas.current().map_err(crate::bucket::unavailable)
}

fn check_head_key(key: &str) -> Result<(), Error> {
    check_key_size(key)?;
    if is_head_key(key) {
        Ok(())
    } else {
        Err(Error::Unavailable(format!("{key}: the key of a head starts with \"h:\"")))
    }
}

fn decode(key: &str, bytes: &[u8]) -> Result<u64, Error> {
    match bytes.try_into() {
        Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
        Err(_) => Err(Error::Unavailable(format!("{key} holds {} bytes where a head has 8", bytes.len()))),
    }
}

/// Ends this instance, so that the host makes another: in this one no swap can ever be tried again, and every request
/// that it still gets would fail. Nothing was written for the swap at hand. docs/operations-spin.md says how many
/// requests an instance may serve so that it never comes to this.
fn give_up() -> ! {
    panic!("this instance has used up the compare-and-swap handles that Spin grants it; it is replaced");
}
