//! Entities: made, read, deleted, reverted, and whose they are.

use super::*;

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
