//! Deleting, and taking a deletion back: versions that have the value of the one before.

use timeweft_core::diff::Diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborValue, Change, Committed, Context, Delete, Failure};
use timeweft_core::org;
use timeweft_core::time::Timestamp;

use super::commit::{Draft, What, Written};
use super::describe::wire;
use super::settle::{Current, Engine};
use super::time::Begins;
use crate::error::Stop;
use crate::loader::Loader;
use crate::store::Store;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Marks the entity deleted, in a new version with the same value. What is deleted already stays as it is.
    pub async fn delete(&self, context: &Context, id: &EntityId, delete: Delete) -> Result<Committed, Failure> {
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            if record.entry.deleted {
                return self.unchanged(loader, id, record).await.map(Some);
            }
            if let Some(since) = delete.if_unmodified_since.filter(|since| since.0 != record.entry.valid_from) {
                let meta = Box::new(self.current_meta(loader, id, record).await?);
                let state = self.state(loader, id, record).await?;
                return Err(match self.newer_than(loader, record, since).await? {
                    (newer, true) => Failure::Conflict(self.describe_over(loader, id, &newer, &state).await?, meta),
                    (_, false) => Failure::UnknownVersion(CborValue(state.bytes(loader).await?), meta),
                }
                .into());
            }
            self.mark(loader, context, id, current, true).await
        })
        .await
    }

    /// Makes a deleted entity readable again, in a new version with the same value.
    pub async fn undelete(&self, context: &Context, id: &EntityId) -> Result<Committed, Failure> {
        self.settle(context, id, async |current, loader| {
            if !current.record.entry.deleted {
                return Err(Failure::NotDeleted.into());
            }
            self.mark(loader, context, id, current, false).await
        })
        .await
    }

    /// A version with the same value and `deleted` as given; `None` when the swap was lost.
    async fn mark(
        &self,
        loader: &Loader<'_, S>,
        context: &Context,
        id: &EntityId,
        current: &Current,
        deleted: bool,
    ) -> Result<Option<Committed>, Stop> {
        let begins = Begins::after(&current.record, context.now, None)?;
        let (same, state) = (Diff::identity(), self.state(loader, id, &current.record).await?);
        if id.kind() == org::KIND {
            let org = self.org(loader, id, current, &state).await?;
            Self::check_org_deletion(context, org.as_ref())?;
        }
        let what = What::Change { diff: &same, previous: &same, state: &state };
        let rules = self.rules(context, id.kind()).await?;
        let draft = Draft { begins, what, deleted, key: None, rules: &rules };
        match self.write(loader, context, id, Some(current), draft).await? {
            Written::Lost => Ok(None),
            Written::Swapped(record) => {
                let meta = self.current_meta(loader, id, &record).await?;
                let prev_valid_from = Some(Timestamp(current.record.entry.valid_from));
                let change = Some(Change { diff: wire(&same).into(), prev_valid_from });
                Ok(Some(Committed { meta, change, merged: None }))
            }
        }
    }
}
