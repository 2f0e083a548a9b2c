//! From the wire to a diff: what a patch does to this base, with everything checked. What would leave a place as it is,
//! is left out.

use super::identity::Identity;
use super::sequence::{self, Builder, Segments};
use super::text::{self, Off};
use super::{Diff, DiffError, Increment, Joins, Patch, Segment, apply, by_index, make, wrong_kind};
use crate::members::Members;
use crate::prelude::*;
use crate::value::{Object, Value};

impl Patch {
    /// What this does to `base`. A diff that this gave applies to that base.
    ///
    /// At the root, an empty map changes nothing, whatever the base is.
    ///
    /// # Errors
    /// When it can't be applied to this base.
    pub fn resolve(self, base: &Value) -> Result<Diff, DiffError> {
        self.resolve_by(base, &Identity::default())
    }

    /// As [`resolve`](Patch::resolve), with elements told apart by other members.
    ///
    /// # Errors
    /// The same.
    pub fn resolve_by(self, base: &Value, identity: &Identity) -> Result<Diff, DiffError> {
        match self {
            Patch::Remove => Err(DiffError::RemovesRoot),
            Patch::Map(members) if members.is_empty() => Ok(Diff::identity()),
            patch => Ok(match resolve(patch, Some(base), identity)? {
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
            Patch::Increment(increment) => increment.on(None),
            Patch::Text(_) => Err(wrong_kind("text", "a text", None)),
            Patch::Array(_) => Err(wrong_kind("array", "an array", None)),
            Patch::Entries(_) => Err(wrong_kind("entries", "a Map or a Set", None)),
        }
    }
}

/// What the patch does at a place below the root; nothing where it leaves it as it is.
pub(super) fn resolve(patch: Patch, base: Option<&Value>, identity: &Identity) -> Result<Option<Diff>, DiffError> {
    let value = match (patch, base) {
        (Patch::Remove, base) => return Ok(base.map(|_| Diff::Remove)),
        (Patch::Map(members), Some(Value::Object(object))) => return resolve_members(members, object, identity),
        (Patch::Map(members), Some(Value::Array(items))) => {
            let edits = by_index::edits(members, items.len())?;
            // What comes to browsers says moves as such.
            #[cfg(feature = "server")]
            if by_index::shifts(&edits, identity) {
                let touched = by_index::touched(&edits).into_iter().filter_map(|index| items.get(index)).collect();
                return by_index::shift(edits, touched, identity);
            }
            return Ok(resolve_array(edits, items, identity)?.map(Diff::Array));
        }
        // Compared, so that it merges with what others do: however it is written, it means the same.
        (
            Patch::Value(new @ (Value::Text(_) | Value::Array(_) | Value::Map(_) | Value::Set(_))),
            Some(old @ (Value::Text(_) | Value::Array(_) | Value::Map(_) | Value::Set(_))),
        ) => return Ok(make::between_values(old, &new, identity)),
        (Patch::Text(segments), Some(Value::Text(old))) => return resolve_text(segments, old),
        (Patch::Array(segments), Some(Value::Array(items))) => {
            let edits = resolve_array(segments, items, identity)?;
            return Ok(edits.map(Diff::Array));
        }
        (Patch::Entries(segments), Some(base @ (Value::Map(_) | Value::Set(_)))) => {
            return resolve_entries(segments, base, identity);
        }
        (Patch::Increment(increment), base) => {
            let to = increment.on(base)?;
            let is_new = base != Some(&to);
            return Ok(is_new.then_some(Diff::Increment(Increment { to: Some(to), ..increment })));
        }
        (Patch::Text(_), found) => return Err(wrong_kind("text", "a text", found)),
        (Patch::Array(_), found) => return Err(wrong_kind("array", "an array", found)),
        (Patch::Entries(_), found) => return Err(wrong_kind("entries", "a Map or a Set", found)),
        (patch @ (Patch::Map(_) | Patch::Value(_) | Patch::Replace(_)), _) => patch.into_value()?,
    };
    if base == Some(&value) {
        return Ok(None);
    }
    let over_container = base.is_some_and(Value::is_container);
    Ok(Some(Diff::Set { value, over_container }))
}

fn resolve_members(members: Members<Patch>, object: &Object, identity: &Identity) -> Result<Option<Diff>, DiffError> {
    let mut changes = Members::new();
    for (key, patch) in members {
        if let Some(change) = resolve(patch, object.get(&key), identity)? {
            changes.push(key, change);
        }
    }
    Ok((!changes.is_empty()).then_some(Diff::Object(changes)))
}

fn resolve_entries(
    segments: Vec<Segment<Vec<Value>, Patch>>,
    base: &Value,
    identity: &Identity,
) -> Result<Option<Diff>, DiffError> {
    let (Some(kind), Some(items)) = (apply::keyed(base), apply::elements(base)) else { return Ok(None) };
    if segments.iter().any(|segment| matches!(segment, Segment::Take(_) | Segment::Put(..))) {
        return Err(wrong_kind("moving", "an array", Some(base)));
    }
    let Some(edits) = resolve_array(segments, &items, identity)? else { return Ok(None) };
    let diff = Diff::Entries(kind, edits);
    // What is there once stays there once, and entries stay entries.
    diff.apply(&mut base.clone())?;
    Ok(Some(diff))
}

fn resolve_text(segments: Vec<Segment<String, ()>>, old: &str) -> Result<Option<Diff>, DiffError> {
    let mut out = Builder::<String>::new();
    let (mut inserted, mut deleted) = (String::new(), 0..0);
    let (mut at, mut units) = (0, 0_usize);
    // What is inserted and deleted between two kept parts is what somebody has done: compared, letters of theirs would be those
    // that were there, and gone with them.
    let mut joins = Joins::NONE;
    let splice = |out: &mut Builder<String>, inserted: &mut String, deleted: &str, joins: Joins| {
        let length = text::units(deleted);
        if inserted == deleted {
            out.keep(length);
        } else {
            out.insert(inserted, joins);
            out.delete(length);
        }
        inserted.clear();
    };
    for segment in segments {
        let (length, kept) = match segment {
            Segment::Insert(piece, own) => {
                joins =
                    Joins { before: if inserted.is_empty() { own.before } else { joins.before }, behind: own.behind };
                inserted.push_str(&piece);
                continue;
            }
            Segment::Keep(0) | Segment::Delete(0) => return Err(DiffError::ZeroLength),
            Segment::Keep(length) => (length, true),
            Segment::Delete(length) => (length, false),
            Segment::Inner(()) | Segment::Take(_) => (1, true),
            Segment::Put(..) => continue,
        };
        let bytes = text::offset(&old[at..], length).map_err(|off| match off {
            Off::PastEnd => DiffError::PastEnd { length: text::units(old), unit: "UTF-16 units" },
            Off::Splits => DiffError::SplitsCharacter(units.saturating_add(length)),
        })?;
        if kept {
            splice(&mut out, &mut inserted, &old[deleted.clone()], joins);
            out.keep(length);
            deleted = at + bytes..at + bytes;
        } else {
            deleted.end = at + bytes;
        }
        at += bytes;
        units += length;
    }
    splice(&mut out, &mut inserted, &old[deleted], joins);
    out.keep(text::units(&old[at..]));
    let edits = Diff::Text(out.finish());
    Ok((!edits.is_identity()).then_some(edits))
}

fn resolve_array(
    segments: Vec<Segment<Vec<Value>, Patch>>,
    items: &[Value],
    identity: &Identity,
) -> Result<Option<Segments<Vec<Value>>>, DiffError> {
    put_once(&segments)?;
    let taken = taken(&segments, items);
    let mut edits = Edits {
        items,
        identity,
        taken,
        out: Builder::new(),
        at: 0,
        insert: Vec::new(),
        joins: Joins::NONE,
        deleted: 0,
    };
    for segment in segments {
        match segment {
            Segment::Insert(new, joins) => edits.insert(new, joins),
            Segment::Keep(0) | Segment::Delete(0) => return Err(DiffError::ZeroLength),
            Segment::Keep(length) => edits.keep(length)?,
            Segment::Delete(length) => edits.delete(length)?,
            Segment::Inner(Patch::Remove) | Segment::Put(_, Some(Patch::Remove)) => {
                return Err(DiffError::RemovesElement);
            }
            Segment::Inner(patch) => edits.inner(patch)?,
            Segment::Take(number) => edits.take(number)?,
            Segment::Put(number, patch) => edits.put(number, patch)?,
        }
    }
    edits.finish()
}

/// Each number that is taken is put once, and none else.
pub(super) fn put_once<I>(segments: &[Segment<Vec<Value>, I>]) -> Result<(), DiffError> {
    let count = segments.iter().filter(|segment| matches!(segment, Segment::Take(_))).count();
    let mut is_put = vec![false; count];
    for segment in segments {
        if let Segment::Put(number, _) = segment {
            match is_put.get_mut(*number) {
                Some(is_put) if !*is_put => *is_put = true,
                _ => return Err(DiffError::NotPutOnce(*number)),
            }
        }
    }
    is_put.iter().position(|is_put| !is_put).map_or(Ok(()), |number| Err(DiffError::NotPutOnce(number)))
}

/// The elements that are taken, by their numbers.
fn taken<'a, I>(segments: &[Segment<Vec<Value>, I>], items: &'a [Value]) -> Vec<Option<&'a Value>> {
    let mut at = 0_usize;
    let mut taken = Vec::new();
    for segment in segments {
        if matches!(segment, Segment::Take(_)) {
            taken.push(items.get(at));
        }
        at = at.saturating_add(sequence::before(segment));
    }
    taken
}

/// Walks an array's elements.
struct Edits<'a> {
    items: &'a [Value],
    identity: &'a Identity,
    taken: Vec<Option<&'a Value>>,
    out: Builder<Vec<Value>>,
    /// Up to where the elements are walked.
    at: usize,
    /// Inserted since the last element that stays.
    insert: Vec<Value>,
    joins: Joins,
    /// How many before `at` are deleted since then.
    deleted: usize,
}

impl<'a> Edits<'a> {
    /// The next elements.
    fn walk(&mut self, length: usize) -> Result<&'a [Value], DiffError> {
        let rest = &self.items[self.at..];
        let past_end = DiffError::PastEnd { length: self.items.len(), unit: "elements" };
        let next = rest.get(..length).ok_or(past_end)?;
        self.at += length;
        Ok(next)
    }

    fn insert(&mut self, mut new: Vec<Value>, joins: Joins) {
        let before = if self.insert.is_empty() { joins.before } else { self.joins.before };
        self.joins = Joins { before, behind: joins.behind };
        self.insert.append(&mut new);
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
        match resolve(patch, self.walk(1)?.first(), self.identity)? {
            Some(change) => self.out.inner(change),
            None => self.out.keep(1),
        }
        Ok(())
    }

    fn take(&mut self, number: usize) -> Result<(), DiffError> {
        self.flush();
        self.walk(1)?;
        self.out.take(number);
        Ok(())
    }

    fn put(&mut self, number: usize, patch: Option<Patch>) -> Result<(), DiffError> {
        self.flush();
        let element = self.taken.get(number).copied().flatten();
        let inner = match patch {
            Some(patch) => resolve(patch, element, self.identity)?,
            None => None,
        };
        self.out.put(number, inner);
        Ok(())
    }

    /// What is inserted and deleted between two elements that stay, as it is said.
    fn flush(&mut self) {
        let deleted = &self.items[self.at - core::mem::take(&mut self.deleted)..self.at];
        let insert = core::mem::take(&mut self.insert);
        let joins = core::mem::take(&mut self.joins);
        if insert == deleted {
            self.out.keep(deleted.len());
        } else {
            self.out.insert_owned(insert, joins);
            self.out.delete(deleted.len());
        }
    }

    fn finish(mut self) -> Result<Option<Segments<Vec<Value>>>, DiffError> {
        self.keep(self.items.len() - self.at)?;
        let edits = self.out.finish();
        Ok((!sequence::is_identity::<Vec<Value>>(&edits)).then_some(edits))
    }
}

#[cfg(test)]
mod tests;
