//! The imports as what the router needs.

use std::time::{SystemTime, UNIX_EPOCH};

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure, List, Listing, Operation, Outcome, TypeRules};
use timeweft_core::time::Timestamp;
use timeweft_router::host::{
    Clock, Entities, Issuer, IssuerError, IssuerRequest, IssuerResponse, Random, Records, RecordsError, Settings,
};

use crate::convert::{context_out, failure_in, list_out, listing_in, operation_out, outcome_in, rules_in};
use crate::wit::timeweft::entity::temporalizable as entities;
use crate::wit::timeweft::person::{issuer, settings};
use crate::wit::timeweft::storage::store;

/// Everything that the component imports.
pub(crate) struct Imported;

impl Entities for Imported {
    async fn apply(&self, context: &Context, entity: &EntityId, operation: Operation) -> Result<Outcome, Failure> {
        entities::apply(&context_out(context), entity.as_str(), &operation_out(operation))
            .map(outcome_in)
            .map_err(failure_in)
    }

    async fn list(&self, context: &Context, list: List) -> Result<Listing, Failure> {
        entities::list_entities(&context_out(context), &list_out(list)).map(listing_in).map_err(failure_in)
    }

    async fn rules(&self, kind: &str) -> Result<TypeRules, Failure> {
        entities::get_rules(kind).map(rules_in).map_err(failure_in)
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

impl Issuer for Imported {
    async fn send(&self, request: IssuerRequest) -> Result<IssuerResponse, IssuerError> {
        let IssuerRequest { url, authorization, form, max_age } = request;
        let answer = issuer::send(&issuer::Request { url, authorization, form, max_age }).map_err(IssuerError)?;
        Ok(IssuerResponse { status: answer.status, body: answer.body })
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
