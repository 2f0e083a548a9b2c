//! Patches, the wire form of diffs, in JSON (docs/protocol.md, "Diffs").

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{ARRAY, REPLACE, TEXT, UNDEFINED, escaped, read, reserved, unescaped, value_to_json};
use crate::codec::{DecodeError, MAX_DEPTH};
use crate::diff::{Patch, Segment};
use crate::limits::Limits;
use crate::value::Value;

/// A patch as JSON.
pub fn patch_to_json(patch: &Patch) -> Json {
    let tagged = |tag: &str, under| Json::Object(Map::from_iter([(tag.to_owned(), under)]));
    match patch {
        Patch::Remove => tagged(UNDEFINED, Json::Bool(true)),
        Patch::Map(members) => {
            escaped(members.iter().map(|(key, member)| (key.clone(), patch_to_json(member))).collect())
        }
        Patch::Value(value) => value_to_json(value),
        Patch::Replace(value) => tagged(REPLACE, value_to_json(value)),
        Patch::Text(segments) => tagged(TEXT, steps(segments, |text| Json::String(text.clone()), |()| Json::Null)),
        Patch::Array(segments) => {
            let insert = |items: &Vec<Value>| Json::Array(items.iter().map(value_to_json).collect());
            tagged(ARRAY, steps(segments, insert, |inner| tagged("at", patch_to_json(inner))))
        }
    }
}

fn steps<T, I>(segments: &[Segment<T, I>], insert: impl Fn(&T) -> Json, inner: impl Fn(&I) -> Json) -> Json {
    let step = |segment: &Segment<T, I>| match segment {
        Segment::Keep(len) => Json::from(*len),
        Segment::Delete(len) => Json::from(-i64::try_from(*len).unwrap_or(i64::MAX)),
        Segment::Insert(what) => insert(what),
        Segment::Inner(change) => inner(change),
    };
    Json::Array(segments.iter().map(step).collect())
}

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
        self.operations = left.ok_or_else(|| DecodeError::TooLarge("the diff has more operations than allowed".into()))?;
        Ok(())
    }

    fn patch(&mut self, json: &Json, depth: usize) -> Result<Patch, DecodeError> {
        let below = depth.checked_sub(1).ok_or_else(|| DecodeError::malformed("the diff is deeper than allowed"))?;
        let Json::Object(members) = json else { return Ok(Patch::Value(read(json, depth)?)) };
        match reserved(members)? {
            Some((UNDEFINED, _)) => Ok(Patch::Remove),
            Some((REPLACE, value)) => Ok(Patch::Replace(read(value, depth)?)),
            Some((TEXT, steps)) => Ok(Patch::Text(self.steps(steps, |_, step| match step {
                Json::String(text) => Ok(Segment::Insert(text.clone())),
                _ => length(step),
            })?)),
            Some((_, steps)) => Ok(Patch::Array(self.steps(steps, |reader, step| match step {
                Json::Array(items) => {
                    let items: Result<_, _> = items.iter().map(|item| read(item, below)).collect();
                    Ok(Segment::Insert(items?))
                }
                Json::Object(change) if change.len() == 1 && change.contains_key("at") => {
                    let change = change.get("at").unwrap_or(&Json::Null);
                    Ok(Segment::Inner(reader.patch(change, below)?))
                }
                _ => length(step),
            })?)),
            None => {
                let mut patches = BTreeMap::new();
                for (key, member) in members {
                    self.operation()?;
                    patches.insert(unescaped(members, key), self.patch(member, below)?);
                }
                Ok(Patch::Map(patches))
            }
        }
    }

    fn steps<T, I>(
        &mut self,
        steps: &Json,
        mut read: impl FnMut(&mut Self, &Json) -> Result<Segment<T, I>, DecodeError>,
    ) -> Result<Vec<Segment<T, I>>, DecodeError> {
        let Json::Array(steps) = steps else { return Err(DecodeError::malformed("edits are an array")) };
        let mut segments = Vec::new();
        for step in steps {
            self.operation()?;
            segments.push(read(self, step)?);
        }
        Ok(segments)
    }
}

fn length<T, I>(step: &Json) -> Result<Segment<T, I>, DecodeError> {
    let refused =
        || DecodeError::malformed("a step of edits is a length to keep, minus a length to delete, or what to insert");
    let number = step.as_i64().ok_or_else(refused)?;
    let len = usize::try_from(number.unsigned_abs()).map_err(|_| refused())?;
    match number {
        0 => Err(DecodeError::malformed("a step of edits can't be 0: leave it out")),
        1.. => Ok(Segment::Keep(len)),
        _ => Ok(Segment::Delete(len)),
    }
}
