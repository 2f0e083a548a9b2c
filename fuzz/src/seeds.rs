//! What to begin with: the golden files and vectors that the tests have, put into the form of each target, and requests as
//! clients make them.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value as Json;
use timeweft_core::codec::{cbor, json};
use timeweft_core::diff::diff_finely;
use timeweft_core::limits::TRUSTED;
use timeweft_core::message::{Format, Push, Request, Response};
use timeweft_core::operation::CborValue;

use crate::parts::BETWEEN;
use crate::{replica, stored};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
const VECTORS: [&str; 2] =
    [include_str!("../../tests/vectors/diffs.json"), include_str!("../../tests/vectors/intention.json")];

/// Those of a target, in an order that is always the same.
///
/// # Errors
/// When the golden files can't be read.
pub fn of(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = match target {
        "value_cbor" => [golden("value.")?, records()].concat(),
        "value_json" => {
            let values = golden("value.")?.into_iter().filter_map(|bytes| cbor::decode_value(&bytes, &TRUSTED).ok());
            let shown = vectors().into_iter().map(|[base, _, _]| base.to_string().into_bytes());
            values.map(|value| json::value_to_text(&value)).chain(shown).collect()
        }
        "diff_json" => vectors().iter().map(|parts| parts.each_ref().map(Json::to_string).join("\n").into()).collect(),
        "diff_cbor" => {
            let diffs = golden("diff.")?.into_iter().map(|diff| [&b"\xa0"[..], &diff, &diff].concat());
            diffs.chain(vectors().iter().filter_map(wired)).collect()
        }
        "diff_stored" => vectors().iter().filter_map(resolved).collect(),
        "request" => in_both("request.", |frame| Some(in_json(frame)))?,
        "answer" => {
            let responses = in_both("response.", |frame| {
                Some(Response::decode(frame, Format::Cbor, &TRUSTED).ok()?.encode(Format::Json))
            })?;
            let pushes =
                in_both("push.", |frame| Push::decode(frame, Format::Cbor, &TRUSTED).ok()?.encode(Format::Json).ok())?;
            [responses, pushes].concat()
        }
        "replica" => {
            let meta =
                Push::decode(&golden("push.change")?.concat(), Format::Cbor, &TRUSTED).map(|push| push.meta).ok();
            let answer = |request: &Request, value: &[u8]| {
                let value = Some(CborValue(value.to_vec()));
                Response { value, meta: meta.clone(), ..Response::ok(Some(request.id)) }.encode(Format::Cbor)
            };
            let value = golden("value.note")?.concat();
            replica::sessions(&golden("push.")?, &value, answer)
        }
        "grip" => texts(GRIP),
        "token" => texts(TOKENS),
        "http" => {
            let mut seeds = texts(REQUESTS);
            for frames in on_what_was_posted()? {
                let message =
                    |frame: Vec<u8>| [b"POST /message\ncontent-type: application/cbor\n\n", frame.as_slice()].concat();
                seeds.push(frames.map(message).join(&BETWEEN));
            }
            seeds
        }
        "procedures" => texts(CALLS),
        "documents" => texts(DOCUMENTS),
        "callers" => texts(CALLERS),
        "sockets" => {
            let mut seeds = texts(SOCKETS);
            for frames in on_what_was_posted()? {
                let events = |kind: u8, frames: &[Vec<u8>; 2]| {
                    let mut seed = b"/connect\n\n".to_vec();
                    for frame in frames {
                        seed.push(kind);
                        seed.extend_from_slice(frame);
                        seed.push(BETWEEN);
                    }
                    seed
                };
                seeds.push(events(b'b', &frames));
                seeds.extend(
                    frames.each_ref().map(|frame| in_json(frame)).map(|frame| events(b't', &[frame, Vec::new()])),
                );
                seeds.push(events(b't', &frames.map(|frame| in_json(&frame))));
            }
            seeds
        }
        "stored" => {
            let kept = stored::KEPT.iter().enumerate();
            kept.map(|(which, (_, bytes))| [&[which as u8], bytes.as_slice()].concat()).collect()
        }
        _ => Vec::new(),
    };
    seeds.sort();
    Ok(seeds)
}

/// The golden files whose names begin so.
fn golden(prefix: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(GOLDEN))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            files.push(fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// Golden files as they are, and in JSON.
fn in_both(prefix: &str, json: impl Fn(&[u8]) -> Option<Vec<u8>>) -> io::Result<Vec<Vec<u8>>> {
    let frames = golden(prefix)?;
    let other: Vec<Vec<u8>> = frames.iter().filter_map(|frame| json(frame)).collect();
    Ok([frames, other].concat())
}

/// Each golden request behind the one that makes what it is about.
fn on_what_was_posted() -> io::Result<Vec<[Vec<u8>; 2]>> {
    let posted = golden("request.post-dated")?.concat();
    Ok(golden("request.")?.into_iter().map(|request| [posted.clone(), request]).collect())
}

/// A request in CBOR, in JSON.
fn in_json(frame: &[u8]) -> Vec<u8> {
    Request::decode(frame, Format::Cbor, &TRUSTED).map_or_else(|_| Vec::new(), |request| request.encode(Format::Json))
}

/// A base, a diff on it, and that of the vector before it (of a base that may be another).
fn vectors() -> Vec<[Json; 3]> {
    let mut all: Vec<[Json; 3]> = Vec::new();
    for file in VECTORS {
        let file: Json = serde_json::from_str(file).expect("the vectors are JSON");
        for case in file["cases"].as_array().expect("the file has cases") {
            let before = all.last().map_or(Json::Null, |[_, patch, _]| patch.clone());
            all.push([case["base"].clone(), case["patch"].clone(), before]);
        }
    }
    all
}

fn wired([base, a, b]: &[Json; 3]) -> Option<Vec<u8>> {
    let base = cbor::encode_value(&json::value_from_json(base, &TRUSTED).ok()?);
    let patch = |json| Some(cbor::encode_patch(&json::patch_from_json(json, &TRUSTED).ok()?));
    Some([base, patch(a)?, patch(b)?].concat())
}

fn resolved([base, a, _]: &[Json; 3]) -> Option<Vec<u8>> {
    let base = json::value_from_json(base, &TRUSTED).ok()?;
    let diff = json::patch_from_json(a, &TRUSTED).ok()?.resolve(&base).ok()?;
    let mut new = base.clone();
    diff.apply(&mut new).ok()?;
    let other = diff_finely(&base, &new);
    Some([cbor::encode_value(&base), cbor::encode_diff(&diff), cbor::encode_diff(&other)].concat())
}

/// As npm cbor-x writes by default: records, and shared references.
fn records() -> Vec<Vec<u8>> {
    vec![
        b"\x82\xd9\xdf\xff\x84\x19\xe0\x00\x82\x61a\x61b\x01\x02\xd9\xe0\x00\x82\x03\x04".to_vec(),
        b"\x82\xd8\x1c\x81\x01\xd8\x1d\x00".to_vec(),
        b"\xc0\x74\x32\x30\x32\x36-11-28T18:02:32Z".to_vec(),
    ]
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const GRIP: &[&str] = &[
    "OPEN\r\n",
    "TEXT 5\r\nhello\r\nBINARY 3\r\nabc\r\nPING 0\r\n\r\nPONG 1\r\nx\r\nCLOSE 5\r\n\u{3}\u{0}bye\r\nDISCONNECT\r\nNEWS 2\r\nhi\r\n",
    "TEXT 26\r\nc:{\"type\":\"keep-alive\"}\r\n",
    r#"{"items":[{"channel":"a","id":"2","prev-id":"1","formats":{"ws-message":{"content":"hi"}},"meta":{"sender":"me"}}]}"#,
    r#"{"items":[{"channel":"a","formats":{"ws-message":{"content-bin":"AQI="},"http-stream":{"content":"x"}}}]}"#,
    r#"{"items":[{"channel":"a","ws-message":{"action":"close","code":4001,"reason":"out","type":"text"}}]}"#,
    r#"{"held":[{"channel":"a","id":"1"},{"channel":"b","id":null}]}"#,
    r#"{"type":"subscribe","channel":"json:note:a","filters":["skip-self"],"id":"7"}"#,
    r#"{"type":"unsubscribe","channel":"json:note:a"}"#,
    r#"{"type":"set-meta","name":"user","value":"c1"}"#,
];

const TOKENS: &[&str] = &[
    "{\"typ\":\"JWT\",\"alg\":\"HS256\"}\n{\"iss\":\"https://id.example\",\"exp\":1800000100,\"nbf\":1700000000,\"sub\":\"ann\"}",
    "{\"alg\":\"HS256\"}\n{\"exp\":2e9}",
    "{\"alg\":\"none\"}\n{\"exp\":1e400}",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
];

const REQUESTS: &[&str] = &[
    "GET /health",
    "GET /me\naccept: application/cbor",
    "GET /connect",
    "GET /api/v1/openapi.json",
    "POST /login\n\n{\"email\":\"bob@example.org\"}\u{1e}POST /login/verify\n\n{\"email\":\"bob@example.org\",\"code\":\"123456\"}",
    "POST /logout\n\n\u{1e}GET /me",
    "GET /api/v1/entities?type=note&limit=1&cursor=x",
    "GET /api/v1/entities/note:n\naccept: application/json;q=0.5, application/cbor\nif-none-match: \"1\", W/\"2\", *",
    "GET /api/v1/entities/note:n?asOf=2027-01-15T08:00:00.000000Z&diffFrom=2027-01-15T07:59:59.000000Z",
    "GET /api/v1/entities/note:n\nif-modified-since: 2027-01-15T07:59:59.001000Z",
    "GET /api/v1/entities/note:n/history?limit=3&before=2027-01-15T08:00:00.000000Z",
    "GET /api/v1/entities/note:n/subscribers",
    "PATCH /api/v1/entities/note:n\nif-unmodified-since: 2027-01-15T08:00:00.000000Z\nidempotency-key: k\n\n{\"diff\":{\"tags\":{\"$array\":[1,{\"at\":{\"y\":3}},[4]]},\"n\":{\"$increment\":2}}}",
    "PATCH /api/v1/entities/note:n\nif-match: *\n\n{\"diff\":{\"blob\":{\"$text\":[5,-1,\"!\"]}}}",
    "PUT /api/v1/entities/note:n\nif-unmodified-since: 2027-01-15T08:00:00.000000Z\n\n{\"value\":{\"a\":[1,2]}}\u{1e}POST /api/v1/entities/note:n/revert\nif-unmodified-since: 2027-01-15T08:00:01.000000Z\n\n{\"validFrom\":\"2027-01-15T08:00:00.000000Z\"}",
    "DELETE /api/v1/entities/note:n\n\n\u{1e}POST /api/v1/entities/note:n/undelete\n",
    "POST /api/v1/entities/note\norigin: https://app.example\n\n{\"id\":\"m\",\"value\":{\"a\":{\"$undefined\":true}},\"validFrom\":\"2020-01-01T00:00:00.000000Z\"}",
    "OPTIONS /api/v1/entities/note:n\norigin: https://app.example\naccess-control-request-method: PATCH",
    "POST /message\n\n{\"id\":1,\"method\":\"get\",\"entityId\":\"note:n\"}",
    "POST /api/v1/entities/type\n\n{\"id\":\"thing\",\"value\":{\"policy\":\"owner\",\"identity\":[\"key\"],\"granularity\":\"second\",\"suppressPreviousValues\":true,\"schema\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":[\"number\",\"string\"],\"multipleOf\":0.1,\"pattern\":\"^(a|b)*$\",\"minimum\":1},\"b\":{\"$ref\":\"#/$defs/b\"},\"c\":{\"uniqueItems\":true,\"items\":{\"enum\":[1,2,null]}}},\"$defs\":{\"b\":{\"anyOf\":[{\"const\":1},{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/b\"}}]}}}}}\u{1e}POST /api/v1/entities/thing\n\n{\"value\":{\"a\":1.3,\"b\":2,\"c\":[1,1]}}\u{1e}GET /api/v1/entities?type=thing",
];

const CALLS: &[&str] = &[
    "createNote\n{\"id\":\"m\",\"title\":\"t\",\"blob\":\"b\"}\u{1e}updateNote\n{\"id\":\"m\",\"blob\":\"c\",\"version\":1}\u{1e}?noteHistory\n{\"id\":\"m\",\"limit\":10}",
    "?getNote\n{\"id\":\"n\"}",
    "?getNote\n{\"id\":\"n\",\"version\":1}",
    "?listNotes\n{\"limit\":10,\"cursor\":null}",
    "?getNote,listNotes,noteHistory\n{\"0\":{\"id\":\"n\"},\"1\":{},\"2\":{\"id\":\"n\",\"cursor\":2,\"from\":\"2027-01-15T08:00:00.000000Z\",\"to\":\"2027-01-15T08:00:01Z\"}}",
    "updateNote,revertNote,deleteNote\n{\"0\":{\"id\":\"n\",\"title\":\"x\"},\"1\":{\"id\":\"n\",\"version\":1},\"2\":{\"id\":\"n\"}}",
    "deleteNote\n{\"id\":\"n\"}\u{1e}?getNote\n{\"id\":\"n\"}",
];

const DOCUMENTS: &[&str] = &[
    "{\"title\":\"a\",\"tags\":[\"x\",\"y\"],\"on\":1}\n[{\"op\":\"test\",\"path\":\"/on\",\"value\":1.0},{\"op\":\"add\",\"path\":\"/tags/1\",\"value\":\"new\"},{\"op\":\"move\",\"from\":\"/title\",\"path\":\"/name\"}]",
    "{\"a\":{\"b\":[1,2,3]}}\n[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"},{\"op\":\"remove\",\"path\":\"/a/b/0\"},{\"op\":\"replace\",\"path\":\"\",\"value\":{\"$text\":[1]}}]",
    "{\"a\":1,\"b\":{\"c\":[1]}}\n{\"a\":null,\"b\":{\"c\":null,\"d\":{\"e\":null}},\"~\":[]}",
    "[{\"id\":1,\"t\":\"x\"},{\"id\":2},{\"id\":3}]\n[{\"op\":\"move\",\"from\":\"/2\",\"path\":\"/0\"},{\"op\":\"add\",\"path\":\"/-\",\"value\":{\"id\":4}}]",
    "{\"a/b\":{\"m~n\":1},\"\":2,\"$x\":{\"$undefined\":true}}\n[{\"op\":\"replace\",\"path\":\"/a~1b/m~0n\",\"value\":null},{\"op\":\"remove\",\"path\":\"/\"}]",
    "\"text\"\n\"another text\"",
];

const CALLERS: &[&str] = &[
    "session=ann.s1.1800003600.c2lnbmF0dXJl; a=b; session=",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjJlOX0.AAAA",
    "https://app.example",
    "{\"iss\":\"https://id.example\",\"sub\":\"ann\",\"exp\":1800003600,\"email\":\"ann@example.org\"}",
    "{\"iss\":\"https://id.example\",\"sub\":\"auth0|a b\",\"exp\":1e300,\"nbf\":-1}",
];

const SOCKETS: &[&str] = &[
    "/connect\norigin: https://app.example\n\no",
    "/connect\nmeta-subscriptions: abcdefghijkl\nmeta-watching: note:n,note:m\nmeta-seen: 1\n\nihi\u{1e}p\u{1e}c\u{3}\u{0}\u{1e}d",
    "/connect\n\nt{\"id\":1,\"method\":\"subscribe\",\"entityId\":\"note:n\"}\u{1e}t{\"id\":2,\"method\":\"patchDiff\",\"entityId\":\"note:n\",\"ifUnmodifiedSince\":\"2027-01-15T07:59:59.002000Z\",\"diff\":{\"title\":\"b\",\"n\":{\"$increment\":1}}}\u{1e}t{\"id\":3,\"method\":\"unsubscribe\",\"entityId\":\"note:n\"}",
    "/connect\n\nt{\"id\":2,\"method\":\"patchDiff\",\"entityId\":\"note:n\",\"ifUnmodifiedSince\":\"2027-01-15T08:00:00.000000Z\",\"diff\":{\"blob\":{\"$text\":[5,\"x\"]},\"tags\":{\"$array\":[{\"take\":0},1,{\"put\":0}]}}}",
    "/ws/note/n\n\nthi",
    "/ws/note/n?x=y\n\nt{\"type\":\"update\",\"title\":\"a\",\"blob\":\"hello\"}",
];
