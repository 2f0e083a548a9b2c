//! Why the engine does not do something.

use timeweft_core::diff::lazy::LazyError;
use timeweft_core::operation::Failure;

use crate::store::StoreError;

/// What keeps the engine from its work. Callers see [`Failure::Unavailable`] and [`Failure::Damaged`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store can't answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored is not what the engine writes.
    #[error("what is stored is damaged: {0}")]
    Corrupt(String),
    /// A key is not there. Either the data is damaged, or the head moved on and it was collected.
    #[error("what is stored is damaged: there is no {0}")]
    Missing(String),
    /// The change would make something longer than it may be.
    #[error("{0}")]
    TooLarge(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::TooLarge(why) => Failure::TooLarge(why),
            EngineError::Corrupt(why) => Failure::Damaged(why),
            EngineError::Missing(key) => Failure::Damaged(format!("there is no {key}")),
            EngineError::Store(error) => Failure::Unavailable(error.to_string()),
        }
    }
}

/// Why an operation on what a head pointed at comes to no result.
pub(crate) enum Stop {
    Refused(Failure),
    /// This key is not there: if the head moved on, it was collected, and the operation is done again.
    Missing(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Refused(failure)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        match error {
            EngineError::Missing(key) => Stop::Missing(key),
            error => Stop::Refused(error.into()),
        }
    }
}

impl From<LazyError<EngineError>> for Stop {
    fn from(error: LazyError<EngineError>) -> Stop {
        match error {
            LazyError::Diff(error) => Stop::Refused(Failure::BadRequest(format!("the diff: {error}"))),
            LazyError::Base(error) => error.into(),
        }
    }
}
