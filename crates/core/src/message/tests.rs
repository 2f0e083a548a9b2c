use super::*;
use crate::id::EntityId;
use crate::limits::Limits;
use crate::operation::{CborDiff, CborValue, Failure, Meta};
use crate::time::Timestamp;

const FORMATS: [Format; 2] = [Format::Cbor, Format::Json];

fn meta() -> Meta {
    Meta {
        entity_id: "note:n".into(),
        version: 2,
        valid_from: Timestamp(1_700_000_000_000_001),
        valid_to: Timestamp::FOREVER,
        person_id: "ann".into(),
        previous_values: Some(CborDiff(vec![0xa1, 0x61, b'a', 0x01])),
        deleted: true,
        impersonator_id: None,
        chunks: Some(3),
        recorded_at: None,
        created_at: None,
    }
}

#[test]
fn requests_of_every_method_come_back_from_either_format() {
    let entity = || EntityId::parse("note:n").unwrap();
    let at = Some(Timestamp(1_700_000_000_000_000));
    let value = CborValue(vec![0xa1, 0x61, b'a', 0xf7]);
    let diff = CborDiff(vec![0xa1, 0x61, b'a', 0xf7]);
    let key = Some("k".to_owned());
    let methods = [
        Method::Post { entity: entity(), value, valid_from: at, idempotency_key: key.clone() },
        Method::Get { entity: entity(), if_modified_since: at, as_of: None, diff_from: None },
        Method::PatchDiff { entity: entity(), diff, if_unmodified_since: at, idempotency_key: key, valid_from: None },
        Method::Delete { entity: entity(), if_unmodified_since: None },
        Method::PatchUndelete { entity: entity() },
        Method::Subscribe { entity: entity(), valid_from: at },
        Method::Unsubscribe { entity: entity() },
        Method::History { entity: entity(), before: at, limit: Some(5) },
    ];
    for method in methods {
        let request = Request { id: 7, method };
        for format in FORMATS {
            assert_eq!(Request::decode(&request.encode(format), format, &Limits::default()), Ok(request.clone()));
        }
    }
}

#[test]
fn responses_and_pushes_come_back_from_either_format() {
    let diff = CborDiff(vec![0xa1, 0x61, b'a', 0x02]);
    let conflict = Response::of_failure(Some(1), Failure::Conflict(diff.clone().into(), Box::new(meta())));
    assert_eq!((conflict.status, conflict.error.as_ref().map(|(code, _)| *code)), (409, Some(Code::Conflict)));
    let page = Response { versions: Some(vec![meta(), meta()]), more: Some(true), ..Response::ok(Some(2)) };
    let entity_id = EntityId::parse("note:n").unwrap();
    let push = Push { entity_id, diff: diff.into(), meta: meta(), prev_valid_from: Some(Timestamp(5)) };
    for format in FORMATS {
        for response in [&conflict, &page] {
            assert_eq!(Response::decode(&response.encode(format), format, &Limits::default()).as_ref(), Ok(response));
        }
        assert_eq!(Push::decode(&push.encode(format).unwrap(), format, &Limits::default()).as_ref(), Ok(&push));
    }
}

#[test]
fn what_is_no_request_is_refused_with_its_id_if_it_has_one() {
    let refused = |text: &str| Request::decode(text.as_bytes(), Format::Json, &Limits::default()).unwrap_err();
    assert_eq!((refused("{").id, refused("[]").code), (None, Code::BadRequest));
    assert_eq!(refused(r#"{"id":4,"method":"frob","entityId":"note:n"}"#).code, Code::UnknownMethod);
    assert_eq!(refused(r#"{"id":4,"method":"get","entityId":"Note:n"}"#).id, Some(4));
    assert_eq!(refused(r#"{"id":4,"method":"post","entityId":"note:n"}"#).code, Code::BadRequest);
    assert_eq!(refused(r#"{"id":4,"method":"history","entityId":"note:n","limit":0}"#).code, Code::BadRequest);
    assert_eq!(refused(r#"{"method":"get","entityId":"note:n"}"#).id, None);
    let long = format!(r#"{{"id":9,"method":"post","entityId":"note:n","value":"{}"}}"#, "x".repeat(1 << 20));
    assert_eq!((refused(&long).id, refused(&long).code), (Some(9), Code::TooLarge));
}

#[test]
fn a_message_in_records_as_cbor_x_writes_it_is_read() {
    // new Encoder({structuredClone: true}).encode({id: 1, method: "post", entityId: "note:n", value: {a: 1}})
    let mut frame = vec![0xd9, 0xdf, 0xff, 0x86, 0x19, 0xe0, 0x00, 0x84];
    for key in ["id", "method", "entityId", "value"] {
        frame.push(0x60 + key.len() as u8);
        frame.extend_from_slice(key.as_bytes());
    }
    frame.extend_from_slice(b"\x01\x64post\x66note:n");
    frame.extend_from_slice(&[0xd9, 0xdf, 0xff, 0x83, 0x19, 0xe0, 0x01, 0x81, 0x61, b'a', 0x01]);
    let request = Request::decode(&frame, Format::Cbor, &Limits::default()).unwrap();
    let Method::Post { value, .. } = request.method else { panic!("a post") };
    assert_eq!(value, CborValue(vec![0xa1, 0x61, b'a', 0x01]));
}

#[test]
fn what_cannot_be_written_is_an_error_and_nothing_else() {
    let broken = || [0x81].to_vec();
    let value = Response { value: Some(CborValue(broken())), meta: Some(meta()), ..Response::ok(Some(4)) };
    let diff = Response { diff: Some(CborDiff(broken()).into()), ..Response::ok(Some(4)) };
    let reverse = Meta { previous_values: Some(CborDiff(broken())), ..meta() };
    let versions = Response { versions: Some(vec![meta(), reverse.clone()]), ..Response::ok(Some(4)) };
    let other = Response { meta: Some(reverse), ..Response::ok(Some(4)) };
    for response in [value, diff, versions, other] {
        let (status, frame) = response.encode_framed(Format::Json);
        let read = Response::decode(&frame, Format::Json, &Limits::default()).unwrap();
        assert_eq!((status, read.status, read.id), (503, 503, Some(4)));
        assert_eq!(read.error.as_ref().map(|(code, _)| *code), Some(Code::Unavailable));
        assert_eq!((read.value, read.diff, read.meta, read.versions), (None, None, None, None));
        assert_eq!(response.encode_body(Format::Json).0, 503);
    }
    let entity_id = EntityId::parse("note:n").unwrap();
    let push = Push { entity_id, diff: CborDiff(broken()).into(), meta: meta(), prev_valid_from: None };
    assert!(push.encode(Format::Json).is_err());
}

#[test]
fn an_id_past_where_numbers_are_exact_is_not_echoed_though_the_frame_is_cut_short() {
    let refused = |text: &str| Request::decode(text.as_bytes(), Format::Json, &Limits::default()).unwrap_err().id;
    for (id, known) in
        [("9007199254740992", Some(1 << 53)), ("17952534000000000", None), ("18446744073709551615", None)]
    {
        assert_eq!(refused(&format!(r#"{{"id":{id},"method":"get""#)), known, "{id}");
        assert_eq!(refused(&format!(r#"{{"id":{id},"method":"frob","entityId":"note:n"}}"#)), known, "{id}");
    }
}
