//! What subscribers are told without asking.

use super::fields::missing;
use super::meta::{decode_meta, meta_map};
use super::response::MapWriter;
use super::{Fields, Format};
use crate::codec::DecodeError;
use crate::id::EntityId;
use crate::limits::{Limits, TRUSTED};
use crate::operation::{Meta, Told};
use crate::prelude::*;
use crate::time::Timestamp;

/// A change of an entity, to every subscribed connection but the one that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Which entity.
    pub entity_id: EntityId,
    /// From the version before. Without one: the value, as a diff over nothing.
    pub diff: Told,
    /// Of the new version.
    pub meta: Meta,
    /// The version before; absent for a first version, and where a lost push is made good to who holds no version that is known.
    pub prev_valid_from: Option<Timestamp>,
}

impl Push {
    /// Writes it.
    ///
    /// # Errors
    /// When what is stored can't be written in this format; never in CBOR.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>, DecodeError> {
        let mut map = MapWriter::new(format);
        map.text("entityId", self.entity_id.as_str());
        map.told(&self.diff);
        map.nested("meta", meta_map(&self.meta, format));
        if let Some(previous) = self.prev_valid_from {
            map.text("prevValidFrom", &previous.to_text());
        }
        map.written()
    }

    /// Reads it, as a client does.
    pub fn decode(frame: &[u8], format: Format, limits: &Limits) -> Result<Push, DecodeError> {
        let fields = Fields::decode(frame, format, TRUSTED.message_bytes, limits)?;
        let entity = fields.text("entityId")?.ok_or_else(|| missing("entityId"))?;
        Ok(Push {
            entity_id: EntityId::parse(&entity).map_err(|error| DecodeError::malformed(error.as_str()))?,
            diff: fields.told()?.ok_or_else(|| missing("diff"))?,
            meta: decode_meta(&fields.map("meta")?.ok_or_else(|| missing("meta"))?)?,
            prev_valid_from: fields.time("prevValidFrom")?,
        })
    }
}
