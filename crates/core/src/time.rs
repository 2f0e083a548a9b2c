//! Instants, in microseconds, written as the protocol writes them: `2026-11-21T09:30:00.123456Z`.

use core::fmt;

use crate::prelude::*;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// The text is not a date of the protocol's form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub struct TimestampError;

impl TimestampError {
    /// What would be right.
    pub fn as_str(&self) -> &'static str {
        "a date is ISO-8601 in UTC with six (or three) fractional digits, for example 2026-11-21T09:30:00.123456Z"
    }
}

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400;

impl Timestamp {
    /// `9999-01-01T00:00:00.000000Z`, the `validTo` of what is current.
    pub const FOREVER: Timestamp = Timestamp(253_370_764_800_000_000);

    /// The last instant that can be written.
    const LAST: u64 = 253_402_300_799_999_999;

    /// Seconds since 1970, as JSON Web Tokens count them.
    #[cfg(feature = "server")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// The next microsecond.
    pub fn next(self) -> Timestamp {
        Timestamp(self.0 + 1)
    }

    /// Reads exactly `YYYY-MM-DDTHH:MM:SS.ffffffZ`, or with three fractional digits; from 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let bytes = text.as_bytes();
        if bytes.len() != 27 && bytes.len() != 24 {
            return Err(TimestampError);
        }
        let shape = b"0000-00-00T00:00:00.";
        let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
        let (text, zone) = bytes.split_at(bytes.len() - 1);
        let fraction = text.get(20..).unwrap_or_default();
        if !bytes.iter().zip(shape).all(fits) || !fraction.iter().all(u8::is_ascii_digit) || zone != b"Z" {
            return Err(TimestampError);
        }
        let number = |from, to| {
            let digits: &[u8] = text.get(from..to).unwrap_or_default();
            digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'))
        };
        let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
        let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
        let micros = number(20, text.len()) * if fraction.len() == 3 { 1_000 } else { 1 };
        // No leap seconds: 60 would be another instant's name.
        let in_day = hour < 24 && minute < 60 && second < 60;
        if year < 1970 || !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) || !in_day {
            return Err(TimestampError);
        }
        let days = days_before(year) + (1..month).map(|month| days_of(year, month)).sum::<u64>() + day - 1;
        let micros = (days * DAY + hour * 3_600 + minute * 60 + second) * SECOND + micros;
        Ok(Timestamp(micros))
    }

    /// As the protocol writes it; what is later than the year 9999, as its end.
    pub fn to_text(self) -> String {
        let micros = self.0.min(Self::LAST);
        let seconds = micros / SECOND;
        let (mut day, second) = (seconds / DAY, seconds % DAY);
        // Never too late: no year has more than 366 days. And in 8,000 years at most six too early.
        let mut year = 1970 + day / 366;
        while days_before(year + 1) <= day {
            year += 1;
        }
        day -= days_before(year);
        let mut month = 1;
        while day >= days_of(year, month) {
            day -= days_of(year, month);
            month += 1;
        }
        let parts = [
            (year, 4, "-"),
            (month, 2, "-"),
            (day + 1, 2, "T"),
            (second / 3_600, 2, ":"),
            (second / 60 % 60, 2, ":"),
            (second % 60, 2, "."),
            (micros % SECOND, 6, "Z"),
        ];
        let mut text = String::new();
        for (number, width, end) in parts {
            text.push_str(&digits(number, width));
            text.push_str(end);
        }
        text
    }
}

/// Days from 1970 to the start of a year.
fn days_before(year: u64) -> u64 {
    let past = year - 1;
    // 477 leap days before 1970.
    (year - 1970) * 365 + past / 4 - past / 100 + past / 400 - 477
}

fn days_of(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
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
        assert_eq!(Timestamp::parse("9999-12-31T23:59:59.999999Z"), Ok(Timestamp(Timestamp::LAST)));
        assert_eq!(Timestamp(u64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
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
            "10000-01-01T00:00:00.00000Z",
            "",
            "２026-11-21T09:30:00.12Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_day_is_the_one_that_a_calendar_says() {
        for day in (0..2_932_532).step_by(13).chain(11_000..12_500) {
            let at = Timestamp(day * DAY * SECOND + day % DAY * SECOND + day);
            let known = jiff::Timestamp::from_microsecond(at.0.cast_signed()).unwrap();
            assert_eq!(at.to_text(), format!("{known:.6}"));
            assert_eq!(Timestamp::parse(&at.to_text()), Ok(at));
        }
    }
}
