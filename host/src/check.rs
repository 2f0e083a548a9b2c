//! `timeweft check`: reads everything in a data folder that no timeweft has open, and names what is damaged.

use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Access, Context, Failure};
use timeweft_core::time::Timestamp;
use timeweft_store::Engine;
use timeweft_store::store::{Store, StoreError};

use crate::cli::Check;
use crate::data::DataFolder;
use crate::store::{self, Session, SqliteStore, StoreOptions};

/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

/// Names on stdout what is damaged, one line each, and says on stderr how far it is. An error when anything is.
pub fn run(check: &Check) -> Result<()> {
    if !check.data.join("store.db").exists() {
        bail!("there is no store.db in {}", check.data.display());
    }
    let folder = DataFolder::open(&check.data)?;
    let store = SqliteStore::open(&folder.join("store.db"), StoreOptions::default())?;
    let entities = match &check.entity {
        Some(entity) => vec![entity.clone()],
        None => store.session()?.entities()?,
    };
    let engine = Engine::new(Stored(store.session()?.into()), || 0);
    let context = Context {
        person_id: "check".to_owned(),
        impersonator_id: None,
        now: Timestamp(0),
        access: Access::Any,
        rules: None,
        limits: TRUSTED,
    };
    let (mut versions, mut damaged, mut said) = (0, 0, Instant::now());
    for (number, entity) in entities.iter().enumerate() {
        let id = EntityId::parse(entity).with_context(|| format!("{entity:?} is no entity"))?;
        match ready(engine.check(&context, &id)) {
            Ok(count) => versions += count,
            Err(Failure::NotFound) => bail!("there is no {id}"),
            Err(failure) => {
                damaged += 1;
                println!("{id}: {failure}");
            }
        }
        if said.elapsed() > PROGRESS {
            said = Instant::now();
            eprintln!("{} of {} entities read, {damaged} damaged", number + 1, entities.len());
        }
    }
    eprintln!("{} entities with {versions} versions read, {damaged} damaged", entities.len());
    if damaged > 0 {
        bail!("{damaged} of {} entities are damaged; take them from a backup", entities.len());
    }
    Ok(())
}

/// A session as the engine's store. It is only read from.
struct Stored(std::cell::RefCell<Session>);

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

    async fn set(&self, key: &str, _: &[u8]) -> Result<(), StoreError> {
        read_only(key)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        read_only(key)
    }

    async fn swap_head(&self, key: &str, _: u64, _: u64) -> Result<bool, StoreError> {
        read_only(key).map(|()| false)
    }
}

fn read_only(key: &str) -> Result<(), StoreError> {
    Err(StoreError::Unavailable(format!("a check writes nothing, and not {key}")))
}

/// What is ready at once, as every call on this store is.
fn ready<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => Err(Failure::Unavailable("the store waits for something".to_owned())),
    }
}
