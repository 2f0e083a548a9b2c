//! No requests to an issuer: this component reaches the store and variables alone. spin.toml has no variable for an issuer, so nobody is
//! told this but who adds one (docs/operations-spin.md).

use crate::wit::StorageSpin;
use crate::wit::exports::timeweft::person::issuer::{Guest, Request, Response};

impl Guest for StorageSpin {
    fn send(_: Request) -> Result<Response, String> {
        Err("there is no way to an issuer on Spin; use tokens signed with a shared key (jwt_issuer, jwt_key)"
            .to_owned())
    }
}
