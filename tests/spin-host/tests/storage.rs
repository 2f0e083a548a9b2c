//! `storage-spin` keeps the promises of the `Store` contract on a key-value store with Spin's faults.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use spin_host::{Crash, Error, KeyValue, Storage, StorageHandle};
use timeweft_store::{Store, StoreError};

fn component() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components/storage-spin.wasm");
    assert!(path.exists(), "{} is missing: `cargo xtask build` makes it", path.display());
    path
}

fn storage() -> (Arc<KeyValue>, Storage) {
    let key_value = Arc::new(KeyValue::default());
    let storage = Storage::load(&component(), key_value.clone()).expect("storage-spin loads");
    (key_value, storage)
}

fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        std::thread::yield_now();
    }
}

struct Adapter<'a>(StorageHandle<'a>);

fn translate(error: Error) -> StoreError {
    match error {
        Error::TooLarge => StoreError::TooLarge,
        Error::Unavailable(message) | Error::Died(message) => StoreError::Unavailable(message),
        other => StoreError::Unavailable(format!("{other:?}")),
    }
}

impl Store for Adapter<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key).await.map_err(translate)
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.set(key, value).await.map_err(translate)
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).await.map_err(translate)
    }
    async fn read_head(&self, key: &str) -> Result<u64, StoreError> {
        self.0.read_head(key).await.map_err(translate)
    }
    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, StoreError> {
        self.0.swap_head(key, current, next).await.map_err(translate)
    }
}

#[test]
fn the_store_contract_suite_passes() {
    let (key_value, storage) = storage();
    timeweft_store::contract::suite(|| Adapter(storage.connect()));
    assert!(!key_value.is_poisoned());
}

/// Runs `operation` on a head at 7 (`h:old`) and an absent one (`h:new`), with a crash at every key-value call in turn.
fn crash_at_every_call(operation: impl Fn(&StorageHandle) -> Result<(), Error>, check: impl Fn(&StorageHandle)) {
    let mut crashes = 0;
    for after in [false, true] {
        for call in 0.. {
            let (key_value, storage) = storage();
            let handle = storage.connect();
            assert_eq!(wait(handle.swap_head("h:old", 0, 7)), Ok(true));
            wait(handle.set("c:old", b"old")).expect("is written");
            key_value.crash(Some(Crash { call: key_value.calls() + call, after }));
            let result = operation(&handle);
            key_value.crash(None);
            match result {
                Ok(()) => break,
                Err(Error::Died(_)) => crashes += 1,
                Err(other) => panic!("crash at call {call}: {other:?}"),
            }
            check(&storage.connect());
            assert!(!key_value.is_poisoned(), "crash at call {call}");
        }
    }
    assert!(crashes >= 2, "nothing crashed");
}

/// The head is one of these, and can be swung on.
fn head_is_one_of_and_swings_on(handle: &StorageHandle, key: &str, allowed: [u64; 2]) {
    let head = wait(handle.read_head(key)).expect("is readable");
    assert!(allowed.contains(&head), "{key} is {head}");
    assert_eq!(wait(handle.swap_head(key, head, 99)), Ok(true));
    assert_eq!(wait(handle.swap_head(key, head, 98)), Ok(false));
    assert_eq!(wait(handle.read_head(key)), Ok(99));
}

#[test]
fn a_crash_at_any_call_of_a_creating_swap_leaves_the_head_absent_or_created() {
    crash_at_every_call(
        |handle| wait(handle.swap_head("h:new", 0, 5)).map(|won| assert!(won)),
        |handle| head_is_one_of_and_swings_on(handle, "h:new", [0, 5]),
    );
}

#[test]
fn a_crash_at_any_call_of_a_swap_leaves_the_head_old_or_new() {
    crash_at_every_call(
        |handle| wait(handle.swap_head("h:old", 7, 8)).map(|won| assert!(won)),
        |handle| head_is_one_of_and_swings_on(handle, "h:old", [7, 8]),
    );
}

#[test]
fn a_crash_at_a_write_leaves_the_old_value_or_the_new() {
    crash_at_every_call(
        |handle| wait(handle.set("c:old", b"new")),
        |handle| {
            let value = wait(handle.get("c:old")).expect("is readable").expect("is there");
            assert!(value == b"old" || value == b"new");
        },
    );
    crash_at_every_call(
        |handle| wait(handle.delete("c:old")),
        |handle| assert!(matches!(wait(handle.get("c:old")).expect("is readable").as_deref(), None | Some(b"old"))),
    );
}

#[test]
fn a_head_is_never_written_as_a_value_nor_a_value_as_a_head() {
    let (key_value, storage) = storage();
    let handle = storage.connect();
    assert!(matches!(wait(handle.set("h:a", b"text")), Err(Error::Unavailable(_))));
    assert!(matches!(wait(handle.delete("h:a")), Err(Error::Unavailable(_))));
    assert!(matches!(wait(handle.swap_head("c:a", 0, 1)), Err(Error::Unavailable(_))));
    assert!(matches!(wait(handle.swap_head("h:a", 0, 0)), Err(Error::Unavailable(_))));
    assert_eq!(key_value.peek("h:a"), None);
    assert_eq!(key_value.peek("c:a"), None);
}

#[test]
fn a_head_of_another_size_is_refused_and_the_store_lives_on() {
    let (key_value, storage) = storage();
    key_value.put("h:a", b"text");
    let handle = storage.connect();
    assert!(matches!(wait(handle.swap_head("h:a", 0, 1)), Err(Error::Unavailable(_))));
    assert!(matches!(wait(handle.read_head("h:a")), Err(Error::Unavailable(_))));
    assert!(!key_value.is_poisoned());
    assert_eq!(wait(handle.swap_head("h:b", 0, 1)), Ok(true));
}

#[test]
fn an_instance_that_used_up_its_swaps_is_replaced_and_loses_nothing() {
    let (_, storage) = storage();
    let storage = storage.with_reuse(u32::MAX);
    let handle = storage.connect();
    let mut head = 0;
    let mut replaced = 0;
    while head < 600 {
        match wait(handle.swap_head("h:a", head, head + 1)) {
            Ok(won) => {
                assert!(won);
                head += 1;
            }
            Err(Error::Died(_)) => replaced += 1,
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(wait(handle.read_head("h:a")), Ok(head));
    }
    assert_eq!(replaced, 2, "256 swaps an instance");
}

#[test]
fn swaps_that_lose_beforehand_use_nothing_up() {
    let (_, storage) = storage();
    let storage = storage.with_reuse(u32::MAX);
    let handle = storage.connect();
    assert_eq!(wait(handle.swap_head("h:a", 0, 1)), Ok(true));
    for _ in 0..1000 {
        assert_eq!(wait(handle.swap_head("h:a", 0, 2)), Ok(false));
    }
    assert_eq!(wait(handle.swap_head("h:a", 1, 2)), Ok(true));
}
