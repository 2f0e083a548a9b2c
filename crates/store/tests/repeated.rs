//! Requests repeated with their idempotency key while the first is under way, and long after.

mod common;

use std::pin::Pin;

use common::*;
use timeweft_core::codec::cbor;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Committed, Context, Delete, Failure, Operation, Patch, Post, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_store::memory::{Fault, MemoryStore};

const SEEDS: u64 = 200;

type Task<'a> = Pin<Box<dyn Future<Output = Result<Committed, Failure>> + 'a>>;

fn keyed(text: &str) -> Post {
    Post { idempotency_key: Some("once".into()), ..Post::of(value(text)) }
}

/// History takes together what one person does within a day.
fn keeps_the_last_of_a_day(store: &MemoryStore) {
    let kind = timeweft_core::id::EntityId::parse("type:note").unwrap();
    wait(engine(store).post(&by("admin"), &kind, Post::of(value(r#"{"granularity":"day"}"#)))).unwrap();
}

/// Of several answers to one request, one tells the change to others; apart from that they are alike.
fn alike(answers: Vec<Result<Committed, Failure>>, seed: u64) -> Committed {
    let answers: Vec<_> =
        answers.into_iter().map(|answer| answer.unwrap_or_else(|why| panic!("{why}, seed {seed}"))).collect();
    let first = answers[0].clone();
    assert!(answers.iter().all(|answer| answer.meta == first.meta), "seed {seed}: {answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.change.is_some()).count(), 1, "seed {seed}");
    first
}

#[test]
fn a_post_repeated_while_the_first_is_under_way_answers_as_the_first() {
    let long = format!(r#"{{"t":"{}"}}"#, "x".repeat(100_000));
    for (seed, text) in (0..SEEDS).flat_map(|seed| [(seed, r#"{"a":1}"#), (seed, &long)]) {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        let tasks = (0..3).map(|n| {
            let (engine, now) = (&engine, Context { now: Timestamp(1_000 + n), ..by("ann") });
            Box::pin(async move { engine.post(&now, &id(), keyed(text)).await }) as Task<'_>
        });
        let made = alike(interleave(seed, tasks.collect()), seed);
        assert_eq!(made.meta.version, 1);
        assert_eq!(current(&store).unwrap().0, 1, "seed {seed}");
    }
}

#[test]
fn of_posts_under_one_key_by_several_persons_one_persons_are_answered() {
    for seed in 0..SEEDS {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        let tasks = (0..4).map(|n| {
            let engine = &engine;
            let person = if n % 2 == 0 { "ann" } else { "bob" };
            Box::pin(async move { engine.post(&by(person), &id(), keyed(r#"{"a":1}"#)).await }) as Task<'_>
        });
        let (ann, bob): (Vec<_>, Vec<_>) =
            interleave(seed, tasks.collect()).into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
        let answers = [ann, bob].map(|of| of.into_iter().map(|(_, answer)| answer).collect::<Vec<_>>());
        let [made, refused]: [Vec<_>; 2] = match &answers[0][0] {
            Ok(_) => answers,
            Err(_) => answers.into_iter().rev().collect::<Vec<_>>().try_into().unwrap(),
        };
        alike(made, seed);
        assert!(refused.iter().all(|answer| *answer == Err(Failure::Exists)), "seed {seed}: {refused:?}");
    }
}

#[test]
fn a_patch_repeated_while_the_first_is_under_way_answers_as_the_first() {
    for seed in 0..SEEDS {
        let store = MemoryStore::new().yielding();
        let engine = engine(&store);
        wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"a":1,"b":1}"#)))).unwrap();
        let of = |person: &'static str, text: &str| {
            let key = (person == "ann").then(|| "once".into());
            let patch = Patch { idempotency_key: key, ..Patch::of(patch(text), Timestamp(1_000)) };
            let engine = &engine;
            Box::pin(async move { engine.patch(&by(person), &id(), patch).await }) as Task<'_>
        };
        let tasks =
            vec![of("ann", r#"{"a":2}"#), of("ann", r#"{"a":2}"#), of("ann", r#"{"a":2}"#), of("bob", r#"{"b":2}"#)];
        let mut answers = interleave(seed, tasks);
        answers.pop().unwrap().unwrap();
        // Bob's may have come after it, and then ends it.
        let made: Vec<_> =
            answers.into_iter().map(|answer| answer.map(|done| Committed { merged: None, ..done })).collect();
        alike(made, seed);
        assert_eq!(current(&store).unwrap().0, 3, "seed {seed}");
    }
}

#[test]
fn a_post_whose_answer_was_lost_is_answered_when_it_is_repeated() {
    let store = MemoryStore::new();
    wait(engine(&store).post(&by("ann"), &id(), keyed(r#"{"a":1}"#))).unwrap();
    for call in 0..20 {
        let store = MemoryStore::new();
        store.fault_at(call, Fault::FailAfter);
        let first = wait(engine(&store).post(&by("ann"), &id(), keyed(r#"{"a":1}"#)));
        store.reopen();
        let again = wait(engine(&store).post(&by("ann"), &id(), keyed(r#"{"a":1}"#))).unwrap();
        assert!(first.is_err() || first.is_ok_and(|first| first.meta == again.meta), "call {call}");
        assert_eq!(current(&store).unwrap().0, 1, "call {call}");
    }
}

#[test]
fn a_post_is_known_again_when_hundreds_of_keys_came_after_its_own() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let made = wait(engine.post(&by("ann"), &id(), keyed(r#"{"n":0}"#))).unwrap().meta;
    let mut last = made.valid_from;
    for n in 1..400 {
        let patch =
            Patch { idempotency_key: Some(format!("k{n}")), ..Patch::of(patch(&format!(r#"{{"n":{n}}}"#)), last) };
        last = wait(engine.patch(&by("ann"), &id(), patch)).unwrap().meta.valid_from;
    }
    let again = wait(engine.post(&by("ann"), &id(), keyed(r#"{"n":0}"#))).unwrap();
    assert_eq!(again.meta, made);
    let other = Post { idempotency_key: Some("other".into()), ..keyed("{}") };
    assert_eq!(wait(engine.post(&by("ann"), &id(), other)), Err(Failure::Exists));
}

#[test]
fn a_patch_is_known_again_when_the_entity_was_deleted_hundreds_of_versions_later() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let since = wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"n":0}"#)))).unwrap().meta.valid_from;
    let keyed = || Patch { idempotency_key: Some("once".into()), ..Patch::of(patch(r#"{"k":1}"#), since) };
    let first = wait(engine.patch(&by("ann"), &id(), keyed())).unwrap().meta;
    let mut last = first.valid_from;
    for n in 1..=300 {
        let patch =
            Patch { idempotency_key: Some(format!("k{n}")), ..Patch::of(patch(&format!(r#"{{"n":{n}}}"#)), last) };
        last = wait(engine.patch(&by("bob"), &id(), patch)).unwrap().meta.valid_from;
    }
    wait(engine.delete(&by("bob"), &id(), Delete::default())).unwrap();
    assert_eq!(wait(engine.patch(&by("ann"), &id(), keyed())).unwrap().meta.version, first.version);
    let other = Patch { idempotency_key: Some("other".into()), ..keyed() };
    assert!(matches!(wait(engine.patch(&by("ann"), &id(), other)), Err(Failure::NotFound)));
}

#[test]
fn what_history_took_together_is_answered_with_the_version_that_holds_it() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    keeps_the_last_of_a_day(&store);
    let mut last = wait(engine.post(&by("bob"), &id(), Post::of(value(r#"{"n":0}"#)))).unwrap().meta.valid_from;
    let mut keys = 0;
    for n in 1..200 {
        let key = (n % 8 == 0).then(|| format!("k{n}"));
        keys = if key.is_some() { n } else { keys };
        let patch = Patch { idempotency_key: key, ..Patch::of(patch(&format!(r#"{{"n":{n}}}"#)), last) };
        last = wait(engine.patch(&by("ann"), &id(), patch)).unwrap().meta.valid_from;
    }
    for n in (8..=keys).step_by(8) {
        let again = Patch { idempotency_key: Some(format!("k{n}")), ..Patch::of(patch(r#"{"n":-1}"#), last) };
        let answer = wait(engine.apply(&by("ann"), &id(), Operation::Patch(again))).unwrap().committed().unwrap();
        assert!(answer.meta.version > n, "version {} has not what version {} did", answer.meta.version, n + 1);
    }
    match wait(engine.read(&by("ann"), &id(), Read::whole(Which::Current))).unwrap() {
        Reading::Value(found, _) => assert_eq!(decode(&found), parse(r#"{"n":199}"#)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_history_took_together_is_done_once_whatever_is_repeated() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    keeps_the_last_of_a_day(&store);
    let created = || Post { idempotency_key: Some("made".into()), ..Post::of(value(r#"{"n":0}"#)) };
    let mut last = wait(engine.post(&by("ann"), &id(), created())).unwrap().meta.valid_from;
    let mut sent = Vec::new();
    for n in 0..300 {
        let person = if n % 10 == 9 { "bob" } else { "ann" };
        let key = Some(format!("k{n}"));
        let again = Patch { idempotency_key: key, ..Patch::of(patch(r#"{"n":{"$increment":1}}"#), last) };
        last = wait(engine.patch(&by(person), &id(), again.clone())).unwrap().meta.valid_from;
        sent.push((person, again));
    }
    for (n, (person, again)) in sent.into_iter().enumerate() {
        let answer = wait(engine.patch(&by(person), &id(), again)).unwrap_or_else(|why| panic!("{n}: {why}"));
        // With what is told, a client that has the version before comes to the version that `meta` is of.
        let mut known = parse(&format!(r#"{{"n":{n}}}"#));
        let diff = answer.merged.map_or_else(|| patch(r#"{"n":{"$increment":1}}"#), |told| told.diff);
        let diff = cbor::decode_patch(&diff.0, &TRUSTED).unwrap().resolve(&known).unwrap();
        diff.apply(&mut known).unwrap();
        assert_eq!(known, parse(&format!(r#"{{"n":{}}}"#, answer.meta.version - 1)), "k{n}");
    }
    assert_eq!(wait(engine.post(&by("ann"), &id(), created())).unwrap().change, None);
    assert_eq!(current(&store).unwrap().3, parse(r#"{"n":300}"#));
}

#[test]
fn what_others_had_made_already_is_answered_so_hundreds_of_keys_later() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let since = wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"l":[]}"#)))).unwrap().meta.valid_from;
    let put = || Patch::of(patch(r#"{"l":{"$array":[[{"id":1}]]}}"#), since);
    let again = || Patch { idempotency_key: Some("same".into()), ..put() };
    let mut last = wait(engine.patch(&by("ann"), &id(), put())).unwrap().meta.valid_from;
    let first = wait(engine.patch(&by("bob"), &id(), again())).unwrap();
    assert!(first.change.is_none());
    last = wait(engine.patch(&by("ann"), &id(), Patch::of(patch(r#"{"l":{"$array":[-1]}}"#), last)))
        .unwrap()
        .meta
        .valid_from;
    for n in 0..300 {
        let key = Some(format!("k{n}"));
        let other = Patch { idempotency_key: key, ..Patch::of(patch(&format!(r#"{{"n":{n}}}"#)), last) };
        last = wait(engine.patch(&by("ann"), &id(), other)).unwrap().meta.valid_from;
    }
    let repeated = wait(engine.patch(&by("bob"), &id(), again())).unwrap();
    assert_eq!((repeated.meta.version, repeated.merged), (first.meta.version, first.merged));
    assert_eq!(current(&store).unwrap().3, parse(r#"{"l":[],"n":299}"#));
}

#[test]
fn a_merged_patch_is_told_what_it_was_merged_with_though_its_version_is_none_any_more() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    keeps_the_last_of_a_day(&store);
    let since =
        wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"a":0,"b":0,"m":0}"#)))).unwrap().meta.valid_from;
    wait(engine.patch(&by("ann"), &id(), Patch::of(patch(r#"{"a":1}"#), since))).unwrap();
    let again = || Patch { idempotency_key: Some("k".into()), ..Patch::of(patch(r#"{"b":1}"#), since) };
    let mut last = wait(engine.patch(&by("bob"), &id(), again())).unwrap().meta.valid_from;
    for n in 0..100 {
        last = wait(engine.patch(&by("ann"), &id(), Patch::of(patch(&format!(r#"{{"m":{n}}}"#)), last)))
            .unwrap()
            .meta
            .valid_from;
    }
    let told = wait(engine.patch(&by("bob"), &id(), again())).unwrap();
    assert_eq!(told.meta.version, 3);
    let diff = cbor::decode_patch(&told.merged.unwrap().diff.0, &TRUSTED).unwrap();
    let mut known = parse(r#"{"a":0,"b":0,"m":0}"#);
    diff.resolve(&known).unwrap().apply(&mut known).unwrap();
    assert_eq!(known, parse(r#"{"a":1,"b":1,"m":0}"#));
}

#[test]
fn a_damaged_intent_keeps_nobody_from_changing_the_entity() {
    for damaged in [&b"\xff"[..], b"", b"\x81\x01", b"\x9a\xff\xff\xff\xff"] {
        let store = MemoryStore::new();
        let engine = engine(&store);
        let made = wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"a":1}"#)))).unwrap().meta.valid_from;
        wait(timeweft_store::Store::set(&store, "w:note:n", damaged)).unwrap();
        wait(engine.patch(&by("ann"), &id(), Patch::of(patch(r#"{"a":2}"#), made))).unwrap();
        assert_eq!(current(&store).unwrap().3, parse(r#"{"a":2}"#));
    }
}
