//! Changes by diffs and by patches of JSON documents.

use super::*;

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
    for key in [String::new(), "k".repeat(257)] {
        let headers = [("if-unmodified-since", v1.as_str()), ("idempotency-key", key.as_str())];
        assert_eq!(ann.ask("PATCH", NOTE, &headers, json!({"diff": {"a": 3}})).status(), 400);
        assert_eq!(ann.ask("POST", NOTES, &headers, json!({"value": 1})).status(), 400);
    }
}

#[test]
fn a_put_repeated_with_its_key_is_applied_once() {
    let ann = ann();
    let v1 = ann.note(json!({"t": "ab", "l": [1]}));
    let put = || {
        let headers = [("if-unmodified-since", v1.as_str()), ("idempotency-key", "k1")];
        ann.ask("PUT", NOTE, &headers, json!({"value": {"t": "aXb", "l": [1, 2]}}))
    };
    let (first, again) = (put(), put());
    assert_eq!((again.status(), again.json()), (200, first.json()));
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], json!({"t": "aXb", "l": [1, 2]}));
}

fn document(ann: &Ann, kind: &str, since: &str, patch: Json) -> Answer {
    ann.ask("PATCH", NOTE, &[("content-type", kind), ("if-unmodified-since", since)], patch)
}

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json; charset=utf-8";

#[test]
fn json_patch_and_merge_patch_change_the_version_named() {
    let ann = ann();
    let v1 = ann.note(json!({"title": "a", "tags": ["x", "y"], "on": 1}));
    let patch = json!([
        {"op": "test", "path": "/on", "value": 1.0},
        {"op": "add", "path": "/tags/1", "value": "new"},
        {"op": "move", "from": "/title", "path": "/name"},
    ]);
    let done = document(&ann, JSON_PATCH, &v1, patch);
    assert_eq!((done.status(), done.json().get("diff")), (200, None), "{}", done.json());
    assert_eq!(done.published().len(), 2, "in both formats");
    let v2 = valid_from(&done);
    let done = document(&ann, MERGE_PATCH, &v2, json!({"on": null, "name": "b"}));
    assert_eq!(done.status(), 200);
    let now = ann.ask("GET", NOTE, &[], Json::Null).json();
    assert_eq!((&now["value"], &now["meta"]["version"]), (&json!({"name": "b", "tags": ["x", "new", "y"]}), &json!(3)));
    let nothing = document(&ann, JSON_PATCH, &valid_from(&done), json!([]));
    assert_eq!((nothing.status(), &nothing.json()["meta"]["version"]), (200, &json!(3)));
}

#[test]
fn document_patches_merge_and_conflict_as_diffs_do() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1, "b": ["x", "y"]}));
    document(&ann, JSON_PATCH, &v1, json!([{"op": "add", "path": "/b/0", "value": "first"}]));
    let merged = document(&ann, JSON_PATCH, &v1, json!([{"op": "add", "path": "/b/-", "value": "last"}]));
    assert_eq!((merged.status(), merged.json().get("diff").is_some()), (200, true));
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"]["b"], json!(["first", "x", "y", "last"]));
    assert_eq!(document(&ann, MERGE_PATCH, &v1, json!({"a": 2})).status(), 200);
    let conflict = document(&ann, MERGE_PATCH, &v1, json!({"a": 3}));
    assert_eq!((conflict.status(), conflict.code().as_str()), (409, "conflict"));
    let unknown = document(&ann, MERGE_PATCH, OLD, json!({"a": 3}));
    assert_eq!((unknown.status(), &unknown.json()["value"]["a"]), (412, &json!(2)));
    for (kind, patch) in [(JSON_PATCH, json!([])), (MERGE_PATCH, json!({"a": 3}))] {
        let nowhere = ann.ask("PATCH", NOTE, &[("content-type", kind)], patch.clone());
        assert_eq!((nowhere.status(), nowhere.code().as_str()), (428, "precondition-required"));
        let headers = [("content-type", kind), ("if-unmodified-since", OLD)];
        assert_eq!(ann.ask("PATCH", "/api/v1/entities/note:none", &headers, patch).status(), 404);
    }
}

#[test]
fn a_document_patch_repeated_with_its_key_is_applied_once() {
    let ann = ann();
    let v1 = ann.note(json!({"list": []}));
    let headers = [("content-type", JSON_PATCH), ("if-unmodified-since", v1.as_str()), ("idempotency-key", "k")];
    let patch = json!([{"op": "add", "path": "/list/-", "value": 1}]);
    let first = ann.ask("PATCH", NOTE, &headers, patch.clone());
    let again = ann.ask("PATCH", NOTE, &headers, patch);
    assert_eq!((again.status(), &again.json()["meta"]), (200, &first.json()["meta"]));
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], json!({"list": [1]}));
}

#[test]
fn a_document_patch_that_is_refused_changes_nothing() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    let add = json!({"op": "add", "path": "/b", "value": 2});
    for (kind, patch, status, code) in [
        (JSON_PATCH, json!([add, {"op": "test", "path": "/a", "value": 2}]), 409, "test-failed"),
        (JSON_PATCH, json!([add, {"op": "remove", "path": "/c"}]), 400, "bad-request"),
        (JSON_PATCH, json!([add, {"op": "remove", "path": ""}]), 400, "bad-request"),
        (JSON_PATCH, json!([add, {"op": "spam", "path": "/c"}]), 400, "bad-request"),
        (JSON_PATCH, json!({"op": "remove", "path": "/a"}), 400, "bad-request"),
        (JSON_PATCH, json!([{"op": "add", "path": "", "value": {"$undefined": true}}]), 400, "bad-request"),
        (MERGE_PATCH, json!({"$undefined": 1, "a": null}), 400, "bad-request"),
    ] {
        let answer = document(&ann, kind, &v1, patch.clone());
        assert_eq!((answer.status(), answer.code().as_str()), (status, code), "{patch}: {}", answer.json());
        assert!(answer.published().is_empty());
    }
    let broken = ann.server.http(
        "PATCH",
        NOTE,
        &[("cookie", &ann.person.cookie), ("content-type", JSON_PATCH), ("if-unmodified-since", &v1)],
        "[{",
    );
    assert_eq!(broken.status, 400);
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["meta"]["version"], 1);
}

#[test]
fn a_document_patch_may_start_from_a_deletion_that_was_taken_back() {
    let ann = ann();
    ann.note(json!({"a": 1}));
    let gone = valid_from(&ann.ask("DELETE", NOTE, &[], Json::Null));
    assert_eq!(document(&ann, MERGE_PATCH, &gone, json!({"b": 1})).status(), 404);
    ann.ask("POST", "/api/v1/entities/note:n/undelete", &[], Json::Null);
    assert_eq!(document(&ann, MERGE_PATCH, &gone, json!({"b": 1})).status(), 200);
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], json!({"a": 1, "b": 1}));
}

#[test]
fn document_patches_know_elements_by_what_the_type_names() {
    for (kind, patch) in [
        ("application/merge-patch+json", json!({"rows": [{"sku": "b", "n": 2}, {"sku": "a", "n": 1}]})),
        ("application/json-patch+json", json!([{"op": "move", "from": "/rows/0", "path": "/rows/1"}])),
        ("application/json", json!({"rows": [{"sku": "b", "n": 2}, {"sku": "a", "n": 1}]})),
    ] {
        let ann = ann();
        let defined = json!({"id": "note", "value": {"identity": "sku"}});
        assert_eq!(ann.ask("POST", "/api/v1/entities/type", &[], defined).status(), 201);
        let since = ann.note(json!({"rows": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}));
        let sorted = match kind {
            "application/json" => ann.ask("PUT", NOTE, &[("if-unmodified-since", &since)], json!({ "value": patch })),
            kind => document(&ann, kind, &since, patch),
        };
        assert_eq!(sorted.status(), 200, "{kind}: {}", sorted.json());
        let ticked = json!({"diff": {"rows": {"0": {"n": 7}}}});
        let answer = ann.ask("PATCH", NOTE, &[("if-unmodified-since", &since)], ticked);
        assert_eq!(answer.status(), 200, "{kind}: {}", answer.json());
        let rows = json!([{"sku": "b", "n": 2}, {"sku": "a", "n": 7}]);
        assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"]["rows"], rows, "{kind}");
    }
}
