//! Entities made over HTTP: once for each `Idempotency-Key`, and answered as they are stored.

use timeweft_core::codec::cbor;
use timeweft_core::limits::TRUSTED;
use timeweft_core::value::Value;

use super::*;
use crate::testing::{server_over, together};

const KEY: [(&str, &str); 1] = [("idempotency-key", "k1")];

#[test]
fn a_repeated_post_answers_the_value_that_is_stored_and_another_value_is_422() {
    let ann = ann();
    let body = json!({"id": "n", "value": {"a": 1, "b": [1.0]}});
    let first = ann.ask("POST", NOTES, &KEY, body.clone());
    assert_eq!(first.status(), 201, "{}", first.json());
    let v1 = valid_from(&first);
    ann.ask("PUT", NOTE, &[("if-unmodified-since", &v1)], json!({"value": {"a": 2}}));
    let again = ann.ask("POST", NOTES, &KEY, body);
    assert_eq!((again.status(), again.json()), (201, first.json()));
    assert_eq!((again.header("location"), again.header("etag")), (first.header("location"), first.header("etag")));
    assert!(again.published().is_empty());
    let other = ann.ask("POST", NOTES, &KEY, json!({"id": "n", "value": {"a": 2}}));
    assert_eq!((other.status(), other.code().as_str()), (422, "key-reused"));
    assert_eq!((other.header("location"), other.json().get("value")), (None, None));
    ann.ask("DELETE", NOTE, &[], Json::Null);
    assert_eq!(ann.ask("POST", NOTES, &KEY, json!({"id": "n", "value": {"a": 1, "b": [1]}})).json(), first.json());
}

#[test]
fn a_post_without_an_id_is_made_once_for_each_person_type_and_key() {
    let ann = ann();
    let ask = |kind: &str, key: &str| {
        let target = format!("/api/v1/entities/{kind}");
        let answer = ann.ask("POST", &target, &[("idempotency-key", key)], json!({"value": {"a": 1}}));
        assert_eq!(answer.status(), 201, "{}", answer.json());
        answer.header("location").unwrap().to_owned()
    };
    let first = ask("note", "k1");
    assert_eq!(first.len(), NOTES.len() + ":".len() + 20);
    assert_eq!(ask("note", "k1"), first);
    assert_ne!(ask("note", "k2"), first);
    let recipe = ask("recipe", "k1");
    assert_ne!(recipe.rsplit_once(':').unwrap().1, first.rsplit_once(':').unwrap().1);
    let bob = ann.server.sign_in("bob@example.org");
    let his = ann.server.ask(&bob, "POST", NOTES, &KEY, json!({"value": {"a": 1}}));
    assert_eq!(his.status(), 201);
    assert_ne!(his.header("location"), Some(first.as_str()));
    let listed = ann.ask("GET", "/api/v1/entities?type=note", &[], Json::Null).json();
    assert_eq!(listed["entities"].as_array().unwrap().len(), 3);
}

#[test]
fn posts_of_one_key_at_the_same_time_are_answered_alike() {
    let server = server_over(timeweft_store::memory::MemoryStore::new().yielding(), &[]);
    let ann = server.sign_in("ann@example.org");
    for body in [json!({"id": "n", "value": {"a": 1}}), json!({"value": {"a": 2}})] {
        let request = crate::event::HttpRequest {
            method: "POST".into(),
            target: NOTES.into(),
            headers: [("cookie", ann.cookie.as_str()), ("idempotency-key", "k")]
                .map(|(name, value)| crate::event::Header::new(name, value))
                .into(),
            body: body.to_string().into_bytes(),
        };
        let answers = together((0..3).map(|_| server.router.handle_request(request.clone())).collect());
        let shown = answers.iter().map(|answer| (answer.status, &answer.headers, &answer.body)).collect::<Vec<_>>();
        assert!(shown.iter().all(|answer| answer.0 == 201 && answer == &shown[0]), "{shown:?}");
        assert_eq!(answers.iter().filter(|answer| !answer.effects.is_empty()).count(), 1);
    }
}

#[test]
fn what_is_made_in_cbor_is_answered_as_we_write_it() {
    let ann = ann();
    // {"id":"n","value":{"b":1,"a":0}}, with an indefinite length, a long head and keys that are not in our order.
    let body = b"\xbf\x62id\x61n\x65value\xbf\x61b\x18\x01\x61a\xf9\x00\x00\xff\xff".to_vec();
    let headers =
        [("cookie", ann.person.cookie.as_str()), ("content-type", "application/cbor"), ("accept", "application/cbor")];
    let answer = ann.server.http("POST", NOTES, &headers, body);
    assert_eq!(answer.status, 201);
    let ours = cbor::encode_value(&Value::object([("a", Value::Number(0.0)), ("b", Value::Number(1.0))]));
    assert!(answer.body.windows(ours.len()).any(|part| part == ours), "{:x?}", answer.body);
    let read = ann.server.http("GET", NOTE, &headers, "");
    let [made, read] = [answer.body, read.body].map(|body| match cbor::decode_value(&body, &TRUSTED).unwrap() {
        Value::Object(members) => members["value"].clone(),
        other => panic!("{other:?}"),
    });
    assert_eq!(made, read);
}
