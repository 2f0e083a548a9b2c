//! What a read costs at most, however long the history and however long its diffs.

mod common;

use common::*;
use timeweft_core::codec::cbor;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{CborValue, History, Meta, Patch, Post, Put, Read, Reading, Told, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::memory::MemoryStore;

const PAGE_BYTES: usize = 4 << 20;

/// A text that shares no line or word with another.
fn words(n: u64, bytes: usize) -> Value {
    let mut random = Seeded::new(n);
    Value::Text((0..bytes / 16).map(|_| format!("{:015x} ", random.next() >> 4)).collect())
}

/// Puts these values one after the other.
fn written(values: impl Iterator<Item = Value>) -> MemoryStore {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let mut last: Option<Timestamp> = None;
    for value in values {
        let value = CborValue(cbor::encode_value(&value));
        let done = match last {
            None => wait(engine.post(&by("ann"), &id(), Post::of(value))),
            Some(_) => wait(engine.put(&by("ann"), &id(), Put::of(value, last))),
        };
        last = Some(done.unwrap().meta.valid_from);
    }
    store
}

fn weight(versions: &[Meta]) -> usize {
    versions.iter().filter_map(|meta| meta.previous_values.as_ref()).map(|diff| diff.0.len()).sum()
}

#[test]
fn a_page_of_history_ends_by_bytes_and_the_next_one_goes_on() {
    let store = written((0..40).map(|n| words(n, 300_000)));
    let (mut before, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = wait(engine(&store).history(&by("ann"), &id(), History { before, limit: 1_000 })).unwrap();
        assert!(weight(&page.versions) <= PAGE_BYTES, "{}", weight(&page.versions));
        before = Some(page.versions.last().expect("a page has a version").valid_from);
        seen.extend(page.versions.iter().map(|meta| meta.version));
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=40).rev().collect::<Vec<_>>());
    assert_eq!(pages, 3, "12 MB in pages of 4 MiB");
}

#[test]
fn a_version_that_is_longer_than_a_page_is_a_page_of_its_own() {
    let store = written((0..3).map(|n| words(n, 6_000_000)));
    let page = wait(engine(&store).history(&by("ann"), &id(), History { before: None, limit: 1_000 })).unwrap();
    assert_eq!((page.versions.len(), page.more), (1, true));
}

/// What is read by who has that version: what came of it, and the bytes that the store gave for it.
fn caught_up(store: &MemoryStore, since: Timestamp) -> (Reading, usize) {
    store.reopen();
    let read = Read { which: Which::Current, since: Some(since) };
    let reading = wait(engine(store).read(&by("ann"), &id(), read)).unwrap();
    (reading, store.traffic().0)
}

/// `count` small changes of a value, and the start of each version.
fn changed(first: &str, count: usize) -> (MemoryStore, Vec<Timestamp>) {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let mut versions = vec![wait(engine.post(&by("ann"), &id(), Post::of(value(first)))).unwrap().meta.valid_from];
    for n in 1..=count {
        let change = patch(&format!(r#"{{"n":{n},"k{}":"{n:040}"}}"#, n % 50));
        let last = *versions.last().expect("it was made");
        let author = if n % 2 == 0 { "ann" } else { "bob" };
        versions.push(wait(engine.patch(&by(author), &id(), Patch::of(change, last))).unwrap().meta.valid_from);
    }
    (store, versions)
}

fn applied(told: &Told, base: &Value) -> Value {
    let mut value = base.clone();
    let diff = cbor::decode_patch(&told.diff.0, &TRUSTED).unwrap().resolve(&value).unwrap();
    diff.apply(&mut value).unwrap();
    value
}

#[test]
fn catching_up_with_a_short_value_is_a_diff_and_reads_little_from_however_far_back() {
    let (store, versions) = changed(r#"{"n":0}"#, 12_000);
    let now = current(&store).unwrap().3;
    for at in [0, 1, 500, 6_000, 10_999, 11_001, 11_990] {
        let (reading, bytes) = caught_up(&store, versions[at]);
        let Reading::Diff(told, _) = reading else { panic!("version {at}: {reading:?}") };
        let base = match wait(engine(&store).read(
            &by("ann"),
            &id(),
            Read::whole(Which::Past(timeweft_core::operation::Moment::Time(versions[at]))),
        )) {
            Ok(Reading::Value(value, _)) => decode(&value),
            other => panic!("{other:?}"),
        };
        assert_eq!(applied(&told, &base), now, "version {at}");
        assert!(bytes < 600_000, "version {at}: {bytes} bytes read");
    }
    let (reading, bytes) = caught_up(&store, Timestamp(1));
    assert!(matches!(reading, Reading::Value(..)), "no version");
    assert!(bytes < 600_000, "{bytes} bytes read");
}

#[test]
fn catching_up_with_a_long_value_is_the_value_where_a_diff_would_cost_more() {
    let (store, versions) = changed(&format!(r#"{{"n":0,"t":"{}"}}"#, "long ".repeat(80_000)), 4_000);
    for (at, is_diff) in [(0, false), (2_000, false), (3_500, true), (3_990, true)] {
        let (reading, bytes) = caught_up(&store, versions[at]);
        assert_eq!(matches!(reading, Reading::Diff(..)), is_diff, "version {at}");
        assert!(bytes < 1_300_000, "version {at}: {bytes} bytes read");
    }
}
