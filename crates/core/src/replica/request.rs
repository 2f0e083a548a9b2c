//! What to ask the server next: one request per entity at a time.

use super::{Change, Confirmed, Effect, Replica};
use crate::codec::cbor;
use crate::diff::Diff;
use crate::message::{Format, Method, Request};
use crate::operation::{CborDiff, CborValue};
use crate::prelude::*;
use crate::time::Timestamp;

/// Milliseconds to wait for an answer; longer for long frames, as if the line took 20 KB a second.
const PATIENCE: f64 = 10_000.0;
const BYTES_PER_MS: f64 = 20.0;

/// Numbers requests, and names changes so that the server takes each once.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Random, of this run.
    instance: String,
    next: u64,
    pub(super) now: f64,
}

impl Ids {
    pub(super) fn new(instance: &str) -> Ids {
        Ids { instance: instance.to_owned(), ..Ids::default() }
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// What was asked and is not yet answered.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) id: u64,
    pub(super) what: Asked,
    until: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    Change,
    Get,
    Subscribe,
}

/// `unsent[0]` as it was sent first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    /// Idempotency key.
    pub(super) key: String,
    pub(super) body: Body,
    /// Each time it was sent again it got another.
    pub(super) ids: Vec<u64>,
    /// From what is confirmed now back to what it was made on.
    pub(super) back: Diff,
    /// Whether it had to give way since.
    pub(super) disturbed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Post(Vec<u8>),
    Patch(Vec<u8>, Timestamp),
    Delete(Option<Timestamp>),
    Undelete,
}

impl Replica {
    pub(super) fn ask(&mut self, ids: &mut Ids, effects: &mut Vec<Effect>) {
        if !self.connected || self.paused || self.awaited.is_some() {
            return;
        }
        let held = self.version().map(|meta| meta.valid_from);
        let entity = self.entity.clone();
        if self.sent.is_none() && !self.subscribed && !self.tabs.is_empty() {
            let valid_from = held.filter(|_| !self.disk.distrusted);
            self.send(ids, Asked::Subscribe, Method::Subscribe { entity, valid_from }, effects);
        } else if self.sent.is_none() && self.stale {
            let if_modified_since = held.filter(|_| !self.disk.distrusted);
            self.send(
                ids,
                Asked::Get,
                Method::Get { entity, if_modified_since, as_of: None, diff_from: None },
                effects,
            );
        } else {
            if self.sent.is_none() {
                let Some(body) = self.unsent.first().and_then(|change| self.body(change)) else { return };
                let id = ids.next();
                let key = [&ids.instance, "-", &decimal(id)].concat();
                self.sent = Some(Sent { key, body, ids: Vec::new(), back: Diff::identity(), disturbed: false });
                self.disk.changed = true;
            }
            let Some(sent) = &self.sent else { return };
            let key = Some(sent.key.clone());
            let method = match &sent.body {
                Body::Post(value) => {
                    Method::Post { entity, value: CborValue(value.clone()), valid_from: None, idempotency_key: key }
                }
                Body::Patch(diff, since) => Method::PatchDiff {
                    entity,
                    diff: CborDiff(diff.clone()),
                    if_unmodified_since: Some(*since),
                    idempotency_key: key,
                    valid_from: None,
                },
                Body::Delete(since) => Method::Delete { entity, if_unmodified_since: *since },
                Body::Undelete => Method::PatchUndelete { entity },
            };
            self.send(ids, Asked::Change, method, effects);
        }
    }

    fn body(&self, change: &Change) -> Option<Body> {
        Some(match (change, &self.confirmed) {
            (Change::Create(value), _) => Body::Post(cbor::encode_value(value)),
            (Change::Patch(diff), Confirmed::Version(_, meta)) => {
                Body::Patch(cbor::encode_patch(&diff.to_patch()), meta.valid_from)
            }
            (Change::Delete, Confirmed::Version(_, meta)) => Body::Delete(Some(meta.valid_from)),
            (Change::Undelete, Confirmed::Version(..)) => Body::Undelete,
            (_, Confirmed::Unknown | Confirmed::Missing) => return None,
        })
    }

    fn send(&mut self, ids: &mut Ids, what: Asked, method: Method, effects: &mut Vec<Effect>) {
        let id = ids.next();
        if let (Asked::Change, Some(sent)) = (what, &mut self.sent) {
            sent.ids.push(id);
        }
        let frame = Request { id, method }.encode(Format::Cbor);
        let until = ids.now + PATIENCE + frame.len() as f64 / BYTES_PER_MS;
        self.awaited = Some(Awaited { id, what, until });
        effects.push(Effect::Send { entity: self.id(), frame });
    }

    /// Nobody shows the entity any more: the server need not tell.
    pub(super) fn unsubscribe(&mut self, ids: &mut Ids, effects: &mut Vec<Effect>) {
        let asked = matches!(self.awaited, Some(Awaited { what: Asked::Subscribe, .. }));
        if self.connected && (self.subscribed || asked) {
            let request = Request { id: ids.next(), method: Method::Unsubscribe { entity: self.entity.clone() } };
            effects.push(Effect::Send { entity: self.id(), frame: request.encode(Format::Cbor) });
        }
        if asked {
            self.awaited = None;
        }
        self.subscribed = false;
    }

    pub(super) fn answers(&self, id: u64) -> bool {
        self.awaited.as_ref().is_some_and(|awaited| awaited.id == id)
            || self.sent.as_ref().is_some_and(|sent| sent.ids.contains(&id))
    }

    /// Time passed. An answer that does not come is asked for again; after `quiet` milliseconds without a word about this
    /// entity it is asked for, in case a push was lost.
    pub(super) fn tick(&mut self, now: f64, quiet: f64) {
        if self.awaited.as_ref().is_some_and(|awaited| now > awaited.until) {
            self.awaited = None;
        }
        if self.subscribed && self.awaited.is_none() && now > self.heard + quiet {
            self.heard = now;
            self.stale = true;
        }
    }

    pub(super) fn connect(&mut self) {
        self.disconnect();
        self.connected = true;
    }

    pub(super) fn disconnect(&mut self) {
        self.connected = false;
        self.subscribed = false;
        self.paused = false;
        self.stale = false;
        self.awaited = None;
        self.held.clear();
    }
}
