use serde_json::json;

use super::*;

fn round(json: Json) -> Json {
    value_to_json(&value_from_json(&json, &Limits::default()).unwrap())
}

#[test]
fn an_object_with_a_reserved_key_comes_back_as_it_was() {
    let object = |key: &str| Value::object([(key, Value::Bool(true))]);
    for key in ["$undefined", "$text", "$array", "$replace", "$$x", "$", "$other", "x"] {
        let json = value_to_json(&object(key));
        assert_eq!(value_from_json(&json, &Limits::default()).unwrap(), object(key), "{json}");
    }
    assert_eq!(value_to_json(&object("$other")), json!({"$other": true}), "only reserved words are escaped");
    assert_eq!(round(json!({"$undefined": true, "b": 1})), json!({"$undefined": true, "b": 1}));
}

#[test]
fn what_json_lacks_is_projected_as_the_protocol_says() {
    let project = |value| value_to_json(&value);
    assert_eq!(project(Value::Undefined), json!({"$undefined": true}));
    assert_eq!(project(Value::Date(1_500_000_000_123.0)), json!("2017-07-14T02:40:00.123Z"));
    assert_eq!(project(Value::Date(f64::NAN)), json!(null));
    assert_eq!(project(Value::Number(f64::INFINITY)), json!(null));
    assert_eq!(project(Value::Number(1.0)).to_string(), "1");
    assert_eq!(project(Value::BigInt(12.into())), json!(12));
    assert_eq!(project(Value::Bytes(vec![1, 2])), json!("AQI="));
    assert_eq!(project(Value::Set(vec![Value::Null])), json!([null]));
    assert_eq!(project(Value::Map(vec![(Value::Null, Value::Bool(true))])), json!([[null, true]]));
    assert_eq!(project(Value::Typed(64, vec![1, 255])), json!([1, 255]));
    assert_eq!(project(Value::Typed(86, 1.5_f64.to_le_bytes().to_vec())), json!([1.5]));
    assert_eq!(project(Value::Typed(77, (-2_i16).to_le_bytes().to_vec())), json!([-2]));
}

#[test]
fn a_key_twice_or_too_many_levels_are_refused() {
    assert!(matches!(parse(br#"{"a":1,"a":2}"#, 9), Err(DecodeError::Malformed(_))));
    assert!(matches!(parse(b"[[[1]]]", 3), Err(DecodeError::TooLarge(_))));
    assert!(parse(b"[[[1]]]", 4).is_ok());
    assert!(parse(br#"["[[[[[", "\"[[["]"#, 2).is_ok(), "brackets in strings don't count");
    assert!(matches!(parse(b"[1", 9), Err(DecodeError::Malformed(_))));
    assert!(matches!(parse(b"1 2", 9), Err(DecodeError::Malformed(_))));
}

#[test]
fn half_of_a_surrogate_pair_is_named_as_that() {
    for text in [r#""\ud800""#, r#"{"a":"x\ud800y"}"#, r#""\udc00""#] {
        let refused = parse(text.as_bytes(), 9).unwrap_err().to_string();
        assert!(refused.contains("surrogate"), "{text}: {refused}");
    }
}
