//! The server as a model: the rules of docs/protocol.md over a list of versions in memory.

use std::collections::BTreeMap;

use crate::codec::cbor;
use crate::diff::{Diff, Order, compose, rebase};
use crate::id::EntityId;
use crate::limits::TRUSTED;
use crate::message::{Code, Format, Method, Push, Request, Response};
use crate::operation::{CborDiff, CborValue, Exact, Meta, Step, Told, Violation};
use crate::time::Timestamp;
use crate::value::Value;

struct Version {
    value: Value,
    diff: Diff,
    meta: Meta,
}

/// One entity.
#[derive(Default)]
pub(super) struct Server {
    history: Vec<Version>,
    keys: BTreeMap<String, usize>,
    /// Connections that are told, and what they have not taken yet.
    subscribed: BTreeMap<String, Vec<Vec<u8>>>,
    /// Changes are refused with this.
    pub(super) refuses: Option<Code>,
    /// How often.
    pub(super) refusals: usize,
    /// It is not there for these persons.
    pub(super) hidden_from: Vec<&'static str>,
    pub(super) role: Option<String>,
}

impl Server {
    pub(super) fn versions(&self) -> usize {
        self.history.len()
    }

    pub(super) fn value(&self) -> Value {
        self.history.last().map_or(Value::Undefined, |version| version.value.clone())
    }

    pub(super) fn pushes(&mut self, connection: &str) -> Vec<Vec<u8>> {
        self.subscribed.get_mut(connection).map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn disconnect(&mut self, connection: &str) {
        self.subscribed.remove(connection);
    }

    pub(super) fn handle(&mut self, frame: &[u8], person: &str, connection: &str) -> Vec<u8> {
        let request = Request::decode(frame, Format::Cbor, &TRUSTED).expect("a replica sends what can be read");
        let answer = self.answer(request.method, person, connection);
        Response { id: Some(request.id), ..answer }.encode(Format::Cbor)
    }

    fn answer(&mut self, method: Method, person: &str, connection: &str) -> Response {
        let error = |code| Response::error(None, code, "");
        if self.hidden_from.contains(&person) {
            return error(Code::NotFound);
        }
        let writes = matches!(method, Method::Post { .. } | Method::PatchDiff { .. });
        if let (Some(code), true) = (self.refuses, writes) {
            self.refusals += 1;
            let broken = Violation { path: "/title".to_owned(), message: "at most 3 characters".to_owned() };
            let violations = if code == Code::InvalidValue { vec![broken] } else { vec![] };
            return Response { violations, ..error(code) };
        }
        let deleted = self.history.last().is_none_or(|version| version.meta.deleted);
        match method {
            Method::Subscribe { valid_from, .. } => {
                self.subscribed.entry(connection.to_owned()).or_default();
                self.read(valid_from)
            }
            Method::Unsubscribe { .. } => {
                self.subscribed.remove(connection);
                Response::ok(None)
            }
            Method::Get { if_modified_since, .. } => self.read(if_modified_since),
            Method::Post { value, idempotency_key, .. } => {
                if let Some(index) = idempotency_key.as_ref().and_then(|key| self.keys.get(key)) {
                    return Response {
                        status: 201,
                        meta: Some(self.history[*index].meta.clone()),
                        ..Response::default()
                    };
                }
                if !self.history.is_empty() {
                    return error(Code::Exists);
                }
                let value = cbor::decode_value(&value.0, &TRUSTED).unwrap();
                let diff = Diff::over_nothing(value.clone());
                Response { status: 201, ..self.commit(value, diff, false, person, connection, idempotency_key) }
            }
            Method::PatchDiff { diff, if_unmodified_since, idempotency_key, .. } => {
                let since = if_unmodified_since.and_then(|since| self.index(since));
                if let Some(index) = idempotency_key.as_ref().and_then(|key| self.keys.get(key)).copied() {
                    let meta = Some(self.history[index].meta.clone());
                    let merged = since.filter(|since| index > since + 1);
                    let diff = merged.map(|since| self.told(since, index, index - 1));
                    return Response { meta, diff, ..Response::ok(None) };
                }
                if deleted {
                    return self.not_found();
                }
                let Some(since) = since else { panic!("a replica names a version that there is") };
                let last = self.history.len() - 1;
                let patch = cbor::decode_patch(&diff.0, &TRUSTED).unwrap();
                let mine = patch.resolve(&self.history[since].value).expect("a replica's diff fits its base");
                let Some(mine) = self.merged(mine, since, person) else {
                    let meta = Some(self.history[last].meta.clone());
                    return Response { diff: Some(self.told(since, last, last)), meta, ..error(Code::Conflict) };
                };
                let merged = since < last;
                let mut value = self.value();
                mine.apply(&mut value).unwrap();
                let answer = if mine.is_identity() {
                    Response { meta: Some(self.history[last].meta.clone()), ..Response::ok(None) }
                } else {
                    self.commit(value, mine, false, person, connection, idempotency_key)
                };
                let diff = merged.then(|| self.told(since, self.history.len() - 1, last));
                Response { diff, ..answer }
            }
            Method::Delete { .. } | Method::PatchUndelete { .. } if self.history.is_empty() => error(Code::NotFound),
            Method::Delete { .. } if deleted => {
                Response { meta: self.history.last().map(|version| version.meta.clone()), ..Response::ok(None) }
            }
            Method::Delete { if_unmodified_since, .. } => {
                let last = self.history.len() - 1;
                match if_unmodified_since.and_then(|since| self.index(since)) {
                    Some(since) if since < last => {
                        let meta = Some(self.history[last].meta.clone());
                        Response { diff: Some(self.told(since, last, last)), meta, ..error(Code::Conflict) }
                    }
                    _ => self.commit(self.value(), Diff::identity(), true, person, connection, None),
                }
            }
            Method::PatchUndelete { .. } if !deleted => error(Code::NotDeleted),
            Method::PatchUndelete { .. } => {
                self.commit(self.value(), Diff::identity(), false, person, connection, None)
            }
            Method::History { .. } => unreachable!("replicas ask for no history"),
        }
    }

    fn index(&self, since: Timestamp) -> Option<usize> {
        self.history.iter().position(|version| version.meta.valid_from == since)
    }

    /// A change of the version `since` moved behind what came since, by its author.
    fn merged(&self, mine: Diff, since: usize, person: &str) -> Option<Diff> {
        let newer = &self.history[since + 1..];
        let in_turn = newer.iter().try_fold(mine.clone(), |mine, version| {
            rebase(&mine, &version.diff, Order::later(Some(person), Some(&version.meta.person_id)))
        });
        in_turn.or_else(|_| rebase(&mine, &self.composed(since, self.history.len() - 1), Order::later(None, None))).ok()
    }

    fn composed(&self, from: usize, to: usize) -> Diff {
        self.history[from + 1..=to]
            .iter()
            .fold(Diff::identity(), |whole, version| compose(&whole, &version.diff).unwrap())
    }

    /// What leads from one version to another, and the versions up to `told`.
    fn told(&self, from: usize, to: usize, told: usize) -> Told {
        let encoded = |diff: &Diff| CborDiff(cbor::encode_patch(&diff.to_patch()));
        let step = |version: &Version| Step {
            version: version.meta.version,
            valid_from: version.meta.valid_from,
            person_id: version.meta.person_id.clone(),
            diff: Exact(encoded(&version.diff)),
        };
        let steps = self.history[from + 1..=told].iter().map(step).collect();
        Told { diff: encoded(&self.composed(from, to)), exact: None, steps }
    }

    /// That it is deleted, if it was ever there.
    fn not_found(&self) -> Response {
        let meta = self.history.last().map(|version| version.meta.clone());
        Response { meta, ..Response::error(None, Code::NotFound, "") }
    }

    fn read(&self, since: Option<Timestamp>) -> Response {
        let Some(last) = self.history.last().filter(|version| !version.meta.deleted) else {
            return self.not_found();
        };
        let meta = Some(last.meta.clone());
        let answer = match since.and_then(|since| self.index(since)) {
            Some(index) if index + 1 == self.history.len() => Response { status: 304, meta, ..Response::default() },
            Some(index) => {
                let last = self.history.len() - 1;
                Response { diff: Some(self.told(index, last, last)), meta, ..Response::ok(None) }
            }
            None => Response { value: Some(CborValue(cbor::encode_value(&last.value))), meta, ..Response::ok(None) },
        };
        Response { role: self.role.clone(), ..answer }
    }

    fn commit(
        &mut self,
        value: Value,
        diff: Diff,
        deleted: bool,
        person: &str,
        connection: &str,
        key: Option<String>,
    ) -> Response {
        let version = self.history.len() as u64 + 1;
        let meta = Meta {
            entity_id: super::ENTITY.to_owned(),
            version,
            valid_from: Timestamp(1_000_000 * version),
            valid_to: Timestamp::FOREVER,
            person_id: person.to_owned(),
            previous_values: None,
            deleted,
            impersonator_id: None,
            chunks: None,
            recorded_at: None,
            created_at: None,
        };
        let push = Push {
            entity_id: EntityId::parse(super::ENTITY).unwrap(),
            diff: CborDiff(cbor::encode_patch(&diff.to_patch())).into(),
            meta: meta.clone(),
            prev_valid_from: self.history.last().map(|version| version.meta.valid_from),
        };
        for (name, pushes) in &mut self.subscribed {
            if name != connection {
                pushes.push(push.encode(Format::Cbor).unwrap());
            }
        }
        if let Some(key) = key {
            self.keys.insert(key, self.history.len());
        }
        self.history.push(Version { value, diff, meta: meta.clone() });
        Response { meta: Some(meta), ..Response::ok(None) }
    }
}
