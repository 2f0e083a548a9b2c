//! What can be asked of an entity.
//!
//! Every change is: read the head and its record, make the next version from them, write what is long, write the record,
//! swing the head from what was read. When somebody else swung it meanwhile, all of that is done again on what they left,
//! after a pause that the host gives: without one, who has more to merge would lose to those who have less.
//!
//! A swap whose outcome is unknown is answered `unavailable` and nothing is taken back: the version may be current. The
//! client repeats with the same idempotency key and learns.
//!
//! | file | what |
//! |---|---|
//! | `patch` | changes of the value, merged under others' |
//! | `commit` | the next version: where its value goes, its record, the swap |
//! | `seal`, `garbage` | what a commit does for the others: history, collection |
//! | `standing`, `walk` | values and versions, loaded as far as they are asked for |
//! | `history` | the past |
//! | `list` | which entities there are |
//! | `time` | when a version begins |
//! | `types` | what their types say of them |

mod commit;
mod garbage;
mod history;
mod list;
mod patch;
mod seal;
mod standing;
#[cfg(test)]
mod tests;
mod time;
mod types;
mod walk;

use timeweft_core::codec::{DecodeError, cbor};
use timeweft_core::diff::Diff;
use timeweft_core::diff::lazy::{self, LazyError};
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Access, CborValue, Change, Committed, Context, Exact, Failure, Meta, Reading, Told};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::blob::Loader;
use crate::record::{Entry, FORMAT, Pointer, Record, head_key, record_key};
use crate::rules::Rules;
use crate::store::{Store, StoreError};
use commit::{Draft, What, Written};
use standing::Standing;
use time::Begins;
use types::Known;

/// How often a change is tried when others keep winning.
const ROUNDS: u32 = 256;

/// What keeps the engine from its work. Callers see [`Failure::Unavailable`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store can't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not what the engine writes.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// A key is not there. Either the data is damaged, or the head moved on and it was collected.
    #[error("stored data is damaged: there is no {0}")]
    Missing(String),
    /// The change would make something longer than it may be.
    #[error("{0}")]
    TooLarge(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::TooLarge(why) => Failure::TooLarge(why),
            other => Failure::Unavailable(other.to_string()),
        }
    }
}

/// Why an operation on what a head pointed at comes to no result.
enum Stop {
    Refused(Failure),
    /// This key is not there: if the head moved on, it was collected, and the operation is done again.
    Missing(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Refused(failure)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        match error {
            EngineError::Missing(key) => Stop::Missing(key),
            error => Stop::Refused(error.into()),
        }
    }
}

impl From<LazyError<EngineError>> for Stop {
    fn from(error: LazyError<EngineError>) -> Stop {
        match error {
            LazyError::Diff(error) => Stop::Refused(Failure::BadRequest(format!("the diff: {error}"))),
            LazyError::Base(error) => error.into(),
        }
    }
}

fn refuse(error: DecodeError) -> Failure {
    match error {
        DecodeError::TooLarge(why) => Failure::TooLarge(why),
        other => Failure::BadRequest(other.to_string()),
    }
}

/// The engine over a store. `nonce` gives 32 random bits a call; races for one version are told apart by them.
pub struct Engine<S, N> {
    store: S,
    nonce: N,
    pause: fn(u32, u32),
    known: Known,
}

/// The record that a head points at.
struct Current {
    pointer: Pointer,
    record: Record,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// An engine over `store`.
    pub fn new(store: S, nonce: N) -> Self {
        Engine { store, nonce, pause: |_, _| {}, known: Known::default() }
    }

    /// The same, waiting between the rounds of a contended change: `pause` gets the number of the lost round, from 0,
    /// and 32 random bits to draw the length of the wait from.
    pub fn with_pause(self, pause: fn(u32, u32)) -> Self {
        Engine { pause, ..self }
    }

    /// Creates the entity; of several who try, one does.
    ///
    /// A repetition with the idempotency key that created it answers as the first did.
    pub async fn post(
        &self,
        context: &Context,
        id: &EntityId,
        value: &CborValue,
        valid_from: Option<Timestamp>,
        idempotency_key: Option<&str>,
    ) -> Result<Committed, Failure> {
        let value = decode_value(context, value)?;
        let key = idempotency_key.map(|key| commit::digest(&context.person_id, key));
        if self.head(id).await? != 0 {
            // Whose it is, is not told to who may not know: it is there, and that is all.
            let anybody = Context { access: Access::Any, ..context.clone() };
            return self
                .settle(&anybody, id, async |current, loader| match key {
                    Some(key) if version_of_key(&current.record, &key) == Some(1) => {
                        self.replay(loader, id, current, 1, None).await.map(Some)
                    }
                    _ => Err(Failure::Exists.into()),
                })
                .await;
        }
        let rules = self.rules(id.kind()).await?;
        rules.check(&value).map_err(Failure::InvalidValue)?;
        let listed = list::is_listed(id.kind());
        if listed {
            self.index_add(context, id).await?;
        }
        let begins = Begins::first(context.now, valid_from)?;
        let bytes = cbor::encode_value(&value);
        let draft = Draft { begins, what: What::First(&bytes), deleted: false, key, rules: &rules };
        let loader = Loader::new(&self.store, id.as_str());
        match self.write(&loader, context, id, None, draft).await? {
            Written::Swapped(record) => {
                let meta = self.current_meta(&loader, id, &record).await?;
                let diff = commit::encoded(&Diff::over_nothing(value).to_patch());
                Ok(Committed { meta, change: Some(Change { diff: diff.into(), prev_valid_from: None }), merged: None })
            }
            Written::Lost => {
                if listed && self.maker(id).await?.is_some_and(|maker| maker != context.person_id) {
                    self.index_remove(context.now, id, &context.person_id).await?;
                }
                Err(Failure::Exists)
            }
        }
    }

    /// Makes an entity of our own, unless it is there.
    async fn create(&self, context: &Context, id: &EntityId, value: &Value) -> Result<bool, EngineError> {
        let (bytes, rules) = (cbor::encode_value(value), Rules::built_in(id.kind()));
        let what = What::First(&bytes);
        let draft = Draft { begins: Begins::now(context.now), what, deleted: false, key: None, rules: &rules };
        let loader = Loader::new(&self.store, id.as_str());
        Ok(matches!(self.write(&loader, context, id, None, draft).await?, Written::Swapped(_)))
    }

    /// Reads the current value, or what changed since `if_modified_since` if that is a version of this entity.
    /// A deleted entity is read only if `deleted` says so.
    pub async fn get(
        &self,
        context: &Context,
        id: &EntityId,
        if_modified_since: Option<Timestamp>,
        deleted: bool,
    ) -> Result<Reading, Failure> {
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            if record.entry.deleted && !deleted {
                return Err(Failure::NotFound.into());
            }
            let meta = self.current_meta(loader, id, record).await?;
            if let Some(since) = if_modified_since {
                if since == meta.valid_from {
                    return Ok(Some(Reading::NotModified(meta)));
                }
                if let Some(newer) = self.newer_than(loader, record, since).await? {
                    let standing = self.standing(loader, id, record).await?;
                    return Ok(Some(Reading::Diff(self.told_over(loader, id, &newer, &standing).await?, meta)));
                }
            }
            let standing = self.standing(loader, id, record).await?;
            Ok(Some(Reading::Value(CborValue(standing.bytes(loader).await?), meta)))
        })
        .await
    }

    /// Marks the entity deleted, in a new version with the same value. What is deleted already stays as it is.
    pub async fn delete(
        &self,
        context: &Context,
        id: &EntityId,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        self.settle(context, id, async |current, loader| {
            let record = &current.record;
            if record.entry.deleted {
                return self.unchanged(loader, id, record).await.map(Some);
            }
            if let Some(since) = if_unmodified_since.filter(|since| since.0 != record.entry.valid_from) {
                let meta = Box::new(self.current_meta(loader, id, record).await?);
                let standing = self.standing(loader, id, record).await?;
                return Err(match self.newer_than(loader, record, since).await? {
                    Some(newer) => Failure::Conflict(self.told_over(loader, id, &newer, &standing).await?, meta),
                    None => Failure::UnknownVersion(CborValue(standing.bytes(loader).await?), meta),
                }
                .into());
            }
            self.mark(loader, context, id, current, true).await
        })
        .await
    }

    /// Makes a deleted entity readable again, in a new version with the same value.
    pub async fn patch_undelete(&self, context: &Context, id: &EntityId) -> Result<Committed, Failure> {
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
        let (same, standing) = (Diff::identity(), self.standing(loader, id, &current.record).await?);
        let what = What::Change { diff: &same, previous: &same, standing: &standing };
        let rules = self.rules(id.kind()).await?;
        let draft = Draft { begins, what, deleted, key: None, rules: &rules };
        match self.write(loader, context, id, Some(current), draft).await? {
            Written::Lost => Ok(None),
            Written::Swapped(record) => {
                let meta = self.current_meta(loader, id, &record).await?;
                let prev_valid_from = Some(Timestamp(current.record.entry.valid_from));
                let change = Some(Change { diff: commit::wire(&same).into(), prev_valid_from });
                Ok(Some(Committed { meta, change, merged: None }))
            }
        }
    }

    /// Does something on the current version if there is one and the caller may know of it; again, after a pause, when
    /// somebody else's version came first (`None`), and when what the head led to was collected meanwhile.
    async fn settle<T>(
        &self,
        context: &Context,
        id: &EntityId,
        operation: impl AsyncFn(&Current, &Loader<'_, S>) -> Result<Option<T>, Stop>,
    ) -> Result<T, Failure> {
        for round in 0..ROUNDS {
            let pointer = self.head(id).await?;
            if pointer == 0 {
                return Err(Failure::NotFound);
            }
            let loader = Loader::new(&self.store, id.as_str());
            let outcome = match self.record(id, pointer).await {
                Ok(record) if context.access == Access::Creator && record.creator != context.person_id => {
                    return Err(Failure::NotFound);
                }
                Ok(record) => operation(&Current { pointer, record }, &loader).await,
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => (self.pause)(round, (self.nonce)()),
                Err(Stop::Refused(failure)) => return Err(failure),
                Err(Stop::Missing(key)) if self.head(id).await? == pointer => {
                    return Err(EngineError::Missing(key).into());
                }
                Err(Stop::Missing(_)) => {}
            }
        }
        Err(Failure::Busy)
    }

    async fn head(&self, id: &EntityId) -> Result<Pointer, EngineError> {
        Ok(self.store.read_head(&head_key(id.as_str())).await?)
    }

    async fn record(&self, id: &EntityId, pointer: Pointer) -> Result<Record, EngineError> {
        let key = record_key(id.as_str(), pointer);
        let Some(bytes) = self.store.get(&key).await? else { return Err(EngineError::Missing(key)) };
        let record: Record =
            minicbor::decode(&bytes).map_err(|error| EngineError::Corrupt(format!("record {key}: {error}")))?;
        if record.format != FORMAT {
            let format = record.format;
            return Err(EngineError::Corrupt(format!("record {key} has format {format}; this build reads {FORMAT}")));
        }
        Ok(record)
    }

    /// Who made the entity, if it is there.
    async fn maker(&self, id: &EntityId) -> Result<Option<String>, Failure> {
        let anybody = list::system(Timestamp(0));
        match self.settle(&anybody, id, async |current, _| Ok(Some(current.record.creator.clone()))).await {
            Ok(maker) => Ok(Some(maker)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn current_meta(&self, loader: &Loader<'_, S>, id: &EntityId, record: &Record) -> Result<Meta, EngineError> {
        self.meta(loader, id, record, &record.entry, Timestamp::FOREVER, record.chunks()).await
    }

    async fn meta(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
        entry: &Entry,
        valid_to: Timestamp,
        chunks: Option<u32>,
    ) -> Result<Meta, EngineError> {
        let previous_values = match &entry.previous {
            Some(_) => Some(commit::wire(&self.diff(loader, &entry.previous).await?)),
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
    async fn unchanged(&self, loader: &Loader<'_, S>, id: &EntityId, record: &Record) -> Result<Committed, Stop> {
        Ok(Committed { meta: self.current_meta(loader, id, record).await?, change: None, merged: None })
    }

    /// A diff that leads to `result` as it is told: plainly, as short texts and arrays can be written out; and exactly.
    async fn told(&self, loader: &Loader<'_, S>, diff: Diff, result: &Standing) -> Result<Told, EngineError> {
        let diff = result.readable(loader, diff).await?;
        let exact = commit::encoded(&diff.to_patch());
        let diff = commit::wire(&lazy::plain(diff, &result.part(loader).await?).await?);
        Ok(Told { exact: (exact != diff).then_some(Exact(exact)), diff, steps: Vec::new() })
    }

    /// What the versions `newer` (newest first) come to, as it is told.
    async fn told_over(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        newer: &[Entry],
        result: &Standing,
    ) -> Result<Told, EngineError> {
        let told = self.told(loader, self.compose(loader, id, newer).await?, result).await?;
        // One version is the change itself.
        let steps = if newer.len() > 1 { self.steps(loader, id, newer, &told.diff).await? } else { Vec::new() };
        Ok(Told { steps, ..told })
    }
}

/// The version that an idempotency key made, as far as the record remembers.
fn version_of_key(record: &Record, key: &[u8]) -> Option<u64> {
    let is = |entry: &&Entry| entry.key.as_ref().is_some_and(|known| known.as_slice() == key);
    let in_log = std::iter::once(&record.entry).chain(&record.tail).find(is).map(|entry| entry.version);
    in_log.or_else(|| record.seen.iter().find(|seen| seen.key.as_slice() == key).map(|seen| seen.version))
}

/// A value from our own bytes.
pub(crate) fn decode_stored(entity: &str, bytes: &[u8]) -> Result<Value, EngineError> {
    cbor::decode_value(bytes, &TRUSTED).map_err(|error| EngineError::Corrupt(format!("the value of {entity}: {error}")))
}

fn decode_value(context: &Context, value: &CborValue) -> Result<Value, Failure> {
    match cbor::decode_value(&value.0, &context.limits).map_err(refuse)? {
        Value::Undefined => Err(Failure::BadRequest("an entity's value can't be undefined; give any other".into())),
        value => Ok(value),
    }
}
