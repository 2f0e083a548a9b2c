//! Concurrent diffs: whether two from the same base conflict, and what one becomes after the other.
//!
//! Both orders make the same: `a` then `b` moved behind it is `b` then `a` moved behind it. Where both do the same, it is
//! done once. Along texts and arrays, an insertion at the edge of what the other deletes goes outside of it; one that is
//! inside, and two different ones at the same position, conflict.

use alloc::borrow::Cow;

use super::sequence::{self, Builder, Run, Segments};
use super::{Conflict, Diff, Segment};
use crate::members::Members;
use crate::prelude::*;
use crate::value::Value;

const CONFLICT: Conflict = Conflict {};

/// Whether the two touch the same place and do not leave it the same. Symmetric.
pub fn conflicts(a: &Diff, b: &Diff) -> bool {
    rebase(a, b).is_err()
}

/// What `a` becomes after `b`, both from the same base.
///
/// # Errors
/// When they conflict, or are not from the same base.
pub fn rebase(a: &Diff, b: &Diff) -> Result<Diff, Conflict> {
    if a.is_identity() {
        return Ok(Diff::identity());
    }
    if b.is_identity() {
        return Ok(a.clone());
    }
    match (a, b) {
        (Diff::Remove, Diff::Remove) => Ok(Diff::identity()),
        (Diff::Set { value: a, .. }, Diff::Set { value: b, .. }) if a == b => Ok(Diff::identity()),
        (Diff::Object(a), Diff::Object(b)) => {
            let mut members = Members::new();
            for (key, change) in a {
                let change = match b.get(key) {
                    Some(other) => rebase(change, other)?,
                    None => change.clone(),
                };
                if !change.is_identity() {
                    members.push(key.clone(), change);
                }
            }
            Ok(Diff::Object(members))
        }
        (Diff::Array(a), Diff::Array(b)) => Ok(Diff::Array(along::<Vec<Value>>(a, b)?)),
        (Diff::Text(a), Diff::Text(b)) => Ok(Diff::Text(along::<String>(a, b)?)),
        _ => Err(CONFLICT),
    }
}

/// An edit at a position of the base.
struct Edit<'a, T: Run> {
    at: usize,
    what: What<'a, T>,
}

enum What<'a, T: Run> {
    /// Insert here, then delete what follows.
    Splice { insert: Option<&'a T>, delete: usize },
    /// Change the next element.
    Inner(&'a T::Inner),
}

/// The edits of a list in normal form, by position.
fn edits<T: Run>(segments: &[Segment<T, T::Inner>]) -> Vec<Edit<'_, T>> {
    let mut edits: Vec<Edit<'_, T>> = Vec::new();
    let mut at = 0_usize;
    for segment in segments {
        match segment {
            Segment::Keep(length) => at = at.saturating_add(*length),
            Segment::Insert(run) => edits.push(Edit { at, what: What::Splice { insert: Some(run), delete: 0 } }),
            Segment::Delete(length) => {
                match edits.last_mut() {
                    Some(Edit { at: last, what: What::Splice { delete, .. } }) if *last == at && *delete == 0 => {
                        *delete = *length;
                    }
                    _ => edits.push(Edit { at, what: What::Splice { insert: None, delete: *length } }),
                }
                at = at.saturating_add(*length);
            }
            Segment::Inner(inner) => {
                edits.push(Edit { at, what: What::Inner(inner) });
                at = at.saturating_add(1);
            }
        }
    }
    edits
}

impl<T: Run> Edit<'_, T> {
    /// Where what this changes or deletes ends.
    fn end(&self) -> usize {
        self.at.saturating_add(match self.what {
            What::Splice { delete, .. } => delete,
            What::Inner(_) => 1,
        })
    }
}

/// How much longer the text or array has become at this insertion.
fn inserted<T: Run>(insert: Option<&T>) -> usize {
    insert.map_or(0, |run| T::length(run.slice()))
}

fn along<T: Run>(a: &[Segment<T, T::Inner>], b: &[Segment<T, T::Inner>]) -> Result<Segments<T>, Conflict> {
    let length = sequence::base_length::<T>(a);
    if length != sequence::base_length::<T>(b) {
        return Err(CONFLICT);
    }
    let (a, b): (Cow<'_, [_]>, Cow<'_, [_]>) = (sequence::normal::<T>(a), sequence::normal::<T>(b));
    let (mut mine, mut others) = (edits::<T>(&a).into_iter().peekable(), edits::<T>(&b).into_iter().peekable());
    let mut out = Builder::<T>::new();
    // Up to where the base has been walked.
    let mut done = 0_usize;
    loop {
        let (at_mine, at_others) = (mine.peek().map(|edit| edit.at), others.peek().map(|edit| edit.at));
        let at = match (at_mine, at_others) {
            (None, None) => break,
            (Some(at), None) | (None, Some(at)) => at,
            (Some(a), Some(b)) => a.min(b),
        };
        out.keep(at.saturating_sub(done));
        done = at;
        // At the same position, an insertion goes before the change of an element.
        let inner = |edit: Option<&Edit<'_, T>>| matches!(edit, Some(Edit { what: What::Inner(_), .. }));
        let both_inner = inner(mine.peek()) && inner(others.peek());
        let (wait_mine, wait_others) = if at_mine == at_others && !both_inner {
            (inner(mine.peek()), inner(others.peek()))
        } else {
            (false, false)
        };
        let a = mine.next_if(|edit| edit.at == at && !wait_mine);
        let b = others.next_if(|edit| edit.at == at && !wait_others);
        done = match (&a, &b) {
            (Some(a), Some(b)) => meet(a, b, &mut out)?,
            (Some(a), None) => {
                match &a.what {
                    What::Inner(inner) => out.inner((*inner).clone()),
                    What::Splice { insert, delete } => {
                        insert.iter().for_each(|run| out.insert(run.slice()));
                        out.delete(*delete);
                    }
                }
                a.end()
            }
            (None, Some(b)) => {
                match &b.what {
                    What::Inner(_) => out.keep(1),
                    What::Splice { insert, .. } => out.keep(inserted(*insert)),
                }
                b.end()
            }
            (None, None) => break,
        };
        // What begins inside of a range that was just walked touches the same place.
        let inside = |edit: Option<&Edit<'_, T>>| edit.is_some_and(|edit| edit.at < done);
        if inside(mine.peek()) || inside(others.peek()) {
            return Err(CONFLICT);
        }
    }
    out.keep(length.saturating_sub(done));
    Ok(out.finish())
}

/// Both begin at the same position. Up to where the base is walked by them.
fn meet<T: Run>(a: &Edit<'_, T>, b: &Edit<'_, T>, out: &mut Builder<T>) -> Result<usize, Conflict> {
    match (&a.what, &b.what) {
        (What::Inner(mine), What::Inner(other)) => {
            out.inner(T::rebase_inner(mine, other)?);
        }
        (What::Splice { insert: mine, delete }, What::Splice { insert: other, delete: others_delete }) => {
            let both_delete = *delete > 0 && *others_delete > 0;
            if both_delete && (delete != others_delete || mine != other) {
                return Err(CONFLICT);
            }
            match (mine, other) {
                (Some(run), None) => out.insert(run.slice()),
                (Some(run), Some(other)) if run != other => return Err(CONFLICT),
                _ => out.keep(inserted(*other)),
            }
            if !both_delete {
                out.delete(*delete);
            }
        }
        _ => return Err(CONFLICT),
    }
    Ok(a.end().max(b.end()))
}

#[cfg(test)]
mod tests;
