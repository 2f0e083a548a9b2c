//! A value as it stands at some version: whole, or a tree and what is to be applied to it.

use timeweft_core::codec::{MAX_DEPTH, cbor};
use timeweft_core::diff::lazy::Part;
use timeweft_core::diff::{self, Diff, Segment};
use timeweft_core::id::EntityId;
use timeweft_core::value::Value;

use super::settle::Engine;
use crate::blob::Blob;
use crate::error::EngineError;
use crate::loader::{Loader, decode_stored};
use crate::record::{Base, Entry, Place, Record};
use crate::store::Store;
use crate::tree::node::Node;
use crate::tree::{self, BranchView};

#[derive(Clone, Debug)]
pub(super) enum State {
    Value(Value),
    Tree { root: Node, over: Diff },
}

impl State {
    fn of_tree(root: &[u8]) -> Result<State, EngineError> {
        Ok(State::Tree { root: Node::decode(root)?, over: Diff::identity() })
    }

    pub(super) async fn part<'a, S: Store>(
        &'a self,
        loader: &'a Loader<'a, S>,
    ) -> Result<Part<BranchView<'a, S>>, EngineError> {
        match self {
            State::Value(value) => Ok(Part::Value(value.clone())),
            State::Tree { root, over } => tree::part(loader, root.clone(), Some(over)).await,
        }
    }

    pub(super) async fn bytes<S: Store>(&self, loader: &Loader<'_, S>) -> Result<Vec<u8>, EngineError> {
        match self {
            State::Value(value) => Ok(cbor::encode_value(value)),
            State::Tree { root, over } => {
                let mut bytes = Vec::new();
                tree::write(loader, root, Some(over), &mut bytes).await?;
                Ok(bytes)
            }
        }
    }

    pub(super) async fn whole<S: Store>(&self, loader: &Loader<'_, S>) -> Result<Value, EngineError> {
        match self {
            State::Value(value) => Ok(value.clone()),
            State::Tree { .. } => decode_stored(loader.entity, &self.bytes(loader).await?),
        }
    }

    /// A diff that leads here, as one that can be read again: in `Map`s in `Map`s a diff is twice as deep as the value, and where
    /// that is more than readers take, the value is said instead.
    pub(super) async fn readable<S: Store>(&self, loader: &Loader<'_, S>, diff: Diff) -> Result<Diff, EngineError> {
        match levels(&diff) > MAX_DEPTH {
            true => Ok(Diff::Set { value: self.whole(loader).await?, over_container: true }),
            false => Ok(diff),
        }
    }

    /// What it becomes by a diff.
    pub(super) fn then(&mut self, id: &EntityId, diff: &Diff) -> Result<(), EngineError> {
        match self {
            State::Value(value) => diff.apply(value).map_err(|error| doesnt_fit(id, &error)),
            State::Tree { over, .. } => {
                *over = diff::compose(over, diff).map_err(|error| doesnt_fit(id, &error))?;
                Ok(())
            }
        }
    }
}

fn doesnt_fit(id: &EntityId, error: &impl std::fmt::Display) -> EngineError {
    EngineError::Corrupt(format!("a diff of {id} doesn't fit: {error}"))
}

/// How deep a diff is to those who read it.
fn levels(diff: &Diff) -> usize {
    let step = |segment: &Segment<Vec<Value>, Diff>| match segment {
        Segment::Inner(inner) | Segment::Put(_, Some(inner)) => levels(inner),
        Segment::Insert(items, _) => items.iter().map(value_levels).max().unwrap_or(0),
        _ => 0,
    };
    match diff {
        Diff::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        Diff::Array(segments) | Diff::Entries(_, segments) => 1 + segments.iter().map(step).max().unwrap_or(0),
        Diff::Set { value, .. } => value_levels(value),
        Diff::Remove | Diff::Text(_) | Diff::Increment(_) => 1,
    }
}

fn value_levels(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) | Value::Set(items) => items.iter().map(value_levels).max().unwrap_or(0),
        Value::Object(members) => members.values().map(value_levels).max().unwrap_or(0),
        Value::Map(entries) => {
            entries.iter().map(|(key, value)| value_levels(key).max(value_levels(value))).max().unwrap_or(0)
        }
        _ => 0,
    }
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// The value of the record's version.
    pub(super) async fn state(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
    ) -> Result<State, EngineError> {
        match &record.place {
            Place::Inline(bytes) => Ok(State::Value(decode_stored(id.as_str(), bytes)?)),
            Place::Tree(tree) => {
                let mut state = State::of_tree(&tree.root)?;
                let later = record.tail.iter().rev().chain([&record.entry]);
                for entry in later.filter(|entry| entry.version > tree.version) {
                    state.then(id, &self.diff(loader, &entry.diff).await?)?;
                }
                Ok(state)
            }
        }
    }

    /// The value that a base is.
    pub(super) async fn base(&self, loader: &Loader<'_, S>, id: &EntityId, base: &Base) -> Result<State, EngineError> {
        match base {
            Base::Inline(bytes) => Ok(State::Value(decode_stored(id.as_str(), bytes)?)),
            Base::Tree { root, then } => {
                let mut state = State::of_tree(root)?;
                if then.is_some() {
                    state.then(id, &self.diff(loader, then).await?)?;
                }
                Ok(state)
            }
        }
    }

    /// A stored diff.
    pub(super) async fn diff(&self, loader: &Loader<'_, S>, blob: &Option<Blob>) -> Result<Diff, EngineError> {
        let entity = loader.entity;
        let blob = blob.as_ref().ok_or_else(|| EngineError::Corrupt(format!("a version of {entity} has no diff")))?;
        let bytes = loader.read(blob).await?;
        cbor::decode_diff(&bytes).map_err(|error| EngineError::Corrupt(format!("a diff of {entity}: {error}")))
    }

    /// From the version before the oldest of `newer` (newest first) to the newest.
    pub(super) async fn compose(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        newer: &[Entry],
    ) -> Result<Diff, EngineError> {
        self.composed(loader, id, newer.iter().rev().map(|entry| &entry.diff)).await
    }

    /// Stored diffs, one after the other. Those of few versions are composed with each other first: composing the sum of many with
    /// one more each time would cost the length of that sum each time.
    pub(super) async fn composed(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        diffs: impl Iterator<Item = &Option<Blob>>,
    ) -> Result<Diff, EngineError> {
        let both = |(count, first): (u32, Diff), (more, next): (u32, Diff)| {
            let both = diff::compose(&first, &next)
                .map_err(|error| EngineError::Corrupt(format!("versions of {id} don't follow: {error}")))?;
            Ok::<_, EngineError>((count + more, both))
        };
        // How many each comes from: twice as many at least as the one after it.
        let mut sums: Vec<(u32, Diff)> = Vec::new();
        for blob in diffs {
            let mut sum = (1, self.diff(loader, blob).await?);
            while let Some(before) = sums.pop_if(|before| before.0 < 2 * sum.0) {
                sum = both(before, sum)?;
            }
            sums.push(sum);
        }
        let mut whole = (0, Diff::identity());
        while let Some(before) = sums.pop() {
            whole = both(before, whole)?;
        }
        Ok(whole.1)
    }
}
