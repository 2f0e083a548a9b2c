//! What the router needs from outside. A component implements these over WIT imports, a simulator and the tests natively.
//!
//! The futures need not be `Send`: a component is single-threaded and its calls are ready when they return.

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure, List, Listing, Operation, Outcome, TypeRules};
use timeweft_core::time::Timestamp;

/// Temporal entities; the native twin of `timeweft:entity/temporalizable`, whose promises it has.
pub trait Entities {
    /// Does what is asked of an entity.
    async fn apply(&self, context: &Context, entity: &EntityId, operation: Operation) -> Result<Outcome, Failure>;
    /// A page of the entities of a type.
    async fn list(&self, context: &Context, list: List) -> Result<Listing, Failure>;
    /// What a type says of its entities, now.
    async fn rules(&self, kind: &str) -> Result<TypeRules, Failure>;
}

/// Small private records beside the entities, straight in the store, last write wins: for what may be forgotten (who watches
/// what) and for what is written once and stays (that a note is followed), never for what two change at once. Keys begin with
/// `p:`, which the engine uses for nothing.
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

/// Asks the issuer of the settings (`oidc-issuer`), and nobody else; the native twin of `timeweft:person/issuer`.
pub trait Issuer {
    /// The issuer's answer, whatever its status.
    async fn send(&self, request: IssuerRequest) -> Result<IssuerResponse, IssuerError>;
}

/// What the issuer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRequest {
    /// Where.
    pub url: String,
    /// The header of that name.
    pub authorization: Option<String>,
    /// A form to be posted (`application/x-www-form-urlencoded`); without one it is a GET.
    pub form: Option<String>,
    /// What a GET without `authorization` was answered so many seconds ago will do.
    pub max_age: u32,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// There is no answer to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssuerError(pub String);

/// Everything together.
pub trait Host: Entities + Records + Clock + Random + Settings + Issuer {}

impl<H: Entities + Records + Clock + Random + Settings + Issuer> Host for H {}
