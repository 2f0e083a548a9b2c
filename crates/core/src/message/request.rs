//! What a client asks.

use super::fields::missing;
use super::{Code, Fields, Format, Response};
use crate::codec::DecodeError;
use crate::codec::cbor::head::{Decoder, Token};
use crate::codec::cbor::{scan, tag};
use crate::id::EntityId;
use crate::limits::{Limits, TRUSTED};
use crate::operation::{CborDiff, CborValue, Delete, History, Moment, Operation, Patch, Post, Read, Which};
use crate::prelude::*;
use crate::time::Timestamp;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Chosen by the client, echoed in the response.
    pub id: u64,
    /// What is asked.
    pub method: Method,
}

/// What is asked, of which entity.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of docs/protocol.md, by their names there")]
pub enum Method {
    /// Create.
    Post { entity: EntityId, value: CborValue, valid_from: Option<Timestamp>, idempotency_key: Option<String> },
    /// Read.
    Get {
        entity: EntityId,
        if_modified_since: Option<Timestamp>,
        as_of: Option<Timestamp>,
        diff_from: Option<Timestamp>,
    },
    /// Change.
    PatchDiff {
        entity: EntityId,
        diff: CborDiff,
        if_unmodified_since: Option<Timestamp>,
        idempotency_key: Option<String>,
        valid_from: Option<Timestamp>,
    },
    /// Delete, softly.
    Delete { entity: EntityId, if_unmodified_since: Option<Timestamp> },
    /// Take a deletion back.
    PatchUndelete { entity: EntityId },
    /// Read, and be pushed what follows.
    Subscribe { entity: EntityId, valid_from: Option<Timestamp> },
    /// Be pushed no more.
    Unsubscribe { entity: EntityId },
    /// List versions, newest first.
    History { entity: EntityId, before: Option<Timestamp>, limit: Option<u32> },
}

impl Method {
    /// Of which entity.
    pub fn entity(&self) -> &EntityId {
        match self {
            Method::Post { entity, .. }
            | Method::Get { entity, .. }
            | Method::PatchDiff { entity, .. }
            | Method::Delete { entity, .. }
            | Method::PatchUndelete { entity }
            | Method::Subscribe { entity, .. }
            | Method::Unsubscribe { entity }
            | Method::History { entity, .. } => entity,
        }
    }

    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Post { .. } => "post",
            Method::Get { .. } => "get",
            Method::PatchDiff { .. } => "patchDiff",
            Method::Delete { .. } => "delete",
            Method::PatchUndelete { .. } => "patchUndelete",
            Method::Subscribe { .. } => "subscribe",
            Method::Unsubscribe { .. } => "unsubscribe",
            Method::History { .. } => "history",
        }
    }
}

/// What a method comes to: something of the entity, or of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Of the entity.
    Operation(Operation),
    /// To read it, and be pushed what follows.
    Subscribe {
        /// The version that the client has.
        valid_from: Option<Timestamp>,
    },
    /// To be pushed no more.
    Unsubscribe,
}

impl Method {
    /// What it comes to.
    pub fn asked(self) -> Asked {
        Asked::Operation(match self {
            Method::Subscribe { valid_from, .. } => return Asked::Subscribe { valid_from },
            Method::Unsubscribe { .. } => return Asked::Unsubscribe,
            Method::Post { value, valid_from, idempotency_key, .. } => {
                Operation::Post(Post { value, valid_from, idempotency_key })
            }
            Method::Get { if_modified_since, as_of: None, diff_from: None, .. } => {
                Operation::Read(Read { which: Which::Current, since: if_modified_since })
            }
            Method::Get { as_of, diff_from, .. } => {
                let moment = Moment::Time(as_of.unwrap_or(Timestamp::FOREVER));
                Operation::Read(Read { which: Which::Past(moment), since: diff_from })
            }
            Method::PatchDiff { diff, if_unmodified_since, idempotency_key, valid_from, .. } => {
                Operation::Patch(Patch { diff, if_unmodified_since, valid_from, idempotency_key })
            }
            Method::Delete { if_unmodified_since, .. } => Operation::Delete(Delete { if_unmodified_since }),
            Method::PatchUndelete { .. } => Operation::Undelete,
            Method::History { before, limit, .. } => Operation::History(History::of(before, limit)),
        })
    }
}

/// A frame that is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The request's id, if it could be read.
    pub id: Option<u64>,
    /// What kind of wrong.
    pub code: Code,
    /// What was wrong and what would be right.
    pub message: String,
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Response {
        Response::error(refusal.id, refusal.code, refusal.message)
    }
}

impl Refusal {
    fn of(id: Option<u64>, error: DecodeError) -> Refusal {
        let (code, message) = error.into();
        Refusal { id, code, message }
    }
}

/// The longest idempotency key, in bytes. Keys are kept for as long as the version they made is recent: they are short.
pub const MAX_IDEMPOTENCY_KEY: usize = 256;

impl Request {
    /// Reads a frame from a socket: at most `message_bytes` long.
    pub fn decode(frame: &[u8], format: Format, limits: &Limits) -> Result<Request, Refusal> {
        Self::decode_within(frame, format, limits.message_bytes, limits)
    }

    /// The same with another bound on the frame.
    pub fn decode_within(frame: &[u8], format: Format, max_bytes: usize, limits: &Limits) -> Result<Request, Refusal> {
        if frame.len() > max_bytes {
            let error = crate::codec::too_many_bytes(frame.len(), max_bytes);
            return Err(Refusal::of(id_of_start(frame, format), error));
        }
        let fields = Fields::decode(frame, format, max_bytes, limits)
            .map_err(|error| Refusal::of(id_of_start(frame, format), error))?;
        let refuse = |id| move |error| Refusal::of(id, error);
        let id = fields.uint("id").map_err(refuse(None))?;
        let known = id.ok_or_else(|| missing("id (an unsigned integer)")).map_err(refuse(None))?;
        let name = fields.text("method").and_then(|name| name.ok_or_else(|| missing("method"))).map_err(refuse(id))?;
        let method = match method(&fields, &name) {
            Ok(method) => method.ok_or_else(|| Refusal {
                id,
                code: Code::UnknownMethod,
                message: ["there is no method `", &name, "`: ", &METHODS.join(", ")].concat(),
            })?,
            Err(error) => return Err(Refusal::of(id, error)),
        };
        Ok(Request { id: known, method })
    }

    /// Writes it, as a client does.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let mut map = super::response::MapWriter::new(format);
        map.uint("id", self.id);
        map.text("method", self.method.name());
        map.text("entityId", self.method.entity().as_str());
        let mut time = |name, time: &Option<Timestamp>| {
            if let Some(time) = time {
                map.text(name, &time.to_text());
            }
        };
        match &self.method {
            Method::Post { valid_from, .. } | Method::Subscribe { valid_from, .. } => time("validFrom", valid_from),
            Method::Get { if_modified_since, as_of, diff_from, .. } => {
                time("ifModifiedSince", if_modified_since);
                time("asOf", as_of);
                time("diffFrom", diff_from);
            }
            Method::PatchDiff { if_unmodified_since, valid_from, .. } => {
                time("ifUnmodifiedSince", if_unmodified_since);
                time("validFrom", valid_from);
            }
            Method::Delete { if_unmodified_since, .. } => time("ifUnmodifiedSince", if_unmodified_since),
            Method::History { before, .. } => time("before", before),
            Method::PatchUndelete { .. } | Method::Unsubscribe { .. } => {}
        }
        match &self.method {
            Method::Post { value, idempotency_key, .. } => {
                map.value("value", value);
                if let Some(key) = idempotency_key {
                    map.text("idempotencyKey", key);
                }
            }
            Method::PatchDiff { diff, idempotency_key, .. } => {
                map.diff("diff", diff);
                if let Some(key) = idempotency_key {
                    map.text("idempotencyKey", key);
                }
            }
            Method::History { limit: Some(limit), .. } => map.uint("limit", u64::from(*limit)),
            _ => {}
        }
        map.finish()
    }
}

const METHODS: [&str; 8] =
    ["post", "get", "patchDiff", "delete", "patchUndelete", "subscribe", "unsubscribe", "history"];

fn method(fields: &Fields<'_>, name: &str) -> Result<Option<Method>, DecodeError> {
    if !METHODS.contains(&name) {
        return Ok(None);
    }
    let entity = fields.text("entityId")?.ok_or_else(|| missing("entityId"))?;
    let entity = EntityId::parse(&entity).map_err(|error| DecodeError::malformed(error.as_str()).within("entityId"))?;
    Ok(Some(match name {
        "post" => Method::Post {
            entity,
            value: fields.value("value")?.ok_or_else(|| missing("value"))?,
            valid_from: fields.time("validFrom")?,
            idempotency_key: idempotency_key(fields)?,
        },
        "get" => {
            let (if_modified_since, as_of) = (fields.time("ifModifiedSince")?, fields.time("asOf")?);
            Method::Get { entity, if_modified_since, as_of, diff_from: fields.time("diffFrom")? }
        }
        "patchDiff" => Method::PatchDiff {
            entity,
            diff: fields.diff("diff")?.ok_or_else(|| missing("diff"))?,
            if_unmodified_since: fields.time("ifUnmodifiedSince")?,
            idempotency_key: idempotency_key(fields)?,
            valid_from: fields.time("validFrom")?,
        },
        "delete" => Method::Delete { entity, if_unmodified_since: fields.time("ifUnmodifiedSince")? },
        "patchUndelete" => Method::PatchUndelete { entity },
        "subscribe" => Method::Subscribe { entity, valid_from: fields.time("validFrom")? },
        "unsubscribe" => Method::Unsubscribe { entity },
        _ => {
            let limit = match fields.uint("limit")? {
                Some(0) => return Err(DecodeError::malformed("a whole number above 0 was expected").within("limit")),
                limit => limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
            };
            Method::History { entity, before: fields.time("before")?, limit }
        }
    }))
}

fn idempotency_key(fields: &Fields<'_>) -> Result<Option<String>, DecodeError> {
    let key = fields.text("idempotencyKey")?;
    match key {
        Some(key) if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY => {
            Err(DecodeError::malformed(["1 to ", &decimal(MAX_IDEMPOTENCY_KEY), " bytes were expected"].concat())
                .within("idempotencyKey"))
        }
        key => Ok(key),
    }
}

/// How much of a frame that can't be read as a whole is looked through for its id.
const ID_WITHIN: usize = 4096;

/// The id of a frame that can't be read as a whole, where it stands near the start, as most clients write it.
fn id_of_start(frame: &[u8], format: Format) -> Option<u64> {
    let start = frame.get(..frame.len().min(ID_WITHIN))?;
    match format {
        Format::Cbor => id_of_cbor(&mut Decoder::new(start)),
        #[cfg(feature = "server")]
        Format::Json => {
            let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
            let rest = start.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"id\"")?;
            let digits = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
            let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
            super::fields::whole(std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()?)
        }
    }
}

/// Looks through a map, or a record as npm cbor-x writes it: 57343([id, [keys…], values…]).
fn id_of_cbor(decoder: &mut Decoder<'_>) -> Option<u64> {
    fn skip(decoder: &mut Decoder<'_>) -> Option<()> {
        scan::scan(decoder, TRUSTED.depth).ok().map(drop)
    }
    match decoder.token().ok()? {
        Token::Tag(tag::RECORD) => {
            let mut before = None;
            let Token::Array(_) = decoder.token().ok()? else { return None };
            let Token::Uint(_) = decoder.token().ok()? else { return None };
            let Token::Array(keys) = decoder.token().ok()? else { return None };
            for index in 0..keys {
                if decoder.token().ok()? == Token::Text("id") {
                    before = Some(index);
                }
            }
            (0..before?).try_for_each(|_| skip(decoder))?;
        }
        Token::Map(_) | Token::BeginMap => {
            while decoder.token().ok()? != Token::Text("id") {
                skip(decoder)?;
            }
        }
        _ => return None,
    }
    match decoder.token().ok()? {
        Token::Float(number) => super::fields::whole(number),
        Token::Uint(argument) => Some(argument.number),
        _ => None,
    }
}
