//! `noteHistory`: which versions a note has, newest first, and what it was called in each. Titles are found by going back from
//! the newest version of a page, diff by diff, over nothing but the title. Pages of long diffs have few versions: several make up
//! the answer, and past so many bytes it ends, shorter than it was asked for.

use serde_json::{Value as Json, json};
use timeweft_core::codec::cbor;
use timeweft_core::diff::Patch;
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{CborDiff, Failure, History, Meta, Operation, Page};
use timeweft_core::value::Value;

use crate::host::Host;
use crate::internal;

use super::fault::Fault;
use super::input::Input;
use super::procedures::Notes;

/// Versions unless the client says.
const PAGE: u32 = 100;

/// Bytes of diffs that are gone back over for one answer.
const WALKED_BYTES: usize = 32 << 20;

const TITLE: &str = "title";

impl<H: Host> Notes<'_, H> {
    /// `[{ version, title, updatedAt, personId }]`
    pub(super) async fn history(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let limit = input.count("limit")?.map_or(PAGE, |limit| u32::try_from(limit).unwrap_or(u32::MAX));
        let mut history = History::of(input.time("before")?, Some(limit));
        let (mut entries, mut walked) = (Vec::new(), 0);
        loop {
            let Page { versions, more } = self.outcome(&entity, Operation::History(history)).await?.page()?;
            let Some(oldest) = versions.last() else { break };
            let read = versions.len() as u32;
            history = History { before: Some(oldest.valid_from), limit: history.limit.saturating_sub(read) };
            walked += versions.iter().filter_map(|meta| Some(meta.previous_values.as_ref()?.0.len())).sum::<usize>();
            entries.extend(self.titles(&entity, versions).await?);
            if !more || history.limit == 0 || walked > WALKED_BYTES {
                break;
            }
        }
        Ok(entries.into())
    }

    /// Those of one page.
    async fn titles(&self, entity: &EntityId, versions: Vec<Meta>) -> Result<Vec<Json>, Fault> {
        let Some(newest) = versions.first() else { return Ok(Vec::new()) };
        let mut value = only_title(self.version(entity, newest.clone()).await?.value);
        let mut entries = Vec::with_capacity(versions.len());
        for meta in versions {
            entries.push(json!({
                "version": meta.version,
                TITLE: internal::text(&value, TITLE).unwrap_or_default(),
                "updatedAt": meta.valid_from.to_text(),
                "personId": meta.person_id,
            }));
            if let Some(previous) = &meta.previous_values {
                value = self.before(previous, value)?;
            }
        }
        Ok(entries)
    }

    /// What the value was, as far as its title goes.
    fn before(&self, previous: &CborDiff, mut value: Value) -> Result<Value, Fault> {
        let broken = |error: &dyn std::fmt::Display| Failure::Unavailable(format!("a diff can't be read: {error}"));
        let mut patch = cbor::decode_patch(&previous.0, &TRUSTED).map_err(|error| broken(&error))?;
        if let (Patch::Map(members), Value::Object(_)) = (&mut patch, &value) {
            members.retain(|name, _| name == TITLE);
        }
        let diff = patch.resolve(&value).map_err(|error| broken(&error))?;
        diff.apply(&mut value).map_err(|error| broken(&error))?;
        Ok(only_title(value))
    }
}

fn only_title(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|name, _| name == TITLE);
    }
    value
}
