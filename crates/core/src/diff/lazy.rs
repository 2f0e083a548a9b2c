//! Resolving and inverting where the base is not loaded whole: what a diff does not touch is not asked for.
//!
//! A base is [`Part`]s: values at hand, and [`Branch`]es, containers too long for that, of which members and elements are
//! asked for one by one. Every function here does what its namesake on a [`Value`] does, and a property test holds them to
//! that; below a branch they are those.
//!
//! Along a branch texts and arrays stay edits where the plain form would need the whole.

use core::ops::Range;

use super::identity::Identity;
use super::sequence::{self, Builder};
use super::{Diff, DiffError, Increment, Joins, Patch, Segment, apply, by_index, invert, resolve, wire};
use crate::members::Members;
use crate::prelude::*;
use crate::value::{Object, Value};

/// A place in a base.
#[derive(Clone, Debug)]
pub enum Part<B> {
    /// Nothing is there.
    Absent,
    /// A value, whole.
    Value(Value),
    /// A container that is not loaded.
    Branch(B),
}

/// An object or an array that is loaded in parts.
#[allow(async_fn_in_trait, reason = "callers are single-threaded components")]
pub trait Branch: Sized {
    /// Why it can't be loaded.
    type Error;
    /// How many elements it has, if it is an array.
    fn elements(&self) -> Option<usize>;
    /// A member, if it is an object.
    async fn member(&self, key: &str) -> Result<Part<Self>, Self::Error>;
    /// An element, if it is an array that has it.
    async fn element(&self, index: usize) -> Result<Part<Self>, Self::Error>;
    /// Elements, whole; the range is within the array.
    async fn range(&self, range: Range<usize>) -> Result<Vec<Value>, Self::Error>;
    /// All of it.
    async fn whole(&self) -> Result<Value, Self::Error>;
}

/// Why there is no diff.
#[derive(Debug)]
pub enum LazyError<E> {
    /// The patch does not fit the base.
    Diff(DiffError),
    /// The base can't be loaded.
    Base(E),
}

impl<E> From<DiffError> for LazyError<E> {
    fn from(error: DiffError) -> Self {
        LazyError::Diff(error)
    }
}

/// As [`Patch::resolve`].
///
/// # Errors
/// When the patch can't be applied to this base, or the base can't be loaded.
pub async fn resolve<B: Branch>(
    patch: Patch,
    base: &Part<B>,
    identity: &Identity,
) -> Result<Diff, LazyError<B::Error>> {
    match (patch, base) {
        (patch, Part::Value(base)) => Ok(patch.resolve_by(base, identity)?),
        (Patch::Remove, _) => Err(DiffError::RemovesRoot.into()),
        (Patch::Map(members), _) if members.is_empty() => Ok(Diff::identity()),
        (patch, base) => Ok(match inside(patch, base, identity).await? {
            // A branch is a container.
            Some(Diff::Set { value, .. }) => Diff::Set { value, over_container: true },
            Some(diff) => diff,
            None => Diff::identity(),
        }),
    }
}

async fn inside<B: Branch>(
    patch: Patch,
    base: &Part<B>,
    identity: &Identity,
) -> Result<Option<Diff>, LazyError<B::Error>> {
    let branch = match base {
        Part::Absent => return Ok(resolve::resolve(patch, None, identity)?),
        Part::Value(base) => return Ok(resolve::resolve(patch, Some(base), identity)?),
        Part::Branch(branch) => branch,
    };
    match (patch, branch.elements()) {
        (Patch::Remove, _) => Ok(Some(Diff::Remove)),
        (Patch::Map(members), None) => {
            let mut changes = Members::new();
            for (key, patch) in members {
                let member = branch.member(&key).await.map_err(LazyError::Base)?;
                if let Some(change) = Box::pin(inside(patch, &member, identity)).await? {
                    changes.push(key, change);
                }
            }
            Ok((!changes.is_empty()).then_some(Diff::Object(changes)))
        }
        (Patch::Map(members), Some(length)) => {
            let edits = by_index::edits(members, length)?;
            if !by_index::shifts(&edits, identity) {
                return along(edits, branch, length, identity).await;
            }
            let mut touched = Vec::new();
            for index in by_index::touched(&edits) {
                touched.extend(branch.range(index..index + 1).await.map_err(LazyError::Base)?);
            }
            Ok(by_index::shift(edits, touched.iter().collect(), identity)?)
        }
        (Patch::Array(edits), Some(length)) => along(edits, branch, length, identity).await,
        // What can't be done to a container is said the same of any.
        (patch @ (Patch::Text(_) | Patch::Array(_) | Patch::Entries(_) | Patch::Increment(_)), None) => {
            Ok(resolve::resolve(patch, Some(&Value::Object(Object::new())), identity)?)
        }
        (patch @ (Patch::Text(_) | Patch::Entries(_) | Patch::Increment(_)), Some(_)) => {
            Ok(resolve::resolve(patch, Some(&Value::Array(Vec::new())), identity)?)
        }
        (patch @ (Patch::Value(_) | Patch::Replace(_)), _) => {
            let whole = branch.whole().await.map_err(LazyError::Base)?;
            Ok(resolve::resolve(patch, Some(&whole), identity)?)
        }
    }
}

/// Edits along an array: each splice is resolved on the elements that it takes out, each inner edit on its element.
async fn along<B: Branch>(
    edits: Vec<Segment<Vec<Value>, Patch>>,
    branch: &B,
    length: usize,
    identity: &Identity,
) -> Result<Option<Diff>, LazyError<B::Error>> {
    resolve::put_once(&edits)?;
    // Where what is taken is; a number past the end is found when it is come to.
    let mut taken = Vec::new();
    let mut place = 0_usize;
    for edit in &edits {
        if matches!(edit, Segment::Take(_)) {
            taken.push(place);
        }
        place = place.saturating_add(sequence::before(edit));
    }
    let past_end = || DiffError::PastEnd { length, unit: "elements" };
    let mut out = Builder::<Vec<Value>>::new();
    let (mut at, mut splice, mut deleted) = (0_usize, Vec::new(), 0_usize);
    let mut edits = edits.into_iter().peekable();
    while let Some(edit) = edits.next() {
        match edit {
            Segment::Keep(0) | Segment::Delete(0) => return Err(DiffError::ZeroLength.into()),
            Segment::Inner(Patch::Remove) | Segment::Put(_, Some(Patch::Remove)) => {
                return Err(DiffError::RemovesElement.into());
            }
            Segment::Take(number) => {
                at = at.checked_add(1).filter(|end| *end <= length).ok_or_else(past_end)?;
                out.take(number);
            }
            Segment::Put(number, None) => out.put(number, None),
            Segment::Put(number, Some(patch)) => {
                let index = taken.get(number).copied().filter(|index| *index < length).ok_or_else(past_end)?;
                let element = branch.element(index).await.map_err(LazyError::Base)?;
                out.put(number, Box::pin(inside(patch, &element, identity)).await?);
            }
            Segment::Keep(kept) => {
                at = at.checked_add(kept).filter(|end| *end <= length).ok_or_else(past_end)?;
                out.keep(kept);
            }
            Segment::Inner(patch) => {
                let element = branch.element(at).await.map_err(LazyError::Base)?;
                if matches!(element, Part::Absent) {
                    return Err(past_end().into());
                }
                match Box::pin(inside(patch, &element, identity)).await? {
                    Some(change) => out.inner(change),
                    None => out.keep(1),
                }
                at += 1;
            }
            edit => {
                if let Segment::Delete(length) = edit {
                    deleted = deleted.saturating_add(length);
                }
                splice.push(edit);
                if matches!(edits.peek(), Some(Segment::Delete(_) | Segment::Insert(..))) {
                    continue;
                }
                let end = at.checked_add(deleted).filter(|end| *end <= length).ok_or_else(past_end)?;
                let elements = Value::Array(branch.range(at..end).await.map_err(LazyError::Base)?);
                match resolve::resolve(Patch::Array(core::mem::take(&mut splice)), Some(&elements), identity)? {
                    Some(Diff::Array(segments)) => segments.into_iter().for_each(|segment| out.step(segment)),
                    _ => out.keep(deleted),
                }
                (at, deleted) = (end, 0);
            }
        }
    }
    out.keep(length - at);
    let diff = Diff::Array(out.finish());
    Ok((!diff.is_identity()).then_some(diff))
}

/// As [`Diff::invert`], as it is told plainly: see [`plain`].
///
/// # Errors
/// When the base can't be loaded.
pub async fn invert<B: Branch>(diff: &Diff, base: &Part<B>) -> Result<Diff, B::Error> {
    match (diff, base) {
        (diff, Part::Value(base)) => Ok(wire::plainer(diff.invert(base), base)),
        (Diff::Set { value: new, .. }, Part::Branch(branch)) => Ok(Diff::root(branch.whole().await?, new)),
        (diff, base) => plain(inverse(diff, base).await?.unwrap_or_else(Diff::identity), base).await,
    }
}

/// The way back at a place; nothing where nothing is changed.
async fn inverse<B: Branch>(diff: &Diff, base: &Part<B>) -> Result<Option<Diff>, B::Error> {
    let branch = match base {
        // Removing what was not there changed nothing; so did anything but setting it.
        Part::Absent => return Ok(matches!(diff, Diff::Set { .. } | Diff::Increment(_)).then_some(Diff::Remove)),
        Part::Value(base) => return Ok(Some(invert::inverse(diff, base))),
        Part::Branch(branch) => branch,
    };
    Ok(Some(match (diff, branch.elements()) {
        (Diff::Remove, _) => Diff::Set { value: branch.whole().await?, over_container: false },
        (Diff::Object(members), None) => {
            let mut back = Members::new();
            for (key, change) in members {
                if let Some(change) = Box::pin(inverse(change, &branch.member(key).await?)).await? {
                    back.push(key.clone(), change);
                }
            }
            Diff::Object(back)
        }
        (Diff::Array(segments), Some(length)) if sequence::base_length(segments) == length => {
            let mut put: Vec<Option<&Diff>> = vec![None; segments.len()];
            for segment in segments {
                if let Segment::Put(number, inner) = segment
                    && let Some(put) = put.get_mut(*number)
                {
                    *put = inner.as_ref();
                }
            }
            let mut back = Builder::<Vec<Value>>::new();
            let mut at = 0;
            for segment in segments {
                match segment {
                    Segment::Keep(kept) => back.keep(*kept),
                    Segment::Delete(deleted) => back.insert_owned(branch.range(at..at + deleted).await?, Joins::NONE),
                    Segment::Insert(items, _) => back.delete(items.len()),
                    Segment::Put(number, _) => back.take(*number),
                    Segment::Take(number) => {
                        let inner = match put.get(*number).copied().flatten() {
                            Some(inner) => Box::pin(inverse(inner, &branch.element(at).await?)).await?,
                            None => None,
                        };
                        back.put(*number, inner);
                    }
                    Segment::Inner(inner) => {
                        let element = branch.element(at).await?;
                        back.inner(Box::pin(inverse(inner, &element)).await?.unwrap_or_else(Diff::identity));
                    }
                }
                at += sequence::before(segment);
            }
            Diff::Array(back.finish())
        }
        (diff, _) if diff.is_identity() => Diff::identity(),
        // Set outright, or made for another base: the inverse sets what was there.
        (Diff::Set { value: new, .. }, _) => {
            Diff::Set { value: branch.whole().await?, over_container: new.is_container() }
        }
        _ => Diff::Set { value: branch.whole().await?, over_container: true },
    }))
}

/// The same change, with what comes of each number that grows.
///
/// # Errors
/// When the base can't be loaded.
pub async fn summed<B: Branch>(diff: Diff, base: &Part<B>) -> Result<Diff, LazyError<B::Error>> {
    if !diff.increments() {
        return Ok(diff);
    }
    Ok(match (diff, base) {
        (Diff::Increment(increment), Part::Absent) => {
            Diff::Increment(Increment { to: Some(increment.by.clone()), ..increment })
        }
        (Diff::Increment(increment), Part::Value(base)) => {
            let to = Some(Increment::by(increment.by.clone()).on(Some(base))?);
            Diff::Increment(Increment { to, ..increment })
        }
        (Diff::Object(members), base) => {
            let mut summed_members = Members::new();
            for (key, change) in members {
                let member = match base {
                    Part::Branch(branch) => branch.member(&key).await.map_err(LazyError::Base)?,
                    Part::Value(Value::Object(object)) => object.get(&key).cloned().map_or(Part::Absent, Part::Value),
                    _ => Part::Absent,
                };
                summed_members.push(key, Box::pin(summed(change, &member)).await?);
            }
            Diff::Object(summed_members)
        }
        (Diff::Array(mut segments), base) => {
            let mut taken = Vec::new();
            let mut at = 0;
            for segment in &segments {
                if matches!(segment, Segment::Take(_)) {
                    taken.push(at);
                }
                at += segment.before();
            }
            let mut at = 0;
            for segment in &mut segments {
                let before = segment.before();
                let (index, inner) = match segment {
                    Segment::Inner(inner) => (Some(at), inner),
                    Segment::Put(number, Some(inner)) => (taken.get(*number).copied(), inner),
                    _ => {
                        at += before;
                        continue;
                    }
                };
                let element = match (base, index) {
                    (Part::Branch(branch), Some(index)) => branch.element(index).await.map_err(LazyError::Base)?,
                    (Part::Value(Value::Array(items)), Some(index)) => {
                        items.get(index).cloned().map_or(Part::Absent, Part::Value)
                    }
                    _ => Part::Absent,
                };
                let change = core::mem::replace(inner, Diff::Remove);
                *inner = Box::pin(summed(change, &element)).await?;
                at += before;
            }
            Diff::Array(segments)
        }
        (Diff::Entries(kind, mut segments), Part::Value(base)) => {
            let elements = apply::elements(base).unwrap_or_default();
            let mut at = 0;
            for segment in &mut segments {
                let before = segment.before();
                if let Segment::Inner(inner) = segment {
                    let element = elements.get(at).cloned().map_or(Part::Absent, Part::Value);
                    let change = core::mem::replace(inner, Diff::Remove);
                    *inner = Box::pin(summed::<B>(change, &element)).await?;
                }
                at += before;
            }
            Diff::Entries(kind, segments)
        }
        (diff, _) => diff,
    })
}

/// The same change as it is told plainly, plainer still where what comes out of it is at hand: see [`Diff::to_patch_giving`].
///
/// # Errors
/// When the result can't be loaded.
pub async fn plain<B: Branch>(diff: Diff, result: &Part<B>) -> Result<Diff, B::Error> {
    let branch = match result {
        Part::Absent => return Ok(diff),
        Part::Value(result) => return Ok(wire::plainer(diff, result)),
        Part::Branch(branch) => branch,
    };
    Ok(match (diff, branch.elements()) {
        (Diff::Object(members), None) => {
            let mut plainer = Members::new();
            for (key, change) in members {
                let member = branch.member(&key).await?;
                plainer.push(key, Box::pin(plain(change, &member)).await?);
            }
            Diff::Object(plainer)
        }
        (Diff::Array(segments), Some(_)) => {
            let mut plainer = Builder::<Vec<Value>>::new();
            let mut at = 0_usize;
            for segment in segments {
                let after = sequence::after::<Vec<Value>>(&segment);
                match segment {
                    Segment::Inner(inner) => {
                        let element = branch.element(at).await?;
                        plainer.inner(Box::pin(plain(inner, &element)).await?);
                    }
                    Segment::Take(_) => plainer.delete(1),
                    Segment::Put(..) => plainer.insert_owned(branch.range(at..at + 1).await?, Joins::NONE),
                    Segment::Insert(items, _) => plainer.insert_owned(items, Joins::NONE),
                    segment => plainer.step(segment),
                }
                at = at.saturating_add(after);
            }
            Diff::Array(plainer.finish())
        }
        (diff, _) => diff,
    })
}
