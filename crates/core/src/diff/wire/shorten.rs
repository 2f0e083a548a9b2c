//! The same change in fewer or plainer words, where the value that comes out of it is at hand.

use super::{
    ArrayCost, SAVING, TAG, head, patch_length, plain_patch_length, text_edits_length, text_length, value_length_within,
};
use crate::diff::mark::Mark;
use crate::diff::sequence::{self, Builder, Segments};
use crate::diff::{Diff, Joins, Segment, apply};
use crate::members::Members;
use crate::prelude::*;
use crate::value::{Object, Value};

/// Increments as the numbers that come out of them.
pub(super) fn summed(diff: Diff, result: Option<&Value>) -> Diff {
    match (diff, result) {
        (Diff::Increment(_), Some(result)) => Diff::Set { value: result.clone(), over_container: false },
        (Diff::Object(members), Some(Value::Object(object))) => Diff::Object(
            members
                .into_iter()
                .map(|(key, change)| {
                    let change = summed(change, object.get(&key));
                    (key, change)
                })
                .collect(),
        ),
        (Diff::Array(segments), Some(Value::Array(items))) => Diff::Array(summed_along(segments, items)),
        (Diff::Entries(kind, segments), Some(result)) => {
            let items = apply::elements(result).unwrap_or_default();
            Diff::Entries(kind, summed_along(segments, &items))
        }
        (diff, _) => diff,
    }
}

fn summed_along(mut segments: Segments<Vec<Value>>, items: &[Value]) -> Segments<Vec<Value>> {
    let mut at = 0;
    for segment in &mut segments {
        if let Segment::Inner(inner) | Segment::Put(_, Some(inner)) = segment {
            *inner = summed(core::mem::replace(inner, Diff::Remove), items.get(at));
        }
        at = usize::saturating_add(at, sequence::after::<Vec<Value>>(segment));
    }
    segments
}

/// The same change as it is told plainly, with edits of texts and arrays turned into setting them where that is not longer on
/// the wire. What can be said by index stays: that is base form too, and says what changed.
pub(in crate::diff) fn plainer(diff: Diff, result: &Value) -> Diff {
    Shorten { marked: false, budget: BUDGET }.shorten(diff, result, None).0
}

/// As [`plainer`], and objects and arrays are set outright wherever that is shorter.
pub(in crate::diff) fn shortest(diff: Diff, result: &Value, mark: &Mark) -> Diff {
    Shorten { marked: true, budget: 0 }.shorten(diff, result, Some(mark)).0
}

/// Edits without moves and joins: what is put is deleted and inserted.
fn unmoved(segments: Segments<Vec<Value>>, items: &[Value]) -> Segments<Vec<Value>> {
    let is_new = |segment: &Segment<Vec<Value>, Diff>| match segment {
        Segment::Take(_) | Segment::Put(..) => true,
        Segment::Insert(_, joins) => *joins != Joins::NONE,
        _ => false,
    };
    if !segments.iter().any(is_new) {
        return segments;
    }
    let mut out = Builder::<Vec<Value>>::new();
    let mut at = 0;
    for segment in segments {
        let after = sequence::after::<Vec<Value>>(&segment);
        match segment {
            Segment::Take(_) => out.delete(1),
            Segment::Put(..) => out.insert(items.get(at..at + 1).unwrap_or_default(), Joins::NONE),
            Segment::Insert(run, _) => out.insert_owned(run, Joins::NONE),
            segment => out.step(segment),
        }
        at = usize::saturating_add(at, after);
    }
    out.finish()
}

fn unjoined(mut segments: Segments<String>) -> Segments<String> {
    for segment in &mut segments {
        if let Segment::Insert(_, joins) = segment {
            *joins = Joins::NONE;
        }
    }
    segments
}

/// Of arrays whose length is not known, as many bytes are looked through at most, so that the work stays that of the
/// diff however deep they are nested. Past that, edits stay edits.
const BUDGET: usize = 1 << 20;

struct Shorten {
    /// Lengths are known from marks: then whatever is shorter is set outright.
    marked: bool,
    budget: usize,
}

impl Shorten {
    /// The length of a value, unless it is more than `most`.
    fn length_within(&mut self, value: &Value, mark: Option<&Mark>, most: usize) -> Option<usize> {
        match mark {
            Some(mark) => (mark.length <= most).then_some(mark.length),
            None => {
                let most = most.min(self.budget);
                let length = value_length_within(value, most);
                self.budget -= length.unwrap_or(most);
                length
            }
        }
    }

    /// The shorter diff and its length.
    fn shorten(&mut self, diff: Diff, result: &Value, mark: Option<&Mark>) -> (Diff, usize) {
        let set = |over_container| Diff::Set { value: result.clone(), over_container };
        match (diff, result) {
            (Diff::Object(members), Value::Object(object)) => {
                let (shorter, length) = self.members(members, object, mark);
                let most = length.checked_sub(TAG + SAVING).filter(|_| self.marked);
                match most.and_then(|most| self.length_within(result, mark, most)) {
                    Some(bytes) => (set(true), TAG + bytes),
                    None => (Diff::Object(shorter), length),
                }
            }
            (Diff::Array(segments), Value::Array(items)) => {
                let segments = unmoved(segments, items);
                let (shorter, (length, by_index)) = self.elements(segments, items, mark);
                let most = match (by_index, self.marked) {
                    (true, false) => None,
                    (true, true) => length.checked_sub(1),
                    (false, _) => Some(length + SAVING - 1),
                };
                match most.and_then(|most| self.length_within(result, mark, most)) {
                    Some(bytes) => (set(true), bytes),
                    None => (Diff::Array(shorter), length),
                }
            }
            (Diff::Text(segments), Value::Text(new)) => {
                let segments = unjoined(segments);
                let (edits, plain) = (text_edits_length(&segments), text_length(new));
                if plain < edits + SAVING { (set(false), plain) } else { (Diff::Text(segments), edits) }
            }
            (Diff::Increment(_) | Diff::Entries(..), _) => {
                let length = plain_patch_length(result);
                (set(false), length)
            }
            (diff, _) => {
                let length = patch_length(&diff);
                (diff, length)
            }
        }
    }

    fn members(&mut self, members: Members<Diff>, object: &Object, mark: Option<&Mark>) -> (Members<Diff>, usize) {
        let mut length = head(members.len() as u64);
        let mut shorter = Members::new();
        let marks = mark.map_or(&[][..], |mark| &mark.children);
        let mut marks = object.keys().zip(marks).peekable();
        for (key, change) in members {
            while marks.next_if(|(other, _)| **other < key).is_some() {}
            let mark = marks.next_if(|(other, _)| **other == key).map(|(_, mark)| mark);
            let (change, bytes) = match object.get(&key) {
                Some(member) => self.shorten(change, member, mark),
                None => (change, 1),
            };
            length += text_length(&key) + bytes;
            shorter.push(key, change);
        }
        (shorter, length)
    }

    /// The edits, their length, and whether that is of the map by index.
    fn elements(
        &mut self,
        segments: Segments<Vec<Value>>,
        items: &[Value],
        mark: Option<&Mark>,
    ) -> (Segments<Vec<Value>>, (usize, bool)) {
        let mut cost = ArrayCost::default();
        let mut at = 0_usize;
        let mut shorter = Vec::with_capacity(segments.len());
        for segment in segments {
            shorter.push(match segment {
                Segment::Inner(inner) => {
                    let mark = mark.and_then(|mark| mark.children.get(at));
                    let (inner, bytes) = match items.get(at) {
                        Some(item) => self.shorten(inner, item, mark),
                        None => (inner, 0),
                    };
                    cost.inner(bytes, true);
                    at = at.saturating_add(1);
                    Segment::Inner(inner)
                }
                other => {
                    cost.step(&other);
                    at = at.saturating_add(sequence::after::<Vec<Value>>(&other));
                    other
                }
            });
        }
        (shorter, cost.total())
    }
}
