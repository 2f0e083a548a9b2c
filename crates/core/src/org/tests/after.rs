//! What an organisation becomes by a diff, and what follows from that, held against `naive`, which reads and compares all of it.

use super::naive;
use super::*;
use crate::diff::{Diff, Order, diff, rebase};
use crate::value::Object;

const PERSONS: [&str; 6] = ["ann", "bob", "cy", "dee", "eve", "*"];
const NODES: [&str; 8] = ["all", "a", "b", "c", "d", "e", "f", "g~/"];
const ENTITIES: [&str; 5] = ["task:1", "task:2", "task:3", "task:4", "nothing"];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 33) % bound as u64).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Puts something at a place, or takes it out.
fn put(value: &mut Value, path: &[&str], new: Option<Value>) {
    let Some((first, rest)) = path.split_first() else { return };
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Object::new());
    }
    let Value::Object(members) = value else { return };
    match (rest.is_empty(), new) {
        (true, Some(new)) => drop(members.insert((*first).to_owned(), new)),
        (true, None) => drop(members.remove(first)),
        (false, new) => put(members.get_or_insert_with(first, || Value::Object(Object::new())), rest, new),
    }
}

fn empty() -> Value {
    Value::Object(Object::new())
}

/// Does one thing with an organisation, now and then one that makes it none.
fn act(random: &mut Random, value: &mut Value) {
    let (node, other) = (random.of(&NODES), random.of(&NODES));
    let (person, entity) = (random.of(&PERSONS), random.of(&ENTITIES));
    let is_wrong = random.one_in(40);
    match random.below(16) {
        0 | 1 => {
            let about = match random.below(4) {
                0 => Value::object([("entity", Value::text(entity))]),
                1 => Value::object([("name", Value::text(other))]),
                _ => empty(),
            };
            put(value, &["nodes", node], Some(if is_wrong { Value::Null } else { about }));
        }
        2 => put(value, &["nodes", node, "name"], Some(Value::text(entity))),
        3 => put(value, &["nodes", node], None),
        // With all that would keep it from being one.
        4 => {
            put(value, &["nodes", node], None);
            put(value, &["edges", node], None);
            NODES.iter().for_each(|parent| put(value, &["edges", parent, node], None));
        }
        5..=7 => put(value, &["edges", node, other], Some(Value::Bool(!is_wrong))),
        8 => put(value, &["edges", node, other], None),
        9 | 10 => {
            let role = random.of(&["viewer", "editor", "admin", "admin"]);
            let role = if person == "*" && !is_wrong { "viewer" } else { role };
            put(value, &["grants", person, node], Some(if is_wrong { Value::text("boss") } else { Value::text(role) }));
        }
        11 => put(value, &["grants", person, node], None),
        12 | 13 => put(value, &["attached", entity], Some(if is_wrong { empty() } else { Value::text(node) })),
        14 => put(value, &["attached", entity], None),
        _ => match random.below(9) {
            0 => put(value, &["name"], Some(if is_wrong { empty() } else { Value::text(person) })),
            1 => put(value, &["more", node], Some(Value::text(person))),
            2 => put(value, &["grants", person], None),
            3 => put(value, &["grants", if is_wrong { "no person" } else { "zoe" }, node], Some(Value::text("admin"))),
            4 => put(value, &["grants", person], Some(empty())),
            5 => put(value, &["edges"], if is_wrong { Some(Value::text("x")) } else { None }),
            6 => put(value, &["attached"], None),
            7 => put(value, &["edges", node], None),
            _ => put(value, &["grants"], is_wrong.then_some(Value::Number(1.0))),
        },
    }
}

fn changed(random: &mut Random, value: &Value) -> Value {
    let mut next = value.clone();
    for _ in 0..random.of(&[1, 1, 1, 2, 3, 8]) {
        act(random, &mut next);
    }
    next
}

const FIRST: &str = r#"{"name":"o","nodes":{"all":{},"a":{},"b":{},"c":{"entity":"task:1"}},
    "edges":{"all":{"a":true,"b":true},"a":{"c":true},"b":{"c":true}},
    "grants":{"ann":{"all":"admin"},"bob":{"a":"admin"},"cy":{"b":"editor","a":"admin"},"dee":{"all":"viewer"},"*":{"b":"viewer"}},
    "attached":{"task:1":"c","task:2":"b"}}"#;

/// How often what was found.
#[derive(Debug, Default)]
struct Seen {
    allowed: usize,
    refused: usize,
    invalid: usize,
    cycles: usize,
    lowered: usize,
    moved: usize,
    come_under: usize,
}

fn all<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect()
}

/// That the next organisation is what is read of its value, and all that is told of the two what is told by looking at all of them.
fn compare(seen: &mut Seen, org: &Org, next: &Org, was: &naive::Org, is: &naive::Org, value: &Value) {
    let read = Org::read(value).unwrap();
    assert_eq!(next, &read);
    assert_eq!((&next.children, &next.granted), (&read.children, &read.granted));
    assert_eq!((&next.admins, &next.entities), (&read.admins, &read.entities));
    for (one, other, was, is) in [(org, next, was, is), (next, org, is, was)] {
        for person in PERSONS.into_iter().chain(["zoe", ""]) {
            let allowed = one.allows(other, person);
            assert_eq!(allowed, was.allows(is, person), "{person}");
            let known = (one.is_head(person), one.is_member(person), one.highest(person));
            assert_eq!(known, (was.is_head(person), was.is_member(person), was.highest(person)));
            if allowed.is_ok() { seen.allowed += 1 } else { seen.refused += 1 }
        }
        assert_eq!(one.lowered(other), was.lowered(is));
        assert_eq!(all(one.moved(other)), all(was.moved(is)));
        assert_eq!(all(one.come_under(other)), all(was.come_under(is)));
        assert_eq!(all(one.newly_attached(other)), all(was.newly_attached(is)));
        assert_eq!(all(one.attached_nowhere(other)), all(was.attached_nowhere(is)));
        seen.lowered += one.lowered(other).len();
        seen.moved += one.moved(other).count();
        seen.come_under += one.come_under(other).count();
    }
    for node in NODES {
        assert_eq!(all(next.people(node)), all(is.people(node)));
    }
}

/// What comes of a diff; none where it makes no organisation.
fn step(
    seen: &mut Seen,
    org: &Org,
    was: &naive::Org,
    value: &Value,
    change: &Diff,
) -> Option<(Org, naive::Org, Value)> {
    let mut next_value = value.clone();
    change.apply(&mut next_value).unwrap();
    let expected = naive::Org::read(&next_value);
    let found = org.after(change).expect("it goes into an object");
    let by_patch = org.after_patch(change.to_patch()).expect("it goes into an object");
    assert_eq!(found, by_patch);
    match (found, expected) {
        (Ok(next), Ok(is)) => {
            compare(seen, org, &next, was, &is, &next_value);
            Some((next, is, next_value))
        }
        (found, expected) => {
            let expected = expected.map(drop).unwrap_err();
            seen.invalid += 1;
            seen.cycles += usize::from(expected.iter().any(|violation| violation.message.contains("cycle")));
            assert_eq!(found.map(drop), Err(expected), "{change:?} on {value:?}");
            None
        }
    }
}

#[test]
fn what_it_becomes_by_a_diff_is_what_is_read_of_the_whole_and_so_is_what_follows() {
    let mut seen = Seen::default();
    for seed in 1..=400 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut value = value(FIRST);
        let (mut org, mut was) = (Org::read(&value).unwrap(), naive::Org::read(&value).unwrap());
        for _ in 0..60 {
            let theirs = diff(&value, &changed(&mut random, &value));
            // Two of one version, the one moved over the other; or one alone.
            let mine = random.one_in(3).then(|| diff(&value, &changed(&mut random, &value)));
            let moved = mine.and_then(|mine| rebase(&mine, &theirs, Order::later(Some("ann"), Some("bob"))).ok());
            for change in [Some(theirs), moved].into_iter().flatten() {
                // What was moved over one that was refused is moved over nothing.
                if change.apply(&mut value.clone()).is_err() {
                    continue;
                }
                if let Some(next) = step(&mut seen, &org, &was, &value, &change) {
                    (org, was, value) = next;
                }
            }
        }
    }
    let least = [seen.allowed, seen.refused, seen.invalid, seen.cycles, seen.lowered, seen.moved, seen.come_under];
    assert!(least.iter().all(|count| *count > 2_000), "{seen:?}");
}

/// Where something is put, or taken out.
type Put<'a> = (&'a [&'a str], Option<Value>);

/// An organisation of so many nodes, each with three below it, and as many persons.
fn large(count: usize) -> (Value, Org) {
    let node = |number: usize| format!("n{number}");
    let nodes = (0..count).map(|number| (node(number), Value::object([("name", Value::text(node(number)))])));
    let mut value = Value::object([("nodes", Value::object(nodes)), ("name", Value::text("large"))]);
    for number in 1..count {
        put(&mut value, &["edges", &node((number - 1) / 3), &node(number)], Some(Value::Bool(true)));
    }
    for number in 0..count {
        put(&mut value, &["grants", &format!("p{number}"), &node(number)], Some(Value::text("editor")));
        put(&mut value, &["attached", &format!("task:{number}")], Some(Value::text(node(number))));
    }
    put(&mut value, &["grants", "ann", "n0"], Some(Value::text("admin")));
    let org = Org::read(&value).unwrap();
    (value, org)
}

#[test]
fn an_ordinary_change_of_ten_thousand_nodes_looks_at_few_of_them() {
    let visits = |count: usize| {
        let (value, org) = large(count);
        let last = format!("n{}", count - 1);
        let text = |text: &str| Some(Value::text(text));
        let parent = format!("n{}", (count - 2) / 3);
        let node: [Put<'_>; 2] =
            [(&["nodes", "new"], Some(empty())), (&["edges", &last, "new"], Some(Value::Bool(true)))];
        let moved: [Put<'_>; 2] =
            [(&["edges", &parent, &last], None), (&["edges", "n7", &last], Some(Value::Bool(true)))];
        let changes: [(&str, &[Put<'_>]); 8] = [
            ("grant", &[(&["grants", "zoe", &last], text("viewer"))]),
            ("revoke", &[(&["grants", "p7", "n7"], None)]),
            ("add a node", &node),
            ("rename", &[(&["nodes", "n7", "name"], text("seven"))]),
            ("attach", &[(&["attached", "task:new"], text(&last))]),
            ("move what is attached", &[(&["attached", "task:7"], text(&last))]),
            ("detach", &[(&["attached", "task:7"], None)]),
            ("move a node", &moved),
        ];
        changes.map(|(what, places)| {
            let mut next = value.clone();
            places.iter().for_each(|(path, new)| put(&mut next, path, new.clone()));
            let change = diff(&value, &next);
            map::visits::taken();
            let next = org.after(&change).unwrap().unwrap();
            assert_eq!(org.allows(&next, "ann"), Ok(()));
            let found = [org.lowered(&next).len(), next.lowered(&org).len(), org.moved(&next).count()];
            let attached = [org.come_under(&next).count(), org.newly_attached(&next).count()];
            assert!(found.into_iter().chain(attached).all(|count| count < 20), "{what}: {found:?}");
            (what, map::visits::taken())
        })
    };
    for ((what, few), (_, many)) in visits(100).into_iter().zip(visits(10_000)) {
        // The ways down are twice as long, and so are the ways in the trees that it is kept in.
        assert!(many < 5_000 && many <= 5 * few, "{what}: {few} of 100, {many} of 10,000");
    }
}

#[test]
fn where_it_would_take_long_to_tell_who_lost_something_it_is_everybody() {
    let (value, org) = large(2_000);
    let was = naive::Org::read(&value).unwrap();
    for (cut, everybody) in [(10, false), (20, true)] {
        let mut next_value = value.clone();
        (0..cut).for_each(|number| put(&mut next_value, &["edges", &format!("n{}", 600 + number)], None));
        let next = org.after(&diff(&value, &next_value)).unwrap().unwrap();
        let lowered = org.lowered(&next);
        assert_eq!(lowered, was.lowered(&naive::Org::read(&next_value).unwrap()));
        assert_eq!(lowered.len() == 2_001, everybody);
    }
}
