//! Versions named by entity tags.

use super::*;

#[test]
fn a_known_tag_is_304_compared_weakly() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    let v2 = valid_from(&ann.ask("PUT", NOTE, &[("if-unmodified-since", &v1)], json!({"value": {"a": 2}})));
    let ask = |tags: &str| ann.ask("GET", NOTE, &[("if-none-match", tags)], Json::Null);
    for tags in [format!("\"{v2}\""), format!("W/\"{v2}\""), format!("\"x\", \"{v2}\""), "*".to_owned()] {
        let answer = ask(&tags);
        assert_eq!((answer.status(), answer.0.body.len()), (304, 0), "{tags}");
        assert_eq!(answer.header("etag").unwrap(), format!("\"{v2}\""));
    }
    for tags in [format!("\"{v1}\""), "\"*\"".to_owned(), String::new()] {
        assert_eq!((ask(&tags).status(), &ask(&tags).json()["value"]), (200, &json!({"a": 2})), "{tags}");
    }
    // A cache has whole values, so a tag goes before a date (RFC 9110, 13.1.3).
    let both = ann.ask("GET", NOTE, &[("if-none-match", "\"x\""), ("if-modified-since", &v1)], Json::Null);
    assert_eq!(both.json()["value"], json!({"a": 2}));
    assert_eq!(ann.ask("GET", "/api/v1/entities/note:x", &[("if-none-match", "*")], Json::Null).status(), 404);
}

#[test]
fn a_tag_names_the_version_that_a_change_starts_from() {
    let ann = ann();
    let tag = format!("\"{}\"", ann.note(json!({"a": 1})));
    let put = |headers: &[(&str, &str)], a: u32| ann.ask("PUT", NOTE, headers, json!({"value": {"a": a}}));
    assert_eq!(put(&[("if-match", &tag), ("if-unmodified-since", OLD)], 2).status(), 400);
    assert_eq!(put(&[("if-match", &tag), ("if-unmodified-since", &tag)], 1).status(), 200);
    for bad in ["x", "", "\"", "\"x\"", "\"\u{e9}\"", &format!("W/{tag}"), &format!("{tag}, {tag}")] {
        let answer = put(&[("if-match", bad)], 2);
        assert_eq!((answer.status(), answer.code().as_str()), (400, "bad-request"), "{bad}");
    }
    assert_eq!(put(&[("if-match", "*")], 2).status(), 428, "any version is none to start from");
    assert_eq!(put(&[("if-match", &format!("\"{OLD}\""))], 2).status(), 412);
    assert_eq!(put(&[("if-none-match", "*"), ("if-match", &tag)], 2).status(), 400);
    let changed = put(&[("if-match", &tag)], 2);
    assert_eq!(changed.status(), 200);
    assert_eq!(put(&[("if-match", &tag)], 3).status(), 409, "others were there since");
    let merge = [("if-match", changed.header("etag").unwrap()), ("content-type", "application/merge-patch+json")];
    assert_eq!(ann.ask("PATCH", NOTE, &merge, json!({"b": 1})).status(), 200);
    assert_eq!(ann.ask("DELETE", NOTE, &[("if-match", &format!("\"{OLD}\""))], Json::Null).status(), 412);
    assert_eq!(ann.ask("DELETE", NOTE, &[("if-match", "*")], Json::Null).status(), 200);
}

#[test]
fn head_has_the_headers_of_get() {
    let ann = ann();
    ann.note(json!({"a": 1}));
    let (get, head) = (ann.ask("GET", NOTE, &[], Json::Null), ann.ask("HEAD", NOTE, &[], Json::Null));
    assert_eq!((head.status(), head.0.body.len(), &head.0.headers), (200, 0, &get.0.headers));
}

#[test]
fn what_names_a_version_or_a_key_is_there_once() {
    let ann = ann();
    let v1 = ann.note(json!({"a": 1}));
    for (name, value) in
        [("if-unmodified-since", v1.clone()), ("if-match", format!("\"{v1}\"")), ("idempotency-key", "k".into())]
    {
        let twice = [(name, value.as_str()), (name, value.as_str()), ("if-unmodified-since", v1.as_str())];
        for method in ["PUT", "PATCH"] {
            let answer = ann.ask(method, NOTE, &twice, json!({"value": {"a": 2}, "diff": {"a": 2}}));
            assert_eq!((answer.status(), answer.code().as_str()), (400, "bad-request"), "{method} {name}");
        }
    }
    assert_eq!(ann.ask("GET", NOTE, &[], Json::Null).json()["value"], json!({"a": 1}));
}
