//! Edits along a text or an array: what both kinds have in common, and the normal form.
//!
//! Normal form: neighbours of a kind are one step, nothing is empty, between two steps that leave something there is at
//! most one insertion and after it at most one deletion. Two lists of edits that do the same at the same positions are
//! then equal.

use alloc::borrow::Cow;

use super::text::{self, Off};
use super::{Conflict, Diff, DiffError, Segment, rebase};
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
    fn rebase_inner(a: &Self::Inner, b: &Self::Inner) -> Result<Self::Inner, Conflict>;
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

    fn rebase_inner((): &(), (): &()) -> Result<(), Conflict> {
        Ok(())
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

    fn rebase_inner(a: &Diff, b: &Diff) -> Result<Diff, Conflict> {
        rebase::rebase(a, b)
    }
}

/// Whether nothing is changed.
pub(super) fn is_identity<T: Run>(segments: &[Segment<T, T::Inner>]) -> bool {
    segments.iter().all(|segment| match segment {
        Segment::Keep(_) => true,
        Segment::Delete(length) => *length == 0,
        Segment::Insert(run) => T::is_empty(run.slice()),
        Segment::Inner(inner) => T::inner_is_identity(inner),
    })
}

/// What the edits say the base's length is.
pub(super) fn base_length<T: Run>(segments: &[Segment<T, T::Inner>]) -> usize {
    segments.iter().fold(0, |sum: usize, segment| match segment {
        Segment::Keep(length) | Segment::Delete(length) => sum.saturating_add(*length),
        Segment::Inner(_) => sum.saturating_add(1),
        Segment::Insert(_) => sum,
    })
}

/// Builds edits in normal form.
pub(super) struct Builder<T: Run> {
    segments: Segments<T>,
    insert: T,
    delete: usize,
}

impl<T: Run> Builder<T> {
    pub(super) fn new() -> Self {
        Builder { segments: Vec::new(), insert: T::default(), delete: 0 }
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

    pub(super) fn insert(&mut self, slice: &T::Slice) {
        self.insert.push(slice);
    }

    pub(super) fn insert_owned(&mut self, run: T) {
        self.insert.push_owned(run);
    }

    pub(super) fn inner(&mut self, inner: T::Inner) {
        if T::inner_is_identity(&inner) {
            return self.keep(1);
        }
        self.flush();
        self.segments.push(Segment::Inner(inner));
    }

    fn flush(&mut self) {
        if !T::is_empty(self.insert.slice()) {
            self.segments.push(Segment::Insert(core::mem::take(&mut self.insert)));
        }
        if self.delete > 0 {
            self.segments.push(Segment::Delete(core::mem::take(&mut self.delete)));
        }
    }

    pub(super) fn finish(mut self) -> Segments<T> {
        self.flush();
        self.segments
    }
}

/// The same edits in normal form.
pub(super) fn normal<T: Run>(segments: &[Segment<T, T::Inner>]) -> Cow<'_, [Segment<T, T::Inner>]> {
    use Segment::*;
    let each = segments.iter().all(|segment| match segment {
        Keep(length) | Delete(length) => *length > 0,
        Insert(run) => !T::is_empty(run.slice()),
        Inner(inner) => !T::inner_is_identity(inner),
    });
    let pairs = segments.windows(2).all(|pair| {
        !matches!(pair, [Keep(_), Keep(_)] | [Insert(_), Insert(_)] | [Delete(_), Delete(_)] | [Delete(_), Insert(_)])
    });
    if each && pairs {
        return Cow::Borrowed(segments);
    }
    let mut builder = Builder::<T>::new();
    for segment in segments {
        match segment {
            Keep(length) => builder.keep(*length),
            Delete(length) => builder.delete(*length),
            Insert(run) => builder.insert(run.slice()),
            Inner(inner) => builder.inner(inner.clone()),
        }
    }
    Cow::Owned(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_in_normal_form() {
        let mut builder = Builder::<Vec<Value>>::new();
        builder.keep(1);
        builder.keep(0);
        builder.keep(2);
        builder.delete(1);
        builder.insert(&[Value::Null]);
        builder.delete(1);
        builder.insert_owned(vec![Value::Bool(true)]);
        builder.inner(Diff::identity());
        builder.keep(1);
        assert_eq!(
            builder.finish(),
            [
                Segment::Keep(3),
                Segment::Insert(vec![Value::Null, Value::Bool(true)]),
                Segment::Delete(2),
                Segment::Keep(2)
            ]
        );
    }

    #[test]
    fn edits_in_another_form_are_brought_to_the_normal_one() {
        let odd = [Segment::Delete(1), Segment::Insert("x".to_owned()), Segment::Delete(1), Segment::Keep(0)];
        assert_eq!(*normal::<String>(&odd), [Segment::Insert("x".to_owned()), Segment::Delete(2)]);
        assert!(matches!(normal::<String>(&[Segment::Keep(4)]), Cow::Borrowed(_)));
    }
}
