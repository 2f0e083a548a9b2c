//! What each procedure does. A note is read and changed as by any other door, by [`execute`], so that rights, limits and what
//! is published are the same.

use serde_json::Value as Json;
use timeweft_core::codec::cbor;
use timeweft_core::diff;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{
    CborDiff, CborValue, Delete, Failure, Meta, Moment, Operation, Outcome, Patch, Post, Read, Reading, Revert, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::access::Denied;
use crate::event::Effect;
use crate::execute::{Action, Answer, Executed, Principal, Request, execute};
use crate::host::Host;
use crate::notes::{self, Note};
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
enum Becoming {
    Patched(CborDiff),
    /// As it was in the version that began then.
    Reverted(Timestamp),
}

/// The notes, as one person has them.
pub(super) struct Notes<'a, H> {
    pub(super) router: &'a Router<H>,
    pub(super) principal: Principal<'a>,
    /// Of what was done so far.
    pub(super) effects: Vec<Effect>,
}

impl<'a, H: Host> Notes<'a, H> {
    pub(super) fn new(router: &'a Router<H>, principal: Principal<'a>) -> Self {
        Notes { router, principal, effects: Vec::new() }
    }

    pub(super) async fn execute(&mut self, procedure: Procedure, input: Input<'_>) -> Result<Json, Fault> {
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

    async fn executed(&self, entity: &EntityId, operation: Operation) -> Executed {
        let (principal, action) = (self.principal, Action::Apply(operation));
        execute(self.router, Request { principal, entity: entity.clone(), action }).await
    }

    /// What comes of an operation; its effects are kept.
    async fn answer(&mut self, entity: &EntityId, operation: Operation) -> Answer {
        let executed = self.executed(entity, operation).await;
        self.effects.extend(executed.effects);
        executed.answer
    }

    /// The same, where it is done.
    pub(super) async fn outcome(&mut self, entity: &EntityId, operation: Operation) -> Result<Outcome, Fault> {
        done(self.answer(entity, operation).await)
    }

    /// What has no effects.
    async fn read(&self, entity: &EntityId, read: Read) -> Result<Reading, Fault> {
        Ok(done(self.executed(entity, Operation::Read(read)).await.answer)?.reading()?)
    }

    /// The version that a change led to.
    async fn changed(&mut self, entity: &EntityId, outcome: Outcome) -> Result<Json, Fault> {
        Ok(self.version(entity, outcome.committed()?.meta).await?.json())
    }

    pub(super) async fn version(&self, entity: &EntityId, meta: Meta) -> Result<Note, Fault> {
        notes::version(meta, async |read| self.read(entity, read).await).await
    }

    /// A version that is no deletion, by its number.
    async fn past(&self, entity: &EntityId, version: u64) -> Result<Note, Fault> {
        match self.read(entity, Read::whole(Which::Past(Moment::Version(version)))).await {
            Ok(reading) => Ok(notes::of_reading(reading)?),
            Err(fault) if fault.status() == 404 => {
                let missing = format!("{} has no version {version} that can be read", entity.local());
                Err(Fault::new(404, missing))
            }
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn current(&self, entity: &EntityId) -> Result<Note, Fault> {
        Ok(notes::of_reading(self.read(entity, Read::whole(Which::Current)).await?)?)
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
            None => note(&crypto::random_id(&self.router.host))?,
        };
        let members = [("title", input.needed_text("title")?), ("blob", input.needed_text("blob")?)];
        let value = Value::object(members.map(|(name, text)| (name, Value::text(text))));
        let post = Operation::Post(Post::of(CborValue(cbor::encode_value(&value))));
        let outcome = self.outcome(&entity, post).await?;
        self.changed(&entity, outcome).await
    }

    async fn update(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let mut members = Vec::new();
        for name in ["title", "blob"] {
            let text = input.text(name)?;
            members.extend(text.map(|text| (name.to_owned(), diff::Patch::Value(Value::text(text)))));
        }
        let diff = CborDiff(cbor::encode_patch(&diff::Patch::Map(members.into_iter().collect())));
        let named = match input.count("version")? {
            Some(version) => Some(self.valid_from(&entity, version).await?),
            None => None,
        };
        self.change(entity, named, Becoming::Patched(diff)).await
    }

    /// Changes the note under what others did since the version that began at `since`. Who names none means whatever is
    /// there, also when that is new.
    async fn change(&mut self, entity: EntityId, named: Option<Timestamp>, becoming: Becoming) -> Result<Json, Fault> {
        for _ in 0..ATTEMPTS {
            let since = match named {
                Some(since) => since,
                None => self.current(&entity).await?.meta.valid_from,
            };
            let operation = match &becoming {
                Becoming::Patched(diff) => Operation::Patch(Patch::of(diff.clone(), since)),
                Becoming::Reverted(valid_from) => {
                    Operation::Revert(Revert { valid_from: *valid_from, if_unmodified_since: Some(since) })
                }
            };
            match self.answer(&entity, operation).await {
                Err(Denied::Failed(Failure::Conflict(..))) if named.is_none() => {}
                answer => return self.changed(&entity, done(answer)?).await,
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
        self.change(entity, None, Becoming::Reverted(to)).await
    }

    async fn delete(&mut self, input: Input<'_>) -> Result<Json, Fault> {
        let entity = input.note()?;
        let outcome = self.outcome(&entity, Operation::Delete(Delete::default())).await?;
        self.changed(&entity, outcome).await
    }
}

fn done(answer: Answer) -> Result<Outcome, Fault> {
    answer?.ok_or_else(|| Fault::new(500, "an operation that came to nothing"))
}
