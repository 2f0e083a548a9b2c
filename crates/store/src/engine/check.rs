//! Reading all that is stored of an entity, to learn whether it is what was written.

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure};

use super::settle::Engine;
use super::walk::Walk;
use crate::error::EngineError;
use crate::loader::Loader;
use crate::record::{Entry, Record};
use crate::store::Store;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Reads every version of the entity, its value and its way back; the number of versions.
    ///
    /// # Errors
    /// [`Failure::Damaged`] with the first thing that is not as it was written.
    pub async fn check(&self, context: &Context, id: &EntityId) -> Result<u64, Failure> {
        self.settle(context, id, async |current, loader| {
            Ok(Some(self.check_versions(loader, id, &current.record).await?))
        })
        .await
    }

    async fn check_versions(&self, loader: &Loader<'_, S>, id: &EntityId, record: &Record) -> Result<u64, EngineError> {
        let mut walk = Walk::new(loader, record);
        let mut newest_first: Vec<Entry> = Vec::new();
        while let Some(entry) = walk.next().await? {
            newest_first.push(entry);
        }
        let mut value = None;
        for entry in newest_first.iter().rev() {
            if entry.previous.is_some() {
                self.diff(loader, &entry.previous).await?;
            }
            let base = match &entry.base {
                Some(base) => Some(self.base(loader, id, base).await?.whole(loader).await?),
                None => None,
            };
            value = match (value, base) {
                (None, base) => base,
                (Some(mut value), base) => {
                    let diff = self.diff(loader, &entry.diff).await?;
                    diff.apply(&mut value).map_err(|error| damaged(id, entry, &error.to_string()))?;
                    if base.is_some_and(|base| base != value) {
                        return Err(damaged(id, entry, "its value is not what the changes before it come to"));
                    }
                    Some(value)
                }
            };
        }
        let now = self.state(loader, id, record).await?.whole(loader).await?;
        match value {
            Some(value) if value == now => Ok(newest_first.len() as u64),
            // A short first version is in the record alone until there is a second.
            None if newest_first.len() == 1 => Ok(1),
            _ => Err(damaged(id, &record.entry, "the current value is not what the changes come to")),
        }
    }
}

fn damaged(id: &EntityId, entry: &Entry, why: &str) -> EngineError {
    EngineError::Corrupt(format!("version {} of {id}: {why}", entry.version))
}
