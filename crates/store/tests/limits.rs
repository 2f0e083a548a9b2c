//! Limits that were lowered under what is stored: they bound what is asked, and nothing that is there.

mod common;

use common::*;
use timeweft_core::codec::{MAX_DEPTH, cbor};
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::operation::{
    CborDiff, CborValue, Context, Delete, Failure, History, Moment, Patch, Post, Put, Read, Reading, Revert, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::memory::MemoryStore;

const LOW: Limits = Limits { value_bytes: 64, depth: 3, diff_operations: 4, ..DEFAULT };
const DEFAULT: Limits = Limits {
    value_bytes: 16 << 20,
    depth: 128,
    message_bytes: 1 << 20,
    body_bytes: 16 << 20,
    diff_operations: 100_000,
    subscriptions: 1_000,
};

fn low(person: &str) -> Context {
    Context { limits: LOW, ..by(person) }
}

/// Deeper, longer and of more members than the lowered limits; one in a record, one in a tree.
fn values() -> [Value; 2] {
    [100, 20_000].map(|length| {
        let deep = (0..20).fold(Value::text("x"), |value, _| Value::object([("in", value)]));
        Value::object([("deep", deep), ("n", Value::Number(1.0)), ("t", Value::Text("long ".repeat(length / 5)))])
    })
}

/// Its versions: made, and changed by many a place.
fn stored(value: &Value) -> (MemoryStore, [Timestamp; 2]) {
    let store = MemoryStore::new();
    let first = CborValue(cbor::encode_value(value));
    let made = wait(engine(&store).post(&by("ann"), &id(), Post::of(first.clone()))).unwrap().meta.valid_from;
    let diff = patch(r#"{"a":{"in":{"in":{"in":1}}},"b":1,"c":1,"d":1,"e":1,"f":1}"#);
    let second = wait(engine(&store).patch(&by("bob"), &id(), Patch::of(diff.clone(), made))).unwrap();
    (store, [made, second.meta.valid_from])
}

fn whole(reading: Result<Reading, Failure>) -> Value {
    match reading {
        Ok(Reading::Value(value, _)) => decode(&value),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_stored_is_read_and_shown_whatever_the_limits_are_by_now() {
    for first in values() {
        let (store, [made, _]) = stored(&first);
        let engine = engine(&store);
        let second = current(&store).unwrap().3;
        assert_eq!(whole(wait(engine.read(&low("ann"), &id(), Read::whole(Which::Current)))), second);
        assert_eq!(whole(wait(engine.read(&low("ann"), &id(), Read::whole(Which::Past(Moment::Version(1)))))), first);
        for read in [
            wait(engine.read(&low("ann"), &id(), Read { which: Which::Current, since: Some(made) })),
            wait(engine.read(&low("ann"), &id(), Read { which: Which::Past(Moment::Version(2)), since: Some(made) })),
        ] {
            let Ok(Reading::Diff(told, _)) = read else { panic!("{read:?}") };
            let mut value = first.clone();
            let patch = cbor::decode_patch(&told.most().0, &DEFAULT).unwrap();
            patch.resolve(&first).unwrap().apply(&mut value).unwrap();
            assert_eq!(value, second);
        }
        let page = wait(engine.history(&low("ann"), &id(), History { before: None, limit: 10 })).unwrap();
        assert_eq!(page.versions.len(), 2);
        assert!(page.versions[0].previous_values.is_some());
    }
}

#[test]
fn what_is_longer_than_the_limit_by_now_may_change_and_shrink_and_not_grow() {
    for first in values() {
        let (store, [made, second]) = stored(&first);
        let engine = engine(&store);
        let set = |since, diff: &CborDiff| {
            wait(engine.patch(&low("ann"), &id(), Patch::of(diff.clone(), since))).map(|done| done.meta.valid_from)
        };
        let third = set(second, &patch(r#"{"n":2}"#)).unwrap();
        assert!(matches!(set(third, &patch(r#"{"g":"more"}"#)), Err(Failure::TooLarge(_))));
        // On an older version, under what others changed.
        let fourth = set(made, &patch(r#"{"t":"short"}"#)).unwrap();
        wait(engine.delete(&low("ann"), &id(), Delete { if_unmodified_since: Some(fourth) })).unwrap();
        wait(engine.undelete(&low("ann"), &id())).unwrap();
        let back = wait(engine.revert(
            &low("ann"),
            &id(),
            Revert { valid_from: second, if_unmodified_since: Some(current(&store).unwrap().2) },
        ));
        assert!(matches!(back, Err(Failure::TooLarge(_))), "{back:?}");
        let Value::Object(members) = current(&store).unwrap().3 else { panic!() };
        assert_eq!((&members["n"], &members["t"]), (&Value::Number(2.0), &Value::text("short")));
    }
}

#[test]
fn what_is_longer_than_the_limit_by_now_is_deleted_and_undeleted() {
    for first in values() {
        let (store, [_, second]) = stored(&first);
        let engine = engine(&store);
        wait(engine.delete(&low("ann"), &id(), Delete { if_unmodified_since: Some(second) })).unwrap();
        wait(engine.undelete(&low("ann"), &id())).unwrap();
        // Enough versions that they are sealed.
        for _ in 0..60 {
            wait(engine.delete(&low("ann"), &id(), Delete::default())).unwrap();
            wait(engine.undelete(&low("ann"), &id())).unwrap();
        }
        assert_eq!(whole(wait(engine.read(&low("ann"), &id(), Read::whole(Which::Past(Moment::Version(1)))))), first);
    }
}

#[test]
fn the_deepest_that_a_raised_limit_takes_is_read_diffed_and_merged() {
    let high = Context { limits: Limits { depth: 10_000, ..DEFAULT }, ..by("ann") };
    type Wrap = fn(Value) -> Value;
    let kinds: [(&str, Wrap); 3] = [
        ("objects", |value| Value::object([("in", value), ("n", Value::Number(1.0))])),
        ("arrays", |value| Value::Array(vec![value, Value::Number(1.0)])),
        ("maps", |value| Value::Map(vec![(Value::text("in"), value), (Value::text("n"), Value::Number(1.0))])),
    ];
    for (kind, wrap) in kinds {
        for levels in [100, MAX_DEPTH - 1] {
            let nested = |core: &str| (0..levels).fold(Value::text(core), |value, _| wrap(value));
            let store = MemoryStore::new();
            let engine = engine(&store);
            let encoded = |value: &Value| CborValue(cbor::encode_value(value));
            let made = wait(engine.post(&high, &id(), Post::of(encoded(&nested("a"))))).unwrap().meta.valid_from;
            let put = wait(engine.put(&high, &id(), Put::of(encoded(&nested("b")), made))).unwrap();
            assert_eq!(
                whole(wait(engine.read(&low("ann"), &id(), Read::whole(Which::Current)))),
                nested("b"),
                "{kind} {levels}"
            );
            let told = put.change.unwrap().diff;
            for diff in [&told.diff, &told.exact.as_ref().map_or(told.diff.clone(), |exact| exact.0.clone())] {
                let read = cbor::decode_patch(&diff.0, &TRUSTED).unwrap_or_else(|why| panic!("{kind} {levels}: {why}"));
                let mut value = nested("a");
                read.resolve(&nested("a")).unwrap().apply(&mut value).unwrap();
                assert_eq!(value, nested("b"), "{kind} {levels}");
                let again = wait(engine.patch(&high, &id(), Patch::of(diff.clone(), made)));
                // What is said by the whole value contradicts what is changed in it.
                assert!(matches!(again, Ok(_) | Err(Failure::Conflict(..))), "{kind} {levels}");
            }
            assert_eq!(
                whole(wait(engine.read(&high, &id(), Read::whole(Which::Past(Moment::Version(1)))))),
                nested("a")
            );
        }
    }
}
