//! What was read already and is kept as long as it stays what it is: rules of types, and organisations, of which the next version is made
//! of the one before. Neither is anybody's in particular, and nothing depends on either being kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use timeweft_core::id::EntityId;
use timeweft_core::org::Org;
use timeweft_core::time::Timestamp;

use crate::key::Pointer;
use crate::rules::Rules;

/// Types whose rules are kept at most, and organisations; then all are read again.
const KEPT: usize = 256;

/// The rules by type, and the pointer of the definition that they were read from (0: built in).
#[derive(Default)]
pub(super) struct Known(RefCell<HashMap<String, (Pointer, Rc<Rules>)>>);

impl Known {
    /// The rules of a type whose definition is at `pointer`.
    pub(super) fn get(&self, kind: &str, pointer: Pointer) -> Option<Rc<Rules>> {
        let known = self.0.borrow();
        let (_, rules) = known.get(kind).filter(|(from, _)| *from == pointer)?;
        Some(rules.clone())
    }

    /// Keeps them.
    pub(super) fn put(&self, kind: &str, pointer: Pointer, rules: Rc<Rules>) {
        let mut known = self.0.borrow_mut();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(kind.to_owned(), (pointer, rules));
    }
}

/// Nodes and what else organisations have, of all that are kept together; beyond that, only the last one is.
const MOST: usize = 200_000;

/// Organisations by entity, and since when the version that each is is valid; none where that is no organisation.
#[derive(Default)]
pub(super) struct Orgs(RefCell<HashMap<String, (Timestamp, Option<Org>)>>);

impl Orgs {
    /// What is kept, whether it is the current version or not.
    pub(super) fn get(&self, id: &EntityId) -> Option<(Timestamp, Option<Org>)> {
        self.0.borrow().get(id.as_str()).cloned()
    }

    /// Keeps a version.
    pub(super) fn put(&self, id: &EntityId, version: Timestamp, org: Option<Org>) {
        let size = |org: &Option<Org>| org.as_ref().map_or(0, Org::size);
        let mut known = self.0.borrow_mut();
        known.remove(id.as_str());
        if known.len() >= KEPT || known.values().map(|(_, org)| size(org)).sum::<usize>() + size(&org) > MOST {
            known.clear();
        }
        known.insert(id.as_str().to_owned(), (version, org));
    }
}
