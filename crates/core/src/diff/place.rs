//! Where something is in a value, and where it is after a diff.

use alloc::borrow::Cow;

use super::{Diff, Joins, Segment, sequence};
use crate::prelude::*;
use crate::value::Value;

/// One step on the way to a place inside a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array, an item of a `Set`, or an entry of a `Map`, in which 0 is the key and 1 the value.
    Index(usize),
}

/// The way to a place, from the root.
pub type Path = Vec<Step>;

/// A stretch of a text (UTF-16 units) or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub start: usize,
    /// How long it is.
    pub length: usize,
}

/// What a conflict is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The way to it.
    pub path: Path,
    /// Of the text or array there, only this stretch.
    pub range: Option<Range>,
    /// The last step leads to where an element would go that is not there.
    pub absent: bool,
    /// What was on the way to it is gone: the path ends there.
    pub lost: bool,
}

impl Place {
    /// All that is at the end of this path.
    pub fn at(path: Path) -> Place {
        Place { path, range: None, absent: false, lost: false }
    }

    /// What is in the place.
    pub fn value(&self, root: Option<&Value>) -> Option<Value> {
        if self.absent || self.lost {
            return None;
        }
        let value = inside(root?, &self.path)?;
        match (&self.range, &*value) {
            (None, _) => Some(value.into_owned()),
            (Some(range), Value::Text(text)) => {
                let start = super::text::offset(text, range.start).ok()?;
                let end = super::text::offset(&text[start..], range.length).ok()? + start;
                Some(Value::text(&text[start..end]))
            }
            (Some(range), Value::Array(items)) => {
                Some(Value::Array(items.get(range.start..range.start + range.length)?.to_vec()))
            }
            _ => None,
        }
    }

    /// Where it is after `diff`. What is inserted at an edge of a stretch is outside of it, unless it replaces what was at that
    /// edge. An element that goes is absent; a place inside of what goes is lost, and its path ends where that was.
    pub fn follow(&self, diff: &Diff) -> Place {
        self.after(diff, Edges::Replaced)
    }

    /// The same by a diff of those who wrote the stretch: where one of them goes on with what is in it, that is in it too.
    pub fn follow_theirs(&self, diff: &Diff) -> Place {
        self.after(diff, Edges::GoneOn)
    }

    /// The same of a stretch that somebody wrote: what others put in place of its edge is not in it.
    pub fn follow_own(&self, diff: &Diff) -> Place {
        self.after(diff, Edges::Own)
    }

    fn after(&self, diff: &Diff, edges: Edges) -> Place {
        let mut place = self.clone();
        follow(&mut place, 0, diff, edges);
        place
    }
}

/// What of what is inserted at the edges of a stretch is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edges {
    /// Nothing.
    Own,
    /// What replaces what was at the edge.
    Replaced,
    /// That, and what continues what is in the stretch.
    GoneOn,
}

/// What is at the end of a path. An entry of a `Map` is made for it.
fn inside<'a>(root: &'a Value, path: &[Step]) -> Option<Cow<'a, Value>> {
    let Some((step, rest)) = path.split_first() else { return Some(Cow::Borrowed(root)) };
    match (root, step) {
        (Value::Object(members), Step::Key(key)) => inside(members.get(key)?, rest),
        (Value::Array(items) | Value::Set(items), Step::Index(index)) => inside(items.get(*index)?, rest),
        (Value::Map(entries), Step::Index(index)) => {
            let (key, value) = entries.get(*index)?;
            match rest.split_first() {
                None => Some(Cow::Owned(Value::Array(vec![key.clone(), value.clone()]))),
                Some((Step::Index(1), rest)) => inside(value, rest),
                _ => None,
            }
        }
        _ => None,
    }
}

fn follow(place: &mut Place, depth: usize, diff: &Diff, edges: Edges) {
    if place.lost {
        return;
    }
    match (diff, place.path.get(depth)) {
        (Diff::Object(members), Some(Step::Key(key))) => {
            if let Some(inner) = members.get(key) {
                follow(place, depth + 1, inner, edges);
            }
        }
        (Diff::Array(segments) | Diff::Entries(_, segments), Some(Step::Index(index))) => {
            let is_last = depth + 1 == place.path.len();
            if is_last && place.absent {
                place.path[depth] = Step::Index(gap::<Vec<Value>>(segments, *index, true));
                return;
            }
            let to = element(segments, *index);
            place.path[depth] = Step::Index(to.index);
            match to.inner {
                _ if to.gone && is_last && place.range.is_none() => place.absent = true,
                _ if to.gone => lose(place, depth + 1),
                Some(inner) => follow(place, depth + 1, inner, edges),
                None => {}
            }
        }
        (Diff::Array(segments), None) => stretch::<Vec<Value>>(place, segments, edges),
        (Diff::Text(segments), None) => stretch::<String>(place, segments, edges),
        (Diff::Remove, Some(_)) => lose(place, depth),
        (Diff::Remove | Diff::Set { .. }, None) if place.range.is_some() => lose(place, depth),
        (Diff::Set { value, .. }, Some(_)) if depth > 0 && inside(value, &place.path[depth..]).is_none() => {
            lose(place, depth);
        }
        _ => {}
    }
}

fn lose(place: &mut Place, depth: usize) {
    place.lost = true;
    place.path.truncate(depth);
}

fn stretch<T: sequence::Run>(place: &mut Place, segments: &[Segment<T, T::Inner>], edges: Edges) {
    if let Some(range) = place.range.as_mut() {
        let old_end = range.start + range.length;
        let is_replaced = |unit: usize| edges != Edges::Own && range.length > 0 && is_deleted(segments, unit);
        let goes_on = |at: usize, joins: fn(Joins) -> bool| {
            edges == Edges::GoneOn && range.length > 0 && inserted(segments, at).any(joins)
        };
        let is_before = is_replaced(range.start) || goes_on(range.start, |joins| joins.behind);
        let is_behind = is_replaced(old_end.wrapping_sub(1)) || goes_on(old_end, |joins| joins.before);
        let start = gap::<T>(segments, range.start, is_before);
        let end = gap::<T>(segments, old_end, !is_behind).max(start);
        *range = Range { start, length: end - start };
    }
}

/// What is inserted at a gap, and what that continues.
fn inserted<T, I>(segments: &[Segment<T, I>], at: usize) -> impl Iterator<Item = Joins> {
    let mut old = 0;
    segments.iter().filter_map(move |segment| {
        let joins = match segment {
            Segment::Insert(_, joins) if old == at => Some(*joins),
            _ => None,
        };
        old += sequence::before(segment);
        joins
    })
}

fn is_deleted<T, I>(segments: &[Segment<T, I>], unit: usize) -> bool {
    let mut old = 0;
    segments.iter().any(|segment| {
        let from = old;
        old += sequence::before(segment);
        matches!(segment, Segment::Delete(_)) && (from..old).contains(&unit)
    })
}

/// Where an element is after edits.
#[derive(Default)]
struct To<'a> {
    index: usize,
    inner: Option<&'a Diff>,
    gone: bool,
}

fn element(segments: &[Segment<Vec<Value>, Diff>], index: usize) -> To<'_> {
    let (mut old, mut new) = (0, 0);
    let mut taken = None;
    for segment in segments {
        let before = sequence::before(segment);
        if before > 0 && old + before > index {
            match segment {
                Segment::Keep(_) => return To { index: new + (index - old), ..To::default() },
                Segment::Inner(inner) => return To { index: new, inner: Some(inner), gone: false },
                Segment::Take(number) => taken = Some(*number),
                _ => return To { index: new, inner: None, gone: true },
            }
            break;
        }
        old += before;
        new += sequence::after::<Vec<Value>>(segment);
    }
    let mut at = 0;
    for segment in segments {
        if let Segment::Put(number, inner) = segment
            && Some(*number) == taken
        {
            return To { index: at, inner: inner.as_ref(), gone: false };
        }
        at = usize::saturating_add(at, sequence::after::<Vec<Value>>(segment));
    }
    To { index: new, inner: None, gone: taken.is_some() }
}

/// Where the gap before a unit is after edits: before or behind what is inserted there.
pub(super) fn gap<T: sequence::Run>(segments: &[Segment<T, T::Inner>], index: usize, before_inserted: bool) -> usize {
    let (mut old, mut new) = (0, 0);
    for segment in segments {
        let before = sequence::before(segment);
        if before == 0 {
            if old < index || !before_inserted {
                new += sequence::after::<T>(segment);
            } else {
                return new;
            }
        } else if old + before > index {
            return if matches!(segment, Segment::Keep(_)) { new + (index - old) } else { new };
        } else {
            old += before;
            new += sequence::after::<T>(segment);
        }
    }
    new
}

/// Where an element of the base is after edits, or would be.
pub(super) fn element_at(segments: &[Segment<Vec<Value>, Diff>], index: usize) -> usize {
    element(segments, index).index
}
