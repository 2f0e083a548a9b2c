//! The HTTP API: statuses, headers and bodies as docs/protocol.md, "HTTP", has them.

mod account;
mod conditional;
mod create;
mod entities;
mod limits;
mod listing;
mod negotiation;
mod origins;
mod patches;

use serde_json::{Value as Json, json};

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
        ("GET", "/message", "POST, OPTIONS"),
        ("PUT", "/message", "POST, OPTIONS"),
        ("GET", "/login", "POST, OPTIONS"),
        ("POST", "/me", "GET, HEAD, OPTIONS"),
        ("DELETE", "/sessions", "GET, HEAD, OPTIONS"),
        ("GET", "/sessions/a", "DELETE, OPTIONS"),
        ("HEAD", "/login/oidc", "GET, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/entities", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/openapi.json", "GET, HEAD, OPTIONS"),
        ("PATCH", NOTES, "POST, OPTIONS"),
        ("POST", NOTE, "GET, HEAD, PATCH, PUT, DELETE, OPTIONS"),
        ("POST", "/api/v1/entities/note:n/history", "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/entities/note:n/undelete", "POST, OPTIONS"),
    ] {
        let answer = server.anonymous(method, path, Json::Null);
        assert_eq!((answer.status(), answer.header("allow")), (405, Some(allow)), "{method} {path}");
        let options = server.anonymous("OPTIONS", path, Json::Null);
        assert_eq!((options.status(), options.header("allow")), (204, Some(allow)), "{path}");
    }
    let patches = server.anonymous("OPTIONS", NOTE, Json::Null);
    assert!(patches.header("accept-patch").unwrap().starts_with("application/json-patch+json, "));
}

#[test]
fn the_api_is_described_for_everybody() {
    let answer = server(&[]).anonymous("GET", "/api/v1/openapi.json", Json::Null);
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some("application/json")));
    assert_eq!((&answer.json()["openapi"], &answer.json()["info"]["title"]), (&json!("3.1.0"), &json!("Timeweft")));
    assert_eq!(answer.json()["info"]["version"], env!("CARGO_PKG_VERSION"));
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
    let known = json!({"id": 7, "method": "subscribe", "entityId": "note:n", "validFrom": v1});
    let unchanged = ann.ask("POST", "/message", &[], known);
    assert_eq!((unchanged.status(), unchanged.0.body.len()), (304, 0));
    assert_eq!(unchanged.header("timeweft-role"), polled["role"].as_str(), "it has no body to say it in");
    let subscribers = ann.ask("GET", "/api/v1/entities/note:n/subscribers", &[], Json::Null).json();
    assert_eq!(subscribers, json!({"subscribers": [ann.person.id]}));
    assert_eq!(ask(json!({"id": 8, "method": "unsubscribe", "entityId": "note:n"})).0, 200);
    let (status, refused) = ask(json!({"id": 9, "method": "patchDiff", "entityId": "note:n", "diff": {}}));
    assert_eq!((status, &refused["id"], &refused["error"]["code"]), (428, &json!(9), &json!("precondition-required")));
    assert_eq!(ask(json!({"id": 9, "method": "nothing", "entityId": "note:n"})).1["error"]["code"], "unknown-method");
    assert_eq!(ask(json!([])).0, 400);
}
