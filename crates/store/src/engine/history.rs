//! Which versions there are, and what they were.

use timeweft_core::codec::cbor;
use timeweft_core::diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborValue, Context, Failure, Meta, Moment, Page, Reading};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::{Engine, commit};
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
                versions.push(self.meta(id, current.record.created, &entry, valid_to, chunks).await?);
            }
            valid_to = Timestamp(entry.valid_from);
            // Only the current record is at hand; how older values are stored is nobody's concern.
            chunks = None;
        }
        Ok(Page { versions, more: false })
    }

    /// A version of the past, of a deleted entity too; where it is a deletion, there was none. With `since`, what differs
    /// from that version if it is one, whichever of the two is older.
    pub async fn get_past(
        &self,
        context: &Context,
        id: &EntityId,
        moment: Moment,
        since: Option<Timestamp>,
    ) -> Result<Reading, Failure> {
        let (value, meta) = self.version_at(context, id, moment).await?.ok_or(Failure::NotFound)?;
        match since {
            Some(since) if since == meta.valid_from => return Ok(Reading::NotModified(meta)),
            Some(since) => match self.version_at(context, id, Moment::Time(since)).await? {
                Some((base, named)) if named.valid_from == since => {
                    return Ok(Reading::Diff(commit::wire_to(&diff::diff_finely(&base, &value), &value), meta));
                }
                _ => {}
            },
            None => {}
        }
        Ok(Reading::Value(CborValue(cbor::encode_value(&value)), meta))
    }

    /// That version with its value, from the current one backwards; `None` if there is none, and for a deletion.
    pub(super) async fn version_at(
        &self,
        context: &Context,
        id: &EntityId,
        moment: Moment,
    ) -> Result<Option<(Value, Meta)>, Failure> {
        let current = self.readable(context, id).await?;
        let mut value = self.value(id, &current.record).await?;
        let mut walk = self.walk(id, &current.record);
        let mut valid_to = Timestamp::FOREVER;
        let mut chunks = current.record.chunks();
        while let Some(entry) = walk.next().await? {
            let found = match moment {
                Moment::Time(at) => entry.valid_from <= at.0,
                Moment::Version(version) => entry.version == version,
            };
            if found {
                if entry.deleted {
                    return Ok(None);
                }
                let meta = self.meta(id, current.record.created, &entry, valid_to, chunks).await?;
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
