//! Spin's key-value store on SQLite: what each call does to the data.
//!
//! | call | behaviour |
//! |---|---|
//! | `swap`, key present at the last `current` | exact: one UPDATE that names the old value |
//! | `swap`, key absent then, or `current` never asked | unconditional upsert |
//! | `increment`, key absent | creates 8 bytes, little-endian |
//! | `increment`, value not of 8 bytes | panic under the store's lock: every later call panics too, until a restart |

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;

/// The one store (`default`), shared by all instances.
#[derive(Default)]
pub struct KeyValue {
    state: Mutex<State>,
    latency: Duration,
}

#[derive(Default)]
struct State {
    values: BTreeMap<String, Vec<u8>>,
    poisoned: bool,
    calls: u64,
    crash: Option<Crash>,
}

/// The instance that makes the call numbered `call` (counting all, from 0) dies of it.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// Which call.
    pub call: u64,
    /// Whether the call took effect first.
    pub after: bool,
}

/// Ends the calling instance, as a panic in the host does.
#[derive(Debug)]
pub(crate) struct Panic(pub(crate) &'static str);

pub(crate) const POISONED: Panic = Panic("the key-value store's lock is poisoned");
const CRASHED: Panic = Panic("crashed on purpose");

impl KeyValue {
    /// An empty store, each call of which takes `latency`.
    pub fn new(latency: Duration) -> Self {
        Self { latency, ..Self::default() }
    }

    /// Fills the store with what [`save`](Self::save) wrote.
    pub fn load(&self, path: &Path) -> anyhow::Result<()> {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        self.lock().values = decode(&bytes).with_context(|| format!("{} is not a snapshot", path.display()))?;
        Ok(())
    }

    /// Writes everything to a file, whole or not at all.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        for (key, value) in &self.lock().values {
            for part in [key.as_bytes(), value] {
                bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        let partial = path.with_extension("partial");
        std::fs::write(&partial, bytes).with_context(|| format!("write {}", partial.display()))?;
        std::fs::rename(&partial, path).with_context(|| format!("replace {}", path.display()))
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Plans a crash, or none.
    pub fn crash(&self, crash: Option<Crash>) {
        self.lock().crash = crash;
    }

    /// Puts a value there that no component of ours would write.
    pub fn put(&self, key: &str, value: &[u8]) {
        self.lock().values.insert(key.to_owned(), value.to_owned());
    }

    /// What is there, past all faults.
    pub fn peek(&self, key: &str) -> Option<Vec<u8>> {
        self.lock().values.get(key).cloned()
    }

    /// Whether the store died of an `increment`.
    pub fn is_poisoned(&self) -> bool {
        self.lock().poisoned
    }

    /// The time a call takes. Without latency others get their turn, so that calls interleave in any case.
    pub(crate) async fn pause(&self) {
        if self.latency.is_zero() {
            let mut yielded = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut yielded, true) {
                    return std::task::Poll::Ready(());
                }
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
        } else {
            tokio::time::sleep(self.latency).await;
        }
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Panic> {
        self.call(|state| Ok(state.values.get(key).cloned()))
    }

    pub(crate) fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Panic> {
        self.call(|state| {
            state.values.insert(key.to_owned(), value);
            Ok(())
        })
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Panic> {
        self.call(|state| {
            state.values.remove(key);
            Ok(())
        })
    }

    pub(crate) fn keys(&self) -> Result<Vec<String>, Panic> {
        self.call(|state| Ok(state.values.keys().cloned().collect()))
    }

    pub(crate) fn increment(&self, key: &str, delta: i64) -> Result<i64, Panic> {
        self.call(|state| {
            let before = match state.values.get(key) {
                None => 0,
                Some(bytes) => match bytes.as_slice().try_into() {
                    Ok(bytes) => i64::from_le_bytes(bytes),
                    Err(_) => {
                        state.poisoned = true;
                        return Err(POISONED);
                    }
                },
            };
            let after = before.wrapping_add(delta);
            state.values.insert(key.to_owned(), after.to_le_bytes().to_vec());
            Ok(after)
        })
    }

    /// `seen` is what the last `current` of the handle gave. False: somebody else was there since.
    pub(crate) fn swap(&self, key: &str, seen: Option<&[u8]>, value: Vec<u8>) -> Result<bool, Panic> {
        self.call(|state| {
            if seen.is_some() && state.values.get(key).map(Vec::as_slice) != seen {
                return Ok(false);
            }
            state.values.insert(key.to_owned(), value);
            Ok(true)
        })
    }

    fn call<T>(&self, effect: impl FnOnce(&mut State) -> Result<T, Panic>) -> Result<T, Panic> {
        let mut state = self.lock();
        if state.poisoned {
            return Err(POISONED);
        }
        let number = state.calls;
        state.calls += 1;
        match state.crash.filter(|crash| crash.call == number) {
            Some(Crash { after: false, .. }) => Err(CRASHED),
            Some(Crash { after: true, .. }) => effect(&mut state).and(Err(CRASHED)),
            None => effect(&mut state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // `poisoned` in the state is the poison that is modelled.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decode(mut bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut part = || {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (content, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        bytes = rest;
        Some((content.to_vec(), rest.is_empty()))
    };
    let mut values = BTreeMap::new();
    let mut done = false;
    while !done {
        let Some((key, _)) = part() else { return values.is_empty().then_some(values) };
        let (value, last) = part()?;
        values.insert(String::from_utf8(key).ok()?, value);
        done = last;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_from_an_absent_key_overwrites_whatever_came_meanwhile() {
        let store = KeyValue::default();
        store.set("k", b"theirs".to_vec()).unwrap();
        assert!(store.swap("k", None, b"mine".to_vec()).unwrap());
        assert_eq!(store.peek("k").as_deref(), Some(&b"mine"[..]));
    }

    #[test]
    fn a_swap_from_a_present_key_is_exact() {
        let store = KeyValue::default();
        store.set("k", b"1".to_vec()).unwrap();
        assert!(!store.swap("k", Some(b"0"), b"2".to_vec()).unwrap());
        assert!(store.swap("k", Some(b"1"), b"2".to_vec()).unwrap());
    }

    #[test]
    fn an_increment_of_anything_but_eight_bytes_takes_the_store_down() {
        let store = KeyValue::default();
        assert_eq!(store.increment("n", 0).unwrap(), 0);
        assert_eq!(store.peek("n").as_deref(), Some(&[0; 8][..]));
        store.set("k", b"text".to_vec()).unwrap();
        assert!(store.increment("k", 1).is_err());
        assert!(store.get("n").is_err(), "and every later call fails");
    }

    #[test]
    fn a_snapshot_holds_everything() {
        let path = std::env::temp_dir().join(format!("spin-host-{}", std::process::id()));
        let store = KeyValue::default();
        store.save(&path).unwrap();
        store.load(&path).expect("an empty one too");
        store.put("a", b"1");
        store.put("b", b"");
        store.save(&path).unwrap();
        let other = KeyValue::default();
        other.load(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((other.peek("a").as_deref(), other.peek("b").as_deref()), (Some(&b"1"[..]), Some(&b""[..])));
    }
}
