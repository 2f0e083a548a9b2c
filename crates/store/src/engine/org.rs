//! What an organisation may become, and whose an attached entity is.
//!
//! An entity is attached to one organisation at most. Which, is kept in `tw-attached:{digest of its id}`, an entity
//! `{entity, org}` that is there **before** the organisation attaches it: whoever asks for the rights to an entity is led to
//! the organisation, whose own value says whether, and where, it is attached. What leads to one that does not (its change was
//! refused after all, or it was detached) counts for nothing, and is taken over by the next who attaches it.

use sha2::{Digest, Sha256};
use timeweft_core::diff::Patch;
use timeweft_core::id::EntityId;
use timeweft_core::members::Members;
use timeweft_core::operation::{Context, Failure, Violation};
use timeweft_core::org::{self, Org};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::change::{Edit, Terms};
use super::own;
use super::settle::Engine;
use crate::store::Store;

/// Entities that one change can attach.
const MOST_ATTACHED: usize = 1_000;

/// What attaches an entity.
struct Mark {
    org: String,
    since: Timestamp,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Whether the organisation `id` may become this, of that if it is there; what it newly attaches is marked as its.
    pub(super) async fn check_org(
        &self,
        context: &Context,
        id: &EntityId,
        before: Option<&Value>,
        after: &Value,
    ) -> Result<(), Failure> {
        let after = Org::read(after).map_err(Failure::InvalidValue)?;
        let before = match before.map(Org::read) {
            Some(Ok(before)) => {
                before.allows(&after, &context.person_id).map_err(Failure::Forbidden)?;
                before
            }
            // New, or none by the rules of now: whoever made it may make it one.
            _ => Org::default(),
        };
        let attached: Vec<&str> = before.newly_attached(&after).collect();
        if attached.len() > MOST_ATTACHED {
            return Err(Failure::TooLarge(format!("a change attaches at most {MOST_ATTACHED} entities")));
        }
        let mut violations = Vec::new();
        for entity in attached {
            if let Err(why) = self.attach(context, id, entity).await? {
                let path = format!("/attached/{}", entity.replace('~', "~0").replace('/', "~1"));
                violations.push(Violation { path, message: why.to_owned() });
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(Failure::InvalidValue(violations)) }
    }

    /// Whether who deletes an organisation, or takes that back, may.
    pub(super) fn check_org_deletion(context: &Context, value: &Value) -> Result<(), Failure> {
        match Org::read(value) {
            Ok(org) if !org.is_head(&context.person_id) => Err(Failure::Forbidden(
                "deleting an organisation takes the role `admin` at a node with none above".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Marks an entity as attached to `org`; why not.
    async fn attach(
        &self,
        context: &Context,
        org: &EntityId,
        entity: &str,
    ) -> Result<Result<(), &'static str>, Failure> {
        let Ok(entity) = EntityId::parse(entity) else { return Ok(Err("is an entity, as `type:id`")) };
        if matches!(entity.kind(), org::KIND | "type" | "person") || !own::is_listed(entity.kind()) {
            return Ok(Err("entities of this type have rights of their own"));
        }
        if self.maker(&entity).await?.is_some_and(|maker| maker != context.person_id) {
            return Ok(Err("is there already: whoever made it attaches it"));
        }
        let mark = org::mark(&Sha256::digest(entity.as_str()));
        let system = own::system(context.now);
        loop {
            match self.mark_of(&mark).await? {
                None => {
                    let members = [("entity", entity.as_str()), ("org", org.as_str())];
                    let value = Value::object(members.map(|(name, text)| (name, Value::text(text))));
                    if self.create(&system, &mark, &value).await? {
                        return Ok(Ok(()));
                    }
                }
                Some(Mark { org: other, .. }) if other == org.as_str() => return Ok(Ok(())),
                Some(Mark { org: other, since }) => {
                    if self.has_attached(&other, entity.as_str()).await? {
                        return Ok(Err("is attached to another organisation"));
                    }
                    let taken =
                        Patch::Map(Members::from([("org".to_owned(), Patch::Value(Value::text(org.as_str())))]));
                    // A change that is part of one.
                    match Box::pin(self.change(&system, &mark, Edit::Patch(taken), Terms::since(Some(since)))).await {
                        Err(Failure::Conflict(..)) => {}
                        other => return other.map(|_| Ok(())),
                    }
                }
            }
        }
    }

    async fn mark_of(&self, mark: &EntityId) -> Result<Option<Mark>, Failure> {
        let context = own::system(Timestamp(0));
        let found = self.settle(&context, mark, async |current, loader| {
            let value = self.state(loader, mark, &current.record).await?.whole(loader).await?;
            let org = match &value {
                Value::Object(members) => members.get("org"),
                _ => None,
            };
            let org = if let Some(Value::Text(org)) = org { org.clone() } else { String::new() };
            Ok(Some(Mark { org, since: Timestamp(current.record.entry.valid_from) }))
        });
        match found.await {
            Ok(mark) => Ok(Some(mark)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether an organisation, also a deleted one, says that the entity is attached to it.
    async fn has_attached(&self, org: &str, entity: &str) -> Result<bool, Failure> {
        let Ok(org) = EntityId::parse(org) else { return Ok(false) };
        let context = own::system(Timestamp(0));
        let found = self.settle(&context, &org, async |current, loader| {
            let value = self.state(loader, &org, &current.record).await?.whole(loader).await?;
            Ok(Some(Org::read(&value).is_ok_and(|org| org.node_of(entity).is_some())))
        });
        match found.await {
            Err(Failure::NotFound) => Ok(false),
            found => found,
        }
    }
}
