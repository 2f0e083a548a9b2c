//! Where two lists of edits put the same thing in, or replace the same stretch.
//!
//! What both put in is there once: an element with one identity, an entry of a `Map` under one key, the same text in place of
//! overlapping stretches. Of two it is the earlier one that stays; what the later one has beyond it goes in there.

use super::identity::Identity;
use super::rebase::{CONFLICT, created};
use super::sequence::{self, Builder, Run};
use super::{Conflict, Diff, Joins, Keyed, Segment};
use crate::prelude::*;
use crate::sort::sorted;
use crate::value::Value;

/// Something that both insert. Counted in what each inserts, from the start of its edits.
pub(super) struct Twin<I> {
    a: usize,
    b: usize,
    length: usize,
    /// What turns that of `b` into both, and that of `a`. None where they are equal.
    change: Option<(I, I)>,
}

/// All of them.
pub(super) struct Shared<T: Run> {
    twins: Vec<Twin<T::Inner>>,
    /// Their places among them, in the order of what either side inserts.
    by_a: Vec<(usize, usize)>,
    by_b: Vec<(usize, usize)>,
}

impl<T: Run> Shared<T> {
    fn of(twins: Vec<Twin<T::Inner>>) -> Self {
        let by_a = sorted(twins.iter().zip(0..).map(|(twin, place)| (twin.a, place)).collect());
        let by_b = sorted(twins.iter().zip(0..).map(|(twin, place)| (twin.b, place)).collect());
        Shared { twins, by_a, by_b }
    }

    /// The twin at or after a position on one side, if it begins before `end`.
    fn next(&self, order: &[(usize, usize)], from: usize, end: usize) -> Option<(usize, &Twin<T::Inner>)> {
        let (at, place) = *order.get(order.partition_point(|(at, _)| *at < from))?;
        Some((at, self.twins.get(place)?)).filter(|_| at < end)
    }

    /// `a` inserts a run.
    pub(super) fn own(&self, run: &T, joins: Joins, inserted: &mut usize, later: bool, out: &mut Builder<T>) {
        if self.twins.is_empty() {
            return out.insert(run.slice(), joins);
        }
        self.pieces(run, inserted, &self.by_a, |piece, twin| match twin {
            None => out.insert(piece, joins),
            Some(_) if later => {}
            Some(twin) => match &twin.change {
                Some((_, change)) => {
                    // What it is applied to is what it was made for.
                    let changed = T::changed(piece, change).unwrap_or_default();
                    out.insert_owned(changed, joins);
                }
                None => out.insert(piece, joins),
            },
        });
    }

    /// `b` has inserted a run.
    pub(super) fn others(&self, run: &T, inserted: &mut usize, later: bool, out: &mut Builder<T>) {
        if self.twins.is_empty() {
            return out.keep(T::length(run.slice()));
        }
        self.pieces(run, inserted, &self.by_b, |piece, twin| match twin {
            None => out.keep(T::length(piece)),
            Some(twin) if !later => out.delete(twin.length),
            Some(twin) => match &twin.change {
                Some((change, _)) => out.inner(change.clone()),
                None => out.keep(twin.length),
            },
        });
    }

    fn pieces(
        &self,
        run: &T,
        inserted: &mut usize,
        order: &[(usize, usize)],
        mut each: impl FnMut(&T::Slice, Option<&Twin<T::Inner>>),
    ) {
        let mut rest = run.slice();
        let end = *inserted + T::length(rest);
        while *inserted < end {
            let twin = self.next(order, *inserted, end);
            let start = twin.map_or(end, |(at, _)| at);
            let Ok((piece, behind)) = T::split(rest, start - *inserted) else { return };
            if !T::is_empty(piece) {
                each(piece, None);
            }
            rest = behind;
            *inserted = start;
            if let Some((_, twin)) = twin {
                let Ok((piece, behind)) = T::split(rest, twin.length) else { return };
                each(piece, Some(twin));
                rest = behind;
                *inserted += twin.length;
            }
        }
    }
}

/// A stretch of the base in whose place something is put.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'a, T> {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The place of what is inserted among all that is.
    inserted: usize,
    pub(super) run: &'a T,
    /// Whether it is put behind what is deleted: it joins what follows.
    pub(super) behind: bool,
}

/// Stretches that are replaced, of edits in normal form. Elements that have an identity are put in, and not in place of others.
pub(super) fn replaced<T: Run>(segments: &[Segment<T, T::Inner>]) -> Vec<Stretch<'_, T>> {
    let (mut at, mut inserted) = (0_usize, 0);
    let mut stretches = Vec::new();
    let mut before: Option<(usize, &T)> = None;
    // Where what is deleted right before begins, if nothing is in its place yet.
    let mut deleted = None;
    for segment in segments {
        let gone = deleted.take();
        match (segment, before.take()) {
            (Segment::Insert(run, _), _) => {
                match gone.filter(|_| !T::is_named(run.slice())) {
                    Some(start) => stretches.push(Stretch { start, end: at, inserted, run, behind: true }),
                    None => before = Some((inserted, run)),
                }
                inserted += T::length(run.slice());
            }
            // What is put stands between, and yet it is one place.
            (Segment::Put(..), kept) => before = kept,
            (Segment::Delete(length), Some((inserted, run))) if !T::is_named(run.slice()) => {
                stretches.push(Stretch { start: at, end: at.saturating_add(*length), inserted, run, behind: false });
            }
            (Segment::Delete(_), _) => deleted = Some(at),
            _ => {}
        }
        at = usize::saturating_add(at, sequence::before(segment));
    }
    stretches
}

/// The pairs of stretches that overlap.
pub(super) fn overlapping<T>(a: &[Stretch<'_, T>], b: &[Stretch<'_, T>]) -> Vec<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(mine), Some(other)) = (a.get(i), b.get(j)) {
        if mine.start < other.end && other.start < mine.end {
            pairs.push((i, j));
        }
        if mine.end <= other.end { i += 1 } else { j += 1 }
    }
    pairs
}

/// What both put in.
///
/// # Errors
/// When they replace overlapping stretches differently, or what they put in under one key can't be both.
pub(super) fn shared<T: Run>(
    a: &[Segment<T, T::Inner>],
    b: &[Segment<T, T::Inner>],
    kind: Option<Keyed>,
) -> Result<Shared<T>, Conflict> {
    let mut twins = Vec::new();
    let (mine, others) = (replaced(a), replaced(b));
    for (i, j) in overlapping(&mine, &others) {
        let (mine, other) = (&mine[i], &others[j]);
        let known = twins.iter().any(|twin: &Twin<T::Inner>| twin.a == mine.inserted || twin.b == other.inserted);
        if kind.is_none() && (mine.run != other.run || known) {
            return Err(CONFLICT);
        }
        if kind.is_none() {
            let length = T::length(mine.run.slice());
            twins.push(Twin { a: mine.inserted, b: other.inserted, length, change: None });
        }
    }
    for (a, b, change) in T::twins(a, b, kind)? {
        twins.push(Twin { a, b, length: 1, change });
    }
    Ok(Shared::of(twins))
}

/// Places among what is inserted on either side, and what turns the second and the first into both.
pub(super) type Twins<I> = Vec<(usize, usize, Option<(I, I)>)>;

/// The inserted elements that are the same by their identity or key.
pub(super) fn same_elements<'a>(
    a: &'a [Segment<Vec<Value>, Diff>],
    b: &'a [Segment<Vec<Value>, Diff>],
    kind: Option<Keyed>,
) -> Vec<(usize, &'a Value, usize, &'a Value)> {
    let (mine, others) = (inserted(a), inserted(b));
    if mine.is_empty() || others.is_empty() {
        return Vec::new();
    }
    let pairs = match kind {
        None => Identity::default().pairs(&mine, &others),
        Some(kind) => {
            let key = |element: &&'a Value| kind.key(element).unwrap_or(element);
            Identity::equal(&mine.iter().map(key).collect::<Vec<_>>(), &others.iter().map(key).collect::<Vec<_>>())
        }
    };
    pairs.into_iter().map(|(i, j)| (i, mine[i], j, others[j])).collect()
}

/// What turns that of `b` into both and that of `a` into both, or that they can't be both.
pub(super) fn united(a: &Value, b: &Value, kind: Option<Keyed>) -> Result<Option<(Diff, Diff)>, Conflict> {
    match (a, b) {
        _ if a == b => Ok(None),
        (Value::Object(a), Value::Object(b)) if kind.is_none() => {
            Ok(Some((Diff::Object(created(a, b)?), Diff::Object(created(b, a)?))))
        }
        (Value::Array(a), Value::Array(b)) if kind == Some(Keyed::Map) => match (&a[..], &b[..]) {
            ([_, Value::Object(a)], [_, Value::Object(b)]) => {
                let value = |change| Diff::Array(vec![Segment::Keep(1), Segment::Inner(Diff::Object(change))]);
                Ok(Some((value(created(a, b)?), value(created(b, a)?))))
            }
            _ => Err(CONFLICT),
        },
        _ => Err(CONFLICT),
    }
}

/// What is inserted under the name or key of an element, and its place among all that is.
pub(super) fn inserted_again<'a>(
    segments: &'a [Segment<Vec<Value>, Diff>],
    element: &Value,
    kind: Option<Keyed>,
) -> Option<(usize, &'a Value)> {
    let identity = Identity::default();
    let is_again = |value: &Value| match kind {
        Some(kind) => kind.key(value) == kind.key(element),
        None => identity.of(value) == identity.of(element),
    };
    // What has no name is nobody.
    let is_known = kind.is_some() || identity.of(element).is_some();
    inserted(segments).into_iter().enumerate().find(|(_, value)| is_known && is_again(value))
}

fn inserted(segments: &[Segment<Vec<Value>, Diff>]) -> Vec<&Value> {
    let items = segments.iter().filter_map(|segment| match segment {
        Segment::Insert(items, _) => Some(items),
        _ => None,
    });
    items.flatten().collect()
}
