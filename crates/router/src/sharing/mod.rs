//! Sharing one entity: who is what with it, and how others come to it (docs/protocol.md, "Sharing").
//!
//! There is one mechanism, organisations. What is shared with somebody gets a node of its own, for that entity alone: in the
//! organisation that it is attached to, below the node where it was; or in a small one that is made for it. So what is said of one entity
//! is never said of others beside it, and what holds above holds for it too.
//!
//! An organisation is shared likewise, at one of its nodes: who is let in there is a member.

pub(crate) mod invitations;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use timeweft_core::codec::cbor;
use timeweft_core::diff::Patch as Diff;
use timeweft_core::id::{EntityId, is_local_id};
use timeweft_core::operation::{
    Access, CborDiff, CborValue, Failure, Operation, Patch, Permission, Policy, Post, Read, Violation, Which,
};
use timeweft_core::org::{self, EVERYBODY, Org, Role};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::access::{self, Denied, Right};
use crate::event::Effect;
use crate::execute::{Action, Principal, Request, execute, execute_granted};
use crate::host::Host;
use crate::internal::{self, member};
use crate::org::Source;
use crate::{Router, crypto};

/// Tries at a change that others keep overtaking.
const ATTEMPTS: usize = 10;

/// So many persons are told with what they tell of themselves.
const MOST_NAMED: usize = 200;

/// Bytes of that; more is not told.
const LONGEST_PUBLIC: usize = 4_096;

/// The node of an organisation that is made for one entity.
const NODE: &str = "all";

/// What is shared: an entity; of an organisation, one of its nodes.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) entity: &'a EntityId,
    /// Absent for what is no organisation, and for the only node of one that is below nothing.
    pub(crate) node: Option<&'a str>,
}

impl Shared<'_> {
    fn is_org(self) -> bool {
        self.entity.kind() == org::KIND
    }
}

/// The part of an organisation that says who is what with what is shared.
pub(crate) struct Place {
    pub(crate) org: EntityId,
    pub(crate) node: String,
}

/// Somebody, as those are told who share something with them.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) role: Role,
    /// Whether it is by a node above, of which more is part.
    pub(crate) is_inherited: bool,
    /// The member `public` of `person:{id}`.
    pub(crate) public: Option<Value>,
}

/// Who is what with an entity.
pub(crate) struct People {
    /// The one who asks.
    pub(crate) role: Role,
    pub(crate) org: Option<EntityId>,
    pub(crate) node: Option<String>,
    pub(crate) everybody: Option<Role>,
    pub(crate) people: Vec<Person>,
}

impl People {
    async fn tell<H: Host>(
        &mut self,
        router: &Router<H>,
        person: &str,
        role: Role,
        is_inherited: bool,
    ) -> Result<(), Failure> {
        let is_named = self.people.len() < MOST_NAMED;
        let public = if is_named { public(router, person).await? } else { None };
        self.people.push(Person { id: person.to_owned(), role, is_inherited, public });
        Ok(())
    }
}

/// Where what is shared is attached, as the organisation is now.
struct Attached {
    org: EntityId,
    version: Timestamp,
    known: Rc<Org>,
    node: String,
}

/// To whoever may read it.
pub(crate) async fn people<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    caller: Principal<'_>,
) -> Result<People, Denied> {
    let right = readable(router, entity, caller).await?;
    let mut told = People { role: right.role, org: None, node: None, everybody: None, people: Vec::new() };
    match attached_to(router, &right).await? {
        Some(Attached { org, known, node, .. }) => {
            told.everybody = known.people(&node).find(|(person, ..)| *person == EVERYBODY).map(|(_, role, _)| role);
            // Who else is in it is its members' to know; collaborators know of each other.
            let is_member = known.is_member(caller.person);
            if known.named_role(caller.person, &node).is_some() {
                let people = known.people(&node).filter(|(person, ..)| *person != EVERYBODY);
                let seen = people.filter(|(person, _, is_here)| is_member || *is_here || *person == caller.person);
                let is_its_own = known.entity_of(&node) == Some(entity.as_str());
                for (person, role, is_here) in seen {
                    told.tell(router, person, role, !is_here || !is_its_own).await?;
                }
            }
            if is_member {
                (told.org, told.node) = (Some(org), Some(node));
            }
        }
        None if entity.kind() == org::KIND && right.source.is_some() => {
            if let Some((known, _)) = crate::org::current(router, entity).await? {
                told.everybody = known.highest(EVERYBODY);
                for (person, role) in known.everyone().filter(|(person, _)| *person != EVERYBODY) {
                    told.tell(router, person, role, false).await?;
                }
            }
        }
        None if right.access == Access::Any => told.everybody = Some(Role::Editor),
        None => told.tell(router, caller.person, right.role, false).await?,
    }
    Ok(told)
}

/// Makes a person, or [`EVERYBODY`], what is said with what is shared.
pub(crate) async fn share<H: Host>(
    router: &Router<H>,
    shared: Shared<'_>,
    caller: Principal<'_>,
    person: &str,
    role: Role,
) -> Result<Vec<Effect>, Denied> {
    check_person(person)?;
    Ok(place_of_its_own(router, shared, caller, Some((person, role))).await?.1)
}

/// Takes from a person what they are with that entity alone; of an organisation, what they are at the node, or, if none is named, at all.
pub(crate) async fn unshare<H: Host>(
    router: &Router<H>,
    shared: Shared<'_>,
    caller: Principal<'_>,
    person: &str,
) -> Result<Vec<Effect>, Denied> {
    check_person(person)?;
    for _ in 0..ATTEMPTS {
        let right = readable(router, shared.entity, caller).await?;
        let is_whole = shared.is_org() && shared.node.is_none();
        let (org, version, known, node) = if is_whole {
            let (known, version) = crate::org::current(router, shared.entity).await?.ok_or(Failure::NotFound)?;
            (shared.entity.clone(), version, known, None)
        } else {
            let Some(Attached { org, version, known, node }) = attached(router, &right, shared).await? else {
                return Ok(Vec::new());
            };
            (org, version, known, Some(node))
        };
        if person != caller.person {
            may_share(&right)?;
        }
        let grants = match &node {
            None if known.is_granted(person) => Diff::Remove,
            Some(node) if known.named_role(person, node).is_some() => {
                let is_here = shared.is_org() || known.entity_of(node) == Some(shared.entity.as_str());
                if known.granted_at(person, node).is_none() || !is_here {
                    return Err(inherited(shared.entity, &org, person == caller.person));
                }
                match known.is_only_at(person, node) {
                    true => Diff::Remove,
                    false => map([(node.as_str(), Diff::Remove)]),
                }
            }
            _ => return Ok(Vec::new()),
        };
        let patch = map([("grants", map([(person, grants)]))]);
        if let Some(effects) = change(router, caller, &org, version, patch).await? {
            return Ok(effects);
        }
    }
    Err(Failure::Busy.into())
}

fn check_person(person: &str) -> Result<(), Failure> {
    if person == EVERYBODY || is_local_id(person) {
        return Ok(());
    }
    Err(Failure::BadRequest(format!("`{person}` is no person id; everybody is `{EVERYBODY}`")))
}

/// The node that is for what is shared alone, made if there is none, with somebody being something there.
async fn place_of_its_own<H: Host>(
    router: &Router<H>,
    shared: Shared<'_>,
    caller: Principal<'_>,
    grant: Option<(&str, Role)>,
) -> Result<(Place, Vec<Effect>), Denied> {
    let entity = shared.entity;
    for _ in 0..ATTEMPTS {
        let right = readable(router, entity, caller).await?;
        let Some(Attached { org, version, known, node }) = attached(router, &right, shared).await? else {
            match found(router, entity, caller, &right, grant).await? {
                Some(made) => return Ok(made),
                // Somebody else has attached it meanwhile.
                None => continue,
            }
        };
        may_share(&right)?;
        if let Some((person, role)) = grant
            && !shared.is_org()
            && known.people(&node).any(|(known, more, is_here)| known == person && more > role && !is_here)
        {
            return Err(inherited(entity, &org, person == caller.person));
        }
        let mut members = Vec::new();
        let place = if shared.is_org() || known.entity_of(&node) == Some(entity.as_str()) {
            node
        } else {
            let new = crypto::random_id(&router.host);
            let about = Diff::Value(Value::text(entity.as_str()));
            members.push(("nodes", map([(new.as_str(), map([("entity", about)]))])));
            members.push(("edges", map([(node.as_str(), map([(new.as_str(), Diff::Value(Value::Bool(true)))]))])));
            members.push(("attached", map([(entity.as_str(), Diff::Value(Value::text(new.as_str())))])));
            new
        };
        if let Some((person, role)) = grant {
            let role = Diff::Value(Value::text(role.as_str()));
            members.push(("grants", map([(person, map([(place.as_str(), role)]))])));
        }
        if members.is_empty() {
            return Ok((Place { org, node: place }, Vec::new()));
        }
        if let Some(effects) = change(router, caller, &org, version, map(members)).await? {
            return Ok((Place { org, node: place }, effects));
        }
    }
    Err(Failure::Busy.into())
}

/// Makes an organisation for an entity that is attached to none.
async fn found<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    caller: Principal<'_>,
    right: &Right,
    grant: Option<(&str, Role)>,
) -> Result<Option<(Place, Vec<Effect>)>, Denied> {
    let kind = entity.kind();
    if right.rules.as_ref().is_none_or(|rules| rules.policy != Policy::Org) {
        let whose = if right.access == Access::Any { "everybody's" } else { "only their makers'" };
        let why = format!(
            "entities of the type `{kind}` are {whose} by its policy; with the policy `org` they can be shared"
        );
        return Err(Denied::Forbidden(why));
    }
    let org = internal::entity(org::KIND, &crypto::random_id(&router.host))?;
    let role = |role: Role| Value::object([(NODE, Value::text(role.as_str()))]);
    let mut grants = vec![(caller.person, role(Role::Admin))];
    grants
        .extend(grant.filter(|(person, _)| *person != caller.person).map(|(person, granted)| (person, role(granted))));
    let value = Value::object([
        ("nodes", Value::object([(NODE, Value::object([("entity", Value::text(entity.as_str()))]))])),
        ("grants", Value::object(grants)),
        ("attached", Value::object([(entity.as_str(), Value::text(NODE))])),
    ]);
    let post = Operation::Post(Post::of(CborValue(cbor::encode_value(&value))));
    let request = Request { principal: caller, entity: org.clone(), action: Action::Apply(post) };
    let executed = execute(router, request).await;
    match executed.answer {
        Ok(_) => Ok(Some((Place { org, node: NODE.to_owned() }, executed.effects))),
        Err(Denied::Failed(Failure::InvalidValue(_))) => Ok(None),
        Err(denied) => Err(denied),
    }
}

/// The right to read it, if it is there.
async fn readable<H: Host>(router: &Router<H>, entity: &EntityId, caller: Principal<'_>) -> Result<Right, Denied> {
    let right = access::right(router, entity, caller.person, Permission::Read).await?;
    // Also while it is deleted: what can be taken back can be withdrawn.
    let read = Operation::Read(Read::whole(Which::Latest));
    router.host.apply(&right.context(router, caller.person), entity, read).await?;
    Ok(right)
}

/// What they have is not had from this entity.
fn inherited(entity: &EntityId, org: &EntityId, is_own: bool) -> Denied {
    let who = if is_own { "you have" } else { "they have" };
    Denied::Forbidden(format!("{who} a role with more than {entity}, by {org}: it is changed there, in `grants`"))
}

fn may_share(right: &Right) -> Result<(), Denied> {
    match right.role {
        Role::Admin => Ok(()),
        role => Err(Denied::Forbidden(format!("sharing takes the role `admin`, and you are `{}`", role.as_str()))),
    }
}

/// Where what is shared is attached; an organisation's node is itself where it is.
async fn attached<H: Host>(router: &Router<H>, right: &Right, shared: Shared<'_>) -> Result<Option<Attached>, Denied> {
    if !shared.is_org() {
        if shared.node.is_some() {
            return Err(no_node(format!("is one of an organisation: {} is none", shared.entity)).into());
        }
        return attached_to(router, right).await;
    }
    let org = shared.entity.clone();
    let (known, version) = crate::org::current(router, &org).await?.ok_or(Failure::NotFound)?;
    let node = node_of(&known, shared)?;
    Ok(Some(Attached { org, version, known, node }))
}

/// The node of an organisation that is meant.
fn node_of(known: &Org, shared: Shared<'_>) -> Result<String, Failure> {
    if let Some(node) = shared.node {
        let there = known.has_node(node).then(|| node.to_owned());
        return there.ok_or_else(|| no_node(format!("{} has no node `{node}`", shared.entity)));
    }
    let highest: Vec<&str> = known.highest_nodes().take(2).collect();
    match *highest {
        [node] => Ok(node.to_owned()),
        _ => Err(no_node(format!("says at which one: more than one of {}, or none, is below nothing", shared.entity))),
    }
}

fn no_node(message: String) -> Failure {
    Failure::InvalidValue(vec![Violation { path: "/node".to_owned(), message }])
}

/// The node that an entity is attached to.
async fn attached_to<H: Host>(router: &Router<H>, right: &Right) -> Result<Option<Attached>, Denied> {
    let Some((org, Some(node))) = right.source.as_ref().map(Source::place) else { return Ok(None) };
    let Some((known, version)) = crate::org::current(router, org).await? else { return Ok(None) };
    Ok(Some(Attached { org: org.clone(), version, known, node: node.to_owned() }))
}

/// Changes an organisation as it was then; none where somebody else has changed the same meanwhile.
async fn change<H: Host>(
    router: &Router<H>,
    principal: Principal<'_>,
    org: &EntityId,
    version: Timestamp,
    patch: Diff,
) -> Result<Option<Vec<Effect>>, Denied> {
    let operation = Operation::Patch(Patch::of(CborDiff(cbor::encode_patch(&patch)), version));
    let request = Request { principal, entity: org.clone(), action: Action::Apply(operation) };
    // Collaborators may not read it; what they may change of it, it says itself.
    let right =
        Right { access: Access::Any, role: Role::Admin, source: Some(Source::of_itself(org, version)), rules: None };
    let executed = execute_granted(router, right, request).await;
    match executed.answer {
        Ok(_) => Ok(Some(executed.effects)),
        Err(Denied::Failed(Failure::Conflict(..) | Failure::UnknownVersion(..))) => Ok(None),
        Err(denied) => Err(denied),
    }
}

/// What a person tells those with whom they share something.
async fn public<H: Host>(router: &Router<H>, person: &str) -> Result<Option<Value>, Failure> {
    let Ok(entity) = EntityId::new("person", person) else { return Ok(None) };
    let found = internal::read(&router.host, &entity).await?;
    let public = found.and_then(|(value, _)| member(&value, "public").cloned());
    Ok(public.filter(|public| cbor::encode_value(public).len() <= LONGEST_PUBLIC))
}

fn map<K: AsRef<str>>(members: impl IntoIterator<Item = (K, Diff)>) -> Diff {
    Diff::Map(members.into_iter().map(|(name, diff)| (name.as_ref().to_owned(), diff)).collect())
}
