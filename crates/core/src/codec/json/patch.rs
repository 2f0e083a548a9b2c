//! Patches, the wire form of diffs, in JSON (docs/protocol.md, "Diffs").

use serde_json::Value as Json;

use super::{ARRAY, ENTRIES, REPLACE, TEXT, UNDEFINED, read, reserved, unescaped};
use crate::codec::{DecodeError, MAX_DEPTH};
use crate::diff::{Increment, Joins, Patch, Segment};
use crate::limits::Limits;
use crate::value::Value;

/// A patch from JSON, at most `depth` deep, of `diff_operations` operations and, in CBOR, `value_bytes` long.
pub fn patch_from_json(json: &Json, limits: &Limits) -> Result<Patch, DecodeError> {
    let mut reader = PatchReader { operations: limits.diff_operations };
    let patch = reader.patch(json, limits.depth.min(MAX_DEPTH))?;
    let length = crate::codec::cbor::patch_len(&patch);
    if length > limits.value_bytes {
        return Err(crate::codec::too_many_bytes(length, limits.value_bytes));
    }
    Ok(patch)
}

struct PatchReader {
    operations: usize,
}

impl PatchReader {
    fn operation(&mut self) -> Result<(), DecodeError> {
        let left = self.operations.checked_sub(1);
        self.operations =
            left.ok_or_else(|| DecodeError::TooLarge("the diff has more operations than allowed".into()))?;
        Ok(())
    }

    fn patch(&mut self, json: &Json, depth: usize) -> Result<Patch, DecodeError> {
        let below = depth.checked_sub(1).ok_or_else(|| DecodeError::malformed("the diff is deeper than allowed"))?;
        let Json::Object(members) = json else { return Ok(Patch::Value(read(json, depth).map_err(in_diff)?)) };
        match reserved(members)? {
            Some((UNDEFINED, _)) => Ok(Patch::Remove),
            Some((REPLACE, value)) => Ok(Patch::Replace(read(value, depth).map_err(in_diff)?)),
            Some((TEXT, steps)) => Ok(Patch::Text(self.text_edits(steps)?)),
            Some((ARRAY, steps)) => Ok(Patch::Array(self.array_edits(steps, below)?)),
            Some((ENTRIES, steps)) => Ok(Patch::Entries(self.array_edits(steps, below)?)),
            Some((_, increment)) => increment_of(increment).map(Patch::Increment),
            None => {
                let mut patches = crate::members::Members::new();
                for (key, member) in members {
                    self.operation()?;
                    patches.insert(unescaped(members, key), self.patch(member, below)?);
                }
                Ok(Patch::Map(patches))
            }
        }
    }

    fn text_edits(&mut self, steps: &Json) -> Result<Vec<Segment<String, ()>>, DecodeError> {
        let mut segments = Vec::new();
        for step in array(steps)? {
            self.operation()?;
            segments.push(match step {
                Json::String(text) => Segment::Insert(inserted_text(text)?, Joins::NONE),
                Json::Object(fields) => match (fields.get("insert"), fields.get("joins"), fields.len()) {
                    (Some(Json::String(text)), Some(bits), 2) => Segment::Insert(inserted_text(text)?, joins(bits)?),
                    _ => return Err(no_step()),
                },
                _ => length(step)?,
            });
        }
        Ok(segments)
    }

    fn array_edits(&mut self, steps: &Json, below: usize) -> Result<Vec<Segment<Vec<Value>, Patch>>, DecodeError> {
        let mut segments = Vec::new();
        let mut taken = 0;
        for step in array(steps)? {
            self.operation()?;
            let fields = match step {
                Json::Array(items) => {
                    segments.push(Segment::Insert(inserted_items(items, below)?, Joins::NONE));
                    continue;
                }
                Json::Object(fields) => fields,
                _ => {
                    segments.push(length(step)?);
                    continue;
                }
            };
            let field = |name| fields.get(name);
            let given = (field("at"), field("insert"), field("joins"), field("take"), field("put"), field("count"));
            match (given, fields.len()) {
                ((Some(change), None, None, None, None, None), 1) => {
                    segments.push(Segment::Inner(self.patch(change, below)?));
                }
                ((None, Some(Json::Array(items)), Some(bits), None, None, None), 2) => {
                    segments.push(Segment::Insert(inserted_items(items, below)?, joins(bits)?));
                }
                ((None, None, None, Some(take), None, None), 1) => {
                    let count = self.count(take)?;
                    segments.extend((taken..taken + count).map(Segment::Take));
                    taken += count;
                }
                ((Some(change), None, None, None, Some(put), None), 2) => {
                    segments.push(Segment::Put(number(put)?, Some(self.patch(change, below)?)));
                }
                ((None, None, None, None, Some(put), None), 1) => segments.push(Segment::Put(number(put)?, None)),
                ((None, None, None, None, Some(put), Some(count)), 2) => {
                    let (put, count) = (number(put)?, self.count(count)?);
                    segments.extend((put..put + count).map(|number| Segment::Put(number, None)));
                }
                _ => return Err(no_step()),
            }
        }
        Ok(segments)
    }

    /// How many elements a step stands for; all of them count as operations.
    fn count(&mut self, json: &Json) -> Result<usize, DecodeError> {
        let count = number(json)?;
        if count == 0 {
            return Err(no_step());
        }
        (1..count).try_for_each(|_| self.operation())?;
        Ok(count)
    }
}

fn array(steps: &Json) -> Result<&[Json], DecodeError> {
    steps.as_array().map(Vec::as_slice).ok_or_else(|| DecodeError::malformed("edits are an array"))
}

fn inserted_text(text: &str) -> Result<String, DecodeError> {
    if text.is_empty() { Err(inserts_nothing()) } else { Ok(text.to_owned()) }
}

fn inserted_items(items: &[Json], depth: usize) -> Result<Vec<Value>, DecodeError> {
    if items.is_empty() {
        return Err(inserts_nothing());
    }
    items.iter().map(|item| read(item, depth).map_err(in_diff)).collect()
}

fn joins(bits: &Json) -> Result<Joins, DecodeError> {
    let joins = bits.as_u64().and_then(Joins::from_bits);
    joins.ok_or_else(|| DecodeError::malformed("joins is 1, 2 or 3: what is before, what is behind, or both"))
}

fn number(json: &Json) -> Result<usize, DecodeError> {
    // Added or doubled they fit in 32 bits, which is what wasm has.
    let number = json.as_u64().and_then(|number| i32::try_from(number).ok());
    number
        .map(|number| number as usize)
        .ok_or_else(|| DecodeError::malformed("elements are counted by unsigned integers"))
}

/// By how much, or an array of that and of what it then is.
fn increment_of(json: &Json) -> Result<Increment, DecodeError> {
    let number = |json: &Json| match json.as_f64().filter(|number| number.is_finite()) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(DecodeError::malformed("an increment is a finite number")),
    };
    match json {
        Json::Array(both) => match &both[..] {
            [by, to] => Ok(Increment { by: number(by)?, to: Some(number(to)?) }),
            _ => Err(DecodeError::malformed("an increment is a finite number")),
        },
        by => Ok(Increment { by: number(by)?, to: None }),
    }
}

fn length<T, I>(step: &Json) -> Result<Segment<T, I>, DecodeError> {
    let refused =
        || DecodeError::malformed("a step of edits is a length to keep, minus a length to delete, or what to insert");
    let number = step.as_i64().ok_or_else(refused)?;
    let len = u32::try_from(number.unsigned_abs()).map_err(|_| refused())? as usize;
    match number {
        0 => Err(DecodeError::malformed("a step of edits can't be 0: leave it out")),
        1.. => Ok(Segment::Keep(len)),
        _ => Ok(Segment::Delete(len)),
    }
}

/// A diff that is too deep can't be applied (docs/protocol.md, "Limits"): a 400, where a value would be too large.
fn in_diff(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::TooLarge(what) => DecodeError::Malformed(what),
        other => other,
    }
}

fn no_step() -> DecodeError {
    DecodeError::malformed("a step that is an object has at, insert and joins, take, or put and maybe at or count")
}

fn inserts_nothing() -> DecodeError {
    DecodeError::malformed("a step of edits inserts nothing: leave it out")
}
