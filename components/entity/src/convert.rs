//! Between `timeweft:entity/types` and `timeweft_core::operation`. Both sides of that interface are components of ours, and
//! this file is in both (`person` includes it by path): whoever includes it has the generated types in `crate::wit::types`.

// Each side uses one direction.
#![allow(dead_code)]

use timeweft_core::diff::Identity;
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::operation as native;
use timeweft_core::time::Timestamp;

use crate::wit::types as wit;

fn meta_out(meta: native::Meta) -> wit::Meta {
    wit::Meta {
        entity_id: meta.entity_id,
        version: meta.version,
        valid_from: meta.valid_from.0,
        valid_to: meta.valid_to.0,
        person_id: meta.person_id,
        previous_values: meta.previous_values.map(|diff| diff.0),
        deleted: meta.deleted,
        impersonator_id: meta.impersonator_id,
        chunks: meta.chunks,
        recorded_at: meta.recorded_at.map(|at| at.0),
        created_at: meta.created_at.map(|at| at.0),
    }
}

fn meta_in(meta: wit::Meta) -> native::Meta {
    native::Meta {
        entity_id: meta.entity_id,
        version: meta.version,
        valid_from: Timestamp(meta.valid_from),
        valid_to: Timestamp(meta.valid_to),
        person_id: meta.person_id,
        previous_values: meta.previous_values.map(native::CborDiff),
        deleted: meta.deleted,
        impersonator_id: meta.impersonator_id,
        chunks: meta.chunks,
        recorded_at: meta.recorded_at.map(Timestamp),
        created_at: meta.created_at.map(Timestamp),
    }
}

pub(crate) fn operation_out(operation: native::Operation) -> wit::Operation {
    use native::Operation;
    let at = |time: Option<Timestamp>| time.map(|time| time.0);
    match operation {
        Operation::Post(native::Post { value, valid_from, idempotency_key }) => {
            wit::Operation::Post(wit::Post { value: value.0, valid_from: at(valid_from), idempotency_key })
        }
        Operation::Read(native::Read { which, since }) => {
            wit::Operation::Read(wit::Read { which: which_out(which), since: at(since) })
        }
        Operation::Patch(native::Patch { diff, if_unmodified_since, valid_from, idempotency_key }) => {
            wit::Operation::Patch(wit::Patch {
                diff: diff.0,
                if_unmodified_since: at(if_unmodified_since),
                valid_from: at(valid_from),
                idempotency_key,
            })
        }
        Operation::Put(native::Put { value, if_unmodified_since, idempotency_key }) => {
            let if_unmodified_since = at(if_unmodified_since);
            wit::Operation::Put(wit::Put { value: value.0, if_unmodified_since, idempotency_key })
        }
        Operation::Delete(native::Delete { if_unmodified_since }) => {
            wit::Operation::Delete(wit::Delete { if_unmodified_since: at(if_unmodified_since) })
        }
        Operation::Undelete => wit::Operation::Undelete,
        Operation::Revert(native::Revert { valid_from, if_unmodified_since }) => wit::Operation::Revert(wit::Revert {
            valid_from: valid_from.0,
            if_unmodified_since: at(if_unmodified_since),
        }),
        Operation::History(native::History { before, limit }) => {
            wit::Operation::History(wit::History { before: at(before), limit })
        }
    }
}

pub(crate) fn operation_in(operation: wit::Operation) -> native::Operation {
    use wit::Operation;
    let at = |time: Option<u64>| time.map(Timestamp);
    match operation {
        Operation::Post(wit::Post { value, valid_from, idempotency_key }) => native::Operation::Post(native::Post {
            value: native::CborValue(value),
            valid_from: at(valid_from),
            idempotency_key,
        }),
        Operation::Read(wit::Read { which, since }) => {
            native::Operation::Read(native::Read { which: which_in(which), since: at(since) })
        }
        Operation::Patch(wit::Patch { diff, if_unmodified_since, valid_from, idempotency_key }) => {
            native::Operation::Patch(native::Patch {
                diff: native::CborDiff(diff),
                if_unmodified_since: at(if_unmodified_since),
                valid_from: at(valid_from),
                idempotency_key,
            })
        }
        Operation::Put(wit::Put { value, if_unmodified_since, idempotency_key }) => {
            native::Operation::Put(native::Put {
                idempotency_key,
                value: native::CborValue(value),
                if_unmodified_since: at(if_unmodified_since),
            })
        }
        Operation::Delete(wit::Delete { if_unmodified_since }) => {
            native::Operation::Delete(native::Delete { if_unmodified_since: at(if_unmodified_since) })
        }
        Operation::Undelete => native::Operation::Undelete,
        Operation::Revert(wit::Revert { valid_from, if_unmodified_since }) => {
            native::Operation::Revert(native::Revert {
                valid_from: Timestamp(valid_from),
                if_unmodified_since: at(if_unmodified_since),
            })
        }
        Operation::History(wit::History { before, limit }) => {
            native::Operation::History(native::History { before: at(before), limit })
        }
    }
}

fn which_out(which: native::Which) -> wit::Which {
    match which {
        native::Which::Current => wit::Which::Current,
        native::Which::Latest => wit::Which::Latest,
        native::Which::Past(native::Moment::Time(at)) => wit::Which::Past(wit::Moment::Time(at.0)),
        native::Which::Past(native::Moment::Version(version)) => wit::Which::Past(wit::Moment::Version(version)),
    }
}

fn which_in(which: wit::Which) -> native::Which {
    match which {
        wit::Which::Current => native::Which::Current,
        wit::Which::Latest => native::Which::Latest,
        wit::Which::Past(wit::Moment::Time(at)) => native::Which::Past(native::Moment::Time(Timestamp(at))),
        wit::Which::Past(wit::Moment::Version(version)) => native::Which::Past(native::Moment::Version(version)),
    }
}

pub(crate) fn outcome_out(outcome: native::Outcome) -> wit::Outcome {
    match outcome {
        native::Outcome::Created(committed) => wit::Outcome::Created(committed_out(committed)),
        native::Outcome::Changed(committed) => wit::Outcome::Changed(committed_out(committed)),
        native::Outcome::Reading(reading) => wit::Outcome::Reading(reading_out(reading)),
        native::Outcome::Page(page) => wit::Outcome::Page(page_out(page)),
    }
}

pub(crate) fn outcome_in(outcome: wit::Outcome) -> native::Outcome {
    match outcome {
        wit::Outcome::Created(committed) => native::Outcome::Created(committed_in(committed)),
        wit::Outcome::Changed(committed) => native::Outcome::Changed(committed_in(committed)),
        wit::Outcome::Reading(reading) => native::Outcome::Reading(reading_in(reading)),
        wit::Outcome::Page(page) => native::Outcome::Page(page_in(page)),
    }
}

pub(crate) fn list_out(list: native::List) -> wit::List {
    wit::List { kind: list.kind, cursor: list.cursor, limit: list.limit }
}

pub(crate) fn list_in(list: wit::List) -> native::List {
    native::List { kind: list.kind, cursor: list.cursor, limit: list.limit }
}

pub(crate) fn rules_out(rules: native::TypeRules) -> wit::TypeRules {
    wit::TypeRules {
        policy: policy_out(rules.policy),
        identity: rules.identity.members().to_vec(),
        revision: rules.revision,
    }
}

pub(crate) fn rules_in(rules: wit::TypeRules) -> native::TypeRules {
    native::TypeRules {
        policy: policy_in(rules.policy),
        identity: Identity::by(rules.identity),
        revision: rules.revision,
    }
}

pub(crate) fn context_out(context: &native::Context) -> wit::Context {
    wit::Context {
        person_id: context.person_id.clone(),
        impersonator_id: context.impersonator_id.clone(),
        now: context.now.0,
        access: match context.access {
            native::Access::Any => wit::Access::Any,
            native::Access::Creator => wit::Access::Creator,
        },
        rules: context.rules,
        limits: wit::Limits {
            value_bytes: context.limits.value_bytes as u64,
            depth: u32::try_from(context.limits.depth).unwrap_or(u32::MAX),
            diff_operations: u32::try_from(context.limits.diff_operations).unwrap_or(u32::MAX),
        },
    }
}

pub(crate) fn context_in(context: wit::Context) -> native::Context {
    native::Context {
        person_id: context.person_id,
        impersonator_id: context.impersonator_id,
        now: Timestamp(context.now),
        access: match context.access {
            wit::Access::Any => native::Access::Any,
            wit::Access::Creator => native::Access::Creator,
        },
        rules: context.rules,
        limits: Limits {
            value_bytes: usize::try_from(context.limits.value_bytes).unwrap_or(usize::MAX),
            depth: context.limits.depth as usize,
            diff_operations: context.limits.diff_operations as usize,
            ..TRUSTED
        },
    }
}

fn told_out(told: native::Told) -> wit::Told {
    let step = |step: native::Step| wit::Step {
        version: step.version,
        valid_from: step.valid_from.0,
        person_id: step.person_id,
        diff: step.diff.0.0,
    };
    wit::Told {
        diff: told.diff.0,
        exact: told.exact.map(|exact| exact.0.0),
        steps: told.steps.into_iter().map(step).collect(),
    }
}

fn told_in(told: wit::Told) -> native::Told {
    let exact = |diff| native::Exact(native::CborDiff(diff));
    let step = |step: wit::Step| native::Step {
        version: step.version,
        valid_from: Timestamp(step.valid_from),
        person_id: step.person_id,
        diff: exact(step.diff),
    };
    native::Told {
        diff: native::CborDiff(told.diff),
        exact: told.exact.map(exact),
        steps: told.steps.into_iter().map(step).collect(),
    }
}

fn committed_out(committed: native::Committed) -> wit::Committed {
    wit::Committed {
        meta: meta_out(committed.meta),
        change: committed.change.map(|change| wit::Change {
            diff: told_out(change.diff),
            prev_valid_from: change.prev_valid_from.map(|at| at.0),
        }),
        merged: committed.merged.map(told_out),
    }
}

fn committed_in(committed: wit::Committed) -> native::Committed {
    native::Committed {
        meta: meta_in(committed.meta),
        change: committed.change.map(|change| native::Change {
            diff: told_in(change.diff),
            prev_valid_from: change.prev_valid_from.map(Timestamp),
        }),
        merged: committed.merged.map(told_in),
    }
}

fn reading_out(reading: native::Reading) -> wit::Reading {
    match reading {
        native::Reading::NotModified(meta) => wit::Reading::NotModified(meta_out(meta)),
        native::Reading::Value(value, meta) => wit::Reading::Value((value.0, meta_out(meta))),
        native::Reading::Diff(diff, meta) => wit::Reading::Diff((told_out(diff), meta_out(meta))),
    }
}

fn reading_in(reading: wit::Reading) -> native::Reading {
    match reading {
        wit::Reading::NotModified(meta) => native::Reading::NotModified(meta_in(meta)),
        wit::Reading::Value((value, meta)) => native::Reading::Value(native::CborValue(value), meta_in(meta)),
        wit::Reading::Diff((diff, meta)) => native::Reading::Diff(told_in(diff), meta_in(meta)),
    }
}

fn policy_out(policy: native::Policy) -> wit::Policy {
    match policy {
        native::Policy::Public => wit::Policy::Public,
        native::Policy::SignedIn => wit::Policy::SignedIn,
        native::Policy::Owner => wit::Policy::Owner,
        native::Policy::Org => wit::Policy::Org,
    }
}

fn policy_in(policy: wit::Policy) -> native::Policy {
    match policy {
        wit::Policy::Public => native::Policy::Public,
        wit::Policy::SignedIn => native::Policy::SignedIn,
        wit::Policy::Owner => native::Policy::Owner,
        wit::Policy::Org => native::Policy::Org,
    }
}

pub(crate) fn listing_out(listing: native::Listing) -> wit::Listing {
    let listed = |listed: native::Listed| wit::Listed {
        entity_id: listed.entity_id,
        valid_from: listed.valid_from.0,
        person_id: listed.person_id,
    };
    wit::Listing { entities: listing.entities.into_iter().map(listed).collect(), cursor: listing.cursor }
}

pub(crate) fn listing_in(listing: wit::Listing) -> native::Listing {
    let listed = |listed: wit::Listed| native::Listed {
        entity_id: listed.entity_id,
        valid_from: Timestamp(listed.valid_from),
        person_id: listed.person_id,
    };
    native::Listing { entities: listing.entities.into_iter().map(listed).collect(), cursor: listing.cursor }
}

fn page_out(page: native::Page) -> wit::Page {
    wit::Page { versions: page.versions.into_iter().map(meta_out).collect(), more: page.more }
}

fn page_in(page: wit::Page) -> native::Page {
    native::Page { versions: page.versions.into_iter().map(meta_in).collect(), more: page.more }
}

pub(crate) fn failure_out(failure: native::Failure) -> wit::Failure {
    match failure {
        native::Failure::NotFound => wit::Failure::NotFound,
        native::Failure::Exists => wit::Failure::Exists,
        native::Failure::Conflict(diff, meta) => wit::Failure::Conflict((told_out(diff), meta_out(*meta))),
        native::Failure::UnknownVersion(value, meta) => wit::Failure::UnknownVersion((value.0, meta_out(*meta))),
        native::Failure::PreconditionRequired => wit::Failure::PreconditionRequired,
        native::Failure::NotDeleted => wit::Failure::NotDeleted,
        native::Failure::BadRequest(why) => wit::Failure::BadRequest(why),
        native::Failure::InvalidValue(violations) => {
            let violation = |broken: native::Violation| wit::Violation { path: broken.path, message: broken.message };
            wit::Failure::InvalidValue(violations.into_iter().map(violation).collect())
        }
        native::Failure::Forbidden(why) => wit::Failure::Forbidden(why),
        native::Failure::TooLarge(why) => wit::Failure::TooLarge(why),
        native::Failure::Busy => wit::Failure::Busy,
        native::Failure::Damaged(why) => wit::Failure::Damaged(why),
        native::Failure::Unavailable(why) => wit::Failure::Unavailable(why),
        // A kind of failure that this interface has no word for yet: nothing is known to have happened.
        other => wit::Failure::Unavailable(other.to_string()),
    }
}

pub(crate) fn failure_in(failure: wit::Failure) -> native::Failure {
    match failure {
        wit::Failure::NotFound => native::Failure::NotFound,
        wit::Failure::Exists => native::Failure::Exists,
        wit::Failure::Conflict((diff, meta)) => native::Failure::Conflict(told_in(diff), Box::new(meta_in(meta))),
        wit::Failure::UnknownVersion((value, meta)) => {
            native::Failure::UnknownVersion(native::CborValue(value), Box::new(meta_in(meta)))
        }
        wit::Failure::PreconditionRequired => native::Failure::PreconditionRequired,
        wit::Failure::NotDeleted => native::Failure::NotDeleted,
        wit::Failure::BadRequest(why) => native::Failure::BadRequest(why),
        wit::Failure::InvalidValue(violations) => {
            let violation = |broken: wit::Violation| native::Violation { path: broken.path, message: broken.message };
            native::Failure::InvalidValue(violations.into_iter().map(violation).collect())
        }
        wit::Failure::Forbidden(why) => native::Failure::Forbidden(why),
        wit::Failure::TooLarge(why) => native::Failure::TooLarge(why),
        wit::Failure::Busy => native::Failure::Busy,
        wit::Failure::Damaged(why) => native::Failure::Damaged(why),
        wit::Failure::Unavailable(why) => native::Failure::Unavailable(why),
    }
}
