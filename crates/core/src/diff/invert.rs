//! The way back. What was deleted or replaced is taken from the base.

use super::sequence::{Builder, Run};
use super::{Diff, Segment, wire};
use crate::prelude::*;
use crate::value::Value;

impl Diff {
    /// Takes what this makes of `base` back to `base`. Texts and arrays come out in plain form where that is not longer.
    ///
    /// Of a base that this was not made for, the inverse just sets what was there.
    pub fn invert(&self, base: &Value) -> Diff {
        let back = match self {
            Diff::Set { value: new, .. } => Diff::root(base.clone(), new),
            _ => inverse(self, base),
        };
        wire::plainer(back, base)
    }
}

/// The inverse at a place that holds `base`.
pub(super) fn inverse(diff: &Diff, base: &Value) -> Diff {
    let back = match (diff, base) {
        (Diff::Set { value: new, .. }, _) => {
            return Diff::Set { value: base.clone(), over_container: new.is_container() };
        }
        (Diff::Remove, _) => return Diff::Set { value: base.clone(), over_container: false },
        (Diff::Object(members), Value::Object(object)) => Some(Diff::Object(
            members
                .iter()
                .filter_map(|(key, change)| match object.get(key) {
                    Some(old) => Some((key.clone(), inverse(change, old))),
                    // Removing what was not there changed nothing; so did anything but setting it.
                    None => matches!(change, Diff::Set { .. }).then(|| (key.clone(), Diff::Remove)),
                })
                .collect(),
        )),
        (Diff::Array(segments), Value::Array(items)) => along::<Vec<Value>>(segments, items, |inner, one| match one {
            [item] => Some(inverse(inner, item)),
            _ => None,
        })
        .map(Diff::Array),
        (Diff::Text(segments), Value::Text(text)) => along::<String>(segments, text, |(), _| None).map(Diff::Text),
        _ if diff.is_identity() => Some(Diff::identity()),
        _ => None,
    };
    back.unwrap_or_else(|| Diff::Set { value: base.clone(), over_container: true })
}

fn along<T: Run>(
    segments: &[Segment<T, T::Inner>],
    base: &T::Slice,
    inside: impl Fn(&T::Inner, &T::Slice) -> Option<T::Inner>,
) -> Option<Vec<Segment<T, T::Inner>>> {
    let mut back = Builder::<T>::new();
    let mut rest = base;
    for segment in segments {
        match segment {
            Segment::Keep(length) => {
                (_, rest) = T::split(rest, *length).ok()?;
                back.keep(*length);
            }
            Segment::Delete(length) => {
                let deleted;
                (deleted, rest) = T::split(rest, *length).ok()?;
                back.insert(deleted);
            }
            Segment::Insert(run) => back.delete(T::length(run.slice())),
            Segment::Inner(inner) => {
                let one;
                (one, rest) = T::split(rest, 1).ok()?;
                back.inner(inside(inner, one)?);
            }
        }
    }
    Some(back.finish())
}
