//! What an organisation becomes by a diff. What the diff touches is read and checked, and with it the edges of nodes that are gone, and
//! what is above new edges; what was right before and is not touched, is.

use super::Org;
use super::map::Map;
use super::read::{Reader, cycle};
use crate::diff::{Diff, Patch};
use crate::operation::Violation;
use crate::prelude::*;
use crate::value::{Object, Value};

/// So far down an organisation is looked into: what is below is touched whole.
const LEVELS: usize = 3;

/// What a diff touches of a value.
enum Touched<'a> {
    Whole,
    /// It is an object, and these members of it are touched.
    Members(Vec<(&'a str, Touched<'a>)>),
}

impl<'a> Touched<'a> {
    fn by(diff: &'a Diff, levels: usize) -> Touched<'a> {
        match diff {
            Diff::Object(members) if levels > 0 => {
                let members = members.iter().map(|(name, diff)| (name.as_str(), Touched::by(diff, levels - 1)));
                Touched::Members(members.collect())
            }
            _ => Touched::Whole,
        }
    }

    fn by_patch(patch: &'a Patch, levels: usize) -> Touched<'a> {
        match patch {
            Patch::Map(members) if levels > 0 => {
                let members = members.iter().map(|(name, patch)| (name.as_str(), Touched::by_patch(patch, levels - 1)));
                Touched::Members(members.collect())
            }
            _ => Touched::Whole,
        }
    }

    /// What of a map is touched that is there, and what of each.
    fn of<'b, V>(&'b self, map: &'b Map<V>) -> Vec<(&'b str, &'b V, &'b Touched<'a>)> {
        match self {
            Touched::Whole => map.iter().map(|(name, value)| (&**name, value, &Touched::Whole)).collect(),
            Touched::Members(members) => {
                members.iter().filter_map(|(name, touched)| Some((*name, map.get(name)?, touched))).collect()
            }
        }
    }
}

impl Org {
    /// The organisation that a diff makes of this, as [`Org::read`] of the value that it makes of this one's. None where that can't
    /// be told from what is kept here: then that value is read.
    pub fn after(&self, diff: &Diff) -> Option<Result<Org, Vec<Violation>>> {
        let Touched::Members(touched) = Touched::by(diff, LEVELS) else { return None };
        self.changed(diff, &touched, Value::Object(self.slice(&touched)))
    }

    /// The same, by a diff as it is on the wire.
    pub fn after_patch(&self, patch: Patch) -> Option<Result<Org, Vec<Violation>>> {
        let Touched::Members(touched) = Touched::by_patch(&patch, LEVELS) else { return None };
        let value = Value::Object(self.slice(&touched));
        let diff = patch.resolve(&value).ok()?;
        let Touched::Members(touched) = Touched::by(&diff, LEVELS) else { return None };
        self.changed(&diff, &touched, value)
    }

    /// What of the value of this is touched, as far as it is kept: of an object that is empty it is not known whether it is there.
    fn slice(&self, touched: &[(&str, Touched<'_>)]) -> Object {
        let mut slice = Object::new();
        for (member, touched) in touched {
            let part = match *member {
                "nodes" => {
                    Value::object(touched.of(&self.nodes).into_iter().map(|(node, about, _)| (node, (**about).clone())))
                }
                "edges" => nested(touched, &self.children, |()| Value::Bool(true)),
                "grants" => nested(touched, &self.grants, |role| Value::text(role.as_str())),
                "attached" => Value::object(
                    touched.of(&self.attached).into_iter().map(|(entity, node, _)| (entity, Value::text(&**node))),
                ),
                name => match self.rest.get(name) {
                    Some(value) => value.clone(),
                    None => continue,
                },
            };
            slice.insert((*member).to_owned(), part);
        }
        slice
    }

    fn changed(
        &self,
        diff: &Diff,
        touched: &[(&str, Touched<'_>)],
        mut slice: Value,
    ) -> Option<Result<Org, Vec<Violation>>> {
        diff.apply(&mut slice).ok()?;
        let Value::Object(mut slice) = slice else { return None };
        let mut next = self.clone();
        let mut gone = Vec::new();
        for (member, touched) in touched {
            let part = slice.get(member);
            match *member {
                "nodes" => {
                    for (node, ..) in touched.of(&self.nodes) {
                        if inside(part, node).is_none() {
                            next.nodes.remove(node);
                            gone.push(node);
                        }
                    }
                }
                "edges" => missing(touched, &self.children, part, |parent, child| next.cut_edge(parent, child)),
                "grants" => missing(touched, &self.grants, part, |person, node| next.revoke(person, node)),
                "attached" => {
                    for (entity, ..) in touched.of(&self.attached) {
                        if inside(part, entity).is_none() {
                            next.detach(entity);
                        }
                    }
                }
                name => {
                    let mut rest = (*next.rest).clone();
                    match part {
                        Some(value) => drop(rest.insert(name.to_owned(), value.clone())),
                        None => drop(rest.remove(name)),
                    }
                    next.rest = rest.into();
                }
            }
        }
        next.show_edges_of(&gone, &mut slice);
        let mut reader = Reader::default();
        reader.parts(&slice, &mut next);
        // A cycle that was not there goes through an edge that was not there.
        let new =
            edges(&slice).filter(|(parent, child)| !self.children.get(parent).is_some_and(|of| of.contains(child)));
        if cycle(&next.parents, new.map(|(_, child)| child)).is_some() {
            reader.cycle(&next);
        }
        Some(reader.end(next))
    }

    /// Adds to what is read again what is above and below nodes that are gone.
    fn show_edges_of(&self, gone: &[&str], slice: &mut Object) {
        for node in gone {
            let below = self.children.get(node).into_iter().flat_map(Map::names).map(|child| (*node, &**child));
            let above = self.parents.get(node).into_iter().flat_map(Map::names).map(|parent| (&**parent, *node));
            for (parent, child) in below.chain(above) {
                let empty = || Value::Object(Object::new());
                if let Value::Object(edges) = slice.get_or_insert_with("edges", empty)
                    && let Value::Object(children) = edges.get_or_insert_with(parent, empty)
                {
                    children.get_or_insert_with(child, || Value::Bool(true));
                }
            }
        }
    }
}

/// What is touched of a map of maps, as a value. What a diff goes into is an object already, if perhaps an empty one.
fn nested<V>(touched: &Touched<'_>, map: &Map<Map<V>>, value: impl Fn(&V) -> Value) -> Value {
    let mut object = Object::new();
    if let Touched::Members(members) = touched {
        let objects = members.iter().filter(|(_, touched)| matches!(touched, Touched::Members(_)));
        object = objects.map(|(name, _)| ((*name).to_owned(), Value::Object(Object::new()))).collect();
    }
    for (outer, found, touched) in touched.of(map) {
        let found = touched.of(found).into_iter().map(|(inner, found, _)| (inner, value(found)));
        object.insert(outer.to_owned(), Value::object(found));
    }
    Value::Object(object)
}

/// What is touched of a map of maps, and not there in `part`.
fn missing<V>(touched: &Touched<'_>, map: &Map<Map<V>>, part: Option<&Value>, mut take_out: impl FnMut(&str, &str)) {
    for (outer, found, touched) in touched.of(map) {
        let part = inside(part, outer);
        for (inner, ..) in touched.of(found) {
            if inside(part, inner).is_none() {
                take_out(outer, inner);
            }
        }
    }
}

fn inside<'a>(value: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    match value {
        Some(Value::Object(members)) => members.get(name),
        _ => None,
    }
}

/// Parents and children.
fn edges(slice: &Object) -> impl Iterator<Item = (&str, &str)> {
    let parents = slice.get("edges").into_iter().flat_map(members);
    parents.flat_map(|(parent, children)| members(children).map(|(child, _)| (parent.as_str(), child.as_str())))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let members = match value {
        Value::Object(members) => Some(members),
        _ => None,
    };
    members.into_iter().flat_map(Object::iter)
}
