//! From a diff to the wire. Lengths are those of the CBOR that `docs/protocol.md` specifies, to the byte; of moves, at most.
//!
//! There are two ways to say a change. [`Diff::to_patch`] says all of it. [`Diff::to_patch_giving`] says it to who knows only the
//! contract: in base form wherever a tagged form is not much shorter, and without moves, increments and what else is new; for
//! that the value that comes out is needed.

use super::mark::Mark;
use super::sequence::{self, Builder, Segments};
use super::{Diff, Joins, Patch, Segment};
use crate::codec::cbor::value_len;
use crate::members::Members;
use crate::prelude::*;
use crate::value::{Object, Value};

/// Bytes of the tags 64001 to 64009.
const TAG: usize = 3;
/// A tagged form is taken where it saves at least this many bytes: for less it isn't worth that somebody who knows only
/// the contract's base form can't read it.
const SAVING: usize = 32;

impl Diff {
    /// The wire form that says the change exactly, whatever it is resolved on.
    pub fn to_patch(&self) -> Patch {
        patch(self, Style::Exact).map_or_else(nothing, |(patch, _)| patch)
    }

    /// As [`to_patch`](Diff::to_patch), for who applies it and transforms nothing: numbers that grow are what they then are.
    pub fn to_shown_patch(&self, result: &Value) -> Patch {
        if self.increments() { summed(self.clone(), Some(result)).to_patch() } else { self.to_patch() }
    }

    /// Whether anywhere in it a number grows.
    pub fn increments(&self) -> bool {
        match self {
            Diff::Increment(_) => true,
            Diff::Object(members) => members.values().any(Diff::increments),
            Diff::Array(segments) | Diff::Entries(_, segments) => segments.iter().any(|segment| match segment {
                Segment::Inner(inner) | Segment::Put(_, Some(inner)) => inner.increments(),
                _ => false,
            }),
            _ => false,
        }
    }

    /// The wire form of what has been made plain already.
    pub fn to_plain_patch(&self) -> Patch {
        patch(self, Style::Plain).map_or_else(nothing, |(patch, _)| patch)
    }

    /// The wire form for who knows only the contract, where the value that comes out of this diff is at hand: texts and arrays
    /// are written plainly where that is not longer than edits.
    pub fn to_patch_giving(&self, result: &Value) -> Patch {
        plainer(self.clone(), result).to_plain_patch()
    }
}

/// Increments as the numbers that come out of them.
fn summed(diff: Diff, result: Option<&Value>) -> Diff {
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
            let items = super::apply::elements(result).unwrap_or_default();
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

fn nothing() -> Patch {
    Patch::Map(Members::new())
}

/// How edits of arrays are said.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// By index only where that is understood as nothing else.
    Exact,
    /// By index wherever that can be.
    Plain,
}

/// The same change in the contract's words, with edits of texts and arrays turned into setting them where that is not longer on
/// the wire. What can be said by index stays: that is base form too, and says what changed.
pub(super) fn plainer(diff: Diff, result: &Value) -> Diff {
    Shorten { marked: false, budget: BUDGET }.shorten(diff, result, None).0
}

/// As [`plainer`], and objects and arrays are set outright wherever that is shorter.
pub(super) fn shortest(diff: Diff, result: &Value, mark: &Mark) -> Diff {
    Shorten { marked: true, budget: 0 }.shorten(diff, result, Some(mark)).0
}

/// Edits without moves and joins: what is put is deleted and inserted.
pub(super) fn unmoved(segments: Segments<Vec<Value>>, items: &[Value]) -> Segments<Vec<Value>> {
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

/// The length of a diff that sets or removes; of edits over another kind of value it does not matter.
fn patch_length(diff: &Diff) -> usize {
    match diff {
        Diff::Set { value, over_container: true } if matches!(value, Value::Object(_)) => TAG + value_len(value),
        Diff::Set { value, .. } => plain_patch_length(value),
        _ => 1,
    }
}

/// The patch and its length; nothing for the identity.
fn patch(diff: &Diff, style: Style) -> Option<(Patch, usize)> {
    match diff {
        Diff::Remove => Some((Patch::Remove, 1)),
        Diff::Set { value, over_container } => {
            let patch = match value {
                Value::Object(_) if *over_container => Patch::Replace(value.clone()),
                value => plain_patch(value),
            };
            Some((patch, patch_length(diff)))
        }
        Diff::Object(members) => {
            let mut length = 0;
            let mut patches = Members::new();
            for (key, change) in members {
                if let Some((patch, bytes)) = patch(change, style) {
                    length += text_length(key) + bytes;
                    patches.push(key.clone(), patch);
                }
            }
            let length = length + head(patches.len() as u64);
            (!patches.is_empty()).then_some((Patch::Map(patches), length))
        }
        Diff::Array(segments) => array_patch(segments, style),
        Diff::Entries(_, segments) => {
            let (segments, cost) = steps(segments, style);
            (!segments.is_empty()).then(|| (Patch::Entries(segments), cost.tagged_length()))
        }
        Diff::Increment(increment) => {
            let length = TAG + value_len(&increment.by) + increment.to.as_ref().map_or(0, |to| 1 + value_len(to));
            (!diff.is_identity()).then(|| (Patch::Increment(increment.clone()), length))
        }
        Diff::Text(segments) => {
            let segments = sequence::normal::<String>(segments);
            let length = text_edits_length(&segments);
            let mut segments = segments.into_owned();
            if matches!(segments.last(), Some(Segment::Keep(_))) {
                segments.pop();
            }
            (!segments.is_empty()).then_some((Patch::Text(segments), length))
        }
    }
}

/// The steps without a last one that keeps, and what they cost.
fn steps(segments: &[Segment<Vec<Value>, Diff>], style: Style) -> (Vec<Segment<Vec<Value>, Patch>>, ArrayCost) {
    let segments = sequence::normal::<Vec<Value>>(segments);
    let mut cost = ArrayCost::default();
    let mut patches: Vec<Segment<Vec<Value>, Patch>> = Vec::with_capacity(segments.len());
    for segment in segments.iter() {
        patches.push(match segment {
            Segment::Inner(inner) => {
                // In normal form there is something to say of it.
                let Some((patch, bytes)) = patch(inner, style) else { continue };
                let is_alone = !matches!(inner, Diff::Set { value: Value::Object(_), .. });
                cost.inner(bytes, style == Style::Plain || is_alone);
                Segment::Inner(patch)
            }
            Segment::Put(number, inner) => {
                let inner = inner.as_ref().and_then(|inner| patch(inner, style));
                cost.moved(inner.as_ref().map_or(0, |(_, bytes)| bytes + 1 + text_length("at")));
                Segment::Put(*number, inner.map(|(patch, _)| patch))
            }
            Segment::Take(number) => {
                cost.moved(0);
                Segment::Take(*number)
            }
            Segment::Insert(items, joins) => {
                cost.step(segment);
                Segment::Insert(items.clone(), *joins)
            }
            Segment::Delete(length) => {
                cost.step(segment);
                Segment::Delete(*length)
            }
            Segment::Keep(length) => {
                cost.step(segment);
                Segment::Keep(*length)
            }
        });
    }
    if matches!(patches.last(), Some(Segment::Keep(_))) {
        patches.pop();
    }
    (patches, cost)
}

fn array_patch(segments: &[Segment<Vec<Value>, Diff>], style: Style) -> Option<(Patch, usize)> {
    let (patches, cost) = steps(segments, style);
    if patches.is_empty() {
        return None;
    }
    let (length, by_index) = cost.total();
    if !by_index {
        return Some((Patch::Array(patches), length));
    }
    let mut members = Vec::new();
    let mut at = 0_usize;
    for patch in patches {
        match patch {
            Segment::Keep(length) => at = at.saturating_add(length),
            Segment::Inner(patch) => {
                members.push((decimal(at), patch));
                at = at.saturating_add(1);
            }
            Segment::Insert(items, _) => {
                let index = |i| decimal(at.saturating_add(i));
                members.extend(items.iter().enumerate().map(|(i, item)| (index(i), plain_patch(item))));
            }
            Segment::Delete(length) => {
                members.extend((at..at.saturating_add(length)).map(|i| (decimal(i), Patch::Remove)));
            }
            // What moves is not said by index.
            Segment::Take(_) | Segment::Put(..) => {}
        }
    }
    Some((Patch::Map(members.into_iter().collect()), length))
}

/// A value where none is that a plain map would merge into. `undefined` alone would remove, so it is tagged.
fn plain_patch(value: &Value) -> Patch {
    match value {
        Value::Object(members) => {
            Patch::Map(members.iter().map(|(key, member)| (key.clone(), plain_patch(member))).collect())
        }
        Value::Undefined => Patch::Replace(Value::Undefined),
        value => Patch::Value(value.clone()),
    }
}

fn plain_patch_length(value: &Value) -> usize {
    fn undefineds(value: &Value) -> usize {
        match value {
            Value::Undefined => 1,
            Value::Object(members) => members.values().map(undefineds).sum(),
            _ => 0,
        }
    }
    value_len(value) + TAG * undefineds(value)
}

/// What `{"insert":…,"joins":…}` takes beyond what is inserted.
const JOINED: usize = 1 + 7 + 6 + 1;

/// Adds up both forms in which edits of an array can be written.
#[derive(Default)]
struct ArrayCost {
    /// Of the tagged form, less its heads and a trailing keep.
    tagged: usize,
    steps: u64,
    /// A keep that is only written if something follows.
    keep: Option<usize>,
    /// Of the map by index, less its head; absent when it can't be said so.
    by_index: Option<usize>,
    entries: u64,
    /// Elements of the base up to here.
    at: usize,
    /// An insertion or deletion was seen: where it is last, it can be said by index.
    spliced: bool,
    started: bool,
}

impl ArrayCost {
    fn begin(&mut self) {
        if !self.started {
            self.by_index = Some(0);
            self.started = true;
        }
        if let Some(keep) = self.keep.take() {
            self.tagged += head(keep as u64);
            self.steps += 1;
        }
        if self.spliced {
            self.by_index = None;
        }
    }

    fn inner(&mut self, bytes: usize, by_index: bool) {
        self.begin();
        if !by_index {
            self.by_index = None;
        }
        self.steps += 1;
        self.tagged += 1 + text_length("at") + bytes;
        self.by_index = self.by_index.map(|sum| sum + index_length(self.at) + bytes);
        self.entries = self.entries.saturating_add(1);
        self.at = self.at.saturating_add(1);
    }

    /// Something is taken or put.
    fn moved(&mut self, bytes: usize) {
        self.begin();
        self.steps += 1;
        self.tagged += 1 + text_length("take") + 5 + bytes;
        self.by_index = None;
    }

    fn step(&mut self, segment: &Segment<Vec<Value>, Diff>) {
        self.begin();
        match segment {
            Segment::Keep(length) => {
                self.keep = Some(*length);
                self.at = self.at.saturating_add(*length);
            }
            Segment::Delete(length) => {
                self.steps += 1;
                self.tagged += head((*length as u64).saturating_sub(1));
                // An entry takes 3 bytes or more: not worth looking at where the tagged form takes less anyway.
                if length.saturating_mul(3) > self.tagged + 64 + SAVING {
                    self.by_index = None;
                }
                let range = self.at..self.at.saturating_add(*length);
                self.by_index = self.by_index.map(|sum| sum + range.map(|i| index_length(i) + 1).sum::<usize>());
                self.entries = self.entries.saturating_add(*length as u64);
                self.at = self.at.saturating_add(*length);
                self.spliced = true;
            }
            Segment::Insert(items, joins) => {
                self.steps += 1;
                self.tagged += head(items.len() as u64) + items.iter().map(value_len).sum::<usize>();
                if *joins != Joins::NONE {
                    self.tagged += JOINED;
                    self.by_index = None;
                }
                let entry = |(i, item)| index_length(self.at.saturating_add(i)) + plain_patch_length(item);
                self.by_index = self.by_index.map(|sum| sum + items.iter().enumerate().map(entry).sum::<usize>());
                self.entries = self.entries.saturating_add(items.len() as u64);
                self.spliced = true;
            }
            Segment::Inner(_) | Segment::Take(_) | Segment::Put(..) => {}
        }
    }

    fn tagged_length(&self) -> usize {
        TAG + head(self.steps) + self.tagged
    }

    /// The length of the form to take, and whether that is the map by index.
    fn total(&self) -> (usize, bool) {
        let tagged = self.tagged_length();
        match self.by_index.map(|sum| sum + head(self.entries)) {
            Some(by_index) if by_index < tagged + SAVING => (by_index, true),
            _ => (tagged, false),
        }
    }
}

fn text_edits_length(segments: &[Segment<String, ()>]) -> usize {
    let (mut length, mut steps) = (0, 0);
    let written = match segments {
        [written @ .., Segment::Keep(_)] => written,
        all => all,
    };
    for segment in written {
        steps += 1;
        length += match segment {
            Segment::Keep(length) => head(*length as u64),
            Segment::Delete(length) => head((*length as u64).saturating_sub(1)),
            Segment::Insert(piece, joins) => text_length(piece) + if *joins == Joins::NONE { 0 } else { JOINED },
            Segment::Inner(()) | Segment::Take(_) | Segment::Put(..) => 1,
        };
    }
    TAG + head(steps) + length
}

/// Bytes of a CBOR head with this argument.
fn head(argument: u64) -> usize {
    match argument {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

fn text_length(text: &str) -> usize {
    head(text.len() as u64) + text.len()
}

/// Bytes of an index as a key.
fn index_length(index: usize) -> usize {
    1 + index.checked_ilog10().unwrap_or(0) as usize + 1
}

/// The length of a value in CBOR, unless it is more than `most`: then the rest is not looked at.
fn value_length_within(value: &Value, most: usize) -> Option<usize> {
    let mut left = most;
    measure(value, &mut left)?;
    Some(most - left)
}

fn measure(value: &Value, left: &mut usize) -> Option<()> {
    *left = left.checked_sub(own_length(value))?;
    match value {
        Value::Array(items) | Value::Set(items) => items.iter().try_for_each(|item| measure(item, left)),
        Value::Object(members) => members.values().try_for_each(|member| measure(member, left)),
        Value::Map(entries) => entries.iter().try_for_each(|(key, value)| {
            measure(key, left)?;
            measure(value, left)
        }),
        _ => Some(()),
    }
}

/// The length without what is inside; the keys of an object included.
pub(super) fn own_length(value: &Value) -> usize {
    match value {
        Value::Array(items) => head(items.len() as u64),
        Value::Set(items) => TAG + head(items.len() as u64),
        Value::Map(entries) => TAG + head(entries.len() as u64),
        Value::Object(members) => {
            head(members.len() as u64) + members.keys().map(|key| text_length(key)).sum::<usize>()
        }
        leaf => value_len(leaf),
    }
}

#[cfg(test)]
mod tests;
