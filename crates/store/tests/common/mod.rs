//! What the store's tests share: an executor that draws who goes next from a seed, and short ways to say things.
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};

use timeweft_core::codec::{cbor, json};
use timeweft_core::id::EntityId;
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::operation::{Access, CborDiff, CborValue, Context, Read, Reading, Which};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::Engine;
use timeweft_store::memory::MemoryStore;

/// SplitMix64 (Steele, Lea and Flood 2014): enough randomness for a schedule, all of it from the seed.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Seeded(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Runs the tasks to their ends, polling one at a time in an order drawn from the seed.
pub(crate) fn interleave<'a, T>(seed: u64, tasks: Vec<Pin<Box<dyn Future<Output = T> + 'a>>>) -> Vec<T> {
    let mut random = Seeded::new(seed);
    let mut context = TaskContext::from_waker(Waker::noop());
    let mut running: Vec<_> = tasks.into_iter().enumerate().collect();
    let mut done: Vec<(usize, T)> = Vec::new();
    while !running.is_empty() {
        let pick = random.below(running.len());
        if let Poll::Ready(output) = running[pick].1.as_mut().poll(&mut context) {
            done.push((running.swap_remove(pick).0, output));
        }
    }
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, output)| output).collect()
}

pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            return output;
        }
    }
}

pub(crate) fn engine(store: &MemoryStore) -> Engine<MemoryStore, impl Fn() -> u32 + use<>> {
    let count = Cell::new(store.calls() as u32);
    let nonce = move || {
        count.set(count.get().wrapping_add(1));
        count.get()
    };
    Engine::new(store.clone(), nonce)
}

pub(crate) fn by(person: &str) -> Context {
    Context {
        person_id: person.into(),
        impersonator_id: None,
        now: Timestamp(1_000),
        access: Access::Any,
        rules: None,
        limits: Limits::default(),
    }
}

pub(crate) fn id() -> EntityId {
    EntityId::parse("note:n").unwrap()
}

pub(crate) fn parse(text: &str) -> Value {
    json::value_from_json(&serde_json::from_str(text).unwrap(), &Limits::default()).unwrap()
}

pub(crate) fn value(text: &str) -> CborValue {
    CborValue(cbor::encode_value(&parse(text)))
}

pub(crate) fn patch(text: &str) -> CborDiff {
    let json = serde_json::from_str(text).unwrap();
    CborDiff(cbor::encode_patch(&json::patch_from_json(&json, &Limits::default()).unwrap()))
}

pub(crate) fn decode(value: &CborValue) -> Value {
    cbor::decode_value(&value.0, &TRUSTED).unwrap()
}

/// The current version and value, of a deleted entity too.
pub(crate) fn current(store: &MemoryStore) -> Option<(u64, bool, Timestamp, Value)> {
    match wait(engine(store).read(&by("reader"), &id(), Read::whole(Which::Latest))) {
        Ok(Reading::Value(value, meta)) => Some((meta.version, meta.deleted, meta.valid_from, decode(&value))),
        Ok(other) => panic!("{other:?}"),
        Err(timeweft_core::operation::Failure::NotFound) => None,
        Err(error) => panic!("an entity must stay readable: {error}"),
    }
}
