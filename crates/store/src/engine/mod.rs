//! What can be asked of an entity.
//!
//! Every change is: read the head and its record, make the next version from them, write what is long, write the record,
//! swing the head from what was read. When somebody else swung it meanwhile, all of that is done again on what they left,
//! after a pause that the host gives: without one, who has more to merge would lose to those who have less.
//!
//! A swap whose outcome is unknown is answered `unavailable` and nothing is taken back: the version may be current. The
//! client repeats with the same idempotency key and learns.

mod commit;
mod history;
mod list;
mod patch;
mod read;
#[cfg(test)]
mod tests;

use timeweft_core::codec::{DecodeError, cbor};
use timeweft_core::diff::Diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Access, CborValue, Change, Committed, Context, Failure, Meta, Policy, Reading};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::record::{Record, head_key};
use crate::store::{Store, StoreError};
use commit::{Draft, Written};

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
}

/// The record that a head points at.
struct Current {
    pointer: u64,
    record: Record,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// An engine over `store`.
    pub fn new(store: S, nonce: N) -> Self {
        Engine { store, nonce, pause: |_, _| {} }
    }

    /// The same, waiting between the rounds of a contended change: `pause` gets the number of the lost round, from 0,
    /// and 32 random bits to draw the length of the wait from.
    pub fn with_pause(self, pause: fn(u32, u32)) -> Self {
        Engine { pause, ..self }
    }

    /// Creates the entity; of several who try, one does.
    ///
    /// A repetition with the idempotency key that created it answers as the first did. `valid_from` may be any time.
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
        if let Some(current) = self.current(id).await? {
            return match key.filter(|key| read::version_of_key(&current.record, key) == Some(1)) {
                Some(_) => self.replay(id, &current, 1, None).await,
                None => Err(Failure::Exists),
            };
        }
        let listed = list::is_listed(id.kind());
        if listed {
            self.index_add(context, id).await?;
        }
        let diff = Diff::over_nothing(value.clone());
        let valid_from = next_time(context.now, valid_from, None)?;
        let draft = Draft { valid_from, value: &value, change: None, deleted: false, key };
        match self.write(context, id, None, draft).await? {
            Written::Swapped(record) => {
                let meta = self.current_meta(id, &record).await?;
                let diff = commit::wire(&diff);
                Ok(Committed { meta, change: Some(Change { diff, prev_valid_from: None }), merged: None })
            }
            Written::Lost => {
                let theirs = self.current(id).await?.is_some_and(|made| made.record.creator != context.person_id);
                if listed && theirs {
                    self.index_remove(context.now, id, &context.person_id).await?;
                }
                Err(Failure::Exists)
            }
        }
    }

    /// Makes an entity of our own, unless it is there.
    async fn create(&self, context: &Context, id: &EntityId, value: &Value) -> Result<bool, EngineError> {
        let draft = Draft { valid_from: context.now, value, change: None, deleted: false, key: None };
        Ok(matches!(self.write(context, id, None, draft).await?, Written::Swapped(_)))
    }

    /// Whom the entities of a type are for.
    pub async fn policy(&self, kind: &str) -> Result<Policy, Failure> {
        Ok(match kind {
            "note" | "type" => Policy::SignedIn,
            _ => Policy::Owner,
        })
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
        let current = self.readable(context, id).await?;
        if current.record.entry.deleted && !deleted {
            return Err(Failure::NotFound);
        }
        let meta = self.current_meta(id, &current.record).await?;
        if let Some(since) = if_modified_since {
            if since == meta.valid_from {
                return Ok(Reading::NotModified(meta));
            }
            if let Some(newer) = self.newer_than(id, &current.record, since).await? {
                let diff = self.compose(id, &newer).await?;
                let value = self.value(id, &current.record).await?;
                return Ok(Reading::Diff(commit::wire_to(&diff, &value), meta));
            }
        }
        let value = self.value(id, &current.record).await?;
        Ok(Reading::Value(CborValue(cbor::encode_value(&value)), meta))
    }

    /// Marks the entity deleted, in a new version with the same value. What is deleted already stays as it is.
    pub async fn delete(
        &self,
        context: &Context,
        id: &EntityId,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        for round in 0..ROUNDS {
            let current = self.readable(context, id).await?;
            if current.record.entry.deleted {
                return self.unchanged(id, &current.record).await;
            }
            if let Some(since) = if_unmodified_since.filter(|since| since.0 != current.record.entry.valid_from) {
                let meta = Box::new(self.current_meta(id, &current.record).await?);
                return Err(match self.newer_than(id, &current.record, since).await? {
                    Some(newer) => {
                        let diff = self.compose(id, &newer).await?;
                        let value = self.value(id, &current.record).await?;
                        Failure::Conflict(commit::wire_to(&diff, &value), meta)
                    }
                    None => self.unknown_version(id, &current.record, meta).await?,
                });
            }
            if let Some(committed) = self.mark(context, id, &current, true).await? {
                return Ok(committed);
            }
            (self.pause)(round, (self.nonce)());
        }
        Err(Failure::Busy)
    }

    /// Makes a deleted entity readable again, in a new version with the same value.
    pub async fn patch_undelete(&self, context: &Context, id: &EntityId) -> Result<Committed, Failure> {
        for round in 0..ROUNDS {
            let current = self.readable(context, id).await?;
            if !current.record.entry.deleted {
                return Err(Failure::NotDeleted);
            }
            if let Some(committed) = self.mark(context, id, &current, false).await? {
                return Ok(committed);
            }
            (self.pause)(round, (self.nonce)());
        }
        Err(Failure::Busy)
    }

    /// A version with the same value and `deleted` as given; `None` when the swap was lost.
    async fn mark(
        &self,
        context: &Context,
        id: &EntityId,
        current: &Current,
        deleted: bool,
    ) -> Result<Option<Committed>, Failure> {
        let value = self.value(id, &current.record).await?;
        let valid_from = next_time(context.now, None, Some(&current.record))?;
        let same = Diff::Object(Default::default());
        let draft = Draft { valid_from, value: &value, change: Some((&same, &same)), deleted, key: None };
        self.commit(context, id, current, draft).await
    }

    async fn current(&self, id: &EntityId) -> Result<Option<Current>, EngineError> {
        match self.store.read_head(&head_key(id.as_str())).await? {
            0 => Ok(None),
            pointer => Ok(Some(Current { pointer, record: self.record(id, pointer).await? })),
        }
    }

    /// The current record, if there is one and the caller may know of it.
    async fn readable(&self, context: &Context, id: &EntityId) -> Result<Current, Failure> {
        match self.current(id).await? {
            Some(found) if context.access == Access::Any || found.record.creator == context.person_id => Ok(found),
            _ => Err(Failure::NotFound),
        }
    }

    async fn current_meta(&self, id: &EntityId, record: &Record) -> Result<Meta, EngineError> {
        self.meta(id, record.created, &record.entry, Timestamp::FOREVER, record.chunks()).await
    }

    /// The answer when there is nothing to do.
    async fn unchanged(&self, id: &EntityId, record: &Record) -> Result<Committed, Failure> {
        Ok(Committed { meta: self.current_meta(id, record).await?, change: None, merged: None })
    }

    async fn unknown_version(&self, id: &EntityId, record: &Record, meta: Box<Meta>) -> Result<Failure, EngineError> {
        let value = self.value(id, record).await?;
        Ok(Failure::UnknownVersion(CborValue(cbor::encode_value(&value)), meta))
    }
}

fn decode_value(context: &Context, value: &CborValue) -> Result<Value, Failure> {
    match cbor::decode_value(&value.0, &context.limits).map_err(refuse)? {
        Value::Undefined => Err(Failure::BadRequest("an entity's value can't be undefined; give any other".into())),
        value => Ok(value),
    }
}

/// The time of the next version: the caller's if it named one, else the clock's, and always after the current one.
fn next_time(now: Timestamp, wanted: Option<Timestamp>, current: Option<&Record>) -> Result<Timestamp, Failure> {
    let last = current.map(|record| Timestamp(record.entry.valid_from));
    let time = match (wanted, last) {
        (Some(wanted), Some(last)) if wanted <= last => {
            return Err(Failure::BadRequest(format!("validFrom must be later than the current version's, {last}")));
        }
        (Some(wanted), _) => wanted,
        (None, Some(last)) => now.max(last.next()),
        (None, None) => now,
    };
    if time >= Timestamp::FOREVER {
        return Err(Failure::BadRequest(format!("validFrom must be before {}", Timestamp::FOREVER)));
    }
    Ok(time)
}
