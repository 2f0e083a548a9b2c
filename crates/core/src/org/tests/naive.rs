//! The specification: an organisation that is read whole, and compared whole with another.

use alloc::collections::{BTreeMap, BTreeSet};

use super::super::{EVERYBODY, Role};
use crate::id::is_local_id;
use crate::members::Members;
use crate::operation::Violation;
use crate::prelude::*;
use crate::value::Value;

const HEADS: &str = " takes the role `admin` at a node with no admin above it";
const LOOKED_AT: usize = 100_000;
const MOST_VIOLATIONS: usize = 20;

/// An organisation as one version of its entity has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Org {
    nodes: BTreeMap<String, Value>,
    /// By child, the parents.
    parents: BTreeMap<String, BTreeSet<String>>,
    /// By person, and by node; also at nodes that are not there, where they give nothing.
    grants: BTreeMap<String, BTreeMap<String, Role>>,
    /// By entity, the node; also one that is not there, where it is attached to nothing.
    attached: BTreeMap<String, String>,
    /// Name, and whatever else the app keeps.
    rest: Members<Value>,
}

impl Org {
    /// Reads the value of an organisation.
    ///
    /// # Errors
    /// What is wrong with it, at most 20 things: what is no organisation at all, an edge to no node, a cycle, no admin.
    pub(super) fn read(value: &Value) -> Result<Org, Vec<Violation>> {
        let mut reader = Reader::default();
        let org = reader.org(value);
        if reader.violations.is_empty() {
            return Ok(org);
        }
        reader.violations.truncate(MOST_VIOLATIONS);
        Err(reader.violations)
    }

    /// The node that an entity is attached to.
    pub(super) fn node_of(&self, entity: &str) -> Option<&str> {
        self.attached.get(entity).filter(|node| self.nodes.contains_key(*node)).map(String::as_str)
    }

    /// What a person is at a node: the most of what they are there and above, and of what everybody is.
    pub(super) fn role(&self, person: &str, node: &str) -> Option<Role> {
        let above = self.above(node);
        self.granted(person, &above).max(self.granted(EVERYBODY, &above))
    }

    /// The most that is granted to a person by name at one of these nodes.
    fn granted(&self, person: &str, nodes: &BTreeSet<&str>) -> Option<Role> {
        let grants = self.grants.get(person)?;
        nodes.iter().filter_map(|node| grants.get(*node).copied()).max()
    }

    /// The nodes where something is granted to a person.
    fn granted_to(&self, person: &str) -> impl Iterator<Item = (&str, Role)> {
        let grants = self.grants.get(person).into_iter().flatten();
        grants.filter(|(node, _)| self.nodes.contains_key(*node)).map(|(node, role)| (node.as_str(), *role))
    }

    /// The entity that the node is there for alone: sharing one makes such a node.
    pub(super) fn entity_of(&self, node: &str) -> Option<&str> {
        let Some(Value::Object(about)) = self.nodes.get(node) else { return None };
        let Some(Value::Text(entity)) = about.get("entity") else { return None };
        Some(entity).filter(|entity| self.node_of(entity) == Some(node)).map(String::as_str)
    }

    /// Whether a person is admin of a node with no admin above it: nobody in the organisation can more.
    pub(super) fn is_head(&self, person: &str) -> bool {
        let is_highest = |node: &str| self.above(node).into_iter().all(|above| above == node || !self.has_admin(above));
        self.granted_to(person).any(|(node, role)| role == Role::Admin && is_highest(node))
    }

    /// Who has a role at a node by name, and whether it is by what is granted there, or by more that is granted above; and [`EVERYBODY`].
    pub(super) fn people<'a>(&'a self, node: &'a str) -> impl Iterator<Item = (&'a str, Role, bool)> {
        let above = self.above(node);
        self.grants.iter().filter_map(move |(person, grants)| {
            let role = self.granted(person, &above)?;
            Some((person.as_str(), role, grants.get(node) == Some(&role)))
        })
    }

    /// The most that a person is anywhere.
    pub(super) fn highest(&self, person: &str) -> Option<Role> {
        self.granted_to(person).map(|(_, role)| role).max()
    }

    /// Whether a person is one of the organisation's: who has only what was shared with them of it is not, unless nobody is above them.
    pub(super) fn is_member(&self, person: &str) -> bool {
        let is_shared_at = |node: &str, role: Role| {
            self.entity_of(node).is_some() && (role < Role::Admin || self.parents.contains_key(node))
        };
        self.granted_to(person).any(|(node, role)| !is_shared_at(node, role))
    }

    /// Whether anybody is granted admin at that very node.
    fn has_admin(&self, node: &str) -> bool {
        self.grants.values().any(|grants| grants.get(node) == Some(&Role::Admin))
    }

    /// Whether a node is one of these, or below.
    fn is_below(&self, node: &str, nodes: &BTreeSet<String>) -> bool {
        self.above(node).into_iter().any(|above| nodes.contains(above))
    }

    /// A node and all that it is below; nothing of one that is not there.
    fn above<'a>(&'a self, node: &'a str) -> BTreeSet<&'a str> {
        let (mut found, mut left) = (BTreeSet::new(), vec![node]);
        left.retain(|node| self.nodes.contains_key(*node));
        while let Some(node) = left.pop() {
            if found.insert(node) {
                left.extend(self.parents.get(node).into_iter().flatten().map(String::as_str));
            }
        }
        found
    }

    /// Entities that `after` attaches, and that were attached to no node that is there.
    pub(super) fn newly_attached<'a>(&self, after: &'a Org) -> impl Iterator<Item = &'a str> {
        let is_new = |(entity, node): &(&String, &String)| {
            self.attached.get(*entity) != Some(*node) && self.node_of(entity).is_none()
        };
        after.attached.iter().filter(is_new).map(|(entity, _)| entity.as_str())
    }

    /// Entities that are attached to a node of `after`, and were to none.
    pub(super) fn come_under<'a>(&self, after: &'a Org) -> impl Iterator<Item = (&'a str, &'a str)> {
        let nodes = after.attached.keys().filter_map(|entity| Some((entity.as_str(), after.node_of(entity)?)));
        nodes.filter(|(entity, _)| self.node_of(entity).is_none())
    }

    /// Entities that `after` attaches to a node that it does not have, where this did not, with that node.
    pub(super) fn attached_nowhere<'a>(&self, after: &'a Org) -> impl Iterator<Item = (&'a str, &'a str)> {
        let nowhere = |(entity, node): &(&'a String, &'a String)| {
            !after.nodes.contains_key(*node) && self.attached.get(*entity) != Some(*node)
        };
        after.attached.iter().filter(nowhere).map(|(entity, node)| (entity.as_str(), node.as_str()))
    }

    /// Entities that `after` has at another node, or not at all.
    pub(super) fn moved<'a>(&'a self, after: &Org) -> impl Iterator<Item = (&'a str, &'a str)> {
        let nodes = self.attached.keys().filter_map(|entity| Some((entity.as_str(), self.node_of(entity)?)));
        nodes.filter(|(entity, node)| after.node_of(entity) != Some(node))
    }

    /// Those who have less of a role somewhere in `after` than here; where that would take long to tell, everybody.
    pub(super) fn lowered<'a>(&'a self, after: &Org) -> BTreeSet<&'a str> {
        let none = BTreeSet::new();
        let is_cut =
            |child: &str, parents: &BTreeSet<String>| !parents.is_subset(after.parents.get(child).unwrap_or(&none));
        // Where a way down is cut, whoever came by it has less right below the cut, or nowhere below.
        let cut = self.parents.iter().filter(|(child, parents)| is_cut(child, parents)).map(|(child, _)| child);
        let gone = self.nodes.keys().filter(|node| !after.nodes.contains_key(*node));
        let cut: Vec<&str> = cut.chain(gone).map(String::as_str).collect();
        if cut.len().saturating_mul(self.grants.len()) > LOOKED_AT {
            return self.grants.keys().map(String::as_str).collect();
        }
        let changed = |person: &str| {
            let grants = self.grants.get(person).filter(|grants| after.grants.get(person) != Some(*grants));
            grants.into_iter().flat_map(BTreeMap::keys).map(String::as_str)
        };
        let is_lowered = |person: &str| {
            let mut ends = changed(person).chain(changed(EVERYBODY)).chain(cut.iter().copied());
            ends.any(|node| self.role(person, node) > after.role(person, node))
        };
        self.grants.keys().map(String::as_str).filter(|person| is_lowered(person)).collect()
    }

    /// Whether `person` may make `after` of this.
    ///
    /// # Errors
    /// What they may not, and what it would take.
    pub(super) fn allows(&self, after: &Org, person: &str) -> Result<(), String> {
        let is_admin = |node: &str| self.role(person, node) == Some(Role::Admin);
        let is_head = self.is_head(person);
        // What is new is theirs under whose it is put, as what they are was before; and what has no admin is the heads'.
        let is_theirs = |node: &str| match self.nodes.contains_key(node) {
            true => is_admin(node) || (is_head && !self.above(node).into_iter().any(|above| self.has_admin(above))),
            false => {
                let above = after.above(node).into_iter().filter(|above| self.nodes.contains_key(*above));
                is_head || above.into_iter().any(is_admin)
            }
        };
        let takes = |role: &str, node: &str, what: &str| {
            Err([what, " takes the role `", role, "` at the node `", node, "`"].concat())
        };
        if let Some(node) = changed(&self.nodes, &after.nodes).find(|node| !is_theirs(node)) {
            return takes("admin", node, &["changing the node `", node, "`"].concat());
        }
        // Whoever puts it below what is theirs would have what was granted and attached there before.
        let is_left_over = |node: &str| {
            !self.nodes.contains_key(node)
                && (self.grants.values().any(|at| at.contains_key(node)) || self.attached.values().any(|at| at == node))
        };
        if let Some(node) = after.nodes.keys().find(|node| !is_head && is_left_over(node)) {
            return Err(["making the node `", node, "` again, where something is granted or attached,", HEADS].concat());
        }
        let none = BTreeSet::new();
        for child in changed(&self.parents, &after.parents) {
            let [before, now] = [self, after].map(|org| org.parents.get(child).unwrap_or(&none));
            let mut touched = before.symmetric_difference(now).map(String::as_str).chain([child]);
            if let Some(node) = touched.find(|node| !is_theirs(node)) {
                return takes("admin", node, &["changing what `", child, "` is below"].concat());
            }
            // Else whoever is admin of a part could make it a whole.
            if now.is_empty() && after.nodes.contains_key(child) && !is_head {
                return Err(["leaving `", child, "` below nothing", HEADS].concat());
            }
        }
        let none = BTreeMap::new();
        for other in changed(&self.grants, &after.grants) {
            let [before, now] = [self, after].map(|org| org.grants.get(other).unwrap_or(&none));
            // Whoever wants less for themselves may have it.
            let is_left = |node: &str| other == person && now.get(node) < before.get(node);
            if let Some(node) = changed(before, now).find(|node| !is_left(node) && !is_theirs(node)) {
                return takes("admin", node, &["granting something to `", other, "`"].concat());
            }
        }
        for entity in changed(&self.attached, &after.attached) {
            let what = ["attaching or detaching `", entity, "`"].concat();
            // A node that is there for it alone has it from what it is below.
            let is_theirs = |node: &str| match self.parents.get(node).filter(|_| self.entity_of(node).is_some()) {
                Some(above) if !after.attached.get(entity).is_some_and(|to| after.is_below(to, above)) => {
                    above.iter().any(|node| is_admin(node))
                }
                _ => is_admin(node),
            };
            if let Some(node) = self.node_of(entity).filter(|node| !is_theirs(node)) {
                return takes("admin", node, &what);
            }
            // From a node that is gone, whoever made it attaches it anew.
            if self.node_of(entity).is_none() && !after.attached.contains_key(entity) && !is_head {
                return Err([&what, HEADS].concat());
            }
            if let Some(node) = after.attached.get(entity).filter(|node| after.role(person, node) < Some(Role::Editor))
            {
                return takes("editor", node, &what);
            }
        }
        // Also what says nothing: members without anything in them.
        if (self.rest != after.rest || self == after) && !is_head {
            return Err(["changing its name, or what else it has,", HEADS].concat());
        }
        Ok(())
    }
}

/// Keys that have another value, or one only here or there.
fn changed<'a, T: PartialEq>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = &'a str> {
    let gone = before.iter().filter(|(key, value)| after.get(*key) != Some(value));
    let new = after.keys().filter(|key| !before.contains_key(*key));
    gone.map(|(key, _)| key).chain(new).map(String::as_str)
}

#[derive(Default)]
struct Reader {
    violations: Vec<Violation>,
}

impl Reader {
    fn refuse(&mut self, path: &[&str], message: &str) {
        let escaped = |step: &&str| ["/", &step.replace('~', "~0").replace('/', "~1")].concat();
        let path = path.iter().map(escaped).collect();
        self.violations.push(Violation { path, message: message.to_owned() });
    }

    fn org(&mut self, value: &Value) -> Org {
        let Value::Object(members) = value else {
            self.refuse(&[], "an organisation is { name, nodes, edges, grants, attached }");
            return Org::default();
        };
        let mut org = Org { rest: members.clone(), ..Org::default() };
        for name in ["nodes", "edges", "grants", "attached"] {
            org.rest.remove(name);
        }
        if members.get("name").is_some_and(|name| !matches!(name, Value::Text(_))) {
            self.refuse(&["name"], "is a text");
        }
        for (node, about) in self.part(members, "nodes") {
            if !matches!(about, Value::Object(_)) {
                self.refuse(&["nodes", node], "a node is an object, {} if there is nothing to say of it");
            }
            org.nodes.insert(node.clone(), about.clone());
        }
        for (parent, children) in self.part(members, "edges") {
            for (child, holds) in self.object(&["edges", parent], children) {
                if *holds != Value::Bool(true) {
                    self.refuse(&["edges", parent, child], "an edge is true, or not there");
                }
                for node in [parent, child] {
                    if !org.nodes.contains_key(node) {
                        self.refuse(&["edges", parent, child], &["there is no node `", node, "`"].concat());
                    }
                }
                org.parents.entry(child.clone()).or_default().insert(parent.clone());
            }
        }
        for (person, at) in self.part(members, "grants") {
            if person != EVERYBODY && !is_local_id(person) {
                self.refuse(&["grants", person], "is the id of a person, or `*` for everybody");
            }
            for (node, role) in self.object(&["grants", person], at) {
                match role {
                    Value::Text(role) if person == EVERYBODY && role == Role::Admin.as_str() => {
                        self.refuse(&["grants", person, node], "everybody is \"viewer\" or \"editor\"");
                    }
                    Value::Text(role) if let Some(role) = Role::of(role) => {
                        org.grants.entry(person.clone()).or_default().insert(node.clone(), role);
                    }
                    _ => self.refuse(&["grants", person, node], "a role is \"viewer\", \"editor\" or \"admin\""),
                }
            }
        }
        for (entity, node) in self.part(members, "attached") {
            match node {
                Value::Text(node) => drop(org.attached.insert(entity.clone(), node.clone())),
                _ => self.refuse(&["attached", entity], "is the id of a node"),
            }
        }
        if let Some((parent, child)) = cycle(&org.parents) {
            self.refuse(&["edges", parent, child], &["makes a cycle: `", child, "` is above `", parent, "`"].concat());
        }
        let mut grants = org.grants.values().flatten();
        if !grants.any(|(node, role)| *role == Role::Admin && org.nodes.contains_key(node)) {
            self.refuse(&["grants"], "an organisation has an admin: { \"PERSON\": { \"NODE\": \"admin\" } }");
        }
        org
    }

    fn part<'a>(
        &mut self,
        members: &'a Members<Value>,
        name: &str,
    ) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        let part = members.get(name).map(|value| self.object(&[name], value));
        part.into_iter().flatten()
    }

    fn object<'a>(
        &mut self,
        path: &[&str],
        value: &'a Value,
    ) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        let object = match value {
            Value::Object(members) => Some(members),
            _ => {
                self.refuse(path, "is an object");
                None
            }
        };
        object.into_iter().flat_map(|members| members.iter())
    }
}

/// An edge of a cycle.
fn cycle(parents: &BTreeMap<String, BTreeSet<String>>) -> Option<(&str, &str)> {
    // Nodes above which there is no cycle.
    let mut clear = BTreeSet::new();
    for start in parents.keys() {
        // The way up to here: each node, and which of its parents are still to be looked at.
        let mut way = vec![(start.as_str(), parents[start].iter())];
        let mut on_way = BTreeSet::from([start.as_str()]);
        while let Some((node, left)) = way.last_mut() {
            let node = *node;
            match left.next() {
                Some(parent) if on_way.contains(parent.as_str()) => return Some((parent, node)),
                Some(parent) if clear.contains(parent.as_str()) => {}
                Some(parent) => {
                    if let Some(above) = parents.get(parent) {
                        on_way.insert(parent);
                        way.push((parent, above.iter()));
                    }
                }
                None => {
                    clear.insert(node);
                    on_way.remove(node);
                    way.pop();
                }
            }
        }
    }
    None
}
