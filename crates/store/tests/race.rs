//! Many writers on one entity, interleaved at every call to the store, in orders drawn from seeds.

mod common;

use std::pin::Pin;

use common::*;
use timeweft_core::operation::{Committed, Failure, History, Moment, Patch, Post, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::memory::{Fault, MemoryStore};

const SEEDS: u64 = 60;

type Task<'a> = Pin<Box<dyn Future<Output = Result<Committed, Failure>> + 'a>>;

#[test]
fn of_twenty_who_create_one_entity_exactly_one_does() {
    for seed in 0..SEEDS {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        let tasks = (0..20).map(|writer| {
            let engine = &engine;
            Box::pin(async move {
                let made = value(&format!(r#"{{"by":{writer}}}"#));
                engine.post(&by(&format!("p{writer}")), &id(), Post::of(made.clone())).await
            }) as Task<'_>
        });
        let answers = interleave(seed, tasks.collect());
        let winners: Vec<usize> = (0..20).filter(|&writer| answers[writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "seed {seed}");
        assert!(answers.iter().filter(|answer| answer.is_err()).all(|answer| *answer == Err(Failure::Exists)));
        let (_, _, _, found) = current(&store).unwrap();
        assert_eq!(found, parse(&format!(r#"{{"by":{}}}"#, winners[0])), "seed {seed}");
        let own: Vec<String> = store.keys().into_iter().filter(|key| key[2..].starts_with(id().as_str())).collect();
        assert_eq!(own.len(), 3, "those who lost left nothing but what they announced; seed {seed}: {own:?}");
    }
}

#[test]
fn all_that_twenty_writers_on_disjoint_keys_were_acknowledged_is_there() {
    for seed in 0..SEEDS {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        wait(engine.post(&by("ann"), &id(), Post::of(value("{}")))).unwrap();
        let tasks = (0..20).map(|writer| {
            let engine = &engine;
            Box::pin(async move {
                let mut acknowledged = 0;
                for n in 0..3 {
                    let change = patch(&format!(r#"{{"w{writer}-{n}":{n}}}"#));
                    // All on the first version: everything that came since is merged under.
                    let who = by(&format!("p{writer}"));
                    let done = engine.patch(&who, &id(), Patch::of(change.clone(), Timestamp(1_000))).await;
                    acknowledged += usize::from(done.is_ok());
                }
                acknowledged
            }) as Pin<Box<dyn Future<Output = usize>>>
        });
        let acknowledged: usize = interleave(seed, tasks.collect()).into_iter().sum();
        let (version, _, _, found) = current(&store).unwrap();
        let Value::Object(members) = found else { panic!("not an object") };
        assert_eq!((members.len(), version), (acknowledged, acknowledged as u64 + 1), "seed {seed}");
        assert_eq!(acknowledged, 60, "seed {seed}");
        let page = wait(engine.history(&by("ann"), &id(), History { before: None, limit: 100 })).unwrap();
        assert_eq!(page.versions.len(), 61, "seed {seed}");
    }
}

#[test]
fn of_two_who_change_the_same_place_one_is_told_of_the_other() {
    for seed in 0..SEEDS {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"a":0}"#)))).unwrap();
        let tasks = (1..=2).map(|n| {
            let engine = &engine;
            Box::pin(async move {
                let change = patch(&format!(r#"{{"a":{n}}}"#));
                engine.patch(&by("ann"), &id(), Patch::of(change.clone(), Timestamp(1_000))).await
            }) as Task<'_>
        });
        let answers = interleave(seed, tasks.collect());
        let conflicts = answers.iter().filter(|answer| matches!(answer, Err(Failure::Conflict(..)))).count();
        assert_eq!((conflicts, answers.iter().filter(|answer| answer.is_ok()).count()), (1, 1), "seed {seed}");
    }
}

#[test]
fn readers_see_whole_versions_while_history_is_sealed_under_them() {
    for seed in 0..20 {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        let rows = |n: usize| format!(r#"{{"a":{n},"rows":[{}]}}"#, vec![format!("{n}"); 4_000].join(","));
        wait(engine.post(&by("ann"), &id(), Post::of(value(&rows(0))))).unwrap();
        let whole = |value: &Value| {
            let Value::Object(members) = value else { panic!("not an object") };
            let Value::Array(rows) = &members["rows"] else { panic!("not an array") };
            assert!(rows.first() == Some(&members["a"]) && rows.last() == Some(&members["a"]), "seed {seed}");
        };
        let writer = Box::pin(async {
            let mut last = Timestamp(1_000);
            for n in 1..120 {
                let change = patch(&format!(r#"{{"a":{n},"rows":{{"0":{n},"3999":{n}}}}}"#));
                let done = engine.patch(&by("ann"), &id(), Patch::of(change.clone(), last)).await.unwrap();
                last = done.meta.valid_from;
            }
        }) as Pin<Box<dyn Future<Output = ()>>>;
        let readers = (0..3).map(|reader| {
            let (engine, whole) = (&engine, &whole);
            Box::pin(async move {
                for n in 0..25 {
                    let now = by("bob");
                    match engine.read(&now, &id(), Read::whole(Which::Current)).await.unwrap() {
                        Reading::Value(value, _) => whole(&decode(&value)),
                        other => panic!("{other:?}"),
                    }
                    let at = Moment::Time(Timestamp(1_000 + n * (reader + 1)));
                    match engine.read(&now, &id(), Read::whole(Which::Past(at))).await.unwrap() {
                        Reading::Value(value, _) => whole(&decode(&value)),
                        other => panic!("{other:?}"),
                    }
                    engine.history(&now, &id(), History { before: None, limit: 200 }).await.unwrap();
                }
            }) as Pin<Box<dyn Future<Output = ()>>>
        });
        interleave(seed, readers.chain([writer]).collect());
    }
}

#[test]
fn those_who_lose_a_race_and_die_leave_nothing_for_long() {
    for seed in 0..SEEDS {
        let store = MemoryStore::new();
        // No nonce twice: those who die and those who come after them are told apart by it.
        let nonce = std::cell::Cell::new(0);
        let engine = || {
            timeweft_store::Engine::new(store.clone(), || {
                nonce.set(nonce.get() + 1);
                nonce.get()
            })
        };
        wait(engine().post(&by("ann"), &id(), Post::of(value(r#"{"a":0}"#)))).unwrap();
        let long = |n: u64| patch(&format!(r#"{{"k{n}":"{}"}}"#, "x".repeat(30_000)));
        let mut succeeded = 0;
        for n in 0..40 {
            store.reopen();
            let (before, _, since, _) = current(&store).unwrap();
            store.reopen();
            // Dies somewhere between its first call and its swap, or while tidying up after it.
            store.fault_at((seed + n) as usize % 12, Fault::CrashBefore);
            let _ = wait(engine().patch(&by("bob"), &id(), Patch::of(long(n), since)));
            store.reopen();
            let (after, _, since, _) = current(&store).unwrap();
            succeeded += after - before;
            store.reopen();
            let next = patch(&format!(r#"{{"a":{n},"k{n}":{{"$undefined":true}}}}"#));
            wait(engine().patch(&by("ann"), &id(), Patch::of(next.clone(), since))).unwrap();
        }
        for n in 0..40 {
            store.reopen();
            let (_, _, since, _) = current(&store).unwrap();
            let next = patch(&format!(r#"{{"b":{n}}}"#));
            wait(engine().patch(&by("ann"), &id(), Patch::of(next.clone(), since))).unwrap();
        }
        let own = store.keys().into_iter().filter(|key| key[2..].starts_with(id().as_str())).count();
        // Each of the long diffs that succeeded is two chunks of history, there and back.
        let long = 2 * succeeded as usize;
        assert!(own <= 24 + long, "{own} keys, {long} of them long diffs; seed {seed}");
    }
}
