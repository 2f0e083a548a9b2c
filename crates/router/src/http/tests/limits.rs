//! Limits that were lowered under what is stored.

use timeweft_core::codec::{cbor, json as notation};
use timeweft_core::limits::TRUSTED;
use timeweft_core::message::{Fields, Format, Push};
use timeweft_store::memory::MemoryStore;

use super::*;
use crate::event::{Content, Held};
use crate::testing::{now, server_over};

#[test]
fn what_is_stored_is_read_changed_shown_and_resynchronised_whatever_the_limits_are_by_now() {
    let store = MemoryStore::new();
    let generous = server_over(store.clone(), &[]);
    let person = generous.sign_in("ann@example.org");
    let before = Ann { server: generous, person: person.clone() };
    let deep = (0..60).fold(json!("x"), |value, _| json!({ "in": value }));
    let first = json!({"title": "t", "blob": "long ".repeat(2_000), "deep": deep, "n": 1});
    let since = before.note(first.clone());
    let mut second = first.clone();
    second["deep"] = json!([deep, deep]);
    second["n"] = json!(2);
    let put = before.ask("PUT", NOTE, &[("if-unmodified-since", &since)], json!({ "value": second }));
    assert_eq!(put.status(), 200, "{}", put.json());

    let low = [("limit-value-bytes", "100"), ("limit-depth", "4"), ("limit-diff-operations", "2")];
    let ann = Ann { server: server_over(store, &low), person };
    // Read: whole, what changed, the past, in JSON and CBOR.
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], second);
    let changed = ann.ask("GET", NOTE, &[("if-modified-since", &since)], Json::Null).json();
    assert_eq!(changed["diff"]["n"], 2, "{changed}");
    assert!(changed["diff"]["deep"].is_array() || changed["exact"]["deep"].is_object(), "{changed}");
    let past = ann.ask("GET", &format!("{NOTE}?asOf={since}"), &[], Json::Null);
    assert_eq!(past.json()["value"], first);
    let body = ann.ask("GET", NOTE, &[("accept", "application/cbor")], Json::Null).0.body;
    let read = Fields::decode(&body, Format::Cbor, usize::MAX, &TRUSTED).unwrap().value("value").unwrap().unwrap();
    assert_eq!(notation::value_to_json(&cbor::decode_value(&read.0, &TRUSTED).unwrap()), second);
    let history = ann.ask("GET", &format!("{NOTE}/history"), &[], Json::Null).json();
    assert_eq!(history["versions"][0]["previousValues"]["n"], 1, "{history}");

    // On the socket, and after something was missed there.
    let mut socket = ann.server.socket(&ann.person, "s");
    let (answer, _) = socket.send(json!({"id": 1, "method": "subscribe", "entityId": "note:n"}));
    assert_eq!(answer["value"], second);
    let (answer, _) = socket.send(json!({"id": 2, "method": "get", "entityId": "note:n", "ifModifiedSince": since}));
    assert_eq!(answer["diff"]["n"], 2);
    for format in ["cbor", "json"] {
        for id in [None, Some(since.clone())] {
            let held = Held { channel: format!("{format}:note:n"), id };
            let items = now(ann.server.router.resync(vec![held]));
            let [item] = &items[..] else { panic!("{format}: {items:?}") };
            let diff = match &item.content {
                Content::Text(text) => serde_json::from_str::<Json>(text).unwrap()["diff"].clone(),
                Content::Binary(bytes) => {
                    let push = Push::decode(bytes, Format::Cbor, &TRUSTED).unwrap();
                    notation::patch_to_json(&cbor::decode_patch(&push.diff.diff.0, &TRUSTED).unwrap())
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(diff["n"], 2, "{format}: {diff}");
        }
    }
    // As a note.
    let items = now(ann.server.router.resync(vec![Held { channel: "note:note:n".into(), id: Some(since.clone()) }]));
    let [item] = &items[..] else { panic!("{items:?}") };
    let Content::Text(text) = &item.content else { panic!("{item:?}") };
    let shown: Json = serde_json::from_str(text).unwrap();
    assert_eq!(shown["data"]["blob"], first["blob"]);

    // Changed, on the version that is old by now; not made longer.
    for (kind, patch) in [
        ("application/merge-patch+json", json!({"title": "u"})),
        ("application/json-patch+json", json!([{"op": "replace", "path": "/title", "value": "v"}])),
    ] {
        let current = valid_from(&ann.ask("GET", NOTE, &[], Json::Null));
        let headers = [("if-unmodified-since", current.as_str()), ("content-type", kind)];
        let answer = ann.ask("PATCH", NOTE, &headers, patch);
        assert_eq!(answer.status(), 200, "{kind}: {}", answer.json());
    }
    let mut wanted = second;
    wanted["title"] = json!("v");
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], wanted);
    assert_eq!(ann.ask("DELETE", NOTE, &[], Json::Null).status(), 200);
    assert_eq!(ann.ask("POST", &format!("{NOTE}/undelete"), &[], Json::Null).status(), 200);
}
