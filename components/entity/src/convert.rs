//! Between `timeweft:entity/types` and `timeweft_core::operation`. Both sides of that interface are components of ours, and
//! this file is in both (`person` includes it by path): whoever includes it has the generated types in `crate::wit::types`.

// Each side uses one direction.
#![allow(dead_code)]

use timeweft_core::limits::Limits;
use timeweft_core::operation as native;
use timeweft_core::time::Timestamp;

use crate::wit::types as wit;

pub(crate) fn meta_out(meta: native::Meta) -> wit::Meta {
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

pub(crate) fn meta_in(meta: wit::Meta) -> native::Meta {
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

pub(crate) fn context_out(context: &native::Context) -> wit::Context {
    wit::Context {
        person_id: context.person_id.clone(),
        impersonator_id: context.impersonator_id.clone(),
        now: context.now.0,
        access: match context.access {
            native::Access::Any => wit::Access::Any,
            native::Access::Creator => wit::Access::Creator,
        },
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
        limits: Limits {
            value_bytes: usize::try_from(context.limits.value_bytes).unwrap_or(usize::MAX),
            depth: context.limits.depth as usize,
            diff_operations: context.limits.diff_operations as usize,
            ..Limits::default()
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

pub(crate) fn committed_out(committed: native::Committed) -> wit::Committed {
    wit::Committed {
        meta: meta_out(committed.meta),
        change: committed.change.map(|change| wit::Change {
            diff: told_out(change.diff),
            prev_valid_from: change.prev_valid_from.map(|at| at.0),
        }),
        merged: committed.merged.map(told_out),
    }
}

pub(crate) fn committed_in(committed: wit::Committed) -> native::Committed {
    native::Committed {
        meta: meta_in(committed.meta),
        change: committed.change.map(|change| native::Change {
            diff: told_in(change.diff),
            prev_valid_from: change.prev_valid_from.map(Timestamp),
        }),
        merged: committed.merged.map(told_in),
    }
}

pub(crate) fn reading_out(reading: native::Reading) -> wit::Reading {
    match reading {
        native::Reading::NotModified(meta) => wit::Reading::NotModified(meta_out(meta)),
        native::Reading::Value(value, meta) => wit::Reading::Value((value.0, meta_out(meta))),
        native::Reading::Diff(diff, meta) => wit::Reading::Diff((told_out(diff), meta_out(meta))),
    }
}

pub(crate) fn reading_in(reading: wit::Reading) -> native::Reading {
    match reading {
        wit::Reading::NotModified(meta) => native::Reading::NotModified(meta_in(meta)),
        wit::Reading::Value((value, meta)) => native::Reading::Value(native::CborValue(value), meta_in(meta)),
        wit::Reading::Diff((diff, meta)) => native::Reading::Diff(told_in(diff), meta_in(meta)),
    }
}

pub(crate) fn moment_out(moment: native::Moment) -> wit::Moment {
    match moment {
        native::Moment::Time(at) => wit::Moment::Time(at.0),
        native::Moment::Version(version) => wit::Moment::Version(version),
    }
}

pub(crate) fn moment_in(moment: wit::Moment) -> native::Moment {
    match moment {
        wit::Moment::Time(at) => native::Moment::Time(Timestamp(at)),
        wit::Moment::Version(version) => native::Moment::Version(version),
    }
}

pub(crate) fn policy_out(policy: native::Policy) -> wit::Policy {
    match policy {
        native::Policy::Public => wit::Policy::Public,
        native::Policy::SignedIn => wit::Policy::SignedIn,
        native::Policy::Owner => wit::Policy::Owner,
        native::Policy::Org => wit::Policy::Org,
    }
}

pub(crate) fn policy_in(policy: wit::Policy) -> native::Policy {
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

pub(crate) fn page_out(page: native::Page) -> wit::Page {
    wit::Page { versions: page.versions.into_iter().map(meta_out).collect(), more: page.more }
}

pub(crate) fn page_in(page: wit::Page) -> native::Page {
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
        native::Failure::TooLarge(why) => wit::Failure::TooLarge(why),
        native::Failure::Busy => wit::Failure::Busy,
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
        wit::Failure::TooLarge(why) => native::Failure::TooLarge(why),
        wit::Failure::Busy => native::Failure::Busy,
        wit::Failure::Unavailable(why) => native::Failure::Unavailable(why),
    }
}
