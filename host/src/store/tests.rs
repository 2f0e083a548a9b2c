//! The promises of `wit/storage.wit`, and what this store adds: grouping, order across sessions, a disk that fills up.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&folder.path().join("store.db"), StoreOptions::default()).unwrap()
}

/// No cache, so that every settled read goes to the disk.
fn open_uncached(folder: &tempfile::TempDir) -> SqliteStore {
    let options = StoreOptions { cached_bytes: 0, ..StoreOptions::default() };
    SqliteStore::open(&folder.path().join("store.db"), options).unwrap()
}

fn wait(store: &SqliteStore, batch: Batch) -> Result<(), StoreError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.durable(batch))
}

/// A session as the crates that know no host see it. Each write is on disk before it returns.
struct Adapter<'a>(&'a SqliteStore, RefCell<Session>);

impl Adapter<'_> {
    fn call<T>(
        &self,
        call: impl FnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, timeweft_store::StoreError> {
        let mut session = self.1.borrow_mut();
        let done = call(&mut session).and_then(|done| wait(self.0, session.depends_on()).map(|()| done));
        done.map_err(|error| match error {
            StoreError::TooLarge => timeweft_store::StoreError::TooLarge,
            StoreError::Unavailable(why) => timeweft_store::StoreError::Unavailable(why),
        })
    }
}

impl timeweft_store::Store for Adapter<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, timeweft_store::StoreError> {
        self.call(|session| session.get(key)).map(|found| found.map(Vec::from))
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), timeweft_store::StoreError> {
        self.call(|session| session.set(key, value.to_vec()))
    }
    async fn delete(&self, key: &str) -> Result<(), timeweft_store::StoreError> {
        self.call(|session| session.delete(key))
    }
    async fn read_head(&self, key: &str) -> Result<u64, timeweft_store::StoreError> {
        self.call(|session| session.read_head(key))
    }
    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, timeweft_store::StoreError> {
        self.call(|session| session.swap_head(key, current, next))
    }
}

#[test]
fn the_store_contract_suite_passes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_uncached(&folder);
    timeweft_store::contract::suite(|| Adapter(&store, RefCell::new(store.session().unwrap())));
}

#[test]
fn a_write_is_seen_at_once_by_every_session_and_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (mut one, mut other) = (store.session().unwrap(), store.session().unwrap());
    one.set("k", &b"v"[..]).unwrap();
    assert_eq!(other.get("k").unwrap().as_deref(), Some(&b"v"[..]));
    one.delete("k").unwrap();
    assert_eq!(other.get("k").unwrap(), None);
    one.set("k", &b"w"[..]).unwrap();
    assert!(one.swap_head("h", 0, u64::MAX).unwrap());
    store.close();
    let store = open(&folder);
    let mut session = store.session().unwrap();
    assert_eq!(session.get("k").unwrap().as_deref(), Some(&b"w"[..]));
    assert_eq!(session.read_head("h").unwrap(), u64::MAX);
    assert_eq!(session.depends_on(), 0, "what is on disk is depended on by nobody");
}

#[test]
fn a_reader_depends_on_the_batch_of_what_it_saw() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (mut writer, mut reader) = (store.session().unwrap(), store.session().unwrap());
    writer.set("k", &b"v"[..]).unwrap();
    reader.get("k").unwrap();
    assert_eq!(reader.depends_on(), writer.depends_on());
    wait(&store, reader.depends_on()).unwrap();
    reader.begin();
    assert_eq!(reader.depends_on(), 0);
}

#[test]
fn keys_and_values_out_of_bounds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut session = store.session().unwrap();
    assert_eq!(session.get(""), Err(StoreError::TooLarge));
    assert_eq!(session.set(&"k".repeat(257), &b"v"[..]), Err(StoreError::TooLarge));
    assert_eq!(session.set("k", vec![0; MAX_VALUE + 1]), Err(StoreError::TooLarge));
    session.set(&"k".repeat(256), vec![0; MAX_VALUE]).unwrap();
    wait(&store, session.depends_on()).unwrap();
}

fn twenty_threads_count_one_head(store: SqliteStore, rounds: u64) {
    let store = Arc::new(store);
    let swapped = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..20u64)
        .map(|thread| {
            let (store, swapped) = (store.clone(), swapped.clone());
            std::thread::spawn(move || {
                let mut session = store.session().unwrap();
                for round in 0..rounds {
                    session.begin();
                    loop {
                        let head = session.read_head("h").unwrap();
                        // The low half counts, the high half tells writers apart.
                        let next = (thread << 32 | round << 48) | ((head & 0xffff_ffff) + 1);
                        if session.swap_head("h", head, next).unwrap() {
                            break;
                        }
                    }
                    swapped.fetch_add(1, Ordering::SeqCst);
                    if round % 7 == 0 {
                        wait(&store, session.depends_on()).unwrap();
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut session = store.session().unwrap();
    assert_eq!(session.read_head("h").unwrap() & 0xffff_ffff, swapped.load(Ordering::SeqCst));
}

#[test]
fn twenty_threads_swapping_one_head_from_absent_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    twenty_threads_count_one_head(open(&folder), 200);
}

#[test]
fn twenty_threads_swapping_one_head_that_is_read_from_disk_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    twenty_threads_count_one_head(open_uncached(&folder), 200);
}

#[test]
fn one_of_twenty_swaps_from_absent_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open_uncached(&folder));
    for round in 0..50 {
        let wins: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=20u64)
                .map(|next| {
                    let mut session = store.session().unwrap();
                    scope.spawn(move || usize::from(session.swap_head(&format!("h{round}"), 0, next).unwrap()))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
    }
}

#[test]
fn concurrent_writers_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder));
    std::thread::scope(|scope| {
        for thread in 0..20 {
            let store = &store;
            scope.spawn(move || {
                let mut session = store.session().unwrap();
                for n in 0..50 {
                    session.begin();
                    session.set(&format!("{thread}:{n}"), &b"v"[..]).unwrap();
                    wait(store, session.depends_on()).unwrap();
                }
            });
        }
    });
    let mut session = store.session().unwrap();
    session.set("last", &b"v"[..]).unwrap();
    assert!(session.depends_on() < 1000, "1,000 writes took {} commits", session.depends_on());
}

/// Fills the disk, as far as SQLite can tell.
fn fill(store: &SqliteStore) {
    store.limit_pages(1);
}

fn free(store: &SqliteStore) {
    store.limit_pages(0);
}

#[test]
fn a_failed_commit_refuses_every_dependent_and_memory_is_what_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (mut writer, mut reader) = (store.session().unwrap(), store.session().unwrap());
    writer.set("k", &b"old"[..]).unwrap();
    assert!(writer.swap_head("h", 0, 1).unwrap());
    wait(&store, writer.depends_on()).unwrap();

    fill(&store);
    writer.begin();
    writer.set("big", vec![1; 500_000]).unwrap();
    // Where the disk has failed already, so do these.
    let swapped = writer.set("k", &b"new"[..]).and_then(|()| writer.swap_head("h", 1, 2));
    assert!(matches!(swapped, Ok(true) | Err(StoreError::Unavailable(_))), "{swapped:?}");
    let lost = writer.depends_on();
    assert!(wait(&store, lost).is_err());

    reader.begin();
    assert_eq!(reader.get("k").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(reader.get("big").unwrap(), None);
    assert_eq!(reader.read_head("h").unwrap(), 1);
    wait(&store, reader.depends_on()).unwrap();
    assert!(matches!(writer.get("k"), Err(StoreError::Unavailable(_))), "it goes on as if its writes were there");
    assert!(matches!(writer.swap_head("h", 1, 3), Err(StoreError::Unavailable(_))));

    free(&store);
    writer.begin();
    assert!(writer.swap_head("h", 1, 3).unwrap());
    writer.set("big", vec![1; 500_000]).unwrap();
    wait(&store, writer.depends_on()).unwrap();
    assert!(wait(&store, lost).is_err(), "what was lost stays lost");
}

#[test]
fn a_session_that_saw_lost_writes_cannot_write_on_top_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (mut writer, mut reader) = (store.session().unwrap(), store.session().unwrap());
    fill(&store);
    writer.set("record", vec![1; 900_000]).unwrap();
    let saw = reader.get("record").unwrap();
    let dependent = reader.depends_on();
    assert!(wait(&store, writer.depends_on()).is_err());
    free(&store);
    if saw.is_some() && dependent > 0 {
        assert!(reader.swap_head("h", 0, 1).is_err());
    }
    reader.begin();
    assert_eq!(reader.read_head("h").unwrap(), 0);
}

#[test]
fn a_read_only_session_is_refused_its_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut session = store.session().unwrap();
    session.begin_read_only();
    assert!(matches!(session.set("k", &b"v"[..]), Err(StoreError::Unavailable(_))));
    assert!(matches!(session.swap_head("h", 0, 1), Err(StoreError::Unavailable(_))));
    assert_eq!(session.get("k").unwrap(), None);
}

#[test]
fn nothing_is_acknowledged_while_the_database_or_its_lock_is_gone() {
    for gone in ["store.db", "store.db-wal", "lock"] {
        let folder = tempfile::tempdir().unwrap();
        let (path, lock) = (folder.path().join("store.db"), folder.path().join("lock"));
        std::fs::write(&lock, "").unwrap();
        let store = SqliteStore::open(&path, StoreOptions { lock: Some(lock), ..StoreOptions::default() }).unwrap();
        let mut session = store.session().unwrap();
        let mut write = || {
            session.begin();
            session.set("key", "value").unwrap();
            wait(&store, session.depends_on())
        };
        write().unwrap();
        let (here, away) = (folder.path().join(gone), folder.path().join("away"));
        std::fs::rename(&here, &away).unwrap();
        assert!(write().is_err(), "{gone}");
        assert!(!here.exists(), "nothing is made in its place");
        std::fs::write(&here, "another").unwrap();
        assert!(write().is_err(), "{gone} is another");
        std::fs::rename(&away, &here).unwrap();
        write().unwrap();
    }
}

#[test]
fn the_files_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let store = open(&folder);
    let mut session = store.session().unwrap();
    session.set("key", "value").unwrap();
    wait(&store, session.depends_on()).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn the_log_begins_anew_beside_a_writer_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut session = store.session().unwrap();
    let mut longest = 0;
    for round in 0..400u32 {
        session.begin();
        session.set(&format!("k{}", round % 40), vec![round as u8; 900_000]).unwrap();
        wait(&store, session.depends_on()).unwrap();
        longest = longest.max(std::fs::metadata(folder.path().join("store.db-wal")).unwrap().len());
    }
    // 360 MB were written, and nothing is moved of a log below 4 MiB.
    assert!((4 << 20..120 << 20).contains(&longest), "the log grew to {longest} bytes");
    for key in 0..40u32 {
        assert_eq!(session.get(&format!("k{key}")).unwrap().unwrap()[0], (360 + key) as u8);
    }
}

#[test]
fn who_writes_much_puts_it_into_several_batches() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let (mut much, mut little) = (store.session().unwrap(), store.session().unwrap());
    let mut batches = std::collections::BTreeSet::new();
    for part in 0..64 {
        much.set(&format!("part{part}"), vec![0; 100_000]).unwrap();
        batches.insert(much.depends_on());
    }
    little.set("k", &b"v"[..]).unwrap();
    wait(&store, little.depends_on()).unwrap();
    // Six and a half MB, two parts a batch.
    assert!(batches.len() >= 30, "{batches:?}");
}

#[test]
fn those_who_write_much_have_one_share_of_a_batch_together() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let write = |who: usize| {
        let mut session = store.session().unwrap();
        let batches = (0..32).map(|part| {
            session.set(&format!("part{part} of {who}"), vec![0; 100_000]).unwrap();
            session.depends_on()
        });
        batches.collect::<Vec<Batch>>()
    };
    let batches: std::collections::BTreeSet<Batch> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|who| {
                let write = &write;
                scope.spawn(move || write(who))
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    // Of 128 parts: eight, if each had a share of their own.
    assert!(batches.len() >= 40, "{batches:?}");
}
