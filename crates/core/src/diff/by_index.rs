//! deep-object-diff's form over an array: changes by index, understood by what the elements are.
//!
//! Who sorts a list and says by index what differs, says of every place what is in it then. Where elements have an identity, this
//! knows them again: an element that is named at another place than before has moved there.

#[cfg(feature = "server")]
use super::arrange::{Piece, arrange};
#[cfg(feature = "server")]
use super::identity::Identity;
#[cfg(feature = "server")]
use super::{Diff, make, resolve, sequence};
use super::{DiffError, Joins, Patch, Segment};
use crate::members::Members;
use crate::prelude::*;
use crate::sort;
use crate::value::Value;

/// Whether an element may get another name.
#[cfg(feature = "server")]
pub(super) fn renames(edits: &[Segment<Vec<Value>, Patch>], identity: &Identity) -> bool {
    edits.iter().any(|edit| match edit {
        Segment::Inner(Patch::Map(members)) => members.keys().any(|name| identity.names(name)),
        Segment::Inner(Patch::Replace(value)) => identity.of(value).is_some(),
        _ => false,
    })
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

/// What the changes do by the names of the elements, of which those that they touch are given.
#[cfg(feature = "server")]
pub(super) fn rename(
    edits: Vec<Segment<Vec<Value>, Patch>>,
    touched: Vec<&Value>,
    identity: &Identity,
) -> Result<Option<Diff>, DiffError> {
    let length = sequence::base_length(&edits);
    // What is there then, in the places that are touched and behind them: the old element of the place, and the new one.
    let mut places: Vec<(Option<usize>, Value)> = Vec::new();
    let mut pieces = Vec::new();
    let mut old = touched.iter();
    let mut at = 0;
    for edit in edits {
        let before = sequence::before(&edit);
        match edit {
            Segment::Keep(_) => pieces.push(Place::Kept(at, before)),
            Segment::Inner(patch) => {
                let element = *old.next().ok_or(DiffError::NotConsecutive)?;
                let mut value = element.clone();
                if let Some(change) = resolve::resolve(patch, Some(element), identity)? {
                    change.apply(&mut value)?;
                }
                pieces.push(Place::Touched(places.len()));
                places.push((Some(at), value));
            }
            Segment::Insert(items, _) => {
                for item in items {
                    pieces.push(Place::Touched(places.len()));
                    places.push((None, item));
                }
            }
            // Only the last ones are deleted.
            _ => old.by_ref().take(before).for_each(drop),
        }
        at += before;
    }
    let indices = touched_indices(&pieces, &places, length, touched.len());
    let now: Vec<&Value> = places.iter().map(|(_, value)| value).collect();
    let mut from: Vec<Option<usize>> = vec![None; places.len()];
    let mut is_known = vec![false; touched.len()];
    for (i, j) in identity.pairs(&touched, &now) {
        (from[j], is_known[i]) = (Some(i), true);
    }
    // What has no name, or had none, is what was in its place. What gets another name is another.
    for (place, (index, value)) in places.iter().enumerate() {
        let there = index.and_then(|index| indices.binary_search(&index).ok());
        let is_other = |old: &Value| {
            let names = (identity.of(old), identity.of(value));
            names.0.is_some() && names.1.is_some() && names.0 != names.1
        };
        if let (None, Some(there)) = (from[place], there)
            && !is_known[there]
            && !is_other(touched[there])
        {
            (from[place], is_known[there]) = (Some(there), true);
        }
    }
    let arranged = pieces.into_iter().map(|piece| match piece {
        Place::Kept(start, length) => Piece::Kept(start, length),
        Place::Touched(place) => match from[place] {
            Some(known) => match make::between_values(touched[known], &places[place].1, identity) {
                Some(change) => Piece::Changed(indices[known], change),
                None => Piece::Kept(indices[known], 1),
            },
            None => Piece::New(places[place].1.clone()),
        },
    });
    let edits = arrange(length, arranged.collect());
    Ok((!sequence::is_identity::<Vec<Value>>(&edits)).then_some(Diff::Array(edits)))
}

/// What is in the next places.
#[cfg(feature = "server")]
enum Place {
    Kept(usize, usize),
    Touched(usize),
}

/// The places of the elements that are touched: those that are changed, then those at the end that go.
#[cfg(feature = "server")]
fn touched_indices(pieces: &[Place], places: &[(Option<usize>, Value)], length: usize, count: usize) -> Vec<usize> {
    let changed = pieces.iter().filter_map(|piece| match piece {
        Place::Touched(place) => places.get(*place)?.0,
        Place::Kept(..) => None,
    });
    let mut indices: Vec<usize> = changed.collect();
    indices.extend(length - (count - indices.len())..length);
    indices
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
