//! `timeweft check`: reads everything in a data folder that no timeweft has open, and names what is damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use timeweft_core::id::EntityId;
use timeweft_store::key::{head_key, version_of};

use crate::cli::Check;
use crate::data::DataFolder;
use crate::local::{self, ready};
use crate::store::{Session, SqliteStore, StoreOptions};

/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

/// Names on stdout what is damaged, one line each, and says on stderr how far it is. An error when anything is.
pub fn run(check: &Check) -> Result<()> {
    if !check.data.join("store.db").exists() {
        bail!("there is no store.db in {}", check.data.display());
    }
    let folder = DataFolder::open(&check.data)?;
    let store = SqliteStore::open(&folder.join("store.db"), StoreOptions::default())?;
    let mut session = store.session()?;
    session.begin_read_only();
    let mut faults = Faults(0);
    let entities = match &check.entity {
        Some(entity) => BTreeSet::from([entity.clone()]),
        None => faults.of_database(&mut session),
    };
    let versions = faults.of_entities(session, &entities);
    eprintln!("{} entities with {versions} versions read, {} faults", entities.len(), faults.0);
    if faults.0 > 0 {
        bail!("what is named is damaged; take it from a backup");
    }
    Ok(())
}

/// How many were named.
struct Faults(usize);

impl Faults {
    fn name(&mut self, what: &str, why: &str) {
        self.0 += 1;
        println!("{what}: {why}");
    }

    /// What is wrong with how the database finds things: to who reads an entity, what is lost by that was never there. The entities
    /// that have a head.
    fn of_database(&mut self, session: &mut Session) -> BTreeSet<String> {
        const FILE: &str = "store.db";
        match session.damage() {
            Ok(found) => found.iter().for_each(|line| self.name(FILE, line)),
            Err(error) => self.name(FILE, &error.to_string()),
        }
        let is_sound = self.0 == 0;
        let mut entities = BTreeSet::new();
        match session.entities() {
            Ok(found) => entities.extend(found),
            Err(error) => self.name(FILE, &error.to_string()),
        }
        let mut headless = BTreeMap::<String, u64>::new();
        let read = session.records(|key| {
            if let Some((entity, version)) = of_record(key).filter(|(entity, _)| !entities.contains(*entity)) {
                let latest = headless.entry(entity.to_owned()).or_default();
                *latest = version.max(*latest);
            }
        });
        if let Err(error) = read {
            self.name(FILE, &error.to_string());
        }
        // One by one they can be there when not all can be listed.
        for entity in headless.keys() {
            if session.read_head(&head_key(entity)).is_ok_and(|head| head > 0) {
                entities.insert(entity.clone());
            }
        }
        headless.retain(|entity, _| !entities.contains(entity));
        // A first version without a head is also what a server leaves that was killed before it made the head.
        headless.retain(|_, version| *version > 1 || !is_sound);
        for (entity, version) in headless {
            self.name(&entity, &format!("version {version} is there, and the head that led to it is lost"));
        }
        entities
    }

    /// What is not as it was written; how many versions were read.
    fn of_entities(&mut self, session: Session, entities: &BTreeSet<String>) -> u64 {
        let engine = local::engine(&Rc::new(session.into()));
        let context = local::context();
        let (mut versions, mut said) = (0, Instant::now());
        for (number, entity) in entities.iter().enumerate() {
            let read = match EntityId::parse(entity) {
                Ok(id) => ready(engine.check(&context, &id)).map_err(|failure| failure.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match read {
                Ok(count) => versions += count,
                Err(why) => self.name(entity, &why),
            }
            if said.elapsed() > PROGRESS {
                said = Instant::now();
                eprintln!("{} of {} entities read, {} faults", number + 1, entities.len(), self.0);
            }
        }
        versions
    }
}

/// The entity and the version of a commit record's key.
fn of_record(key: &str) -> Option<(&str, u64)> {
    let (entity, pointer) = key.strip_prefix("c:")?.rsplit_once(':')?;
    Some((entity, version_of(u64::from_str_radix(pointer, 16).ok()?)))
}
