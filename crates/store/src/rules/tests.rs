//! Definitions: what they may say, what comes of it, and what is told of those that say something else.

use serde_json::{Value as Json, json};
use timeweft_core::codec::json;
use timeweft_core::diff::Identity;
use timeweft_core::limits::Limits;
use timeweft_core::operation::{Policy, Violation};
use timeweft_core::value::Value;

use super::Rules;

fn value(json: Json) -> Value {
    json::value_from_json(&json, &Limits::default()).unwrap()
}

fn read(definition: Json) -> Rules {
    Rules::read("recipe", &value(definition)).unwrap_or_else(|found| panic!("{found:?}"))
}

fn wrong(definition: Json) -> Vec<Violation> {
    Rules::built_in("type").check(&value(definition)).unwrap_err()
}

#[test]
fn types_without_an_entity_have_rules_too() {
    for (kind, policy, checks) in [
        ("note", Policy::SignedIn, false),
        ("person", Policy::Owner, false),
        ("org", Policy::Org, false),
        ("type", Policy::SignedIn, true),
        ("recipe", Policy::Owner, false),
    ] {
        let rules = Rules::built_in(kind);
        assert_eq!((rules.policy, rules.checks_values()), (policy, checks), "{kind}");
        assert_eq!((rules.granularity, rules.suppress_previous_values), (0, false));
        let empty = Rules::read(kind, &value(json!({}))).ok().unwrap();
        assert_eq!((empty.policy, empty.checks_values()), (policy, checks), "{kind}");
    }
    assert_eq!(Rules::built_in("note").check(&value(json!([1, null]))), Ok(()));
}

#[test]
fn a_definition_says_policy_granularity_and_what_is_left_out() {
    let rules = read(json!({"policy": "public", "granularity": "minute", "suppressPreviousValues": true}));
    assert_eq!((rules.policy, rules.granularity, rules.suppress_previous_values), (Policy::Public, 60_000_000, true));
    for (granularity, micros) in [
        (json!("second"), 1_000_000),
        (json!("hour"), 3_600_000_000),
        (json!("day"), 86_400_000_000),
        (json!(0), 0),
        (json!(250), 250_000),
        (json!(31_622_400_000_u64), 31_622_400_000_000),
    ] {
        assert_eq!(read(json!({"granularity": granularity})).granularity, micros);
    }
    assert_eq!(read(json!({"policy": "signed-in"})).policy, Policy::SignedIn);
    assert_eq!(read(json!({"policy": "owner"})).policy, Policy::Owner);
}

#[test]
fn nobody_can_define_away_whose_a_person_is_and_who_defines() {
    for kind in ["person", "type"] {
        let rules = Rules::read(kind, &value(json!({"policy": "public", "schema": {"type": "object"}}))).ok().unwrap();
        assert_eq!(rules.policy, Rules::built_in(kind).policy);
        assert!(rules.check(&value(json!(1))).is_err());
    }
}

#[test]
fn what_is_no_definition_is_refused_with_the_place_and_what_would_be_right() {
    for (definition, path, word) in [
        (json!([]), "", "an object"),
        (json!({"polciy": "public"}), "/polciy", "nothing else"),
        (json!({"policy": "everybody"}), "/policy", "signed-in"),
        (json!({"policy": null}), "/policy", "signed-in"),
        (json!({"granularity": "week"}), "/granularity", "second"),
        (json!({"granularity": -1}), "/granularity", "from 0"),
        (json!({"granularity": 1.5}), "/granularity", "whole"),
        (json!({"granularity": 31_622_400_001_u64}), "/granularity", "366 days"),
        (json!({"suppressPreviousValues": 1}), "/suppressPreviousValues", "true or false"),
        (json!({"schema": 1}), "/schema", "an object or a boolean"),
        (json!({"schema": {"type": "text"}}), "/schema/type", "string"),
        (json!({"schema": {"properties": {"a/b": {"minLength": -1}}}}), "/schema/properties/a~1b/minLength", "whole"),
        (json!({"schema": {"$ref": "https://example.org/x"}}), "/schema/$ref", "in this schema"),
        (json!({"schema": {"$schema": "http://json-schema.org/draft-07/schema#"}}), "/schema/$schema", "2020-12"),
    ] {
        let found = wrong(definition.clone());
        assert_eq!(found.len(), 1, "{definition} {found:?}");
        assert_eq!(found[0].path, path, "{definition}");
        assert!(found[0].message.contains(word), "{definition}: {}", found[0].message);
    }
    let all = wrong(json!({"policy": 1, "granularity": 1.5, "schema": {"type": 7, "items": 7}}));
    assert_eq!(all.len(), 4, "{all:?}");
}

#[test]
fn many_mistakes_are_told_twenty_at_a_time() {
    let many: serde_json::Map<String, Json> = (0..100).map(|n| (format!("p{n}"), json!({"type": n}))).collect();
    assert_eq!(wrong(json!({"schema": {"properties": many}})).len(), 20);
    let items: Vec<Json> = (0..100).map(|n| json!(n)).collect();
    let rules = read(json!({"schema": {"items": {"type": "string"}}}));
    let found = rules.check(&value(json!(items))).unwrap_err();
    assert_eq!((found.len(), found[19].path.as_str()), (20, "/19"));
}

#[test]
fn values_that_json_cannot_hold_are_checked_as_their_json() {
    let rules = read(json!({"schema": {
        "properties": {
            "at": {"type": "string", "pattern": "^2026-11-21T"},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
            "map": {"type": "array", "items": {"minItems": 2, "maxItems": 2}},
            "bytes": {"const": "AQI="},
            "typed": {"const": [1, 2]},
            "big": {"type": "integer", "minimum": 1},
            "nan": {"type": "null"},
        },
        "additionalProperties": false,
        "required": ["at"],
    }}));
    let one = Value::Number(1.0);
    let whole = [
        ("at", Value::Date(1_795_253_400_000.0)),
        ("tags", Value::Set(vec![Value::text("a"), Value::text("b")])),
        ("map", Value::Map(vec![(one.clone(), one.clone())])),
        ("bytes", Value::Bytes(vec![1, 2])),
        ("typed", Value::Typed(64, vec![1, 2])),
        ("big", Value::BigInt(1_u64.into())),
        ("nan", Value::Number(f64::NAN)),
        ("gone", Value::Undefined),
    ];
    assert_eq!(rules.check(&Value::object(whole.clone())), Ok(()));
    let found = rules.check(&Value::object([("at", Value::Undefined), ("tags", Value::Set(vec![one]))])).unwrap_err();
    let paths: Vec<&str> = found.iter().map(|violation| violation.path.as_str()).collect();
    assert_eq!(paths, ["", "/tags/0"], "{found:?}");
}

#[test]
fn an_identity_is_one_to_eight_names() {
    let names = |names: &[&str]| Identity::by(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(read(json!({})).identity, Identity::default());
    assert_eq!(read(json!({"identity": "sku"})).identity, names(&["sku"]));
    assert_eq!(read(json!({"identity": ["sku", "id"]})).identity, names(&["sku", "id"]));
    let nine = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    for bad in [json!(""), json!([]), json!(nine), json!(["a", 1]), json!(["a", ""]), json!(null), json!(7)] {
        let found = wrong(json!({"identity": bad}));
        assert_eq!(found.iter().map(|broken| &*broken.path).collect::<Vec<_>>(), ["/identity"], "{bad}");
    }
    let eight = json!(nine[..8]);
    read(json!({"identity": eight}));
}
