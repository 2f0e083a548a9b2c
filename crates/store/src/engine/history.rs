//! Which versions there are.

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure, Page};
use timeweft_core::time::Timestamp;

use super::Engine;
use crate::store::Store;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Up to `limit` versions, newest first, of those valid from before `before`; of deleted entities too.
    pub async fn history(
        &self,
        context: &Context,
        id: &EntityId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Page, Failure> {
        let current = self.readable(context, id).await?;
        let mut walk = self.walk(id, &current.record);
        let mut versions = Vec::new();
        let mut valid_to = Timestamp::FOREVER;
        let mut chunks = current.record.chunks();
        while let Some(entry) = walk.next().await? {
            if before.is_none_or(|before| entry.valid_from < before.0) {
                if versions.len() >= limit as usize {
                    return Ok(Page { versions, more: true });
                }
                versions.push(self.meta(id, &entry, valid_to, chunks).await?);
            }
            valid_to = Timestamp(entry.valid_from);
            // Only the current record is at hand; how older values are stored is nobody's concern.
            chunks = None;
        }
        Ok(Page { versions, more: false })
    }
}
