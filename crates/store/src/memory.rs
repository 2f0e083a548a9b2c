//! A store in memory, shared between clones, that fails, crashes and dawdles when told to.
//!
//! A crash keeps what was written (each call is atomic and ordered) and refuses every later call until
//! [`reopen`](MemoryStore::reopen). [`Fault`]s are scheduled by the number of the call, counted from 0 since the last
//! reopen, so that a test can first count an operation's calls and then die at each of them.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::store::{Store, StoreError, check_sizes};

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call does nothing and answers an error; later calls work.
    Fail,
    /// The call takes effect and yet answers an error, like a connection cut before the answer.
    FailAfter,
    /// The process dies before the call takes effect.
    CrashBefore,
    /// The process dies after the call took effect, before its answer.
    CrashAfter,
}

/// The store. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    values: BTreeMap<String, Vec<u8>>,
    heads: BTreeMap<String, u64>,
    faults: HashMap<usize, Fault>,
    calls: usize,
    /// Bytes of values read and written.
    read: usize,
    written: usize,
    crashed: bool,
    /// Whether each call lets others run first: then operations interleave at every call.
    yielding: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every call give way to the other tasks of its executor once.
    pub fn yielding(self) -> Self {
        self.lock().yielding = true;
        self
    }

    /// Schedules a fault at the `call`th call since the last reopen.
    pub fn fault_at(&self, call: usize, fault: Fault) {
        self.lock().faults.insert(call, fault);
    }

    /// Forgets faults and the crash, starts counting calls anew; the content stays.
    pub fn reopen(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        (inner.calls, inner.read, inner.written) = (0, 0, 0);
        inner.crashed = false;
    }

    /// Calls since the last reopen.
    pub fn calls(&self) -> usize {
        self.lock().calls
    }

    /// Bytes of values read and written since the last reopen.
    pub fn traffic(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.read, inner.written)
    }

    /// All keys, heads included.
    pub fn keys(&self) -> Vec<String> {
        let inner = self.lock();
        inner.values.keys().chain(inner.heads.keys()).cloned().collect()
    }

    /// A copy with the same content and no faults.
    pub fn fork(&self) -> MemoryStore {
        let inner = self.lock();
        let copy = Inner { values: inner.values.clone(), heads: inner.heads.clone(), ..Inner::default() };
        MemoryStore { inner: Arc::new(Mutex::new(copy)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T>(&self, effect: impl FnOnce(&mut Inner) -> T) -> Result<T, StoreError> {
        if self.lock().yielding {
            GiveWay(false).await;
        }
        let mut inner = self.lock();
        let number = inner.calls;
        inner.calls += 1;
        if inner.crashed {
            return Err(StoreError::Unavailable("the process is dead".into()));
        }
        let fault = inner.faults.get(&number).copied();
        match fault {
            None => Ok(effect(&mut inner)),
            Some(Fault::Fail) => Err(StoreError::Unavailable("injected failure".into())),
            Some(Fault::FailAfter) => {
                effect(&mut inner);
                Err(StoreError::Unavailable("injected failure after the effect".into()))
            }
            Some(Fault::CrashBefore) => {
                inner.crashed = true;
                Err(StoreError::Unavailable("injected crash".into()))
            }
            Some(Fault::CrashAfter) => {
                effect(&mut inner);
                inner.crashed = true;
                Err(StoreError::Unavailable("injected crash".into()))
            }
        }
    }
}

impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_sizes(key, &[])?;
        self.call(|inner| {
            let value = inner.values.get(key).cloned();
            inner.read += value.as_ref().map_or(0, Vec::len);
            value
        })
        .await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        check_sizes(key, value)?;
        self.call(|inner| {
            inner.written += value.len();
            inner.values.insert(key.into(), value.into())
        })
        .await
        .map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        check_sizes(key, &[])?;
        self.call(|inner| inner.values.remove(key)).await.map(drop)
    }

    async fn read_head(&self, key: &str) -> Result<u64, StoreError> {
        check_sizes(key, &[])?;
        self.call(|inner| inner.heads.get(key).copied().unwrap_or(0)).await
    }

    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, StoreError> {
        check_sizes(key, &[])?;
        assert_ne!(next, 0, "0 stands for a head that was never swapped");
        self.call(|inner| {
            let head = inner.heads.entry(key.into()).or_insert(0);
            let swapped = *head == current;
            if swapped {
                *head = next;
            }
            swapped
        })
        .await
    }
}

struct GiveWay(bool);

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
