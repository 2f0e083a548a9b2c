//! Applying a diff, in place. The work is that of the diff: members and elements it does not touch are not looked at,
//! except that a text is copied and the elements of an array are moved once where anything is inserted or deleted.

use super::sequence;
use super::text::{self, Off};
use super::{Diff, DiffError, Segment, wrong_kind};
use crate::members::Part;
use crate::prelude::*;
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
    let expected = sequence::base_length::<Vec<Value>>(segments);
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
                Segment::Delete(_) | Segment::Insert(_) => {}
            }
        }
        return Ok(());
    }
    let mut old = core::mem::take(items).into_iter();
    for segment in segments {
        match segment {
            Segment::Keep(length) => items.extend(old.by_ref().take(*length)),
            Segment::Delete(length) => drop(old.by_ref().take(*length).last()),
            Segment::Insert(new) => items.extend_from_slice(new),
            Segment::Inner(inner) => {
                for mut item in old.by_ref().take(1) {
                    inner.apply(&mut item)?;
                    items.push(item);
                }
            }
        }
    }
    Ok(())
}

fn apply_text(segments: &[Segment<String, ()>], old: &str) -> Result<String, DiffError> {
    let wrong_length = || DiffError::WrongLength {
        expected: sequence::base_length::<String>(segments),
        found: text::units(old),
        unit: "UTF-16 units",
    };
    let mut new = String::with_capacity(old.len());
    let (mut rest, mut done) = (old, 0);
    for segment in segments {
        let (length, kept) = match segment {
            Segment::Insert(piece) => {
                new.push_str(piece);
                continue;
            }
            Segment::Keep(length) => (*length, true),
            Segment::Delete(length) => (*length, false),
            Segment::Inner(()) => (1, true),
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
