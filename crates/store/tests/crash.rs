//! The crash loop: every operation, dying or failing at every call to the store it makes. Afterwards the entity is as it
//! was or as it should have become, whole; what was acknowledged is there; and it takes the next write.

mod common;

use common::*;
use timeweft_core::operation::{Committed, Delete, Failure, History, Patch, Post, Put, Revert};
use timeweft_core::time::Timestamp;
use timeweft_store::memory::{Fault, MemoryStore};

type Operation = fn(&MemoryStore) -> Result<Committed, Failure>;

fn since(store: &MemoryStore) -> Option<Timestamp> {
    // Read through a copy: the faults are for the operation.
    current(&store.fork()).map(|(_, _, valid_from, _)| valid_from)
}

fn long(letter: &str) -> String {
    format!(r#"{{"a":0,"text":"{}"}}"#, letter.repeat(1_200_000))
}

fn post(store: &MemoryStore) -> Result<Committed, Failure> {
    wait(engine(store).post(
        &by("ann"),
        &id(),
        Post { idempotency_key: Some("create".into()), ..Post::of(value(r#"{"a":0}"#)) },
    ))
}

fn post_long(store: &MemoryStore) -> Result<Committed, Failure> {
    wait(engine(store).post(
        &by("ann"),
        &id(),
        Post { idempotency_key: Some("create".into()), ..Post::of(value(&long("x"))) },
    ))
}

fn patch_on_the_first_version(store: &MemoryStore) -> Result<Committed, Failure> {
    let since = Some(Timestamp(1_000));
    wait(engine(store).patch(
        &by("ann"),
        &id(),
        Patch { idempotency_key: Some("key".into()), ..Patch::of(patch(r#"{"mine":1}"#), since) },
    ))
}

fn patch_long(store: &MemoryStore) -> Result<Committed, Failure> {
    let since = Some(Timestamp(1_000));
    wait(engine(store).patch(
        &by("ann"),
        &id(),
        Patch { idempotency_key: Some("key".into()), ..Patch::of(patch(&long("y")), since) },
    ))
}

fn put(store: &MemoryStore) -> Result<Committed, Failure> {
    wait(engine(store).put(&by("ann"), &id(), Put::of(value(r#"{"b":1}"#), since(store))))
}

fn revert(store: &MemoryStore) -> Result<Committed, Failure> {
    wait(engine(store).revert(
        &by("ann"),
        &id(),
        Revert { valid_from: Timestamp(1_000), if_unmodified_since: since(store) },
    ))
}

fn delete(store: &MemoryStore) -> Result<Committed, Failure> {
    wait(engine(store).delete(&by("ann"), &id(), Delete::default()))
}

fn undelete(store: &MemoryStore) -> Result<Committed, Failure> {
    wait(engine(store).undelete(&by("ann"), &id()))
}

/// An entity after these operations.
fn after(operations: &[Operation]) -> MemoryStore {
    let store = MemoryStore::new();
    for operation in operations {
        operation(&store).unwrap();
        store.reopen();
    }
    store
}

fn with_many_versions() -> MemoryStore {
    let store = after(&[post]);
    for n in 0..40 {
        let next = patch(&format!(r#"{{"k{n}":"{}"}}"#, "z".repeat(300)));
        wait(engine(&store).patch(&by("bob"), &id(), Patch::of(next.clone(), since(&store)))).unwrap();
    }
    store.reopen();
    store
}

/// Every call, every fault. `repeats` says that the operation has an idempotency key and may be sent again.
fn dies_anywhere(prepared: &MemoryStore, operation: Operation, repeats: bool) {
    let before = current(&prepared.fork());
    let undisturbed = prepared.fork();
    operation(&undisturbed).expect("undisturbed, the operation works");
    let calls = undisturbed.calls();
    let wanted = current(&undisturbed);
    assert!(before != wanted, "the operation does something");
    assert!(calls >= 2, "there are calls to die at");
    for call in 0..calls {
        for fault in [Fault::Fail, Fault::FailAfter, Fault::CrashBefore, Fault::CrashAfter] {
            let at = format!("{fault:?} at call {call} of {calls}");
            let store = prepared.fork();
            store.fault_at(call, fault);
            let answer = operation(&store);
            store.reopen();
            let found = current(&store);
            match &answer {
                Ok(_) => assert!(found == wanted, "what was acknowledged is there; {at}"),
                Err(Failure::Unavailable(_)) => assert!(found == before || found == wanted, "a whole version; {at}"),
                Err(other) => panic!("{other}; {at}"),
            }
            if repeats {
                store.reopen();
                operation(&store).unwrap_or_else(|error| panic!("repeated: {error}; {at}"));
                assert!(current(&store) == wanted, "applied once; {at}");
            }
            takes_a_write_and_has_all_its_history(&store, &at);
        }
    }
}

fn takes_a_write_and_has_all_its_history(store: &MemoryStore, at: &str) {
    let engine = engine(store);
    match current(store) {
        None => {
            wait(engine.post(&by("ann"), &id(), Post::of(value("{}")))).expect(at);
        }
        Some((_, true, ..)) => {
            wait(engine.undelete(&by("ann"), &id())).expect(at);
        }
        Some((_, false, valid_from, _)) => {
            let next = patch(r#"{"next":true}"#);
            wait(engine.patch(&by("ann"), &id(), Patch::of(next.clone(), valid_from))).expect(at);
        }
    }
    let (version, ..) = current(store).expect("it is there now");
    let page = wait(engine.history(&by("ann"), &id(), History { before: None, limit: u32::MAX })).expect(at);
    let versions: Vec<u64> = page.versions.iter().map(|meta| meta.version).collect();
    assert_eq!(versions, (1..=version).rev().collect::<Vec<_>>(), "{at}");
}

#[test]
fn creating_dies_anywhere() {
    dies_anywhere(&MemoryStore::new(), post, true);
}

#[test]
fn creating_a_long_value_dies_anywhere() {
    dies_anywhere(&MemoryStore::new(), post_long, true);
}

#[test]
fn a_small_patch_dies_anywhere() {
    dies_anywhere(&after(&[post]), patch_on_the_first_version, true);
}

#[test]
fn a_small_patch_of_a_long_value_dies_anywhere() {
    dies_anywhere(&after(&[post_long]), patch_on_the_first_version, true);
}

#[test]
fn a_patch_merged_under_forty_others_dies_anywhere() {
    dies_anywhere(&with_many_versions(), patch_on_the_first_version, true);
}

#[test]
fn a_patch_too_long_for_a_record_dies_anywhere() {
    dies_anywhere(&after(&[post_long]), patch_long, true);
}

#[test]
fn putting_reverting_deleting_and_undeleting_die_anywhere() {
    dies_anywhere(&after(&[post]), put, false);
    dies_anywhere(&with_many_versions(), revert, false);
    dies_anywhere(&with_many_versions(), delete, false);
    dies_anywhere(&after(&[post, delete]), undelete, false);
}

/// One patch on the current version, which seals the log, grows the tree or collects garbage when that is due.
fn patch_on_the_current_version(store: &MemoryStore) -> Result<Committed, Failure> {
    let change = patch(r#"{"rows":{"7":{"n":-1}},"mine":true}"#);
    wait(engine(store).patch(
        &by("ann"),
        &id(),
        Patch { idempotency_key: Some("key".into()), ..Patch::of(change.clone(), since(store)) },
    ))
}

#[test]
fn a_commit_that_seals_and_collects_dies_anywhere() {
    let rows = |count: usize| {
        let rows = (0..count).map(|n| format!(r#"{{"n":{n},"text":"lorem ipsum"}}"#));
        format!(r#"{{"rows":[{}]}}"#, rows.collect::<Vec<_>>().join(","))
    };
    for count in [10, 3_000] {
        let store = MemoryStore::new();
        wait(engine(&store).post(&by("ann"), &id(), Post::of(value(&rows(count))))).unwrap();
        let mut most = 0;
        for n in 0..110 {
            let next = patch(&format!(r#"{{"rows":{{"{}":{{"n":{n}}}}},"k":{n}}}"#, n * 7 % count));
            wait(engine(&store).patch(&by("bob"), &id(), Patch::of(next.clone(), since(&store)))).unwrap();
            store.reopen();
            let undisturbed = store.fork();
            patch_on_the_current_version(&undisturbed).unwrap();
            // The commits that do more than others.
            if undisturbed.calls() > most {
                most = undisturbed.calls();
                dies_anywhere(&store, patch_on_the_current_version, true);
            }
        }
        assert!(most > 20, "{most} calls at most: garbage was collected");
    }
}
