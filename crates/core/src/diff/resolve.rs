//! From the wire to a diff: what a patch does to this base, with everything checked. What would leave a place as it is,
//! is left out.

use super::sequence::Builder;
use super::text::{self, Off};
use super::{Diff, DiffError, Patch, Segment, wrong_kind};
use crate::members::Members;
use crate::prelude::*;
use crate::sort;
use crate::value::{Object, Value};

impl Patch {
    /// What this does to `base`. A diff that this gave applies to that base.
    ///
    /// At the root, an empty map changes nothing, whatever the base is.
    ///
    /// # Errors
    /// When it can't be applied to this base.
    pub fn resolve(self, base: &Value) -> Result<Diff, DiffError> {
        match self {
            Patch::Remove => Err(DiffError::RemovesRoot),
            Patch::Map(members) if members.is_empty() => Ok(Diff::identity()),
            patch => Ok(match resolve(patch, Some(base))? {
                Some(Diff::Set { value, .. }) => Diff::root(value, base),
                Some(diff) => diff,
                None => Diff::identity(),
            }),
        }
    }

    /// The value that this makes where there is nothing: of a first version, which comes as a diff over nothing.
    ///
    /// # Errors
    /// When it removes, or edits something from inside.
    pub fn into_value(self) -> Result<Value, DiffError> {
        match self {
            Patch::Remove => Err(DiffError::RemovesRoot),
            Patch::Map(members) => {
                let mut object = Object::new();
                for (key, patch) in members {
                    if patch != Patch::Remove {
                        object.push(key, patch.into_value()?);
                    }
                }
                Ok(Value::Object(object))
            }
            Patch::Value(value) | Patch::Replace(value) => Ok(value),
            Patch::Text(_) => Err(wrong_kind("text", "a text", None)),
            Patch::Array(_) => Err(wrong_kind("array", "an array", None)),
        }
    }
}

/// What the patch does at a place below the root; nothing where it leaves it as it is.
pub(super) fn resolve(patch: Patch, base: Option<&Value>) -> Result<Option<Diff>, DiffError> {
    let value = match (patch, base) {
        (Patch::Remove, base) => return Ok(base.map(|_| Diff::Remove)),
        (Patch::Map(members), Some(Value::Object(object))) => return resolve_members(members, object),
        (Patch::Map(members), Some(Value::Array(items))) => {
            return resolve_array(edits_by_index(members, items.len())?, items);
        }
        (Patch::Value(Value::Text(new)), Some(Value::Text(old))) if *old != new => return Ok(Some(retyped(old, new))),
        (Patch::Text(segments), Some(Value::Text(old))) => return resolve_text(segments, old),
        (Patch::Array(segments), Some(Value::Array(items))) => return resolve_array(segments, items),
        (Patch::Text(_), found) => return Err(wrong_kind("text", "a text", found)),
        (Patch::Array(_), found) => return Err(wrong_kind("array", "an array", found)),
        (patch @ (Patch::Map(_) | Patch::Value(_) | Patch::Replace(_)), _) => patch.into_value()?,
    };
    if base == Some(&value) {
        return Ok(None);
    }
    let over_container = base.is_some_and(Value::is_container);
    Ok(Some(Diff::Set { value, over_container }))
}

fn resolve_members(members: Members<Patch>, object: &Object) -> Result<Option<Diff>, DiffError> {
    let mut changes = Members::new();
    for (key, patch) in members {
        if let Some(change) = resolve(patch, object.get(&key))? {
            changes.push(key, change);
        }
    }
    Ok((!changes.is_empty()).then_some(Diff::Object(changes)))
}

/// deep-object-diff's form over an array of so many elements, as edits along it.
pub(super) fn edits_by_index(
    members: Members<Patch>,
    length: usize,
) -> Result<Vec<Segment<Vec<Value>, Patch>>, DiffError> {
    let mut changes = Vec::with_capacity(members.len());
    for (key, patch) in members {
        match index(&key) {
            Some(index) => changes.push((index as u64, patch)),
            None => return Err(DiffError::NotAnIndex(key)),
        }
    }
    let changes = sort::by_number(changes);
    // A run of `undefined` up to the last element shortens the array, unless something follows it.
    let mut shorter = length;
    for (index, patch) in changes.iter().rev() {
        if *patch != Patch::Remove || index.checked_add(1) != Some(shorter as u64) {
            break;
        }
        shorter -= 1;
    }
    let mut edits = Vec::new();
    let keep = |edits: &mut Vec<_>, length: usize| {
        if length > 0 {
            edits.push(Segment::Keep(length));
        }
    };
    let (mut at, mut next, mut appended) = (0, length, Vec::new());
    for (index, patch) in changes {
        let index = index as usize;
        if index >= length {
            if index != next {
                return Err(DiffError::IndexOutOfRange { index, length, next });
            }
            next += 1;
            // With nothing there to remove, an appended `undefined` is that value.
            appended.push(if patch == Patch::Remove { Value::Undefined } else { patch.into_value()? });
        } else if index < shorter {
            let patch = if patch == Patch::Remove { Patch::Replace(Value::Undefined) } else { patch };
            keep(&mut edits, index - at);
            edits.push(Segment::Inner(patch));
            at = index + 1;
        }
    }
    keep(&mut edits, shorter - at);
    if shorter < length {
        edits.push(Segment::Delete(length - shorter));
    }
    if !appended.is_empty() {
        edits.push(Segment::Insert(appended));
    }
    Ok(edits)
}

/// An index in decimal, without leading zeros.
fn index(key: &str) -> Option<usize> {
    let digits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    // What no array is long enough for is an index still, out of range.
    (digits && (key.len() == 1 || !key.starts_with('0'))).then(|| key.parse().unwrap_or(usize::MAX))
}

/// A text replaced by another in plain form: edits where half of it or more is kept, so that they merge with others'.
pub(super) fn retyped(old: &str, new: String) -> Diff {
    let start = text::common_prefix(old, &new);
    let end = text::common_suffix(&old[start..], &new[start..]);
    let (deleted, inserted) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let (before, after) = (text::units(&old[..start]), text::units(&old[old.len() - end..]));
    let gone = text::units(deleted);
    if before + after == 0 || before + after < gone {
        return Diff::Set { value: Value::Text(new), over_container: false };
    }
    let mut edits = Builder::<String>::new();
    edits.keep(before);
    edits.insert(inserted);
    edits.delete(gone);
    edits.keep(after);
    Diff::Text(edits.finish())
}

fn resolve_text(segments: Vec<Segment<String, ()>>, old: &str) -> Result<Option<Diff>, DiffError> {
    let mut out = Builder::<String>::new();
    let (mut inserted, mut deleted) = (String::new(), 0..0);
    let (mut at, mut units) = (0, 0_usize);
    // What is inserted and deleted between two kept parts, less what both begin and end with.
    let splice = |out: &mut Builder<String>, inserted: &mut String, deleted: &str| {
        let start = text::common_prefix(deleted, inserted);
        let end = text::common_suffix(&deleted[start..], &inserted[start..]);
        out.keep(text::units(&deleted[..start]));
        out.insert(&inserted[start..inserted.len() - end]);
        out.delete(text::units(&deleted[start..deleted.len() - end]));
        out.keep(text::units(&deleted[deleted.len() - end..]));
        inserted.clear();
    };
    for segment in segments {
        let (length, kept) = match segment {
            Segment::Insert(piece) => {
                inserted.push_str(&piece);
                continue;
            }
            Segment::Keep(0) | Segment::Delete(0) => return Err(DiffError::ZeroLength),
            Segment::Keep(length) => (length, true),
            Segment::Delete(length) => (length, false),
            Segment::Inner(()) => (1, true),
        };
        let bytes = text::offset(&old[at..], length).map_err(|off| match off {
            Off::PastEnd => DiffError::PastEnd { length: text::units(old), unit: "UTF-16 units" },
            Off::Splits => DiffError::SplitsCharacter(units.saturating_add(length)),
        })?;
        if kept {
            splice(&mut out, &mut inserted, &old[deleted.clone()]);
            out.keep(length);
            deleted = at + bytes..at + bytes;
        } else {
            deleted.end = at + bytes;
        }
        at += bytes;
        units += length;
    }
    splice(&mut out, &mut inserted, &old[deleted]);
    out.keep(text::units(&old[at..]));
    let edits = Diff::Text(out.finish());
    Ok((!edits.is_identity()).then_some(edits))
}

fn resolve_array(segments: Vec<Segment<Vec<Value>, Patch>>, items: &[Value]) -> Result<Option<Diff>, DiffError> {
    let mut edits = Edits::over(items);
    for segment in segments {
        match segment {
            Segment::Insert(mut new) => edits.insert.append(&mut new),
            Segment::Keep(0) | Segment::Delete(0) => return Err(DiffError::ZeroLength),
            Segment::Keep(length) => edits.keep(length)?,
            Segment::Delete(length) => edits.delete(length)?,
            Segment::Inner(Patch::Remove) => return Err(DiffError::RemovesElement),
            Segment::Inner(patch) => edits.inner(patch)?,
        }
    }
    edits.finish()
}

/// Walks an array's elements.
struct Edits<'a> {
    items: &'a [Value],
    out: Builder<Vec<Value>>,
    /// Up to where the elements are walked.
    at: usize,
    /// Inserted since the last element that stays.
    insert: Vec<Value>,
    /// How many before `at` are deleted since then.
    deleted: usize,
}

impl<'a> Edits<'a> {
    fn over(items: &'a [Value]) -> Self {
        Edits { items, out: Builder::new(), at: 0, insert: Vec::new(), deleted: 0 }
    }

    /// The next elements.
    fn walk(&mut self, length: usize) -> Result<&'a [Value], DiffError> {
        let rest = &self.items[self.at..];
        let past_end = DiffError::PastEnd { length: self.items.len(), unit: "elements" };
        let next = rest.get(..length).ok_or(past_end)?;
        self.at += length;
        Ok(next)
    }

    fn delete(&mut self, length: usize) -> Result<(), DiffError> {
        self.walk(length)?;
        self.deleted += length;
        Ok(())
    }

    fn keep(&mut self, length: usize) -> Result<(), DiffError> {
        self.flush();
        self.walk(length)?;
        self.out.keep(length);
        Ok(())
    }

    fn inner(&mut self, patch: Patch) -> Result<(), DiffError> {
        self.flush();
        match resolve(patch, self.walk(1)?.first())? {
            Some(change) => self.out.inner(change),
            None => self.out.keep(1),
        }
        Ok(())
    }

    /// What is inserted and deleted between two elements that stay, less what both begin and end with.
    fn flush(&mut self) {
        let deleted = &self.items[self.at - core::mem::take(&mut self.deleted)..self.at];
        let mut insert = core::mem::take(&mut self.insert);
        let start = deleted.iter().zip(&insert).take_while(|(a, b)| a == b).count();
        let (deleted, mut insert) = (&deleted[start..], insert.split_off(start));
        let end = deleted.iter().rev().zip(insert.iter().rev()).take_while(|(a, b)| a == b).count();
        insert.truncate(insert.len() - end);
        self.out.keep(start);
        self.out.insert_owned(insert);
        self.out.delete(deleted.len() - end);
        self.out.keep(end);
    }

    fn finish(mut self) -> Result<Option<Diff>, DiffError> {
        self.keep(self.items.len() - self.at)?;
        let edits = Diff::Array(self.out.finish());
        Ok((!edits.is_identity()).then_some(edits))
    }
}

#[cfg(test)]
mod tests;
