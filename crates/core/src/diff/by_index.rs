//! deep-object-diff's form over an array: changes by index, understood by what the elements are.
//!
//! Who sorts a list, or takes an element out of it, and says by index what differs, says of every place what is in it then. So of those
//! places it is found what was where before, as of two whole arrays: an element that is at another place than before has moved there.

#[cfg(feature = "server")]
use super::arrange::{Piece, arrange};
#[cfg(feature = "server")]
use super::identity::Identity;
#[cfg(feature = "server")]
use super::pair::are_two;
#[cfg(feature = "server")]
use super::{Diff, make, resolve, sequence};
use super::{DiffError, Joins, Patch, Segment};
use crate::members::Members;
use crate::prelude::*;
use crate::sort;
use crate::value::Value;

/// Whether an element may be at another place than before: one gets another name, or not just one is changed.
#[cfg(feature = "server")]
pub(super) fn shifts(edits: &[Segment<Vec<Value>, Patch>], identity: &Identity) -> bool {
    let mut places = edits.iter().filter(|edit| !matches!(edit, Segment::Keep(_)));
    let is_changed = |edit: &Segment<Vec<Value>, Patch>| matches!(edit, Segment::Inner(_));
    match (places.next(), places.next()) {
        (Some(Segment::Inner(Patch::Map(members))), None) => members.keys().any(|name| identity.names(name)),
        (Some(Segment::Inner(Patch::Replace(value))), None) => identity.of(value).is_some(),
        (Some(first), Some(_)) => is_changed(first),
        _ => false,
    }
}

/// The elements of the base that are changed or deleted.
#[cfg(feature = "server")]
pub(super) fn touched(edits: &[Segment<Vec<Value>, Patch>]) -> Vec<usize> {
    let (mut at, mut touched) = (0, Vec::new());
    for edit in edits {
        let length = sequence::before(edit);
        if matches!(edit, Segment::Inner(_) | Segment::Delete(_)) {
            touched.extend(at..at + length);
        }
        at += length;
    }
    touched
}

/// What is next in the array.
#[cfg(feature = "server")]
enum Place {
    /// Elements as they were: the first, and how many.
    Kept(usize, usize),
    /// This; and of a place that was there its index, and what is said of it.
    Touched(Value, Option<(usize, Option<Diff>)>),
}

/// What the changes do by what the elements are, of which those that they touch are given.
#[cfg(feature = "server")]
pub(super) fn shift(
    edits: Vec<Segment<Vec<Value>, Patch>>,
    touched: Vec<&Value>,
    identity: &Identity,
) -> Result<Option<Diff>, DiffError> {
    let length = sequence::base_length(&edits);
    let mut places = Vec::new();
    let mut old = touched.iter();
    let (mut at, mut indices) = (0, Vec::new());
    for edit in edits {
        let before = sequence::before(&edit);
        match edit {
            Segment::Keep(_) => places.push(Place::Kept(at, before)),
            Segment::Inner(patch) => {
                let element = *old.next().ok_or(DiffError::NotConsecutive)?;
                let mut value = element.clone();
                let change = resolve::resolve(patch, Some(element), identity)?;
                if let Some(change) = &change {
                    change.apply(&mut value)?;
                }
                places.push(Place::Touched(value, Some((at, change))));
                indices.push(at);
            }
            Segment::Insert(items, _) => places.extend(items.into_iter().map(|value| Place::Touched(value, None))),
            // Only the last ones are deleted.
            _ => indices.extend(at..at + before),
        }
        at += before;
    }
    let at_end = !matches!(places.last(), Some(Place::Kept(start, count)) if start + count == length);
    let mut from = origins(&places, &touched, &indices, at_end, identity).into_iter();
    let pieces = places.into_iter().map(|place| match place {
        Place::Kept(start, count) => Piece::Kept(start, count),
        Place::Touched(value, before) => match (from.next().flatten(), before) {
            (None, _) => Piece::New(value),
            // What is said of the place is said of what stays in it.
            (Some(known), Some((index, change))) if indices[known] == index => match change {
                Some(change) => Piece::Changed(index, change),
                None => Piece::Kept(index, 1),
            },
            (Some(known), _) => match make::between_values(touched[known], &value, identity) {
                Some(change) => Piece::Changed(indices[known], change),
                None => Piece::Kept(indices[known], 1),
            },
        },
    });
    let edits = arrange(length, pieces.collect());
    Ok((!sequence::is_identity::<Vec<Value>>(&edits)).then_some(Diff::Array(edits)))
}

/// Which of those that are touched, of which the indices are given, is in each place that is. What is none of them is what was in its place.
#[cfg(feature = "server")]
fn origins(
    places: &[Place],
    touched: &[&Value],
    indices: &[usize],
    at_end: bool,
    identity: &Identity,
) -> Vec<Option<usize>> {
    let (mut now, mut there) = (Vec::new(), Vec::new());
    for place in places {
        if let Place::Touched(value, before) = place {
            now.push(value);
            there.push(before.as_ref().and_then(|(index, _)| indices.binary_search(index).ok()));
        }
    }
    let mut from = make::origins_of(touched, &now, at_end, identity);
    let mut is_known = vec![false; touched.len()];
    from.iter().flatten().for_each(|known| is_known[*known] = true);
    for ((from, there), value) in from.iter_mut().zip(there).zip(now) {
        let was = there.filter(|there| !is_known[*there] && !are_two(identity, touched[*there], value));
        *from = from.or(was);
    }
    from
}

/// The changes as edits along an array of so many elements.
pub(super) fn edits(members: Members<Patch>, length: usize) -> Result<Vec<Segment<Vec<Value>, Patch>>, DiffError> {
    let mut changes = Vec::with_capacity(members.len());
    for (key, patch) in members {
        match index(&key) {
            Some(index) => changes.push((index as u64, patch)),
            None => return Err(DiffError::NotAnIndex(key)),
        }
    }
    let changes = sort::by_number(changes);
    // A run of `undefined` up to the last element shortens the array, unless something follows it.
    let mut shorter = length;
    for (index, patch) in changes.iter().rev() {
        if *patch != Patch::Remove || index.checked_add(1) != Some(shorter as u64) {
            break;
        }
        shorter -= 1;
    }
    let mut edits = Vec::new();
    let keep = |edits: &mut Vec<_>, length: usize| {
        if length > 0 {
            edits.push(Segment::Keep(length));
        }
    };
    let (mut at, mut next, mut appended) = (0, length, Vec::new());
    for (index, patch) in changes {
        let index = index as usize;
        if index >= length {
            if index != next {
                return Err(DiffError::IndexOutOfRange { index, length, next });
            }
            next += 1;
            // With nothing there to remove, an appended `undefined` is that value.
            appended.push(if patch == Patch::Remove { Value::Undefined } else { patch.into_value()? });
        } else if index < shorter {
            let patch = if patch == Patch::Remove { Patch::Replace(Value::Undefined) } else { patch };
            keep(&mut edits, index - at);
            edits.push(Segment::Inner(patch));
            at = index + 1;
        }
    }
    keep(&mut edits, shorter - at);
    if shorter < length {
        edits.push(Segment::Delete(length - shorter));
    }
    if !appended.is_empty() {
        edits.push(Segment::Insert(appended, Joins::NONE));
    }
    Ok(edits)
}

/// An index in decimal, without leading zeros.
fn index(key: &str) -> Option<usize> {
    let digits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    // What no array is long enough for is an index still, out of range.
    (digits && (key.len() == 1 || !key.starts_with('0'))).then(|| key.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
