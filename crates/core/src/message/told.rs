//! A change as it is told, on the wire.

use super::fields::missing;
use super::response::MapWriter;
use super::{Fields, Format};
use crate::codec::DecodeError;
use crate::operation::{Exact, Step, Told};
use crate::prelude::*;

impl MapWriter {
    /// A change, in as many fields as it takes.
    pub(crate) fn told(&mut self, told: &Told) {
        self.diff("diff", &told.diff);
        if let Some(Exact(exact)) = &told.exact {
            self.diff("exact", exact);
        }
        // For who merges, and that is done in CBOR.
        if !told.steps.is_empty() && self.format == Format::Cbor {
            let steps: Vec<Vec<u8>> = told.steps.iter().map(step).collect();
            self.array("steps", &steps);
        }
    }
}

fn step(step: &Step) -> Vec<u8> {
    let mut map = MapWriter::new(Format::Cbor);
    map.uint("version", step.version);
    map.text("validFrom", &step.valid_from.to_text());
    map.text("personId", &step.person_id);
    map.diff("diff", &step.diff.0);
    map.finish()
}

impl Fields<'_> {
    /// The same again; nothing without `diff`.
    pub(super) fn told(&self) -> Result<Option<Told>, DecodeError> {
        let Some(diff) = self.diff("diff")? else { return Ok(None) };
        let read = |step: Fields<'_>| {
            Ok(Step {
                version: step.uint("version")?.ok_or_else(|| missing("version"))?,
                valid_from: step.time("validFrom")?.ok_or_else(|| missing("validFrom"))?,
                person_id: step.text("personId")?.ok_or_else(|| missing("personId"))?,
                diff: Exact(step.diff("diff")?.ok_or_else(|| missing("diff"))?),
            })
        };
        let steps = self.maps("steps")?.unwrap_or_default();
        Ok(Some(Told {
            diff,
            exact: self.diff("exact")?.map(Exact),
            steps: steps.into_iter().map(read).collect::<Result<_, DecodeError>>()?,
        }))
    }
}
