//! What an organisation may become, and whose an attached entity is.
//!
//! An entity is attached to one organisation at most. Which, is kept in `tw-attached:{digest of its id}`, an entity
//! `{entity, org, person}` that is there **before** the organisation attaches it: whoever asks for the rights to an entity is led to
//! the organisation, whose own value says whether, and where, it is attached. Whoever makes an entity of a type whose rights
//! are by organisations writes it first too, with no organisation. So of two who attach one entity, or attach it while it is made,
//! one is first, and the other learns of it.
//!
//! Only who makes an entity attaches it, before or after: an id that somebody else has attached before it was made is its
//! maker's all the same, whose making takes it back. Else whoever guesses an id would have what comes to be there.
//!
//! A change is checked where it changes something: the organisation that the version before was is kept, and becomes the next by the
//! diff. Only an engine that has not kept it, nor one that the recent log leads on from, reads the value whole.
//!
//! What leads to an organisation that does not attach the entity (its change was refused after all, or it was detached, or the
//! organisation deleted) counts for nothing, and is taken over by the next, unless that change may still be under way.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use timeweft_core::diff::{Diff, Patch};
use timeweft_core::id::EntityId;
use timeweft_core::members::Members;
use timeweft_core::operation::{Context, Failure, Violation};
use timeweft_core::org::{self, Org};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::change::{Edit, Terms};
use super::own;
use super::settle::{Current, Engine};
use super::state::State;
use super::walk::Newer;
use crate::error::Stop;
use crate::loader::Loader;
use crate::record::Record;
use crate::store::Store;

/// Entities that one change can attach.
const MOST_ATTACHED: usize = 1_000;

/// What is known of an organisation is followed over so many versions at most; else it is read.
const MOST_VERSIONS: usize = 1_000;

/// What is told of a change at most.
const MOST_VIOLATIONS: usize = 20;

/// Of what is attached and can't be. Which of the two it is, is told who made it: it may be there for others only.
const TAKEN: &str = "is there already, or attached to another organisation: whoever made it attaches it";

/// The same for who made it.
fn elsewhere(org: &str) -> Cow<'static, str> {
    let why = format!(
        "is attached to {org}, as what is shared one by one is to one of its own: take it out of `attached` there"
    );
    Cow::Owned(why)
}

fn violation(entity: &str, why: &str) -> Violation {
    let path = format!("/attached/{}", entity.replace('~', "~0").replace('/', "~1"));
    Violation { path, message: why.to_owned() }
}

/// Whether entities of a type have their rights by organisations, if it wants that.
pub(super) fn is_attachable(kind: &str) -> bool {
    !matches!(kind, org::KIND | "type" | "person") && own::is_listed(kind)
}

/// A change that has said what it is about comes to its end within this, in microseconds.
const UNDER_WAY: u64 = 60_000_000;

/// What attaches an entity.
struct Mark {
    /// Empty where it is only being made.
    org: String,
    /// Who attached it; empty where that was not kept yet.
    person: String,
    since: Timestamp,
}

/// An entity that can be attached, with what there is of that.
struct Attachable {
    /// Of the mark.
    id: EntityId,
    entity: EntityId,
    found: Option<Mark>,
}

impl Mark {
    /// Whether who wrote it may still be about to do what it is for.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.since.0) < UNDER_WAY
    }
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// The organisation that the current version is, whose value `state` is; none where it is none by the rules of now.
    pub(super) async fn org(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        current: &Current,
        state: &State,
    ) -> Result<Option<Org>, Stop> {
        let version = Timestamp(current.record.entry.valid_from);
        let org = match self.orgs.get(id) {
            Some((known, org)) if known == version => return Ok(org),
            Some((known, Some(org))) => self.later_org(loader, id, &current.record, known, &org).await?,
            _ => None,
        };
        let org = match org {
            Some(org) => Some(org),
            None => Org::read(&state.whole(loader).await?).ok(),
        };
        self.orgs.put(id, version, org.clone());
        Ok(org)
    }

    /// What became of the organisation that the version of `since` is, where that takes less than reading what it became.
    async fn later_org(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
        since: Timestamp,
        org: &Org,
    ) -> Result<Option<Org>, Stop> {
        let newer = self.newer_within(loader, record, since, MOST_VERSIONS, record.value_bytes()).await?;
        let Newer::Versions(newer) = newer else { return Ok(None) };
        Ok(org.after(&self.compose(loader, id, &newer).await?).and_then(Result::ok))
    }

    /// What the organisation becomes by a diff that leads from its current version to `next`, if that is an organisation and the caller may
    /// make it; what it newly attaches is marked as its.
    pub(super) async fn next_org(
        &self,
        loader: &Loader<'_, S>,
        context: &Context,
        id: &EntityId,
        before: Option<Org>,
        (diff, next): (&Diff, &State),
    ) -> Result<Org, Stop> {
        let after = match before.as_ref().and_then(|before| before.after(diff)) {
            Some(after) => after,
            None => Org::read(&next.whole(loader).await?),
        };
        let after = after.map_err(Failure::InvalidValue)?;
        self.check_org(context, id, before, &after).await?;
        Ok(after)
    }

    /// Whether the organisation `id` may become this, of what it was if it was one; what it newly attaches is marked as its.
    pub(super) async fn check_org(
        &self,
        context: &Context,
        id: &EntityId,
        before: Option<Org>,
        after: &Org,
    ) -> Result<(), Failure> {
        // New, or none by the rules of now: whoever made it may make it one.
        let is_known = before.is_some();
        let before = before.unwrap_or_default();
        let mut violations: Vec<Violation> = before
            .attached_nowhere(after)
            .map(|(entity, node)| violation(entity, &format!("there is no node `{node}`")))
            .take(MOST_VIOLATIONS)
            .collect();
        if !violations.is_empty() {
            return Err(Failure::InvalidValue(violations));
        }
        if is_known {
            before.allows(after, &context.person_id).map_err(Failure::Forbidden)?;
        }
        let attached: Vec<&str> = before.newly_attached(after).collect();
        if attached.len() > MOST_ATTACHED {
            return Err(Failure::TooLarge(format!("a change attaches at most {MOST_ATTACHED} entities")));
        }
        // All are looked at before anything is written: a change that is refused is in nobody's way.
        let mut marks = Vec::new();
        for entity in attached {
            match self.attachable(context, id, entity).await? {
                Ok(mark) => marks.push((entity, mark)),
                Err(why) => violations.push(violation(entity, &why)),
            }
        }
        if violations.is_empty() {
            for (entity, mark) in marks {
                if let Err(why) = self.attach(context, id, mark).await? {
                    violations.push(violation(entity, &why));
                }
            }
        }
        violations.truncate(MOST_VIOLATIONS);
        if violations.is_empty() { Ok(()) } else { Err(Failure::InvalidValue(violations)) }
    }

    /// Whether who deletes an organisation, or takes that back, may.
    pub(super) fn check_org_deletion(context: &Context, org: Option<&Org>) -> Result<(), Failure> {
        match org {
            Some(org) if !org.is_head(&context.person_id) => Err(Failure::Forbidden(
                "deleting an organisation takes the role `admin` at a node with no admin above it".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Whether the caller may attach an entity to `org`, and what there is of that by now; why not.
    async fn attachable(
        &self,
        context: &Context,
        org: &EntityId,
        entity: &str,
    ) -> Result<Result<Attachable, Cow<'static, str>>, Failure> {
        let Ok(entity) = EntityId::parse(entity) else { return Ok(Err("is an entity, as `type:id`".into())) };
        if !is_attachable(entity.kind()) {
            return Ok(Err("entities of this type have rights of their own".into()));
        }
        let id = org::mark(&Sha256::digest(entity.as_str()));
        let found = self.mark_of(&id).await?;
        let maker = self.maker(&entity).await?;
        let is_taken = match (&found, &maker) {
            (_, Some(maker)) if *maker != context.person_id => true,
            (None, _) => false,
            (Some(Mark { org: other, .. }), _) if other == org.as_str() => false,
            (Some(found), maker) if found.org.is_empty() => maker.is_none() && found.is_fresh(context.now),
            // What is not there, others may have attached before: who makes it decides.
            (Some(found), None) if found.person != context.person_id => false,
            (Some(found), _) => self.holds(context, found, entity.as_str()).await?,
        };
        Ok(match &found {
            _ if !is_taken => Ok(Attachable { id, entity, found }),
            Some(Mark { org: other, .. }) if maker.is_some_and(|maker| maker == context.person_id) => {
                Err(elsewhere(other))
            }
            _ => Err(TAKEN.into()),
        })
    }

    /// Marks an entity as attached to `org`, unless that can't be any more.
    async fn attach(
        &self,
        context: &Context,
        org: &EntityId,
        Attachable { id, entity, found }: Attachable,
    ) -> Result<Result<(), Cow<'static, str>>, Failure> {
        if self.write_mark(context, &id, found, &entity, org.as_str()).await? {
            let is_theirs = |maker: String| maker == context.person_id;
            return Ok(if self.maker(&entity).await?.is_none_or(is_theirs) { Ok(()) } else { Err(TAKEN.into()) });
        }
        // Somebody else was faster.
        match self.attachable(context, org, entity.as_str()).await? {
            Ok(again) => Box::pin(self.attach(context, org, again)).await,
            Err(why) => Ok(Err(why)),
        }
    }

    /// Before an entity is made: that nobody attaches it meanwhile, where its rights are by organisations; and that whoever has attached it
    /// before, where that is somebody else, has nothing by that.
    pub(super) async fn reserve(&self, context: &Context, entity: &EntityId, by_orgs: bool) -> Result<(), Failure> {
        let mark = org::mark(&Sha256::digest(entity.as_str()));
        loop {
            let found = self.mark_of(&mark).await?;
            let is_ours = match &found {
                Some(found) => found.org.is_empty() || found.person == context.person_id,
                None => !by_orgs,
            };
            if is_ours || self.write_mark(context, &mark, found, entity, "").await? {
                return Ok(());
            }
        }
    }

    /// Whether the organisation that is marked has the entity, or may be about to attach it.
    async fn holds(&self, context: &Context, mark: &Mark, entity: &str) -> Result<bool, Failure> {
        let Ok(org) = EntityId::parse(&mark.org) else { return Ok(false) };
        let system = own::system(Timestamp(0));
        let found = self.settle(&system, &org, async |current, loader| {
            if current.record.entry.deleted {
                return Ok(Some(false));
            }
            let state = self.state(loader, &org, &current.record).await?;
            let found = self.org(loader, &org, current, &state).await?;
            let is_attached = found.is_some_and(|org| org.node_of(entity).is_some());
            // A version that is later than the mark is what came of the change.
            Ok(Some(is_attached || (current.record.entry.valid_from <= mark.since.0 && mark.is_fresh(context.now))))
        });
        match found.await {
            Err(Failure::NotFound) => Ok(mark.is_fresh(context.now)),
            found => found,
        }
    }

    /// Writes what is marked, over what was found; false when somebody else was faster.
    async fn write_mark(
        &self,
        context: &Context,
        mark: &EntityId,
        found: Option<Mark>,
        entity: &EntityId,
        org: &str,
    ) -> Result<bool, Failure> {
        let system = own::system(context.now);
        // Also where it is the same: it has to be a new version.
        let members = [
            ("entity", Value::text(entity.as_str())),
            ("org", Value::text(org)),
            ("person", Value::text(&context.person_id)),
            ("at", Value::Number(context.now.0 as f64)),
            ("by", Value::Number(f64::from((self.nonce)()))),
        ];
        let Some(Mark { since, .. }) = found else {
            return Ok(self.create(&system, mark, &Value::object(members)).await?);
        };
        let members = members.map(|(name, value)| (name.to_owned(), Patch::Value(value)));
        let patch = Edit::Patch(Patch::Map(Members::from(members)));
        // A change that is part of one. Two that write at once write `by` to different things.
        match Box::pin(self.change(&system, mark, patch, Terms::since(Some(since)))).await {
            Ok(_) => Ok(true),
            Err(Failure::Conflict(..)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn mark_of(&self, mark: &EntityId) -> Result<Option<Mark>, Failure> {
        let context = own::system(Timestamp(0));
        let found = self.settle(&context, mark, async |current, loader| {
            let value = self.state(loader, mark, &current.record).await?.whole(loader).await?;
            let text = |name: &str| match &value {
                Value::Object(members) => match members.get(name) {
                    Some(Value::Text(text)) => text.clone(),
                    _ => String::new(),
                },
                _ => String::new(),
            };
            let since = Timestamp(current.record.entry.valid_from);
            Ok(Some(Mark { org: text("org"), person: text("person"), since }))
        });
        match found.await {
            Ok(mark) => Ok(Some(mark)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
