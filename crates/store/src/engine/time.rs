//! When a version begins: when it is taken, or when its author says, and always after the one before.

use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;

use crate::record::Record;

/// What an author names may be so far ahead of the clock, in microseconds: as far as clocks may differ. Whatever is named later begins
/// after it, and should not seem to be made tomorrow.
const AHEAD: u64 = 5 * 60 * 1_000_000;

/// When a version begins.
pub(super) struct Begins {
    pub(super) valid_from: Timestamp,
    /// When it was taken, where its author said when it begins.
    pub(super) recorded: Option<Timestamp>,
}

impl Begins {
    /// When it is taken.
    pub(super) fn now(now: Timestamp) -> Begins {
        Begins { valid_from: now, recorded: None }
    }

    /// The first version: at any time, but for what is too far ahead.
    pub(super) fn first(now: Timestamp, named: Option<Timestamp>) -> Result<Begins, Failure> {
        match named {
            Some(named) => Begins::named(named, now),
            None => Ok(Begins::now(now)),
        }
    }

    /// The version after `current`. Whatever time that has, there is a next one.
    pub(super) fn after(current: &Record, now: Timestamp, named: Option<Timestamp>) -> Result<Begins, Failure> {
        let last = Timestamp(current.entry.valid_from);
        match named {
            Some(named) if named <= last => {
                Err(Failure::BadRequest(format!("validFrom must be later than the current version's, {last}")))
            }
            Some(named) => Begins::named(named, now),
            None => Ok(Begins::now(now.max(last.next()))),
        }
    }

    fn named(valid_from: Timestamp, now: Timestamp) -> Result<Begins, Failure> {
        if valid_from.0 > now.0.saturating_add(AHEAD) {
            let why = format!("validFrom may be five minutes ahead of the server's clock, {now}, and not more");
            return Err(Failure::BadRequest(why));
        }
        Ok(Begins { valid_from, recorded: Some(now) })
    }
}
