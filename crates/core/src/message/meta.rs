//! What is known of a version, on the wire.

use super::fields::missing;
use super::response::MapWriter;
use super::{Fields, Format};
use crate::codec::DecodeError;
use crate::id::EntityId;
use crate::limits::TRUSTED;
use crate::operation::Meta;
use crate::prelude::*;

/// `meta`, as it stands in messages. Where a reverse diff can't be written in this format, it is left out.
pub fn encode_meta(meta: &Meta, format: Format) -> Vec<u8> {
    meta_map(meta, format).finish()
}

pub(super) fn meta_map(meta: &Meta, format: Format) -> MapWriter {
    let mut map = MapWriter::new(format);
    map.text("entityId", &meta.entity_id);
    let kind = meta.entity_id.split_once(':').map_or("", |(kind, _)| kind);
    map.text("type", kind);
    map.uint("version", meta.version);
    map.text("validFrom", &meta.valid_from.to_text());
    map.text("validTo", &meta.valid_to.to_text());
    map.text("personId", &meta.person_id);
    if let Some(previous) = &meta.previous_values {
        map.diff("previousValues", previous);
    }
    if meta.deleted {
        map.bool("deleted", true);
    }
    if let Some(impersonator) = &meta.impersonator_id {
        map.text("impersonatorId", impersonator);
    }
    if let Some(chunks) = meta.chunks {
        map.uint("chunks", u64::from(chunks));
    }
    if let Some(recorded) = meta.recorded_at {
        map.text("recordedAt", &recorded.to_text());
    }
    map
}

/// The same from its fields.
pub(super) fn decode_meta(fields: &Fields<'_>) -> Result<Meta, DecodeError> {
    let entity_id = fields.text("entityId")?.ok_or_else(|| missing("entityId"))?;
    EntityId::parse(&entity_id).map_err(|error| DecodeError::malformed(error.as_str()))?;
    Ok(Meta {
        entity_id,
        version: fields.uint("version")?.ok_or_else(|| missing("version"))?,
        valid_from: fields.time("validFrom")?.ok_or_else(|| missing("validFrom"))?,
        valid_to: fields.time("validTo")?.ok_or_else(|| missing("validTo"))?,
        person_id: fields.text("personId")?.ok_or_else(|| missing("personId"))?,
        previous_values: fields.diff("previousValues")?,
        deleted: fields.bool("deleted")?.unwrap_or(false),
        impersonator_id: fields.text("impersonatorId")?,
        chunks: fields.uint("chunks")?.and_then(|chunks| u32::try_from(chunks).ok()),
        recorded_at: fields.time("recordedAt")?,
        created_at: None,
    })
}

/// The same from a map of its own, in CBOR.
pub(crate) fn decode_meta_bytes(bytes: &[u8]) -> Result<Meta, DecodeError> {
    decode_meta(&Fields::decode(bytes, Format::Cbor, TRUSTED.message_bytes, &TRUSTED)?)
}
