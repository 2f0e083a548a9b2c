//! From a diff to the wire: the smallest patch that says it. Lengths are those of the CBOR that `docs/protocol.md`
//! specifies, to the byte.
//!
//! Who knows only the contract understands only the base form. So it is taken wherever a tagged form is not shorter, and
//! [`Diff::to_patch_giving`] and [`plainer`], which know the value that comes out, can put the plain value in the place
//! of edits inside it.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::{Diff, Patch, Segment};
use crate::value::Value;

/// Bytes of the tags 64001 to 64003.
const TAG: usize = 3;
/// A tagged form is taken where it saves at least this many bytes.
const SAVING: usize = 1;

impl Diff {
    /// The wire form, as small as it can be said without knowing the base.
    pub fn to_patch(&self) -> Patch {
        patch(self).map_or_else(|| Patch::Map(BTreeMap::new()), |(patch, _)| patch)
    }

    /// As [`to_patch`](Diff::to_patch), where the value that comes out of this diff is at hand: texts and arrays are then
    /// written plainly where that is not longer than edits.
    pub fn to_patch_giving(&self, result: &Value) -> Patch {
        plainer(self.clone(), result).to_patch()
    }
}

/// The same change, with edits of texts and arrays turned into setting them where that is not longer on the wire.
/// What can be said by index stays: that is base form too, and says what changed.
pub(super) fn plainer(diff: Diff, result: &Value) -> Diff {
    shorten(diff, result, false).0
}

/// As [`plainer`], and objects and arrays are set outright wherever that is shorter.
pub(super) fn shortest(diff: Diff, result: &Value) -> Diff {
    shorten(diff, result, true).0
}

/// The shorter diff and its length.
fn shorten(diff: Diff, result: &Value, outright: bool) -> (Diff, usize) {
    let set = |over_container| Diff::Set { value: result.clone(), over_container };
    match (diff, result) {
        (Diff::Object(members), Value::Object(object)) => {
            let mut length = 0;
            let mut shorter = BTreeMap::new();
            for (key, change) in members {
                let (change, bytes) = match object.get(&key) {
                    Some(member) => shorten(change, member, outright),
                    None => (change, 1),
                };
                length += text_length(&key) + bytes;
                shorter.insert(key, change);
            }
            length += head(shorter.len() as u64);
            match value_length_within(result, length.saturating_sub(TAG + SAVING)) {
                Some(bytes) if outright && TAG + bytes + SAVING <= length => (set(true), TAG + bytes),
                _ => (Diff::Object(shorter), length),
            }
        }
        (Diff::Array(segments), Value::Array(items)) => {
            let mut cost = ArrayCost::default();
            let mut at = 0_usize;
            let mut shorter = Vec::with_capacity(segments.len());
            for segment in segments {
                shorter.push(match segment {
                    Segment::Inner(inner) => {
                        let (inner, bytes) = match items.get(at) {
                            Some(item) => shorten(inner, item, outright),
                            None => (inner, 0),
                        };
                        cost.inner(bytes);
                        at = at.saturating_add(1);
                        Segment::Inner(inner)
                    }
                    other => {
                        cost.step(&other);
                        at = at.saturating_add(match &other {
                            Segment::Keep(length) => *length,
                            Segment::Insert(new) => new.len(),
                            _ => 0,
                        });
                        other
                    }
                });
            }
            let (length, by_index) = cost.total();
            let longest = match (by_index, outright) {
                (true, true) => length.saturating_sub(1),
                (true, false) => 0,
                (false, _) => length + SAVING - 1,
            };
            match value_length_within(result, longest) {
                Some(bytes) => (set(true), bytes),
                None => (Diff::Array(shorter), length),
            }
        }
        (Diff::Text(segments), Value::Text(new)) => {
            let (edits, plain) = (text_edits_length(&segments), text_length(new));
            if plain < edits + SAVING { (set(false), plain) } else { (Diff::Text(segments), edits) }
        }
        (diff, _) => {
            let length = patch_length(&diff);
            (diff, length)
        }
    }
}

/// The length of a diff that sets or removes; of edits over another kind of value it does not matter.
fn patch_length(diff: &Diff) -> usize {
    match diff {
        Diff::Set { value, over_container: true } if matches!(value, Value::Object(_)) => TAG + value_length(value),
        Diff::Set { value, .. } => plain_patch_length(value),
        _ => 1,
    }
}

/// The patch and its length; nothing for the identity.
fn patch(diff: &Diff) -> Option<(Patch, usize)> {
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
            let mut patches = BTreeMap::new();
            for (key, change) in members {
                if let Some((patch, bytes)) = patch(change) {
                    length += text_length(key) + bytes;
                    patches.insert(key.clone(), patch);
                }
            }
            let length = length + head(patches.len() as u64);
            (!patches.is_empty()).then_some((Patch::Map(patches), length))
        }
        Diff::Array(segments) => array_patch(segments),
        Diff::Text(segments) => {
            let segments = super::sequence::normal::<String>(segments);
            let length = text_edits_length(&segments);
            let mut segments = segments.into_owned();
            if matches!(segments.last(), Some(Segment::Keep(_))) {
                segments.pop();
            }
            (!segments.is_empty()).then_some((Patch::Text(segments), length))
        }
    }
}

fn array_patch(segments: &[Segment<Vec<Value>, Diff>]) -> Option<(Patch, usize)> {
    let segments = super::sequence::normal::<Vec<Value>>(segments);
    let mut cost = ArrayCost::default();
    let mut patches: Vec<Segment<Vec<Value>, Patch>> = Vec::with_capacity(segments.len());
    for segment in segments.iter() {
        patches.push(match segment {
            Segment::Inner(inner) => {
                let (patch, bytes) = patch(inner)?;
                cost.inner(bytes);
                Segment::Inner(patch)
            }
            other => {
                cost.step(other);
                match other {
                    Segment::Insert(items) => Segment::Insert(items.clone()),
                    Segment::Delete(length) => Segment::Delete(*length),
                    Segment::Keep(length) => Segment::Keep(*length),
                    Segment::Inner(_) => continue,
                }
            }
        });
    }
    if matches!(patches.last(), Some(Segment::Keep(_))) {
        patches.pop();
    }
    if patches.is_empty() {
        return None;
    }
    let (length, by_index) = cost.total();
    if !by_index {
        return Some((Patch::Array(patches), length));
    }
    let mut members = BTreeMap::new();
    let mut at = 0_usize;
    for patch in patches {
        match patch {
            Segment::Keep(length) => at = at.saturating_add(length),
            Segment::Inner(patch) => {
                members.insert(at.to_string(), patch);
                at = at.saturating_add(1);
            }
            Segment::Insert(items) => {
                members.extend(items.iter().enumerate().map(|(i, item)| (at.saturating_add(i).to_string(), plain_patch(item))));
            }
            Segment::Delete(length) => members.extend((at..at.saturating_add(length)).map(|i| (i.to_string(), Patch::Remove))),
        }
    }
    Some((Patch::Map(members), length))
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
    value_length(value) + TAG * undefineds(value)
}

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

    fn inner(&mut self, bytes: usize) {
        self.begin();
        self.steps += 1;
        self.tagged += 1 + text_length("at") + bytes;
        self.by_index = self.by_index.map(|sum| sum + index_length(self.at) + bytes);
        self.entries = self.entries.saturating_add(1);
        self.at = self.at.saturating_add(1);
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
            Segment::Insert(items) => {
                self.steps += 1;
                self.tagged += head(items.len() as u64) + items.iter().map(value_length).sum::<usize>();
                let entry = |(i, item)| index_length(self.at.saturating_add(i)) + plain_patch_length(item);
                self.by_index = self.by_index.map(|sum| sum + items.iter().enumerate().map(entry).sum::<usize>());
                self.entries = self.entries.saturating_add(items.len() as u64);
                self.spliced = true;
            }
            Segment::Inner(_) => {}
        }
    }

    /// The length of the form to take, and whether that is the map by index.
    fn total(&self) -> (usize, bool) {
        let tagged = TAG + head(self.steps) + self.tagged;
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
            Segment::Insert(piece) => text_length(piece),
            Segment::Inner(()) => 1,
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

fn value_length(value: &Value) -> usize {
    value_length_within(value, usize::MAX).unwrap_or(usize::MAX)
}

/// The length of a value in CBOR, unless it is more than `most`: then the rest is not looked at.
fn value_length_within(value: &Value, most: usize) -> Option<usize> {
    let mut left = most;
    measure(value, &mut left)?;
    Some(most - left)
}

fn measure(value: &Value, left: &mut usize) -> Option<()> {
    let mut take = |bytes: usize| {
        *left = left.checked_sub(bytes)?;
        Some(())
    };
    match value {
        Value::Undefined | Value::Null | Value::Bool(_) => take(1),
        Value::Number(number) => take(number_length(*number)),
        Value::BigInt(big) => take(bigint_length(big)),
        Value::Text(text) => take(text_length(text)),
        Value::Bytes(bytes) => take(head(bytes.len() as u64) + bytes.len()),
        Value::Date(ms) => take(1 + number_length(*ms / 1000.0)),
        Value::Typed(_, bytes) => take(2 + head(bytes.len() as u64) + bytes.len()),
        Value::Array(items) => {
            take(head(items.len() as u64))?;
            items.iter().try_for_each(|item| measure(item, left))
        }
        Value::Set(items) => {
            take(TAG + head(items.len() as u64))?;
            items.iter().try_for_each(|item| measure(item, left))
        }
        Value::Map(entries) => {
            take(TAG + head(entries.len() as u64))?;
            entries.iter().try_for_each(|(key, value)| {
                measure(key, left)?;
                measure(value, left)
            })
        }
        Value::Object(members) => {
            take(head(members.len() as u64))?;
            members.iter().try_for_each(|(key, member)| {
                *left = left.checked_sub(text_length(key))?;
                measure(member, left)
            })
        }
    }
}

/// Integers of up to 32 bits as such, else the shorter float that is exact.
fn number_length(number: f64) -> usize {
    const LIMIT: f64 = 4_294_967_296.0;
    let integral = number.fract() == 0.0 && !(number == 0.0 && number.is_sign_negative());
    if integral && (0.0..LIMIT).contains(&number) {
        head(number as u64)
    } else if integral && (-LIMIT..0.0).contains(&number) {
        head((-1.0 - number) as u64)
    } else if number.is_nan() || f64::from(number as f32) == number {
        5
    } else {
        9
    }
}

/// 8 bytes behind the head where that is enough, else a tagged byte string.
fn bigint_length(big: &BigInt) -> usize {
    let magnitude: BigInt = if big.sign() == num_bigint::Sign::Minus { -(big + BigInt::from(1)) } else { big.clone() };
    match magnitude.to_u64() {
        Some(_) => 9,
        None => {
            let bytes = magnitude.bits().div_ceil(8) as usize;
            1 + head(bytes as u64) + bytes
        }
    }
}

#[cfg(test)]
mod tests;
