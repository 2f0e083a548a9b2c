//! What is asked of an entity and what comes of it: the vocabulary between the router and the entity engine, the
//! native twin of `wit/entity.wit`. Values and diffs stay encoded, so that large ones cross boundaries as bytes.

use crate::limits::Limits;
use crate::prelude::*;
use crate::time::Timestamp;

/// A value in CBOR, well-formed and in the form of `docs/protocol.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CborValue(pub Vec<u8>);

/// A diff in its wire form, in CBOR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CborDiff(pub Vec<u8>);

/// A change as it is told: to who knows only the contract, and exactly.
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
    /// The reverse diff; absent on the first version.
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

/// What names a version of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The one valid at that instant.
    Time(Timestamp),
    /// The one of that number.
    Version(u64),
}

/// Whom a type's entities are for (contract section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everybody reads, also without a session; whoever is signed in writes.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever made it, alone.
    Owner,
    /// By grants in an `org` entity.
    Org,
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
    /// Past a limit; which.
    #[error("{0}")]
    TooLarge(String),
    /// Too many writers at once.
    #[error("too many changes to this entity at once; try again")]
    Busy,
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
