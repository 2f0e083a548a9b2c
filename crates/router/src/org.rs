//! Rights that come from organisations: what somebody may do with an entity that is attached to one, and with an organisation
//! itself; and who is told when they may less than before.
//!
//! What is pushed about an attached entity goes out on one channel for its node, which whoever has a role there is on. They are
//! also on the channel `rights:{org}@{person}`, and on `rights:{org}@*` if they are not members; so is who subscribes to what they may
//! not read, and waits. When a change of the organisation leaves somebody with less or more, an item there closes their sockets,
//! before the change is answered: when they connect again, each subscription is decided anew. Should that item get lost, or the
//! subscription have been decided by what was before it, resync sees that the organisation is another ([`missed`]).

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sha2::{Digest, Sha256};
use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{
    CborDiff, CborValue, Committed, Failure, History, Meta, Moment, Operation, Outcome, Permission, Read, Reading,
    Which,
};
use timeweft_core::org::{self, Org, Role};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::Router;
use crate::access::{self, Denied};
use crate::event::{Effect, Held, Item};
use crate::host::Host;
use crate::{close, crypto, internal, notes, publish};

/// What the names of the channels begin with on which persons are told that their rights are others.
pub(crate) const RIGHTS: &str = "rights";

/// Organisations that are remembered at most; then all are read again.
const KEPT: usize = 64;

/// Nodes and what else organisations have, of all that are remembered together; beyond that, only the last one is.
const MOST: usize = 200_000;

/// From what is known, so many versions are gone back one by one; what is before that is read.
const BACK: u32 = 32;

/// Of those who wait for what is attached, so many are told at once; others find out by themselves.
const MOST_TOLD: usize = 10_000;

/// What was read last.
#[derive(Default)]
pub(crate) struct Known {
    /// By id. Whether one is still the current one is asked each time.
    states: RefCell<HashMap<String, State>>,
    /// By organisation, and the version from which and to which, whose rights are others by it.
    changed: RefCell<HashMap<(String, Timestamp, Timestamp), Persons>>,
}

type Persons = Rc<BTreeSet<String>>;

/// An organisation as it was found.
#[derive(Clone)]
pub(crate) struct State {
    valid_from: Timestamp,
    is_deleted: bool,
    /// None where the value is no organisation, as one that was made before there were any.
    org: Option<Rc<Org>>,
}

impl State {
    fn found(meta: &Meta, org: Option<Org>) -> State {
        State { valid_from: meta.valid_from, is_deleted: meta.deleted, org: org.map(Rc::new) }
    }

    fn size(&self) -> usize {
        self.org.as_ref().map_or(0, |org| org.size())
    }
}

/// By which organisation somebody has a right to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    org: EntityId,
    /// The version that it was decided by.
    version: Timestamp,
    /// Of an attached entity.
    node: Option<String>,
    /// Whether it is only as everybody has it.
    is_everybodys: bool,
}

impl Source {
    /// The organisation's own.
    pub(crate) fn of_itself(org: &EntityId, version: Timestamp) -> Source {
        Source { org: org.clone(), version, node: None, is_everybodys: false }
    }

    /// What follows the entity in the name of its channel.
    pub(crate) fn channel_end(&self) -> String {
        self.node.as_deref().map(|node| channel_end(&self.org, node)).unwrap_or_default()
    }

    /// The organisation, and the node that an attached entity is attached to.
    pub(crate) fn place(&self) -> (&EntityId, Option<&str>) {
        (&self.org, self.node.as_deref())
    }

    /// The channels on which the person is told of other rights, and the version to subscribe to them with.
    pub(crate) fn rights_channels(&self, person: &str) -> Vec<(String, String)> {
        let everybody = if self.is_everybodys { Some(org::EVERYBODY) } else { None };
        let version = self.version.to_string();
        [Some(person), everybody]
            .into_iter()
            .flatten()
            .map(|name| (channel(&self.org, name), version.clone()))
            .collect()
    }
}

/// Names a node, not readably.
fn channel_end(org: &EntityId, node: &str) -> String {
    let name = crypto::hash(&format!("{org} {node}"));
    format!("@/{}", &name[..16])
}

fn channel(org: &EntityId, person: &str) -> String {
    format!("{RIGHTS}:{org}@{person}")
}

/// The channels on which a person waits for a right to what is not there for them, and the version to subscribe to them with.
pub(crate) async fn waiting<H: Host>(router: &Router<H>, entity: &EntityId, person: &str) -> Vec<(String, String)> {
    match right_on_channels(router, entity).await {
        Ok(Right::By(source, _)) => Source { is_everybodys: true, ..source }.rights_channels(person),
        _ => Vec::new(),
    }
}

/// The same for what is attached nowhere yet: once it is, those who have a right to it by that are told.
pub(crate) fn waiting_for_org<H: Host>(router: &Router<H>, entity: &EntityId, person: &str) -> Vec<(String, String)> {
    Source { is_everybodys: true, ..Source::of_itself(entity, router.host.now()) }.rights_channels(person)
}

/// How a right comes about.
pub(crate) enum Right {
    By(Source, Role),
    /// It is attached nowhere, or there is no organisation: whoever made it.
    Creator,
}

/// The right to an entity of a type whose policy is `org`.
pub(crate) async fn right<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    person: &str,
    permission: Permission,
) -> Result<Right, Denied> {
    if entity.kind() == org::KIND {
        return of_itself(router, entity, person, permission).await;
    }
    // Who makes it is not told where others would have it, nor is it theirs.
    let by = (permission == Permission::Create).then_some(person);
    let Some((source, role)) = attached(router, entity, person, by).await? else { return Ok(Right::Creator) };
    let forbidden = |why: &str| Err(Denied::Forbidden(format!("{entity} is an organisation's: {why}")));
    match (role, permission) {
        (None, Permission::Create) => forbidden("making it takes the role `editor` where you have attached it"),
        (None, _) => Err(Denied::Hidden),
        (Some(Role::Viewer), Permission::Create | Permission::Change) => {
            forbidden("changing it takes the role `editor` where it is attached, and you are `viewer`")
        }
        (Some(role), _) => Ok(Right::By(source, role)),
    }
}

/// The right that those on the entity's channel have.
pub(crate) async fn right_on_channels<H: Host>(router: &Router<H>, entity: &EntityId) -> Result<Right, Denied> {
    if entity.kind() == org::KIND {
        let state = state(router, entity).await?;
        return Ok(state
            .filter(|state| state.org.is_some())
            .map_or(Right::Creator, |state| Right::By(Source::of_itself(entity, state.valid_from), Role::Viewer)));
    }
    let attached = attached(router, entity, access::NOBODY, None).await?;
    Ok(attached.map_or(Right::Creator, |(source, _)| Right::By(source, Role::Viewer)))
}

/// Members read an organisation. Who may change what of it, the entity says, which knows what a change is.
async fn of_itself<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    person: &str,
    permission: Permission,
) -> Result<Right, Denied> {
    let Some(State { valid_from, org: Some(org), .. }) = state(router, entity).await? else {
        return Ok(Right::Creator);
    };
    // Whether it is there is told to who makes it, as of everything.
    let role = org
        .highest(person)
        .filter(|_| org.is_member(person))
        .or((permission == Permission::Create).then_some(Role::Viewer));
    role.map(|role| Right::By(Source::of_itself(entity, valid_from), role)).ok_or(Denied::Hidden)
}

/// Who attached the entity last, and to what: an organisation that was deleted meanwhile may say so too, and comes back.
async fn marked<H: Host>(router: &Router<H>, entity: &EntityId) -> Result<Option<Value>, Failure> {
    let mark = org::mark(&Sha256::digest(entity.as_str()));
    Ok(internal::read(&router.host, &mark).await?.map(|(mark, _)| mark))
}

/// Whether that organisation was the last to attach the entity.
pub(crate) async fn is_attached_by<H: Host>(router: &Router<H>, org: &EntityId, entity: &str) -> Result<bool, Failure> {
    let Ok(entity) = EntityId::parse(entity) else { return Ok(false) };
    Ok(marked(router, &entity).await?.is_some_and(|mark| internal::text(&mark, "org") == Some(org.as_str())))
}

/// Where the entity is attached (`by`: if it is by that person), and what the person is there.
async fn attached<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    person: &str,
    by: Option<&str>,
) -> Result<Option<(Source, Option<Role>)>, Failure> {
    let Some(mark) = marked(router, entity).await? else { return Ok(None) };
    if by.is_some_and(|by| internal::text(&mark, "person") != Some(by)) {
        return Ok(None);
    }
    let Some(org) = internal::text(&mark, "org").and_then(|org| EntityId::parse(org).ok()) else { return Ok(None) };
    // While it is deleted, what is attached to it is its makers'.
    let Some(state) = state(router, &org).await?.filter(|state| !state.is_deleted) else { return Ok(None) };
    let Some(known) = &state.org else { return Ok(None) };
    let Some(node) = known.node_of(entity.as_str()) else { return Ok(None) };
    let source =
        Source { org, version: state.valid_from, node: Some(node.to_owned()), is_everybodys: !known.is_named(person) };
    Ok(Some((source, known.role(person, node))))
}

async fn read<H: Host>(router: &Router<H>, org: &EntityId, read: Read) -> Result<Option<Reading>, Failure> {
    match router
        .host
        .apply(&internal::context(router.host.now()), org, Operation::Read(read))
        .await
        .and_then(Outcome::reading)
    {
        Ok(reading) => Ok(Some(reading)),
        Err(Failure::NotFound) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The organisation as it is now, if it was ever made and can be read.
pub(crate) async fn current<H: Host>(
    router: &Router<H>,
    org: &EntityId,
) -> Result<Option<(Rc<Org>, Timestamp)>, Failure> {
    let state = state(router, org).await?.filter(|state| !state.is_deleted);
    Ok(state.and_then(|State { valid_from, org, .. }| Some((org?, valid_from))))
}

/// The organisation as it was found, if it was ever made. What was found before becomes what is there now by what changed since, which
/// costs as much as that change.
async fn state<H: Host>(router: &Router<H>, org: &EntityId) -> Result<Option<State>, Failure> {
    let known = router.orgs.states.borrow().get(org.as_str()).cloned();
    let since = known.as_ref().map(|known| known.valid_from);
    let found = match (read(router, org, Read { which: Which::Latest, since }).await?, known) {
        (Some(Reading::NotModified(_)), known) => return Ok(known),
        (Some(Reading::Diff(told, meta)), Some(State { org: Some(known), .. })) => {
            by_diff(&known, &told.most()).map(|org| State::found(&meta, Some(org)))
        }
        (Some(Reading::Value(value, meta)), _) => Some(State::found(&meta, parsed(&value))),
        (Some(Reading::Diff(..)), _) => None,
        (None, _) => return Ok(None),
    };
    let state = match found {
        Some(state) => state,
        None => match read(router, org, Read::whole(Which::Latest)).await? {
            Some(Reading::Value(value, meta)) => State::found(&meta, parsed(&value)),
            _ => return Ok(None),
        },
    };
    let mut kept = router.orgs.states.borrow_mut();
    kept.remove(org.as_str());
    if kept.len() >= KEPT || kept.values().map(State::size).sum::<usize>() + state.size() > MOST {
        kept.clear();
    }
    kept.insert(org.as_str().to_owned(), state.clone());
    Ok(Some(state))
}

fn parsed(value: &CborValue) -> Option<Org> {
    Org::read(&cbor::decode_value(&value.0, &TRUSTED).ok()?).ok()
}

/// What an organisation becomes by a diff; none where it takes the value to know that.
fn by_diff(org: &Org, diff: &CborDiff) -> Option<Org> {
    org.after_patch(cbor::decode_patch(&diff.0, &TRUSTED).ok()?)?.ok()
}

/// The organisation as the version of that time had it; nothing of a deleted one.
async fn version<H: Host>(router: &Router<H>, org: &EntityId, at: Timestamp) -> Result<Option<Org>, Failure> {
    if let Some(found) = back_to(router, org, at).await? {
        return Ok(Some(found));
    }
    let past = Read::whole(Which::Past(Moment::Time(at)));
    Ok(match read(router, org, past).await? {
        Some(Reading::Value(value, _)) => parsed(&value),
        _ => None,
    })
}

/// The same, if that version began then and it is not many versions back from what is known.
async fn back_to<H: Host>(router: &Router<H>, org: &EntityId, at: Timestamp) -> Result<Option<Org>, Failure> {
    let known = router.orgs.states.borrow().get(org.as_str()).cloned();
    let Some(State { valid_from, org: Some(known), .. }) = known else { return Ok(None) };
    let recent = Operation::History(History { before: None, limit: BACK });
    let answer = router.host.apply(&internal::context(router.host.now()), org, recent).await;
    let page = match answer.and_then(Outcome::page) {
        Ok(page) => page,
        Err(Failure::NotFound) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let mut back = page.versions.iter().skip_while(|meta| meta.valid_from > valid_from).peekable();
    if back.peek().is_none_or(|first| first.valid_from != valid_from) {
        return Ok(None);
    }
    let mut found = (*known).clone();
    for meta in back {
        if meta.valid_from == at {
            return Ok((!meta.deleted).then_some(found));
        }
        let Some(before) = meta.previous_values.as_ref().and_then(|back| by_diff(&found, back)) else {
            return Ok(None);
        };
        found = before;
    }
    Ok(None)
}

/// Whose rights are others in the one than in the other: less, or more.
fn others(one: &Org, other: &Org) -> BTreeSet<String> {
    let both = [one.lowered(other), other.lowered(one)];
    both.into_iter().flatten().map(str::to_owned).collect()
}

/// What follows from a change of an organisation: whose rights are others by it, and who waits on a channel that its entity has left.
pub(crate) async fn changed<H: Host>(
    router: &Router<H>,
    org: &EntityId,
    committed: &Committed,
    person: &str,
) -> Result<Vec<Effect>, Failure> {
    let Some(change) = &committed.change else { return Ok(Vec::new()) };
    // As the right to change it was decided by, unless that has changed meanwhile.
    let known = router.orgs.states.borrow().get(org.as_str()).cloned();
    let known = known.filter(|known| Some(known.valid_from) == change.prev_valid_from && !known.is_deleted);
    let before = match (known.and_then(|known| known.org), change.prev_valid_from) {
        (Some(before), _) => before,
        (None, Some(at)) => Rc::new(version(router, org, at).await?.unwrap_or_default()),
        (None, None) => Rc::default(),
    };
    // Of a later version all that is said here is as true.
    let after = match state(router, org).await? {
        Some(State { is_deleted: false, org: Some(org), .. }) => org,
        _ => Rc::default(),
    };
    let now = router.host.now();
    let close = |channel| Effect::Publish(publish::closing(channel, now, close::RIGHTS_CHANGED));
    let mut effects: Vec<Effect> = others(&before, &after).iter().map(|person| close(channel(org, person))).collect();
    let mut leave = |entity: &str, end: &str| {
        let name = format!("{entity}{end}");
        effects.extend(publish::FORMATS.into_iter().map(|format| close(publish::channel(format, &name))));
        if entity.starts_with(notes::KIND) {
            effects.push(close(notes::channel(&name)));
        }
    };
    for (entity, node) in before.moved(&after) {
        leave(entity, &channel_end(org, node));
    }
    // Whoever attaches what is there made it, and was on a channel of their own until now.
    let owners = format!("@{person}");
    before.come_under(&after).for_each(|(entity, _)| leave(entity, &owners));
    if change.prev_valid_from.is_none() {
        leave(org.as_str(), &owners);
    }
    let attached = before.come_under(&after).filter_map(|(entity, node)| Some((EntityId::parse(entity).ok()?, node)));
    let told = attached.flat_map(|(entity, node)| {
        after
            .people(node)
            .filter(|(other, ..)| *other != person)
            .map(move |(other, ..)| channel(&entity, other))
            .collect::<Vec<_>>()
    });
    effects.extend(told.take(MOST_TOLD).map(close));
    Ok(effects)
}

/// Closes the sockets of a person, or of everybody who is no member, who holds an older version of their rights than there is.
pub(crate) async fn missed<H: Host>(router: &Router<H>, held: &Held, name: &str) -> Option<Item> {
    let (org, person) = name.split_once('@')?;
    let org = EntityId::parse(org).ok().filter(|org| org.kind() == org::KIND)?;
    let since = held.id.as_deref().and_then(|id| Timestamp::parse(id).ok())?;
    let state = state(router, &org).await.ok()??;
    if state.valid_from == since || !changed_since(router, &org, since, state).await?.contains(person) {
        return None;
    }
    let mut item = publish::closing(held.channel.clone(), router.host.now(), close::RIGHTS_CHANGED);
    item.prev_id.clone_from(&held.id);
    Some(item)
}

/// Whose rights are others by now than in the version that began at `since`. None where that can't be told.
async fn changed_since<H: Host>(router: &Router<H>, org: &EntityId, since: Timestamp, state: State) -> Option<Persons> {
    let key = (org.as_str().to_owned(), since, state.valid_from);
    if let Some(known) = router.orgs.changed.borrow().get(&key) {
        return Some(known.clone());
    }
    let before = version(router, org, since).await.ok()??;
    let after = if state.is_deleted { None } else { state.org }.unwrap_or_default();
    let persons: Persons = Rc::new(others(&before, &after));
    let mut kept = router.orgs.changed.borrow_mut();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(key, persons.clone());
    Some(persons)
}

#[cfg(test)]
mod tests;
