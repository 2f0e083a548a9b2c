//! Messages in both formats: they come back as they went in, what is wrong with one is said, and its id is echoed.

mod strategies;

use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use strategies::{json_value, patch, value};
use timeweft_core::codec::cbor::{decode_patch, decode_value, encode_patch, encode_value};
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::message::{Code, Format, Method, Push, Refusal, Request, Response};
use timeweft_core::operation::{CborDiff, CborValue, Exact, Failure, Meta, Step, Told, Violation};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

fn limits() -> Limits {
    Limits::default()
}

fn entity() -> impl Strategy<Value = EntityId> {
    "[a-z][a-z0-9-]{0,31}:[A-Za-z0-9_-]{1,64}".prop_map(|id| EntityId::parse(&id).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::FOREVER.0).prop_map(Timestamp)
}

fn key() -> impl Strategy<Value = String> {
    "\\PC{1,20}"
}

/// A value, but `undefined`, which is none.
fn cbor_value(values: BoxedStrategy<Value>) -> impl Strategy<Value = CborValue> {
    values
        .prop_filter("undefined is none", |value| !matches!(value, Value::Undefined))
        .prop_map(|value| CborValue(encode_value(&value)))
}

fn cbor_diff(values: BoxedStrategy<Value>) -> impl Strategy<Value = CborDiff> {
    patch(values).prop_map(|patch| CborDiff(encode_patch(&patch)))
}

fn method(values: BoxedStrategy<Value>) -> impl Strategy<Value = Method> {
    let (o, t) = (option::of, || option::of(time()));
    prop_oneof![
        (entity(), cbor_value(values.clone()), t(), o(key())).prop_map(
            |(entity, value, valid_from, idempotency_key)| {
                Method::Post { entity, value, valid_from, idempotency_key }
            }
        ),
        (entity(), t(), t(), t()).prop_map(|(entity, if_modified_since, as_of, diff_from)| Method::Get {
            entity,
            if_modified_since,
            as_of,
            diff_from
        }),
        (entity(), cbor_diff(values), t(), o(key()), t()).prop_map(
            |(entity, diff, if_unmodified_since, idempotency_key, valid_from)| {
                Method::PatchDiff { entity, diff, if_unmodified_since, idempotency_key, valid_from }
            }
        ),
        (entity(), t()).prop_map(|(entity, if_unmodified_since)| Method::Delete { entity, if_unmodified_since }),
        entity().prop_map(|entity| Method::PatchUndelete { entity }),
        (entity(), t()).prop_map(|(entity, valid_from)| Method::Subscribe { entity, valid_from }),
        entity().prop_map(|entity| Method::Unsubscribe { entity }),
        (entity(), t(), option::of(any::<u32>())).prop_map(|(entity, before, limit)| Method::History {
            entity,
            before,
            limit
        }),
    ]
}

/// What every client can write: an integer that a JavaScript number holds.
fn id() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_u64, 0..=(1_u64 << 53)]
}

fn meta(values: BoxedStrategy<Value>) -> impl Strategy<Value = Meta> {
    let own = (entity(), 1..(1_u64 << 53), time(), time(), key());
    let more =
        (option::of(cbor_diff(values)), any::<bool>(), option::of(key()), option::of(any::<u32>()), option::of(time()));
    (own, more).prop_map(
        |(
            (entity, version, valid_from, valid_to, person_id),
            (previous_values, deleted, impersonator_id, chunks, recorded_at),
        )| {
            Meta {
                entity_id: entity.to_string(),
                version,
                valid_from,
                valid_to,
                person_id,
                previous_values,
                deleted,
                impersonator_id,
                chunks,
                recorded_at,
                created_at: None,
            }
        },
    )
}

fn told(values: BoxedStrategy<Value>) -> impl Strategy<Value = Told> {
    let exact = || cbor_diff(values.clone()).prop_map(Exact);
    let step = (id(), time(), any::<String>(), exact()).prop_map(|(version, valid_from, person_id, diff)| Step {
        version,
        valid_from,
        person_id,
        diff,
    });
    (cbor_diff(values.clone()), option::of(exact()), prop::collection::vec(step, 0..3))
        .prop_map(|(diff, exact, steps)| Told { diff, exact, steps })
}

/// As in JSON.
fn without_steps(told: Told) -> Told {
    Told { steps: Vec::new(), ..told }
}

fn response(values: BoxedStrategy<Value>) -> impl Strategy<Value = Response> {
    let codes = prop::sample::select(vec![Code::Conflict, Code::NotFound, Code::TooLarge, Code::Busy]);
    let body = (
        option::of(meta(values.clone())),
        option::of(cbor_value(values.clone())),
        option::of(told(values.clone())),
        option::of(prop::collection::vec(meta(values), 0..3)),
        option::of(any::<bool>()),
        option::of((codes, any::<String>())),
        option::of(prop::sample::select(vec!["viewer", "admin"])),
    );
    (option::of(id()), 200..600_u16, body).prop_map(|(id, status, (meta, value, diff, versions, more, error, role))| {
        let violation = Violation { path: "/a".into(), message: "b".into() };
        let violations = if error.is_some() { vec![violation; usize::from(status) % 3] } else { Vec::new() };
        let role = role.map(str::to_owned);
        Response { id, status, meta, value, diff, role, versions, more, error, violations }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_come_back_from_cbor(id in id(), method in method(value())) {
        let request = Request { id, method };
        prop_assert_eq!(Request::decode(&request.encode(Format::Cbor), Format::Cbor, &limits()), Ok(request));
    }

    #[test]
    fn requests_of_json_values_come_back_from_json(id in id(), method in method(json_value())) {
        let request = Request { id, method };
        let frame = request.encode(Format::Json);
        prop_assert_eq!(Request::decode(&frame, Format::Json, &limits()), Ok(request), "{}", String::from_utf8_lossy(&frame));
    }

    #[test]
    fn responses_come_back_from_cbor(response in response(value())) {
        prop_assert_eq!(Response::decode(&response.encode(Format::Cbor), Format::Cbor, &limits()), Ok(response));
    }

    #[test]
    fn responses_of_json_values_come_back_from_json(response in response(json_value())) {
        let frame = response.encode(Format::Json);
        let plain = Response { diff: response.diff.clone().map(without_steps), ..response };
        prop_assert_eq!(Response::decode(&frame, Format::Json, &limits()), Ok(plain), "{}", String::from_utf8_lossy(&frame));
    }

    #[test]
    fn pushes_come_back(entity_id in entity(), diff in told(json_value()), meta in meta(json_value()), prev_valid_from in option::of(time())) {
        let push = Push { entity_id, diff, meta, prev_valid_from };
        let again = |push: &Push, format| Push::decode(&push.encode(format).unwrap(), format, &limits());
        prop_assert_eq!(again(&push, Format::Cbor), Ok(push.clone()));
        prop_assert_eq!(again(&push, Format::Json), Ok(Push { diff: without_steps(push.diff.clone()), ..push }));
    }

    #[test]
    fn any_response_can_be_written_as_json(response in response(value())) {
        let json: Result<serde_json::Value, _> = serde_json::from_slice(&response.encode(Format::Json));
        prop_assert!(json.is_ok());
        let body: serde_json::Value = serde_json::from_slice(&response.encode_body(Format::Json).1).unwrap();
        prop_assert!(body.get("id").is_none() && body.get("status").is_none());
    }

    #[test]
    fn a_request_cut_short_is_refused_and_keeps_its_id(id in id(), method in method(json_value()), at in any::<prop::sample::Index>()) {
        let request = Request { id, method };
        for format in [Format::Cbor, Format::Json] {
            let frame = request.encode(format);
            let cut = &frame[..at.index(frame.len())];
            let refusal = Request::decode(cut, format, &limits()).unwrap_err();
            prop_assert_eq!(refusal.code, Code::BadRequest);
            prop_assert!(refusal.id.is_none_or(|found| found == id), "{:?}", refusal);
            if cut.len() > 30 {
                prop_assert_eq!(refusal.id, Some(id));
            }
        }
    }
}

fn refused(frame: serde_json::Value) -> Refusal {
    let by_json = Request::decode(frame.to_string().as_bytes(), Format::Json, &limits()).unwrap_err();
    let value = timeweft_core::codec::json::value_from_json(&frame, &limits()).unwrap();
    let by_cbor = Request::decode(&encode_value(&value), Format::Cbor, &limits()).unwrap_err();
    assert_eq!(by_json, by_cbor, "both formats are refused alike");
    by_json
}

#[test]
fn a_refusal_names_the_field() {
    let get = |name: &str, field: serde_json::Value| {
        let mut frame = json!({ "id": 4, "method": "patchDiff", "entityId": "note:n", "diff": {}, "ifUnmodifiedSince": "2026-11-21T09:30:00.123456Z" });
        match field {
            serde_json::Value::Null => drop(frame.as_object_mut().unwrap().remove(name)),
            field => frame[name] = field,
        }
        refused(frame)
    };
    for (name, field) in [
        ("entityId", json!(null)),
        ("entityId", json!(5)),
        ("entityId", json!("Note:n")),
        ("entityId", json!("note:")),
        ("diff", json!(null)),
        ("diff", json!({ "a": { "$text": [0] } })),
        ("ifUnmodifiedSince", json!(5)),
        ("ifUnmodifiedSince", json!("2026-11-21")),
        ("ifUnmodifiedSince", json!("2026-11-21T09:30:00Z")),
        ("validFrom", json!("Sat, 21 Nov 2026 09:30:00 GMT")),
        ("idempotencyKey", json!("")),
        ("idempotencyKey", json!("k".repeat(257))),
        ("method", json!(null)),
        ("method", json!(7)),
    ] {
        if name == "diff" && field.is_object() {
            continue;
        }
        let refusal = get(name, field.clone());
        assert_eq!((refusal.id, refusal.code), (Some(4), Code::BadRequest), "{name} {field}");
        assert!(refusal.message.contains(name), "{name} {field}: {}", refusal.message);
    }
    for id in [json!(null), json!(-1), json!(1.5), json!("1"), json!(true)] {
        let refusal = get("id", id.clone());
        assert_eq!((refusal.id, refusal.code), (None, Code::BadRequest), "{id}");
        assert!(refusal.message.contains("id"), "{}", refusal.message);
    }
    let unknown = refused(json!({ "id": 4, "method": "put", "entityId": "note:n" }));
    assert_eq!((unknown.id, unknown.code, unknown.code.status()), (Some(4), Code::UnknownMethod, 400));
    let history = refused(json!({ "id": 4, "method": "history", "entityId": "note:n", "limit": -1 }));
    assert!(history.message.contains("limit"));
    let post = refused(json!({ "id": 4, "method": "post", "entityId": "note:n" }));
    assert!(post.message.contains("value"));
}

#[test]
fn what_is_no_message_at_all_is_refused_without_an_id() {
    for (frame, format) in [
        (&b""[..], Format::Cbor),
        (b"", Format::Json),
        (b"\xff", Format::Cbor),
        (b"hello", Format::Json),
        (b"\x01", Format::Cbor),
        (b"[1]", Format::Json),
        (b"\x81\x01", Format::Cbor),
        (b"{\"id\":4", Format::Cbor),
        (b"\xa1\x62id\x04", Format::Json),
        (b"\xf6", Format::Cbor),
        (b"null", Format::Json),
    ] {
        let refusal = Request::decode(frame, format, &limits()).unwrap_err();
        assert_eq!((refusal.id, refusal.code), (None, Code::BadRequest), "{frame:02x?}");
        let response = Response::from(refusal);
        assert_eq!((response.id, response.status), (None, 400));
    }
}

#[test]
fn undefined_and_null_fields_count_as_absent() {
    let frame = Value::object([
        ("id", Value::Number(4.0)),
        ("method", Value::text("patchDiff")),
        ("entityId", Value::text("note:n")),
        ("diff", Value::object([("a", Value::Undefined)])),
        ("ifUnmodifiedSince", Value::Undefined),
        ("idempotencyKey", Value::Undefined),
        ("validFrom", Value::Null),
    ]);
    let expected = Method::PatchDiff {
        entity: EntityId::parse("note:n").unwrap(),
        diff: CborDiff(vec![0xa1, 0x61, b'a', 0xf7]),
        if_unmodified_since: None,
        idempotency_key: None,
        valid_from: None,
    };
    let expected = Ok(Request { id: 4, method: expected });
    assert_eq!(Request::decode(&encode_value(&frame), Format::Cbor, &limits()), expected);
    let json = br#"{"id":4,"method":"patchDiff","entityId":"note:n","diff":{"a":{"$undefined":true}},"ifUnmodifiedSince":{"$undefined":true}}"#;
    assert_eq!(Request::decode(json, Format::Json, &limits()), expected);
}

#[test]
fn what_is_too_deep_is_too_large_in_a_value_and_a_bad_request_in_a_diff() {
    for depth in [200_usize, 1000, 100_000] {
        for (field, method, code) in [("value", "post", Code::TooLarge), ("diff", "patchDiff", Code::BadRequest)] {
            let nested = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            let json = format!(r#"{{"id":4,"method":"{method}","entityId":"note:n","{field}":{nested}}}"#);
            let by_json = Request::decode(json.as_bytes(), Format::Json, &limits()).unwrap_err();
            assert_eq!((by_json.id, by_json.code), (Some(4), code), "{field}, {depth} levels: {}", by_json.message);
            let mut cbor = encode_value(&Value::object([
                ("id", Value::Number(4.0)),
                ("method", Value::text(method)),
                ("entityId", Value::text("note:n")),
            ]));
            cbor[0] += 1;
            cbor.push(0x60 + field.len() as u8);
            cbor.extend_from_slice(field.as_bytes());
            cbor.extend(b"\xa1\x61a".repeat(depth));
            cbor.push(1);
            // Past the frame's own scan, the entity says so of a diff a little too deep.
            let by_cbor = match Request::decode(&cbor, Format::Cbor, &limits()) {
                Err(refusal) => (refusal.id, refusal.code),
                Ok(Request { id, method: Method::PatchDiff { diff, .. } }) => {
                    let (code, _) = decode_patch(&diff.0, &limits()).unwrap_err().into();
                    (Some(id), code)
                }
                Ok(other) => panic!("{other:?}"),
            };
            assert_eq!(by_cbor.1, code, "{field}, {depth} levels");
        }
    }
}

#[test]
fn a_frame_past_the_limit_keeps_its_id_however_it_was_written() {
    let long = || Value::text("x".repeat(1 << 20));
    let frame = |members: Vec<(&str, Value)>| {
        let mut out = vec![0xa0 + members.len() as u8];
        for (key, value) in members {
            out.extend(encode_value(&Value::text(key)));
            out.extend(encode_value(&value));
        }
        out
    };
    let id = 1_795_253_400_000_u64;
    for cbor in [
        frame(vec![("id", Value::Number(id as f64)), ("value", long())]),
        frame(vec![("id", Value::BigInt(id.into())), ("value", long())]),
        frame(vec![("method", Value::text("post")), ("id", Value::Number(id as f64)), ("value", long())]),
    ] {
        let refusal = Request::decode(&cbor, Format::Cbor, &limits()).unwrap_err();
        assert_eq!((refusal.id, refusal.code), (Some(id), Code::TooLarge));
    }
    for start in [r#"{"id":1795253400000,"é":""#, "\n{ \"id\" : 1795253400000 , \"value\":\""] {
        let json = format!("{start}{}\"}}", "é".repeat(1 << 20));
        let refusal = Request::decode(json.as_bytes(), Format::Json, &limits()).unwrap_err();
        assert_eq!((refusal.id, refusal.code), (Some(id), Code::TooLarge));
    }
    // Over HTTP another bound holds.
    let cbor = Request {
        id,
        method: Method::Post {
            entity: EntityId::parse("note:n").unwrap(),
            value: CborValue(encode_value(&long())),
            valid_from: None,
            idempotency_key: None,
        },
    };
    assert!(Request::decode_within(&cbor.encode(Format::Cbor), Format::Cbor, limits().body_bytes, &limits()).is_ok());
}

#[test]
fn ids_up_to_2_to_the_53_come_back_as_numbers() {
    for (id, bytes) in [(7, "07"), (1 << 32, "fa4f800000"), (1_795_253_400_001, "fb427a1fe28fd6c100")] {
        let frame: String =
            Response::ok(Some(id)).encode(Format::Cbor).iter().map(|byte| format!("{byte:02x}")).collect();
        if id < 1 << 33 {
            assert!(frame.contains(&format!("626964{bytes}")), "{frame}");
        }
        assert!(!frame.contains("6269641b"), "a head of eight bytes is a bigint to cbor-x");
    }
}

#[test]
fn a_failure_is_answered_with_what_helps() {
    let meta = Meta {
        entity_id: "note:n".into(),
        version: 3,
        valid_from: Timestamp(5),
        valid_to: Timestamp::FOREVER,
        person_id: "ann".into(),
        previous_values: None,
        deleted: false,
        impersonator_id: None,
        chunks: None,
        recorded_at: None,
        created_at: None,
    };
    let diff = CborDiff(encode_patch(&timeweft_core::diff::Patch::Remove));
    let value = CborValue(encode_value(&Value::Null));
    let cases = [
        (Failure::NotFound, 404, "not-found"),
        (Failure::Exists, 409, "exists"),
        (Failure::Conflict(diff.into(), Box::new(meta.clone())), 409, "conflict"),
        (Failure::UnknownVersion(value.clone(), Box::new(meta.clone())), 412, "unknown-version"),
        (Failure::PreconditionRequired, 428, "precondition-required"),
        (Failure::NotDeleted, 400, "not-deleted"),
        (Failure::BadRequest("x".into()), 400, "bad-request"),
        (Failure::Forbidden("x".into()), 403, "forbidden"),
        (Failure::TooLarge("x".into()), 413, "too-large"),
        (Failure::Busy, 503, "busy"),
        (Failure::Unavailable("x".into()), 503, "unavailable"),
    ];
    for (failure, status, code) in cases {
        let with = (matches!(failure, Failure::Conflict(..)), matches!(failure, Failure::UnknownVersion(..)));
        let response = Response::of_failure(Some(1), failure);
        assert_eq!((response.status, response.error.as_ref().map(|(code, _)| code.as_str())), (status, Some(code)));
        assert_eq!((response.diff.is_some(), response.value.is_some()), with);
        assert_eq!(response.meta.is_some(), with.0 || with.1);
    }
    assert_eq!(decode_value(&value.0, &limits()), Ok(Value::Null));
}
