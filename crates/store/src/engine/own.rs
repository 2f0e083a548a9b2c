//! What is the engine's own: entities of types that begin with `tw-`, and changes in nobody's name.

use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Access, Context};
use timeweft_core::time::Timestamp;

/// In whose name the engine changes what is its own.
const SYSTEM: &str = "system";

/// Whether entities of this type are listed and have definitions: those that we keep for ourselves have not.
pub(super) fn is_listed(kind: &str) -> bool {
    !kind.starts_with("tw-")
}

/// To read and change it with.
pub(super) fn system(now: Timestamp) -> Context {
    Context { person_id: SYSTEM.into(), impersonator_id: None, now, access: Access::Any, rules: None, limits: TRUSTED }
}
