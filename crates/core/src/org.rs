//! Organisations: who may do what with the entities attached to one (docs/protocol.md, "Organisations").
//!
//! Nodes are in a directed acyclic graph. A person has roles at nodes, and a role holds for all below. An entity is attached
//! to a node, and whoever has a role there has it for the entity.
//!
//! An [`Org`] is kept from one version to the next: by a diff it becomes the next one, which shares with it all that the diff does not
//! touch ([`Org::after`]). What tells two versions apart looks at where they differ, at what is above that, and at who is granted
//! something there; of an organisation of any size that is as much as the change.
//!
//! | file | what |
//! |---|---|
//! | `read` | from a value, and what is wrong with it |
//! | `after` | what it becomes by a diff, and what is wrong with that |
//! | `compare` | who may make one version of another, and what that does to whose rights |
//! | `map` | what it is kept in |

mod after;
mod compare;
mod map;
mod read;

use alloc::collections::BTreeSet;
use alloc::rc::Rc;

use crate::id::EntityId;
use crate::members::Members;
use crate::prelude::*;
use crate::value::Value;
use map::{Map, Set};

/// The type of organisations.
pub const KIND: &str = "org";

/// In `grants`, everybody: whoever is signed in, and who only reads need not be.
pub const EVERYBODY: &str = "*";

/// The type of what leads from an entity to the organisation that it is attached to.
const MARK: &str = "tw-attached";

/// What somebody is at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads what is attached.
    Viewer,
    /// Changes it too.
    Editor,
    /// Changes the organisation there.
    Admin,
}

impl Role {
    /// Of this name.
    pub fn of(name: &str) -> Option<Role> {
        [Role::Viewer, Role::Editor, Role::Admin].into_iter().find(|role| role.as_str() == name)
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }
}

/// The entity that says to which organisation another is attached, by the SHA-256 of its id. It is the server's own.
pub fn mark(digest: &[u8]) -> EntityId {
    let hex = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or_default());
    let name: String = digest.iter().take(24).flat_map(hex).collect();
    EntityId::join(MARK, &name)
}

/// An organisation as one version of its entity has it. A copy costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Org {
    nodes: Map<Rc<Value>>,
    /// By child, the parents.
    parents: Map<Set>,
    /// By person, and by node; also at nodes that are not there, where they give nothing.
    grants: Map<Map<Role>>,
    /// By entity, the node; also one that is not there, where it is attached to nothing.
    attached: Map<Rc<str>>,
    /// Name, and whatever else the app keeps.
    rest: Rc<Members<Value>>,
    /// `parents`, by parent.
    children: Map<Set>,
    /// `grants`, by node: to whom something is granted.
    granted: Map<Set>,
    /// `grants`, by node: who is granted [`Role::Admin`].
    admins: Map<Set>,
    /// `attached`, by node.
    entities: Map<Set>,
}

impl PartialEq for Org {
    fn eq(&self, other: &Org) -> bool {
        self.nodes == other.nodes
            && self.parents == other.parents
            && self.grants == other.grants
            && self.attached == other.attached
            && self.has_rest_of(other)
    }
}

impl Org {
    /// The node that an entity is attached to.
    pub fn node_of(&self, entity: &str) -> Option<&str> {
        self.attached.get(entity).filter(|node| self.nodes.contains(node)).map(|node| &**node)
    }

    /// What a person is at a node: the most of what they are there and above, and of what everybody is.
    pub fn role(&self, person: &str, node: &str) -> Option<Role> {
        let above = self.above(node);
        self.most(person, &above).max(self.most(EVERYBODY, &above))
    }

    /// The same, of what is granted to them by name.
    pub fn named_role(&self, person: &str, node: &str) -> Option<Role> {
        self.most(person, &self.above(node))
    }

    /// The most that is granted to a person by name at one of these nodes.
    fn most(&self, person: &str, nodes: &BTreeSet<&str>) -> Option<Role> {
        let grants = self.grants.get(person)?;
        nodes.iter().filter_map(|node| grants.get(node).copied()).max()
    }

    /// Who has a role at a node by name, and whether it is by what is granted there, or by more that is granted above; and [`EVERYBODY`].
    pub fn people<'a>(&'a self, node: &'a str) -> impl Iterator<Item = (&'a str, Role, bool)> {
        let above = self.above(node);
        self.granted_at_one_of(&above).into_iter().filter_map(move |person| {
            let role = self.most(person, &above)?;
            Some((person, role, self.grants.get(person)?.get(node) == Some(&role)))
        })
    }

    /// To whom something is granted at one of these nodes.
    fn granted_at_one_of<'a>(&'a self, nodes: &BTreeSet<&str>) -> BTreeSet<&'a str> {
        let persons = nodes.iter().filter_map(|node| self.granted.get(node)).flat_map(Map::names);
        persons.map(|person| &**person).collect()
    }

    /// What is granted to a person at that very node.
    pub fn granted_at(&self, person: &str, node: &str) -> Option<Role> {
        self.grants.get(person)?.get(node).copied().filter(|_| self.nodes.contains(node))
    }

    /// The nodes where something is granted to a person.
    fn granted_to(&self, person: &str) -> impl Iterator<Item = (&str, Role)> {
        let grants = self.grants.get(person).into_iter().flatten();
        grants.filter(|(node, _)| self.nodes.contains(node)).map(|(node, role)| (&**node, *role))
    }

    /// Everybody with a role by name, and the most that they are anywhere.
    pub fn everyone(&self) -> impl Iterator<Item = (&str, Role)> {
        self.grants.names().filter_map(|person| Some((&**person, self.highest(person)?)))
    }

    /// Whether a person is nothing but at that node.
    pub fn is_only_at(&self, person: &str, node: &str) -> bool {
        self.grants.get(person).is_some_and(|grants| grants.len() == 1 && grants.contains(node))
    }

    /// The most that a person is anywhere.
    pub fn highest(&self, person: &str) -> Option<Role> {
        self.granted_to(person).map(|(_, role)| role).max()
    }

    /// The entity that the node is there for alone: sharing one makes such a node.
    pub fn entity_of(&self, node: &str) -> Option<&str> {
        let Value::Object(about) = &**self.nodes.get(node)? else { return None };
        let Some(Value::Text(entity)) = about.get("entity") else { return None };
        Some(entity).filter(|entity| self.node_of(entity) == Some(node)).map(String::as_str)
    }

    /// Whether there is such a node.
    pub fn has_node(&self, node: &str) -> bool {
        self.nodes.contains(node)
    }

    /// The nodes that are below nothing, but for those that are there for one entity alone.
    pub fn highest_nodes(&self) -> impl Iterator<Item = &str> {
        let is_highest = |node: &&str| !self.parents.contains(node) && self.entity_of(node).is_none();
        self.nodes.names().map(|node| &**node).filter(is_highest)
    }

    /// Whether `grants` says anything of a person, also at nodes that are not there.
    pub fn is_granted(&self, person: &str) -> bool {
        self.grants.contains(person)
    }

    /// Whether a person has any role by name.
    pub fn is_named(&self, person: &str) -> bool {
        self.granted_to(person).next().is_some()
    }

    /// Whether a person is one of the organisation's: who has only what was shared with them of it is not, unless nobody is above them.
    pub fn is_member(&self, person: &str) -> bool {
        let is_shared_at = |node: &str, role: Role| {
            self.entity_of(node).is_some() && (role < Role::Admin || self.parents.contains(node))
        };
        self.granted_to(person).any(|(node, role)| !is_shared_at(node, role))
    }

    /// Whether a person is admin of a node with no admin above it: nobody in the organisation can more.
    pub fn is_head(&self, person: &str) -> bool {
        let is_highest = |node: &str| self.above(node).into_iter().all(|above| above == node || !self.has_admin(above));
        self.granted_to(person).any(|(node, role)| role == Role::Admin && is_highest(node))
    }

    /// Whether anybody is granted admin at that very node.
    fn has_admin(&self, node: &str) -> bool {
        self.admins.contains(node)
    }

    /// Everybody with a role.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.grants.names().map(|person| &**person)
    }

    /// How many things it says: what it takes to keep it.
    pub fn size(&self) -> usize {
        self.nodes.len() + self.parents.len() + self.grants.len() + self.attached.len()
    }

    /// Whether a node is one of these, or below.
    fn is_below(&self, node: &str, nodes: &Set) -> bool {
        self.above(node).into_iter().any(|above| nodes.contains(above))
    }

    /// A node and all that it is below; nothing of one that is not there.
    fn above<'a>(&'a self, node: &'a str) -> BTreeSet<&'a str> {
        let (mut found, mut left) = (BTreeSet::new(), vec![node]);
        left.retain(|node| self.nodes.contains(node));
        while let Some(node) = left.pop() {
            if found.insert(node) {
                left.extend(self.parents.get(node).into_iter().flat_map(Map::names).map(|node| &**node));
            }
        }
        found
    }

    fn has_rest_of(&self, other: &Org) -> bool {
        Rc::ptr_eq(&self.rest, &other.rest) || self.rest == other.rest
    }
}

/// Changing one, so that what is kept both ways is kept so.
impl Org {
    /// A node's name, as it is kept already if it is.
    fn name(&self, node: &str) -> Rc<str> {
        self.nodes.name(node).cloned().unwrap_or_else(|| Rc::from(node))
    }

    fn put_node(&mut self, node: &str, about: Value) {
        self.nodes.insert(&self.name(node), Rc::new(about));
    }

    fn put_edge(&mut self, parent: &str, child: &str) {
        let [parent, child] = [parent, child].map(|node| self.name(node));
        self.parents.change(&child, |parents| parents.insert(&parent, ()));
        self.children.change(&parent, |children| children.insert(&child, ()));
    }

    fn cut_edge(&mut self, parent: &str, child: &str) {
        take_out(&mut self.parents, child, parent);
        take_out(&mut self.children, parent, child);
    }

    fn grant(&mut self, person: &str, node: &str, role: Role) {
        let person = self.grants.name(person).cloned().unwrap_or_else(|| Rc::from(person));
        let node = self.name(node);
        self.grants.change(&person, |grants| grants.insert(&node, role));
        self.granted.change(&node, |persons| persons.insert(&person, ()));
        match role {
            Role::Admin => self.admins.change(&node, |persons| persons.insert(&person, ())),
            _ => drop(take_out(&mut self.admins, &node, &person)),
        }
    }

    fn revoke(&mut self, person: &str, node: &str) {
        take_out(&mut self.grants, person, node);
        take_out(&mut self.granted, node, person);
        take_out(&mut self.admins, node, person);
    }

    fn attach(&mut self, entity: &str, node: &str) {
        self.detach(entity);
        let (entity, node) = (Rc::from(entity), self.name(node));
        self.attached.insert(&entity, node.clone());
        self.entities.change(&node, |entities| entities.insert(&entity, ()));
    }

    fn detach(&mut self, entity: &str) {
        if let Some(node) = self.attached.remove(entity) {
            take_out(&mut self.entities, &node, entity);
        }
    }
}

/// Takes out what is at two names; of the first, nothing stays without anything in it.
fn take_out<V: Clone>(map: &mut Map<Map<V>>, outer: &str, inner: &str) -> Option<V> {
    let found = map.get(outer).filter(|found| found.contains(inner))?;
    if found.len() == 1 {
        return map.remove(outer)?.remove(inner);
    }
    let (outer, mut taken) = (map.name(outer)?.clone(), None);
    map.change(&outer, |found| taken = found.remove(inner));
    taken
}

#[cfg(test)]
mod tests;
