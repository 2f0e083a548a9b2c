//! Elements that move across pages, numbers that grow, edits of `Map`s and `Set`s.

use timeweft_core::diff::{Increment, Joins, Patch, Segment};
use timeweft_core::members::Members;

use super::*;

fn map(members: impl IntoIterator<Item = (String, Patch)>) -> Patch {
    let mut map = Members::new();
    for (name, patch) in members {
        map.insert(name, patch);
    }
    Patch::Map(map)
}

fn increment(random: &mut Random) -> Patch {
    Patch::Increment(Increment { by: Value::Number(random.below(9) as f64 + 0.5), to: None })
}

/// A number that is there grows, or one that is not.
fn grown(random: &mut Random) -> Patch {
    let name = if random.below(2) == 0 { "n".to_owned() } else { format!("seen-{}", random.below(3)) };
    map([(name, increment(random))])
}

/// Rows of which some are in pages of their own or long texts, and leaves of other kinds.
fn gathering(random: &mut Random) -> Value {
    let Value::Object(mut members) = document(random) else { panic!("an object") };
    if let Some(Value::Array(rows)) = members.get_mut("rows") {
        for at in [5, 700, 2_998] {
            let tree = (0..900).map(|n| (format!("member-{n}"), row(random)));
            rows[at] = Value::object(tree.chain([("n".to_owned(), Value::Number(1.0))]));
        }
        rows[1_500] = Value::object([("n", Value::Number(2.0)), ("long", Value::Text("z".repeat(40_000)))]);
    }
    let items = |count: usize| (0..count).map(|n| Value::Number(n as f64)).collect::<Vec<_>>();
    members.insert("few".into(), Value::Set(items(9)));
    members.insert("many".into(), Value::Set(items(9_000)));
    members.insert("map".into(), Value::Map(items(9_000).into_iter().map(|key| (key, Value::Number(0.0))).collect()));
    Value::Object(members)
}

/// Edits of an array of `length` that move elements, up to `most` steps.
fn moving(length: usize, most: usize, random: &mut Random) -> Patch {
    let (mut steps, mut at, mut number) = (Vec::new(), 0, 0);
    for _ in 0..most {
        let left = length - at;
        if left == 0 {
            break;
        }
        let run = 1 + random.below(left.min(2 * length / most.max(1) + 1));
        match random.below(6) {
            0 | 1 => {
                steps.push(Segment::Take(number));
                number += 1;
                at += 1;
            }
            2 => {
                steps.push(Segment::Delete(run.min(3)));
                at += run.min(3);
            }
            3 => steps.push(Segment::Insert(vec![row(random)], Joins::NONE)),
            _ => {
                steps.push(Segment::Keep(run));
                at += run;
            }
        }
    }
    if at < length {
        steps.push(Segment::Keep(length - at));
    }
    for number in 0..number {
        let inner = (random.below(3) == 0).then(|| grown(random));
        let place = random.below(steps.len() + 1);
        steps.insert(place, Segment::Put(number, inner));
    }
    Patch::Array(steps)
}

/// Edits of a `Set` of numbers or a `Map` from numbers.
fn entries(length: usize, fresh: f64, is_map: bool, random: &mut Random) -> Patch {
    let keep = random.below(length - 2);
    let change = |to: f64| {
        if is_map {
            let value = Patch::Increment(Increment { by: Value::Number(to), to: None });
            Segment::Inner(Patch::Array(vec![Segment::Keep(1), Segment::Inner(value)]))
        } else {
            Segment::Keep(1)
        }
    };
    let item = Value::Number(fresh);
    let item = if is_map { Value::Array(vec![item, Value::text("new")]) } else { item };
    let mut steps = vec![Segment::Delete(1), change(fresh), Segment::Insert(vec![item], Joins::NONE)];
    if keep > 0 {
        steps.insert(0, Segment::Keep(keep));
    }
    // What follows the last step stays.
    Patch::Entries(steps)
}

fn meant(value: &Value, step: usize, random: &mut Random) -> Patch {
    let Value::Object(members) = value else { panic!("an object") };
    let count = |name: &str| match members.get(name) {
        Some(Value::Array(items) | Value::Set(items)) => items.len(),
        Some(Value::Map(entries)) => entries.len(),
        _ => panic!("{name} is a list"),
    };
    let fresh = 100_000.0 + step as f64;
    let most = if random.below(8) == 0 { 2_000 } else { 8 };
    let one = match random.below(5) {
        0 => ("keyed".to_owned(), {
            let grown = (0..3).map(|_| (format!("key-{}", random.below(2_000)), grown(random))).collect::<Vec<_>>();
            let Some(Value::Object(keyed)) = members.get("keyed") else { panic!("an object") };
            let there = grown.into_iter().filter(|(key, _)| keyed.contains_key(key));
            map(there.chain([(format!("total-{}", random.below(4)), increment(random))]))
        }),
        1 if count("few") > 3 => ("few".to_owned(), entries(count("few"), fresh, false, random)),
        1 | 2 => ("many".to_owned(), entries(count("many"), fresh, false, random)),
        3 => ("map".to_owned(), entries(count("map"), fresh, true, random)),
        _ => ("absent".to_owned(), increment(random)),
    };
    map([("rows".to_owned(), moving(count("rows"), most, random)), one])
}

#[test]
fn a_tree_becomes_what_moves_increments_and_entries_make_of_it() {
    for seed in 0..3 {
        let mut random = Random(seed + 21);
        let mut tree = Grown::new(gathering(&mut random));
        for step in 0..40 {
            let at = format!("seed {seed}, step {step}");
            let change = meant(&tree.value, step, &mut random).resolve(&tree.value).expect(&at);
            let mut next = tree.value.clone();
            change.apply(&mut next).expect(&at);
            assert!(tree.bytes(Some(&change)) == cbor::encode_value(&next), "under the diff; {at}");
            let stored = cbor::decode_diff(&cbor::encode_diff(&change)).expect(&at);
            tree.grow_by(&stored, next);
            tree.holds(&at);
        }
        tree.grow(Value::object([("n", Value::Null)]));
        assert!(tree.store.keys().len() <= 2, "and nothing of the rest: {:?}", tree.store.keys());
    }
}

#[test]
fn parts_are_those_of_the_value_under_moves() {
    let mut random = Random(31);
    let tree = Grown::new(gathering(&mut random));
    for step in 0..40 {
        let change = meant(&tree.value, step, &mut random).resolve(&tree.value).unwrap();
        let mut next = tree.value.clone();
        change.apply(&mut next).unwrap();
        let Value::Object(members) = &next else { panic!("an object") };
        let Some(Value::Array(rows)) = members.get("rows") else { panic!("an array") };
        let loader = Loader::new(&tree.store, "note:n");
        let Part::Branch(root) = wait(part(&loader, tree.root.clone(), Some(&change))).unwrap() else {
            panic!("a long object")
        };
        for name in ["few", "many", "map", "absent"] {
            match (wait(root.member(name)).unwrap(), members.get(name)) {
                (Part::Value(found), Some(value)) => assert!(found == *value, "{name}; step {step}"),
                (Part::Absent, None) => {}
                (_, value) => panic!("{name}: {value:?}; step {step}"),
            }
        }
        let Part::Branch(branch) = wait(root.member("rows")).unwrap() else { panic!("a long array") };
        assert_eq!(branch.elements(), Some(rows.len()), "step {step}");
        for _ in 0..80 {
            let index = random.below(rows.len() + 2);
            let found = match wait(branch.element(index)).unwrap() {
                Part::Absent => None,
                Part::Value(found) => Some(found),
                Part::Branch(branch) => Some(wait(branch.whole()).unwrap()),
            };
            assert!(found.as_ref() == rows.get(index), "{index}; step {step}");
        }
        let start = random.below(rows.len());
        let end = rows.len().min(start + 9);
        assert!(wait(branch.range(start..end)).unwrap() == rows[start..end], "step {step}");
    }
}

#[test]
fn many_moves_at_once_take_no_square_of_their_number() {
    let mut random = Random(41);
    let rows = Value::Array((0..40_000).map(|n| Value::Number(f64::from(n))).collect());
    let mut tree = Grown::new(rows);
    let turned = (0..40_000).rev().map(|number| Segment::Put(number, None));
    let change = Patch::Array((0..40_000).map(Segment::Take).chain(turned).collect()).resolve(&tree.value).unwrap();
    let mut next = tree.value.clone();
    change.apply(&mut next).unwrap();
    assert!(tree.bytes(Some(&change)) == cbor::encode_value(&next));
    let loader = Loader::new(&tree.store, "note:n");
    let Part::Branch(root) = wait(part(&loader, tree.root.clone(), Some(&change))).unwrap() else { panic!("long") };
    let Value::Array(items) = &next else { panic!("an array") };
    for _ in 0..2_000 {
        let index = random.below(items.len());
        assert!(wait(root.range(index..index + 1)).unwrap()[0] == items[index]);
    }
    tree.grow_by(&change, next);
    tree.holds("turned round");
}
