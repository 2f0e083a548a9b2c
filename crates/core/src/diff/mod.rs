//! What turns one value into the next.
//!
//! Two forms. A [`Patch`] is what is on the wire: in deep-object-diff's form a plain map says "merge into the map that is
//! there, or be the new value", so what it means depends on its base. [`resolve`](Patch::resolve) against the base makes
//! it a [`Diff`], in which every change says what it does; all the algebra is on those. `docs/protocol.md`, "Diffs",
//! specifies both.

use std::collections::BTreeMap;

use crate::value::Value;

/// A diff as written on the wire, not yet related to its base.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// `undefined`: remove the key (over an array, see the protocol).
    Remove,
    /// A plain map: merges into an object, addresses elements of an array, or is a new object where there is none.
    Map(BTreeMap<String, Patch>),
    /// Any other value: replaces. Never [`Value::Object`] and never [`Value::Undefined`].
    Value(Value),
    /// Tagged: become this value outright, whatever was there. Any value.
    Replace(Value),
    /// Tagged: edits inside a text, in UTF-16 units.
    Text(Vec<Segment<String, ()>>),
    /// Tagged: edits inside an array.
    Array(Vec<Segment<Vec<Value>, Patch>>),
}

/// One step along a text or an array, from its start.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment<T, I> {
    /// Leave the next `n` units (UTF-16) or elements as they are.
    Keep(usize),
    /// Drop the next `n`.
    Delete(usize),
    /// Put these here.
    Insert(T),
    /// Change the next element from inside. Arrays only (`I` is `()` in texts, where it never occurs).
    Inner(I),
}

/// What happens to one place, said completely: it needs no base to be understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Diff {
    /// The key is removed. Only as a member of [`Diff::Object`], or at an entity's root never.
    Remove,
    /// The place takes this value.
    Set {
        /// The new value.
        value: Value,
        /// Whether an object or an array was there, or may have been: then a plain map on the wire would merge into it.
        over_container: bool,
    },
    /// Members of an object that change. The identity when empty.
    Object(BTreeMap<String, Diff>),
    /// Edits along an array. Total: `Keep`, `Delete` and `Inner` add up to the base's length.
    Array(Vec<Segment<Vec<Value>, Diff>>),
    /// Edits along a text. Total, in UTF-16 units.
    Text(Vec<Segment<String, ()>>),
}
