//! Trees against the values they hold, under random diffs, long enough to be in many pages.

use std::task::{Context, Poll, Waker};

use timeweft_core::codec::cbor;
use timeweft_core::diff::lazy::{Branch, Part};
use timeweft_core::diff::{Diff, diff};
use timeweft_core::value::Value;

use super::node::*;
use super::*;
use crate::blob::Writing;
use crate::error::EngineError;
use crate::key::{Gone, chunk_key};
use crate::loader::Loader;
use crate::memory::MemoryStore;
use crate::store::Store;

mod meant;

fn wait<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a call on the memory store is ready at once"),
    }
}

/// A tree in a store of its own, and what it holds.
struct Grown {
    store: MemoryStore,
    root: Node,
    value: Value,
    pointer: u64,
}

impl Grown {
    fn new(value: Value) -> Grown {
        let mut to = Writing::new(1);
        let root = build(&cbor::encode_value(&value), "note:n", &mut to).unwrap();
        let mut tree = Grown { store: MemoryStore::new(), root, value, pointer: 1 };
        tree.take(to);
        tree
    }

    fn take(&mut self, to: Writing) {
        for (number, chunk) in to.chunks.iter().enumerate().filter(|(_, chunk)| !chunk.is_empty()) {
            wait(self.store.set(&chunk_key("note:n", to.pointer, number as u32), chunk)).unwrap();
        }
        for Gone { pointer, first, count } in to.gone {
            for chunk in first..first + count {
                wait(self.store.delete(&chunk_key("note:n", pointer, chunk))).unwrap();
            }
        }
    }

    /// Makes it `new`: pages that are not shared go at once, so that whatever still wanted one would miss it.
    fn grow(&mut self, new: Value) {
        let change = diff(&self.value, &new);
        self.grow_by(&change, new);
    }

    fn grow_by(&mut self, change: &Diff, new: Value) {
        self.pointer += 1;
        let mut to = Writing::new(self.pointer);
        let loader = Loader::new(&self.store, "note:n");
        self.root = wait(grow(&loader, &self.root, change, &mut to)).unwrap();
        self.value = new;
        self.take(to);
    }

    fn bytes(&self, over: Option<&Diff>) -> Vec<u8> {
        let (loader, mut bytes) = (Loader::new(&self.store, "note:n"), Vec::new());
        wait(write(&loader, &self.root, over, &mut bytes)).unwrap();
        bytes
    }

    fn holds(&self, at: &str) {
        let bytes = self.bytes(None);
        assert!(bytes == cbor::encode_value(&self.value), "{at}");
        assert_eq!(self.root.length(), bytes.len(), "{at}");
        let node = self.root.encode().unwrap();
        assert_eq!(Node::decode(&node).unwrap(), self.root, "{at}");
        assert!(node.len() < 2_000, "a root is short: {} bytes; {at}", node.len());
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn row(random: &mut Random) -> Value {
    let text = "lorem ipsum ".repeat(random.below(12));
    Value::object([("n", Value::Number(random.below(1_000) as f64)), ("text", Value::Text(text))])
}

/// A long object and a long array, one inside the other, and a text too long for a page.
fn document(random: &mut Random) -> Value {
    let rows = Value::Array((0..3_000).map(|_| row(random)).collect());
    let keyed = Value::object((0..2_000).map(|n| (format!("key-{n}"), row(random))));
    Value::object([("rows", rows), ("keyed", keyed), ("long", Value::Text("x".repeat(50_000))), ("n", Value::Null)])
}

fn change(value: &mut Value, random: &mut Random) {
    let Value::Object(members) = value else { return };
    match random.below(6) {
        0 => drop(members.insert("n".into(), Value::Number(random.below(9) as f64))),
        1 => drop(members.insert("long".into(), Value::Text("y".repeat(random.below(60_000))))),
        2 | 3 => {
            if let Some(Value::Object(keyed)) = members.get_mut("keyed") {
                let most = if random.below(10) == 0 { 1_500 } else { 3 };
                for _ in 0..1 + random.below(most) {
                    let key = format!("key-{}", random.below(2_500));
                    if random.below(2) == 0 { drop(keyed.remove(&key)) } else { drop(keyed.insert(key, row(random))) }
                }
            }
        }
        _ => {
            if let Some(Value::Array(rows)) = members.get_mut("rows") {
                let start = random.below(rows.len() + 1);
                let most = if random.below(10) == 0 { 2_900 } else { 4 };
                let end = rows.len().min(start + random.below(most));
                let new: Vec<Value> = (0..random.below(most)).map(|_| row(random)).collect();
                rows.splice(start..end, new);
                if let Some(one) = rows.first_mut() {
                    *one = row(random);
                }
            }
        }
    }
}

#[test]
fn a_tree_holds_what_was_built_and_becomes_what_diffs_make_of_it() {
    let mut random = Random(7);
    let mut tree = Grown::new(document(&mut random));
    tree.holds("tree");
    for step in 0..150 {
        let mut next = tree.value.clone();
        change(&mut next, &mut random);
        let over = diff(&tree.value, &next);
        assert!(tree.bytes(Some(&over)) == cbor::encode_value(&next), "under the diff; step {step}");
        tree.grow(next);
        tree.holds(&format!("step {step}"));
    }
    tree.grow(Value::object([("n", Value::Null)]));
    tree.holds("little is left");
    assert!(tree.store.keys().len() <= 2, "and nothing of the rest: {:?}", tree.store.keys());
}

#[test]
fn parts_are_those_of_the_value_under_a_diff() {
    let mut random = Random(11);
    let tree = Grown::new(document(&mut random));
    for step in 0..60 {
        let mut next = tree.value.clone();
        for _ in 0..3 {
            change(&mut next, &mut random);
        }
        let over = diff(&tree.value, &next);
        let loader = Loader::new(&tree.store, "note:n");
        let root = wait(part(&loader, tree.root.clone(), Some(&over))).unwrap();
        let (Part::Branch(root), Value::Object(members)) = (&root, &next) else { panic!("a long object") };
        for key in ["rows", "keyed", "long", "n", "missing"] {
            match (wait(root.member(key)).unwrap(), members.get(key)) {
                (Part::Absent, None) => {}
                (Part::Value(found), Some(value)) => assert!(found == *value, "{key}; step {step}"),
                (Part::Branch(branch), Some(Value::Array(rows))) => {
                    assert_eq!(branch.elements(), Some(rows.len()), "step {step}");
                    for _ in 0..40 {
                        let index = random.below(rows.len() + 2);
                        match (wait(branch.element(index)).unwrap(), rows.get(index)) {
                            (Part::Absent, None) => {}
                            (Part::Value(found), Some(row)) => assert!(found == *row, "{index}; step {step}"),
                            (_, row) => panic!("{index}: {row:?}; step {step}"),
                        }
                    }
                    let start = random.below(rows.len());
                    let end = rows.len().min(start + 9);
                    assert!(wait(branch.range(start..end)).unwrap() == rows[start..end], "step {step}");
                }
                (Part::Branch(branch), Some(Value::Object(keyed))) => {
                    for _ in 0..40 {
                        let key = format!("key-{}", random.below(2_500));
                        match (wait(branch.member(&key)).unwrap(), keyed.get(&key)) {
                            (Part::Absent, None) => {}
                            (Part::Value(found), Some(row)) => assert!(found == *row, "{key}; step {step}"),
                            (_, row) => panic!("{key}: {row:?}; step {step}"),
                        }
                    }
                    let (mut after, mut seen) = (String::new(), Vec::new());
                    loop {
                        let members = wait(branch.members_after(&after, 100)).unwrap();
                        let Some((last, _)) = members.last() else { break };
                        after.clone_from(last);
                        seen.extend(members);
                    }
                    assert!(seen.iter().map(|(key, row)| (key, row)).eq(keyed.iter()), "step {step}");
                }
                (_, value) => panic!("{key}: {value:?}; step {step}"),
            }
        }
    }
}

#[test]
fn what_is_damaged_is_an_error() {
    let tree = Grown::new(document(&mut Random(3)));
    for key in tree.store.keys() {
        let whole = wait(tree.store.get(&key)).unwrap().unwrap();
        for broken in [&whole[..whole.len() / 2], &[0xff, 0x00][..], &[]] {
            wait(tree.store.set(&key, broken)).unwrap();
            let loader = Loader::new(&tree.store, "note:n");
            let read = wait(write(&loader, &tree.root, None, &mut Vec::new()));
            assert!(matches!(read, Err(EngineError::Corrupt(_)) | Ok(())), "{key}: {read:?}");
        }
        wait(tree.store.set(&key, &whole)).unwrap();
    }
    assert!(Node::decode(&[0xd9, 0xfa, 0x09, 0]).is_err() && Node::decode(&[0xd9, 0xfa, 0x06]).is_err());
}
