//! Changing the value, with others changing it at the same time.

use timeweft_core::codec::cbor;
use timeweft_core::diff::{self, Diff, Patch};
use timeweft_core::id::EntityId;
use timeweft_core::operation::{CborDiff, CborValue, Committed, Context, Failure, Moment};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::commit::Draft;
use super::{Current, Engine, ROUNDS, commit, next_time, read, refuse};
use crate::store::Store;

/// What the caller wants of the value it saw.
pub(super) enum Wish {
    Patch(Patch),
    Value(Value),
}

impl Wish {
    fn on(&self, base: &Value) -> Result<Diff, Failure> {
        match self {
            Wish::Patch(patch) => {
                patch.clone().resolve(base).map_err(|error| Failure::BadRequest(format!("the diff: {error}")))
            }
            Wish::Value(value) => Ok(diff::diff_finely(base, value)),
        }
    }
}

/// The rest of what the caller says.
pub(super) struct Terms {
    pub(super) since: Option<Timestamp>,
    pub(super) key: Option<[u8; 16]>,
    pub(super) valid_from: Option<Timestamp>,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Applies a diff made on the version `if_unmodified_since`, under what others changed since, if it is apart from that.
    pub async fn patch_diff(
        &self,
        context: &Context,
        id: &EntityId,
        diff: &CborDiff,
        if_unmodified_since: Option<Timestamp>,
        idempotency_key: Option<&str>,
        valid_from: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let patch = cbor::decode_patch(&diff.0, &context.limits).map_err(refuse)?;
        let key = idempotency_key.map(|key| commit::digest(&context.person_id, key));
        self.change(context, id, Wish::Patch(patch), Terms { since: if_unmodified_since, key, valid_from }).await
    }

    /// Replaces the value: what differs between the version named and `value` is applied as a diff is.
    pub async fn put(
        &self,
        context: &Context,
        id: &EntityId,
        value: &CborValue,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let value = super::decode_value(context, value)?;
        let terms = Terms { since: if_unmodified_since, key: None, valid_from: None };
        self.change(context, id, Wish::Value(value), terms).await
    }

    /// Replaces the value by that of the version which begins at `valid_from`, as `put` does.
    pub async fn revert(
        &self,
        context: &Context,
        id: &EntityId,
        valid_from: Timestamp,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        // Read once for all rounds: a version stays what it is.
        let value = match self.version_at(context, id, Moment::Time(valid_from)).await? {
            Some((value, meta)) if meta.valid_from == valid_from => value,
            _ => return Err(Failure::NotFound),
        };
        let terms = Terms { since: if_unmodified_since, key: None, valid_from: None };
        self.change(context, id, Wish::Value(value), terms).await
    }

    pub(super) async fn change(
        &self,
        context: &Context,
        id: &EntityId,
        wish: Wish,
        terms: Terms,
    ) -> Result<Committed, Failure> {
        for round in 0..ROUNDS {
            let current = self.readable(context, id).await?;
            if let Some(done) = self.try_change(context, id, &current, &wish, &terms).await? {
                return Ok(done);
            }
            (self.pause)(round, (self.nonce)());
        }
        Err(Failure::Busy)
    }

    /// One round; `None` when somebody else was faster.
    async fn try_change(
        &self,
        context: &Context,
        id: &EntityId,
        current: &Current,
        wish: &Wish,
        terms: &Terms,
    ) -> Result<Option<Committed>, Failure> {
        let record = &current.record;
        if let Some(version) = terms.key.and_then(|key| read::version_of_key(record, &key)) {
            return self.replay(id, current, version, terms.since).await.map(Some);
        }
        if record.entry.deleted {
            return Err(Failure::NotFound);
        }
        let since = terms.since.ok_or(Failure::PreconditionRequired)?;
        let Some(newer) = self.newer_than(id, record, since).await? else {
            let meta = Box::new(self.current_meta(id, record).await?);
            return Err(self.unknown_version(id, record, meta).await?);
        };
        // Beyond what the record remembers of keys, the versions since then know their own.
        let made = |key: [u8; 16]| newer.iter().find(|entry| entry.key.as_ref().is_some_and(|own| own[..] == key));
        if let Some(entry) = terms.key.and_then(made) {
            return self.replay(id, current, entry.version, terms.since).await.map(Some);
        }

        let mut value = self.value(id, record).await?;
        let theirs = self.compose(id, &newer).await?;
        let mine = if newer.is_empty() {
            wish.on(&value)?
        } else {
            let mut base = value.clone();
            for entry in &newer {
                self.apply(id, &entry.previous, &mut base).await?;
            }
            match diff::rebase(&wish.on(&base)?, &theirs) {
                Ok(rebased) => rebased,
                Err(_) => {
                    let meta = Box::new(self.current_meta(id, record).await?);
                    return Err(Failure::Conflict(commit::wire_to(&theirs, &value), meta));
                }
            }
        };
        let valid_from = next_time(context.now, terms.valid_from, Some(record))?;
        let previous = mine.invert(&value);
        mine.apply(&mut value).map_err(|error| Failure::BadRequest(format!("the diff: {error}")))?;
        if value == Value::Undefined {
            return Err(Failure::BadRequest("an entity's value can't become undefined; delete it instead".into()));
        }
        let merged = (!newer.is_empty()).then_some(theirs);
        if mine.is_identity() {
            let mut done = self.unchanged(id, record).await?;
            done.merged = merged.as_ref().map(|theirs| commit::wire_to(theirs, &value));
            return Ok(Some(done));
        }
        let draft =
            Draft { valid_from, value: &value, change: Some((&mine, &previous)), deleted: false, key: terms.key };
        let mut done = self.commit(context, id, current, draft).await?;
        if let (Some(done), Some(theirs)) = (&mut done, merged) {
            let whole = diff::compose(&theirs, &mine)
                .map_err(|error| Failure::Unavailable(format!("merging into {id}: {error}")))?;
            done.merged = Some(commit::wire_to(&whole, &value));
        }
        Ok(done)
    }
}
