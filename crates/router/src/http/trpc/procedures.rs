//! What each procedure does. A note is changed as by any other door, by [`perform`], so that rights, limits and what
//! is published are the same.

use serde_json::Value as Json;
use timeweft_core::codec::cbor;
use timeweft_core::diff::Patch;
use timeweft_core::id::EntityId;
use timeweft_core::message::{Code, Method, Response};
use timeweft_core::operation::{CborDiff, CborValue, Context, Failure, Meta, Moment};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::event::Effect;
use crate::host::Host;
use crate::http::entities::ID_LENGTH;
use crate::notes::{self, Note};
use crate::perform::{self, Asker, Performed, Replacing, perform, replace};
use crate::{Router, crypto};

use super::fault::Fault;
use super::input::{Input, note};

/// Tries at an update of whatever is there, while others change it.
const ATTEMPTS: usize = 10;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Procedure {
    Create,
    Update,
    Revert,
    Delete,
    Get,
    List,
    History,
}

impl Procedure {
    /// The one of that name, asked for by this method.
    pub(super) fn named(name: &str, method: &str) -> Result<Procedure, Fault> {
        let procedure = match name {
            "createNote" => Procedure::Create,
            "updateNote" => Procedure::Update,
            "revertNote" => Procedure::Revert,
            "deleteNote" => Procedure::Delete,
            "getNote" => Procedure::Get,
            "listNotes" => Procedure::List,
            "noteHistory" => Procedure::History,
            _ => return Err(Fault::new(404, format!("there is no procedure `{name}`"))),
        };
        match (procedure, method) {
            (_, "POST") | (Procedure::Get | Procedure::List | Procedure::History, "GET") => Ok(procedure),
            (Procedure::Get | Procedure::List | Procedure::History, _) => Err(Fault::wrong_method(name, "GET, POST")),
            _ => Err(Fault::wrong_method(name, "POST")),
        }
    }
}

/// What a note should become.
enum Wish {
    Patch(CborDiff),
    /// As it was in the version that began then.
    Version(Timestamp),
}

/// The notes, as one person has them.
pub(super) struct Notes<'a, H> {
    pub(super) router: &'a Router<H>,
    pub(super) person: &'a str,
    /// Of what was done so far.
    pub(super) effects: Vec<Effect>,
}

impl<'a, H: Host> Notes<'a, H> {
    pub(super) fn new(router: &'a Router<H>, person: &'a str) -> Self {
        Notes { router, person, effects: Vec::new() }
    }

    pub(super) async fn perform(&mut self, procedure: Procedure, input: Input<'_>) -> Result<Json, Fault> {
        match procedure {
            Procedure::Create => self.create(input).await,
            Procedure::Update => self.update(input).await,
            Procedure::Revert => self.revert(input).await,
            Procedure::Delete => self.delete(input).await,
            Procedure::Get => self.get(input).await,
            Procedure::List => self.list(input).await,
            Procedure::History => self.history(input).await,
        }
    }

    pub(super) fn asker(&self) -> Asker<'a> {
        Asker { person: self.person, connection: None }
    }

    pub(super) async fn context(&self, entity: &EntityId) -> Result<Context, Fault> {
        Ok(perform::allowed(self.router, self.person, entity).await?.1)
    }

    /// What came of a request, its effects kept.
    pub(super) fn done(&mut self, performed: Performed) -> Result<Response, Fault> {
        self.effects.extend(performed.effects);
        match performed.response.error {
            Some((code, message)) => Err(Fault::new(code.status(), message)),
            None => Ok(performed.response),
        }
    }

    /// The version that a change led to.
    async fn changed(&mut self, entity: &EntityId, performed: Performed) -> Result<Json, Fault> {
        let meta = self.done(performed)?.meta.ok_or_else(|| Fault::new(500, "a change without its version"))?;
        Ok(self.version(entity, meta).await?.json())
    }

    pub(super) async fn version(&self, entity: &EntityId, meta: Meta) -> Result<Note, Fault> {
        Ok(notes::version(self.router, &self.context(entity).await?, entity, meta).await?)
    }

    /// A version that is no deletion, by its number.
    async fn past(&self, entity: &EntityId, version: u64) -> Result<Note, Fault> {
        let context = self.context(entity).await?;
        match self.router.host.get_past(&context, entity, Moment::Version(version), None).await {
            Ok(reading) => Ok(notes::of_reading(reading)?),
            Err(Failure::NotFound) => {
                let missing = format!("{} has no version {version} that can be read", entity.local());
                Err(Fault::new(404, missing))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn current(&self, entity: &EntityId) -> Result<Note, Fault> {
        let reading = self.router.host.get(&self.context(entity).await?, entity, None, false).await?;
        Ok(notes::of_reading(reading)?)
    }

    async fn get(&self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let note = match input.count("version")? {
            None => self.current(&entity).await?,
            Some(version) => self.past(&entity, version).await?,
        };
        Ok(note.json())
    }

    async fn create(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = match input.text("id")? {
            Some(id) => note(id)?,
            None => note(&crypto::random_name(&self.router.host, ID_LENGTH))?,
        };
        let members = [("title", input.needed_text("title")?), ("blob", input.needed_text("blob")?)];
        let value = Value::object(members.map(|(name, text)| (name, Value::text(text))));
        let value = CborValue(cbor::encode_value(&value));
        let method = Method::Post { entity: entity.clone(), value, valid_from: None, idempotency_key: None };
        let performed = perform(self.router, self.asker(), None, method).await;
        self.changed(&entity, performed).await
    }

    async fn update(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let mut members = Vec::new();
        for name in ["title", "blob"] {
            let text = input.text(name)?;
            members.extend(text.map(|text| (name.to_owned(), Patch::Value(Value::text(text)))));
        }
        let diff = CborDiff(cbor::encode_patch(&Patch::Map(members.into_iter().collect())));
        let named = match input.count("version")? {
            Some(version) => Some(self.valid_from(&entity, version).await?),
            None => None,
        };
        self.change(entity, named, Wish::Patch(diff)).await
    }

    /// Changes the note under what others did since the version that began at `since`. Who names none means whatever is
    /// there, also when that is new.
    async fn change(&mut self, entity: EntityId, named: Option<Timestamp>, wish: Wish) -> Result<Json, Fault> {
        for _ in 0..ATTEMPTS {
            let since = match named {
                Some(since) => since,
                None => self.current(&entity).await?.meta.valid_from,
            };
            let performed = match &wish {
                Wish::Patch(diff) => {
                    let method = Method::PatchDiff {
                        entity: entity.clone(),
                        diff: diff.clone(),
                        if_unmodified_since: Some(since),
                        idempotency_key: None,
                        valid_from: None,
                    };
                    perform(self.router, self.asker(), None, method).await
                }
                Wish::Version(valid_from) => {
                    let replacing = Replacing::ByVersion(*valid_from);
                    replace(self.router, self.asker(), entity.clone(), replacing, Some(since)).await
                }
            };
            if named.is_some() || performed.response.status != Code::Conflict.status() {
                return self.changed(&entity, performed).await;
            }
        }
        Err(Failure::Busy.into())
    }

    /// When the version that an update starts from began. One that there is not conflicts with what there is.
    async fn valid_from(&self, entity: &EntityId, version: u64) -> Result<Timestamp, Fault> {
        match self.past(entity, version).await {
            Err(fault) if fault.status() == 404 => {
                let latest = self.current(entity).await?.meta.version;
                let message = format!("there is no version {version} to start from; the latest is {latest}");
                Err(Fault::new(409, message))
            }
            other => Ok(other?.meta.valid_from),
        }
    }

    async fn revert(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let to = self.past(&entity, input.needed_count("version")?).await?.meta.valid_from;
        self.change(entity, None, Wish::Version(to)).await
    }

    async fn delete(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let method = Method::Delete { entity: entity.clone(), if_unmodified_since: None };
        let performed = perform(self.router, self.asker(), None, method).await;
        self.changed(&entity, performed).await
    }
}
