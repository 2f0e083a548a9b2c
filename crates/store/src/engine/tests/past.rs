//! Reading what was, and going back to it.

use timeweft_core::operation::{Delete, Moment, Patch, Post, Put, Read, Revert, Which};

use super::*;

fn as_of(store: &MemoryStore, at: u64) -> Result<(Value, Meta), Failure> {
    match wait(engine(store).read(&by("reader", 9_999), &id(), Read::whole(Which::Past(Moment::Time(Timestamp(at))))))?
    {
        Reading::Value(value, meta) => Ok((cbor::decode_value(&value.0, &Limits::default()).unwrap(), meta)),
        other => panic!("a whole value was expected, not {other:?}"),
    }
}

fn patched(store: &MemoryStore, now: u64, since: u64, diff: &str) {
    let done = wait(engine(store).patch(&by("ann", now), &id(), Patch::of(patch(diff), Timestamp(since))));
    assert_eq!(done.unwrap().meta.valid_from, Timestamp(now));
}

fn now(store: &MemoryStore) -> Value {
    read(wait(engine(store).read(&by("reader", 9_999), &id(), Read::whole(Which::Current))).unwrap())
}

fn revert(store: &MemoryStore, to: u64, since: Option<u64>) -> Result<Committed, Failure> {
    wait(engine(store).revert(
        &by("bob", 90),
        &id(),
        Revert { valid_from: Timestamp(to), if_unmodified_since: since.map(Timestamp) },
    ))
}

/// Versions at 10, 20 and 30.
fn three_versions() -> MemoryStore {
    let store = MemoryStore::new();
    wait(engine(&store).post(&by("ann", 10), &id(), Post::of(value(r#"{"a":1,"b":1}"#)))).unwrap();
    patched(&store, 20, 10, r#"{"a":2,"new":[1]}"#);
    patched(&store, 30, 20, r#"{"a":{"$undefined":true},"b":2}"#);
    store
}

#[test]
fn at_any_instant_the_version_valid_then_is_read() {
    let store = three_versions();
    let wanted = [
        (10, 10, 20, r#"{"a":1,"b":1}"#),
        (19, 10, 20, r#"{"a":1,"b":1}"#),
        (20, 20, 30, r#"{"a":2,"b":1,"new":[1]}"#),
        (25, 20, 30, r#"{"a":2,"b":1,"new":[1]}"#),
        (30, 30, Timestamp::FOREVER.0, r#"{"b":2,"new":[1]}"#),
        (Timestamp::FOREVER.0, 30, Timestamp::FOREVER.0, r#"{"b":2,"new":[1]}"#),
    ];
    for (at, valid_from, valid_to, value) in wanted {
        let (found, meta) = as_of(&store, at).unwrap();
        assert_eq!((found, meta.valid_from.0, meta.valid_to.0), (json(value), valid_from, valid_to), "at {at}");
        assert_eq!(meta.version, valid_from / 10);
    }
    for before in [0, 9] {
        assert_eq!(as_of(&store, before), Err(Failure::NotFound), "at {before}");
    }
}

#[test]
fn what_was_deleted_is_read_as_of_before_and_not_as_of_the_deletion() {
    let store = three_versions();
    wait(engine(&store).delete(&by("ann", 40), &id(), Delete::default())).unwrap();
    assert_eq!(as_of(&store, 39).unwrap().1.valid_to, Timestamp(40));
    assert_eq!((as_of(&store, 40), as_of(&store, 99)), (Err(Failure::NotFound), Err(Failure::NotFound)));
    wait(engine(&store).undelete(&by("ann", 50), &id())).unwrap();
    assert_eq!(as_of(&store, 49), Err(Failure::NotFound));
    assert_eq!(as_of(&store, 50).unwrap().0, json(r#"{"b":2,"new":[1]}"#));
}

#[test]
fn every_version_of_a_long_value_is_read_as_it_was() {
    let store = MemoryStore::new();
    let long = |n: usize| format!(r#"{{"text":"{}{n}{}","n":{n}}}"#, "0123456789".repeat(20_000), "tail".repeat(9));
    let first = wait(engine(&store).post(&by("ann", 10), &id(), Post::of(value(&long(0))))).unwrap();
    assert!(first.meta.chunks.is_some());
    for n in 1..60 {
        let since = Some(Timestamp(10 * n as u64));
        wait(engine(&store).put(&by("ann", 10 * n as u64 + 10), &id(), Put::of(value(&long(n)), since))).unwrap();
    }
    for n in 0..60 {
        assert!(as_of(&store, 10 * n as u64 + 15).unwrap().0 == json(&long(n)), "version {n}");
    }
}

#[test]
fn the_past_is_its_creators_alone_where_the_present_is() {
    let store = three_versions();
    let only = |person| Context { access: Access::Creator, ..by(person, 40) };
    assert!(
        wait(engine(&store).read(&only("ann"), &id(), Read::whole(Which::Past(Moment::Time(Timestamp(20)))))).is_ok()
    );
    assert_eq!(
        wait(engine(&store).read(&only("bob"), &id(), Read::whole(Which::Past(Moment::Time(Timestamp(20)))))),
        Err(Failure::NotFound)
    );
    let reverted = wait(engine(&store).revert(
        &only("bob"),
        &id(),
        Revert { valid_from: Timestamp(20), if_unmodified_since: Some(Timestamp(30)) },
    ));
    assert_eq!(reverted, Err(Failure::NotFound));
}

#[test]
fn reverting_makes_a_new_version_with_the_old_value() {
    let store = three_versions();
    let done = revert(&store, 10, Some(30)).unwrap();
    assert_eq!((done.meta.version, done.meta.person_id.as_str(), done.merged), (4, "bob", None));
    let change = done.change.unwrap();
    assert_eq!(change.diff.diff, patch(r#"{"a":1,"b":1,"new":{"$undefined":true}}"#), "what changed, and no more");
    assert_eq!(change.prev_valid_from, Some(Timestamp(30)));
    assert_eq!(now(&store), json(r#"{"a":1,"b":1}"#));
    let again = revert(&store, 10, Some(90)).unwrap();
    assert_eq!((again.meta.version, again.change), (4, None), "it is that already");
}

#[test]
fn reverting_on_an_older_version_is_merged_or_is_a_conflict() {
    let store = three_versions();
    // Back to the first, as seen from the second: takes back `a` and `new`; the third changed `a` and `b`.
    assert!(matches!(revert(&store, 10, Some(20)), Err(Failure::Conflict(_, meta)) if meta.version == 3));
    patched(&store, 40, 30, r#"{"c":1}"#);
    let merged = revert(&store, 10, Some(30)).unwrap();
    assert_eq!(now(&store), json(r#"{"a":1,"b":1,"c":1}"#), "what others added since stays");
    assert_eq!(
        merged.merged.map(|merged| merged.diff),
        Some(patch(r#"{"a":1,"b":1,"new":{"$undefined":true},"c":1}"#))
    );
}

#[test]
fn only_a_version_that_is_there_can_be_reverted_to() {
    let store = three_versions();
    for missing in [0, 9, 11, 25, 31] {
        assert_eq!(revert(&store, missing, Some(30)), Err(Failure::NotFound), "{missing}");
    }
    assert_eq!(revert(&store, 10, None), Err(Failure::PreconditionRequired));
    assert!(matches!(revert(&store, 10, Some(29)), Err(Failure::UnknownVersion(..))));
    wait(engine(&store).delete(&by("ann", 40), &id(), Delete::default())).unwrap();
    assert_eq!(revert(&store, 10, Some(40)), Err(Failure::NotFound), "undelete it first");
    wait(engine(&store).undelete(&by("ann", 50), &id())).unwrap();
    assert_eq!(revert(&store, 40, Some(50)), Err(Failure::NotFound), "a deletion has no value to go back to");
    assert_eq!(now(&store), json(r#"{"b":2,"new":[1]}"#));
}

#[test]
fn what_differs_between_any_two_versions_is_told_either_way() {
    let store = three_versions();
    let values = [r#"{"a":1,"b":1}"#, r#"{"a":2,"b":1,"new":[1]}"#, r#"{"b":2,"new":[1]}"#].map(json);
    let past = |moment, since: u64| {
        wait(engine(&store).read(
            &by("reader", 99),
            &id(),
            Read { which: Which::Past(moment), since: Some(Timestamp(since)) },
        ))
        .unwrap()
    };
    for (from, to) in (0..3).flat_map(|from| (0..3).map(move |to| (from, to))) {
        let (since, at) = (10 * (from as u64 + 1), 10 * (to as u64 + 1) + 5);
        for moment in [Moment::Time(Timestamp(at)), Moment::Version(to as u64 + 1)] {
            match past(moment, since) {
                Reading::NotModified(meta) => assert_eq!((from, meta.version), (to, to as u64 + 1)),
                Reading::Diff(diff, meta) => {
                    let mut value = values[from].clone();
                    let patch = cbor::decode_patch(&diff.diff.0, &Limits::default()).unwrap();
                    patch.resolve(&value).unwrap().apply(&mut value).unwrap();
                    assert_eq!((value, meta.version), (values[to].clone(), to as u64 + 1), "from {since} to {at}");
                }
                Reading::Value(..) => panic!("{since} is a version"),
            }
        }
    }
    assert!(matches!(past(Moment::Version(2), 15), Reading::Value(..)), "no version begins then");
    let missing = wait(engine(&store).read(
        &by("reader", 99),
        &id(),
        Read { which: Which::Past(Moment::Version(4)), since: Some(Timestamp(10)) },
    ));
    assert_eq!(missing, Err(Failure::NotFound));
}
