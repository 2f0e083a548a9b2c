//! What an answer says, by its status.

use super::Outcome;
use crate::codec::cbor;
use crate::limits::TRUSTED;
use crate::message::{Code, Format, Response, encode_error};
use crate::prelude::*;
use crate::replica::request::Asked;
use crate::replica::{Change, Confirmed, Effect, Replica};

impl Replica {
    pub(in crate::replica) fn answered(&mut self, response: Response, now: f64, effects: &mut Vec<Effect>) -> Outcome {
        let Some(id) = response.id else { return Outcome::Ignored };
        self.heard = now;
        if let Some(role) = &response.role
            && self.role != *role
        {
            self.role.clone_from(role);
            self.disk.changed = true;
        }
        let awaited = self.awaited.take_if(|awaited| awaited.id == id).map(|awaited| awaited.what);
        let outcome = if self.sent.as_ref().is_some_and(|sent| sent.ids.contains(&id)) {
            if matches!(self.awaited.as_ref().map(|awaited| awaited.what), Some(Asked::Change)) {
                self.awaited = None;
            }
            self.change_answered(response, effects)
        } else if let Some(what) = awaited {
            self.read(what, response, effects)
        } else {
            return Outcome::Ignored;
        };
        if self.awaited.is_none() {
            self.take_held(effects);
        }
        outcome
    }

    fn read(&mut self, what: Asked, response: Response, effects: &mut Vec<Effect>) -> Outcome {
        if matches!(response.status, 200 | 304 | 404) {
            self.subscribed |= what == Asked::Subscribe;
            self.stale = false;
        }
        match (response.status, response.value, response.diff, response.meta) {
            (304, ..) => Outcome::Ignored,
            (200, Some(value), _, Some(meta)) => match cbor::decode_value(&value.0, &TRUSTED) {
                Ok(value) => {
                    self.disk.distrusted = false;
                    self.load_value(value, meta, effects)
                }
                Err(_) => self.postpone(effects),
            },
            (200, None, Some(diff), Some(meta)) => match &self.confirmed {
                Confirmed::Version(_, known) if meta.version > known.version => self.advance(diff, meta, effects),
                _ => Outcome::Ignored,
            },
            (404, _, _, meta) => self.absent(meta.is_some(), effects),
            (401, ..) => self.unauthorized(effects),
            (413, ..) if what == Asked::Subscribe => {
                let error = |(code, message): (Code, String)| encode_error(code, &message, &[], Format::Cbor);
                self.refused = response.error.map(error).unwrap_or_default();
                self.paused = true;
                Outcome::Refused
            }
            _ => self.postpone(effects),
        }
    }

    /// 404. What was there and isn't deleted is not for us to know of any more.
    fn absent(&mut self, is_deleted: bool, effects: &mut Vec<Effect>) -> Outcome {
        match self.version() {
            Some(_) if !is_deleted => self.withdrawn(effects),
            _ => self.gone(effects),
        }
    }

    fn unauthorized(&mut self, effects: &mut Vec<Effect>) -> Outcome {
        self.paused = true;
        effects.push(Effect::Unauthorized);
        Outcome::Postponed
    }

    fn postpone(&mut self, effects: &mut Vec<Effect>) -> Outcome {
        self.paused = true;
        effects.push(Effect::Later { entity: self.id() });
        Outcome::Postponed
    }

    fn change_answered(&mut self, response: Response, effects: &mut Vec<Effect>) -> Outcome {
        let code = response.error.as_ref().map(|(code, _)| *code);
        match (response.status, response.meta, response.diff, response.value) {
            (200 | 201, Some(meta), told, _) => self.confirm(meta, told, effects),
            (409, Some(meta), Some(told), _) => self.conflicted(told, meta, effects),
            (412, Some(meta), _, Some(value)) => match cbor::decode_value(&value.0, &TRUSTED) {
                Ok(value) => {
                    self.unsend();
                    self.load_value(value, meta, effects)
                }
                Err(_) => self.postpone(effects),
            },
            (404, meta, ..) if self.unsent.first() != Some(&Change::Undelete) => {
                self.unsend();
                self.absent(meta.is_some(), effects)
            }
            (401, ..) => self.unauthorized(effects),
            (409, ..) if code == Some(Code::Exists) => {
                self.unsend();
                self.disk.exists = true;
                self.stale = true;
                Outcome::Held
            }
            (400, ..) if code == Some(Code::NotDeleted) => {
                self.unsend();
                self.unsent.remove(0);
                if let Confirmed::Version(_, known) = &mut self.confirmed {
                    known.deleted = false;
                }
                self.stale = true;
                Outcome::Confirmed
            }
            (400..=499, ..) if response.status != 429 => {
                let (code, message) = response.error.unwrap_or((Code::BadRequest, String::new()));
                self.refuse(encode_error(code, &message, &response.violations, Format::Cbor), effects)
            }
            _ => self.postpone(effects),
        }
    }
}
