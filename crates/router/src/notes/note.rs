//! One version of a note, and how it is shown.

use serde_json::{Value as Json, json};
use timeweft_core::codec::cbor;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{CborValue, Failure, Meta, Moment, Read, Reading, Which};
use timeweft_core::value::Value;

use crate::internal;

/// The type.
pub(crate) const KIND: &str = "note";

/// One version of a note.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) meta: Meta,
    pub(crate) value: Value,
}

impl Note {
    pub(crate) fn title(&self) -> &str {
        internal::text(&self.value, "title").unwrap_or_default()
    }

    /// As clients see it.
    pub(crate) fn json(&self) -> Json {
        let meta = &self.meta;
        json!({
            "id": meta.entity_id.split_once(':').map_or("", |(_, id)| id),
            "version": meta.version,
            "title": self.title(),
            "blob": internal::text(&self.value, "blob").unwrap_or_default(),
            "createdAt": meta.created_at.unwrap_or(meta.valid_from).to_text(),
            "updatedAt": meta.valid_from.to_text(),
            "deleted": meta.deleted,
        })
    }
}

/// What was read, as a note.
pub(crate) fn of_reading(reading: Reading) -> Result<Note, Failure> {
    let Reading::Value(CborValue(bytes), meta) = reading else {
        return Err(Failure::Unavailable("a note was asked for whole and came otherwise".to_owned()));
    };
    // However large, and whatever the limit is by now: it was taken once.
    let value = cbor::decode_value(&bytes, &TRUSTED)
        .map_err(|error| Failure::Unavailable(format!("{} can't be read: {error}", meta.entity_id)))?;
    Ok(Note { meta, value })
}

/// The version that `meta` is of, whatever came after it; `read` reads the note.
pub(crate) async fn version<E: From<Failure>>(
    meta: Meta,
    read: impl AsyncFn(Read) -> Result<Reading, E>,
) -> Result<Note, E> {
    let current = of_reading(read(Read::whole(Which::Latest)).await?)?;
    if current.meta.version == meta.version {
        return Ok(Note { meta, ..current });
    }
    // A deletion keeps the value of the version before it, and only that can be read.
    let moment = Moment::Version(if meta.deleted { meta.version.saturating_sub(1) } else { meta.version });
    let past = of_reading(read(Read::whole(Which::Past(moment))).await?)?;
    Ok(Note { meta, ..past })
}
