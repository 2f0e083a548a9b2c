use super::*;

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).expect("only text in this test")
}

#[test]
fn every_event_is_read() {
    let body = b"OPEN\r\nTEXT 5\r\nhello\r\nBINARY 3\r\n\x00\r\n\r\nPING 0\r\n\r\nPING\r\nPONG 1\r\nx\r\nCLOSE 2\r\n\x03\xe8\r\nDISCONNECT\r\n";
    let events = vec![
        Event::Open,
        Event::Text("hello".into()),
        Event::Binary(b"\x00\r\n".to_vec()),
        Event::Ping(vec![]),
        Event::Ping(vec![]),
        Event::Pong(b"x".to_vec()),
        Event::Close(Some(1000)),
        Event::Disconnect,
    ];
    assert_eq!(decode(body), Ok(events));
}

#[test]
fn a_length_is_hexadecimal() {
    assert_eq!(
        decode(b"TEXT 1a\r\nabcdefghijklmnopqrstuvwxyz\r\n"),
        decode(b"TEXT 1A\r\nabcdefghijklmnopqrstuvwxyz\r\n")
    );
    assert_eq!(decode(b"TEXT 1a\r\nabcdefghijklmnopqrstuvwxyz\r\n").map(|events| events.len()), Ok(1));
}

#[test]
fn a_close_may_carry_no_code_or_a_reason() {
    assert_eq!(decode(b"CLOSE\r\nCLOSE 0\r\n\r\n"), Ok(vec![Event::Close(None), Event::Close(None)]));
    assert_eq!(decode(b"CLOSE 5\r\n\x03\xe9bye\r\n"), Ok(vec![Event::Close(Some(1001))]));
    assert_eq!(decode(b"CLOSE 1\r\n\x03\r\n"), Err(DecodeError::Close));
}

#[test]
fn an_empty_body_is_no_events() {
    assert_eq!(decode(b""), Ok(vec![]));
}

#[test]
fn malformed_bodies_are_refused() {
    assert_eq!(decode(b"OPEN"), Err(DecodeError::Unterminated));
    assert_eq!(decode(b"TEXT 5\r\nhell"), Err(DecodeError::Length));
    assert_eq!(decode(b"TEXT 5\r\nhello"), Err(DecodeError::Length));
    assert_eq!(decode(b"TEXT 4\r\nhello\r\n"), Err(DecodeError::Length));
    assert_eq!(decode(b"TEXT ffffffffffffffff\r\nx\r\n"), Err(DecodeError::Length));
    assert_eq!(decode(b"TEXT -1\r\nx\r\n"), Err(DecodeError::Length));
    assert_eq!(decode(b"TEXT 1\r\n\xff\r\n"), Err(DecodeError::Text));
    assert_eq!(decode(b"open\r\n"), Err(DecodeError::Type("open".into())));
    assert_eq!(decode(b"\r\n"), Err(DecodeError::Type(String::new())));
}

#[test]
fn more_events_than_a_gateway_sends_are_refused() {
    assert_eq!(decode(&b"PING\r\n".repeat(MAX_EVENTS + 1)), Err(DecodeError::TooMany));
}

#[test]
fn an_opened_connection_is_answered_by_open_first() {
    assert_eq!(text(encode(&[], true)), "OPEN\r\n");
    assert_eq!(text(encode(&[], false)), "");
}

#[test]
fn messages_go_out_with_the_prefix() {
    assert_eq!(text(encode(&[Reply::Text("hé".into())], false)), "TEXT 5\r\nm:hé\r\n");
    assert_eq!(
        encode(&[Reply::Binary(vec![0xff; 14])], false),
        [b"BINARY 10\r\nm:", &[0xff; 14][..], b"\r\n"].concat()
    );
    assert_eq!(text(encode(&[Reply::Pong(b"x".to_vec())], false)), "PONG 1\r\nx\r\n");
}

#[test]
fn a_message_that_looks_like_a_control_message_stays_a_message() {
    assert_eq!(text(encode(&[Reply::Text("c:{}".into())], false)), "TEXT 6\r\nm:c:{}\r\n");
}

#[test]
fn a_subscription_is_a_control_message_and_names_the_version_held() {
    let of =
        |id: Option<&str>| Reply::Subscribe(Subscription { channel: "json:note:a".into(), id: id.map(str::to_owned) });
    let content = r#"c:{"type":"subscribe","channel":"json:note:a","filters":["skip-self"]}"#;
    assert_eq!(text(encode(&[of(None)], false)), format!("TEXT {:x}\r\n{content}\r\n", content.len()));
    let content = r#"c:{"type":"subscribe","channel":"json:note:a","filters":["skip-self"],"id":"7"}"#;
    assert_eq!(text(encode(&[of(Some("7"))], false)), format!("TEXT {:x}\r\n{content}\r\n", content.len()));
    let content = r#"c:{"type":"unsubscribe","channel":"json:note:a"}"#;
    let body = encode(&[Reply::Unsubscribe("json:note:a".into())], false);
    assert_eq!(text(body), format!("TEXT {:x}\r\n{content}\r\n", content.len()));
}

#[test]
fn only_the_user_meta_is_a_control_message_too() {
    let of = |name: &str| Reply::SetMeta(Header { name: name.into(), value: "c1".into() });
    assert_eq!(text(encode(&[of("session")], false)), "");
    let content = r#"c:{"type":"set-meta","name":"user","value":"c1"}"#;
    assert_eq!(text(encode(&[of("user")], false)), format!("TEXT {:x}\r\n{content}\r\n", content.len()));
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let body = encode(&[Reply::Close((1008, "é".repeat(100)))], false);
    let expected = [b"CLOSE 7c\r\n\x03\xf0", "é".repeat(61).as_bytes(), b"\r\n"].concat();
    assert_eq!(body, expected);
}
