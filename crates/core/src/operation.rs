//! What is asked of an entity and what comes of it: the vocabulary between the router and the entity engine, the
//! native twin of `wit/entity.wit`. Values and diffs stay encoded, so that large ones cross boundaries as bytes.
//!
//! An [`Operation`] is a value: whatever door a request came by, it is one of these, and its [`Outcome`] is written back there.

use crate::diff::Identity;
use crate::limits::Limits;
use crate::prelude::*;
use crate::time::Timestamp;

/// Versions in a page of history, unless the client says.
const PAGE: u32 = 50;

/// And at most.
const LONGEST_PAGE: u32 = 1_000;

/// A value in CBOR, well-formed and in the form of `docs/protocol.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CborValue(pub Vec<u8>);

/// A diff in its wire form, in CBOR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CborDiff(pub Vec<u8>);

/// A change as it is told: plainly and exactly (docs/protocol.md, "Told plainly, and exactly").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// In base form, or in tagged forms that are as old as it.
    pub diff: CborDiff,
    /// With moves, increments and what else is new; absent where it is the same.
    pub exact: Option<Exact>,
    /// The versions that it leads over, oldest first, where that says more; none where it would be too much.
    pub steps: Vec<Step>,
}

/// One of several versions that a change leads over, or those of one author in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The version; of several, the last.
    pub version: u64,
    /// Since when it is valid.
    pub valid_from: Timestamp,
    /// Who made it.
    pub person_id: String,
    /// From the one before.
    pub diff: Exact,
}

/// A diff in its wire form, in CBOR, that says all of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact(pub CborDiff);

impl Told {
    /// The one that says more.
    pub fn most(self) -> CborDiff {
        self.exact.map_or(self.diff, |exact| exact.0)
    }
}

impl From<CborDiff> for Told {
    fn from(diff: CborDiff) -> Told {
        Told { diff, exact: None, steps: Vec::new() }
    }
}

/// What is known of a version beside its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// `type:id`.
    pub entity_id: String,
    /// Counts from 1.
    pub version: u64,
    /// Since when this version is valid; its identity.
    pub valid_from: Timestamp,
    /// Until when; [`Timestamp::FOREVER`] for the current version.
    pub valid_to: Timestamp,
    /// Who made it.
    pub person_id: String,
    /// The reverse diff; absent on version 1, where the type suppresses it, and on what remains of a run of coalesced
    /// versions that one of these was part of.
    pub previous_values: Option<CborDiff>,
    /// Whether this version is a deletion.
    pub deleted: bool,
    /// Who made it in the name of `person_id`.
    pub impersonator_id: Option<String>,
    /// In how many chunks the value is stored, when it is.
    pub chunks: Option<u32>,
    /// When it was taken, where its author said when it begins.
    pub recorded_at: Option<Timestamp>,
    /// When the first version began. Between our own parts only: messages do not carry it.
    pub created_at: Option<Timestamp>,
}

/// What is asked of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make the first version.
    Post(Post),
    /// Show a version.
    Read(Read),
    /// Apply a diff.
    Patch(Patch),
    /// Replace the value.
    Put(Put),
    /// Delete, softly.
    Delete(Delete),
    /// Take a deletion back.
    Undelete,
    /// Replace the value by that of an older version.
    Revert(Revert),
    /// List the versions.
    History(History),
}

/// What somebody must be allowed, to do something with an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To see it.
    Read,
    /// To make it.
    Create,
    /// To change what is there.
    Change,
}

impl Operation {
    /// What it takes to be allowed this.
    pub fn permission(&self) -> Permission {
        match self {
            Operation::Read(_) | Operation::History(_) => Permission::Read,
            Operation::Post(_) => Permission::Create,
            Operation::Patch(_)
            | Operation::Put(_)
            | Operation::Delete(_)
            | Operation::Undelete
            | Operation::Revert(_) => Permission::Change,
        }
    }
}

/// Makes the first version; of several who try, one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Of the first version.
    pub value: CborValue,
    /// Since when it is valid, which may be any time up to five minutes ahead; absent for now.
    pub valid_from: Option<Timestamp>,
    /// A repetition with the key that made the entity is answered as the first was.
    pub idempotency_key: Option<String>,
}

impl Post {
    /// Of this value, from now on.
    pub fn of(value: CborValue) -> Post {
        Post { value, valid_from: None, idempotency_key: None }
    }
}

/// Shows a version: whole, or what differs from one that the reader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Which.
    pub which: Which,
    /// The version that the reader has. If it is exactly one of the entity, what differs from it is the answer, whichever of
    /// the two is older.
    pub since: Option<Timestamp>,
}

impl Read {
    /// A version, whole.
    pub fn whole(which: Which) -> Read {
        Read { which, since: None }
    }
}

/// Which version is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The current one, unless it is a deletion.
    Current,
    /// The current one, whatever it is.
    Latest,
    /// One of the past, of a deleted entity too, unless it is a deletion itself.
    Past(Moment),
}

/// Applies a diff, under what others changed since if it is apart from that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// From the version named.
    pub diff: CborDiff,
    /// The version that it was made on.
    pub if_unmodified_since: Option<Timestamp>,
    /// Since when the next version is valid, later than the current one and up to five minutes ahead; absent for now.
    pub valid_from: Option<Timestamp>,
    /// A repetition with the key that made a version is answered as the first was.
    pub idempotency_key: Option<String>,
}

impl Patch {
    /// This diff, made on that version.
    pub fn of(diff: CborDiff, if_unmodified_since: impl Into<Option<Timestamp>>) -> Patch {
        Patch { diff, if_unmodified_since: if_unmodified_since.into(), valid_from: None, idempotency_key: None }
    }
}

/// Replaces the value: the diff from the version named is applied as [`Patch`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// What the value becomes.
    pub value: CborValue,
    /// The version that it was made on.
    pub if_unmodified_since: Option<Timestamp>,
    /// A repetition with the key that made a version is answered as the first was.
    pub idempotency_key: Option<String>,
}

impl Put {
    /// This value, made on that version.
    pub fn of(value: CborValue, if_unmodified_since: impl Into<Option<Timestamp>>) -> Put {
        Put { value, if_unmodified_since: if_unmodified_since.into(), idempotency_key: None }
    }
}

/// Marks the entity deleted, in a version of its own with the same value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Only this version; absent for whatever is there.
    pub if_unmodified_since: Option<Timestamp>,
}

/// Replaces the value by that of an older version, as [`Put`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revert {
    /// When the older version began; there is none where that is no version, or a deletion.
    pub valid_from: Timestamp,
    /// The version that the change was decided on.
    pub if_unmodified_since: Option<Timestamp>,
}

/// Lists versions, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Only those valid from before this.
    pub before: Option<Timestamp>,
    /// So many at most.
    pub limit: u32,
}

impl History {
    /// A page of as many as were asked for, within bounds.
    pub fn of(before: Option<Timestamp>, limit: Option<u32>) -> History {
        History { before, limit: limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE) }
    }
}

/// What names a version of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The one valid at that instant.
    Time(Timestamp),
    /// The one of that number.
    Version(u64),
}

/// Whom a type's entities are for (docs/protocol.md, "Rights").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everybody reads, also without a session; whoever is signed in writes.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever made it, alone.
    Owner,
    /// Whoever has a role at the node of an organisation that it is attached to ([`crate::org`]); until it is attached, whoever
    /// made it.
    Org,
}

/// What a type says of its entities, as far as others than the engine need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRules {
    /// Whom they are for.
    pub policy: Policy,
    /// What tells the elements of arrays in them apart.
    pub identity: Identity,
    /// Names this state of the type: [`Context::rules`].
    pub revision: u64,
}

/// A rule of its type that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value: a JSON Pointer (RFC 6901).
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// An entity in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `type:id`.
    pub entity_id: String,
    /// The current version.
    pub valid_from: Timestamp,
    /// Who made that version.
    pub person_id: String,
}

/// Lists the entities of a type that are not deleted; with [`Access::Creator`] those that the caller made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The type.
    pub kind: String,
    /// Where an earlier page ended.
    pub cursor: Option<String>,
    /// So many at most, and at least 1; a page can have fewer and go on.
    pub limit: u32,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Entities that are not deleted, in an order that does not change.
    pub entities: Vec<Listed>,
    /// What to go on with; absent on the last page.
    pub cursor: Option<String>,
}

/// Who may do what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever asks.
    Any,
    /// Only the person who made the first version; to others the entity is not there.
    Creator,
}

/// Who asks, when, and with which right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Who asks.
    pub person_id: String,
    /// Who asks in their name.
    pub impersonator_id: Option<String>,
    /// The host's clock.
    pub now: Timestamp,
    /// The right.
    pub access: Access,
    /// The state of the type that the right was decided by ([`TypeRules::revision`]): rules still known from then are not
    /// looked up again. Absent for those of now.
    pub rules: Option<u64>,
    /// The bounds on what is asked.
    pub limits: Limits,
}

/// What subscribers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// From the version before. For a first version: the whole value, as a diff over nothing.
    pub diff: Told,
    /// The version before; absent for a first version.
    pub prev_valid_from: Option<Timestamp>,
}

/// A request to change an entity went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Of the version that now holds what was asked.
    pub meta: Meta,
    /// What to push; absent when nothing is new (no-op, repeated request).
    pub change: Option<Change>,
    /// When others' changes were merged under the caller's: from the version the caller named to the one that holds what was
    /// asked; its steps are those of the others.
    pub merged: Option<Told>,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The caller has the current version.
    NotModified(Meta),
    /// The whole value.
    Value(CborValue, Meta),
    /// What changed since the version that the caller named.
    Diff(Told, Meta),
}

/// What comes of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The first version was made.
    Created(Committed),
    /// The entity was changed.
    Changed(Committed),
    /// What was read.
    Reading(Reading),
    /// Versions.
    Page(Page),
}

impl Outcome {
    /// Of a change.
    pub fn committed(self) -> Result<Committed, Failure> {
        match self {
            Outcome::Created(committed) | Outcome::Changed(committed) => Ok(committed),
            Outcome::Reading(_) | Outcome::Page(_) => Err(Outcome::unexpected()),
        }
    }

    /// Of a read.
    pub fn reading(self) -> Result<Reading, Failure> {
        match self {
            Outcome::Reading(reading) => Ok(reading),
            _ => Err(Outcome::unexpected()),
        }
    }

    /// Of [`History`].
    pub fn page(self) -> Result<Page, Failure> {
        match self {
            Outcome::Page(page) => Ok(page),
            _ => Err(Outcome::unexpected()),
        }
    }

    fn unexpected() -> Failure {
        Failure::Unavailable("the entity answered something else than was asked".into())
    }
}

/// A page of history, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The versions.
    pub versions: Vec<Meta>,
    /// Whether there are older ones.
    pub more: bool,
}

/// Why nothing was changed, or nothing can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Missing, deleted, or not for this person to know of.
    #[error("there is no such entity")]
    NotFound,
    /// `post` of what is already there.
    #[error("the entity exists already")]
    Exists,
    /// Others changed the same place. From the version named to the current one.
    #[error("others changed the same place since the version named in ifUnmodifiedSince")]
    Conflict(Told, Box<Meta>),
    /// The version named is not one we hold; the current value.
    #[error("ifUnmodifiedSince names no version of this entity; start again from the value given")]
    UnknownVersion(CborValue, Box<Meta>),
    /// The version that the change starts from was not named.
    #[error("name the version that this change starts from, in ifUnmodifiedSince")]
    PreconditionRequired,
    /// `patchUndelete` of what is not deleted.
    #[error("the entity is not deleted")]
    NotDeleted,
    /// What was wrong and what would be right.
    #[error("{0}")]
    BadRequest(String),
    /// The value would break rules of its type.
    #[error("the value would break the rules of its type: {}", sentence(.0))]
    InvalidValue(Vec<Violation>),
    /// Not for this person to do; why.
    #[error("{0}")]
    Forbidden(String),
    /// Past a limit; which.
    #[error("{0}")]
    TooLarge(String),
    /// Too many writers at once.
    #[error("too many changes to this entity at once; try again")]
    Busy,
    /// What is stored of it is not what was written: where.
    #[error("what is stored is damaged: {0}")]
    Damaged(String),
    /// The store can't answer. Whether the change happened is unknown: repeat it with the same idempotency key.
    #[error("the store can't answer: {0}")]
    Unavailable(String),
}

fn sentence(violations: &[Violation]) -> String {
    let mut sentence = String::new();
    for violation in violations {
        let path = if violation.path.is_empty() { "the whole" } else { &violation.path };
        let before = if sentence.is_empty() { "" } else { "; " };
        sentence += &[before, path, ": ", &violation.message].concat();
    }
    sentence
}
