//! Which entities of a type there are.
//!
//! A type's entities are the members of its index: 64 entities `tw-index:{type}-{p}-{i}`, where `p` comes from who made the
//! entity and `i` from its id, so that those of one person are in eight of them. A member is named `{id}.{personId}` and
//! holds when it was added.
//!
//! An entity is added **before** it is made: whatever crashes, nothing is there that is not listed. What is listed and
//! not there (the maker crashed, or somebody else made it first) is left out when it is met, and removed once nobody can
//! still be about to make it. Deleted entities stay in the index and are left out of lists.

use sha2::{Digest, Sha256};
use timeweft_core::diff::Patch;
use timeweft_core::diff::lazy::Part;
use timeweft_core::id::EntityId;
use timeweft_core::members::Members;
use timeweft_core::operation::{Access, Context, Failure, List, Listed, Listing};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::change::{Edit, Terms};
use super::own::{is_listed, system};
use super::settle::Engine;
use crate::store::Store;

/// Ways to part the makers, and the ids.
const PARTS: u8 = 8;

/// Members looked at for one page at most, beyond those asked for: a page then ends early.
const LOOKED_AT: usize = 200;

/// Members loaded at a time, about.
const MEMBERS: usize = 200;

/// Members that lead nowhere removed for one page at most.
const REMOVED: usize = 8;

/// For so long whoever added a member may still be about to make the entity, in microseconds.
const PATIENCE: u64 = 3_600_000_000;

fn part(text: &str) -> u8 {
    Sha256::digest(text)[0] % PARTS
}

fn index(kind: &str, person: u8, id: u8) -> Result<EntityId, Failure> {
    EntityId::new("tw-index", &format!("{kind}-{person}-{id}")).map_err(|error| Failure::BadRequest(error.to_string()))
}

fn member(id: &str, person: &str) -> String {
    format!("{id}.{person}")
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Adds what `context` is about to make.
    pub(super) async fn index_add(&self, context: &Context, id: &EntityId) -> Result<(), Failure> {
        let name = member(id.local(), &context.person_id);
        let change = Patch::Value(Value::Number(context.now.0 as f64));
        self.index_change(context.now, id, &context.person_id, name, change).await
    }

    /// Takes off what `person` was about to make and somebody else made.
    pub(super) async fn index_remove(&self, now: Timestamp, id: &EntityId, person: &str) -> Result<(), Failure> {
        self.index_change(now, id, person, member(id.local(), person), Patch::Remove).await
    }

    async fn index_change(
        &self,
        now: Timestamp,
        id: &EntityId,
        person: &str,
        name: String,
        change: Patch,
    ) -> Result<(), Failure> {
        let index = index(id.kind(), part(person), part(id.local()))?;
        let context = system(now);
        loop {
            let current = self.settle(&context, &index, async |current, _| Ok(Some(current.record.entry.valid_from)));
            let since = match current.await {
                Ok(valid_from) => Some(Timestamp(valid_from)),
                Err(Failure::NotFound) => {
                    let first = Value::Object(Members::from([(name.clone(), Value::Number(now.0 as f64))]));
                    match change == Patch::Remove || self.create(&context, &index, &first).await? {
                        true => return Ok(()),
                        false => continue,
                    }
                }
                Err(failure) => return Err(failure),
            };
            let edit = Edit::Patch(Patch::Map(Members::from([(name.clone(), change.clone())])));
            return match self.change(&context, &index, edit, Terms::since(since)).await {
                // Somebody else changed the same member: they may have removed what is to be added.
                Err(Failure::Conflict(..)) if change != Patch::Remove => continue,
                Ok(_) | Err(Failure::Conflict(..)) => Ok(()),
                Err(failure) => Err(failure),
            };
        }
    }

    /// A page of the entities of a type that are not deleted; with [`Access::Creator`] of the caller's own.
    pub async fn list(&self, context: &Context, list: List) -> Result<Listing, Failure> {
        let (kind, limit) = (&list.kind, list.limit);
        EntityId::new(kind, "x").map_err(|error| Failure::BadRequest(error.to_string()))?;
        if !is_listed(kind) {
            return Ok(Listing::default());
        }
        let (mut number, mut after) = match &list.cursor {
            None => (0, String::new()),
            Some(cursor) => place(cursor)?,
        };
        let own = (context.access == Access::Creator).then(|| part(&context.person_id));
        let mut page = Listing::default();
        let (mut looked_at, mut removed) = (0, 0);
        while number < PARTS * PARTS {
            let (person_part, id_part) = (number / PARTS, number % PARTS);
            if own.is_some_and(|own| own != person_part) {
                number += 1;
                after.clear();
                continue;
            }
            let index = index(kind, person_part, id_part)?;
            loop {
                let members = self.members_after(&index, &after).await?;
                if members.is_empty() {
                    break;
                }
                for (name, added) in members {
                    if page.entities.len() >= limit as usize || looked_at >= limit as usize + LOOKED_AT {
                        page.cursor = Some(format!("{number}.{after}"));
                        return Ok(page);
                    }
                    after.clone_from(&name);
                    let Some((local, person)) = name.split_once('.') else { continue };
                    if own.is_some() && person != context.person_id {
                        continue;
                    }
                    looked_at += 1;
                    let id = EntityId::new(kind, local).map_err(|error| Failure::Unavailable(error.to_string()))?;
                    match self.listed(&id).await? {
                        Some((maker, listed)) if maker == person => page.entities.extend(listed),
                        _ if removed < REMOVED && context.now.0.saturating_sub(added) > PATIENCE => {
                            removed += 1;
                            self.index_remove(context.now, &id, person).await?;
                        }
                        _ => {}
                    }
                }
            }
            number += 1;
            after.clear();
        }
        Ok(page)
    }

    /// Who made the entity, and how it is listed unless it is deleted; `None` if it is not there.
    async fn listed(&self, id: &EntityId) -> Result<Option<(String, Option<Listed>)>, Failure> {
        let context = system(Timestamp(0));
        let found = self.settle(&context, id, async |current, _| {
            let (record, entry) = (&current.record, &current.record.entry);
            let listed = (!entry.deleted).then(|| Listed {
                entity_id: id.to_string(),
                valid_from: Timestamp(entry.valid_from),
                person_id: entry.person_id.clone(),
            });
            Ok(Some((record.creator.clone(), listed)))
        });
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::NotFound) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Some members of an index after the one named, in order, and when each was added; none when there are no more.
    async fn members_after(&self, index: &EntityId, after: &str) -> Result<Vec<(String, u64)>, Failure> {
        let context = system(Timestamp(0));
        let found = self.settle(&context, index, async |current, loader| {
            let state = self.state(loader, index, &current.record).await?;
            let members = match state.part(loader).await? {
                Part::Branch(branch) => branch.members_after(after, MEMBERS).await?,
                Part::Value(Value::Object(members)) => {
                    members.into_iter().filter(|(name, _)| name.as_str() > after).collect()
                }
                _ => Vec::new(),
            };
            let time = |added: Value| if let Value::Number(at) = added { at as u64 } else { 0 };
            let members = members.into_iter().map(|(name, added)| (name, time(added))).collect();
            Ok(Some(members))
        });
        match found.await {
            Err(Failure::NotFound) => Ok(Vec::new()),
            found => found,
        }
    }
}

/// Which index a cursor stands in, and after which member.
fn place(cursor: &str) -> Result<(u8, String), Failure> {
    let bad = || Failure::BadRequest("`cursor` is what an earlier page gave, or absent".into());
    let (number, after) = cursor.split_once('.').ok_or_else(bad)?;
    let number = number.parse().ok().filter(|number| *number < PARTS * PARTS).ok_or_else(bad)?;
    Ok((number, after.to_owned()))
}
