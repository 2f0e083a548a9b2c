//! What types say, as the engine goes by it: granularity, reverse diffs, schemas, and from when on.

mod common;

use common::*;
use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::operation::{
    Committed, Context, Delete, Failure, History, Meta, Moment, Patch, Policy, Post, Put, Read, Reading, Revert, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::memory::MemoryStore;

const MINUTE: u64 = 60_000_000;

fn define(store: &MemoryStore, definition: &str) {
    let kind = EntityId::parse("type:note").unwrap();
    let admin = by("admin");
    match wait(engine(store).read(&admin, &kind, Read::whole(Which::Current))) {
        Ok(Reading::Value(_, meta)) => {
            wait(engine(store).put(&admin, &kind, Put::of(value(definition), meta.valid_from))).unwrap();
        }
        _ => drop(wait(engine(store).post(&admin, &kind, Post::of(value(definition)))).unwrap()),
    }
}

fn at(person: &str, now: u64) -> Context {
    Context { now: Timestamp(now), ..by(person) }
}

fn set(store: &MemoryStore, who: &Context, since: Timestamp, diff: &str) -> Result<Committed, Failure> {
    wait(engine(store).patch(who, &id(), Patch::of(patch(diff), since)))
}

fn history(store: &MemoryStore) -> Vec<Meta> {
    wait(engine(store).history(&by("ann"), &id(), History { before: None, limit: 1_000 })).unwrap().versions
}

fn as_of(store: &MemoryStore, moment: Moment) -> Option<(u64, Value)> {
    match wait(engine(store).read(&by("ann"), &id(), Read::whole(Which::Past(moment)))) {
        Ok(Reading::Value(value, meta)) => Some((meta.version, decode(&value))),
        Err(Failure::NotFound) => None,
        other => panic!("{other:?}"),
    }
}

/// Made by carol; fifty edits by ann, a minute apart; one by bob. When each version began, and its value.
fn fifty_one_edits(store: &MemoryStore, first: &str) -> Vec<(Timestamp, Value)> {
    let made = wait(engine(store).post(&at("carol", MINUTE), &id(), Post::of(value(first)))).unwrap();
    let mut versions = vec![(made.meta.valid_from, parse(first))];
    for n in 0..51 {
        let who = at(if n < 50 { "ann" } else { "bob" }, MINUTE * (2 + n));
        let done = set(store, &who, versions.last().unwrap().0, &format!(r#"{{"n":{n},"k{}":{n}}}"#, n % 3)).unwrap();
        versions.push((done.meta.valid_from, current(store).unwrap().3));
    }
    versions
}

fn becomes_current_from_each(store: &MemoryStore, versions: &[(Timestamp, Value)]) {
    let (_, now) = versions.last().unwrap();
    for (since, value) in versions {
        let found =
            match wait(engine(store).read(&by("ann"), &id(), Read { which: Which::Current, since: Some(*since) }))
                .unwrap()
            {
                Reading::NotModified(_) => value.clone(),
                Reading::Value(value, _) => decode(&value),
                Reading::Diff(diff, _) => {
                    let mut value = value.clone();
                    let patch = cbor::decode_patch(&diff.diff.0, &Limits::default()).unwrap();
                    patch.resolve(&value).unwrap().apply(&mut value).unwrap();
                    value
                }
            };
        assert_eq!(found, *now, "from {since}");
    }
}

#[test]
fn of_a_persons_edits_within_the_granularity_history_keeps_the_last() {
    let rows = (0..800).map(|n| format!(r#"{{"row":{n},"text":"some text"}}"#)).collect::<Vec<_>>().join(",");
    for first in [r#"{"n":0}"#.to_owned(), format!(r#"{{"n":0,"rows":[{rows}]}}"#)] {
        let store = MemoryStore::new();
        define(&store, r#"{"granularity":"hour"}"#);
        let mut versions = fifty_one_edits(&store, &first);
        becomes_current_from_each(&store, &versions);
        // The recent log is whole; what left it is one version.
        let listed: Vec<u64> = history(&store).iter().map(|meta| meta.version).collect();
        assert!(listed.starts_with(&[52, 51, 50, 49]) && listed.ends_with(&[34, 33, 1]), "{listed:?}");
        // Others' edits, far apart, push all of them out of it.
        for n in 0..60 {
            let who = at(if n % 2 == 0 { "dan" } else { "eve" }, MINUTE * (100 + 100 * n));
            let done = set(&store, &who, versions.last().unwrap().0, &format!(r#"{{"later":{n}}}"#)).unwrap();
            versions.push((done.meta.valid_from, current(&store).unwrap().3));
        }
        becomes_current_from_each(&store, &versions);
        let listed = history(&store);
        let oldest: Vec<(u64, &str, Timestamp)> =
            listed.iter().rev().take(4).map(|meta| (meta.version, &*meta.person_id, meta.valid_from)).collect();
        let wanted = [(1, "carol", 0), (51, "ann", 50), (52, "bob", 51), (53, "dan", 52)];
        assert_eq!(oldest, wanted.map(|(version, person, index)| (version, person, versions[index].0)));
        assert_eq!(listed.len(), 63);
        for pair in listed.windows(2) {
            assert_eq!(pair[1].valid_to, pair[0].valid_from);
        }
        // Until ann's last edit, what was before her is valid.
        assert_eq!(as_of(&store, Moment::Time(Timestamp(versions[50].0.0 - 1))), Some((1, versions[0].1.clone())));
        assert_eq!(as_of(&store, Moment::Time(versions[50].0)), Some((51, versions[50].1.clone())));
        assert_eq!(as_of(&store, Moment::Version(51)), Some((51, versions[50].1.clone())));
        assert_eq!(as_of(&store, Moment::Version(40)), None, "it is part of another");
        for (index, (_, value)) in versions.iter().enumerate().skip(51) {
            assert_eq!(as_of(&store, Moment::Version(index as u64 + 1)).unwrap().1, *value, "version {}", index + 1);
        }
        // What ann's version says was before, leads back to carol's.
        let ann = listed.iter().find(|meta| meta.version == 51).unwrap();
        let back = cbor::decode_patch(&ann.previous_values.clone().unwrap().0, &Limits::default()).unwrap();
        let mut before = versions[50].1.clone();
        back.resolve(&before).unwrap().apply(&mut before).unwrap();
        assert_eq!(before, versions[0].1);
    }
}

#[test]
fn a_run_is_one_version_also_when_it_fills_segments() {
    let store = MemoryStore::new();
    define(&store, r#"{"granularity":"day"}"#);
    let mut last = wait(engine(&store).post(&at("ann", 1), &id(), Post::of(value(r#"{"n":0}"#)))).unwrap().meta;
    for n in 1..1_000 {
        let text = "x".repeat(n % 90);
        last = set(&store, &at("ann", 1_000 * n as u64), last.valid_from, &format!(r#"{{"n":{n},"t":"{text}"}}"#))
            .unwrap()
            .meta;
    }
    let sealed = history(&store).len() - 16;
    assert!(sealed <= 34, "{sealed} versions besides the recent ones: at most a log that is not sealed yet");
    assert_eq!(as_of(&store, Moment::Time(Timestamp(5))), None, "the first is part of the run too");
    assert!(store.keys().len() < 64, "{}", store.keys().len());
}

#[test]
fn deletions_end_a_run_and_stay() {
    let store = MemoryStore::new();
    define(&store, r#"{"granularity":"day"}"#);
    wait(engine(&store).post(&at("ann", 10), &id(), Post::of(value(r#"{"n":0}"#)))).unwrap();
    wait(engine(&store).delete(&at("ann", 20), &id(), Delete::default())).unwrap();
    let mut last = wait(engine(&store).undelete(&at("ann", 30), &id())).unwrap().meta.valid_from;
    for n in 1..200 {
        last = set(&store, &at("ann", 40 + n), last, &format!(r#"{{"n":{n}}}"#)).unwrap().meta.valid_from;
    }
    let listed: Vec<(u64, bool)> = history(&store).iter().rev().map(|meta| (meta.version, meta.deleted)).collect();
    assert_eq!(listed[..2], [(1, false), (2, true)]);
    assert_eq!(as_of(&store, Moment::Time(Timestamp(25))), None);
    assert_eq!(as_of(&store, Moment::Time(Timestamp(15))), Some((1, parse(r#"{"n":0}"#))));
}

#[test]
fn without_reverse_diffs_everything_else_is_the_same() {
    let store = MemoryStore::new();
    define(&store, r#"{"suppressPreviousValues":true}"#);
    let versions = fifty_one_edits(&store, r#"{"n":0}"#);
    assert!(history(&store).iter().all(|meta| meta.previous_values.is_none()));
    becomes_current_from_each(&store, &versions);
    for (index, (from, value)) in versions.iter().enumerate() {
        assert_eq!(as_of(&store, Moment::Time(*from)), Some((index as u64 + 1, value.clone())));
    }
    // Merged under others' changes, near and far.
    for since in [versions[50].0, versions[20].0] {
        let done = set(&store, &at("dan", 1), since, &format!(r#"{{"mine-{}":1}}"#, since.0)).unwrap();
        assert!(done.merged.is_some());
    }
    assert!(matches!(set(&store, &at("dan", 1), versions[20].0, r#"{"n":-1}"#), Err(Failure::Conflict(..))));
}

#[test]
fn a_schema_holds_from_when_it_is_there_and_old_values_stay_readable() {
    let store = MemoryStore::new();
    assert_eq!(wait(engine(&store).type_rules("note")).map(|rules| rules.policy), Ok(Policy::SignedIn));
    let engine = engine(&store);
    let long = format!(r#"{{"n":"no number","rows":[{}]}}"#, vec![r#""row""#; 2_000].join(","));
    for (n, first) in [r#"{"n":"no number"}"#, &long].into_iter().enumerate() {
        let id = EntityId::parse(&format!("note:old{n}")).unwrap();
        wait(engine.post(&by("ann"), &id, Post::of(value(first)))).unwrap();
    }
    define(&store, r#"{"schema":{"properties":{"n":{"type":"integer"}}},"policy":"owner"}"#);
    assert_eq!(
        wait(engine.type_rules("note")).map(|rules| rules.policy),
        Ok(Policy::Owner),
        "an engine that knew the old definition"
    );
    let paths = |refused: Result<Committed, Failure>| match refused {
        Err(Failure::InvalidValue(broken)) => broken.into_iter().map(|broken| broken.path).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(paths(wait(engine.post(&by("ann"), &id(), Post::of(value(r#"{"n":"x"}"#))))), ["/n"]);
    for n in 0..2 {
        let id = EntityId::parse(&format!("note:old{n}")).unwrap();
        let Ok(Reading::Value(_, meta)) = wait(engine.read(&by("ann"), &id, Read::whole(Which::Current))) else {
            panic!("readable")
        };
        let (first, since) = (meta.valid_from, Some(meta.valid_from));
        let refused = wait(engine.patch(&by("ann"), &id, Patch::of(patch(r#"{"other":1}"#), since)));
        assert_eq!(paths(refused), ["/n"], "it stays wrong");
        assert_eq!(
            wait(engine.read(&by("ann"), &id, Read { which: Which::Current, since })),
            Ok(Reading::NotModified(meta))
        );
        wait(engine.patch(&by("ann"), &id, Patch::of(patch(r#"{"n":5}"#), since))).unwrap();
        assert_eq!(
            paths(wait(engine.revert(
                &by("ann"),
                &id,
                Revert { valid_from: first, if_unmodified_since: current_since(&engine, &id) }
            ))),
            ["/n"]
        );
    }
}

fn current_since<N: Fn() -> u32>(engine: &timeweft_store::Engine<MemoryStore, N>, id: &EntityId) -> Option<Timestamp> {
    match wait(engine.read(&by("ann"), id, Read::whole(Which::Latest))) {
        Ok(Reading::Value(_, meta)) => Some(meta.valid_from),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_definition_is_refused_and_a_deleted_one_is_as_none() {
    let store = MemoryStore::new();
    let kind = EntityId::parse("type:note").unwrap();
    for bad in [r#"{"policy":"everybody"}"#, r#"{"granularity":"week"}"#, r#"{"schema":{"type":"nothing"}}"#, "5"] {
        let refused = wait(engine(&store).post(&by("admin"), &kind, Post::of(value(bad))));
        assert!(matches!(refused, Err(Failure::InvalidValue(_))), "{bad}: {refused:?}");
    }
    define(&store, r#"{"policy":"owner"}"#);
    let engine = engine(&store);
    assert_eq!(wait(engine.type_rules("note")).map(|rules| rules.policy), Ok(Policy::Owner));
    wait(engine.delete(&by("admin"), &kind, Delete::default())).unwrap();
    assert_eq!(wait(engine.type_rules("note")).map(|rules| rules.policy), Ok(Policy::SignedIn));
}

#[test]
fn elements_are_told_apart_by_what_the_type_names() {
    let by_sku = |first: &str, second: &str| format!(r#"{{"rows":[{first},{second}]}}"#);
    let (a, b) = (r#"{"sku":"a","n":1}"#, r#"{"sku":"b","n":1}"#);
    for definition in [r#"{"identity":"sku"}"#, r#"{"identity":["other","sku"]}"#] {
        let store = MemoryStore::new();
        define(&store, definition);
        let first = value(&by_sku(a, b));
        let made = wait(engine(&store).post(&by("ann"), &id(), Post::of(first.clone()))).unwrap().meta.valid_from;
        let sorted = value(&by_sku(b, a));
        wait(engine(&store).put(&by("bob"), &id(), Put::of(sorted.clone(), made))).unwrap();
        set(&store, &by("ann"), made, r#"{"rows":{"0":{"n":7}}}"#).unwrap();
        let wanted = by_sku(b, r#"{"sku":"a","n":7}"#);
        assert_eq!(current(&store).unwrap().3, parse(&wanted), "{definition}");
    }
}

#[test]
fn a_change_under_the_rules_that_the_right_was_decided_by_does_not_look_at_the_type_again() {
    let store = MemoryStore::new();
    define(&store, r#"{"schema":{"type":"object"}}"#);
    let engine = engine(&store);
    let rules = wait(engine.type_rules("note")).unwrap();
    wait(engine.post(&by("ann"), &id(), Post::of(value("{}")))).unwrap();
    let calls = |context: &Context, diff: &str| {
        let since = current_since(&engine, &id());
        let before = store.calls();
        wait(engine.patch(context, &id(), Patch::of(patch(diff), since))).unwrap();
        store.calls() - before
    };
    let asks = calls(&by("ann"), r#"{"a":1}"#);
    let decided = Context { rules: Some(rules.revision), ..by("ann") };
    assert_eq!(calls(&decided, r#"{"a":2}"#), asks - 1);
    define(&store, r#"{"schema":{"type":"object","properties":{"a":{"type":"string"}}}}"#);
    let now = patch(r#"{"a":3}"#);
    let refused = wait(timeweft_store::Engine::new(store.clone(), || 7).patch(
        &decided,
        &id(),
        Patch::of(now, current_since(&engine, &id())),
    ));
    assert!(matches!(refused, Err(Failure::InvalidValue(_))), "who does not know those rules goes by those of now");
}
