//! From a value to an organisation: all that makes it one, checked.

use alloc::collections::BTreeSet;

use super::map::{Map, Set};
use super::{EVERYBODY, Org, Role};
use crate::id::is_local_id;
use crate::members::Members;
use crate::operation::Violation;
use crate::prelude::*;
use crate::value::Value;

/// What is told of a value at most.
const MOST_VIOLATIONS: usize = 20;

/// What is kept in parts; all else an organisation has, it only keeps.
pub(super) const PARTS: [&str; 4] = ["nodes", "edges", "grants", "attached"];

impl Org {
    /// Reads the value of an organisation.
    ///
    /// # Errors
    /// What is wrong with it, at most 20 things: what is no organisation at all, an edge to no node, a cycle, no admin.
    pub fn read(value: &Value) -> Result<Org, Vec<Violation>> {
        let mut reader = Reader::default();
        let Value::Object(members) = value else {
            reader.refuse(&[], "an organisation is { name, nodes, edges, grants, attached }");
            return Err(reader.violations);
        };
        let mut rest = members.clone();
        PARTS.iter().for_each(|name| drop(rest.remove(name)));
        let mut org = Org { rest: rest.into(), ..Org::default() };
        reader.parts(members, &mut org);
        reader.cycle(&org);
        reader.end(org)
    }
}

#[derive(Default)]
pub(super) struct Reader {
    violations: Vec<Violation>,
}

impl Reader {
    fn refuse(&mut self, path: &[&str], message: &str) {
        let escaped = |step: &&str| ["/", &step.replace('~', "~0").replace('/', "~1")].concat();
        let path = path.iter().map(escaped).collect();
        self.violations.push(Violation { path, message: message.to_owned() });
    }

    /// Reads the parts that are there into an organisation. What is wrong in one of them is wrong whatever the others are, but for
    /// nodes that are not there: those of the organisation are.
    pub(super) fn parts(&mut self, members: &Members<Value>, org: &mut Org) {
        if members.get("name").is_some_and(|name| !matches!(name, Value::Text(_))) {
            self.refuse(&["name"], "is a text");
        }
        for (node, about) in self.part(members, "nodes") {
            if !matches!(about, Value::Object(_)) {
                self.refuse(&["nodes", node], "a node is an object, {} if there is nothing to say of it");
            }
            org.put_node(node, about.clone());
        }
        for (parent, children) in self.part(members, "edges") {
            for (child, holds) in self.object(&["edges", parent], children) {
                if *holds != Value::Bool(true) {
                    self.refuse(&["edges", parent, child], "an edge is true, or not there");
                }
                for node in [parent, child] {
                    if !org.nodes.contains(node) {
                        self.refuse(&["edges", parent, child], &["there is no node `", node, "`"].concat());
                    }
                }
                org.put_edge(parent, child);
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
                    Value::Text(role) if let Some(role) = Role::of(role) => org.grant(person, node, role),
                    _ => self.refuse(&["grants", person, node], "a role is \"viewer\", \"editor\" or \"admin\""),
                }
            }
        }
        for (entity, node) in self.part(members, "attached") {
            match node {
                Value::Text(node) => org.attach(entity, node),
                _ => self.refuse(&["attached", entity], "is the id of a node"),
            }
        }
    }

    /// That there is no cycle.
    pub(super) fn cycle(&mut self, org: &Org) {
        if let Some((parent, child)) = cycle(&org.parents, org.parents.names().map(|node| &**node)) {
            self.refuse(&["edges", parent, child], &["makes a cycle: `", child, "` is above `", parent, "`"].concat());
        }
    }

    /// The organisation that all was read into, if it has an admin and nothing else is wrong with it.
    pub(super) fn end(mut self, org: Org) -> Result<Org, Vec<Violation>> {
        if !org.admins.names().any(|node| org.nodes.contains(node)) {
            self.refuse(&["grants"], "an organisation has an admin: { \"PERSON\": { \"NODE\": \"admin\" } }");
        }
        if self.violations.is_empty() {
            return Ok(org);
        }
        self.violations.truncate(MOST_VIOLATIONS);
        Err(self.violations)
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

/// An edge of a cycle that is come to from one of these nodes.
pub(super) fn cycle<'a>(parents: &'a Map<Set>, starts: impl Iterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let above = |node: &str| parents.get(node).map(Map::names);
    // Nodes above which there is no cycle.
    let mut clear = BTreeSet::new();
    for start in starts {
        // The way up to here: each node, and which of its parents are still to be looked at.
        let mut way: Vec<_> = above(start).map(|above| (start, above)).into_iter().collect();
        let mut on_way = BTreeSet::from([start]);
        while let Some((node, left)) = way.last_mut() {
            let node = *node;
            match left.next() {
                Some(parent) if on_way.contains(&**parent) => return Some((parent, node)),
                Some(parent) if clear.contains(&**parent) => {}
                Some(parent) => {
                    if let Some(above) = above(parent) {
                        on_way.insert(parent);
                        way.push((parent, above));
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
