//! Contract section 4: the HTTP side of the same engine.

use anyhow::Result;
use serde_json::json;
use timeweft_e2e::client::{from_cbor, send, to_cbor};
use timeweft_e2e::{Format, Person, fresh, http};

use crate::Url;
use crate::socket::{create, patch, valid_from, value};

crate::cases!(
    "http",
    creating_is_201_with_a_location,
    reading_is_the_value_or_304_or_the_diff,
    putting_a_value_is_merged_like_a_diff,
    patching_answers_like_the_socket,
    deleting_and_undeleting,
    history_is_paged,
    as_of_reads_the_version_valid_then,
    reverting_is_a_new_version_with_the_old_value,
    subscribers_are_listed,
    message_takes_one_request_in_either_format,
    cbor_is_spoken_on_request,
    without_a_session_it_is_401,
    bad_requests_say_so,
    health_is_200,
);

async fn creating_is_201_with_a_location(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let made = ann.http("POST", "/api/v1/entities/note", &[], Some(json!({"value": {"a": 1}}))).await?;
    assert_eq!((made.status, &made.body["value"], &made.body["meta"]["version"]), (201, &json!({"a": 1}), &json!(1)));
    let path = made.header("location").unwrap_or_default().to_owned();
    assert!(path.ends_with(made.body["meta"]["entityId"].as_str().unwrap_or("?")), "{path}");
    assert_eq!(ann.http("GET", &path, &[], None).await?.body["value"], json!({"a": 1}));
    let note = fresh("note");
    let body = json!({"value": 1, "id": note.trim_start_matches("note:")});
    assert_eq!(ann.http("POST", "/api/v1/entities/note", &[], Some(body.clone())).await?.status, 201);
    let again = ann.http("POST", "/api/v1/entities/note", &[], Some(body)).await?;
    assert_eq!(again.status, 409, "{again:?}");
    Ok(())
}

async fn reading_is_the_value_or_304_or_the_diff(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"a": 1})).await?;
    let path = format!("/api/v1/entities/{note}");
    let read = ann.http("GET", &path, &[], None).await?;
    assert_eq!((read.status, &read.body["value"], valid_from(&read.body)), (200, &json!({"a": 1}), first.clone()));
    assert!(read.header("etag").is_some(), "{read:?}");
    let same = ann.http("GET", &path, &[("if-modified-since", &first)], None).await?;
    assert_eq!((same.status, same.bytes.len()), (304, 0), "{same:?}");
    patch(&mut socket, &note, json!({"b": 2}), &first).await?;
    let newer = ann.http("GET", &path, &[("if-modified-since", &first)], None).await?;
    assert_eq!((newer.status, &newer.body["diff"], newer.body.get("value")), (200, &json!({"b": 2}), None));
    let bad = ann.http("GET", &path, &[("if-modified-since", "Sat, 21 Nov 2026 09:30:00 GMT")], None).await?;
    assert_eq!((bad.status, bad.code()), (400, "bad-request"), "{bad:?}");
    let missing = ann.http("GET", &format!("/api/v1/entities/{}", fresh("note")), &[], None).await?;
    assert_eq!((missing.status, missing.code()), (404, "not-found"), "{missing:?}");
    Ok(())
}

async fn putting_a_value_is_merged_like_a_diff(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"a": 1, "b": 1})).await?;
    let path = format!("/api/v1/entities/{note}");
    let put = |value, since: Option<String>| {
        let (ann, path) = (ann.clone(), path.clone());
        async move {
            let headers: Vec<(&str, &str)> =
                since.iter().map(|since| ("if-unmodified-since", since.as_str())).collect();
            ann.http("PUT", &path, &headers, Some(json!({ "value": value }))).await
        }
    };
    assert_eq!(put(json!({"a": 2, "b": 1}), None).await?.status, 428);
    assert_eq!(put(json!({"a": 2, "b": 1}), Some(first.clone())).await?.status, 200);
    assert_eq!(put(json!({"a": 1, "b": 2}), Some(first.clone())).await?.status, 200);
    assert_eq!(value(&mut socket, &note).await?, json!({"a": 2, "b": 2}));
    let clash = put(json!({"a": 3, "b": 1}), Some(first.clone())).await?;
    assert_eq!((clash.status, clash.code(), &clash.body["diff"]), (409, "conflict", &json!({"a": 2, "b": 2})));
    let unknown = put(json!(1), Some("2001-01-01T00:00:00.000Z".into())).await?;
    assert_eq!((unknown.status, &unknown.body["value"]), (412, &json!({"a": 2, "b": 2})), "{unknown:?}");
    Ok(())
}

async fn patching_answers_like_the_socket(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"a": 1})).await?;
    let path = format!("/api/v1/entities/{note}");
    let patch = |diff, since: Option<String>| {
        let (ann, path) = (ann.clone(), path.clone());
        async move {
            let mut headers: Vec<(&str, &str)> = vec![("accept", "application/json")];
            headers.extend(since.iter().map(|since| ("if-unmodified-since", since.as_str())));
            let body = to_cbor(&json!({ "diff": diff }))?;
            send(&ann.url, "PATCH", &path, Some(&ann.cookie), &headers, Some(("application/cbor", body))).await
        }
    };
    let done = patch(json!({"a": 2}), Some(first.clone())).await?;
    assert_eq!((done.status, &done.body["meta"]["version"]), (200, &json!(2)), "{done:?}");
    assert_eq!(patch(json!({"a": 3}), None).await?.status, 428);
    assert_eq!(patch(json!({"a": 3}), Some(first.clone())).await?.status, 409);
    assert_eq!(patch(json!({"a": 3}), Some("2001-01-01T00:00:00.000Z".into())).await?.status, 412);
    let merged = patch(json!({"b": 1}), Some(first)).await?;
    assert_eq!((merged.status, &merged.body["diff"]), (200, &json!({"a": 2, "b": 1})), "{merged:?}");
    let media = send(&url, "PATCH", &path, Some(&ann.cookie), &[], Some(("text/plain", b"x".to_vec()))).await?;
    assert_eq!(media.status, 415, "{media:?}");
    Ok(())
}

async fn deleting_and_undeleting(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let note = fresh("note");
    create(&mut socket, &note, json!(1)).await?;
    let path = format!("/api/v1/entities/{note}");
    let undelete = format!("{path}/undelete");
    assert_eq!(ann.http("POST", &undelete, &[], None).await?.status, 400);
    let gone = ann.http("DELETE", &path, &[], None).await?;
    assert_eq!((gone.status, &gone.body["meta"]["deleted"]), (200, &json!(true)), "{gone:?}");
    assert_eq!(ann.http("GET", &path, &[], None).await?.status, 404);
    assert_eq!(ann.http("DELETE", &path, &[], None).await?.status, 200);
    assert_eq!(ann.http("POST", &undelete, &[], None).await?.status, 200);
    assert_eq!(ann.http("GET", &path, &[], None).await?.status, 200);
    Ok(())
}

async fn history_is_paged(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"n": 0})).await?;
    let second = valid_from(&patch(&mut socket, &note, json!({"n": 1}), &first).await?);
    let page = ann.http("GET", &format!("/api/v1/entities/{note}/history?limit=1"), &[], None).await?;
    assert_eq!((page.status, &page.body["more"]), (200, &json!(true)), "{page:?}");
    assert_eq!(page.body["versions"][0]["validFrom"], json!(second));
    let rest = ann.http("GET", &format!("/api/v1/entities/{note}/history?before={second}"), &[], None).await?;
    assert_eq!((&rest.body["versions"][0]["validFrom"], &rest.body["more"]), (&json!(first), &json!(false)));
    Ok(())
}

async fn as_of_reads_the_version_valid_then(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = ann.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"n": 0})).await?;
    let second = valid_from(&patch(&mut socket, &note, json!({"n": 1}), &first).await?);
    let path = |at: &str| format!("/api/v1/entities/{note}?asOf={at}");
    let old = ann.http("GET", &path(&first), &[("if-modified-since", &second)], None).await?;
    assert_eq!((old.status, &old.body["value"]), (200, &json!({"n": 0})), "{old:?}");
    assert_eq!((&old.body["meta"]["validFrom"], &old.body["meta"]["validTo"]), (&json!(first), &json!(second)));
    let now = ann.http("GET", &path("9998-12-31T00:00:00.000Z"), &[], None).await?;
    assert_eq!((now.status, &now.body["value"], valid_from(&now.body)), (200, &json!({"n": 1}), second));
    let before = ann.http("GET", &path("2001-01-01T00:00:00.000000Z"), &[], None).await?;
    assert_eq!((before.status, before.code()), (404, "not-found"), "{before:?}");
    let bad = ann.http("GET", &path("2001-01-01"), &[], None).await?;
    assert_eq!((bad.status, bad.code()), (400, "bad-request"), "{bad:?}");
    Ok(())
}

async fn reverting_is_a_new_version_with_the_old_value(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut socket, mut reader) = (ann.connect(Format::Json).await?, bob.connect(Format::Cbor).await?);
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"a": 1, "b": 1})).await?;
    let second = valid_from(&patch(&mut socket, &note, json!({"a": 2}), &first).await?);
    reader.call(json!({"method": "subscribe", "entityId": note})).await?;
    let revert = |to: &str, since: Option<String>| {
        let (ann, path, body) = (ann.clone(), format!("/api/v1/entities/{note}/revert"), json!({ "validFrom": to }));
        async move {
            let headers: Vec<(&str, &str)> =
                since.iter().map(|since| ("if-unmodified-since", since.as_str())).collect();
            ann.http("POST", &path, &headers, Some(body)).await
        }
    };
    let unknown = "2001-01-01T00:00:00.000000Z";
    assert_eq!(revert(&first, None).await?.status, 428);
    assert_eq!(revert(unknown, Some(second.clone())).await?.status, 404);
    assert_eq!(revert("yesterday", Some(second.clone())).await?.status, 400);
    assert_eq!(revert(&first, Some(unknown.into())).await?.status, 412);
    let done = revert(&first, Some(second.clone())).await?;
    assert_eq!((done.status, &done.body["meta"]["version"]), (200, &json!(3)), "{done:?}");
    assert_eq!(value(&mut socket, &note).await?, json!({"a": 1, "b": 1}));
    let push = reader.push().await?;
    assert_eq!((&push["diff"], &push["prevValidFrom"]), (&json!({"a": 1}), &json!(second)), "{push}");
    patch(&mut socket, &note, json!({"a": 9}), &valid_from(&done.body)).await?;
    let clash = revert(&second, Some(valid_from(&done.body))).await?;
    assert_eq!((clash.status, clash.code(), &clash.body["diff"]), (409, "conflict", &json!({"a": 9})), "{clash:?}");
    Ok(())
}

async fn subscribers_are_listed(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut ann_socket, mut bob_socket) = (ann.connect(Format::Json).await?, bob.connect(Format::Json).await?);
    let note = fresh("note");
    create(&mut ann_socket, &note, json!(1)).await?;
    for socket in [&mut ann_socket, &mut bob_socket] {
        socket.call(json!({"method": "subscribe", "entityId": note})).await?;
    }
    let path = format!("/api/v1/entities/{note}/subscribers");
    let mut wanted = vec![ann.id.clone(), bob.id.clone()];
    wanted.sort();
    let listed = ann.http("GET", &path, &[], None).await?;
    let mut found: Vec<String> = serde_json::from_value(listed.body["subscribers"].clone())?;
    found.sort();
    assert_eq!((listed.status, found), (200, wanted));
    bob_socket.call(json!({"method": "unsubscribe", "entityId": note})).await?;
    let listed = ann.http("GET", &path, &[], None).await?;
    assert_eq!(listed.body["subscribers"], json!([ann.id]));
    Ok(())
}

async fn message_takes_one_request_in_either_format(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let note = fresh("note");
    let made = ann
        .http("POST", "/message", &[], Some(json!({"id": 7, "method": "post", "entityId": note, "value": 1})))
        .await?;
    assert_eq!((made.status, &made.body["id"], &made.body["status"]), (201, &json!(7), &json!(201)), "{made:?}");
    let get = to_cbor(&json!({"id": 8, "method": "subscribe", "entityId": note}))?;
    let read = send(&url, "POST", "/message", Some(&ann.cookie), &[], Some(("application/cbor", get))).await?;
    let body = from_cbor(&read.bytes)?;
    assert_eq!((read.status, &body["id"], &body["value"]), (200, &json!(8), &json!(1)));
    let missing = json!({"id": 9, "method": "get", "entityId": fresh("note")});
    let missing = ann.http("POST", "/message", &[], Some(missing)).await?;
    assert_eq!((missing.status, &missing.body["status"]), (404, &json!(404)), "{missing:?}");
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(ann.http(method, "/message", &[], None).await?.status, 405, "{method}");
    }
    Ok(())
}

async fn cbor_is_spoken_on_request(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let body = to_cbor(&json!({"value": {"a": {"$undefined": true}}}))?;
    let made =
        send(&url, "POST", "/api/v1/entities/note", Some(&ann.cookie), &[], Some(("application/cbor", body))).await?;
    assert_eq!(made.status, 201, "{made:?}");
    let path = made.header("location").unwrap_or_default().to_owned();
    let read = ann.http("GET", &path, &[("accept", "application/cbor")], None).await?;
    assert_eq!(read.header("content-type"), Some("application/cbor"));
    assert_eq!(from_cbor(&read.bytes)?["value"], json!({"a": {"$undefined": true}}));
    Ok(())
}

async fn without_a_session_it_is_401(url: Url) -> Result<()> {
    let note = format!("/api/v1/entities/{}", fresh("note"));
    for (method, path) in
        [("GET", note.as_str()), ("DELETE", &note), ("POST", "/api/v1/entities/note"), ("POST", "/message")]
    {
        let answer = http(&url, method, path, None, &[], Some(json!({"value": 1}))).await?;
        assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{method} {path}: {answer:?}");
    }
    Ok(())
}

async fn bad_requests_say_so(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    for (method, path, body, wanted) in [
        ("GET", "/api/v1/entities/Note:x", None, 400),
        ("GET", "/api/v1/entities/note:a%20b", None, 400),
        ("POST", "/api/v1/entities/NOTE", Some(json!({"value": 1})), 400),
        ("POST", "/api/v1/entities/note", Some(json!({"value": 1, "id": "a b"})), 400),
        ("POST", "/api/v1/entities/note", Some(json!({})), 400),
        ("GET", "/nowhere", None, 404),
    ] {
        let answer = ann.http(method, path, &[], body).await?;
        assert_eq!(answer.status, wanted, "{method} {path}: {answer:?}");
        assert!(answer.body["error"]["message"].is_string(), "{method} {path}: {answer:?}");
    }
    let malformed =
        send(&url, "POST", "/message", Some(&ann.cookie), &[], Some(("application/json", b"{".to_vec()))).await?;
    assert_eq!(malformed.status, 400, "{malformed:?}");
    Ok(())
}

async fn health_is_200(url: Url) -> Result<()> {
    assert_eq!(http(&url, "GET", "/health", None, &[], None).await?.status, 200);
    Ok(())
}
