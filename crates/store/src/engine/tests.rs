mod past;

use std::cell::Cell;
use std::task::{Context as TaskContext, Poll, Waker};

use timeweft_core::codec::cbor;
use timeweft_core::limits::Limits;
use timeweft_core::operation::{
    Access, CborDiff, CborValue, Committed, Delete, History, Meta, Patch, Post, Put, Read, Reading, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::*;
use crate::memory::MemoryStore;

fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a call on the memory store is ready at once"),
    }
}

fn engine(store: &MemoryStore) -> Engine<MemoryStore, impl Fn() -> u32 + use<>> {
    let count = Cell::new(0);
    let nonce = move || {
        count.set(count.get() + 1);
        count.get()
    };
    Engine::new(store.clone(), nonce)
}

fn by(person: &str, now: u64) -> Context {
    Context {
        person_id: person.into(),
        impersonator_id: None,
        now: Timestamp(now),
        access: Access::Any,
        rules: None,
        limits: Limits::default(),
    }
}

fn json(text: &str) -> Value {
    timeweft_core::codec::json::value_from_json(&serde_json::from_str(text).unwrap(), &Limits::default()).unwrap()
}

fn value(text: &str) -> CborValue {
    CborValue(cbor::encode_value(&json(text)))
}

/// A plain map of changes, as every client may write it.
fn patch(text: &str) -> CborDiff {
    let json = serde_json::from_str(text).unwrap();
    let patch = timeweft_core::codec::json::patch_from_json(&json, &Limits::default()).unwrap();
    CborDiff(cbor::encode_patch(&patch))
}

fn id() -> EntityId {
    EntityId::parse("note:n").unwrap()
}

fn at(reading: &Reading) -> Timestamp {
    match reading {
        Reading::NotModified(meta) | Reading::Value(_, meta) | Reading::Diff(_, meta) => meta.valid_from,
    }
}

fn read(reading: Reading) -> Value {
    match reading {
        Reading::Value(value, _) => cbor::decode_value(&value.0, &Limits::default()).unwrap(),
        other => panic!("a whole value was expected, not {other:?}"),
    }
}

#[test]
fn a_created_entity_reads_back_and_cannot_be_created_again() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let made = wait(engine.post(&by("ann", 5), &id(), Post::of(value(r#"{"a":1}"#)))).unwrap();
    assert_eq!((made.meta.version, made.meta.valid_from, made.meta.previous_values.clone()), (1, Timestamp(5), None));
    assert_eq!(made.change.as_ref().unwrap().prev_valid_from, None);
    assert_eq!(read(wait(engine.read(&by("bob", 9), &id(), Read::whole(Which::Current))).unwrap()), json(r#"{"a":1}"#));
    let again = wait(engine.post(&by("ann", 6), &id(), Post::of(value("1"))));
    assert_eq!(again, Err(Failure::Exists));
}

#[test]
fn a_missing_entity_is_not_found_by_anything_but_post() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    assert_eq!(wait(engine.read(&who, &id(), Read::whole(Which::Latest))), Err(Failure::NotFound));
    let patched = wait(engine.patch(&who, &id(), Patch::of(patch("{}"), None::<Timestamp>)));
    assert_eq!(patched, Err(Failure::NotFound));
    assert_eq!(wait(engine.delete(&who, &id(), Delete::default())), Err(Failure::NotFound));
    assert_eq!(wait(engine.undelete(&who, &id())), Err(Failure::NotFound));
    assert_eq!(wait(engine.history(&who, &id(), History { before: None, limit: 10 })), Err(Failure::NotFound));
}

#[test]
fn a_patch_on_the_latest_version_makes_the_next_one_and_says_what_was_before() {
    let engine = engine(&MemoryStore::new());
    wait(engine.post(&by("ann", 5), &id(), Post::of(value(r#"{"a":1,"b":{"c":2}}"#)))).unwrap();
    let diff = patch(r#"{"b":{"c":3},"n":true}"#);
    let done = wait(engine.patch(&by("bob", 4), &id(), Patch::of(diff.clone(), Timestamp(5)))).unwrap();
    assert_eq!((done.meta.version, done.meta.person_id.as_str()), (2, "bob"));
    assert_eq!(done.meta.valid_from, Timestamp(6), "a clock that went back gets the next microsecond");
    assert_eq!(done.merged, None);
    assert_eq!(done.change.unwrap().prev_valid_from, Some(Timestamp(5)));
    let before = patch(r#"{"b":{"c":2},"n":{"$undefined":true}}"#);
    assert_eq!(done.meta.previous_values, Some(before));
    let now = read(wait(engine.read(&by("bob", 9), &id(), Read::whole(Which::Current))).unwrap());
    assert_eq!(now, json(r#"{"a":1,"b":{"c":3},"n":true}"#));
}

#[test]
fn a_patch_that_changes_nothing_makes_no_version() {
    let engine = engine(&MemoryStore::new());
    wait(engine.post(&by("ann", 5), &id(), Post::of(value(r#"{"a":1,"t":"x"}"#)))).unwrap();
    for same in ["{}", r#"{"a":1}"#, r#"{"a":1.0,"t":"x"}"#, r#"{"gone":{"$undefined":true}}"#] {
        let done = wait(engine.patch(&by("bob", 9), &id(), Patch::of(patch(same), Timestamp(5)))).unwrap();
        assert_eq!((done.meta.version, done.change), (1, None), "{same}");
    }
}

#[test]
fn a_patch_on_an_older_version_is_merged_or_is_a_conflict() {
    let engine = engine(&MemoryStore::new());
    wait(engine.post(&by("ann", 5), &id(), Post::of(value(r#"{"a":1,"b":1}"#)))).unwrap();
    wait(engine.patch(&by("ann", 6), &id(), Patch::of(patch(r#"{"a":2}"#), Timestamp(5)))).unwrap();
    let merged = wait(engine.patch(&by("bob", 7), &id(), Patch::of(patch(r#"{"b":2}"#), Timestamp(5)))).unwrap();
    assert_eq!(merged.meta.version, 3);
    assert_eq!(
        merged.merged.map(|merged| merged.diff),
        Some(patch(r#"{"a":2,"b":2}"#)),
        "from the version named to the new one"
    );
    assert_eq!(merged.change.unwrap().diff.diff, patch(r#"{"b":2}"#), "from the version before");
    match wait(engine.patch(&by("bob", 8), &id(), Patch::of(patch(r#"{"a":3}"#), Timestamp(5)))) {
        Err(Failure::Conflict(theirs, meta)) => {
            assert_eq!((theirs.diff, meta.version), (patch(r#"{"a":2,"b":2}"#), 3));
        }
        other => panic!("{other:?}"),
    }
    match wait(engine.patch(&by("bob", 8), &id(), Patch::of(patch(r#"{"a":3}"#), Timestamp(4)))) {
        Err(Failure::UnknownVersion(value, meta)) => {
            assert_eq!(
                (cbor::decode_value(&value.0, &Limits::default()).unwrap(), meta.version),
                (json(r#"{"a":2,"b":2}"#), 3)
            );
        }
        other => panic!("{other:?}"),
    }
    let unnamed = wait(engine.patch(&by("bob", 8), &id(), Patch::of(patch(r#"{"a":3}"#), None::<Timestamp>)));
    assert_eq!(unnamed, Err(Failure::PreconditionRequired));
}

#[test]
fn a_repeated_patch_answers_as_the_first_did_however_long_ago() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    wait(engine.post(&who, &id(), Post::of(value(r#"{"n":0}"#)))).unwrap();
    let first = wait(engine.patch(
        &who,
        &id(),
        Patch { idempotency_key: Some("k".into()), ..Patch::of(patch(r#"{"mine":1}"#), Timestamp(5)) },
    ))
    .unwrap();
    let mut last = first.meta.valid_from;
    for n in 1..200 {
        let again = wait(engine.patch(
            &who,
            &id(),
            Patch { idempotency_key: Some("k".into()), ..Patch::of(patch(r#"{"mine":1}"#), Timestamp(5)) },
        ))
        .unwrap();
        assert_eq!((&again.meta, &again.merged, &again.change), (&first.meta, &first.merged, &None), "after {n}");
        let other = wait(engine.patch(
            &by("bob", 5),
            &id(),
            Patch { idempotency_key: Some("k".into()), ..Patch::of(patch(r#"{"mine":1}"#), last) },
        ));
        assert_eq!(other.unwrap().meta.valid_from, last, "another person's key is another key");
        let next = patch(&format!(r#"{{"n":{n}}}"#));
        last = wait(engine.patch(
            &who,
            &id(),
            Patch { idempotency_key: Some(format!("n{n}")), ..Patch::of(next.clone(), last) },
        ))
        .unwrap()
        .meta
        .valid_from;
    }
}

fn set(k: u64, since: Timestamp) -> Patch {
    Patch::of(patch(&format!(r#"{{"k":{k}}}"#)), since)
}

/// Makes the entity, and changes it once: when either version begins.
async fn count_to_two<N: Fn() -> u32>(engine: &Engine<MemoryStore, N>, who: &Context) -> (Timestamp, Timestamp) {
    let one = engine.post(who, &id(), Post::of(value(r#"{"k":1}"#))).await.unwrap().meta.valid_from;
    (one, engine.patch(who, &id(), set(2, one)).await.unwrap().meta.valid_from)
}

#[test]
fn a_patch_that_others_had_made_already_is_not_made_when_it_is_repeated() {
    let engine = engine(&MemoryStore::new());
    let (ann, bob) = (by("ann", 5), by("bob", 5));
    let (start, two) = wait(count_to_two(&engine, &bob));
    let again = || Patch { idempotency_key: Some("k".into()), ..set(2, start) };
    let first = wait(engine.patch(&ann, &id(), again())).unwrap();
    assert_eq!((first.meta.version, &first.change), (2, &None));
    // Taken back, gone on with, and sealed.
    let mut last = wait(engine.patch(&bob, &id(), set(1, two))).unwrap().meta.valid_from;
    for k in 3..100 {
        let repeated = wait(engine.patch(&ann, &id(), again())).unwrap();
        assert_eq!(
            (&repeated.meta.valid_from, &repeated.merged, &repeated.change),
            (&two, &first.merged, &None),
            "{k}"
        );
        last = wait(engine.patch(&bob, &id(), set(k, last))).unwrap().meta.valid_from;
    }
    assert_eq!(wait(engine.patch(&bob, &id(), set(99, last))).unwrap().meta.version, 100);
}

#[test]
fn many_patches_that_others_had_made_already_leave_no_more_than_one() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let ann = by("ann", 5);
    let (start, _) = wait(count_to_two(&engine, &by("bob", 5)));
    let mut most = 0;
    for n in 0..200 {
        let done =
            wait(engine.patch(&ann, &id(), Patch { idempotency_key: Some(format!("{n}")), ..set(2, start) })).unwrap();
        assert_eq!((done.meta.version, done.change), (2, None));
        most = most.max(store.keys().len());
    }
    assert!(most < 32, "{most} keys");
}

#[test]
fn a_deleted_entity_is_gone_until_it_is_undeleted() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    wait(engine.post(&who, &id(), Post::of(value("[1]")))).unwrap();
    assert_eq!(wait(engine.undelete(&who, &id())), Err(Failure::NotDeleted));
    let gone = wait(engine.delete(&who, &id(), Delete::default())).unwrap();
    assert_eq!((gone.meta.deleted, gone.meta.version, gone.meta.previous_values), (true, 2, Some(patch("{}"))));
    assert_eq!(wait(engine.read(&who, &id(), Read::whole(Which::Current))), Err(Failure::NotFound));
    assert_eq!(at(&wait(engine.read(&who, &id(), Read::whole(Which::Latest))).unwrap()), Timestamp(6));
    let patched = wait(engine.patch(&who, &id(), Patch::of(patch("{}"), Timestamp(6))));
    assert_eq!(patched, Err(Failure::NotFound));
    assert_eq!(
        wait(engine.delete(&who, &id(), Delete::default())).unwrap().meta.version,
        2,
        "deleting again changes nothing"
    );
    let back = wait(engine.undelete(&who, &id())).unwrap();
    assert_eq!((back.meta.deleted, back.meta.version), (false, 3));
    assert_eq!(read(wait(engine.read(&who, &id(), Read::whole(Which::Current))).unwrap()), json("[1]"));
}

#[test]
fn catching_up_from_any_version_gives_the_current_value() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    let mut last = wait(engine.post(&who, &id(), Post::of(value(r#"{"l":[],"t":"start"}"#)))).unwrap().meta.valid_from;
    let mut versions = vec![(last, json(r#"{"l":[],"t":"start"}"#))];
    for n in 0..60 {
        let next = format!(r#"{{"l":{{"{n}":{n}}},"k{}":{n},"t":"start {n} text"}}"#, n % 7);
        last = wait(engine.patch(&who, &id(), Patch::of(patch(&next), last))).unwrap().meta.valid_from;
        versions.push((last, read(wait(engine.read(&who, &id(), Read::whole(Which::Current))).unwrap())));
    }
    let (_, now) = versions.pop().unwrap();
    for (since, mut value) in versions {
        match wait(engine.read(&who, &id(), Read { which: Which::Current, since: Some(since) })).unwrap() {
            Reading::Diff(diff, meta) => {
                let patch = cbor::decode_patch(&diff.diff.0, &Limits::default()).unwrap();
                patch.resolve(&value).unwrap().apply(&mut value).unwrap();
                assert_eq!((value, meta.valid_from), (now.clone(), last), "from {since}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        wait(engine.read(&who, &id(), Read { which: Which::Current, since: Some(last) })),
        Ok(Reading::NotModified(_))
    ));
    assert!(matches!(
        wait(engine.read(&who, &id(), Read { which: Which::Current, since: Some(Timestamp(1)) })),
        Ok(Reading::Value(..))
    ));
}

#[test]
fn history_pages_give_each_version_once_newest_first() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    let mut last = wait(engine.post(&who, &id(), Post::of(value("{}")))).unwrap().meta.valid_from;
    for n in 0..49 {
        let next = patch(&format!(r#"{{"k":{n}}}"#));
        last = wait(engine.patch(&who, &id(), Patch::of(next.clone(), last))).unwrap().meta.valid_from;
    }
    let (mut seen, mut before, mut valid_to) = (Vec::new(), None, Timestamp::FOREVER);
    loop {
        let page = wait(engine.history(&who, &id(), History { before, limit: 7 })).unwrap();
        for meta in &page.versions {
            assert_eq!(meta.valid_to, valid_to);
            valid_to = meta.valid_from;
            seen.push(meta.version);
        }
        before = page.versions.last().map(|meta| meta.valid_from);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=50).rev().collect::<Vec<_>>());
}

#[test]
fn a_long_value_is_stored_in_chunks_and_small_patches_do_not_write_it_again() {
    let store = MemoryStore::new();
    let engine = engine(&store);
    let who = by("ann", 5);
    let long = format!(r#"{{"text":"{}","n":0}}"#, "0123456789".repeat(500_000));
    let made = wait(engine.post(&who, &id(), Post::of(value(&long)))).unwrap();
    assert!(made.meta.chunks.is_some_and(|chunks| chunks >= 10), "{:?}", made.meta.chunks);
    assert_eq!(read(wait(engine.read(&who, &id(), Read::whole(Which::Current))).unwrap()), json(&long));
    let chunks = |store: &MemoryStore| store.keys().iter().filter(|key| key.starts_with("v:")).count();
    let before = chunks(&store);
    let mut last = made.meta.valid_from;
    for n in 1..=20 {
        let next = patch(&format!(r#"{{"n":{n}}}"#));
        last = wait(engine.patch(&who, &id(), Patch::of(next.clone(), last))).unwrap().meta.valid_from;
    }
    assert_eq!(chunks(&store), before);
    assert_eq!(
        read(wait(engine.read(&who, &id(), Read::whole(Which::Current))).unwrap()),
        json(&long.replace(":0}", ":20}"))
    );
}

#[test]
fn a_value_past_its_limit_is_too_large_also_by_many_small_patches() {
    let engine = engine(&MemoryStore::new());
    let who = Context { limits: Limits { value_bytes: 20_000, ..Limits::default() }, ..by("ann", 5) };
    let big = format!(r#"{{"a":"{}"}}"#, "x".repeat(20_000));
    assert!(matches!(wait(engine.post(&who, &id(), Post::of(value(&big)))), Err(Failure::TooLarge(_))));
    let mut last = wait(engine.post(&who, &id(), Post::of(value("{}")))).unwrap().meta.valid_from;
    for n in 0.. {
        let next = patch(&format!(r#"{{"k{n}":"{}"}}"#, "y".repeat(1_000)));
        match wait(engine.patch(&who, &id(), Patch::of(next.clone(), last))) {
            Ok(done) => last = done.meta.valid_from,
            Err(Failure::TooLarge(_)) => {
                assert_eq!(n, 19);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_the_creator_may_touch_what_is_the_creators() {
    let engine = engine(&MemoryStore::new());
    let only = |person| Context { access: Access::Creator, ..by(person, 5) };
    wait(engine.post(&only("ann"), &id(), Post::of(value("1")))).unwrap();
    assert!(wait(engine.read(&only("ann"), &id(), Read::whole(Which::Current))).is_ok());
    assert_eq!(wait(engine.read(&only("bob"), &id(), Read::whole(Which::Current))), Err(Failure::NotFound));
    assert_eq!(wait(engine.delete(&only("bob"), &id(), Delete::default())), Err(Failure::NotFound));
    assert_eq!(wait(engine.history(&only("bob"), &id(), History { before: None, limit: 9 })), Err(Failure::NotFound));
}

#[test]
fn a_given_time_must_be_later_than_the_current_version() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    wait(engine.post(&who, &id(), Post { valid_from: Some(Timestamp(100)), ..Post::of(value("{}")) })).unwrap();
    let since = Some(Timestamp(100));
    for (given, fine) in [(99, false), (100, false), (Timestamp::FOREVER.0, false), (101, true)] {
        let done = wait(engine.patch(
            &who,
            &id(),
            Patch { valid_from: Some(Timestamp(given)), ..Patch::of(patch(r#"{"a":1}"#), since) },
        ));
        assert_eq!(done.is_ok(), fine, "{given}: {done:?}");
    }
}

#[test]
fn a_given_time_is_at_most_five_minutes_ahead_and_what_was_taken_when_is_kept() {
    const MINUTE: u64 = 60_000_000;
    let store = MemoryStore::new();
    let engine = engine(&store);
    let first = |at: u64| Post { valid_from: Some(Timestamp(at)), ..Post::of(value("{}")) };
    let late = wait(engine.post(&by("ann", 5), &id(), first(6 + 5 * MINUTE)));
    assert!(matches!(late, Err(Failure::BadRequest(_))), "{late:?}");
    let made = wait(engine.post(&by("ann", 50), &id(), first(3))).unwrap().meta;
    assert_eq!((made.valid_from, made.recorded_at), (Timestamp(3), Some(Timestamp(50))));
    let change = |now: u64, since: Timestamp, at: Option<u64>| {
        let diff = patch(&format!(r#"{{"a":{now}}}"#));
        wait(engine.patch(&by("bob", now), &id(), Patch { valid_from: at.map(Timestamp), ..Patch::of(diff, since) }))
    };
    let late = change(60, made.valid_from, Some(61 + 5 * MINUTE));
    assert!(matches!(&late, Err(Failure::BadRequest(why)) if why.contains("five minutes")), "{late:?}");
    let ahead = change(60, made.valid_from, Some(60 + 5 * MINUTE)).unwrap().meta;
    assert_eq!((ahead.valid_from, ahead.recorded_at), (Timestamp(60 + 5 * MINUTE), Some(Timestamp(60))));
    // Whoever comes next is after it, and named nothing.
    let next = change(70, ahead.valid_from, None).unwrap().meta;
    assert_eq!((next.valid_from, next.recorded_at), (ahead.valid_from.next(), None));
    let history = wait(engine.history(&by("cy", 80), &id(), History { before: None, limit: 9 })).unwrap().versions;
    let recorded: Vec<_> = history.iter().map(|meta| meta.recorded_at).collect();
    assert_eq!(recorded, [None, Some(Timestamp(60)), Some(Timestamp(50))]);
}

#[test]
fn no_version_keeps_an_entity_from_being_changed_whatever_its_time() {
    let engine = engine(&MemoryStore::new());
    // Builds before this one took any time up to this.
    let last = Timestamp::FOREVER.0 - 1;
    wait(engine.post(&by("ann", last), &id(), Post::of(value("{}")))).unwrap();
    let mut at = Timestamp(last);
    for n in 0..3 {
        let diff = patch(&format!(r#"{{"a":{n}}}"#));
        let next = wait(engine.patch(&by("bob", 9), &id(), Patch::of(diff, at))).unwrap().meta.valid_from;
        assert_eq!(Timestamp::parse(&next.to_text()), Ok(next));
        assert_eq!(next, at.next());
        at = next;
    }
    let gone = wait(engine.delete(&by("bob", 10), &id(), Delete { if_unmodified_since: Some(at) })).unwrap().meta;
    let back = wait(engine.undelete(&by("bob", 11), &id())).unwrap().meta;
    assert_eq!((gone.valid_from, back.valid_from), (at.next(), at.next().next()));
    assert_eq!(
        read(wait(engine.read(&by("bob", 12), &id(), Read::whole(Which::Current))).unwrap()),
        json(r#"{"a":2}"#)
    );
}

#[test]
fn putting_a_value_merges_like_the_diff_it_is() {
    let engine = engine(&MemoryStore::new());
    wait(engine.post(&by("ann", 5), &id(), Post::of(value(r#"{"a":1,"b":1}"#)))).unwrap();
    wait(engine.put(&by("ann", 6), &id(), Put::of(value(r#"{"a":2,"b":1}"#), Timestamp(5)))).unwrap();
    wait(engine.put(&by("bob", 7), &id(), Put::of(value(r#"{"a":1,"b":2}"#), Timestamp(5)))).unwrap();
    assert_eq!(
        read(wait(engine.read(&by("bob", 9), &id(), Read::whole(Which::Current))).unwrap()),
        json(r#"{"a":2,"b":2}"#)
    );
    let clash = wait(engine.put(&by("bob", 8), &id(), Put::of(value(r#"{"a":9,"b":1}"#), Timestamp(5))));
    assert!(matches!(clash, Err(Failure::Conflict(..))));
}

#[test]
fn bad_diffs_say_what_is_wrong_and_change_nothing() {
    let engine = engine(&MemoryStore::new());
    let who = by("ann", 5);
    wait(engine.post(&who, &id(), Post::of(value(r#"{"l":[1],"t":"x"}"#)))).unwrap();
    for bad in [r#"{"l":{"5":1}}"#, r#"{"l":{"x":1}}"#, r#"{"t":{"$text":[9,"a"]}}"#, r#"{"$undefined":true}"#] {
        let done = wait(engine.patch(&who, &id(), Patch::of(patch(bad), Timestamp(5))));
        assert!(matches!(done, Err(Failure::BadRequest(_))), "{bad}: {done:?}");
    }
    let garbage = wait(engine.patch(&who, &id(), Patch::of(CborDiff(vec![0xff]), Timestamp(5))));
    assert!(matches!(garbage, Err(Failure::BadRequest(_))));
    let undefined = wait(engine.put(&who, &id(), Put::of(CborValue(vec![0xf7]), Timestamp(5))));
    assert!(matches!(undefined, Err(Failure::BadRequest(_))));
    assert_eq!(at(&wait(engine.read(&who, &id(), Read::whole(Which::Current))).unwrap()), Timestamp(5));
}

#[test]
fn a_small_patch_of_a_long_value_reads_and_writes_in_proportion_to_itself() {
    let rows = |count: usize| {
        let rows = (0..count).map(|n| format!(r#"{{"n":{n},"text":"{}"}}"#, "lorem ipsum ".repeat(8)));
        rows.collect::<Vec<_>>().join(",")
    };
    let long = format!(r#"{{"rows":[{}],"n":0}}"#, rows(80_000));
    assert!(long.len() > 8_000_000);
    let store = MemoryStore::new();
    let engine = engine(&store);
    let mut last = wait(engine.post(&by("ann", 5), &id(), Post::of(value(&long)))).unwrap().meta.valid_from;
    let (mut read, mut written, mut most) = (0, 0, 0);
    for n in 1..=500 {
        store.reopen();
        let diff = match n % 4 {
            0 => format!(r#"{{"n":{n}}}"#),
            1 => format!(r#"{{"rows":{{"$array":[70000,-1,[{{"new":{n}}}]]}}}}"#),
            _ => format!(r#"{{"rows":{{"{}":{{"n":{n}}}}}}}"#, 151 * n),
        };
        let done = wait(engine.patch(&by("ann", 6), &id(), Patch::of(patch(&diff), last))).unwrap();
        last = done.meta.valid_from;
        assert!(done.change.unwrap().diff.diff.0.len() < 300, "what is pushed is short too");
        let traffic = store.traffic();
        (read, written, most) = (read + traffic.0, written + traffic.1, most.max(traffic.0));
    }
    assert!(
        read / 500 < 150_000 && written / 500 < 50_000,
        "{} read, {} written by a patch",
        read / 500,
        written / 500
    );
    assert!(most < 3_000_000, "{most} read by the patch that read most");
}
