//! Reading JSON: text to a tree, bounded in depth and with every key once; then, in place, what the tree means.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{ARRAY, REPLACE, TEXT, UNDEFINED, is_reserved};
use crate::codec::DecodeError;
use crate::codec::cbor::patch::{AT, step};
use crate::diff::{Patch, Segment};
use crate::limits::Limits;
use crate::value::Value;

pub(super) const TOO_DEEP: &str = "nested deeper than allowed";

/// Why a text gave no tree.
#[derive(Debug)]
pub(super) enum TreeError {
    NotJson(String),
    TooDeep,
}

impl TreeError {
    pub(super) fn within_depth(self, too_deep: fn(String) -> DecodeError) -> DecodeError {
        match self {
            TreeError::NotJson(what) => DecodeError::Malformed(what),
            TreeError::TooDeep => too_deep(TOO_DEEP.into()),
        }
    }
}

/// The tree of a JSON text, nothing interpreted.
pub(super) fn tree(text: &[u8], depth: usize) -> Result<Value, TreeError> {
    let too_deep = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let read = Level { depth, too_deep: &too_deep }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) => Ok(value),
        Err(_) if too_deep.get() => Err(TreeError::TooDeep),
        Err(error) => Err(TreeError::NotJson(format!("not JSON: {error}"))),
    }
}

#[derive(Clone, Copy)]
struct Level<'a> {
    /// Levels still allowed.
    depth: usize,
    too_deep: &'a Cell<bool>,
}

impl Level<'_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        if self.depth <= 1 {
            self.too_deep.set(true);
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Level { depth: self.depth - 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, on: bool) -> Result<Value, E> {
        Ok(Value::Bool(on))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Item(self))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(key) = members.next_key::<String>()? {
            let member = members.next_value_seed(Item(self))?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} is there twice")));
            }
            object.insert(key, member);
        }
        Ok(Value::Object(object))
    }
}

/// An item of a container: a level below it. Empty containers have none, so this is asked only once there is an item.
struct Item<'a>(Level<'a>);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.below::<D::Error>()?.deserialize(deserializer)
    }
}

/// What a single-key object of the tree means.
fn sole_key(value: &Value) -> Option<&str> {
    match value {
        Value::Object(members) if members.len() == 1 => members.keys().next().map(String::as_str),
        _ => None,
    }
}

/// Makes a tree the value it stands for.
pub(super) fn as_value(value: &mut Value, depth: usize, too_deep: fn(String) -> DecodeError) -> Result<(), DecodeError> {
    if depth == 0 {
        return Err(too_deep(TOO_DEEP.into()));
    }
    match sole_key(value) {
        Some(UNDEFINED) => {
            return if is_undefined(value) {
                *value = Value::Undefined;
                Ok(())
            } else {
                Err(DecodeError::malformed(format!("undefined is {{\"{UNDEFINED}\":true}}; a key of that name is written $${}", &UNDEFINED[1..])))
            };
        }
        Some(key) if key.starts_with("$$") => unescape(value),
        _ => {}
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| as_value(item, depth - 1, too_deep)),
        Value::Object(members) => members.values_mut().try_for_each(|member| as_value(member, depth - 1, too_deep)),
        _ => Ok(()),
    }
}

fn is_undefined(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.len() == 1 && matches!(members.get(UNDEFINED), Some(Value::Bool(true))),
        _ => false,
    }
}

/// Takes one `$` from the only key.
fn unescape(value: &mut Value) {
    if let Value::Object(members) = value
        && let Some((key, member)) = members.pop_first()
    {
        members.insert(key.strip_prefix('$').unwrap_or(&key).to_owned(), member);
    }
}

/// Makes a tree the patch it stands for.
pub(super) fn as_patch(tree: Value, depth: usize, limits: &Limits) -> Result<Patch, DecodeError> {
    PatchReader { operations: limits.diff_operations }.patch(tree, depth)
}

struct PatchReader {
    operations: usize,
}

impl PatchReader {
    fn operation(&mut self) -> Result<(), DecodeError> {
        self.operations = self
            .operations
            .checked_sub(1)
            .ok_or_else(|| DecodeError::TooLarge("a diff of more operations than allowed".into()))?;
        Ok(())
    }

    fn patch(&mut self, mut tree: Value, depth: usize) -> Result<Patch, DecodeError> {
        if depth == 0 {
            return Err(DecodeError::malformed(TOO_DEEP));
        }
        match sole_key(&tree) {
            Some(UNDEFINED) if is_undefined(&tree) => return Ok(Patch::Remove),
            Some(TEXT) => return Ok(Patch::Text(self.text_edits(only_member(tree))?)),
            Some(ARRAY) => return Ok(Patch::Array(self.array_edits(only_member(tree), depth)?)),
            Some(REPLACE) => {
                let mut value = only_member(tree);
                as_value(&mut value, depth, DecodeError::Malformed)?;
                return Ok(Patch::Replace(value));
            }
            Some(key) if key.starts_with("$$") => unescape(&mut tree),
            Some(key) if is_reserved(key) => as_value(&mut tree, depth, DecodeError::Malformed)?,
            _ => {}
        }
        if let Value::Object(members) = tree {
            let mut map = BTreeMap::new();
            for (key, member) in members {
                self.operation()?;
                map.insert(key, self.patch(member, depth - 1)?);
            }
            return Ok(Patch::Map(map));
        }
        as_value(&mut tree, depth, DecodeError::Malformed)?;
        Ok(Patch::Value(tree))
    }

    fn text_edits(&mut self, tree: Value) -> Result<Vec<Segment<String, ()>>, DecodeError> {
        let mut segments = Vec::new();
        for edit in list(tree, TEXT)? {
            self.operation()?;
            segments.push(match edit {
                Value::Text(text) if !text.is_empty() => Segment::Insert(text),
                Value::Text(_) => return Err(DecodeError::malformed("a text edit inserts nothing")),
                Value::Number(number) => step(number)?,
                _ => return Err(DecodeError::malformed("a text edit is a length or a text")),
            });
        }
        Ok(segments)
    }

    fn array_edits(&mut self, tree: Value, depth: usize) -> Result<Vec<Segment<Vec<Value>, Patch>>, DecodeError> {
        let mut segments = Vec::new();
        for edit in list(tree, ARRAY)? {
            self.operation()?;
            segments.push(match edit {
                Value::Number(number) => step(number)?,
                Value::Array(items) if items.is_empty() => return Err(DecodeError::malformed("an array edit inserts nothing")),
                Value::Array(mut items) => {
                    items.iter_mut().try_for_each(|item| as_value(item, depth - 1, DecodeError::Malformed))?;
                    Segment::Insert(items)
                }
                edit if sole_key(&edit) == Some(AT) => Segment::Inner(self.patch(only_member(edit), depth - 1)?),
                _ => {
                    return Err(DecodeError::malformed(format!("an array edit is a length, an array or {{\"{AT}\": DIFF}}")));
                }
            });
        }
        Ok(segments)
    }
}

fn list(tree: Value, key: &str) -> Result<Vec<Value>, DecodeError> {
    match tree {
        Value::Array(items) => Ok(items),
        _ => Err(DecodeError::malformed(format!("{key} is a list of edits; a key of that name is written ${key}"))),
    }
}

/// The member of an object known to have one.
fn only_member(tree: Value) -> Value {
    match tree {
        Value::Object(mut members) => members.pop_first().map_or(Value::Undefined, |(_, member)| member),
        other => other,
    }
}
