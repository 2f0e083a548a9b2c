//! What one says by index means what a whole new list means: nothing that the other did beside it is lost, doubled or there again.

use alloc::collections::BTreeSet;

use super::*;
use crate::diff::{Order, rebase};
use crate::value::Object;

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

/// What deep-object-diff makes of two lists.
fn by_index(old: &[Value], new: &[Value]) -> Patch {
    let mut members = Members::new();
    let mut indices: Vec<usize> = (0..old.len().max(new.len())).collect();
    indices.sort_by_key(usize::to_string);
    for index in indices {
        match (old.get(index), new.get(index)) {
            (before, after) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                members.push(index.to_string(), Patch::Map(inside(before, after)));
            }
            (_, after) => {
                members.push(index.to_string(), after.map_or(Patch::Remove, |value| Patch::Value(value.clone())))
            }
        }
    }
    Patch::Map(members)
}

fn inside(before: &Object, after: &Object) -> Members<Patch> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(name) != after.get(name));
    changed
        .map(|name| (name.clone(), after.get(name).map_or(Patch::Remove, |value| Patch::Value(value.clone()))))
        .collect()
}

/// An element of this number: of lists of texts, of numbers, of objects, or of all of these.
fn element(kind: usize, number: usize) -> Value {
    match if kind == 3 { number % 3 } else { kind } {
        0 => Value::text(format!("word {number}")),
        1 => Value::Number(number as f64),
        _ => Value::object([("text", Value::text(format!("row {number}"))), ("n", Value::Number(7.0))]),
    }
}

/// What somebody makes of a list: deletes, puts in, moves.
fn changed(list: &[usize], random: &mut Random, next: &mut usize) -> Vec<usize> {
    let mut list = list.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(list.len());
        match random.below(3) {
            0 if list.len() > 1 => drop(list.remove(at)),
            1 if list.len() > 1 => {
                let moved = list.remove(at);
                list.insert(random.below(list.len() + 1), moved);
            }
            _ => {
                list.insert(random.below(list.len() + 1), *next);
                *next += 1;
            }
        }
    }
    list
}

#[test]
fn what_is_deleted_put_in_or_moved_by_index_is_that_and_no_more() {
    let (mut conflicts, mut merged) = (0, 0);
    for seed in 0..6_000 {
        let random = &mut Random(seed);
        let kind = random.below(4);
        let list: Vec<usize> = (0..2 + random.below(6)).collect();
        let mut next = list.len();
        let (mine, theirs) = (changed(&list, random, &mut next), changed(&list, random, &mut next));
        let value = |list: &[usize]| list.iter().map(|number| element(kind, *number)).collect::<Vec<Value>>();
        let base = Value::Array(value(&list));
        let said = by_index(&value(&list), &value(&mine)).resolve(&base).unwrap();
        let whole = Patch::Value(Value::Array(value(&theirs))).resolve(&base).unwrap();
        let by_theirs = by_index(&value(&list), &value(&theirs)).resolve(&base).unwrap();
        for (a, b) in [(&said, &whole), (&whole, &said), (&said, &by_theirs)] {
            let Ok(b_after) = rebase(b, a, Order::later(None, None)) else {
                conflicts += 1;
                continue;
            };
            merged += 1;
            let mut both = base.clone();
            a.apply(&mut both).unwrap();
            b_after.apply(&mut both).unwrap();
            let Value::Array(both) = both else { panic!("no list") };
            let stays = |number: &&usize| mine.contains(number) && theirs.contains(number);
            let came = mine.iter().chain(&theirs).filter(|number| **number >= list.len());
            let wanted: BTreeSet<String> =
                list.iter().filter(stays).chain(came).map(|number| format!("{:?}", element(kind, *number))).collect();
            let found: BTreeSet<String> = both.iter().map(|item| format!("{item:?}")).collect();
            let case = format!("seed {seed}: {:?}, mine {mine:?}, theirs {theirs:?}: {both:?}", value(&list));
            assert_eq!(found, wanted, "{case}");
            assert_eq!(found.len(), both.len(), "each once, {case}");
        }
    }
    assert!(conflicts * 4 < merged, "{conflicts} conflicts, {merged} merged");
}
