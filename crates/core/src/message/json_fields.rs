//! The fields of a message in JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Entries, add};
use crate::codec::DecodeError;

/// The fields of a JSON object.
pub(super) fn entries(frame: &[u8]) -> Result<Entries<'_>, DecodeError> {
    let mut reader = serde_json::Deserializer::from_slice(frame);
    let entries = reader.deserialize_map(Members).and_then(|entries| reader.end().map(|()| entries));
    entries.map_err(|error| DecodeError::malformed(format!("not a message in JSON: {error}")))
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Entries<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, item)) = members.next_entry::<String, &'de RawValue>()? {
            add(&mut entries, key, Cow::Borrowed(item.get().as_bytes())).map_err(A::Error::custom)?;
        }
        Ok(entries)
    }
}
