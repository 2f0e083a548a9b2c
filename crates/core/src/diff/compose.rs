//! Two diffs in a row as one. No base is needed: edits along texts and arrays are total.

use super::meet;
use super::sequence::{self, Builder, Run, Segments};
use super::text::Off;
use super::{Diff, DiffError, Increment, Joins, Segment, is_empty_object, sum};
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

/// As [`compose`], where nothing is put in along a text or an array from which something is deleted: of both together nobody could
/// tell whether it is in the place of that.
pub fn fused(first: &Diff, second: &Diff) -> Option<Diff> {
    compose(first, second).ok().filter(|both| !may_replace(both))
}

/// As [`compose`], unless along an array without identities what one of them puts in would stand in place of what the other deletes:
/// who adds a word and removes another has replaced none.
pub fn joined(first: &Diff, second: &Diff) -> Option<Diff> {
    let both = compose(first, second).ok()?;
    (replacements(&both) <= replacements(first) + replacements(second)).then_some(both)
}

fn replacements(diff: &Diff) -> usize {
    match diff {
        Diff::Object(members) => members.values().map(replacements).sum(),
        Diff::Array(segments) => {
            let inside = segments.iter().map(|segment| match segment {
                Segment::Inner(change) | Segment::Put(_, Some(change)) => replacements(change),
                _ => 0,
            });
            inside.sum::<usize>() + meet::replaced::<Vec<Value>>(segments).len()
        }
        _ => 0,
    }
}

fn may_replace(diff: &Diff) -> bool {
    let inside = |segment: &Segment<Vec<Value>, Diff>| match segment {
        Segment::Inner(change) | Segment::Put(_, Some(change)) => may_replace(change),
        _ => false,
    };
    match diff {
        Diff::Object(members) => members.values().any(may_replace),
        Diff::Text(segments) => is_mixed(segments),
        Diff::Array(segments) => is_mixed(segments) || segments.iter().any(inside),
        _ => false,
    }
}

fn is_mixed<T, I>(segments: &[Segment<T, I>]) -> bool {
    let has = |is: fn(&Segment<T, I>) -> bool| segments.iter().any(is);
    has(|segment| matches!(segment, Segment::Insert(..))) && has(|segment| matches!(segment, Segment::Delete(_)))
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
        (Diff::Increment(first), Diff::Increment(then)) => match (sum(&first.by, &then.by), &then.to) {
            (Ok(by), to) => Ok(Diff::Increment(Increment { by, to: to.clone() })),
            // By how much they are together can't be written, though each number there was could be.
            (Err(_), Some(to)) => Ok(Diff::Set { value: to.clone(), over_container: false }),
            (Err(error), None) => Err(error),
        },
        (before, Diff::Set { value, .. }) => {
            let over_container = match before {
                Diff::Set { over_container, .. } => *over_container,
                // What was removed is not known, so it may have been a container.
                Diff::Remove | Diff::Object(_) | Diff::Array(_) => true,
                Diff::Text(_) | Diff::Entries(..) | Diff::Increment(_) => false,
            };
            Ok(Diff::Set { value: value.clone(), over_container })
        }
        // A removed member may be there again by an increment of nothing.
        (Diff::Remove, Diff::Increment(increment)) => {
            Ok(Diff::Set { value: increment.on(None)?, over_container: true })
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
        (Diff::Entries(kind, first), Diff::Entries(other, second)) if kind == other => {
            Ok(Diff::Entries(*kind, along::<Vec<Value>>(first, second)?))
        }
        _ => Err(DiffError::NotConsecutive),
    }
}

/// What the first edits leave at the current position.
enum Piece<'a, T: Run> {
    Kept(usize),
    New(&'a T::Slice, Joins),
    Changed(&'a T::Inner),
    Put(usize, Option<&'a T::Inner>),
}

impl<T: Run> Piece<'_, T> {
    fn is_empty(&self) -> bool {
        match self {
            Piece::Kept(length) => *length == 0,
            Piece::New(slice, _) => T::is_empty(slice),
            Piece::Changed(_) | Piece::Put(..) => false,
        }
    }
}

/// Hands out what the first edits leave, piece by piece.
struct Left<'a, T: Run> {
    segments: core::slice::Iter<'a, Segment<T, T::Inner>>,
    piece: Option<Piece<'a, T>>,
}

impl<'a, T: Run> Left<'a, T> {
    fn of(segments: &'a [Segment<T, T::Inner>]) -> Self {
        Left { segments: segments.iter(), piece: None }
    }

    /// The next piece, of `most` units at most. What the first edits delete or take before it goes to `out`.
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
                        Some(Segment::Take(number)) => {
                            out.take(first_number(*number));
                            None
                        }
                        Some(Segment::Keep(length)) => Some(Piece::Kept(*length)),
                        Some(Segment::Insert(run, joins)) => Some(Piece::New(run.slice(), *joins)),
                        Some(Segment::Inner(inner)) => Some(Piece::Changed(inner)),
                        Some(Segment::Put(number, inner)) => Some(Piece::Put(*number, inner.as_ref())),
                    }
                }
            }
        };
        Ok(Some(match piece {
            Piece::Kept(length) if length > most => {
                self.piece = Some(Piece::Kept(length - most));
                Piece::Kept(most)
            }
            Piece::New(slice, joins) => match T::split(slice, most) {
                Ok((_, tail)) if T::is_empty(tail) => Piece::New(slice, joins),
                Ok((head, tail)) => {
                    self.piece = Some(Piece::New(tail, Joins { before: false, ..joins }));
                    Piece::New(head, Joins { behind: false, ..joins })
                }
                Err(Off::PastEnd) => Piece::New(slice, joins),
                Err(Off::Splits) => return Err(DiffError::SplitsCharacter(most)),
            },
            piece => piece,
        }))
    }
}

/// The numbers of what is taken by the first edits and by the second are kept apart.
fn first_number(number: usize) -> usize {
    2 * number
}

fn second_number(number: usize) -> usize {
    2 * number + 1
}

/// What the second edits take.
enum Taken<'a, T: Run> {
    /// An element of the base, changed by the first.
    Base(Option<&'a T::Inner>),
    /// What the first edits had taken under a number, and changed.
    Moved(usize, Option<&'a T::Inner>),
    New(&'a T::Slice),
}

fn along<T: Run>(first: &[Segment<T, T::Inner>], second: &[Segment<T, T::Inner>]) -> Result<Segments<T>, DiffError> {
    let second = &*sequence::normal::<T>(second);
    let taken = if second.iter().any(|segment| matches!(segment, Segment::Take(_))) {
        let mut taken = Vec::new();
        walk(
            first,
            second,
            &mut |number, what| {
                taken.push((number, what));
            },
            None,
        )?;
        taken
    } else {
        Vec::new()
    };
    walk(first, second, &mut |_, _| {}, Some(&taken))
}

/// What is taken is told to `take`; what is put is looked for in `taken`, which is not known the first time.
fn walk<'a, T: Run>(
    first: &'a [Segment<T, T::Inner>],
    second: &[Segment<T, T::Inner>],
    take: &mut dyn FnMut(usize, Taken<'a, T>),
    taken: Option<&[(usize, Taken<'a, T>)]>,
) -> Result<Segments<T>, DiffError> {
    let mut out = Builder::<T>::new();
    let mut left = Left::of(first);
    for segment in second {
        let mut length = match segment {
            Segment::Insert(run, joins) => {
                out.insert(run.slice(), *joins);
                continue;
            }
            Segment::Put(number, inner) => {
                // Numbers are in the order of what is taken.
                if let Some((_, what)) = taken.and_then(|taken| taken.get(*number)) {
                    put(&mut out, *number, what, inner.as_ref())?;
                }
                continue;
            }
            Segment::Keep(length) | Segment::Delete(length) => *length,
            Segment::Inner(_) | Segment::Take(_) => 1,
        };
        while length > 0 {
            let piece = left.next(length, &mut out)?.ok_or(DiffError::NotConsecutive)?;
            length -= match piece {
                Piece::Kept(kept) => {
                    match segment {
                        Segment::Delete(_) => out.delete(kept),
                        Segment::Inner(inner) => out.inner(inner.clone()),
                        Segment::Take(number) => {
                            out.take(second_number(*number));
                            take(*number, Taken::Base(None));
                        }
                        _ => out.keep(kept),
                    }
                    kept
                }
                Piece::New(slice, joins) => {
                    match segment {
                        Segment::Delete(_) => {}
                        Segment::Inner(inner) => out.insert_owned(T::changed(slice, inner)?, joins),
                        Segment::Take(number) => take(*number, Taken::New(slice)),
                        _ => out.insert(slice, joins),
                    }
                    T::length(slice)
                }
                Piece::Changed(change) => {
                    match segment {
                        Segment::Delete(_) => out.delete(1),
                        Segment::Inner(inner) => out.inner(T::compose_inner(change, inner)?),
                        Segment::Take(number) => {
                            out.take(second_number(*number));
                            take(*number, Taken::Base(Some(change)));
                        }
                        _ => out.inner(change.clone()),
                    }
                    1
                }
                Piece::Put(number, change) => {
                    match segment {
                        // Taken and not put: the builder deletes it where it was.
                        Segment::Delete(_) => {}
                        Segment::Inner(inner) => out.put(first_number(number), both::<T>(change, Some(inner))?),
                        Segment::Take(then) => take(*then, Taken::Moved(number, change)),
                        _ => out.put(first_number(number), change.cloned()),
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

fn put<T: Run>(
    out: &mut Builder<T>,
    number: usize,
    what: &Taken<'_, T>,
    inner: Option<&T::Inner>,
) -> Result<(), DiffError> {
    match what {
        Taken::Base(change) => out.put(second_number(number), both::<T>(*change, inner)?),
        Taken::Moved(before, change) => out.put(first_number(*before), both::<T>(*change, inner)?),
        Taken::New(slice) => match inner {
            Some(inner) => out.insert_owned(T::changed(slice, inner)?, Joins::NONE),
            None => out.insert(slice, Joins::NONE),
        },
    }
    Ok(())
}

fn both<T: Run>(first: Option<&T::Inner>, second: Option<&T::Inner>) -> Result<Option<T::Inner>, DiffError> {
    Ok(match (first, second) {
        (Some(first), Some(second)) => Some(T::compose_inner(first, second)?),
        (first, second) => first.or(second).cloned(),
    })
}

#[cfg(test)]
mod tests;
