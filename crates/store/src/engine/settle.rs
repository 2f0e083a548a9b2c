//! The engine over a store, and what every operation is made of: read the head and the record it points at, do something,
//! and all of that again when somebody else was faster.

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Access, Context, Failure};

use super::known::{Known, Orgs};
use crate::error::{EngineError, Stop};
use crate::key::{Pointer, head_key, record_key};
use crate::loader::Loader;
use crate::record::Record;
use crate::store::Store;

/// How often a change is tried when others keep winning.
const ROUNDS: u32 = 256;

/// The engine over a store. `nonce` gives 32 random bits a call; races for one version are told apart by them.
pub struct Engine<S, N> {
    pub(super) store: S,
    pub(super) nonce: N,
    pause: fn(u32, u32),
    pub(super) known: Known,
    pub(super) orgs: Orgs,
}

/// The record that a head points at.
pub(super) struct Current {
    pub(super) pointer: Pointer,
    pub(super) record: Record,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// An engine over `store`.
    pub fn new(store: S, nonce: N) -> Self {
        Engine { store, nonce, pause: |_, _| {}, known: Known::default(), orgs: Orgs::default() }
    }

    /// The same, waiting between the rounds of a contended change: `pause` gets the number of the lost round, from 0,
    /// and 32 random bits to draw the length of the wait from.
    pub fn with_pause(self, pause: fn(u32, u32)) -> Self {
        Engine { pause, ..self }
    }

    /// Does something on the current version if there is one and the caller may know of it; again, after a pause, when
    /// somebody else's version came first (`None`), and when what the head led to was collected meanwhile.
    pub(super) async fn settle<T>(
        &self,
        context: &Context,
        id: &EntityId,
        operation: impl AsyncFn(&Current, &Loader<'_, S>) -> Result<Option<T>, Stop>,
    ) -> Result<T, Failure> {
        for round in 0..ROUNDS {
            let pointer = self.head(id).await?;
            if pointer == 0 {
                return Err(Failure::NotFound);
            }
            let loader = Loader::new(&self.store, id.as_str());
            let outcome = match self.record(id, pointer).await {
                Ok(record) if context.access == Access::Creator && record.creator != context.person_id => {
                    return Err(Failure::NotFound);
                }
                Ok(record) => operation(&Current { pointer, record }, &loader).await,
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => (self.pause)(round, (self.nonce)()),
                Err(Stop::Refused(failure)) => return Err(failure),
                Err(Stop::Missing(key)) if self.head(id).await? == pointer => {
                    return Err(EngineError::Missing(key).into());
                }
                Err(Stop::Missing(_)) => {}
            }
        }
        Err(Failure::Busy)
    }

    pub(super) async fn head(&self, id: &EntityId) -> Result<Pointer, EngineError> {
        Ok(self.store.read_head(&head_key(id.as_str())).await?)
    }

    async fn record(&self, id: &EntityId, pointer: Pointer) -> Result<Record, EngineError> {
        let key = record_key(id.as_str(), pointer);
        let Some(bytes) = self.store.get(&key).await? else { return Err(EngineError::Missing(key)) };
        Record::from_bytes(&bytes).map_err(|why| EngineError::Corrupt(format!("record {key} {why}")))
    }
}
