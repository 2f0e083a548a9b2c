//! Reading the value of a type: `{schema?, granularity?, suppressPreviousValues?, policy?, identity?}`.
//!
//! All that is wrong is said at once, each with its place, so that whoever writes a definition mends it in one go. What is
//! not known is refused: a misspelt `policy` would leave entities open that were meant to be closed.

use timeweft_core::diff::Identity;
use timeweft_core::operation::{Policy, Violation};
use timeweft_core::value::Value;

use super::schema::Schema;
use super::{MOST_VIOLATIONS, plain};

/// Of a granularity, in milliseconds: a leap year.
const LONGEST_MILLISECONDS: f64 = 366.0 * 86_400_000.0;

/// What a value says.
#[derive(Default)]
pub(super) struct Definition {
    pub(super) policy: Option<Policy>,
    /// In microseconds.
    pub(super) granularity: Option<u64>,
    pub(super) suppress_previous_values: Option<bool>,
    pub(super) schema: Option<Schema>,
    pub(super) identity: Option<Identity>,
}

impl Definition {
    pub(super) fn read(value: &Value) -> Result<Definition, Vec<Violation>> {
        let value = plain::of(value);
        let Value::Object(members) = &*value else {
            let message = "a type is an object with any of `schema`, `granularity`, `suppressPreviousValues`, `policy`, `identity`";
            return Err(vec![Violation { path: String::new(), message: message.to_owned() }]);
        };
        let mut definition = Definition::default();
        let mut found = Vec::new();
        for (name, member) in members {
            let read = match name.as_str() {
                "policy" => policy(member).map(|policy| definition.policy = Some(policy)),
                "granularity" => granularity(member).map(|micros| definition.granularity = Some(micros)),
                "suppressPreviousValues" => switch(member).map(|on| definition.suppress_previous_values = Some(on)),
                "identity" => identity(member).map(|identity| definition.identity = Some(identity)),
                "schema" => match Schema::compile(member, "/schema") {
                    Ok(schema) => {
                        definition.schema = Some(schema);
                        Ok(())
                    }
                    Err(wrong) => {
                        found.extend(wrong);
                        Ok(())
                    }
                },
                _ => Err(
                    "a type has `schema`, `granularity`, `suppressPreviousValues`, `policy` and `identity`, and nothing else",
                ),
            };
            if let Err(message) = read {
                let path = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push(Violation { path, message: message.to_owned() });
            }
        }
        found.truncate(MOST_VIOLATIONS);
        if found.is_empty() { Ok(definition) } else { Err(found) }
    }
}

fn policy(value: &Value) -> Result<Policy, &'static str> {
    const WRONG: &str = "a policy is \"public\", \"signed-in\", \"owner\" or \"org\"";
    match value {
        Value::Text(text) => match text.as_str() {
            "public" => Ok(Policy::Public),
            "signed-in" => Ok(Policy::SignedIn),
            "owner" => Ok(Policy::Owner),
            "org" => Ok(Policy::Org),
            _ => Err(WRONG),
        },
        _ => Err(WRONG),
    }
}

fn granularity(value: &Value) -> Result<u64, &'static str> {
    const WRONG: &str = "a granularity is \"second\", \"minute\", \"hour\", \"day\", \
                         or a whole number of milliseconds from 0 to 31622400000 (366 days)";
    let milliseconds = match value {
        Value::Text(text) => match text.as_str() {
            "second" => 1_000.0,
            "minute" => 60_000.0,
            "hour" => 3_600_000.0,
            "day" => 86_400_000.0,
            _ => return Err(WRONG),
        },
        Value::Number(number) => *number,
        _ => return Err(WRONG),
    };
    if milliseconds.fract() == 0.0 && (0.0..=LONGEST_MILLISECONDS).contains(&milliseconds) {
        Ok(milliseconds as u64 * 1_000)
    } else {
        Err(WRONG)
    }
}

fn identity(value: &Value) -> Result<Identity, &'static str> {
    const WRONG: &str =
        "an identity is the name of a member, or an array of 1 to 8 names, of which the first that is there counts";
    let name = |value: &Value| match value {
        Value::Text(name) if !name.is_empty() => Ok(name.clone()),
        _ => Err(WRONG),
    };
    match value {
        Value::Array(names) if (1..=8).contains(&names.len()) => {
            Ok(Identity::by(names.iter().map(name).collect::<Result<_, _>>()?))
        }
        value => Ok(Identity::by(vec![name(value)?])),
    }
}

fn switch(value: &Value) -> Result<bool, &'static str> {
    match value {
        Value::Bool(on) => Ok(*on),
        _ => Err("`suppressPreviousValues` is true or false"),
    }
}
