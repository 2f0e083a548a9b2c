//! All replicas of one person in one browser, over one connection.

use super::local::Edit;
use super::request::Ids;
use super::series::{self, Edited};
use super::{Effect, Outcome, Policy, Replica};
use crate::id::EntityId;
use crate::limits::TRUSTED;
use crate::message::{Format, Push, Response};
use crate::prelude::*;

/// Milliseconds without a word about an entity after which it is asked for, at least.
const QUIET: f64 = 25_000.0;
/// With many entities, so many are asked for a second.
const ASKED_PER_SECOND: f64 = 2.0;

/// The replicas, sorted by entity.
#[derive(Debug, Default)]
pub struct Browser {
    ids: Ids,
    person: String,
    connected: bool,
    replicas: Vec<(String, Box<Replica>)>,
}

impl Browser {
    /// Of this person. `instance` is random: it keeps apart the changes of two runs.
    pub fn new(instance: &str, person: &str) -> Browser {
        let ids = Ids::new(instance);
        Browser { ids, person: person.to_owned(), connected: false, replicas: Vec::new() }
    }

    /// Whether this entity is in memory.
    pub fn holds(&self, entity: &str) -> bool {
        self.find(entity).is_ok()
    }

    fn find(&self, entity: &str) -> Result<usize, usize> {
        self.replicas.binary_search_by(|(known, _)| known.as_str().cmp(entity))
    }

    fn get(&mut self, entity: &str) -> Option<&mut Replica> {
        let at = self.find(entity).ok()?;
        self.replicas.get_mut(at).map(|(_, replica)| &mut **replica)
    }

    fn entities(&self) -> Vec<String> {
        self.replicas.iter().map(|(name, _)| name.clone()).collect()
    }

    /// How many changes are kept that a tab has not seen.
    #[cfg(test)]
    pub(super) fn unseen(&self, entity: &str, tab: &str) -> usize {
        let tabs = self.find(entity).into_iter().flat_map(|at| &self.replicas[at].1.tabs);
        tabs.filter(|known| known.name == tab).map(|tab| tab.unseen.len()).sum()
    }

    /// Takes in what the disk has, if anything, before the first tab joins. It stays in memory until a tab has left it.
    /// What is no entity's name is not taken.
    pub fn load(&mut self, entity: &str, snapshot: Option<&[u8]>, journal: Option<&[u8]>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Ok(id) = EntityId::parse(entity) else { return effects };
        let Err(at) = self.find(entity) else { return effects };
        let mut replica = Replica::new(id.clone(), &self.person);
        if replica.restore(snapshot, journal).is_err() {
            replica = Replica::new(id, &self.person);
        }
        replica.heard = self.ids.now;
        if self.connected {
            replica.connect();
        }
        replica.settle(&mut self.ids, &mut effects);
        self.replicas.insert(at, (entity.to_owned(), Box::new(replica)));
        effects
    }

    /// A tab shows the entity.
    pub fn join(&mut self, entity: &str, tab: &str) -> Vec<Effect> {
        self.on(entity, |replica, effects| {
            replica.tab(tab);
            replica.show_whole(Some(tab.to_owned()), effects);
            replica.last_state.clear();
        })
    }

    /// A tab shows the entity no more. With the last one the server is told; once nothing is unsent it is forgotten.
    pub fn leave(&mut self, entity: &str, tab: &str) -> Vec<Effect> {
        let Ok(at) = self.find(entity) else { return Vec::new() };
        let replica = &mut self.replicas[at].1;
        let mut effects = Vec::new();
        let shown = replica.tabs.len();
        replica.tabs.retain(|known| known.name != tab);
        if replica.tabs.is_empty() && shown > 0 {
            replica.unsubscribe(&mut self.ids, &mut effects);
        }
        effects.extend(self.on(entity, |_, _| {}));
        effects
    }

    /// A tab is closed: it leaves everything, and none of its edits will come again.
    pub fn gone(&mut self, tab: &str) -> Vec<Effect> {
        let entities = self.entities();
        let mut effects = Vec::new();
        for entity in entities {
            if let Some(replica) = self.get(&entity) {
                replica.disk.changed |= replica.ops.iter().any(|(known, _)| known == tab);
                replica.ops.retain(|(known, _)| known != tab);
            }
            effects.extend(self.leave(&entity, tab));
        }
        effects
    }

    /// What tabs did, in the order in which it came.
    pub fn edit(&mut self, entity: &str, edits: Vec<Edited>) -> Vec<Effect> {
        self.on(entity, |replica, effects| {
            for row in series::by_tab(edits) {
                replica.edit(row, effects);
            }
        })
    }

    /// An edit of a tab with the value that its patch was made on.
    pub fn edit_from(
        &mut self,
        entity: &str,
        tab: &str,
        op: u32,
        merge: bool,
        base: &[u8],
        patch: &[u8],
    ) -> Vec<Effect> {
        self.on(entity, |replica, effects| replica.edit_from(&Edit { tab, op, merge }, base, patch, effects))
    }

    /// What to do where both touched the same place.
    pub fn set_policy(&mut self, entity: &str, policy: Policy) {
        if let Some(replica) = self.get(entity) {
            replica.policy = policy;
        }
    }

    /// The server can be reached.
    pub fn connected(&mut self) -> Vec<Effect> {
        self.connected = true;
        self.on_all(|replica| replica.connect())
    }

    /// It can't any more.
    pub fn disconnected(&mut self) -> Vec<Effect> {
        self.connected = false;
        self.on_all(|replica| replica.disconnect())
    }

    /// Any frame from the server, or the body of an answer to `POST /message`.
    pub fn receive(&mut self, frame: &[u8]) -> (Outcome, Vec<Effect>) {
        let now = self.ids.now;
        let mut outcome = Outcome::Ignored;
        let effects = if let Ok(push) = Push::decode(frame, Format::Cbor, &TRUSTED) {
            let entity = push.entity_id.as_str().to_owned();
            self.on(&entity, |replica, effects| {
                let wanted = !replica.tabs.is_empty() || !replica.is_settled();
                if wanted {
                    outcome = replica.pushed(push, now, effects);
                }
            })
        } else if let Ok(response) = Response::decode(frame, Format::Cbor, &TRUSTED)
            && let Some(id) = response.id
            && let Some(entity) = self.replicas.iter().find(|(_, replica)| replica.answers(id)).map(|(name, _)| name)
        {
            let entity = entity.clone();
            self.on(&entity, |replica, effects| outcome = replica.answered(response, now, effects))
        } else {
            Vec::new()
        };
        (outcome, effects)
    }

    /// Milliseconds of any clock that does not go back, about once a second.
    pub fn tick(&mut self, now: f64) -> Vec<Effect> {
        self.ids.now = now;
        let quiet = QUIET.max(self.replicas.len() as f64 / ASKED_PER_SECOND * 1_000.0);
        self.on_all(|replica| replica.tick(now, quiet))
    }

    /// Asks for every entity that a tab shows, where no pushes come.
    pub fn poll(&mut self) -> Vec<Effect> {
        self.on_all(|replica| replica.stale |= replica.subscribed)
    }

    /// The pause that was asked for is over.
    pub fn again(&mut self, entity: &str) -> Vec<Effect> {
        self.on(entity, |replica, _| replica.paused = false)
    }

    /// Entities with changes that are not on the server.
    pub fn unsent(&self) -> Vec<String> {
        self.replicas.iter().filter(|(_, replica)| !replica.is_settled()).map(|(name, _)| name.clone()).collect()
    }

    fn on_all(&mut self, transition: impl Fn(&mut Replica)) -> Vec<Effect> {
        let entities = self.entities();
        let mut effects = Vec::new();
        for entity in entities {
            effects.append(&mut self.on(&entity, |replica, _| transition(replica)));
        }
        effects
    }

    /// A transition of one replica, and what follows from it.
    fn on(&mut self, entity: &str, transition: impl FnOnce(&mut Replica, &mut Vec<Effect>)) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(replica) = self.get(entity) {
            transition(replica, &mut effects);
            self.settle(entity, &mut effects);
        }
        effects
    }

    fn settle(&mut self, entity: &str, effects: &mut Vec<Effect>) {
        let Ok(at) = self.find(entity) else { return };
        let replica = &mut self.replicas[at].1;
        replica.settle(&mut self.ids, effects);
        if replica.tabs.is_empty() && replica.is_settled() {
            self.replicas.remove(at);
            effects.push(Effect::Forget { entity: entity.to_owned() });
        }
    }
}
