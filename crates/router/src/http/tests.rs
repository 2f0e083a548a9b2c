//! The HTTP API: statuses, headers and bodies as contract section 4 has them.

use serde_json::{Value as Json, json};
use timeweft_core::codec::cbor;
use timeweft_core::limits::Limits;
use timeweft_core::value::Value;

use crate::event::header;
use crate::testing::{Answer, Person, Server, server};

const NOTES: &str = "/api/v1/entities/note";
const NOTE: &str = "/api/v1/entities/note:n";

struct Ann {
    server: Server,
    person: Person,
}

impl Ann {
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Json) -> Answer {
        self.server.ask(&self.person, method, target, headers, body)
    }

    fn note(&self, value: Json) -> String {
        let answer = self.ask("POST", NOTES, &[], json!({"id": "n", "value": value}));
        assert_eq!(answer.status(), 201, "{}", answer.json());
        valid_from(&answer)
    }
}

fn ann() -> Ann {
    let server = server(&[]);
    let person = server.sign_in("ann@example.org");
    Ann { server, person }
}

fn valid_from(answer: &Answer) -> String {
    answer.json()["meta"]["validFrom"].as_str().unwrap().to_owned()
}

const OLD: &str = "2020-01-01T00:00:00.000000Z";

#[test]
fn health_needs_nobody_and_head_has_no_body() {
    let server = server(&[]);
    assert_eq!(server.http("GET", "/health", &[], "").status, 200);
    let head = server.http("HEAD", "/health", &[], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn connect_without_an_upgrade_is_426() {
    let server = server(&[]);
    let answer = server.http("GET", "/connect", &[], "");
    assert_eq!((answer.status, header(&answer.headers, "upgrade")), (426, Some("websocket")));
}

#[test]
fn unknown_routes_are_404_and_other_methods_405_with_allow() {
    let server = server(&[]);
    for path in ["/", "/api", "/api/v1/entities/note:n/elsewhere", "/api/v1/entities/note:n/history/x", "//message"] {
        let answer = server.anonymous("GET", path, Json::Null);
        assert_eq!((answer.status(), answer.code().as_str()), (404, "not-found"), "{path}");
    }
    for (method, path, allow) in [
        ("GET", "/message", "POST"),
        ("PUT", "/message", "POST"),
        ("GET", "/login", "POST"),
        ("POST", "/me", "GET"),
        ("POST", "/health", "GET"),
        ("PATCH", NOTES, "POST"),
        ("POST", NOTE, "GET, PATCH, PUT, DELETE"),
        ("POST", "/api/v1/entities/note:n/history", "GET"),
        ("GET", "/api/v1/entities/note:n/undelete", "POST"),
    ] {
        let answer = server.anonymous(method, path, Json::Null);
        assert_eq!((answer.status(), answer.header("allow")), (405, Some(allow)), "{method} {path}");
    }
}

#[test]
fn everything_about_entities_needs_a_session() {
    let server = server(&[]);
    for (method, path) in [
        ("GET", "/api/v1/entities"),
        ("POST", NOTES),
        ("GET", NOTE),
        ("PATCH", NOTE),
        ("PUT", NOTE),
        ("DELETE", NOTE),
        ("POST", "/api/v1/entities/note:n/undelete"),
        ("GET", "/api/v1/entities/note:n/history"),
        ("GET", "/api/v1/entities/note:n/subscribers"),
        ("POST", "/message"),
        ("GET", "/me"),
        ("POST", "/logout"),
    ] {
        let answer = server.anonymous(method, path, Json::Null);
        assert_eq!((answer.status(), answer.code().as_str()), (401, "unauthorized"), "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[test]
fn a_made_entity_answers_201_with_its_location() {
    let ann = ann();
    let answer = ann.ask("POST", NOTES, &[], json!({"id": "n", "value": {"a": 1}}));
    assert_eq!((answer.status(), answer.header("location")), (201, Some(NOTE)));
    assert_eq!(answer.header("etag").unwrap(), format!("\"{}\"", valid_from(&answer)));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!((&body["value"], &body["meta"]["personId"]), (&json!({"a": 1}), &json!(ann.person.id)));
    assert_eq!((body.get("status"), body.get("id")), (None, None));
    assert_eq!(answer.published().len(), 2);
    assert!(answer.published().iter().all(|item| item.sender.is_none()));
    assert_eq!(ann.ask("POST", NOTES, &[], json!({"id": "n", "value": 1})).status(), 409);
    let chosen = ann.ask("POST", NOTES, &[], json!({"value": 1}));
    assert_eq!(chosen.status(), 201);
    assert_eq!(chosen.header("location").unwrap().len(), "/api/v1/entities/note:".len() + 20);
}

#[test]
fn bad_names_and_bodies_are_400() {
    let ann = ann();
    for body in [json!({"id": "a b", "value": 1}), json!({"id": "n"}), json!([]), json!({"id": 7, "value": 1})] {
        let answer = ann.ask("POST", NOTES, &[], body.clone());
        assert_eq!((answer.status(), answer.code().as_str()), (400, "bad-request"), "{body}");
    }
    assert_eq!(ann.ask("POST", "/api/v1/entities/Note", &[], json!({"value": 1})).status(), 400);
    assert_eq!(ann.ask("GET", "/api/v1/entities/note:a%20b", &[], Json::Null).status(), 400);
    assert_eq!(ann.ask("GET", "/api/v1/entities/note:%zz", &[], Json::Null).status(), 400);
    assert_eq!(ann.ask("GET", "/api/v1/entities/note%3An", &[], Json::Null).status(), 404);
    let cookie = ann.person.cookie.as_str();
    assert_eq!(ann.server.http("POST", NOTES, &[("cookie", cookie)], "{").status, 400);
}

#[test]
fn reading_answers_the_value_a_diff_or_304() {
    let ann = ann();
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).status(), 404);
    let v1 = ann.note(json!({"a": 1, "b": 1}));
    let whole = ann.ask("GET", NOTE, &[], Json::Null);
    assert_eq!((whole.status(), &whole.json()["value"]), (200, &json!({"a": 1, "b": 1})));
    assert_eq!(whole.header("etag").unwrap(), format!("\"{v1}\""));
    let same = ann.ask("GET", NOTE, &[("if-modified-since", &v1)], Json::Null);
    assert_eq!((same.status(), same.0.body.len()), (304, 0));
    let cached = ann.ask("GET", NOTE, &[("if-none-match", &format!("\"{v1}\""))], Json::Null);
    assert_eq!((cached.status(), cached.0.body.len()), (304, 0));
    let patch = ann.ask("PUT", NOTE, &[("if-unmodified-since", &v1)], json!({"value": {"a": 2, "b": 1}}));
    let v2 = valid_from(&patch);
    let diff = ann.ask("GET", NOTE, &[("if-modified-since", &v1)], Json::Null);
    assert_eq!((diff.status(), &diff.json()["diff"], diff.json().get("value")), (200, &json!({"a": 2}), None));
    assert_eq!(diff.header("etag").unwrap(), format!("\"{v2}\""));
    let unknown = ann.ask("GET", NOTE, &[("if-modified-since", OLD)], Json::Null);
    assert_eq!(unknown.json()["value"], json!({"a": 2, "b": 1}));
    for date in ["Sat, 21 Nov 2026 09:30:00 GMT", "2026-11-21", ""] {
        assert_eq!(ann.ask("GET", NOTE, &[("if-modified-since", date)], Json::Null).status(), 400, "{date}");
    }
}

#[test]
fn patches_merge_conflict_and_name_their_base() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1, "b": 1}));
    let patch = |since: &[(&str, &str)], diff: Json| ann.ask("PATCH", NOTE, since, json!({ "diff": diff }));
    let since = [("if-unmodified-since", v1.as_str())];
    assert_eq!(patch(&[], json!({"a": 2})).code(), "precondition-required");
    assert_eq!(patch(&[], json!({"a": 2})).status(), 428);
    let done = patch(&since, json!({"a": 2}));
    assert_eq!((done.status(), done.json().get("diff")), (200, None));
    let merged = patch(&since, json!({"b": 2}));
    assert_eq!((merged.status(), &merged.json()["diff"]), (200, &json!({"a": 2, "b": 2})));
    let conflict = patch(&since, json!({"a": 3}));
    assert_eq!((conflict.status(), conflict.code().as_str()), (409, "conflict"));
    assert_eq!((&conflict.json()["diff"], conflict.header("etag")), (&json!({"a": 2, "b": 2}), None));
    let unknown = patch(&[("if-unmodified-since", OLD)], json!({"a": 3}));
    assert_eq!((unknown.status(), unknown.code().as_str()), (412, "unknown-version"));
    assert_eq!(unknown.json()["value"], json!({"a": 2, "b": 2}));
    assert_eq!(ann.ask("PATCH", NOTE, &since, json!({})).status(), 400);
}

#[test]
fn a_patch_repeated_with_its_key_is_applied_once() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    let headers = [("if-unmodified-since", v1.as_str()), ("idempotency-key", "k1")];
    let first = ann.ask("PATCH", NOTE, &headers, json!({"diff": {"a": 2}}));
    let again = ann.ask("PATCH", NOTE, &headers, json!({"diff": {"a": 2}}));
    assert_eq!((again.status(), again.json()["meta"].clone()), (200, first.json()["meta"].clone()));
    assert!(again.published().is_empty());
}

#[test]
fn deleting_and_taking_it_back() {
    let ann = ann();
    ann.note(json!({"a": 1}));
    let gone = ann.ask("DELETE", NOTE, &[], Json::Null);
    assert_eq!((gone.status(), &gone.json()["meta"]["deleted"]), (200, &json!(true)));
    assert_eq!(ann.ask("DELETE", NOTE, &[], Json::Null).status(), 200);
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).status(), 404);
    let undelete = "/api/v1/entities/note:n/undelete";
    assert_eq!(ann.ask("POST", undelete, &[], Json::Null).status(), 200);
    let again = ann.ask("POST", undelete, &[], Json::Null);
    assert_eq!((again.status(), again.code().as_str()), (400, "not-deleted"));
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).status(), 200);
}

#[test]
fn history_is_newest_first_in_pages() {
    let ann = ann();
    let mut since = ann.note(json!({"a": 0}));
    for a in 1..4 {
        since = valid_from(&ann.ask("PATCH", NOTE, &[("if-unmodified-since", &since)], json!({"diff": {"a": a}})));
    }
    let page = ann.ask("GET", "/api/v1/entities/note:n/history?limit=3", &[], Json::Null).json();
    let versions: Vec<_> = page["versions"].as_array().unwrap().iter().map(|meta| meta["version"].clone()).collect();
    assert_eq!((versions, &page["more"]), (vec![json!(4), json!(3), json!(2)], &json!(true)));
    let before = page["versions"][2]["validFrom"].as_str().unwrap();
    let rest = ann.ask("GET", &format!("/api/v1/entities/note:n/history?before={before}"), &[], Json::Null).json();
    assert_eq!((rest["versions"].as_array().unwrap().len(), &rest["more"]), (1, &json!(false)));
    for query in ["limit=0", "limit=x", "before=yesterday"] {
        let answer = ann.ask("GET", &format!("/api/v1/entities/note:n/history?{query}"), &[], Json::Null);
        assert_eq!(answer.status(), 400, "{query}");
    }
}

#[test]
fn as_of_reads_what_was_valid_whatever_else_is_asked() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    let v2 = valid_from(&ann.ask("PUT", NOTE, &[("if-unmodified-since", &v1)], json!({"value": {"a": 2}})));
    let ask = |at: &str, headers: &[(&str, &str)]| ann.ask("GET", &format!("{NOTE}?asOf={at}"), headers, Json::Null);
    let old = ask(&v1, &[]);
    assert_eq!((old.status(), &old.json()["value"]), (200, &json!({"a": 1})));
    assert_eq!(
        (old.json()["meta"]["validFrom"].as_str(), old.json()["meta"]["validTo"].as_str()),
        (Some(&*v1), Some(&*v2))
    );
    assert_eq!(old.header("etag").unwrap(), format!("\"{v1}\""));
    for since in [&v1, &v2] {
        let both = ask(&v1, &[("if-modified-since", since)]);
        assert_eq!((both.status(), &both.json()["value"]), (200, &json!({"a": 1})), "asOf wins");
    }
    let cached = ask(&v1, &[("if-none-match", &format!("\"{v1}\""))]);
    assert_eq!((cached.status(), cached.0.body.len()), (304, 0));
    assert_eq!(ask("9998-01-01T00:00:00.000Z", &[]).json()["value"], json!({"a": 2}));
    assert_eq!((ask(OLD, &[]).status(), ask(OLD, &[]).code().as_str()), (404, "not-found"));
    for date in ["2026-11-21", "", "now"] {
        assert_eq!(ask(date, &[]).status(), 400, "{date}");
    }
}

#[test]
fn reverting_is_a_put_of_what_was() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    let v2 = valid_from(&ann.ask("PUT", NOTE, &[("if-unmodified-since", &v1)], json!({"value": {"a": 2}})));
    let revert = |since: &[(&str, &str)], body: Json| ann.ask("POST", "/api/v1/entities/note:n/revert", since, body);
    let since = [("if-unmodified-since", v2.as_str())];
    assert_eq!(revert(&[], json!({"validFrom": v1})).status(), 428);
    assert_eq!(revert(&since, json!({})).status(), 400);
    assert_eq!(revert(&since, json!({"validFrom": "yesterday"})).status(), 400);
    let missing = revert(&since, json!({"validFrom": OLD}));
    assert_eq!((missing.status(), missing.code().as_str()), (404, "not-found"));
    let stale = revert(&[("if-unmodified-since", OLD)], json!({"validFrom": v1}));
    assert_eq!((stale.status(), &stale.json()["value"]), (412, &json!({"a": 2})));
    let done = revert(&since, json!({"validFrom": v1}));
    assert_eq!((done.status(), &done.json()["meta"]["version"]), (200, &json!(3)));
    assert_eq!(done.published().len(), 2, "in both formats");
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], json!({"a": 1}));
}

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
fn other_media_types_are_415_and_what_comes_later_501() {
    let ann = ann();
    let kind = |kind| [("content-type", kind), ("if-unmodified-since", OLD)];
    let answer = ann.ask("PATCH", NOTE, &kind("text/plain"), json!({"diff": {}}));
    assert_eq!((answer.status(), answer.code().as_str()), (415, "unsupported-media-type"));
    assert_eq!(ann.ask("POST", NOTES, &kind("application/xml"), json!({"value": 1})).status(), 415);
    assert_eq!(ann.ask("POST", "/message", &kind("text/plain"), json!({})).status(), 415);
    for (method, target, headers) in [
        ("PATCH", NOTE, kind("application/json-patch+json")),
        ("PATCH", NOTE, kind("application/merge-patch+json; charset=utf-8")),
        ("GET", "/api/v1/entities?type=note", kind("application/json")),
    ] {
        let answer = ann.ask(method, target, &headers, json!({}));
        assert_eq!((answer.status(), answer.code().as_str()), (501, "not-implemented"), "{method} {target}");
    }
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
fn pages_of_foreign_origins_change_nothing_with_the_cookie() {
    let ann = ann();
    let post = |origin: &str| ann.ask("POST", NOTES, &[("origin", origin)], json!({"value": 1})).status();
    assert_eq!((post("https://evil.example"), post("null"), post("https://weft.example")), (403, 403, 201));
    assert_eq!(ann.ask("POST", "/logout", &[("origin", "https://evil.example")], Json::Null).status(), 403);
    assert_eq!(ann.ask("GET", "/me", &[("origin", "https://evil.example")], Json::Null).status(), 200);
    // Who brings the right along isn't riding on a cookie.
    let bearer = format!("Bearer {}", ann.person.cookie.strip_prefix("session=").unwrap());
    let headers = [("authorization", bearer.as_str()), ("origin", "https://other.example")];
    assert_eq!(ann.server.http("POST", NOTES, &headers, r#"{"value":1}"#).status, 201);
}

#[test]
fn others_find_what_is_an_owners_missing() {
    let ann = ann();
    let bob = ann.server.sign_in("bob@example.org");
    assert_eq!(ann.ask("POST", "/api/v1/entities/recipe", &[], json!({"id": "1", "value": {}})).status(), 201);
    let recipe = "/api/v1/entities/recipe:1";
    for (method, target) in [
        ("GET", recipe),
        ("DELETE", recipe),
        ("GET", "/api/v1/entities/recipe:1?asOf=9998-01-01T00:00:00.000Z"),
        ("GET", "/api/v1/entities/recipe:1/history"),
        ("GET", "/api/v1/entities/recipe:1/subscribers"),
    ] {
        assert_eq!(ann.server.ask(&bob, method, target, &[], Json::Null).status(), 404, "{method} {target}");
        assert_eq!(ann.ask(method, target, &[], Json::Null).status(), 200, "{method} {target}");
        ann.ask("POST", "/api/v1/entities/recipe:1/undelete", &[], Json::Null);
    }
    assert_eq!(ann.ask("POST", "/api/v1/entities/tw-code", &[], json!({"value": 1})).status(), 403);
    assert_eq!(ann.ask("PUT", "/api/v1/entities/tw-code:1", &[], json!({"value": 1})).status(), 404);
    assert_eq!(ann.ask("POST", "/api/v1/entities/person", &[], json!({"id": "x", "value": 1})).status(), 403);
}

#[test]
fn message_answers_the_response_map_with_its_status() {
    let ann = ann();
    let ask = |request: Json| {
        let answer = ann.ask("POST", "/message", &[], request);
        (answer.status(), answer.json())
    };
    let (status, made) = ask(json!({"id": 5, "method": "post", "entityId": "note:n", "value": {"a": 1}}));
    assert_eq!((status, &made["id"], &made["status"]), (201, &json!(5), &json!(201)));
    let v1 = made["meta"]["validFrom"].clone();
    let (status, polled) = ask(json!({"id": 6, "method": "subscribe", "entityId": "note:n"}));
    assert_eq!((status, &polled["value"]), (200, &json!({"a": 1})));
    assert_eq!(ask(json!({"id": 7, "method": "subscribe", "entityId": "note:n", "validFrom": v1})), (304, Json::Null));
    let subscribers = ann.ask("GET", "/api/v1/entities/note:n/subscribers", &[], Json::Null).json();
    assert_eq!(subscribers, json!({"subscribers": [ann.person.id]}));
    assert_eq!(ask(json!({"id": 8, "method": "unsubscribe", "entityId": "note:n"})).0, 200);
    let (status, refused) = ask(json!({"id": 9, "method": "patchDiff", "entityId": "note:n", "diff": {}}));
    assert_eq!((status, &refused["id"], &refused["error"]["code"]), (428, &json!(9), &json!("precondition-required")));
    assert_eq!(ask(json!({"id": 9, "method": "nothing", "entityId": "note:n"})).1["error"]["code"], "unknown-method");
    assert_eq!(ask(json!([])).0, 400);
}

#[test]
fn pages_of_listed_origins_may_ask_and_see() {
    let server = server(&[("origins", "https://app.example")]);
    let asked = |method: &str, origin: &str| {
        let answer = server.http(method, "/me", &[("origin", origin), ("host", "weft.example")], "");
        let allowed = header(&answer.headers, "access-control-allow-origin").map(str::to_owned);
        (answer.status, allowed)
    };
    let app = Some("https://app.example".to_owned());
    assert_eq!(asked("OPTIONS", "https://app.example"), (204, app.clone()));
    assert_eq!(asked("GET", "https://app.example"), (401, app));
    assert_eq!(asked("OPTIONS", "https://evil.example"), (405, None));
    assert_eq!(asked("GET", "https://weft.example"), (401, None));
}
