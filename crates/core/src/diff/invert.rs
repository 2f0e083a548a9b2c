//! The way back. What was deleted or replaced is taken from the base.

use super::increment::negated;
use super::sequence::{Builder, Run};
use super::{Diff, Increment, Joins, Segment, apply};
use crate::prelude::*;
use crate::value::Value;

impl Diff {
    /// Takes what this makes of `base` back to `base`, exactly.
    ///
    /// Of a base that this was not made for, the inverse just sets what was there.
    pub fn invert(&self, base: &Value) -> Diff {
        root(self, base, Sums::Exact)
    }

    /// What a person means who takes this back: as [`invert`](Diff::invert), but what was added to a number is taken off again,
    /// whatever it is by then.
    pub fn undo(&self, base: &Value) -> Diff {
        root(self, base, Sums::Opposite)
    }
}

/// The inverse of an increment.
#[derive(Clone, Copy, PartialEq)]
enum Sums {
    /// The number that was there.
    Exact,
    /// An increment by as much less.
    Opposite,
}

fn root(diff: &Diff, base: &Value, sums: Sums) -> Diff {
    match diff {
        Diff::Set { value: new, .. } => Diff::root(base.clone(), new),
        _ => back(diff, base, sums),
    }
}

/// The exact inverse at a place that holds `base`.
#[cfg(feature = "server")]
pub(super) fn inverse(diff: &Diff, base: &Value) -> Diff {
    back(diff, base, Sums::Exact)
}

fn back(diff: &Diff, base: &Value, sums: Sums) -> Diff {
    let back = match (diff, base) {
        (Diff::Set { value: new, .. }, _) => {
            return Diff::Set { value: base.clone(), over_container: new.is_container() };
        }
        (Diff::Remove, _) => return Diff::Set { value: base.clone(), over_container: false },
        (Diff::Increment(increment), _) if sums == Sums::Opposite => {
            return Diff::Increment(Increment::by(negated(&increment.by)));
        }
        (Diff::Increment(_), _) => return Diff::Set { value: base.clone(), over_container: false },
        (Diff::Object(members), Value::Object(object)) => Some(Diff::Object(
            members
                .iter()
                .filter_map(|(key, change)| match object.get(key) {
                    Some(old) => Some((key.clone(), back(change, old, sums))),
                    // Removing what was not there changed nothing; so did anything but setting it.
                    None => {
                        matches!(change, Diff::Set { .. } | Diff::Increment(_)).then(|| (key.clone(), Diff::Remove))
                    }
                })
                .collect(),
        )),
        (Diff::Array(segments), Value::Array(items)) => along::<Vec<Value>>(segments, items, |inner, one| match one {
            [item] => Some(back(inner, item, sums)),
            _ => None,
        })
        .map(Diff::Array),
        (Diff::Entries(kind, segments), base) => apply::elements(base).and_then(|items| {
            let inside = |inner: &Diff, one: &[Value]| match one {
                [item] => Some(back(inner, item, sums)),
                _ => None,
            };
            along::<Vec<Value>>(segments, &items, inside).map(|segments| Diff::Entries(*kind, segments))
        }),
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
    // How what is taken is changed where it is put, backwards.
    let taken = segments.iter().filter(|segment| matches!(segment, Segment::Take(_))).count();
    let mut put: Vec<Option<&T::Inner>> = vec![None; taken];
    for segment in segments {
        if let Segment::Put(number, inner) = segment
            && let Some(put) = put.get_mut(*number)
        {
            *put = inner.as_ref();
        }
    }
    for segment in segments {
        match segment {
            Segment::Keep(length) => {
                (_, rest) = T::split(rest, *length).ok()?;
                back.keep(*length);
            }
            Segment::Delete(length) => {
                let deleted;
                (deleted, rest) = T::split(rest, *length).ok()?;
                back.insert(deleted, Joins::NONE);
            }
            Segment::Insert(run, _) => back.delete(T::length(run.slice())),
            Segment::Inner(inner) => {
                let one;
                (one, rest) = T::split(rest, 1).ok()?;
                back.inner(inside(inner, one)?);
            }
            Segment::Take(number) => {
                let one;
                (one, rest) = T::split(rest, 1).ok()?;
                let inner = match put.get(*number).copied().flatten() {
                    Some(inner) => Some(inside(inner, one)?),
                    None => None,
                };
                back.put(*number, inner);
            }
            Segment::Put(number, _) => back.take(*number),
        }
    }
    Some(back.finish())
}
