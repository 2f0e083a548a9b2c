//! From a diff to the wire. Lengths are those of the CBOR that `docs/protocol.md` specifies, to the byte; of moves, at most.
//!
//! There are two ways to say a change. [`Diff::to_patch`] says all of it. [`Diff::to_patch_giving`] says it to who knows only the
//! contract: in base form wherever a tagged form is not much shorter, and without moves, increments and what else is new; for
//! that the value that comes out is needed.

mod shorten;

use super::sequence;
use super::{Diff, Joins, Patch, Segment};
use crate::codec::cbor::write::value_len;
use crate::members::Members;
use crate::prelude::*;
use crate::value::Value;
use shorten::summed;
pub(super) use shorten::{plainer, shortest};

/// Bytes of the tags 64001 to 64009.
const TAG: usize = 3;
/// A tagged form is taken where it saves at least this many bytes: for less it isn't worth that somebody who knows only
/// base form can't read it.
const SAVING: usize = 32;

impl Diff {
    /// The wire form that says all of the change. A text or an array that is set is compared with what is there where it is read.
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

    /// The wire form for who reads plain diffs only, where the value that comes out of this diff is at hand: texts and arrays
    /// are written plainly where that is not longer than edits.
    pub fn to_patch_giving(&self, result: &Value) -> Patch {
        plainer(self.clone(), result).to_plain_patch()
    }
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
            Some((Patch::Increment(increment.clone()), length))
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
    let is_inner = |patch: &Segment<Vec<Value>, Patch>| matches!(patch, Segment::Inner(_));
    // Of several places it would be looked what has moved between them.
    let may_shift = cost.entries > 1 && patches.iter().any(is_inner);
    let (length, by_index) = match style {
        Style::Exact if may_shift => (cost.tagged_length(), false),
        _ => cost.total(),
    };
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
