//! What is stored, damaged: a record by itself, and in the place of any key of an entity with a long history.
//!
//! The entity is one that a build of format 2 left, whose records have no checksums: so damage gets further than it would.

use std::sync::LazyLock;

use timeweft_core::codec::cbor;
use timeweft_core::diff::Patch;
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::operation::{
    Access, CborDiff, Context, Failure, History, Moment, Operation, Patch as Change, Read, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;
use timeweft_store::memory::MemoryStore;
use timeweft_store::record::{FORMAT, Record};
use timeweft_store::{Engine, Store};

use crate::memory;
use crate::server::now;

const DUMP: &str = include_str!("../../crates/store/tests/fixtures/format-2.txt");

/// Keys with their values, but heads.
pub(crate) static KEPT: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| lines().filter(is_value).collect());

static WHOLE: LazyLock<MemoryStore> = LazyLock::new(|| {
    let store = MemoryStore::new();
    for (key, bytes) in lines() {
        if is_value(&(key, Vec::new())) {
            now(store.set(key, &bytes)).expect("a store in memory takes it");
        } else {
            let head = u64::from_be_bytes(bytes.try_into().expect("a head is 8 bytes"));
            assert_eq!(now(store.swap_head(key, 0, head)), Ok(true));
        }
    }
    store
});

fn lines() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    DUMP.lines().filter_map(|line| {
        let (key, hex) = line.split_once(' ')?;
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        Some((key, (0..hex.len()).step_by(2).map_while(byte).collect()))
    })
}

fn is_value((key, _): &(&str, Vec<u8>)) -> bool {
    !key.starts_with("h:")
}

/// A byte that says which key, and what is there instead.
pub(crate) fn entity(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    record(bytes);
    let (key, _) = &KEPT[usize::from(*which) % KEPT.len()];
    let store = WHOLE.fork();
    if now(store.set(key, bytes)).is_err() {
        return;
    }
    memory::within(100 * memory::of_reading(bytes.len() + DUMP.len()), || everything(&store));
}

fn record(bytes: &[u8]) {
    let read = memory::within(memory::of_reading(bytes.len()), || Record::from_bytes(bytes));
    if let Ok(record) = read {
        let record = Record { format: FORMAT, ..record };
        let written = record.to_bytes().expect("it can be written");
        assert_eq!(Record::from_bytes(&written), Ok(record));
    }
}

/// Reads and changes it in every way; it may be damaged, and nothing else may come of that.
fn everything(store: &MemoryStore) {
    let engine = Engine::new(store.clone(), || 1_000_000);
    let id = EntityId::parse("note:n").expect("a name");
    let context = Context {
        person_id: "ann".into(),
        impersonator_id: None,
        now: Timestamp(9_000_000),
        access: Access::Any,
        rules: None,
        limits: Limits::default(),
    };
    is_damage_at_most(now(engine.check(&context, &id)));
    let diff = Patch::Map([("n".to_owned(), Patch::Value(Value::Number(1.0)))].into_iter().collect());
    let patch = |since: u64| {
        let diff = CborDiff(cbor::encode_patch(&diff));
        Operation::Patch(Change::of(diff, Timestamp(since)))
    };
    for operation in [
        Operation::Read(Read::whole(Which::Latest)),
        Operation::Read(Read { which: Which::Current, since: Some(Timestamp(100_000)) }),
        Operation::Read(Read::whole(Which::Past(Moment::Version(40)))),
        Operation::Read(Read { which: Which::Past(Moment::Version(3)), since: Some(Timestamp(129_000)) }),
        Operation::History(History { before: None, limit: 200 }),
        patch(120_000),
        patch(131_000),
        Operation::Undelete,
    ] {
        is_damage_at_most(now(engine.apply(&context, &id, operation)));
    }
}

/// What is not as it was is damaged, or was never there.
fn is_damage_at_most<T>(outcome: Result<T, Failure>) {
    if let Err(failure @ (Failure::Busy | Failure::Unavailable(_))) = outcome {
        panic!("{failure}");
    }
}
