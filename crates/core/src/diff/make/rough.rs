//! Of very large values: what both begin and end with stays, and what is between is replaced. Nothing is known again by its name or
//! likeness, which takes memory and time for each element.

use super::{How, texts};
use crate::diff::{Diff, Joins, Segment};
use crate::members::Members;
use crate::prelude::*;
use crate::value::Value;

/// With more nodes than that in both together, values are compared roughly.
const NODES: usize = 750_000;

/// Whether both together are that large.
pub(super) fn are_large(old: &Value, new: &Value) -> bool {
    let mut left = NODES;
    !count(old, &mut left) || !count(new, &mut left)
}

/// Whether there are no more nodes than are left.
fn count(value: &Value, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(1) else { return false };
    *left = rest;
    match value {
        Value::Array(items) | Value::Set(items) => items.iter().all(|item| count(item, left)),
        Value::Object(members) => members.values().all(|value| count(value, left)),
        Value::Map(entries) => entries.iter().all(|(key, value)| count(key, left) && count(value, left)),
        _ => true,
    }
}

/// Nothing when they are equal.
pub(super) fn between(old: &Value, new: &Value, how: How<'_>) -> Option<Diff> {
    if old == new {
        return None;
    }
    Some(match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let gone = a.keys().filter(|key| b.get(key).is_none()).map(|key| (key.clone(), Diff::Remove));
            let changed = b.iter().filter_map(|(key, value)| {
                let change = match a.get(key) {
                    Some(before) => between(before, value, how)?,
                    None => Diff::Set { value: value.clone(), over_container: false },
                };
                Some((key.clone(), change))
            });
            Diff::Object(gone.chain(changed).collect::<Members<Diff>>())
        }
        (Value::Array(a), Value::Array(b)) => Diff::Array(stretch(a, b)),
        (Value::Text(a), Value::Text(b)) => texts(a, b, how),
        (before, after) => Diff::Set { value: after.clone(), over_container: before.is_container() },
    })
}

fn stretch(old: &[Value], new: &[Value]) -> Vec<Segment<Vec<Value>, Diff>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (&old[head..], &new[head..]);
    let tail = rest_old.iter().rev().zip(rest_new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (gone, came) = (rest_old.len() - tail, &rest_new[..rest_new.len() - tail]);
    let mut segments = Vec::new();
    if head > 0 {
        segments.push(Segment::Keep(head));
    }
    if !came.is_empty() {
        segments.push(Segment::Insert(came.to_vec(), Joins::NONE));
    }
    if gone > 0 {
        segments.push(Segment::Delete(gone));
    }
    if tail > 0 {
        segments.push(Segment::Keep(tail));
    }
    segments
}
