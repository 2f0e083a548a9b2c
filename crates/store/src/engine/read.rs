//! What an entity is, which versions there are, and what they were.

use timeweft_core::codec::cbor;
use timeweft_core::diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborValue, Context, Failure, History, Meta, Moment, Page, Read, Reading, Told, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::settle::Engine;
use super::state::State;
use super::walk::{Newer, Walk};
use crate::blob::Blob;
use crate::error::Stop;
use crate::loader::Loader;
use crate::record::Record;
use crate::store::Store;

/// Bytes of reverse diffs in a page of history; one version may have more.
const PAGE_BYTES: usize = 4 << 20;

/// What changed over many versions is composed while that costs no more than the whole value would: so many versions and one more for
/// so many bytes of the value, and so many bytes of diffs and as many more as the value has.
const COMPOSED_VERSIONS: usize = 1_000;
const BYTES_A_VERSION: usize = 4 << 10;
const COMPOSED_BYTES: usize = 64 << 10;

/// Over more versions than that, values of so many bytes are compared.
const COMPARED_BYTES: usize = 256 << 10;

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
                let length = record.value_bytes();
                let versions = COMPOSED_VERSIONS + length / BYTES_A_VERSION;
                let bytes = length.saturating_add(COMPOSED_BYTES);
                match self.newer_within(loader, record, since, versions, bytes).await? {
                    Newer::Versions(newer) => {
                        let state = self.state(loader, id, record).await?;
                        return Ok(Some(Reading::Diff(self.describe_over(loader, id, &newer, &state).await?, meta)));
                    }
                    Newer::TooMany if length <= COMPARED_BYTES => {
                        if let Some(diff) = self.compared(context, loader, id, record, since).await? {
                            return Ok(Some(Reading::Diff(diff, meta)));
                        }
                    }
                    Newer::TooMany | Newer::Unknown(_) => {}
                }
            }
            let state = self.state(loader, id, record).await?;
            Ok(Some(Reading::Value(CborValue(state.bytes(loader).await?), meta)))
        })
        .await
    }

    /// What differs between the value at `since` and the current one, however many versions are between; `None` if it is not a
    /// version that is held.
    async fn compared(
        &self,
        context: &Context,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
        since: Timestamp,
    ) -> Result<Option<Told>, Stop> {
        let found = self.find(loader, record, Moment::Time(since)).await?;
        let Some((entry, _, walk)) = found.filter(|(entry, ..)| entry.valid_from == since.0) else { return Ok(None) };
        let base = self.rebuild(loader, id, &entry, walk).await?;
        let value = self.state(loader, id, record).await?.whole(loader).await?;
        let diff = diff::diff_finely_by(&base, &value, &self.rules(context, id.kind()).await?.identity);
        Ok(Some(self.describe(loader, diff, &State::Value(value)).await?))
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

    /// Versions, newest first; of deleted entities too. A page ends by bytes as well.
    pub async fn history(&self, context: &Context, id: &EntityId, history: History) -> Result<Page, Failure> {
        let History { before, limit } = history;
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            let mut walk = Walk::new(loader, record);
            let passed = walk.pass(|_, valid_from| before.is_some_and(|before| valid_from >= before.0)).await?;
            let mut valid_to = passed.unwrap_or(Timestamp::FOREVER);
            let (mut versions, mut bytes) = (Vec::new(), 0);
            while let Some(entry) = walk.next().await? {
                bytes += entry.previous.as_ref().map_or(0, Blob::len);
                if versions.len() >= limit as usize || (bytes > PAGE_BYTES && !versions.is_empty()) {
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
