//! How much a diff does: by that it is known whether something of it was left out.

use super::{Diff, Segment};
use crate::prelude::*;

impl Diff {
    /// How much is put in, taken out, moved and set.
    pub fn amount(&self) -> usize {
        fn along<T, I>(segments: &[Segment<T, I>], put: impl Fn(&T) -> usize, inner: impl Fn(&I) -> usize) -> usize {
            let of = |segment: &Segment<T, I>| match segment {
                Segment::Insert(run, _) => put(run),
                Segment::Delete(length) => *length,
                Segment::Inner(change) => inner(change),
                Segment::Put(_, change) => 1 + change.as_ref().map_or(0, &inner),
                Segment::Keep(_) | Segment::Take(_) => 0,
            };
            segments.iter().map(of).sum()
        }
        match self {
            Diff::Remove | Diff::Set { .. } => 1,
            Diff::Increment(_) => 0,
            Diff::Object(members) => members.values().map(Diff::amount).sum(),
            Diff::Text(segments) => along(segments, String::len, |()| 0),
            Diff::Array(segments) | Diff::Entries(_, segments) => along(segments, Vec::len, Diff::amount),
        }
    }
}
