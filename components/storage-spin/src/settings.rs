//! Settings are Spin variables: `limit-depth` is the component variable `limit_depth`.

use crate::wit::StorageSpin;
use crate::wit::exports::timeweft::person::settings::Guest;
use crate::wit::fermyon::spin::variables::{Error, get};

impl Guest for StorageSpin {
    /// Unset and empty are the same: in spin.toml a variable that may be left out needs a default, and that is `""`.
    fn get(name: String) -> Option<String> {
        match get(&name.replace('-', "_")) {
            Ok(value) => Some(value).filter(|value| !value.is_empty()),
            Err(Error::Undefined(_) | Error::InvalidName(_)) => None,
            Err(Error::Provider(message) | Error::Other(message)) => {
                eprintln!("variable {name}: {message}");
                None
            }
        }
    }
}
