//! Which versions there are, and what they were.

use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborValue, Context, Failure, Meta, Page};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

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

    /// The value that was valid at `as_of`, of a deleted entity too; where the version valid then is a deletion, there was none.
    pub async fn get_as_of(
        &self,
        context: &Context,
        id: &EntityId,
        as_of: Timestamp,
    ) -> Result<(CborValue, Meta), Failure> {
        let (value, meta) = self.version_at(context, id, as_of).await?.ok_or(Failure::NotFound)?;
        Ok((CborValue(cbor::encode_value(&value)), meta))
    }

    /// The version valid at `as_of` with its value, from the current one backwards; `None` before the first and for a deletion.
    pub(super) async fn version_at(
        &self,
        context: &Context,
        id: &EntityId,
        as_of: Timestamp,
    ) -> Result<Option<(Value, Meta)>, Failure> {
        let current = self.readable(context, id).await?;
        let mut value = self.value(id, &current.record).await?;
        let mut walk = self.walk(id, &current.record);
        let mut valid_to = Timestamp::FOREVER;
        let mut chunks = current.record.chunks();
        while let Some(entry) = walk.next().await? {
            if entry.valid_from <= as_of.0 {
                if entry.deleted {
                    return Ok(None);
                }
                let meta = self.meta(id, &entry, valid_to, chunks).await?;
                return Ok(Some((value, meta)));
            }
            if entry.previous.is_none() {
                break;
            }
            self.apply(id, &entry.previous, &mut value).await?;
            valid_to = Timestamp(entry.valid_from);
            // As in history: how older values are stored is nobody's concern.
            chunks = None;
        }
        Ok(None)
    }
}
