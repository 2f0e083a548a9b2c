//! Applying a diff, in place. The work is that of the diff: members and elements it does not touch are not looked at,
//! except that a text is copied and the elements of an array are moved once where anything is inserted or deleted.

use super::sequence;
use super::text::{self, Off};
use super::{Diff, DiffError, Keyed, Segment, wrong_kind};
use crate::codec::cbor::write::encode_value;
use crate::members::Part;
use crate::prelude::*;
use crate::sort::sorted;
use crate::value::Value;

impl Diff {
    /// Changes `value`, the base that this was resolved on or made for; then it can't fail.
    ///
    /// # Errors
    /// On another base it may. `value` may then be changed in part and is to be thrown away.
    pub fn apply(&self, value: &mut Value) -> Result<(), DiffError> {
        match self {
            Diff::Remove => Err(DiffError::RemovesRoot),
            Diff::Set { value: new, .. } => {
                *value = new.clone();
                Ok(())
            }
            Diff::Object(members) => {
                let Value::Object(object) = value else {
                    return if self.is_identity() {
                        Ok(())
                    } else {
                        Err(wrong_kind("member", "an object", Some(value)))
                    };
                };
                let mut others = Vec::new();
                for (key, change) in members {
                    match (change, object.get_mut(key)) {
                        (Diff::Remove, _) => others.push((key.as_str(), Part::Drop)),
                        (Diff::Set { value: new, .. }, None) => others.push((key.as_str(), Part::Put(new.clone()))),
                        (Diff::Increment(increment), None) => {
                            others.push((key.as_str(), Part::Put(increment.on(None)?)));
                        }
                        (inside, Some(member)) => inside.apply(member)?,
                        (inside, None) if inside.is_identity() => {}
                        (_, None) => return Err(DiffError::NoMember(key.clone())),
                    }
                }
                object.merge(others);
                Ok(())
            }
            Diff::Array(segments) => match value {
                Value::Array(items) => apply_array(segments, items),
                _ if self.is_identity() => Ok(()),
                other => Err(wrong_kind("array", "an array", Some(other))),
            },
            Diff::Entries(kind, segments) => match keyed(value) {
                Some(found) if found == *kind => {
                    let mut items = elements(value).unwrap_or_default();
                    apply_array(segments, &mut items)?;
                    *value = gathered(*kind, items)?;
                    Ok(())
                }
                _ if self.is_identity() => Ok(()),
                _ => Err(wrong_kind("entries", "a Map or a Set", Some(value))),
            },
            Diff::Increment(increment) => {
                *value = increment.on(Some(value))?;
                Ok(())
            }
            Diff::Text(segments) => match value {
                Value::Text(old) => {
                    *old = apply_text(segments, old)?;
                    Ok(())
                }
                _ if self.is_identity() => Ok(()),
                other => Err(wrong_kind("text", "a text", Some(other))),
            },
        }
    }
}

fn apply_array(segments: &[Segment<Vec<Value>, Diff>], items: &mut Vec<Value>) -> Result<(), DiffError> {
    let expected = sequence::base_length(segments);
    if expected != items.len() {
        return Err(DiffError::WrongLength { expected, found: items.len(), unit: "elements" });
    }
    if segments.iter().all(|segment| matches!(segment, Segment::Keep(_) | Segment::Inner(_))) {
        let mut at = 0;
        for segment in segments {
            match segment {
                Segment::Inner(inner) => {
                    if let Some(item) = items.get_mut(at) {
                        inner.apply(item)?;
                    }
                    at += 1;
                }
                Segment::Keep(length) => at += length,
                _ => {}
            }
        }
        return Ok(());
    }
    let moves = segments.iter().any(|segment| matches!(segment, Segment::Put(..)));
    let mut taken = if moves { taken(segments, items) } else { Vec::new() };
    let mut old = core::mem::take(items).into_iter();
    for segment in segments {
        match segment {
            Segment::Keep(length) => items.extend(old.by_ref().take(*length)),
            Segment::Delete(length) => drop(old.by_ref().take(*length).last()),
            Segment::Insert(new, _) => items.extend_from_slice(new),
            Segment::Inner(inner) => {
                for mut item in old.by_ref().take(1) {
                    inner.apply(&mut item)?;
                    items.push(item);
                }
            }
            Segment::Take(_) => drop(old.next()),
            Segment::Put(number, inner) => {
                let mut item = taken.get_mut(*number).and_then(Option::take).ok_or(DiffError::NotPutOnce(*number))?;
                if let Some(inner) = inner {
                    inner.apply(&mut item)?;
                }
                items.push(item);
            }
        }
    }
    match taken.iter().position(Option::is_some) {
        Some(number) => Err(DiffError::NotPutOnce(number)),
        None => Ok(()),
    }
}

/// The elements that are taken out, in order; their places hold nothing any more.
fn taken(segments: &[Segment<Vec<Value>, Diff>], items: &mut [Value]) -> Vec<Option<Value>> {
    let (mut at, mut taken) = (0, Vec::new());
    for segment in segments {
        if matches!(segment, Segment::Take(_)) {
            taken.push(items.get_mut(at).map(|item| core::mem::replace(item, Value::Undefined)));
        }
        at = usize::saturating_add(at, sequence::before(segment));
    }
    taken
}

/// What keeps each thing once.
pub(super) fn keyed(value: &Value) -> Option<Keyed> {
    match value {
        Value::Map(_) => Some(Keyed::Map),
        Value::Set(_) => Some(Keyed::Set),
        _ => None,
    }
}

/// The elements of an array, a `Map` or a `Set`, as edits see them.
pub(super) fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) | Value::Set(items) => Some(items.clone()),
        Value::Map(entries) => {
            Some(entries.iter().map(|(key, value)| Value::Array(vec![key.clone(), value.clone()])).collect())
        }
        _ => None,
    }
}

/// A `Map` or a `Set` of its elements.
pub(super) fn gathered(kind: Keyed, items: Vec<Value>) -> Result<Value, DiffError> {
    distinct(kind, &items)?;
    Ok(match kind {
        Keyed::Set => Value::Set(items),
        Keyed::Map => {
            let entry = |item| match item {
                Value::Array(entry) => match <[Value; 2]>::try_from(entry) {
                    Ok([key, value]) => Ok((key, value)),
                    Err(_) => Err(DiffError::NotAnEntry),
                },
                _ => Err(DiffError::NotAnEntry),
            };
            Value::Map(items.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

/// A primitive is there once; objects are told apart by identity in JavaScript, so two that look the same are two.
fn distinct(kind: Keyed, items: &[Value]) -> Result<(), DiffError> {
    let mut keys = Vec::with_capacity(items.len());
    for item in items {
        let key = kind.key(item).ok_or(DiffError::NotAnEntry)?;
        if matches!(
            key,
            Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) | Value::BigInt(_) | Value::Text(_)
        ) {
            keys.push(encode_value(&match key {
                Value::Number(number) if *number == 0.0 => Value::Number(0.0),
                key => key.clone(),
            }));
        }
    }
    let is_twice = sorted(keys).windows(2).any(|pair| pair[0] == pair[1]);
    if is_twice { Err(DiffError::Twice) } else { Ok(()) }
}

fn apply_text(segments: &[Segment<String, ()>], old: &str) -> Result<String, DiffError> {
    let wrong_length = || DiffError::WrongLength {
        expected: sequence::base_length(segments),
        found: text::units(old),
        unit: "UTF-16 units",
    };
    let mut new = String::with_capacity(old.len());
    let (mut rest, mut done) = (old, 0);
    for segment in segments {
        let (length, kept) = match segment {
            Segment::Insert(piece, _) => {
                new.push_str(piece);
                continue;
            }
            Segment::Keep(length) => (*length, true),
            Segment::Delete(length) => (*length, false),
            Segment::Inner(()) | Segment::Take(_) => (1, true),
            Segment::Put(..) => continue,
        };
        let at = text::offset(rest, length).map_err(|off| match off {
            Off::PastEnd => wrong_length(),
            Off::Splits => DiffError::SplitsCharacter(done + length),
        })?;
        let (piece, after) = rest.split_at(at);
        if kept {
            new.push_str(piece);
        }
        rest = after;
        done += length;
    }
    if rest.is_empty() { Ok(new) } else { Err(wrong_length()) }
}

#[cfg(test)]
mod tests;
