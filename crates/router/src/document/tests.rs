//! What patches make of values that JSON can't hold, and what is refused.

use serde_json::{Value as Json, json};
use timeweft_core::diff::Patch;
use timeweft_core::value::Value::{self, Bytes, Date, Map, Null, Number, Set, Typed};

use super::*;

fn patched(base: &Value, media_type: &str, patch: &Json, limits: &Limits) -> Result<Value, Unfit> {
    let patch = DocumentPatch::read(media_type, patch.to_string().as_bytes(), limits).unwrap()?;
    let diff = patch.on(&CborValue(cbor::encode_value(base)), &Identity::default(), limits)?;
    let diff: Patch = cbor::decode_patch(&diff.0, &Limits::default()).unwrap();
    let mut value = base.clone();
    diff.resolve(base).unwrap().apply(&mut value).unwrap();
    Ok(value)
}

fn operations(base: &Value, patch: Json) -> Result<Value, Unfit> {
    patched(base, JSON_PATCH, &patch, &Limits::default())
}

fn from_json(json: Json) -> Value {
    json::value_from_json(&json, &Limits::default()).unwrap()
}

fn refusal(base: Json, patch: Json) -> String {
    operations(&from_json(base), patch).unwrap_err().1
}

#[test]
fn what_json_cannot_hold_stays_where_the_patch_does_not_touch_it() {
    let base = Value::object([
        ("date", Date(1.0)),
        ("map", Map(vec![(Number(1.0), Null)])),
        ("list", Value::Array(vec![Set(vec![Number(1.0)]), Bytes(vec![1]), Typed(64, vec![1, 2])])),
        ("big", Value::BigInt((1_u64 << 60).into())),
        ("none", Value::Undefined),
    ]);
    let patch = json!([
        {"op": "add", "path": "/title", "value": "x"},
        {"op": "add", "path": "/list/0", "value": "first"},
        {"op": "remove", "path": "/none"},
    ]);
    let value = operations(&base, patch).unwrap();
    let Value::Object(members) = &value else { panic!() };
    let Value::Array(list) = &members["list"] else { panic!() };
    assert_eq!((&members["date"], &members["map"]), (&Date(1.0), &Map(vec![(Number(1.0), Null)])));
    assert_eq!(list[1..], [Set(vec![Number(1.0)]), Bytes(vec![1]), Typed(64, vec![1, 2])]);
    assert!(matches!(members["big"], Value::BigInt(_)));
    assert!(!members.contains_key("none"));
}

#[test]
fn what_json_cannot_hold_becomes_its_json_where_the_patch_goes_into_it() {
    let base = Value::object([("map", Map(vec![(Number(1.0), Null)])), ("bytes", Bytes(vec![0; 60]))]);
    let value = operations(&base, json!([{"op": "replace", "path": "/map/0/1", "value": "x"}])).unwrap();
    let Value::Object(members) = &value else { panic!() };
    assert_eq!((&members["map"], &members["bytes"]), (&from_json(json!([[1, "x"]])), &Bytes(vec![0; 60])));
    let text = format!("{}!", json::value_to_json(&Bytes(vec![0; 60])).as_str().unwrap());
    let value = operations(&base, json!([{"op": "replace", "path": "/bytes", "value": text}])).unwrap();
    let Value::Object(members) = &value else { panic!() };
    assert_eq!(members["bytes"], Value::text(text));
    let set = Set(vec![Number(1.0), Number(2.0)]);
    assert_eq!(operations(&set, json!([{"op": "remove", "path": "/0"}])).unwrap(), from_json(json!([2])));
}

#[test]
fn numbers_are_tested_as_one_line() {
    for (held, tested) in
        [(json!(1), json!(1.0)), (json!(-0.0), json!(0)), (json!(1e20), json!(100_000_000_000_000_000_000_u128 as f64))]
    {
        let patch = json!([{"op": "test", "path": "/a", "value": [tested]}]);
        assert!(operations(&from_json(json!({"a": [held]})), patch).is_ok(), "{held} {tested}");
    }
}

#[test]
fn a_refusal_names_the_operation_and_what_is_there() {
    let base = json!({"a": {"b": 1}, "list": [1, 2]});
    for (operation, wanted) in [
        (json!({"op": "remove", "path": "/a/c"}), "operation 1, `remove` at \"/a/c\": \"/a\" has no member \"c\""),
        (json!({"op": "add", "path": "/x/y", "value": 1}), "the whole value has no member \"x\""),
        (json!({"op": "add", "path": "/list/4", "value": 1}), "\"/list\" is an array of 2 elements"),
        (json!({"op": "replace", "path": "/list/01", "value": 1}), "in which \"01\" is no place"),
        (json!({"op": "replace", "path": "/a/b/c", "value": 1}), "\"/a/b\" is no object and no array"),
        (json!({"op": "move", "from": "/a", "path": "/a/b"}), "moved into itself"),
        (json!({"op": "move", "from": "/q", "path": "/a"}), "has no member \"q\""),
        (json!({"op": "copy", "from": "/q", "path": "/a"}), "has no member \"q\""),
        (json!({"op": "remove", "path": ""}), "delete the entity with DELETE"),
        (json!({"op": "test", "path": "/a/b", "value": 2}), "the value there is another"),
        (json!({"op": "add", "path": "/a"}), "operation 1: missing field `value`"),
        (json!({"op": "add", "path": "a", "value": 1}), "operation 1: "),
        (json!({"path": "/a"}), "operation 1: missing field `op`"),
        (json!(7), "operation 1: "),
    ] {
        let message = refusal(base.clone(), json!([{"op": "test", "path": "/a/b", "value": 1}, operation]));
        assert!(message.contains(wanted), "{operation}: {message}");
    }
    let moved = json!([{"op": "move", "from": "/a", "path": "/ab"}]);
    assert_eq!(operations(&from_json(json!({"a": 1})), moved).unwrap(), from_json(json!({"ab": 1})));
}

#[test]
fn a_patch_can_not_make_more_than_a_value_may_be() {
    let code = |base: Json, patch: Json| operations(&from_json(base), patch).unwrap_err().0;
    let doubling: Vec<Json> = (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/{n}")})).collect();
    assert_eq!(code(json!({"a": "x".repeat(1_000)}), json!(doubling)), Code::TooLarge);
    let inward = json!({"op": "copy", "from": "", "path": "/a"});
    assert_eq!(code(json!({"a": 1}), json!(vec![inward; 200])), Code::TooLarge);
    let wrap = json!([{"op": "add", "path": "/x", "value": {}}, {"op": "move", "from": "/a", "path": "/x/a"}, {"op": "move", "from": "/x", "path": "/a"}]);
    let wraps: Vec<Json> = (0..200).flat_map(|_| wrap.as_array().unwrap().clone()).collect();
    assert_eq!(code(json!({"a": 1}), json!(wraps)), Code::TooLarge);
    let many = json!([{"op": "copy", "from": "", "path": "/a"}]);
    let few = Limits { diff_operations: 0, ..Limits::default() };
    assert_eq!(patched(&from_json(json!({"a": 1})), JSON_PATCH, &many, &few).unwrap_err().0, Code::TooLarge);
    let shifts = json!({"op": "add", "path": "/0", "value": 1});
    assert_eq!(code(json!(vec![0; 100_000]), json!(vec![shifts; 1_000])), Code::TooLarge);
}

#[test]
fn merge_patch_is_as_its_rfc_says() {
    // RFC 7396, appendix A.
    for (target, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let value = patched(&from_json(target.clone()), MERGE_PATCH, &patch, &Limits::default()).unwrap();
        assert_eq!(value, from_json(result), "{target} {patch}");
    }
}

#[test]
fn what_is_stored_is_patched_whatever_the_limits_are_by_now() {
    let low = Limits { value_bytes: 10, depth: 2, ..Limits::default() };
    let deep = (0..200).fold(Value::text("x"), |value, _| Value::Array(vec![value]));
    let base = Value::object([("deep", deep), ("n", Number(1.0)), ("t", Value::text("long ".repeat(9)))]);
    for (media_type, patch) in
        [(MERGE_PATCH, json!({"n": 2})), (JSON_PATCH, json!([{"op": "replace", "path": "/n", "value": 2}]))]
    {
        let mut wanted = base.clone();
        let Value::Object(members) = &mut wanted else { panic!() };
        members.insert("n".into(), Number(2.0));
        assert!(patched(&base, media_type, &patch, &low).unwrap() == wanted, "{media_type}");
    }
}

#[test]
fn what_cannot_be_written_as_json_is_not_patched_as_null() {
    let huge = Value::BigInt("9".repeat(400).parse().unwrap());
    let base = Value::object([("huge", huge.clone()), ("n", Number(1.0))]);
    for (base, media_type, patch) in [
        (&base, MERGE_PATCH, json!({"n": null})),
        (&base, JSON_PATCH, json!([{"op": "remove", "path": "/n"}])),
        (&huge, MERGE_PATCH, json!({"n": 1})),
        (&huge, JSON_PATCH, json!([{"op": "test", "path": "", "value": null}])),
    ] {
        let unfit = patched(base, media_type, &patch, &Limits::default()).unwrap_err();
        assert!(unfit.1.contains("application/cbor"), "{unfit:?}");
    }
}
