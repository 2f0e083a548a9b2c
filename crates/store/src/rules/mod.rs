//! What a type says of its entities: whom they are for, how much of their history is kept, and what their values must be.
//!
//! A type is the entity `type:{kind}` (docs/protocol.md, "Types"). [`Rules`] are what its value says, ready to be asked many
//! times: the schema in them is compiled once. Where a type has no entity, or its value leaves something out, the rules
//! that are built in hold.
//!
//! | module | what |
//! |---|---|
//! | `definition` | reading the value of a type, and saying what is wrong with it |
//! | `schema` | JSON Schema 2020-12: compiling and checking |
//! | `plain` | a value as JSON has it, which is what a schema speaks of |
//!
//! Nothing here panics, and nothing here takes more time or memory than its bounds say, whatever schema and value are.

mod definition;
mod plain;
mod schema;
#[cfg(test)]
mod tests;

use timeweft_core::diff::Identity;
use timeweft_core::operation::{Policy, Violation};
use timeweft_core::value::Value;

use definition::Definition;
use schema::Schema;

/// What is told of a value or a definition at most.
const MOST_VIOLATIONS: usize = 20;

/// What a type says of its entities.
pub struct Rules {
    /// Whom they are for.
    pub policy: Policy,
    /// In microseconds: of the versions that one person makes within it, history keeps the last. 0 keeps every version.
    pub granularity: u64,
    /// Whether history leaves out `previousValues`.
    pub suppress_previous_values: bool,
    /// What tells the elements of arrays in its values apart.
    pub identity: Identity,
    schema: Option<Schema>,
    /// Whether the entities are themselves definitions.
    defines: bool,
}

impl Rules {
    /// The rules of a type that has no entity.
    pub fn built_in(kind: &str) -> Rules {
        let policy = match kind {
            "note" | "type" => Policy::SignedIn,
            "org" => Policy::Org,
            _ => Policy::Owner,
        };
        Rules {
            policy,
            granularity: 0,
            suppress_previous_values: false,
            identity: Identity::default(),
            schema: None,
            defines: kind == "type",
        }
    }

    /// The rules in the value of the entity `type:{kind}`; what it leaves out is as in [`built_in`](Rules::built_in).
    ///
    /// `person`, `type` and `org` keep their policies whatever is said of them: a person is their own, whoever could change
    /// definitions could change everybody's rights, and an organisation says itself who may change it.
    ///
    /// # Errors
    /// What is wrong with the value. None of those that [`check`](Rules::check) lets pass for the kind `type` is refused.
    pub fn read(kind: &str, value: &Value) -> Result<Rules, Vec<Violation>> {
        let Definition { policy, granularity, suppress_previous_values, schema, identity } = Definition::read(value)?;
        let mut rules = Rules::built_in(kind);
        if !matches!(kind, "person" | "type" | "org") {
            rules.policy = policy.unwrap_or(rules.policy);
        }
        rules.granularity = granularity.unwrap_or(rules.granularity);
        rules.suppress_previous_values = suppress_previous_values.unwrap_or(rules.suppress_previous_values);
        rules.identity = identity.unwrap_or(rules.identity);
        rules.schema = schema;
        Ok(rules)
    }

    /// Whether [`check`](Rules::check) can refuse anything: asking it takes the whole value.
    pub fn checks_values(&self) -> bool {
        self.defines || self.schema.is_some()
    }

    /// Whether an entity of this type may have this value.
    ///
    /// # Errors
    /// What is wrong with it, at most 20 things.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.defines {
            Definition::read(value)?;
        }
        match &self.schema {
            Some(schema) => schema.check(&plain::of(value)),
            None => Ok(()),
        }
    }
}
