//! The entity engine on a data folder in this process, without the component: for what is done before the server runs, or instead.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Access, Context, Failure};
use timeweft_core::time::Timestamp;
use timeweft_store::Engine;
use timeweft_store::store::{Store, StoreError};

use crate::store::{self, Session};

/// In whose name.
const SYSTEM: &str = "system";

/// A session as the engine's store.
pub(crate) struct Stored(Rc<RefCell<Session>>);

/// The engine on it.
pub(crate) type Local = Engine<Stored, fn() -> u32>;

/// The engine on a session, which can be looked at afterwards.
pub(crate) fn engine(session: &Rc<RefCell<Session>>) -> Local {
    Engine::new(Stored(session.clone()), nonce as fn() -> u32)
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

/// Tells records of one version apart that were written at different times.
fn nonce() -> u32 {
    now() as u32
}

/// For everything, now.
pub(crate) fn context() -> Context {
    Context {
        person_id: SYSTEM.to_owned(),
        impersonator_id: None,
        now: Timestamp(now() as u64),
        access: Access::Any,
        rules: None,
        limits: TRUSTED,
    }
}

fn unavailable(error: store::StoreError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

impl Store for Stored {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.borrow_mut().get(key).map_err(unavailable)?.map(Vec::from))
    }

    async fn read_head(&self, key: &str) -> Result<u64, StoreError> {
        self.0.borrow_mut().read_head(key).map_err(unavailable)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.borrow_mut().set(key, value.to_vec()).map_err(unavailable)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.borrow_mut().delete(key).map_err(unavailable)
    }

    async fn swap_head(&self, key: &str, current: u64, next: u64) -> Result<bool, StoreError> {
        self.0.borrow_mut().swap_head(key, current, next).map_err(unavailable)
    }
}

/// What is ready at once, as every call on this store is.
pub(crate) fn ready<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => Err(Failure::Unavailable("the store waits for something".to_owned())),
    }
}
