//! Long histories against a model kept beside them: every version as it was, each once, in few keys; with a writer that
//! dies again and again too.

mod common;

use std::cell::Cell;

use common::*;
use timeweft_core::codec::cbor;
use timeweft_core::diff::diff;
use timeweft_core::limits::Limits;
use timeweft_core::operation::{Context, Failure, History, Moment, Patch, Post, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::Engine;
use timeweft_store::memory::{Fault, MemoryStore};

/// What an entity of small edits may take.
const KEYS: usize = 64;

/// An entity, and every version of it as it should be.
struct Story {
    store: MemoryStore,
    random: Seeded,
    nonce: Cell<u32>,
    now: u64,
    /// When each version began, and its value.
    versions: Vec<(Timestamp, Value)>,
}

impl Story {
    fn begin(seed: u64, first: Value) -> Story {
        let random = Seeded::new(seed);
        let mut story =
            Story { store: MemoryStore::new(), random, nonce: Cell::new(0), now: 1_000, versions: Vec::new() };
        let encoded = timeweft_core::operation::CborValue(cbor::encode_value(&first));
        let made = wait(story.engine().post(&story.context(), &id(), Post::of(encoded.clone()))).unwrap();
        story.versions.push((made.meta.valid_from, first));
        story
    }

    fn engine(&self) -> Engine<MemoryStore, impl Fn() -> u32 + use<'_>> {
        Engine::new(self.store.clone(), || {
            self.nonce.set(self.nonce.get() + 1);
            self.nonce.get()
        })
    }

    fn context(&self) -> Context {
        Context { now: Timestamp(self.now), ..by("ann") }
    }

    fn last(&self) -> (Timestamp, Value) {
        self.versions.last().expect("it was begun").clone()
    }

    /// One more edit; with `deadly`, the writer may die or be answered nothing at any of its calls.
    fn edit(&mut self, deadly: bool) {
        let (since, old) = self.last();
        let mut new = old.clone();
        change(&mut new, &mut self.random);
        if new == old {
            return;
        }
        self.now += 1 + self.random.below(1_000_000) as u64;
        self.store.reopen();
        if deadly && self.random.below(4) == 0 {
            let fault = [Fault::Fail, Fault::FailAfter, Fault::CrashBefore, Fault::CrashAfter][self.random.below(4)];
            let call = if self.random.below(4) == 0 { self.random.below(60) } else { self.random.below(9) };
            self.store.fault_at(call, fault);
        }
        let patch = timeweft_core::operation::CborDiff(cbor::encode_patch(&diff(&old, &new).to_patch()));
        let answer = wait(self.engine().patch(&self.context(), &id(), Patch::of(patch.clone(), since)));
        self.store.reopen();
        match answer {
            Ok(done) => self.versions.push((done.meta.valid_from, new)),
            Err(Failure::Unavailable(_)) if deadly => {
                let (version, _, valid_from, found) = current(&self.store).expect("it is there");
                match version as usize - self.versions.len() {
                    0 => assert!(found == old, "a whole version"),
                    1 => {
                        assert!(found == new, "a whole version");
                        self.versions.push((valid_from, new));
                    }
                    more => panic!("{more} versions came of one edit"),
                }
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn as_of(&self, at: u64) -> Result<(Value, u64, Timestamp), Failure> {
        match wait(self.engine().read(&self.context(), &id(), Read::whole(Which::Past(Moment::Time(Timestamp(at))))))? {
            Reading::Value(value, meta) => Ok((decode(&value), meta.version, meta.valid_to)),
            other => panic!("a whole value was expected, not {other:?}"),
        }
    }

    fn holds(&self, every: usize) {
        for (index, (from, value)) in self.versions.iter().enumerate().filter(|(index, _)| index % every == 0) {
            let next = self.versions.get(index + 1).map_or(Timestamp::FOREVER, |(from, _)| *from);
            for at in [from.0, (from.0 + next.0) / 2, next.0 - 1] {
                let (found, version, valid_to) = self.as_of(at).unwrap();
                assert!(found == *value, "version {} as of {at}", index + 1);
                assert_eq!((version, valid_to), (index as u64 + 1, next));
            }
        }
        assert_eq!(self.as_of(self.versions[0].0.0 - 1), Err(Failure::NotFound), "before the first");
        self.history_gives_each_version_once();
    }

    fn history_gives_each_version_once(&self) {
        let (mut seen, mut before, mut valid_to) = (Vec::new(), None, Timestamp::FOREVER);
        loop {
            let page = wait(self.engine().history(&self.context(), &id(), History { before, limit: 97 })).unwrap();
            for meta in &page.versions {
                assert_eq!(meta.valid_to, valid_to, "version {}", meta.version);
                valid_to = meta.valid_from;
                seen.push((meta.version, meta.valid_from));
            }
            before = page.versions.last().map(|meta| meta.valid_from);
            if !page.more {
                break;
            }
        }
        let wanted = self.versions.iter().enumerate().rev().map(|(index, (from, _))| (index as u64 + 1, *from));
        assert_eq!(seen, wanted.collect::<Vec<_>>());
    }

    /// The entity's own keys; the index of its type has others.
    fn keys(&self) -> usize {
        self.store.keys().iter().filter(|key| key[2..].starts_with(id().as_str())).count()
    }
}

fn text(random: &mut Seeded, most: usize) -> Value {
    Value::Text((0..1 + random.below(most)).map(|_| char::from(b'a' + random.below(26) as u8)).collect())
}

/// A small edit somewhere.
fn change(value: &mut Value, random: &mut Seeded) {
    let Value::Object(members) = value else { panic!("stories are objects") };
    match random.below(8) {
        0 => drop(members.insert(format!("k{}", random.below(12)), text(random, 30))),
        1 => drop(members.remove(&format!("k{}", random.below(12)))),
        2 => {
            if let Some(Value::Text(text)) = members.get_mut("text") {
                let at = random.below(text.len() + 1);
                if text.len() > 400 { text.truncate(at) } else { text.insert(at, 'x') }
            }
        }
        3 => {
            if let Some(Value::Array(rows)) = members.get_mut("rows") {
                let at = random.below(rows.len() + 1);
                rows.insert(at, Value::object([("n", Value::Number(random.below(1_000) as f64))]));
            }
        }
        4 => {
            if let Some(Value::Array(rows)) = members.get_mut("rows")
                && rows.len() > 3
            {
                let at = random.below(rows.len());
                rows.remove(at);
            }
        }
        5 | 6 => {
            if let Some(Value::Array(rows)) = members.get_mut("rows") {
                let at = random.below(rows.len().max(1));
                if let Some(Value::Object(row)) = rows.get_mut(at) {
                    row.insert("n".into(), Value::Number(random.below(1_000) as f64));
                }
            }
        }
        _ => drop(members.insert("counter".into(), Value::Number(random.below(1_000_000) as f64))),
    }
}

/// A value of about so many bytes.
fn document(bytes: usize, random: &mut Seeded) -> Value {
    let row = |random: &mut Seeded| {
        Value::object([("n", Value::Number(random.below(1_000) as f64)), ("text", text(random, 60))])
    };
    let rows = (0..1 + bytes / 45).map(|_| row(random)).collect();
    Value::object([("rows", Value::Array(rows)), ("text", Value::text("start")), ("counter", Value::Number(0.0))])
}

fn story(seed: u64, bytes: usize, edits: usize, deadly: bool) -> Story {
    let mut story = Story::begin(seed, document(bytes, &mut Seeded::new(seed)));
    for _ in 0..edits {
        story.edit(deadly);
    }
    story
}

#[test]
fn ten_thousand_small_edits_leave_few_keys_and_every_version_as_it_was() {
    let story = story(1, 500, 10_000, false);
    assert!(story.versions.len() > 9_000);
    assert!(story.keys() <= KEYS, "{} keys", story.keys());
    story.holds(100);
}

#[test]
fn ten_thousand_small_edits_of_a_longer_value_leave_few_keys_too() {
    for (seed, bytes) in [(2, 20_000), (3, 100_000)] {
        let story = story(seed, bytes, 10_000, false);
        assert!(story.keys() <= KEYS, "{} keys at {bytes} bytes", story.keys());
        story.holds(500);
    }
}

#[test]
fn a_writer_that_dies_anywhere_in_a_long_history_loses_nothing_and_leaves_nothing() {
    for seed in 0..SEEDS {
        let bytes = [300, 3_000, 30_000, 60_000][seed as usize % 4];
        let story = story(seed, bytes, EDITS, true);
        assert!(story.keys() <= KEYS, "{} keys; seed {seed}", story.keys());
        story.holds(100);
    }
}

const SEEDS: u64 = 200;

/// For each seed. 10,000 take a quarter of an hour.
const EDITS: usize = 500;

#[test]
fn a_client_at_any_version_of_a_long_history_becomes_current() {
    let story = story(5, 6_000, 2_000, false);
    let (_, now) = story.last();
    for (since, value) in story.versions.iter().step_by(37) {
        match wait(story.engine().read(&story.context(), &id(), Read { which: Which::Current, since: Some(*since) }))
            .unwrap()
        {
            Reading::Diff(diff, _) => {
                let mut value = value.clone();
                let patch = cbor::decode_patch(&diff.diff.0, &Limits::default()).unwrap();
                patch.resolve(&value).unwrap().apply(&mut value).unwrap();
                assert!(value == now, "from {since}");
            }
            Reading::NotModified(_) => assert!(*value == now),
            Reading::Value(..) => panic!("{since} is a version that is held"),
        }
    }
}
