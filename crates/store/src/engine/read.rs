//! What an entity is, which versions there are, and what they were.

use timeweft_core::codec::cbor;
use timeweft_core::diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborValue, Context, Failure, History, Meta, Moment, Page, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::settle::Engine;
use super::state::State;
use super::walk::Walk;
use crate::loader::Loader;
use crate::store::Store;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Reads a version, or what differs from the one that the reader has.
    pub async fn read(&self, context: &Context, id: &EntityId, read: Read) -> Result<Reading, Failure> {
        match read.which {
            Which::Current => self.read_current(context, id, read.since, false).await,
            Which::Latest => self.read_current(context, id, read.since, true).await,
            Which::Past(moment) => self.read_past(context, id, moment, read.since).await,
        }
    }

    /// Reads the current version, or what changed since the version that the reader has.
    async fn read_current(
        &self,
        context: &Context,
        id: &EntityId,
        since: Option<Timestamp>,
        deleted: bool,
    ) -> Result<Reading, Failure> {
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            if record.entry.deleted && !deleted {
                return Err(Failure::NotFound.into());
            }
            let meta = self.current_meta(loader, id, record).await?;
            if let Some(since) = since {
                if since == meta.valid_from {
                    return Ok(Some(Reading::NotModified(meta)));
                }
                if let Some(newer) = self.newer_than(loader, record, since).await? {
                    let state = self.state(loader, id, record).await?;
                    return Ok(Some(Reading::Diff(self.describe_over(loader, id, &newer, &state).await?, meta)));
                }
            }
            let state = self.state(loader, id, record).await?;
            Ok(Some(Reading::Value(CborValue(state.bytes(loader).await?), meta)))
        })
        .await
    }

    /// What differs from the version that the reader has, whichever of the two is older.
    async fn read_past(
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
                    let diff = diff::diff_finely_by(&base, &value, &self.rules(context, id.kind()).await?.identity);
                    let loader = Loader::new(&self.store, id.as_str());
                    return Ok(Reading::Diff(self.describe(&loader, diff, &State::Value(value)).await?, meta));
                }
                _ => {}
            },
            None => {}
        }
        Ok(Reading::Value(CborValue(cbor::encode_value(&value)), meta))
    }

    /// Versions, newest first; of deleted entities too.
    pub async fn history(&self, context: &Context, id: &EntityId, history: History) -> Result<Page, Failure> {
        let History { before, limit } = history;
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            let mut walk = Walk::new(loader, record);
            let passed = walk.pass(|_, valid_from| before.is_some_and(|before| valid_from >= before.0)).await?;
            let mut valid_to = passed.unwrap_or(Timestamp::FOREVER);
            let mut versions = Vec::new();
            while let Some(entry) = walk.next().await? {
                if versions.len() >= limit as usize {
                    return Ok(Some(Page { versions, more: true }));
                }
                // Only the current value is at hand; how older ones are stored is nobody's concern.
                let chunks = record.chunks().filter(|_| entry.version == record.entry.version);
                versions.push(self.meta(loader, id, record, &entry, valid_to, chunks).await?);
                valid_to = Timestamp(entry.valid_from);
            }
            Ok(Some(Page { versions, more: false }))
        })
        .await
    }

    /// That version with its value; `None` if there is none, and for a deletion.
    pub(super) async fn version_at(
        &self,
        context: &Context,
        id: &EntityId,
        moment: Moment,
    ) -> Result<Option<(Value, Meta)>, Failure> {
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            let found = self.find(loader, record, moment).await?;
            let Some((entry, valid_to, walk)) = found.filter(|(entry, ..)| !entry.deleted) else {
                return Ok(Some(None));
            };
            let is_current = entry.version == record.entry.version;
            let value = match is_current {
                true => self.state(loader, id, record).await?.whole(loader).await?,
                false => self.rebuild(loader, id, &entry, walk).await?,
            };
            let chunks = record.chunks().filter(|_| is_current);
            let meta = self.meta(loader, id, record, &entry, valid_to, chunks).await?;
            Ok(Some(Some((value, meta))))
        })
        .await
    }
}
