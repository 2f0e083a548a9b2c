//! `timeweft:storage/store` on Spin's key-value store, and `timeweft:person/settings` on its variables.
//!
//! Values are Spin's values, byte for byte. A head is a value of exactly 8 bytes, a u64 in little-endian order, under a key
//! that starts with `h:`; such keys hold nothing else, whatever the caller asks (`head` says why that must be enforced here).
//!
//! `timeweft:person/issuer` answers that there is no way to one (`issuer`).
//!
//! Nothing is kept between calls but the handle of the opened store.

// What `generate!` expands to is the ABI, unsafe by nature.
#[allow(unsafe_code)]
mod wit {
    wit_bindgen::generate!({
        path: [
            "../../wit/deps/wasi-keyvalue@0.2.0-draft2",
            "../../wit/deps/fermyon-spin@2.0.0",
            "../../wit/storage.wit",
            "../../wit/entity.wit",
            "../../wit/person.wit",
            "../../wit/storage-spin.wit",
        ],
        world: "timeweft:storage-spin/storage-spin",
        generate_all,
    });

    export!(StorageSpin with_types_in self);

    pub(crate) struct StorageSpin;
}

mod bucket;
mod head;
mod issuer;
mod key;
mod settings;

use bucket::with_bucket;
use key::{check_key, check_value};
use wit::StorageSpin;
use wit::exports::timeweft::storage::store::{Error, Guest};

impl Guest for StorageSpin {
    fn get(key: String) -> Result<Option<Vec<u8>>, Error> {
        check_key(&key)?;
        with_bucket(|bucket| bucket.get(&key))
    }

    fn set(key: String, value: Vec<u8>) -> Result<(), Error> {
        check_key(&key)?;
        check_value(&value)?;
        with_bucket(|bucket| bucket.set(&key, &value))
    }

    fn delete(key: String) -> Result<(), Error> {
        check_key(&key)?;
        with_bucket(|bucket| bucket.delete(&key))
    }

    fn read_head(key: String) -> Result<u64, Error> {
        head::read(&key)
    }

    fn swap_head(key: String, current: u64, next: u64) -> Result<bool, Error> {
        head::swap(&key, current, next)
    }
}
