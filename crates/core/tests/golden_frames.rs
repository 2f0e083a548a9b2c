//! `tests/golden/*.cbor`: what is on the wire, byte for byte, held against `docs/protocol.cddl` and against the decoder.
//!
//! A change of a byte there is a change of the protocol. `TIMEWEFT_BLESS=1 cargo test -p timeweft-core --test golden_frames`
//! writes the files anew.

#![allow(clippy::disallowed_methods, reason = "a test reads files of this repository; core itself does no I/O")]

mod cddl;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Once;

use cddl::{Cddl, Item};
use num_bigint::BigInt;
use timeweft_core::codec::cbor::{decode_patch, decode_value, encode_patch, encode_value};
use timeweft_core::diff::{Increment, Joins, Patch, Segment};
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::members::Members;
use timeweft_core::message::{Code, Format, Method, Push, Request, Response};
use timeweft_core::operation::{CborDiff, CborValue, Exact, Failure, Meta, Step, Told, Violation};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn at(micros: u64) -> Timestamp {
    Timestamp(1_795_253_400_000_000 + micros)
}

fn note() -> Value {
    Value::object([("title", Value::text("Weft")), ("blob", Value::text("warp"))])
}

fn values() -> Vec<(&'static str, Value)> {
    let numbers =
        [0.0, -0.0, 23.0, 24.0, -1.0, -256.0, 4_294_967_295.0, 4_294_967_296.0, -4_294_967_296.0, 0.5, 0.1, 1e300];
    let bigs = [
        BigInt::from(1),
        BigInt::from(-5),
        BigInt::from(u64::MAX),
        BigInt::from(u64::MAX) + 1,
        -(BigInt::from(1) << 70_u8),
    ];
    vec![
        ("note", note()),
        ("scalars", Value::Array(vec![Value::Undefined, Value::Null, Value::Bool(true), Value::Bool(false)])),
        ("numbers", Value::Array(numbers.into_iter().chain([f64::NAN, f64::INFINITY]).map(Value::Number).collect())),
        ("bigints", Value::Array(bigs.into_iter().map(Value::BigInt).collect())),
        ("texts", Value::Array(["", "é", "😀", &"x".repeat(300)].map(Value::text).into())),
        ("dates", Value::Array([0.0, 1_234_567_890_123.0, -1.0, f64::NAN].map(Value::Date).into())),
        ("bytes", Value::Array(vec![Value::Bytes(vec![]), Value::Bytes(vec![0, 255])])),
        (
            "typed-arrays",
            Value::Array(vec![Value::Typed(64, vec![1, 2]), Value::Typed(86, 1.5_f64.to_le_bytes().to_vec())]),
        ),
        ("set", Value::Set(vec![Value::Number(1.0), Value::text("a")])),
        ("map", Value::Map(vec![(Value::Number(1.0), Value::text("a")), (Value::text("a"), Value::Map(vec![]))])),
        ("object-with-undefined", Value::object([("a", Value::Undefined), ("b", Value::Null)])),
    ]
}

fn patches() -> Vec<(&'static str, Patch)> {
    let map = |members: Vec<(&str, Patch)>| {
        Patch::Map(members.into_iter().map(|(key, patch)| (key.to_owned(), patch)).collect())
    };
    vec![
        ("nothing", map(vec![])),
        (
            "base-form",
            map(vec![
                ("title", Patch::Value(Value::text("Warp"))),
                ("blob", Patch::Remove),
                ("tags", map(vec![("2", Patch::Value(Value::Number(1.0)))])),
            ]),
        ),
        ("replace", map(vec![("settings", Patch::Replace(Value::object([("dark", Value::Bool(true))])))])),
        ("replace-by-undefined", map(vec![("a", Patch::Replace(Value::Undefined))])),
        (
            "text-edits",
            map(vec![(
                "blob",
                Patch::Text(vec![Segment::Keep(300), Segment::Delete(2), Segment::Insert("😀".into(), Joins::NONE)]),
            )]),
        ),
        (
            "array-edits",
            map(vec![(
                "list",
                Patch::Array(vec![
                    Segment::Keep(1),
                    Segment::Delete(1),
                    Segment::Insert(vec![Value::text("new"), note()], Joins::NONE),
                    Segment::Inner(map(vec![("done", Patch::Value(Value::Bool(true)))])),
                ]),
            )]),
        ),
        (
            "moves",
            map(vec![(
                "list",
                Patch::Array(vec![
                    Segment::Put(2, None),
                    Segment::Take(0),
                    Segment::Take(1),
                    Segment::Keep(3),
                    Segment::Put(0, None),
                    Segment::Put(1, Some(map(vec![("done", Patch::Value(Value::Bool(true)))]))),
                    Segment::Take(2),
                    Segment::Take(3),
                    Segment::Insert(vec![Value::Null], Joins { before: true, behind: false }),
                    Segment::Take(4),
                    Segment::Put(3, None),
                    Segment::Put(4, None),
                ]),
            )]),
        ),
        (
            "joined",
            map(vec![(
                "blob",
                Patch::Text(vec![
                    Segment::Keep(1),
                    Segment::Insert("a".into(), Joins { before: true, behind: false }),
                    Segment::Keep(1),
                    Segment::Insert("b".into(), Joins { before: false, behind: true }),
                    Segment::Keep(1),
                    Segment::Insert("c".into(), Joins { before: true, behind: true }),
                ]),
            )]),
        ),
        (
            "increments",
            map(vec![
                ("a", Patch::Increment(Increment { by: Value::Number(2.0), to: None })),
                ("b", Patch::Increment(Increment { by: Value::Number(-0.5), to: Some(Value::Number(1.5)) })),
                ("c", Patch::Increment(Increment { by: Value::BigInt(BigInt::from(1)), to: None })),
            ]),
        ),
        (
            "entries",
            map(vec![
                ("set", Patch::Entries(vec![Segment::Delete(1), Segment::Insert(vec![Value::text("x")], Joins::NONE)])),
                (
                    "map",
                    Patch::Entries(vec![
                        Segment::Keep(1),
                        Segment::Inner(Patch::Array(vec![
                            Segment::Keep(1),
                            Segment::Inner(map(vec![("done", Patch::Value(Value::Bool(true)))])),
                        ])),
                    ]),
                ),
            ]),
        ),
        ("leaf", Patch::Value(Value::Array(vec![Value::Date(0.0)]))),
    ]
}

fn meta() -> Meta {
    Meta {
        entity_id: "note:note-123".into(),
        version: 2,
        valid_from: at(123_456),
        valid_to: Timestamp::FOREVER,
        person_id: "ann".into(),
        previous_values: Some(CborDiff(encode_patch(&Patch::Map(Members::from([(
            "title".into(),
            Patch::Value(Value::text("Weft")),
        )]))))),
        deleted: false,
        impersonator_id: None,
        chunks: None,
        recorded_at: None,
        created_at: None,
    }
}

fn first_meta() -> Meta {
    Meta { version: 1, valid_from: at(0), previous_values: None, ..meta() }
}

fn requests() -> Vec<(&'static str, Request)> {
    let entity = || EntityId::parse("note:note-123").unwrap();
    let diff = CborDiff(encode_patch(&patches()[1].1));
    let value = CborValue(encode_value(&note()));
    let key = Some("9f2c".to_owned());
    let request = |id, method| Request { id, method };
    vec![
        (
            "post",
            request(
                1,
                Method::Post { entity: entity(), value: value.clone(), valid_from: None, idempotency_key: None },
            ),
        ),
        (
            "post-dated",
            request(2, Method::Post { entity: entity(), value, valid_from: Some(at(0)), idempotency_key: key.clone() }),
        ),
        ("get", request(3, Method::Get { entity: entity(), if_modified_since: None, as_of: None, diff_from: None })),
        (
            "get-since",
            request(24, Method::Get { entity: entity(), if_modified_since: Some(at(0)), as_of: None, diff_from: None }),
        ),
        (
            "get-as-of",
            request(
                300,
                Method::Get { entity: entity(), if_modified_since: None, as_of: Some(at(5)), diff_from: None },
            ),
        ),
        (
            "get-diff",
            request(
                301,
                Method::Get { entity: entity(), if_modified_since: None, as_of: Some(at(5)), diff_from: Some(at(0)) },
            ),
        ),
        (
            "patch-diff",
            request(
                1_795_253_400_000,
                Method::PatchDiff {
                    entity: entity(),
                    diff,
                    if_unmodified_since: Some(at(0)),
                    idempotency_key: key,
                    valid_from: None,
                },
            ),
        ),
        ("delete", request(5, Method::Delete { entity: entity(), if_unmodified_since: Some(at(0)) })),
        ("patch-undelete", request(6, Method::PatchUndelete { entity: entity() })),
        ("subscribe", request(7, Method::Subscribe { entity: entity(), valid_from: Some(at(0)) })),
        ("unsubscribe", request(8, Method::Unsubscribe { entity: entity() })),
        ("history", request(9, Method::History { entity: entity(), before: Some(at(9)), limit: Some(10) })),
    ]
}

fn responses() -> Vec<(&'static str, Response)> {
    let diff = CborDiff(encode_patch(&patches()[1].1));
    let value = CborValue(encode_value(&note()));
    let deleted = Meta { version: 3, deleted: true, impersonator_id: Some("bob".into()), chunks: Some(2), ..meta() };
    let step = Step { version: 1, valid_from: at(0), person_id: "bob".into(), diff: Exact(diff.clone()) };
    vec![
        ("created", Response { status: 201, meta: Some(first_meta()), ..Response::ok(Some(1)) }),
        ("value", Response { value: Some(value.clone()), meta: Some(meta()), ..Response::ok(Some(3)) }),
        ("diff", Response { diff: Some(diff.clone().into()), meta: Some(meta()), ..Response::ok(Some(24)) }),
        ("not-modified", Response { status: 304, ..Response::ok(Some(300)) }),
        (
            "merged",
            Response {
                diff: Some(Told { steps: vec![step], ..diff.clone().into() }),
                meta: Some(meta()),
                ..Response::ok(Some(1_795_253_400_000))
            },
        ),
        ("deleted", Response { meta: Some(deleted.clone()), ..Response::ok(Some(5)) }),
        ("done", Response::ok(Some(8))),
        (
            "versions",
            Response {
                versions: Some(vec![deleted, meta(), first_meta()]),
                more: Some(false),
                ..Response::ok(Some(9))
            },
        ),
        ("conflict", Response::of_failure(Some(4), Failure::Conflict(diff.into(), Box::new(meta())))),
        ("unknown-version", Response::of_failure(Some(4), Failure::UnknownVersion(value, Box::new(meta())))),
        ("not-found", Response::of_failure(Some(3), Failure::NotFound)),
        ("refused", Response::error(None, Code::BadRequest, "not CBOR at byte 0")),
        (
            "invalid-value",
            Response {
                violations: vec![Violation { path: "/title".into(), message: "5 is not of type \"string\"".into() }],
                ..Response::error(Some(9), Code::InvalidValue, "the value would break the rules of its type")
            },
        ),
    ]
}

fn pushes() -> Vec<(&'static str, Push)> {
    let entity_id = EntityId::parse("note:note-123").unwrap();
    let first =
        CborDiff(encode_patch(&Patch::Map(Members::from([("title".into(), Patch::Value(Value::text("Weft")))]))));
    let diff = CborDiff(encode_patch(&patches()[1].1));
    let (_, moves) = patches().into_iter().find(|(name, _)| *name == "moves").unwrap();
    vec![
        ("first", Push { entity_id: entity_id.clone(), diff: first.into(), meta: first_meta(), prev_valid_from: None }),
        (
            "change",
            Push {
                entity_id: entity_id.clone(),
                diff: diff.clone().into(),
                meta: meta(),
                prev_valid_from: Some(at(0)),
            },
        ),
        (
            "moved",
            Push {
                entity_id,
                diff: Told { exact: Some(Exact(CborDiff(encode_patch(&moves)))), ..diff.into() },
                meta: meta(),
                prev_valid_from: Some(at(0)),
            },
        ),
    ]
}

/// Every file: its name, which begins with the rule that it is of, and its bytes.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    files.extend(values().into_iter().map(|(name, value)| (format!("value.{name}"), encode_value(&value))));
    files.extend(patches().into_iter().map(|(name, patch)| (format!("diff.{name}"), encode_patch(&patch))));
    files.extend(
        requests().into_iter().map(|(name, request)| (format!("request.{name}"), request.encode(Format::Cbor))),
    );
    files.extend(
        responses().into_iter().map(|(name, response)| (format!("response.{name}"), response.encode(Format::Cbor))),
    );
    files.extend(pushes().into_iter().map(|(name, push)| (format!("push.{name}"), push.encode(Format::Cbor).unwrap())));
    files
}

fn folder() -> PathBuf {
    static BLESSED: Once = Once::new();
    let folder = repository().join("tests/golden");
    BLESSED.call_once(|| {
        if std::env::var_os("TIMEWEFT_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            files()
                .iter()
                .for_each(|(name, bytes)| std::fs::write(folder.join(format!("{name}.cbor")), bytes).unwrap());
        }
    });
    folder
}

fn golden(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.cbor"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; TIMEWEFT_BLESS=1 writes it", path.display()))
}

fn protocol() -> Cddl {
    Cddl::parse(&std::fs::read_to_string(repository().join("docs/protocol.cddl")).unwrap())
}

#[test]
fn what_is_written_is_what_was_written() {
    for (name, bytes) in files() {
        assert_eq!(golden(&name), bytes, "{name}");
    }
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok()?.strip_suffix(".cbor").map(str::to_owned))
        .collect();
    assert_eq!(there, files().into_keys().collect(), "no file is left over");
}

#[test]
fn golden_files_are_what_the_cddl_says() {
    let protocol = protocol();
    for name in files().into_keys() {
        let item = Item::read(&golden(&name));
        let (rule, _) = name.split_once('.').unwrap();
        assert!(protocol.allows(rule, &item), "{name} is no {rule}: {item:?}");
        let is_frame = ["request", "response", "push"].contains(&rule);
        assert_eq!(protocol.allows("frame", &item), is_frame, "{name}");
        let kinds = ["request", "response", "push"].into_iter().filter(|kind| protocol.allows(kind, &item));
        assert_eq!(kinds.count(), usize::from(is_frame), "{name} can be told from the other frames");
    }
}

#[test]
fn every_rule_of_the_cddl_is_met_by_a_golden_file_or_part_of_one() {
    fn parts<'i>(item: &'i Item, into: &mut Vec<&'i Item>) {
        into.push(item);
        match item {
            Item::Array(items) => items.iter().for_each(|item| parts(item, into)),
            Item::Map(entries) => entries.iter().for_each(|(key, value)| {
                parts(key, into);
                parts(value, into);
            }),
            Item::Tag(_, inside) => parts(inside, into),
            _ => {}
        }
    }
    let protocol = protocol();
    let items: Vec<Item> = files().into_keys().map(|name| Item::read(&golden(&name))).collect();
    let mut all = Vec::new();
    items.iter().for_each(|item| parts(item, &mut all));
    for rule in protocol.rules() {
        assert!(all.iter().any(|item| protocol.allows(rule, item)), "nothing golden is a {rule}");
    }
}

#[test]
fn what_the_cddl_forbids_is_told() {
    let protocol = protocol();
    let frame = |name: &str| match Item::read(&golden(name)) {
        Item::Map(entries) => entries,
        other => panic!("{other:?}"),
    };
    let mut more = frame("request.get");
    more.push((Item::Text("also".into()), Item::Null));
    let mut fewer = frame("push.change");
    fewer.retain(|(key, _)| *key != Item::Text("meta".into()));
    let mut other = frame("request.get");
    other
        .iter_mut()
        .filter(|(key, _)| *key == Item::Text("entityId".into()))
        .for_each(|(_, id)| *id = Item::Text("Note:x".into()));
    for wrong in [more, fewer, other] {
        assert!(!protocol.allows("frame", &Item::Map(wrong.clone())), "{wrong:?}");
    }
    assert!(!protocol.allows("value", &Item::Tag(64001, Box::new(Item::Array(vec![])))), "edits are not values");
    assert!(
        !protocol.allows("diff", &Item::Tag(64001, Box::new(Item::Array(vec![Item::Int(0)])))),
        "a step is never 0"
    );
}

#[test]
fn golden_files_are_read_as_what_they_were_written_from() {
    let limits = Limits::default();
    for (name, value) in values() {
        assert_eq!(decode_value(&golden(&format!("value.{name}")), &limits), Ok(value), "{name}");
    }
    for (name, patch) in patches() {
        assert_eq!(decode_patch(&golden(&format!("diff.{name}")), &limits), Ok(patch), "{name}");
    }
    for (name, request) in requests() {
        assert_eq!(Request::decode(&golden(&format!("request.{name}")), Format::Cbor, &limits), Ok(request), "{name}");
    }
    for (name, response) in responses() {
        assert_eq!(
            Response::decode(&golden(&format!("response.{name}")), Format::Cbor, &limits),
            Ok(response),
            "{name}"
        );
    }
    for (name, push) in pushes() {
        assert_eq!(Push::decode(&golden(&format!("push.{name}")), Format::Cbor, &limits), Ok(push), "{name}");
    }
}
