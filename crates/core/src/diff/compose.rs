//! Two diffs in a row as one. No base is needed: edits along texts and arrays are total.

use super::sequence::{Builder, Run, Segments};
use super::text::Off;
use super::{Diff, DiffError, Segment, is_empty_object};
use crate::prelude::*;
use crate::value::Value;

/// What `first` and then `second` do.
///
/// # Errors
/// When `second` does not start from what `first` makes.
pub fn compose(first: &Diff, second: &Diff) -> Result<Diff, DiffError> {
    let mut both = inside(first, second)?;
    // What was there before `first` is not known; unless `first` made an empty object too, and then says it right.
    if let Diff::Set { value, over_container } = &mut both
        && is_empty_object(value)
        && !matches!(first, Diff::Set { value, .. } if is_empty_object(value))
    {
        *over_container = true;
    }
    Ok(both)
}

/// As [`compose`], below the root.
pub(super) fn inside(first: &Diff, second: &Diff) -> Result<Diff, DiffError> {
    if second.is_identity() {
        return Ok(first.clone());
    }
    if first.is_identity() {
        return Ok(second.clone());
    }
    match (first, second) {
        (_, Diff::Remove) => Ok(Diff::Remove),
        (before, Diff::Set { value, .. }) => {
            let over_container = match before {
                Diff::Set { over_container, .. } => *over_container,
                // What was removed is not known, so it may have been a container.
                Diff::Remove | Diff::Object(_) | Diff::Array(_) => true,
                Diff::Text(_) => false,
            };
            Ok(Diff::Set { value: value.clone(), over_container })
        }
        (Diff::Set { value, over_container }, edits) => {
            let mut value = value.clone();
            edits.apply(&mut value)?;
            Ok(Diff::Set { value, over_container: *over_container })
        }
        (Diff::Object(first), Diff::Object(second)) => {
            let mut members = Vec::with_capacity(first.len() + second.len());
            for (key, change) in first {
                let both = match second.get(key) {
                    Some(then) => inside(change, then)?,
                    None => change.clone(),
                };
                members.push((key.clone(), both));
            }
            let others = second.iter().filter(|(key, _)| !first.contains_key(key));
            members.extend(others.map(|(key, change)| (key.clone(), change.clone())));
            Ok(Diff::Object(members.into_iter().collect()))
        }
        (Diff::Array(first), Diff::Array(second)) => Ok(Diff::Array(along::<Vec<Value>>(first, second)?)),
        (Diff::Text(first), Diff::Text(second)) => Ok(Diff::Text(along::<String>(first, second)?)),
        _ => Err(DiffError::NotConsecutive),
    }
}

/// What the first edits leave at the current position.
enum Piece<'a, T: Run> {
    Kept(usize),
    New(&'a T::Slice),
    Changed(&'a T::Inner),
}

impl<T: Run> Piece<'_, T> {
    fn is_empty(&self) -> bool {
        match self {
            Piece::Kept(length) => *length == 0,
            Piece::New(slice) => T::is_empty(slice),
            Piece::Changed(_) => false,
        }
    }
}

/// Hands out what the first edits leave, piece by piece.
struct Left<'a, T: Run> {
    segments: core::slice::Iter<'a, Segment<T, T::Inner>>,
    piece: Option<Piece<'a, T>>,
}

impl<'a, T: Run> Left<'a, T> {
    /// The next piece, of `most` units at most. What the first edits delete before it goes to `out`.
    fn next(&mut self, most: usize, out: &mut Builder<T>) -> Result<Option<Piece<'a, T>>, DiffError> {
        let piece = loop {
            match self.piece.take() {
                Some(piece) if piece.is_empty() => {}
                Some(piece) => break piece,
                None => {
                    self.piece = match self.segments.next() {
                        None => return Ok(None),
                        Some(Segment::Delete(length)) => {
                            out.delete(*length);
                            None
                        }
                        Some(Segment::Keep(length)) => Some(Piece::Kept(*length)),
                        Some(Segment::Insert(run)) => Some(Piece::New(run.slice())),
                        Some(Segment::Inner(inner)) => Some(Piece::Changed(inner)),
                    }
                }
            }
        };
        Ok(Some(match piece {
            Piece::Kept(length) if length > most => {
                self.piece = Some(Piece::Kept(length - most));
                Piece::Kept(most)
            }
            Piece::New(slice) => match T::split(slice, most) {
                Ok((head, tail)) => {
                    self.piece = Some(Piece::New(tail));
                    Piece::New(head)
                }
                Err(Off::PastEnd) => piece,
                Err(Off::Splits) => return Err(DiffError::SplitsCharacter(most)),
            },
            piece => piece,
        }))
    }
}

fn along<T: Run>(first: &[Segment<T, T::Inner>], second: &[Segment<T, T::Inner>]) -> Result<Segments<T>, DiffError> {
    let mut out = Builder::<T>::new();
    let mut left = Left { segments: first.iter(), piece: None };
    for segment in second {
        let mut length = match segment {
            Segment::Insert(run) => {
                out.insert(run.slice());
                continue;
            }
            Segment::Keep(length) | Segment::Delete(length) => *length,
            Segment::Inner(_) => 1,
        };
        while length > 0 {
            let piece = left.next(length, &mut out)?.ok_or(DiffError::NotConsecutive)?;
            length -= match piece {
                Piece::Kept(kept) => {
                    match segment {
                        Segment::Delete(_) => out.delete(kept),
                        Segment::Inner(inner) => out.inner(inner.clone()),
                        _ => out.keep(kept),
                    }
                    kept
                }
                Piece::New(slice) => {
                    match segment {
                        Segment::Delete(_) => {}
                        Segment::Inner(inner) => out.insert_owned(T::changed(slice, inner)?),
                        _ => out.insert(slice),
                    }
                    T::length(slice)
                }
                Piece::Changed(change) => {
                    match segment {
                        Segment::Delete(_) => out.delete(1),
                        Segment::Inner(inner) => out.inner(T::compose_inner(change, inner)?),
                        _ => out.inner(change.clone()),
                    }
                    1
                }
            };
        }
    }
    match left.next(1, &mut out)? {
        None => Ok(out.finish()),
        Some(_) => Err(DiffError::NotConsecutive),
    }
}

#[cfg(test)]
mod tests;
