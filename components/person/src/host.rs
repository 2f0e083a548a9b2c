//! The imports as what the router needs.

use std::time::{SystemTime, UNIX_EPOCH};

use timeweft_core::diff::Identity;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{
    CborDiff, CborValue, Committed, Context, Failure, Listing, Moment, Page, Policy, Reading,
};
use timeweft_core::time::Timestamp;
use timeweft_router::host::{Clock, Entities, Random, Records, RecordsError, Settings};

use crate::convert::{committed_in, context_out, failure_in, listing_in, moment_out, page_in, policy_in, reading_in};
use crate::wit::timeweft::entity::temporalizable as entity_import;
use crate::wit::timeweft::person::settings;
use crate::wit::timeweft::storage::store;

/// Everything that the component imports.
pub(crate) struct Imported;

impl Entities for Imported {
    async fn post(
        &self,
        context: &Context,
        entity: &EntityId,
        value: &CborValue,
        valid_from: Option<Timestamp>,
        idempotency_key: Option<&str>,
    ) -> Result<Committed, Failure> {
        let valid_from = valid_from.map(|at| at.0);
        entity_import::post(&context_out(context), entity.as_str(), &value.0, valid_from, idempotency_key)
            .map(committed_in)
            .map_err(failure_in)
    }

    async fn get(
        &self,
        context: &Context,
        entity: &EntityId,
        if_modified_since: Option<Timestamp>,
        deleted: bool,
    ) -> Result<Reading, Failure> {
        let since = if_modified_since.map(|at| at.0);
        entity_import::get(&context_out(context), entity.as_str(), since, deleted).map(reading_in).map_err(failure_in)
    }

    async fn get_past(
        &self,
        context: &Context,
        entity: &EntityId,
        moment: Moment,
        since: Option<Timestamp>,
    ) -> Result<Reading, Failure> {
        let since = since.map(|at| at.0);
        entity_import::get_past(&context_out(context), entity.as_str(), moment_out(moment), since)
            .map(reading_in)
            .map_err(failure_in)
    }

    async fn patch_diff(
        &self,
        context: &Context,
        entity: &EntityId,
        diff: &CborDiff,
        if_unmodified_since: Option<Timestamp>,
        idempotency_key: Option<&str>,
        valid_from: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let (since, valid_from) = (if_unmodified_since.map(|at| at.0), valid_from.map(|at| at.0));
        let context = context_out(context);
        entity_import::patch_diff(&context, entity.as_str(), &diff.0, since, idempotency_key, valid_from)
            .map(committed_in)
            .map_err(failure_in)
    }

    async fn put(
        &self,
        context: &Context,
        entity: &EntityId,
        value: &CborValue,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let since = if_unmodified_since.map(|at| at.0);
        entity_import::put(&context_out(context), entity.as_str(), &value.0, since)
            .map(committed_in)
            .map_err(failure_in)
    }

    async fn revert(
        &self,
        context: &Context,
        entity: &EntityId,
        valid_from: Timestamp,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let since = if_unmodified_since.map(|at| at.0);
        entity_import::revert(&context_out(context), entity.as_str(), valid_from.0, since)
            .map(committed_in)
            .map_err(failure_in)
    }

    async fn delete(
        &self,
        context: &Context,
        entity: &EntityId,
        if_unmodified_since: Option<Timestamp>,
    ) -> Result<Committed, Failure> {
        let since = if_unmodified_since.map(|at| at.0);
        entity_import::delete(&context_out(context), entity.as_str(), since).map(committed_in).map_err(failure_in)
    }

    async fn patch_undelete(&self, context: &Context, entity: &EntityId) -> Result<Committed, Failure> {
        entity_import::patch_undelete(&context_out(context), entity.as_str()).map(committed_in).map_err(failure_in)
    }

    async fn history(
        &self,
        context: &Context,
        entity: &EntityId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Page, Failure> {
        let before = before.map(|at| at.0);
        entity_import::history(&context_out(context), entity.as_str(), before, limit).map(page_in).map_err(failure_in)
    }

    async fn list(&self, context: &Context, kind: &str, cursor: Option<&str>, limit: u32) -> Result<Listing, Failure> {
        entity_import::list_entities(&context_out(context), kind, cursor, limit).map(listing_in).map_err(failure_in)
    }

    async fn policy(&self, kind: &str) -> Result<Policy, Failure> {
        entity_import::get_policy(kind).map(policy_in).map_err(failure_in)
    }

    async fn identity(&self, kind: &str) -> Result<Identity, Failure> {
        entity_import::get_identity(kind).map(Identity::by).map_err(failure_in)
    }
}

fn records_error(error: store::Error) -> RecordsError {
    match error {
        store::Error::TooLarge => RecordsError("the record is too large".to_owned()),
        store::Error::Unavailable(why) => RecordsError(why),
    }
}

impl Records for Imported {
    async fn record(&self, key: &str) -> Result<Option<Vec<u8>>, RecordsError> {
        store::get(key).map_err(records_error)
    }

    async fn set_record(&self, key: &str, bytes: &[u8]) -> Result<(), RecordsError> {
        store::set(key, bytes).map_err(records_error)
    }
}

impl Clock for Imported {
    fn now(&self) -> Timestamp {
        // A host whose clock stands before 1970 has no time to tell; every version still gets the next one.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(0))
    }
}

impl Random for Imported {
    fn fill(&self, bytes: &mut [u8]) {
        // Codes and sessions that could be guessed are worse than none.
        getrandom::fill(bytes).expect("the host gives randomness");
    }
}

impl Settings for Imported {
    fn setting(&self, name: &str) -> Option<String> {
        settings::get(name)
    }
}
