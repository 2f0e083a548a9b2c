//! What the types of entities say: [`Rules`], read from the entity `type:{kind}`.
//!
//! Each use asks for the head of the type, eight bytes, and takes the rules known from before if it has not moved: a definition
//! holds from the moment it is changed, for whoever asks any server. One request asks once: the right to it is decided
//! by the same state of the type as its change is checked by ([`Context::rules`]).

use std::rc::Rc;

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Context, Failure, TypeRules};
use timeweft_core::time::Timestamp;

use super::own;
use super::settle::Engine;
use crate::key::Pointer;
use crate::rules::Rules;
use crate::store::Store;

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// What a type says of its entities, now.
    pub async fn type_rules(&self, kind: &str) -> Result<TypeRules, Failure> {
        let (revision, rules) = self.rules_now(kind).await?;
        Ok(TypeRules { policy: rules.policy, identity: rules.identity.clone(), revision })
    }

    /// What it said when the caller's right was decided, if that is still known, else now.
    pub(super) async fn rules(&self, context: &Context, kind: &str) -> Result<Rc<Rules>, Failure> {
        match context.rules.and_then(|revision| self.known.get(kind, revision)) {
            Some(rules) => Ok(rules),
            None => Ok(self.rules_now(kind).await?.1),
        }
    }

    async fn rules_now(&self, kind: &str) -> Result<(Pointer, Rc<Rules>), Failure> {
        // What is our own has no definition.
        let definition = EntityId::new("type", kind).ok().filter(|_| own::is_listed(kind));
        let pointer = match &definition {
            Some(definition) => self.head(definition).await?,
            None => 0,
        };
        if let Some(rules) = self.known.get(kind, pointer) {
            return Ok((pointer, rules));
        }
        let mut found = (0, Rules::built_in(kind));
        if let Some(definition) = definition.filter(|_| pointer != 0) {
            let context = own::system(Timestamp(0));
            let read = self.settle(&context, &definition, async |current, loader| {
                if current.record.entry.deleted {
                    return Ok(Some((current.pointer, Rules::built_in(kind))));
                }
                let value = self.state(loader, &definition, &current.record).await?.whole(loader).await?;
                // Rules that can't be read are no reason to let everything pass.
                let rules = Rules::read(kind, &value).map_err(|broken| {
                    Failure::Unavailable(format!("{definition}: {}", Failure::InvalidValue(broken)))
                })?;
                Ok(Some((current.pointer, rules)))
            });
            found = read.await?;
        }
        let (pointer, rules) = (found.0, Rc::new(found.1));
        self.known.put(kind, pointer, rules.clone());
        Ok((pointer, rules))
    }
}
