//! Who may do what (contract section 7).
//!
//! | type | policy |
//! |---|---|
//! | `note` | signed-in: whoever has a session |
//! | `person` | owner, and the only one a person can have is `person:{their id}` |
//! | `tw-…` | the router's own: nobody |
//! | any other | owner: whoever made it; to others it is not there |
//!
//! What only its owner may read must not reach others by push either, also not those who subscribed before it was made:
//! each owner has a channel of their own for it ([`Right::channel_name`]).

use timeweft_core::id::EntityId;
use timeweft_core::operation::{Access, Failure};

use crate::internal::SYSTEM;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// They may not even know of it.
    Hidden,
    /// They may know, and not do this.
    Forbidden,
}

/// What a person may do with an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) access: Access,
}

impl Right {
    /// What follows the format in the name of the channel on which this person hears of the entity.
    pub(crate) fn channel_name(self, entity: &EntityId, person: &str) -> String {
        match self.access {
            Access::Any => entity.to_string(),
            Access::Creator => format!("{entity}@{person}"),
        }
    }
}

/// Whether the type is the router's own.
pub(crate) fn is_reserved(kind: &str) -> bool {
    kind.starts_with("tw-")
}

/// The right of `person` to an entity; `making` is true when they want to make it.
pub(crate) fn right(entity: &EntityId, person: &str, making: bool) -> Result<Right, Denied> {
    let refusal = if making { Denied::Forbidden } else { Denied::Hidden };
    if is_reserved(entity.kind()) || person == SYSTEM {
        return Err(refusal);
    }
    match entity.kind() {
        "note" => Ok(Right { access: Access::Any }),
        "person" if entity.local() != person => Err(refusal),
        _ => Ok(Right { access: Access::Creator }),
    }
}

impl From<Denied> for Failure {
    fn from(_: Denied) -> Failure {
        Failure::NotFound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str, making: bool) -> Result<Access, Denied> {
        right(&EntityId::parse(id).unwrap(), "ann", making).map(|right| right.access)
    }

    #[test]
    fn each_type_has_its_policy() {
        assert_eq!(of("note:1", false), Ok(Access::Any));
        assert_eq!(of("person:ann", false), Ok(Access::Creator));
        assert_eq!(of("person:bob", false), Err(Denied::Hidden));
        assert_eq!(of("person:bob", true), Err(Denied::Forbidden));
        assert_eq!(of("recipe:1", false), Ok(Access::Creator));
        assert_eq!(of("tw-code:1", false), Err(Denied::Hidden));
        assert_eq!(of("tw-anything:1", true), Err(Denied::Forbidden));
        assert_eq!(of("tw:1", true), Ok(Access::Creator));
    }

    #[test]
    fn what_is_an_owners_goes_out_on_the_owners_channel() {
        let recipe = EntityId::parse("recipe:1").unwrap();
        assert_eq!(right(&recipe, "ann", false).unwrap().channel_name(&recipe, "ann"), "recipe:1@ann");
        let note = EntityId::parse("note:1").unwrap();
        assert_eq!(right(&note, "ann", false).unwrap().channel_name(&note, "ann"), "note:1");
    }
}
