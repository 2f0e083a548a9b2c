//! Rules of types that were read already, kept as long as the definitions stay what they are. They are nobody's in particular.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::key::Pointer;
use crate::rules::Rules;

/// Types whose rules are kept at most; then all are read again.
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
