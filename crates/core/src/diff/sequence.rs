//! Edits along a text or an array: what both kinds have in common, and the normal form.
//!
//! Normal form: neighbours of a kind are one step, nothing is empty, elements are numbered in the order in which they are taken,
//! and between two elements that stay or are taken out what is inserted and put comes before the one deletion, but for what
//! joins what is behind it: that comes after it.
//! Two lists of edits that do the same at the same positions are then equal.

use alloc::borrow::Cow;

use super::identity::Identity;
use super::meet::{self, Twins};
use super::text::{self, Off};
use super::{Conflict, Diff, DiffError, Joins, Keyed, Order, Segment, rebase};
use crate::prelude::*;
use crate::value::Value;

/// Edits along a `T`.
pub(super) type Segments<T> = Vec<Segment<T, <T as Run>::Inner>>;

/// What can be inserted: a piece of text, or elements of an array.
pub(super) trait Run: Clone + PartialEq + Default {
    /// A change inside one element.
    type Inner: Clone;
    /// A part of it, borrowed.
    type Slice: ?Sized;

    fn slice(&self) -> &Self::Slice;
    /// Length in UTF-16 units or elements.
    fn length(slice: &Self::Slice) -> usize;
    fn is_empty(slice: &Self::Slice) -> bool;
    /// The first `at` units and the rest; the work is that of the first part.
    fn split(slice: &Self::Slice, at: usize) -> Result<(&Self::Slice, &Self::Slice), Off>;
    fn push(&mut self, slice: &Self::Slice);
    fn push_owned(&mut self, run: Self);

    fn inner_is_identity(inner: &Self::Inner) -> bool;
    /// A run of one, with its element changed.
    fn changed(one: &Self::Slice, inner: &Self::Inner) -> Result<Self, DiffError>;
    fn compose_inner(first: &Self::Inner, second: &Self::Inner) -> Result<Self::Inner, DiffError>;
    fn rebase_inner(a: &Self::Inner, b: &Self::Inner, order: Order) -> Result<Self::Inner, Conflict>;
    /// Edits as a diff.
    fn diff(edits: Vec<Segment<Self, Self::Inner>>) -> Diff
    where
        Self: Sized;
    /// Whether all that is in it is told apart by itself, wherever it is.
    fn is_named(slice: &Self::Slice) -> bool;
    /// What both lists of edits insert that is the same by what names it.
    fn twins(
        a: &[Segment<Self, Self::Inner>],
        b: &[Segment<Self, Self::Inner>],
        kind: Option<Keyed>,
    ) -> Result<Twins<Self::Inner>, Conflict>
    where
        Self: Sized;
}

impl Run for String {
    type Inner = ();
    type Slice = str;

    fn slice(&self) -> &str {
        self
    }

    fn length(slice: &str) -> usize {
        text::units(slice)
    }

    fn is_empty(slice: &str) -> bool {
        slice.is_empty()
    }

    fn split(slice: &str, at: usize) -> Result<(&str, &str), Off> {
        Ok(slice.split_at(text::offset(slice, at)?))
    }

    fn push(&mut self, slice: &str) {
        self.push_str(slice);
    }

    fn push_owned(&mut self, run: String) {
        if self.is_empty() { *self = run } else { self.push_str(&run) }
    }

    fn inner_is_identity((): &()) -> bool {
        true
    }

    fn changed(one: &str, (): &()) -> Result<String, DiffError> {
        Ok(one.to_owned())
    }

    fn compose_inner((): &(), (): &()) -> Result<(), DiffError> {
        Ok(())
    }

    fn rebase_inner((): &(), (): &(), _: Order) -> Result<(), Conflict> {
        Ok(())
    }

    fn diff(edits: Segments<String>) -> Diff {
        Diff::Text(edits)
    }

    fn is_named(_: &str) -> bool {
        false
    }

    fn twins(_: &[Segment<String, ()>], _: &[Segment<String, ()>], _: Option<Keyed>) -> Result<Twins<()>, Conflict> {
        Ok(Vec::new())
    }
}

impl Run for Vec<Value> {
    type Inner = Diff;
    type Slice = [Value];

    fn slice(&self) -> &[Value] {
        self
    }

    fn length(slice: &[Value]) -> usize {
        slice.len()
    }

    fn is_empty(slice: &[Value]) -> bool {
        slice.is_empty()
    }

    fn split(slice: &[Value], at: usize) -> Result<(&[Value], &[Value]), Off> {
        slice.split_at_checked(at).ok_or(Off::PastEnd)
    }

    fn push(&mut self, slice: &[Value]) {
        self.extend_from_slice(slice);
    }

    fn push_owned(&mut self, mut run: Vec<Value>) {
        if self.is_empty() { *self = run } else { self.append(&mut run) }
    }

    fn inner_is_identity(inner: &Diff) -> bool {
        inner.is_identity()
    }

    fn changed(one: &[Value], inner: &Diff) -> Result<Vec<Value>, DiffError> {
        let mut items = one.to_vec();
        items.iter_mut().try_for_each(|item| inner.apply(item))?;
        Ok(items)
    }

    fn compose_inner(first: &Diff, second: &Diff) -> Result<Diff, DiffError> {
        super::compose::inside(first, second)
    }

    fn rebase_inner(a: &Diff, b: &Diff, order: Order) -> Result<Diff, Conflict> {
        rebase::rebase(a, b, order)
    }

    fn diff(edits: Segments<Vec<Value>>) -> Diff {
        Diff::Array(edits)
    }

    fn is_named(slice: &[Value]) -> bool {
        let identity = Identity::default();
        slice.iter().all(|element| identity.of(element).is_some())
    }

    fn twins(
        a: &[Segment<Vec<Value>, Diff>],
        b: &[Segment<Vec<Value>, Diff>],
        kind: Option<Keyed>,
    ) -> Result<Twins<Diff>, Conflict> {
        let same = meet::same_elements(a, b, kind).into_iter();
        same.map(|(i, mine, j, other)| Ok((i, j, meet::united(mine, other, kind)?))).collect()
    }
}

/// Whether nothing is changed.
pub(super) fn is_identity<T: Run>(segments: &[Segment<T, T::Inner>]) -> bool {
    segments.iter().all(|segment| match segment {
        Segment::Keep(_) => true,
        Segment::Delete(length) => *length == 0,
        Segment::Insert(run, _) => T::is_empty(run.slice()),
        Segment::Inner(inner) => T::inner_is_identity(inner),
        Segment::Take(_) | Segment::Put(..) => false,
    })
}

/// How much of the base a step is about.
pub(super) fn before<T, I>(segment: &Segment<T, I>) -> usize {
    segment.before()
}

/// How much a step leaves.
pub(super) fn after<T: Run>(segment: &Segment<T, T::Inner>) -> usize {
    match segment {
        Segment::Keep(length) => *length,
        Segment::Inner(_) | Segment::Put(..) => 1,
        Segment::Insert(run, _) => T::length(run.slice()),
        Segment::Delete(_) | Segment::Take(_) => 0,
    }
}

/// What the edits say the base's length is.
pub(super) fn base_length<T, I>(segments: &[Segment<T, I>]) -> usize {
    segments.iter().fold(0, |sum: usize, segment| sum.saturating_add(before(segment)))
}

/// Steps as they are written: what is taken or put in a row is one.
pub(crate) fn runs<T, I>(segments: &[Segment<T, I>]) -> impl Iterator<Item = &[Segment<T, I>]> {
    segments.chunk_by(|a, b| match (a, b) {
        (Segment::Take(_), Segment::Take(_)) => true,
        (Segment::Put(a, None), Segment::Put(b, None)) => a.checked_add(1) == Some(*b),
        _ => false,
    })
}

/// Builds edits in normal form. Elements may be numbered in any way, as long as each is taken and put under one number; what is
/// taken and never put is deleted.
pub(super) struct Builder<T: Run> {
    segments: Segments<T>,
    /// What is inserted and put before the next element that stays or is taken out.
    gap: Segments<T>,
    delete: usize,
    /// What comes after what is deleted there.
    behind: Segments<T>,
    taken: Vec<usize>,
    puts: bool,
}

impl<T: Run> Builder<T> {
    pub(super) fn new() -> Self {
        Builder { segments: Vec::new(), gap: Vec::new(), delete: 0, behind: Vec::new(), taken: Vec::new(), puts: false }
    }

    pub(super) fn keep(&mut self, length: usize) {
        if length == 0 {
            return;
        }
        self.flush();
        match self.segments.last_mut() {
            Some(Segment::Keep(kept)) => *kept = kept.saturating_add(length),
            _ => self.segments.push(Segment::Keep(length)),
        }
    }

    pub(super) fn delete(&mut self, length: usize) {
        self.delete = self.delete.saturating_add(length);
    }

    pub(super) fn insert(&mut self, slice: &T::Slice, joins: Joins) {
        if T::is_empty(slice) {
            return;
        }
        match self.here(joins).last_mut() {
            Some(Segment::Insert(run, before)) => {
                run.push(slice);
                before.behind = joins.behind;
            }
            _ => {
                let mut run = T::default();
                run.push(slice);
                self.here(joins).push(Segment::Insert(run, joins));
            }
        }
    }

    pub(super) fn insert_owned(&mut self, added: T, joins: Joins) {
        if T::is_empty(added.slice()) {
            return;
        }
        match self.here(joins).last_mut() {
            Some(Segment::Insert(run, before)) => {
                run.push_owned(added);
                before.behind = joins.behind;
            }
            _ => self.here(joins).push(Segment::Insert(added, joins)),
        }
    }

    /// What the next thing that is inserted stands beside.
    fn here(&mut self, joins: Joins) -> &mut Segments<T> {
        let late = (joins.behind && !joins.before && self.gap.is_empty()) || !self.behind.is_empty();
        if late { &mut self.behind } else { &mut self.gap }
    }

    pub(super) fn inner(&mut self, inner: T::Inner) {
        if T::inner_is_identity(&inner) {
            return self.keep(1);
        }
        self.flush();
        self.segments.push(Segment::Inner(inner));
    }

    pub(super) fn take(&mut self, number: usize) {
        self.flush();
        self.taken.push(number);
        self.segments.push(Segment::Take(number));
    }

    pub(super) fn put(&mut self, number: usize, inner: Option<T::Inner>) {
        self.puts = true;
        self.here(Joins::NONE).push(Segment::Put(number, inner.filter(|inner| !T::inner_is_identity(inner))));
    }

    /// A step as it is.
    pub(super) fn step(&mut self, segment: Segment<T, T::Inner>) {
        match segment {
            Segment::Keep(length) => self.keep(length),
            Segment::Delete(length) => self.delete(length),
            Segment::Insert(run, joins) => self.insert_owned(run, joins),
            Segment::Inner(inner) => self.inner(inner),
            Segment::Take(number) => self.take(number),
            Segment::Put(number, inner) => self.put(number, inner),
        }
    }

    fn flush(&mut self) {
        self.segments.append(&mut self.gap);
        if self.delete > 0 {
            self.segments.push(Segment::Delete(core::mem::take(&mut self.delete)));
        }
        self.segments.append(&mut self.behind);
    }

    pub(super) fn finish(mut self) -> Segments<T> {
        self.flush();
        if self.taken.is_empty() && !self.puts {
            return self.segments;
        }
        number(self.segments, &self.taken)
    }
}

/// The same edits without moves, where what is put comes in the order in which all of it was.
fn unmoved<T: Run>(segments: &[Segment<T, T::Inner>]) -> Option<Segments<T>> {
    let (mut at, mut taken) = (0_usize, Vec::new());
    for segment in segments {
        if let Segment::Take(number) = segment {
            taken.push((*number, at));
        }
        at = at.saturating_add(before(segment));
    }
    let taken = crate::sort::sorted(taken);
    let mut out = Builder::<T>::new();
    let (mut here, mut next) = (0_usize, 0);
    for segment in segments {
        let (from, inner) = match segment {
            Segment::Keep(_) => (here, None),
            Segment::Inner(inner) => (here, Some(inner)),
            Segment::Put(number, inner) => {
                let place = taken.binary_search_by(|(known, _)| known.cmp(number)).ok()?;
                (taken.get(place)?.1, inner.as_ref())
            }
            Segment::Insert(run, joins) => {
                out.insert(run.slice(), *joins);
                continue;
            }
            Segment::Delete(_) | Segment::Take(_) => {
                here = here.saturating_add(before(segment));
                continue;
            }
        };
        out.delete(from.checked_sub(next)?);
        match inner {
            Some(inner) => out.inner(inner.clone()),
            None => out.keep(after::<T>(segment)),
        }
        next = from + after::<T>(segment);
        here = here.saturating_add(before(segment));
    }
    out.delete(at.checked_sub(next)?);
    Some(out.finish())
}

/// With what is taken numbered in order; what is not both taken and put is deleted, and what is put where it was stays.
fn number<T: Run>(segments: Segments<T>, taken: &[usize]) -> Segments<T> {
    if let Some(unmoved) = unmoved::<T>(&segments) {
        return unmoved;
    }
    let places = crate::sort::sorted(taken.iter().copied().zip(0..).collect::<Vec<(usize, usize)>>());
    let place = |number: usize| {
        let at = places.binary_search_by(|(known, _)| known.cmp(&number)).ok()?;
        places.get(at).map(|(_, place)| *place)
    };
    let mut puts = vec![0_u8; taken.len()];
    for segment in &segments {
        if let Segment::Put(number, _) = segment
            && let Some(put) = place(*number).and_then(|place| puts.get_mut(place))
        {
            *put = put.saturating_add(1);
        }
    }
    let is_put = |number| place(number).is_some_and(|place| puts.get(place) == Some(&1));
    let mut numbers = vec![0_usize; taken.len()];
    let mut next = 0;
    let mut out = Builder::<T>::new();
    // First what stays or goes, then the numbers: what is put may be put before it is taken.
    let mut steps = Vec::with_capacity(segments.len());
    let mut rest = segments.into_iter().peekable();
    while let Some(segment) = rest.next() {
        match (segment, rest.peek()) {
            (Segment::Take(number), _) if !is_put(number) => steps.push(Segment::Delete(1)),
            (Segment::Put(number, _), _) if !is_put(number) => {}
            (Segment::Take(number), Some(Segment::Put(same, _))) if number == *same => {
                let Some(Segment::Put(_, inner)) = rest.next() else { continue };
                steps.push(inner.map_or(Segment::Keep(1), Segment::Inner));
            }
            (Segment::Put(same, inner), Some(Segment::Take(number))) if *number == same => {
                rest.next();
                steps.push(inner.map_or(Segment::Keep(1), Segment::Inner));
            }
            (segment, _) => {
                if let Segment::Take(number) = &segment
                    && let Some(new) = place(*number).and_then(|place| numbers.get_mut(place))
                {
                    *new = next;
                    next += 1;
                }
                steps.push(segment);
            }
        }
    }
    for step in steps {
        out.step(match step {
            Segment::Take(number) => {
                out.flush();
                let number = place(number).and_then(|place| numbers.get(place)).copied().unwrap_or_default();
                out.segments.push(Segment::Take(number));
                continue;
            }
            Segment::Put(number, inner) => {
                Segment::Put(place(number).and_then(|place| numbers.get(place)).copied().unwrap_or_default(), inner)
            }
            step => step,
        });
    }
    out.flush();
    out.segments
}

/// The same edits in normal form.
pub(super) fn normal<T: Run>(segments: &[Segment<T, T::Inner>]) -> Cow<'_, [Segment<T, T::Inner>]> {
    use Segment::*;
    let each = segments.iter().all(|segment| match segment {
        Keep(length) | Delete(length) => *length > 0,
        Insert(run, _) => !T::is_empty(run.slice()),
        Inner(inner) => !T::inner_is_identity(inner),
        Take(_) => true,
        Put(_, inner) => !inner.as_ref().is_some_and(T::inner_is_identity),
    });
    let pairs = segments.windows(2).all(|pair| match pair {
        [Keep(_), Keep(_)] | [Insert(..), Insert(..)] | [Delete(_), Delete(_) | Put(..)] => false,
        [Delete(_), Insert(_, joins)] => joins.behind && !joins.before,
        [Insert(_, joins), Delete(_)] => !joins.behind || joins.before,
        [Take(a), Put(b, _)] | [Put(a, _), Take(b)] => a != b,
        _ => true,
    });
    let mut next = 0;
    let numbered = segments.iter().all(|segment| match segment {
        Take(number) => {
            next += 1;
            *number + 1 == next
        }
        _ => true,
    });
    if each && pairs && numbered {
        return Cow::Borrowed(segments);
    }
    let mut builder = Builder::<T>::new();
    segments.iter().cloned().for_each(|segment| builder.step(segment));
    Cow::Owned(builder.finish())
}

#[cfg(test)]
mod tests;
