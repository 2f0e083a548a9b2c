//! What is told of versions: their meta, and the changes that lead from one to another.

use timeweft_core::codec::cbor;
use timeweft_core::diff::{Diff, Patch, lazy};
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborDiff, Committed, Exact, Meta, Step, Told};
use timeweft_core::time::Timestamp;

use super::settle::Engine;
use super::state::State;
use crate::error::{EngineError, Stop};
use crate::loader::Loader;
use crate::record::{Entry, Record};
use crate::store::Store;

/// With more versions than these between, those of one author in a row are taken together.
const MANY: usize = 200;

/// The steps are told if they are so many bytes, or so many times what they come to.
const STEPS: (usize, usize) = (16 << 10, 4);

/// The wire form of a diff, as everybody reads it, encoded.
pub(super) fn wire(diff: &Diff) -> CborDiff {
    encoded(&diff.to_plain_patch())
}

/// A wire form, encoded.
pub(super) fn encoded(patch: &Patch) -> CborDiff {
    CborDiff(cbor::encode_patch(patch))
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    pub(super) async fn current_meta(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
    ) -> Result<Meta, EngineError> {
        self.meta(loader, id, record, &record.entry, Timestamp::FOREVER, record.chunks()).await
    }

    pub(super) async fn meta(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
        entry: &Entry,
        valid_to: Timestamp,
        chunks: Option<u32>,
    ) -> Result<Meta, EngineError> {
        let previous_values = match &entry.previous {
            Some(_) => Some(wire(&self.diff(loader, &entry.previous).await?)),
            None => None,
        };
        Ok(Meta {
            entity_id: id.as_str().into(),
            version: entry.version,
            valid_from: Timestamp(entry.valid_from),
            valid_to,
            person_id: entry.person_id.clone(),
            previous_values,
            deleted: entry.deleted,
            impersonator_id: entry.impersonator_id.clone(),
            chunks,
            recorded_at: entry.recorded.map(Timestamp),
            created_at: Some(Timestamp(record.created)),
        })
    }

    /// The answer when there is nothing to do.
    pub(super) async fn unchanged(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
    ) -> Result<Committed, Stop> {
        Ok(Committed { meta: self.current_meta(loader, id, record).await?, change: None, merged: None })
    }

    /// A diff that leads to `result` as it is told: plainly, as short texts and arrays can be written out; and exactly.
    pub(super) async fn describe(
        &self,
        loader: &Loader<'_, S>,
        diff: Diff,
        result: &State,
    ) -> Result<Told, EngineError> {
        let diff = result.readable(loader, diff).await?;
        let exact = encoded(&diff.to_patch());
        let diff = wire(&lazy::plain(diff, &result.part(loader).await?).await?);
        Ok(Told { exact: (exact != diff).then_some(Exact(exact)), diff, steps: Vec::new() })
    }

    /// What the versions `newer` (newest first) come to, as it is told.
    pub(super) async fn describe_over(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        newer: &[Entry],
        result: &State,
    ) -> Result<Told, EngineError> {
        let told = self.describe(loader, self.compose(loader, id, newer).await?, result).await?;
        // One version is the change itself.
        let steps = if newer.len() > 1 { self.steps(loader, id, newer, &told.diff).await? } else { Vec::new() };
        Ok(Told { steps, ..told })
    }

    /// What is told to who made a change: `whole` with it, and the versions `newer` (newest first) that it was moved over.
    pub(super) async fn merged(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        whole: Diff,
        newer: &[Entry],
        result: &State,
    ) -> Result<Told, EngineError> {
        let diff = self.describe(loader, whole, result).await?.diff;
        let steps = self.steps(loader, id, newer, &diff).await?;
        Ok(Told { diff, exact: None, steps })
    }

    /// The versions `newer` (newest first), one after the other as a change is moved over them; none where that is
    /// much more than what they come to.
    pub(super) async fn steps(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        newer: &[Entry],
        whole: &CborDiff,
    ) -> Result<Vec<Step>, EngineError> {
        let mut left = STEPS.0.max(STEPS.1 * whole.0.len());
        let mut steps = Vec::new();
        for run in in_turn(newer) {
            let [last, ..] = run else { continue };
            let diff = encoded(&self.compose(loader, id, run).await?.to_patch());
            let Some(after) = left.checked_sub(diff.0.len()) else { return Ok(Vec::new()) };
            left = after;
            steps.push(Step {
                version: last.version,
                valid_from: Timestamp(last.valid_from),
                person_id: last.person_id.clone(),
                diff: Exact(diff),
            });
        }
        Ok(steps)
    }
}

/// The versions `newer` (newest first) oldest first, and of many, those of one author in a row together.
pub(super) fn in_turn(newer: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    newer.chunk_by(|a, b| newer.len() > MANY && a.person_id == b.person_id).rev()
}
