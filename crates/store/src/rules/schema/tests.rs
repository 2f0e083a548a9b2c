//! The keywords people use, one row each: a schema, values that fit, values that don't and where. The whole of the
//! draft's public test suite was run beside it (docs/decisions/011-types.md says with what result).

use serde_json::{Value as Json, json};
use timeweft_core::codec::json;
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

use super::Schema;

fn value(json: &Json) -> Value {
    json::value_from_json(json, &Limits::default()).unwrap()
}

fn compile(schema: &Json) -> Schema {
    Schema::compile(&value(schema), "").unwrap_or_else(|found| panic!("{schema}: {found:?}"))
}

fn paths(schema: &Schema, instance: &Json) -> Vec<String> {
    let found = schema.check(&value(instance)).err().unwrap_or_default();
    found.into_iter().map(|violation| violation.path).collect()
}

#[test]
fn each_keyword_takes_what_fits_and_names_the_place_of_what_does_not() {
    let string = json!({"type": "string"});
    let tree = json!({"$defs": {"tree": {"properties": {"kids": {"items": {"$ref": "#/$defs/tree"}}},
        "required": ["name"]}}, "$ref": "#/$defs/tree"});
    for (schema, fits, not, at) in [
        (json!(true), json!(1), json!(null), "fits"),
        (json!({"type": ["string", "null"]}), json!(null), json!(1), ""),
        (json!({"type": "integer"}), json!(1.0), json!(1.5), ""),
        (json!({"type": "number"}), json!(1), json!("1"), ""),
        (json!({"enum": [1, "a", null]}), json!(1.0), json!(true), ""),
        (json!({"const": {"a": [1]}}), json!({"a": [1.0]}), json!({"a": [2]}), ""),
        (json!({"minimum": 1, "exclusiveMaximum": 3}), json!(1), json!(3), ""),
        (json!({"exclusiveMinimum": 1, "maximum": 3}), json!(3), json!(1), ""),
        (json!({"multipleOf": 0.01}), json!(19.99), json!(0.005), ""),
        (json!({"minLength": 2, "maxLength": 2}), json!("😀é"), json!("😀"), ""),
        (json!({"pattern": "^a"}), json!("ab"), json!("ba"), ""),
        (json!({"minItems": 1, "maxItems": 2}), json!([1]), json!([1, 2, 3]), ""),
        (json!({"uniqueItems": true}), json!([1, "1", [1], true]), json!([{"a": 1}, {"a": 1.0}]), ""),
        (json!({"prefixItems": [string], "items": {"type": "number"}}), json!(["a", 1]), json!(["a", "b"]), "/1"),
        (json!({"contains": {"const": 1}, "maxContains": 1}), json!([0, 1]), json!([1, 1]), ""),
        (json!({"contains": {"const": 1}, "minContains": 0}), json!([]), json!(0), "fits"),
        (json!({"minProperties": 1, "maxProperties": 1}), json!({"a": 1}), json!({}), ""),
        (json!({"required": ["a"]}), json!({"a": null}), json!({"b": 1}), ""),
        (json!({"dependentRequired": {"a": ["b"]}}), json!({"b": 1}), json!({"a": 1}), ""),
        (json!({"dependentSchemas": {"a": {"required": ["b"]}}}), json!({}), json!({"a": 1}), ""),
        (json!({"properties": {"a/b~": string}}), json!({"a/b~": ""}), json!({"a/b~": 1}), "/a~1b~0"),
        (json!({"patternProperties": {"^x-": string}}), json!({"y": 1}), json!({"x-a": 1}), "/x-a"),
        (json!({"properties": {"a": true}, "additionalProperties": false}), json!({"a": 1}), json!({"b": 1}), "/b"),
        (json!({"propertyNames": {"pattern": "^[a-z]+$"}}), json!({"a": 1}), json!({"A": 1}), ""),
        (json!({"allOf": [string, {"minLength": 1}]}), json!("a"), json!(""), ""),
        (json!({"anyOf": [string, {"type": "null"}]}), json!(null), json!(1), ""),
        (json!({"oneOf": [{"minimum": 1}, {"maximum": 2}]}), json!(0), json!(1), ""),
        (json!({"not": string}), json!(1), json!("a"), ""),
        (json!({"if": string, "then": {"minLength": 1}, "else": {"minimum": 1}}), json!("a"), json!(0), ""),
        (json!({"$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "null"}}}), json!(null), json!(1), ""),
        (json!({"$ref": "#/$defs/a%25", "$defs": {"a%": string}}), json!(""), json!(1), ""),
        (
            json!({"$id": "https://x.example/s", "$ref": "https://x.example/s#/$defs/a", "$defs": {"a": string}}),
            json!(""),
            json!(1),
            "",
        ),
        (tree, json!({"name": 1, "kids": [{"name": 2}]}), json!({"name": 1, "kids": [{"name": 2}, {}]}), "/kids/1"),
        (
            json!({"allOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}),
            json!({"a": 1}),
            json!({"b": 1}),
            "/b",
        ),
        (
            json!({"anyOf": [{"prefixItems": [true, string]}, {"prefixItems": [true]}], "unevaluatedItems": false}),
            json!([1, "a"]),
            json!([1, 2]),
            "/1",
        ),
        (json!({"format": "email", "title": "t", "x-own": 1, "default": 1}), json!("a"), json!(1), "fits"),
    ] {
        let compiled = compile(&schema);
        assert_eq!(paths(&compiled, &fits), [""; 0], "{schema} {fits}");
        let expected: &[&str] = if at == "fits" { &[] } else { &[at] };
        assert_eq!(paths(&compiled, &not), expected, "{schema} {not}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let schema = compile(&json!({"type": "object", "required": ["title"], "properties": {
        "blob": {"type": "string"}, "tags": {"items": {"maxLength": 2}}}}));
    assert_eq!(paths(&schema, &json!({"blob": 1, "tags": ["a", "abc", "abcd"]})), ["", "/blob", "/tags/1", "/tags/2"]);
}

#[test]
fn schemas_that_are_none_are_refused() {
    let deep = (0..70).fold(json!({}), |inner, _| json!({"not": inner}));
    let many: Vec<Json> = (0..2_100).map(|_| json!({})).collect();
    let patterns: serde_json::Map<String, Json> = (0..60).map(|n| (format!("^{n}"), json!(true))).collect();
    for (schema, at) in [
        (json!({"$ref": "#"}), ""),
        (json!({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}}), ""),
        (json!({"$ref": "#/$defs/b"}), "/$ref"),
        (json!({"$ref": "#b"}), "/$ref"),
        (json!({"$ref": "other.json"}), "/$ref"),
        (json!({"$ref": "#/enum/0", "enum": [7]}), "/enum/0"),
        (json!({"items": {"$id": "x"}}), "/items/$id"),
        (json!({"items": [{}]}), "/items"),
        (json!({"dependencies": {"a": ["b"]}}), "/dependencies"),
        (json!({"additionalItems": false}), "/additionalItems"),
        (json!({"pattern": "(?=a)"}), "/pattern"),
        (json!({"patternProperties": {"[": {}}}), "/patternProperties/["),
        (json!({"allOf": []}), "/allOf"),
        (json!({"required": "a"}), "/required"),
        (json!({"multipleOf": 0}), "/multipleOf"),
        (json!({"minItems": 1.5}), "/minItems"),
        (json!({"minContains": -1}), "/minContains"),
        (json!({"then": 1}), "/then"),
        (json!({"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}), "/$defs/b/$anchor"),
        (json!({"description": "x".repeat(70_000)}), ""),
        (deep, ""),
        (json!({"anyOf": many}), ""),
    ] {
        let found = Schema::compile(&value(&schema), "").err().unwrap_or_default();
        assert!(found.iter().any(|violation| violation.path == at), "{schema}: {found:?}");
    }
    assert!(Schema::compile(&value(&json!({"patternProperties": patterns})), "").is_err());
}

#[test]
fn alternatives_that_multiply_end_in_a_refusal_and_not_in_a_wait() {
    let twice = |next: String| json!({"anyOf": [{"$ref": next}, {"$ref": next}]});
    let mut defs: serde_json::Map<String, Json> =
        (0..60).map(|n| (format!("d{n}"), twice(format!("#/$defs/d{}", n + 1)))).collect();
    defs.insert("d60".to_owned(), json!(false));
    let schema = compile(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
    let found = schema.check(&Value::Null).unwrap_err();
    assert!(found.len() == 1 && found[0].message.contains("too long"), "{found:?}");
    // Nor does what can't be decided count as decided the other way.
    let not = compile(&json!({"not": {"$ref": "#/$defs/d0"}, "$defs": defs}));
    assert!(not.check(&Value::Null).is_err());
}

#[test]
fn a_costly_pattern_on_a_long_text_is_refused() {
    let schema = compile(&json!({"pattern": r"^\p{L}{1,10}$"}));
    assert_eq!(paths(&schema, &json!("weft")), [""; 0]);
    let found = schema.check(&Value::text("a".repeat(8 << 20))).unwrap_err();
    assert!(found[0].message.contains("too long"), "{found:?}");
}

#[test]
fn the_deepest_value_is_checked_by_a_recursive_schema() {
    let schema = compile(&json!({"$defs": {"t": {"anyOf": [{"type": "null"}, {"items": {"$ref": "#/$defs/t"}}]}},
        "$ref": "#/$defs/t"}));
    let deep = |levels: usize| (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    assert_eq!(schema.check(&deep(127)), Ok(()));
    assert!(schema.check(&deep(5_000)).unwrap_err()[0].message.contains("too deep"));
}
