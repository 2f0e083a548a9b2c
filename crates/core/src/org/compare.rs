//! Two versions of an organisation: who may make the one of the other, and what that does to whose rights.
//!
//! Each question is asked of two that any versions can be, and answered from where they differ.

use alloc::collections::BTreeSet;

use super::map::{Change, Map, Set};
use super::{EVERYBODY, Org, Role};
use crate::prelude::*;

/// What it takes where nothing less will do.
const HEADS: &str = " takes the role `admin` at a node with no admin above it";

/// So many persons, times so many ways down that are cut, are looked at one by one, and so many nodes above those.
const LOOKED_AT: usize = 100_000;

/// Who is what at a node.
struct At<'a> {
    org: &'a Org,
    above: BTreeSet<&'a str>,
    everybody: Option<Role>,
}

impl<'a> At<'a> {
    fn of(org: &'a Org, node: &'a str) -> At<'a> {
        let above = org.above(node);
        At { org, everybody: org.most(EVERYBODY, &above), above }
    }

    fn role(&self, person: &str) -> Option<Role> {
        self.org.most(person, &self.above).max(self.everybody)
    }
}

impl Org {
    /// Entities that `after` attaches, and that were attached to no node that is there.
    pub fn newly_attached<'a>(&'a self, after: &'a Org) -> impl Iterator<Item = &'a str> {
        self.put_elsewhere(after).into_iter().map(|(entity, _)| entity).filter(|entity| self.node_of(entity).is_none())
    }

    /// Entities that `after` attaches to a node that it does not have, where this did not, with that node.
    pub fn attached_nowhere<'a>(&'a self, after: &'a Org) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.put_elsewhere(after).into_iter().filter(|(_, node)| !after.nodes.contains(node))
    }

    /// What `after` says of entities of which this says something else, or nothing.
    fn put_elsewhere<'a>(&'a self, after: &'a Org) -> Vec<(&'a str, &'a str)> {
        let mut found = Vec::new();
        for (entity, change) in self.attached.differences(&after.attached) {
            match change {
                Change::New(node) | Change::Other(_, node) => found.push((&**entity, &**node)),
                Change::Gone(_) => {}
            }
        }
        found
    }

    /// Entities that are attached to a node of `after`, and were to none.
    pub fn come_under<'a>(&'a self, after: &'a Org) -> impl Iterator<Item = (&'a str, &'a str)> {
        let nodes = after.where_else(self).into_iter().filter_map(|entity| Some((entity, after.node_of(entity)?)));
        nodes.filter(|(entity, _)| self.node_of(entity).is_none())
    }

    /// Entities that `after` has at another node, or not at all.
    pub fn moved<'a>(&'a self, after: &'a Org) -> impl Iterator<Item = (&'a str, &'a str)> {
        let nodes = self.where_else(after).into_iter().filter_map(|entity| Some((entity, self.node_of(entity)?)));
        nodes.filter(|(entity, node)| after.node_of(entity) != Some(node))
    }

    /// Entities that this attaches, and that `other` may have elsewhere: it says so, or it does not have the node.
    fn where_else<'a>(&'a self, other: &'a Org) -> BTreeSet<&'a str> {
        let mut found: BTreeSet<&str> = other.put_elsewhere(self).into_iter().map(|(entity, _)| entity).collect();
        for (node, change) in self.nodes.differences(&other.nodes) {
            if matches!(change, Change::Gone(_)) {
                found.extend(self.entities.get(node).into_iter().flat_map(Map::names).map(|entity| &**entity));
            }
        }
        found
    }

    /// Those who have less of a role somewhere in `after` than here; where that would take long to tell, everybody.
    pub fn lowered<'a>(&'a self, after: &'a Org) -> BTreeSet<&'a str> {
        // Where a way down is cut, whoever came by it has less right below the cut, or nowhere below.
        let mut ends = Vec::new();
        for (child, change) in self.parents.differences(&after.parents) {
            let is_cut = match change {
                Change::Gone(_) => true,
                Change::Other(before, now) => lost(before, now).next().is_some(),
                Change::New(_) => false,
            };
            ends.extend(is_cut.then_some(&**child));
        }
        ends.extend(lost(&self.nodes, &after.nodes).filter(|node| !after.nodes.contains(node)));
        if ends.len().saturating_mul(self.grants.len()) > LOOKED_AT {
            return self.members().collect();
        }
        // In a deep organisation there is much above each.
        let mut looked_at = 0;
        let mut lowered = BTreeSet::new();
        // Where what is granted to somebody is less, it is less there, or nowhere below.
        for (person, change) in self.grants.differences(&after.grants) {
            let mut less: Vec<&str> = match change {
                Change::Gone(before) => before.names().map(|node| &**node).collect(),
                Change::Other(before, now) => lost(before, now).collect(),
                Change::New(_) => continue,
            };
            for node in &less {
                let (before, now) = (At::of(self, node), At::of(after, node));
                looked_at += before.above.len() + now.above.len();
                if before.role(person) > now.role(person) {
                    lowered.insert(&**person);
                    break;
                }
                if looked_at > LOOKED_AT {
                    return self.members().collect();
                }
            }
            if **person == *EVERYBODY {
                ends.append(&mut less);
            }
        }
        for node in ends {
            let (before, now) = (At::of(self, node), At::of(after, node));
            looked_at += before.above.len() + now.above.len();
            if looked_at > LOOKED_AT {
                return self.members().collect();
            }
            // Where everybody has as much as before, who has less is who had something by name.
            let persons = match before.everybody > now.everybody {
                true => self.members().collect(),
                false => self.granted_at_one_of(&before.above),
            };
            lowered.extend(persons.into_iter().filter(|person| before.role(person) > now.role(person)));
        }
        lowered
    }

    /// Whether `person` may make `after` of this.
    ///
    /// # Errors
    /// What they may not, and what it would take.
    pub fn allows(&self, after: &Org, person: &str) -> Result<(), String> {
        let is_admin = |node: &str| self.role(person, node) == Some(Role::Admin);
        let is_head = self.is_head(person);
        // What is new is theirs under whose it is put, as what they are was before; and what has no admin is the heads'.
        let is_theirs = |node: &str| match self.nodes.contains(node) {
            true => is_admin(node) || (is_head && !self.above(node).into_iter().any(|above| self.has_admin(above))),
            false => {
                let above = after.above(node).into_iter().filter(|above| self.nodes.contains(above));
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
        let is_left_over =
            |node: &str| !self.nodes.contains(node) && (self.granted.contains(node) || self.entities.contains(node));
        if let Some(node) = changed(&self.nodes, &after.nodes).find(|node| !is_head && is_left_over(node)) {
            return Err(["making the node `", node, "` again, where something is granted or attached,", HEADS].concat());
        }
        let none = Set::default();
        for child in changed(&self.parents, &after.parents) {
            let [before, now] = [self, after].map(|org| org.parents.get(child).unwrap_or(&none));
            let mut touched = before.differences(now).map(|(parent, _)| &**parent).chain([child]);
            if let Some(node) = touched.find(|node| !is_theirs(node)) {
                return takes("admin", node, &["changing what `", child, "` is below"].concat());
            }
            // Else whoever is admin of a part could make it a whole.
            if now.is_empty() && after.nodes.contains(child) && !is_head {
                return Err(["leaving `", child, "` below nothing", HEADS].concat());
            }
        }
        let none = Map::default();
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
                    above.names().any(|node| is_admin(node))
                }
                _ => is_admin(node),
            };
            if let Some(node) = self.node_of(entity).filter(|node| !is_theirs(node)) {
                return takes("admin", node, &what);
            }
            // From a node that is gone, whoever made it attaches it anew.
            if self.node_of(entity).is_none() && !after.attached.contains(entity) && !is_head {
                return Err([&what, HEADS].concat());
            }
            if let Some(node) = after.attached.get(entity).filter(|node| after.role(person, node) < Some(Role::Editor))
            {
                return takes("editor", node, &what);
            }
        }
        // Also what says nothing: members without anything in them.
        if (!self.has_rest_of(after) || self == after) && !is_head {
            return Err(["changing its name, or what else it has,", HEADS].concat());
        }
        Ok(())
    }
}

/// Names that have another value in `after`, or are only here.
fn lost<'a, V: PartialEq>(before: &'a Map<V>, after: &'a Map<V>) -> impl Iterator<Item = &'a str> {
    before.differences(after).filter_map(|(name, change)| match change {
        Change::New(_) => None,
        Change::Gone(_) | Change::Other(..) => Some(&**name),
    })
}

/// The same, and then those that are only there.
fn changed<'a, V: PartialEq>(before: &'a Map<V>, after: &'a Map<V>) -> impl Iterator<Item = &'a str> {
    let (mut lost, mut new) = (Vec::new(), Vec::new());
    for (name, change) in before.differences(after) {
        match change {
            Change::New(_) => new.push(&**name),
            Change::Gone(_) | Change::Other(..) => lost.push(&**name),
        }
    }
    lost.into_iter().chain(new)
}
