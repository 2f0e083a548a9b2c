//! What comes of a request.

use super::fields::missing;
use super::meta::{decode_meta, meta_map};
use super::{Code, Fields, Format};
use crate::codec::DecodeError;
#[cfg(feature = "server")]
use crate::codec::cbor;
use crate::codec::cbor::write::Writer;
#[cfg(feature = "server")]
use crate::codec::json;
use crate::limits::{Limits, TRUSTED};
use crate::operation::{CborDiff, CborValue, Failure, Meta, Outcome, Reading, Told, Violation};
use crate::prelude::*;

/// One response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The request's; none for a frame that was no request.
    pub id: Option<u64>,
    /// As in HTTP (RFC 9110).
    pub status: u16,
    /// Of the version that the answer is about.
    pub meta: Option<Meta>,
    /// The whole value.
    pub value: Option<CborValue>,
    /// What changed, from the version that the request named.
    pub diff: Option<Told>,
    /// What the reader is with the entity: the name of a [role](crate::org::Role).
    pub role: Option<String>,
    /// A page of history.
    pub versions: Option<Vec<Meta>>,
    /// Whether there are older versions than those.
    pub more: Option<bool>,
    /// What went wrong: code, and what would be right.
    pub error: Option<(Code, String)>,
    /// With the code `invalid-value`: each rule that is broken, and where.
    pub violations: Vec<Violation>,
}

impl Response {
    /// 200 and nothing else.
    pub fn ok(id: Option<u64>) -> Response {
        Response { id, status: 200, ..Response::default() }
    }

    /// A failure, with its code's status.
    pub fn error(id: Option<u64>, code: Code, message: impl Into<String>) -> Response {
        Response { id, status: code.status(), error: Some((code, message.into())), ..Response::default() }
    }

    /// What the engine refused.
    pub fn of_failure(id: Option<u64>, failure: Failure) -> Response {
        let message = failure.to_string();
        let error = |code| Response::error(id, code, message.clone());
        match failure {
            Failure::NotFound => error(Code::NotFound),
            Failure::Exists => error(Code::Exists),
            Failure::Conflict(diff, meta) => Response { diff: Some(diff), meta: Some(*meta), ..error(Code::Conflict) },
            Failure::UnknownVersion(value, meta) => {
                Response { value: Some(value), meta: Some(*meta), ..error(Code::UnknownVersion) }
            }
            Failure::PreconditionRequired => error(Code::PreconditionRequired),
            Failure::NotDeleted => error(Code::NotDeleted),
            Failure::BadRequest(_) => error(Code::BadRequest),
            Failure::InvalidValue(violations) => Response { violations, ..error(Code::InvalidValue) },
            Failure::Forbidden(_) => error(Code::Forbidden),
            Failure::TooLarge(_) => error(Code::TooLarge),
            Failure::Busy => error(Code::Busy),
            Failure::Damaged(_) => error(Code::Damaged),
            Failure::Unavailable(_) => error(Code::Unavailable),
        }
    }

    /// What came of an operation.
    pub fn of_outcome(id: Option<u64>, outcome: Outcome) -> Response {
        let base = Response::ok(id);
        match outcome {
            Outcome::Created(committed) => {
                Response { status: 201, ..Response::of_outcome(id, Outcome::Changed(committed)) }
            }
            Outcome::Changed(committed) => Response { meta: Some(committed.meta), diff: committed.merged, ..base },
            Outcome::Reading(Reading::NotModified(meta)) => Response { status: 304, meta: Some(meta), ..base },
            Outcome::Reading(Reading::Value(value, meta)) => Response { value: Some(value), meta: Some(meta), ..base },
            Outcome::Reading(Reading::Diff(diff, meta)) => Response { diff: Some(diff), meta: Some(meta), ..base },
            Outcome::Page(page) => Response { versions: Some(page.versions), more: Some(page.more), ..base },
        }
    }

    /// The frame, or the answer to `POST /message`.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        self.encode_framed(format).1
    }

    /// The same, and the status that is in it: where what is stored can't be written in this format, that is said instead, and
    /// nothing else is made of it.
    pub fn encode_framed(&self, format: Format) -> (u16, Vec<u8>) {
        self.written(|response| {
            let mut map = MapWriter::new(format);
            if let Some(id) = response.id {
                map.uint("id", id);
            }
            map.uint("status", u64::from(response.status));
            response.write(map)
        })
    }

    /// The body of the HTTP API's answers, without id and status, which are elsewhere; and that status, as in
    /// [`encode_framed`](Response::encode_framed).
    pub fn encode_body(&self, format: Format) -> (u16, Vec<u8>) {
        self.written(|response| response.write(MapWriter::new(format)))
    }

    fn written(&self, write: impl Fn(&Response) -> MapWriter) -> (u16, Vec<u8>) {
        match write(self).written() {
            Ok(bytes) => (self.status, bytes),
            Err(error) => {
                let message = ["what is stored can't be written in this format: ", &error.to_string()].concat();
                let failed = Response::error(self.id, Code::Unavailable, message);
                (failed.status, write(&failed).finish())
            }
        }
    }

    fn write(&self, mut map: MapWriter) -> MapWriter {
        let format = map.format;
        if let Some((code, message)) = &self.error {
            map.raw("error", &encode_error(*code, message, &self.violations, format));
        }
        if let Some(value) = &self.value {
            map.value("value", value);
        }
        if let Some(diff) = &self.diff {
            map.told(diff);
        }
        if let Some(meta) = &self.meta {
            map.nested("meta", meta_map(meta, format));
        }
        if let Some(role) = &self.role {
            map.text("role", role);
        }
        if let Some(versions) = &self.versions {
            let items: Vec<Vec<u8>> = versions.iter().map(|meta| map.item(meta_map(meta, format))).collect();
            map.array("versions", &items);
        }
        if let Some(more) = self.more {
            map.bool("more", more);
        }
        map
    }

    /// Reads a frame, as a client does.
    pub fn decode(frame: &[u8], format: Format, limits: &Limits) -> Result<Response, DecodeError> {
        let fields = Fields::decode(frame, format, TRUSTED.message_bytes, limits)?;
        let status = fields.uint("status")?.and_then(|status| u16::try_from(status).ok());
        let (mut error, mut violations) = (None, Vec::new());
        if let Some(failed) = fields.map("error")? {
            let code = failed.text("code")?.unwrap_or_default();
            error = Some((Code::parse(&code).unwrap_or(Code::Internal), failed.text("message")?.unwrap_or_default()));
            for broken in failed.maps("violations")?.unwrap_or_default() {
                let text = |name| Ok::<_, DecodeError>(broken.text(name)?.unwrap_or_default());
                violations.push(Violation { path: text("path")?, message: text("message")? });
            }
        }
        let versions = match fields.maps("versions")? {
            None => None,
            Some(versions) => Some(versions.iter().map(decode_meta).collect::<Result<_, _>>()?),
        };
        Ok(Response {
            id: fields.uint("id")?,
            status: status.ok_or_else(|| missing("status"))?,
            meta: fields.map("meta")?.map(|meta| decode_meta(&meta)).transpose()?,
            value: fields.value("value")?,
            diff: fields.told()?,
            role: fields.text("role")?,
            versions,
            more: fields.bool("more")?,
            error,
            violations,
        })
    }
}

/// `error`, as it stands in messages.
pub(crate) fn encode_error(code: Code, message: &str, violations: &[Violation], format: Format) -> Vec<u8> {
    let mut error = MapWriter::new(format);
    error.text("code", code.as_str());
    error.text("message", message);
    if !violations.is_empty() {
        let violations: Vec<Vec<u8>> = violations.iter().map(|broken| violation(broken, format)).collect();
        error.array("violations", &violations);
    }
    error.finish()
}

fn violation(violation: &Violation, format: Format) -> Vec<u8> {
    let mut map = MapWriter::new(format);
    map.text("path", &violation.path);
    map.text("message", &violation.message);
    map.finish()
}

/// Puts a map together field by field, in either format.
pub(crate) struct MapWriter {
    pub(crate) format: Format,
    fields: usize,
    body: Vec<u8>,
    /// Why a field that is there could not be written. In CBOR, what is stored is passed on as it is.
    unwritable: Option<DecodeError>,
}

impl MapWriter {
    pub(crate) fn new(format: Format) -> MapWriter {
        MapWriter { format, fields: 0, body: Vec::new(), unwritable: None }
    }

    /// A map in this one.
    pub(super) fn nested(&mut self, name: &str, map: MapWriter) {
        let item = self.item(map);
        self.raw(name, &item);
    }

    /// A map that goes into this one.
    fn item(&mut self, map: MapWriter) -> Vec<u8> {
        if self.unwritable.is_none() {
            self.unwritable.clone_from(&map.unwritable);
        }
        map.finish()
    }

    /// The map, if all that is in it could be written.
    pub(super) fn written(self) -> Result<Vec<u8>, DecodeError> {
        match &self.unwritable {
            None => Ok(self.finish()),
            Some(error) => Err(error.clone()),
        }
    }

    /// A field whose value is encoded already, in this map's format.
    pub(crate) fn raw(&mut self, name: &str, item: &[u8]) {
        match self.format {
            Format::Cbor => Writer::to(&mut self.body).text(name),
            #[cfg(feature = "server")]
            Format::Json => {
                self.body.extend_from_slice(if self.fields == 0 { b"\"" } else { b",\"" });
                self.body.extend_from_slice(name.as_bytes());
                self.body.extend_from_slice(b"\":");
            }
        }
        self.fields += 1;
        self.body.extend_from_slice(item);
    }

    pub(crate) fn uint(&mut self, name: &str, number: u64) {
        let item = match self.format {
            Format::Cbor => encoded(|writer| writer.uint(number)),
            #[cfg(feature = "server")]
            Format::Json => number.to_string().into_bytes(),
        };
        self.raw(name, &item);
    }

    pub(crate) fn bool(&mut self, name: &str, truth: bool) {
        let item = match self.format {
            Format::Cbor => encoded(|writer| writer.bool(truth)),
            #[cfg(feature = "server")]
            Format::Json => truth.to_string().into_bytes(),
        };
        self.raw(name, &item);
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        let item = match self.format {
            Format::Cbor => encoded(|writer| writer.text(text)),
            #[cfg(feature = "server")]
            Format::Json => serde_json::Value::from(text).to_string().into_bytes(),
        };
        self.raw(name, &item);
    }

    pub(crate) fn array(&mut self, name: &str, items: &[Vec<u8>]) {
        let item = match self.format {
            Format::Cbor => {
                let mut array = encoded(|writer| writer.array(items.len()));
                items.iter().for_each(|item| array.extend_from_slice(item));
                array
            }
            #[cfg(feature = "server")]
            Format::Json => [&b"["[..], &items.join(&b','), b"]"].concat(),
        };
        self.raw(name, &item);
    }

    pub(crate) fn value(&mut self, name: &str, value: &CborValue) {
        match self.format {
            Format::Cbor => self.raw(name, &value.0),
            #[cfg(feature = "server")]
            Format::Json => match cbor::decode_value(&value.0, &TRUSTED) {
                Ok(value) => self.raw(name, &json::value_to_text(&value)),
                Err(error) => self.unwritable = Some(error),
            },
        }
    }

    pub(crate) fn diff(&mut self, name: &str, diff: &CborDiff) {
        match self.format {
            Format::Cbor => self.raw(name, &diff.0),
            #[cfg(feature = "server")]
            Format::Json => match cbor::decode_patch(&diff.0, &TRUSTED) {
                Ok(patch) => self.raw(name, &json::patch_to_text(&patch)),
                Err(error) => self.unwritable = Some(error),
            },
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self.format {
            Format::Cbor => {
                let mut map = encoded(|writer| writer.map(self.fields));
                map.extend_from_slice(&self.body);
                map
            }
            #[cfg(feature = "server")]
            Format::Json => [&b"{"[..], &self.body, b"}"].concat(),
        }
    }
}

fn encoded(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut item = Vec::new();
    write(&mut Writer::to(&mut item));
    item
}
