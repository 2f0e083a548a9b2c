//! Who a request says it is from, for a gateway in the same process: whose share of it the request is.

use std::time::Duration;

use timeweft_core::time::Timestamp;

use crate::caller;
use crate::config::{Config, ConfigError};
use crate::event::Header;
use crate::host::Settings;

/// What credentials are checked with.
pub struct Credentials(Config);

impl Credentials {
    /// Reads the settings.
    pub fn new(settings: &impl Settings) -> Result<Credentials, ConfigError> {
        Config::read(settings).map(Credentials)
    }

    /// The person whose session or token these headers (names in lower case) carry, `now` since 1970. A session that was
    /// ended before its time still counts: rights are decided where the store is. `known` is what the issuer has answered to a GET of
    /// a URL lately; a token that can't be checked with that shows nobody.
    pub fn person<'a>(
        &self,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: Duration,
        known: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Option<String> {
        let tokens = |name: &str| matches!(name, "authorization" | "cookie");
        let headers = headers.into_iter().filter(|(name, _)| tokens(name));
        let headers: Vec<Header> = headers.map(|(name, value)| Header::new(name, value)).collect();
        let now = Timestamp(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
        caller::claimed(&self.0, &headers, now, known)
    }
}
