//! What the router needs from outside. A component implements these over WIT imports, a simulator and the tests natively.
//!
//! The futures need not be `Send`: a component is single-threaded and its calls are ready when they return.

use timeweft_core::diff::Identity;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{
    CborDiff, CborValue, Committed, Context, Failure, Listing, Moment, Page, Policy, Reading,
};
use timeweft_core::time::Timestamp;

/// Temporal entities; the native twin of `timeweft:entity/temporalizable`, whose promises it has.
pub trait Entities {
    /// Makes the first version.
    async fn post(
        &self,
        context: &Context,
        entity: &EntityId,
        value: &CborValue,
        valid_from: Option<Timestamp>,
        idempotency_key: Option<&str>,
    ) -> Result<Committed, Failure>;
    /// Reads; with `deleted`, also what was deleted.
    async fn get(
        &self,
        context: &Context,
        entity: &EntityId,
        if_modified_since: Option<Timestamp>,
        deleted: bool,
    ) -> Result<Reading, Failure>;
    /// A version of the past, also of what was deleted later; with `since`, what differs from that version.
    async fn get_past(
        &self,
        context: &Context,
        entity: &EntityId,
        moment: Moment,
        since: Option<Timestamp>,
    ) -> Result<Reading, Failure>;
    /// Applies a diff, merging it under what others did since `if_unmodified_since`.
    async fn patch_diff(
        &self,
        context: &Context,
        entity: &EntityId,
        diff: &CborDiff,
        if_unmodified_since: Option<Timestamp>,
        idempotency_key: Option<&str>,
        valid_from: Option<Timestamp>,
    ) -> Result<Committed, Failure>;
    /// Replaces the value, by the diff from the version named.
    async fn put(
        &self,
        context: &Context,
        entity: &EntityId,
        value: &CborValue,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure>;
    /// Replaces the value by that of an older version, as `put` does.
    async fn revert(
        &self,
        context: &Context,
        entity: &EntityId,
        valid_from: Timestamp,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure>;
    /// Deletes softly.
    async fn delete(
        &self,
        context: &Context,
        entity: &EntityId,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure>;
    /// Takes a deletion back.
    async fn patch_undelete(&self, context: &Context, entity: &EntityId) -> Result<Committed, Failure>;
    /// Versions before `before`, newest first.
    async fn history(
        &self,
        context: &Context,
        entity: &EntityId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Page, Failure>;
    /// The entities of a type that are not deleted; with access `Creator` those that the caller made.
    async fn list(&self, context: &Context, kind: &str, cursor: Option<&str>, limit: u32) -> Result<Listing, Failure>;
    /// Whom the entities of a type are for, now.
    async fn policy(&self, kind: &str) -> Result<Policy, Failure>;
    /// What tells the elements of arrays in entities of a type apart, now.
    async fn identity(&self, kind: &str) -> Result<Identity, Failure>;
}

/// Small private records beside the entities, last write wins: for what may be forgotten (who watches what), never for
/// what must be right. Keys begin with `p:`, which the engine uses for nothing.
pub trait Records {
    /// What is under `key`.
    async fn record(&self, key: &str) -> Result<Option<Vec<u8>>, RecordsError>;
    /// Writes or overwrites.
    async fn set_record(&self, key: &str, bytes: &[u8]) -> Result<(), RecordsError>;
}

/// The store of private records can't answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store can't answer: {0}")]
pub struct RecordsError(pub String);

/// Tells the time.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// A source of randomness fit for keys.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Configuration by name; `docs/operations.md` lists the names. Constant while the router lives.
pub trait Settings {
    /// The setting's text, when it is set.
    fn setting(&self, name: &str) -> Option<String>;
}

/// Everything together.
pub trait Host: Entities + Records + Clock + Random + Settings {}

impl<H: Entities + Records + Clock + Random + Settings> Host for H {}
