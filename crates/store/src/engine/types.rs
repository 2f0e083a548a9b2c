//! What the types of entities say: [`Rules`], read from the entity `type:{kind}` and kept as long as that stays what it is.
//!
//! Each use asks for the head of the type, eight bytes, and takes the kept rules if it has not moved: a definition holds
//! from the moment it is changed, for whoever asks any server. What is kept is nobody's in particular.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use timeweft_core::diff::Identity;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Failure, Policy};
use timeweft_core::time::Timestamp;

use super::{Engine, list};
use crate::record::Pointer;
use crate::rules::Rules;
use crate::store::Store;

/// Types whose rules are kept at most; then all are read again.
const KEPT: usize = 256;

/// The rules by type, and the pointer of the definition that they were read from (0: built in).
pub(super) type Known = RefCell<HashMap<String, (Pointer, Rc<Rules>)>>;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Whom the entities of a type are for, now.
    pub async fn policy(&self, kind: &str) -> Result<Policy, Failure> {
        Ok(self.rules(kind).await?.policy)
    }

    /// What tells the elements of arrays in entities of a type apart, now.
    pub async fn identity(&self, kind: &str) -> Result<Identity, Failure> {
        Ok(self.rules(kind).await?.identity.clone())
    }

    /// What the type says, now.
    pub(super) async fn rules(&self, kind: &str) -> Result<Rc<Rules>, Failure> {
        // What is our own has no definition.
        let definition = EntityId::new("type", kind).ok().filter(|_| list::is_listed(kind));
        let pointer = match &definition {
            Some(definition) => self.head(definition).await?,
            None => 0,
        };
        if let Some((known, rules)) = self.known.borrow().get(kind)
            && *known == pointer
        {
            return Ok(rules.clone());
        }
        let mut found = (0, Rules::built_in(kind));
        if let Some(definition) = definition.filter(|_| pointer != 0) {
            let context = list::system(Timestamp(0));
            let read = self.settle(&context, &definition, async |current, loader| {
                if current.record.entry.deleted {
                    return Ok(Some((current.pointer, Rules::built_in(kind))));
                }
                let value = self.standing(loader, &definition, &current.record).await?.whole(loader).await?;
                // Rules that can't be read are no reason to let everything pass.
                let rules = Rules::read(kind, &value).map_err(|broken| {
                    Failure::Unavailable(format!("{definition}: {}", Failure::InvalidValue(broken)))
                })?;
                Ok(Some((current.pointer, rules)))
            });
            found = read.await?;
        }
        let rules = Rc::new(found.1);
        let mut known = self.known.borrow_mut();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(kind.to_owned(), (found.0, rules.clone()));
        Ok(rules)
    }
}
