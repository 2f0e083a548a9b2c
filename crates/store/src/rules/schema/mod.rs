//! JSON Schema, draft 2020-12: all keywords that assert something or lead to other schemas, within one schema.
//!
//! | module | what |
//! |---|---|
//! | [`compile`] | from a schema's value to [`Node`]s, or what is wrong with it |
//! | [`check`] | a value against the nodes |
//! | [`pattern`], [`number`] | regular expressions; numbers, compared and divided exactly |
//!
//! A schema's subschemas are nodes in one list and refer to each other by index, so that recursive ones are ordinary.
//! Nothing is fetched: a `$ref` leads to a place in the schema itself. `format` and `content…` say what is meant and
//! assert nothing, as the draft has it by default. Bounded are the schema (bytes, levels, subschemas, patterns), the levels
//! and the steps of a check, and what is told of it.

mod check;
mod compile;
mod number;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use timeweft_core::operation::Violation;
use timeweft_core::value::Value;

use pattern::Pattern;

/// A schema, compiled.
pub(super) struct Schema {
    /// The first is the schema itself.
    nodes: Vec<Node>,
    /// Whether some keyword asks what others have looked at (`unevaluated…`).
    follows: bool,
}

impl Schema {
    /// Compiles; what is wrong is told with its place, which begins with `prefix`.
    pub(super) fn compile(value: &Value, prefix: &str) -> Result<Schema, Vec<Violation>> {
        compile::schema(value, prefix)
    }

    /// What is wrong with a value, which has only what JSON has.
    pub(super) fn check(&self, value: &Value) -> Result<(), Vec<Violation>> {
        check::value(self, value)
    }
}

/// The index of a node.
type Place = usize;

/// A subschema: all its rules hold.
#[derive(Default)]
struct Node {
    rules: Vec<Rule>,
}

/// Types as JSON Schema has them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    const ALL: [(&'static str, Type); 7] = [
        ("null", Type::Null),
        ("boolean", Type::Boolean),
        ("integer", Type::Integer),
        ("number", Type::Number),
        ("string", Type::String),
        ("array", Type::Array),
        ("object", Type::Object),
    ];

    fn named(name: &str) -> Option<Type> {
        Type::ALL.iter().find(|(known, _)| *known == name).map(|(_, of)| *of)
    }

    fn name(self) -> &'static str {
        Type::ALL.iter().find(|(_, of)| *of == self).map_or("", |(name, _)| name)
    }

    fn of(value: &Value) -> Type {
        match value {
            Value::Bool(_) => Type::Boolean,
            Value::Number(_) | Value::BigInt(_) if number::is_whole(value) => Type::Integer,
            Value::Number(_) | Value::BigInt(_) => Type::Number,
            Value::Text(_) => Type::String,
            Value::Array(_) => Type::Array,
            Value::Object(_) => Type::Object,
            _ => Type::Null,
        }
    }

    fn takes(self, of: Type) -> bool {
        self == of || (self == Type::Number && of == Type::Integer)
    }
}

/// How a number is compared with a bound.
#[derive(Clone, Copy)]
enum Bound {
    Least,
    Most,
    Above,
    Below,
}

/// How many of something there are: at least and at most.
#[derive(Clone, Copy)]
enum Count {
    Least(usize),
    Most(usize),
}

/// One thing that holds.
enum Rule {
    /// The schema `false`.
    Never,
    Types(Vec<Type>),
    OneOfValues(Vec<Value>),
    Is(Value),
    Bound(Bound, Value),
    MultipleOf(Value),
    Characters(Count),
    Pattern(Pattern),
    ItemCount(Count),
    Unique,
    Items {
        first: Vec<Place>,
        rest: Option<Place>,
    },
    Contains {
        place: Place,
        least: usize,
        most: Option<usize>,
    },
    MemberCount(Count),
    Required(Vec<String>),
    RequiredWith(BTreeMap<String, Vec<String>>),
    Members(Members),
    MemberNames(Place),
    HoldsWith(BTreeMap<String, Place>),
    All(Vec<Place>),
    Any(Vec<Place>),
    One(Vec<Place>),
    Not(Place),
    If {
        test: Place,
        then: Option<Place>,
        otherwise: Option<Place>,
    },
    Same(Place),
    OtherItems(Place),
    OtherMembers(Place),
}

impl Rule {
    /// The nodes that look at the same value again.
    fn in_place(&self) -> Vec<Place> {
        match self {
            Rule::All(places) | Rule::Any(places) | Rule::One(places) => places.clone(),
            Rule::Not(place) | Rule::Same(place) => vec![*place],
            Rule::HoldsWith(places) => places.values().copied().collect(),
            Rule::If { test, then, otherwise } => [Some(*test), *then, *otherwise].into_iter().flatten().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it asks what all others have looked at, and so comes last.
    fn comes_last(&self) -> bool {
        matches!(self, Rule::OtherItems(_) | Rule::OtherMembers(_))
    }
}

/// `properties`, `patternProperties` and `additionalProperties`, which speak of each other.
#[derive(Default)]
struct Members {
    named: BTreeMap<String, Place>,
    matching: Vec<(Pattern, Place)>,
    rest: Option<Place>,
}
