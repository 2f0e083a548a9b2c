//! Instants, in microseconds, written as the contract writes them: `2026-11-21T09:30:00.123456Z`.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// The text is not a date of the contract's form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a date is ISO-8601 in UTC with six (or three) fractional digits, for example 2026-11-21T09:30:00.123456Z")]
pub struct TimestampError;

impl Timestamp {
    /// `9999-01-01T00:00:00.000000Z`, the `validTo` of what is current.
    pub const FOREVER: Timestamp = Timestamp(253_370_764_800_000_000);

    /// The next microsecond.
    pub fn next(self) -> Timestamp {
        Timestamp(self.0 + 1)
    }

    /// Reads exactly `YYYY-MM-DDTHH:MM:SS.ffffffZ`, or with three fractional digits; between 1970 and 9999-01-01.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let bytes = text.as_bytes();
        if bytes.len() != 27 && bytes.len() != 24 {
            return Err(TimestampError);
        }
        let shape = b"0000-00-00T00:00:00.";
        let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
        let digits = &bytes[20..bytes.len() - 1];
        if !bytes.iter().zip(shape).all(fits)
            || !digits.iter().all(u8::is_ascii_digit)
            || bytes[bytes.len() - 1] != b'Z'
        {
            return Err(TimestampError);
        }
        // A leap second would be clamped by the calendar library and then name another instant.
        if &bytes[17..19] == b"60" {
            return Err(TimestampError);
        }
        let instant = humantime::parse_rfc3339(text).map_err(|_| TimestampError)?;
        let since = instant.duration_since(UNIX_EPOCH).map_err(|_| TimestampError)?;
        let micros = u64::try_from(since.as_micros()).map_err(|_| TimestampError)?;
        if micros > Self::FOREVER.0 { Err(TimestampError) } else { Ok(Timestamp(micros)) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = UNIX_EPOCH + Duration::from_micros(self.0.min(Self::FOREVER.0));
        humantime::format_rfc3339_micros(instant).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_and_write_as_the_contract_says() {
        let at = Timestamp::parse("2026-11-21T09:30:00.123456Z").unwrap();
        assert_eq!(at.to_string(), "2026-11-21T09:30:00.123456Z");
        assert_eq!(Timestamp::parse("2026-11-21T09:30:00.123Z").unwrap().to_string(), "2026-11-21T09:30:00.123000Z");
        assert_eq!(Timestamp::FOREVER.to_string(), "9999-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::parse("9999-01-01T00:00:00.000000Z"), Ok(Timestamp::FOREVER));
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "2026-11-21T09:30:00Z",
            "2026-11-21T09:30:00.1Z",
            "2026-11-21T09:30:00.123456+00:00",
            "2026-11-21 09:30:00.123456Z",
            "2026-13-21T09:30:00.123456Z",
            "2026-11-31T09:30:00.123456Z",
            "2026-11-21T24:30:00.123456Z",
            "2026-11-21T23:59:60.123456Z",
            "Sat, 21 Nov 2026 09:30:00 GMT",
            "1969-11-21T09:30:00.123456Z",
            "9999-01-01T00:00:00.000001Z",
            "",
            "２026-11-21T09:30:00.12Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }
}
