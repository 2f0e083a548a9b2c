//! What bodies and answers are written in.

use timeweft_core::codec::cbor;
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

use super::*;

#[test]
fn cbor_is_spoken_when_asked_for() {
    let ann = ann();
    let body = cbor::encode_value(&Value::object([("id", Value::text("n")), ("value", Value::Date(1.0))]));
    let cookie = ("cookie", ann.person.cookie.as_str());
    let made = ann.server.http("POST", NOTES, &[cookie, ("content-type", "application/cbor")], body);
    assert_eq!((made.status, header(&made.headers, "content-type")), (201, Some("application/cbor")));
    let Value::Object(answer) = cbor::decode_value(&made.body, &Limits::default()).unwrap() else { panic!() };
    assert_eq!(answer["value"], Value::Date(1.0));
    let Value::Object(meta) = &answer["meta"] else { panic!() };
    let Value::Text(v1) = &meta["validFrom"] else { panic!() };
    let got = ann.server.http("GET", NOTE, &[cookie, ("accept", "application/cbor, */*")], "");
    assert_eq!(header(&got.headers, "content-type"), Some("application/cbor"));
    let got = ann.server.http("GET", NOTE, &[cookie], "");
    assert_eq!(header(&got.headers, "content-type"), Some("application/json"));
    let patch = cbor::encode_value(&Value::object([("diff", Value::Number(2.0))]));
    let headers = [cookie, ("content-type", "application/cbor"), ("if-unmodified-since", v1.as_str())];
    assert_eq!(ann.server.http("PATCH", NOTE, &headers, patch).status, 200);
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], json!(2));
}

#[test]
fn other_media_types_are_415() {
    let ann = ann();
    let kind = |kind| [("content-type", kind), ("if-unmodified-since", OLD)];
    let answer = ann.ask("PATCH", NOTE, &kind("text/plain"), json!({"diff": {}}));
    assert_eq!((answer.status(), answer.code().as_str()), (415, "unsupported-media-type"));
    assert!(answer.header("accept-patch").unwrap().contains("application/merge-patch+json"));
    assert_eq!(ann.ask("POST", NOTES, &kind("application/xml"), json!({"value": 1})).status(), 415);
    assert_eq!(ann.ask("POST", "/message", &kind("text/plain"), json!({})).status(), 415);
}

#[test]
fn a_long_body_is_413() {
    let server = server(&[("limit-body-bytes", "1000")]);
    let person = server.sign_in("ann@example.org");
    let ask = |length: usize| server.ask(&person, "POST", NOTES, &[], json!({"value": "x".repeat(length)}));
    assert_eq!(ask(900).status(), 201);
    assert_eq!((ask(1_000).status(), ask(1_000).code().as_str()), (413, "too-large"));
}

#[test]
fn errors_are_problem_details_for_who_asks_for_them() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    let problem = ("accept", "application/json, application/problem+json");
    ann.ask("PUT", NOTE, &[("if-unmodified-since", &v1)], json!({"value": {"a": 2}}));
    let patch = |headers: &[(&str, &str)]| ann.ask("PATCH", NOTE, headers, json!({"diff": {"a": 3}}));
    let plain = patch(&[("if-unmodified-since", &v1)]);
    let answer = patch(&[("if-unmodified-since", &v1), problem]);
    assert_eq!((answer.status(), answer.header("content-type")), (409, Some("application/problem+json")));
    let body = answer.json();
    assert_eq!((&body["title"], &body["status"], &body["code"]), (&json!("Conflict"), &json!(409), &json!("conflict")));
    assert!(body["type"].as_str().unwrap().ends_with("docs/protocol.md#conflict"), "{body}");
    assert_eq!(body["detail"], body["error"]["message"]);
    for member in ["error", "diff", "meta"] {
        assert_eq!(body[member], plain.json()[member]);
    }
    assert_eq!((plain.header("content-type"), plain.json().get("title")), (Some("application/json"), None));
    let unknown = ann.ask("GET", "/nowhere", &[problem], Json::Null);
    assert_eq!((unknown.status(), &unknown.json()["title"]), (404, &json!("Not found")));
    let good = ann.ask("GET", NOTE, &[problem], Json::Null);
    assert_eq!((good.header("content-type"), &good.json()["value"]), (Some("application/json"), &json!({"a": 2})));
    let cbor = ann.ask("GET", "/nowhere", &[("accept", "application/cbor")], Json::Null);
    assert_eq!(cbor.header("content-type"), Some("application/cbor"));
    let frame = ann.ask("POST", "/message", &[problem], json!({"id": 1, "method": "get", "entityId": "note:x"}));
    assert_eq!((frame.header("content-type"), &frame.json()["id"]), (Some("application/json"), &json!(1)));
}
