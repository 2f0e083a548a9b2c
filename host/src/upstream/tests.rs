use std::sync::Arc;

use super::*;
use crate::gateway::Principal;

fn batch() -> Batch {
    Batch {
        principal: Principal::Gateway,
        connection_id: "c1".into(),
        headers: Arc::new(vec![
            ("host".into(), "example.org".into()),
            ("cookie".into(), "session=x".into()),
            ("connection".into(), "Upgrade".into()),
            ("upgrade".into(), "websocket".into()),
            ("sec-websocket-extensions".into(), "permessage-deflate".into()),
        ]),
        meta: vec![("user".into(), "c1".into()), (PREFIX_META.into(), "m:".into())],
        target: "/connect?x=1".into(),
        events: vec![Event::Text("hi".into())],
    }
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn a_batch_carries_the_clients_headers_and_meta_but_not_the_upgrade() {
    let headers = batch_headers(&batch());
    let get = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(get("host"), Some("example.org"));
    assert_eq!(get("cookie"), Some("session=x"));
    assert_eq!(get("connection-id"), Some("c1"));
    assert_eq!(get("meta-user"), Some("c1"));
    assert_eq!(get("sec-websocket-extensions"), Some("grip"));
    assert_eq!((get("upgrade"), get("connection")), (None, None));
    assert_eq!(headers.keys().filter(|name| name.as_str().starts_with("meta-")).count(), 1);
}

#[test]
fn the_answer_to_open_sets_meta_subscribes_and_unmarks_messages() {
    let headers = header_map(&[
        ("content-type", MEDIA_TYPE),
        ("sec-websocket-extensions", "grip; message-prefix=\"m:\""),
        ("sec-websocket-protocol", "timeweft.json"),
        ("set-meta-user", "c1"),
    ]);
    let control = r#"c:{"type":"subscribe","channel":"a"}"#;
    let body = format!("OPEN\r\nTEXT {:x}\r\n{control}\r\nTEXT 4\r\nm:hi\r\nTEXT 2\r\nhi\r\n", control.len());
    let outcome = outcome(&batch(), true, &headers, body.into()).unwrap();
    assert_eq!(outcome.status, 101);
    assert_eq!(outcome.headers, [("sec-websocket-protocol".into(), "timeweft.json".into())]);
    assert_eq!(
        outcome.replies,
        [
            Reply::SetMeta(PREFIX_META.into(), "m:".into()),
            Reply::SetMeta("user".into(), "c1".into()),
            Reply::Subscribe { channel: "a".into(), id: None, skip_self: false },
            Reply::Send(Content::Text("hi".into())),
        ]
    );
}

#[test]
fn without_grip_what_looks_like_a_control_message_is_a_message() {
    let mut batch = batch();
    batch.meta.clear();
    let outcome = outcome(&batch, false, &HeaderMap::new(), "TEXT 3\r\nc:x\r\n".into()).unwrap();
    assert_eq!(outcome.replies, [Reply::Send(Content::Text("c:x".into()))]);
}

#[test]
fn an_answer_to_open_without_open_opens_nothing() {
    assert!(outcome(&batch(), true, &HeaderMap::new(), "TEXT 1\r\na\r\n".into()).is_err());
    assert!(outcome(&batch(), true, &HeaderMap::new(), Bytes::new()).is_err());
}

#[test]
fn the_prefix_is_read_from_the_extension_header() {
    let prefix = |value: &str| message_prefix(&header_map(&[("sec-websocket-extensions", value)]));
    assert_eq!(prefix("grip"), Some("m:".into()));
    assert_eq!(prefix("grip; message-prefix=\"\""), Some("".into()));
    assert_eq!(prefix("foo, grip;message-prefix=x"), Some("x".into()));
    assert_eq!(prefix("gripes"), None);
}
