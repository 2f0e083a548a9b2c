//! What is stored: what earlier builds wrote is read for ever, and what is damaged is said to be and never served.

mod common;

use common::*;
use timeweft_core::diff::diff_finely;
use timeweft_core::operation::{Context, Delete, Failure, History, Moment, Page, Patch, Post, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_core::{codec::cbor, operation::CborDiff};
use timeweft_store::memory::MemoryStore;
use timeweft_store::store::Store;

/// Every version: its value, and what is told of it.
type Versions = Vec<(Value, String)>;

fn at(person: &str, now: u64) -> Context {
    Context { now: Timestamp(now), ..by(person) }
}

/// A life of an entity whose log is sealed and whose value becomes long, short and long again.
fn live(store: &MemoryStore) {
    let engine = engine(store);
    let mut now = 1_000;
    let made = wait(engine.post(&at("ann", now), &id(), Post::of(value(r#"{"n":1,"list":[]}"#)))).unwrap();
    let (mut since, mut old) = (made.meta.valid_from, parse(r#"{"n":1,"list":[]}"#));
    for step in 0..130 {
        let Value::Object(mut members) = old.clone() else { unreachable!() };
        let long = (30..60).contains(&step) || step >= 100;
        let count = if long { 160 } else { 3 };
        let row = |index| {
            parse(&format!(r#"{{"id":{index},"text":"row {}"}}"#, if index == step % count { step } else { 0 }))
        };
        members.insert("list".to_owned(), Value::Array((0..count).map(row).collect()));
        members.insert("n".to_owned(), f64::from(step).into());
        let new = Value::Object(members);
        let diff = CborDiff(cbor::encode_patch(&diff_finely(&old, &new).to_patch()));
        now += 1_000;
        let who = if step % 3 == 0 { "ann" } else { "bob" };
        since = wait(engine.patch(&at(who, now), &id(), Patch::of(diff, since))).unwrap().meta.valid_from;
        old = new;
        if step == 90 {
            wait(engine.delete(&at("ann", now + 1), &id(), Delete::default())).unwrap();
            since = wait(engine.undelete(&at("bob", now + 2), &id())).unwrap().meta.valid_from;
        }
    }
}

/// All of it, as it is read; an error where any of it can't be.
fn everything(store: &MemoryStore) -> Result<Versions, Failure> {
    let engine = engine(store);
    let reader = at("cy", 9_000_000);
    let (mut versions, mut before) = (Vec::new(), None);
    loop {
        let Page { versions: page, more } = wait(engine.history(&reader, &id(), History { before, limit: 50 }))?;
        before = page.last().map(|meta| meta.valid_from);
        for meta in page {
            let read = Read::whole(Which::Past(Moment::Version(meta.version)));
            match wait(engine.read(&reader, &id(), read)) {
                Ok(Reading::Value(value, _)) => versions.push((decode(&value), format!("{meta:?}"))),
                Err(Failure::NotFound) if meta.deleted => versions.push((Value::Undefined, format!("{meta:?}"))),
                Ok(other) => panic!("{other:?}"),
                Err(failure) => return Err(failure),
            }
        }
        if !more {
            return Ok(versions);
        }
    }
}

/// The keys and values of a store, a line each, in hexadecimal.
fn dump(store: &MemoryStore) -> String {
    let mut lines: Vec<String> = Vec::new();
    for key in store.keys() {
        let bytes = match key.starts_with("h:") {
            true => wait(store.read_head(&key)).unwrap().to_be_bytes().to_vec(),
            false => wait(store.get(&key)).unwrap().unwrap(),
        };
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push(format!("{key} {hex}\n"));
    }
    lines.sort();
    lines.concat()
}

fn load(dump: &str) -> MemoryStore {
    let store = MemoryStore::new();
    for line in dump.lines() {
        let (key, hex) = line.split_once(' ').unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        if key.starts_with("h:") {
            assert!(wait(store.swap_head(key, 0, u64::from_be_bytes(bytes.try_into().unwrap()))).unwrap());
        } else {
            wait(store.set(key, &bytes)).unwrap();
        }
    }
    store
}

/// What this story left with a build of format 2, in November 2026.
const FORMAT_2: &str = include_str!("fixtures/format-2.txt");

#[test]
fn what_format_2_wrote_is_read_and_goes_on() {
    let (old, new) = (load(FORMAT_2), MemoryStore::new());
    live(&new);
    let versions = everything(&old).unwrap();
    assert_eq!(versions.len(), 133);
    for store in [&old, &new] {
        assert_eq!(wait(engine(store).check(&at("cy", 9_000_000), &id())), Ok(133));
    }
    assert_eq!(versions, everything(&new).unwrap());
    for store in [&old, &new] {
        let (_, _, since, _) = current(store).unwrap();
        for (n, since) in [(1, since), (2, Timestamp(140_000)), (3, Timestamp(140_001))] {
            let diff = patch(&format!(r#"{{"more":{{"{n}":true}}}}"#));
            wait(engine(store).patch(&at("dan", 139_999 + n), &id(), Patch::of(diff, since))).unwrap();
        }
    }
    assert_eq!(everything(&old).unwrap(), everything(&new).unwrap());
}

#[test]
fn a_bit_that_flips_is_noticed_and_never_served() {
    let store = MemoryStore::new();
    live(&store);
    let (whole, lines) = (everything(&store).unwrap(), dump(&store));
    let lines: Vec<&str> = lines.lines().filter(|line| line.contains(":note:n:")).collect();
    let mut random = Seeded::new(7);
    let mut noticed = 0;
    for _ in 0..120 {
        let (key, hex) = lines[random.below(lines.len())].split_once(' ').unwrap();
        let mut bytes = wait(store.get(key)).unwrap().unwrap();
        assert_eq!(bytes.len() * 2, hex.len());
        let byte = random.below(bytes.len());
        bytes[byte] ^= 1 << random.below(8);
        let damaged = store.fork();
        wait(damaged.set(key, &bytes)).unwrap();
        let checked = wait(engine(&damaged).check(&at("cy", 9_000_000), &id()));
        match everything(&damaged) {
            Ok(versions) => assert_eq!(versions, whole, "byte {byte} of {key} is served"),
            Err(Failure::Damaged(why)) => {
                assert!(matches!(checked, Err(Failure::Damaged(_))), "byte {byte} of {key}: {why}");
                assert!(why.contains("note:n"), "{why}");
                noticed += 1;
            }
            Err(other) => panic!("byte {byte} of {key}: {other:?}"),
        }
    }
    assert!(noticed > 15, "{noticed}");
}
