//! Patches, the wire form of diffs, in JSON (docs/protocol.md, "Diffs").

use serde_json::Value as Json;

use super::{AT, REPLACE, TEXT, UNDEFINED, read, reserved, unescaped};
use crate::codec::{DecodeError, MAX_DEPTH};
use crate::diff::{Patch, Segment};
use crate::limits::Limits;

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
            Some((TEXT, steps)) => Ok(Patch::Text(self.steps(steps, |_, step| match step {
                Json::String(text) if text.is_empty() => Err(inserts_nothing()),
                Json::String(text) => Ok(Segment::Insert(text.clone())),
                _ => length(step),
            })?)),
            Some((_, steps)) => Ok(Patch::Array(self.steps(steps, |reader, step| match step {
                Json::Array(items) => {
                    if items.is_empty() {
                        return Err(inserts_nothing());
                    }
                    let items: Result<_, _> = items.iter().map(|item| read(item, below).map_err(in_diff)).collect();
                    Ok(Segment::Insert(items?))
                }
                Json::Object(change) if change.len() == 1 && change.contains_key(AT) => {
                    let change = change.get(AT).unwrap_or(&Json::Null);
                    Ok(Segment::Inner(reader.patch(change, below)?))
                }
                _ => length(step),
            })?)),
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
    let len = u32::try_from(number.unsigned_abs()).map_err(|_| refused())? as usize;
    match number {
        0 => Err(DecodeError::malformed("a step of edits can't be 0: leave it out")),
        1.. => Ok(Segment::Keep(len)),
        _ => Ok(Segment::Delete(len)),
    }
}

/// A diff that is too deep can't be applied (contract section 2): a 400, where a value would be too large.
fn in_diff(error: DecodeError) -> DecodeError {
    match error {
        DecodeError::TooLarge(what) => DecodeError::Malformed(what),
        other => other,
    }
}

fn inserts_nothing() -> DecodeError {
    DecodeError::malformed("a step of edits inserts nothing: leave it out")
}
