//! The socket as a gateway sees it.

mod full;

use serde_json::{Value as Json, json};
use timeweft_core::id::EntityId;
use timeweft_core::limits::Limits;
use timeweft_core::message::{Format, Method, Push, Request, Response};

use crate::event::{Batch, Content, Event, Header, Held, Reply, header};
use crate::testing::{Server, now, published, server};
use timeweft_grip::jwt;

fn body(outcome: &crate::event::BatchOutcome) -> String {
    let body: Json = serde_json::from_slice(&outcome.body).unwrap();
    body["error"]["code"].as_str().unwrap().to_owned()
}

fn note(server: &Server, person: &crate::testing::Person, id: &str, value: Json) -> String {
    let answer = server.ask(person, "POST", "/api/v1/entities/note", &[], json!({"id": id, "value": value}));
    assert_eq!(answer.status(), 201, "{}", answer.json());
    answer.json()["meta"]["validFrom"].as_str().unwrap().to_owned()
}

#[test]
fn opening_takes_a_session_and_sets_what_is_known_of_the_connection() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let socket = server.socket(&ann, "c1");
    assert_eq!(socket.meta["user"], "c1");
    assert_eq!(socket.meta["person-id"], ann.id);
    assert_eq!(socket.meta["format"], "json");
    assert!(socket.channels.contains_key(&format!("person:{}:sockets", ann.id)));
    assert_eq!(socket.channels.len(), 2);
}

#[test]
fn a_foreign_origin_is_403_before_a_missing_session_is_401() {
    let server = server(&[("origins", "https://app.example")]);
    let ann = server.sign_in("ann@example.org");
    let open = |origin: &str, cookie: &str| {
        let outcome = server.open(&[("host", "weft.example"), ("origin", origin), ("cookie", cookie)]);
        outcome.status
    };
    assert_eq!(open("https://evil.example", ""), 403);
    assert_eq!(open("https://evil.example", &ann.cookie), 403);
    assert_eq!(open("https://weft.example", ""), 401);
    assert_eq!(open("https://weft.example", "session=abc.def.1.x"), 401);
    assert_eq!(open("https://weft.example", &ann.cookie), 101);
    assert_eq!(open("https://app.example", &ann.cookie), 101);
    assert_eq!(server.open(&[("cookie", &ann.cookie)]).status, 101);
    assert_eq!(body(&server.open(&[])), "unauthorized");
}

#[test]
fn the_first_subprotocol_that_we_speak_is_chosen_and_none_means_cbor() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let open = |offered: &str| server.open(&[("cookie", &ann.cookie), ("sec-websocket-protocol", offered)]);
    let chosen = |offered: &str| header(&open(offered).headers, "sec-websocket-protocol").map(str::to_owned);
    assert_eq!(chosen("timeweft.json").as_deref(), Some("timeweft.json"));
    assert_eq!(chosen("chat, timeweft.cbor, timeweft.json").as_deref(), Some("timeweft.cbor"));
    assert_eq!(open("chat").status, 400);
    let none = server.open(&[("cookie", &ann.cookie)]);
    assert_eq!((none.status, header(&none.headers, "sec-websocket-protocol")), (101, None));
    assert!(none.replies.contains(&Reply::SetMeta(Header::new("format", "cbor"))));
}

#[test]
fn there_is_no_socket_elsewhere() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let headers = vec![Header::new("cookie", &ann.cookie)];
    let (connection_id, target) = ("c".to_owned(), "/elsewhere".to_owned());
    let outcome = server.batch(Batch { connection_id, headers, target, events: vec![Event::Open], at_once: false });
    assert_eq!((outcome.status, body(&outcome).as_str()), (404, "not-found"));
}

#[test]
fn where_events_come_over_the_network_only_a_gateway_may_send_them() {
    let server = server(&[("grip-key", "changeme"), ("grip-required", "true")]);
    let ann = server.sign_in("ann@example.org");
    let open = |signature: &str| server.open(&[("cookie", &ann.cookie), ("grip-sig", signature)]).status;
    assert_eq!(server.open(&[("cookie", &ann.cookie)]).status, 403);
    assert_eq!(open("nonsense"), 403);
    assert_eq!(open(&jwt::issue(&json!({"iss": "pushpin", "exp": 1.9e9}), b"another")), 403);
    assert_eq!(open(&jwt::issue(&json!({"iss": "pushpin", "exp": 1.7e9}), b"changeme")), 403);
    assert_eq!(open(&jwt::issue(&json!({"iss": "pushpin", "exp": 1.9e9}), b"changeme")), 101);
}

#[test]
fn meta_that_we_did_not_sign_is_nobody() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let forged = socket.meta["session"].replacen(&ann.id, "0123456789abcdef", 1);
    socket.meta.insert("session".into(), forged);
    let outcome = socket.events(vec![Event::Text(json!({"id": 1, "method": "get", "entityId": "note:1"}).to_string())]);
    assert_eq!(outcome.replies, [Reply::Close(4001, "the session is over".into())]);
    socket.meta.clear();
    assert!(matches!(socket.events(vec![Event::Disconnect]).replies[..], [Reply::Close(4001, _)]));
}

#[test]
fn a_socket_ends_with_its_session() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    server.world.pass(31 * 24 * 3_600);
    assert!(matches!(socket.events(vec![Event::Ping(vec![])]).replies[..], [Reply::Close(4001, _)]));
}

#[test]
fn requests_are_answered_in_order_and_pings_with_pongs() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let get = |id: u64| Event::Text(json!({"id": id, "method": "get", "entityId": "note:1"}).to_string());
    let outcome = socket.events(vec![get(7), Event::Ping(b"x".to_vec()), get(8), Event::Close(Some(1001))]);
    assert_eq!(outcome.status, 200);
    let [Reply::Text(first), Reply::Pong(payload), Reply::Text(second), Reply::Close(1001, _)] = &outcome.replies[..]
    else {
        panic!("{:?}", outcome.replies)
    };
    let id = |text: &str| serde_json::from_str::<Json>(text).unwrap()["id"].clone();
    assert_eq!((id(first), payload.as_slice(), id(second)), (json!(7), &b"x"[..], json!(8)));
}

#[test]
fn every_method_answers_as_the_contract_says() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let mut ask = |method: &str, more: Json| {
        let mut request = json!({"id": 1, "method": method, "entityId": "note:n"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        socket.send(request).0
    };
    assert_eq!(ask("get", json!({}))["status"], 404);
    let v1 = ask("post", json!({"value": {"a": 1, "b": 1}}));
    assert_eq!((&v1["status"], &v1["meta"]["version"]), (&json!(201), &json!(1)));
    let v1 = v1["meta"]["validFrom"].clone();
    let again = ask("post", json!({"value": 1}));
    assert_eq!((&again["status"], &again["error"]["code"]), (&json!(409), &json!("exists")));
    let got = ask("get", json!({}));
    assert_eq!((&got["status"], &got["value"]), (&json!(200), &json!({"a": 1, "b": 1})));
    assert_eq!(ask("get", json!({"ifModifiedSince": v1}))["status"], 304);
    let v2 = ask("patchDiff", json!({"diff": {"a": 2}, "ifUnmodifiedSince": v1}));
    assert_eq!((&v2["status"], &v2["meta"]["version"], v2.get("diff")), (&json!(200), &json!(2), None));
    let diff = ask("get", json!({"ifModifiedSince": v1}));
    assert_eq!((&diff["status"], &diff["diff"]), (&json!(200), &json!({"a": 2})));
    let merged = ask("patchDiff", json!({"diff": {"b": 2}, "ifUnmodifiedSince": v1}));
    assert_eq!((&merged["status"], &merged["diff"]), (&json!(200), &json!({"a": 2, "b": 2})));
    let conflict = ask("patchDiff", json!({"diff": {"a": 3}, "ifUnmodifiedSince": v1}));
    assert_eq!((&conflict["status"], &conflict["error"]["code"]), (&json!(409), &json!("conflict")));
    assert_eq!(conflict["diff"], json!({"a": 2, "b": 2}));
    let unknown = ask("patchDiff", json!({"diff": {"a": 3}, "ifUnmodifiedSince": "2020-01-01T00:00:00.000000Z"}));
    assert_eq!((&unknown["status"], &unknown["value"]), (&json!(412), &json!({"a": 2, "b": 2})));
    assert_eq!(ask("patchDiff", json!({"diff": {"a": 3}}))["status"], 428);
    assert_eq!(ask("patchUndelete", json!({}))["status"], 400);
    assert_eq!(ask("delete", json!({}))["meta"]["deleted"], json!(true));
    assert_eq!(ask("delete", json!({}))["status"], 200);
    assert_eq!(ask("get", json!({}))["status"], 404);
    assert_eq!(ask("patchUndelete", json!({}))["status"], 200);
    let history = ask("history", json!({"limit": 2}));
    assert_eq!((&history["status"], &history["more"]), (&json!(200), &json!(true)));
    assert_eq!(history["versions"].as_array().unwrap().len(), 2);
    let old = ask("get", json!({"asOf": v1, "ifModifiedSince": v1}));
    assert_eq!((&old["status"], &old["value"]), (&json!(200), &json!({"a": 1, "b": 1})));
    assert_eq!((&old["meta"]["validFrom"], &old["meta"]["validTo"]), (&v1, &v2["meta"]["validFrom"]));
    assert_eq!(ask("get", json!({"asOf": "2020-01-01T00:00:00.000000Z"}))["status"], 404);
    assert_eq!(ask("get", json!({"asOf": "yesterday"}))["status"], 400);
    let unknown = ask("frobnicate", json!({}));
    assert_eq!((&unknown["status"], &unknown["error"]["code"]), (&json!(400), &json!("unknown-method")));
}

#[test]
fn what_can_not_be_read_is_400_in_the_connections_format_and_the_connection_stays() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    for frame in [Event::Text("{".into()), Event::Text("[]".into()), Event::Binary(vec![0xff])] {
        let outcome = socket.events(vec![frame.clone()]);
        let [Reply::Text(text)] = &outcome.replies[..] else { panic!("{frame:?}: {:?}", outcome.replies) };
        let response: Json = serde_json::from_str(text).unwrap();
        assert_eq!(
            (&response["status"], &response["error"]["code"]),
            (&json!(400), &json!("bad-request")),
            "{frame:?}"
        );
    }
    let long =
        format!("{{\"id\":3,\"method\":\"post\",\"entityId\":\"note:1\",\"value\":\"{}\"}}", "x".repeat(1 << 20));
    let outcome = socket.events(vec![Event::Text(long)]);
    let [Reply::Text(text)] = &outcome.replies[..] else { panic!() };
    assert_eq!(serde_json::from_str::<Json>(text).unwrap()["error"]["code"], "too-large");
    assert_eq!(socket.send(json!({"id": 9, "method": "get", "entityId": "note:1"})).0["id"], 9);
}

#[test]
fn a_change_is_published_in_both_formats_and_not_to_its_sender() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let (made, outcome) = socket.send(json!({"id": 1, "method": "post", "entityId": "note:n", "value": {"a": 1}}));
    let [cbor, json_item] = published(&outcome.effects)[..] else { panic!() };
    assert_eq!((cbor.channel.as_str(), json_item.channel.as_str()), ("cbor:note:n", "json:note:n"));
    assert_eq!((cbor.sender.as_deref(), json_item.sender.as_deref()), (Some("c1"), Some("c1")));
    assert_eq!(json!(cbor.id), made["meta"]["validFrom"]);
    assert_eq!(cbor.prev_id, None);
    let v1 = cbor.id.clone();
    let request =
        json!({"id": 2, "method": "patchDiff", "entityId": "note:n", "diff": {"a": 2}, "ifUnmodifiedSince": v1});
    let (_, outcome) = socket.send(request);
    let [cbor, text] = published(&outcome.effects)[..] else { panic!() };
    assert_eq!(cbor.prev_id.as_deref(), Some(v1.as_str()));
    let Content::Binary(bytes) = &cbor.content else { panic!() };
    let push = Push::decode(bytes, Format::Cbor, &Limits::default()).unwrap();
    assert_eq!(push.prev_valid_from.unwrap().to_string(), v1);
    let Content::Text(text) = &text.content else { panic!() };
    let push: Json = serde_json::from_str(text).unwrap();
    assert_eq!(
        (&push["entityId"], &push["diff"], &push["prevValidFrom"]),
        (&json!("note:n"), &json!({"a": 2}), &json!(v1))
    );
    assert_eq!(push.get("id"), None);
    // Nothing new: nothing to tell.
    let v2 = &cbor.id;
    let request = json!({"id": 3, "method": "patchDiff", "entityId": "note:n", "diff": {}, "ifUnmodifiedSince": v2});
    let (answer, outcome) = socket.send(request);
    assert_eq!(answer["status"], 200);
    assert!(outcome.effects.is_empty());
}

#[test]
fn subscribing_tells_the_gateway_what_is_held_and_stands_for_what_is_missing() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let (missing, _) = socket.send(json!({"id": 1, "method": "subscribe", "entityId": "note:n"}));
    assert_eq!(missing["status"], 404);
    assert_eq!(socket.channels.get("json:note:n"), Some(&None));
    let v1 = note(&server, &ann, "n", json!({"a": 1}));
    let (whole, outcome) = socket.send(json!({"id": 2, "method": "subscribe", "entityId": "note:n"}));
    assert_eq!((&whole["status"], &whole["value"]), (&json!(200), &json!({"a": 1})));
    let [Reply::Text(_), Reply::Subscribe { .. }, ..] = &outcome.replies[..] else { panic!("{:?}", outcome.replies) };
    assert_eq!(socket.channels.get("json:note:n"), Some(&Some(v1.clone())));
    let (same, _) = socket.send(json!({"id": 3, "method": "subscribe", "entityId": "note:n", "validFrom": v1}));
    assert_eq!(same["status"], 304);
    let (gone, _) = socket.send(json!({"id": 4, "method": "unsubscribe", "entityId": "note:n"}));
    assert_eq!(gone["status"], 200);
    assert!(!socket.channels.contains_key("json:note:n"));
}

#[test]
fn subscriptions_are_counted_once_each_and_bounded() {
    let server = server(&[("limit-subscriptions", "3")]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let mut ask =
        |method: &str, id: &str| socket.send(json!({"id": 1, "method": method, "entityId": id})).0["status"].clone();
    for id in ["note:1", "note:2", "note:1", "note:3", "note:3"] {
        assert_eq!(ask("subscribe", id), 404, "{id}");
    }
    assert_eq!(ask("subscribe", "note:4"), 413);
    assert_eq!(ask("subscribe", "note:2"), 404, "what stands may be renewed");
    assert_eq!(ask("unsubscribe", "note:9"), 200);
    assert_eq!(ask("subscribe", "note:4"), 413, "what never stood frees no place");
    assert_eq!(ask("unsubscribe", "note:1"), 200);
    assert_eq!(ask("subscribe", "note:4"), 404);
}

#[test]
fn what_is_an_owners_never_reaches_who_subscribed_before_it_was_made() {
    let server = server(&[]);
    let (ann, bob) = (server.sign_in("ann@example.org"), server.sign_in("bob@example.org"));
    let (mut anns, mut bobs) = (server.socket(&ann, "a"), server.socket(&bob, "b"));
    assert_eq!(bobs.send(json!({"id": 1, "method": "subscribe", "entityId": "secret:1"})).0["status"], 404);
    let (_, outcome) = anns.send(json!({"id": 1, "method": "post", "entityId": "secret:1", "value": {"a": 1}}));
    for item in published(&outcome.effects) {
        assert!(!bobs.channels.contains_key(&item.channel), "{}", item.channel);
        assert!(item.channel.ends_with(&format!("@{}", ann.id)));
    }
    assert_eq!(bobs.send(json!({"id": 2, "method": "get", "entityId": "secret:1"})).0["status"], 404);
    assert_eq!(bobs.send(json!({"id": 2, "method": "delete", "entityId": "secret:1"})).0["status"], 404);
    // Nor by resync.
    let held = bobs.channels.keys().map(|channel| Held { channel: channel.clone(), id: None }).collect();
    assert_eq!(now(server.router.resync(held)), []);
    // The owner's other tab is told.
    let mut other = server.socket(&ann, "a2");
    assert_eq!(other.send(json!({"id": 1, "method": "subscribe", "entityId": "secret:1"})).0["status"], 200);
    assert!(published(&outcome.effects).iter().any(|item| other.channels.contains_key(&item.channel)));
}

#[test]
fn our_own_types_are_nobodys() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    let sessions = format!("tw-sessions:{}", ann.id);
    assert_eq!(socket.send(json!({"id": 1, "method": "get", "entityId": sessions})).0["status"], 404);
    assert_eq!(socket.send(json!({"id": 1, "method": "history", "entityId": sessions})).0["status"], 404);
    let made = socket.send(json!({"id": 1, "method": "post", "entityId": "tw-new:1", "value": 1})).0;
    assert_eq!((&made["status"], &made["error"]["code"]), (&json!(403), &json!("forbidden")));
    assert_eq!(socket.send(json!({"id": 1, "method": "subscribe", "entityId": sessions})).0["status"], 404);
    assert_eq!(socket.channels.len(), 2);
    let made = socket.send(json!({"id": 1, "method": "post", "entityId": "person:somebody", "value": 1})).0;
    assert_eq!(made["status"], 403);
}

#[test]
fn resync_brings_those_behind_to_the_current_version() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let v1 = note(&server, &ann, "n", json!({"a": 1, "b": 1}));
    let mut socket = server.socket(&ann, "c1");
    let patch =
        json!({"id": 1, "method": "patchDiff", "entityId": "note:n", "diff": {"a": 2}, "ifUnmodifiedSince": v1});
    let v2 = socket.send(patch).0["meta"]["validFrom"].as_str().unwrap().to_owned();
    let resync = |id: Option<&str>| {
        let held = Held { channel: "json:note:n".into(), id: id.map(str::to_owned) };
        now(server.router.resync(vec![held]))
    };
    let [item] = &resync(Some(&v1))[..] else { panic!() };
    assert_eq!(
        (item.id.as_str(), item.prev_id.as_deref(), item.sender.as_deref()),
        (v2.as_str(), Some(v1.as_str()), None)
    );
    let Content::Text(text) = &item.content else { panic!() };
    let push: Json = serde_json::from_str(text).unwrap();
    assert_eq!((&push["diff"], &push["prevValidFrom"]), (&json!({"a": 2}), &json!(v1)));
    assert_eq!(resync(Some(&v2)), []);
    let [item] = &resync(None)[..] else { panic!() };
    assert_eq!((item.id.as_str(), item.prev_id.as_deref()), (v2.as_str(), None));
    for channel in ["json:nothing", "json:tw-sessions:x", "json:person:x@ann", "other", "xml:note:n"] {
        assert_eq!(now(server.router.resync(vec![Held { channel: channel.into(), id: None }])), [], "{channel}");
    }
}

#[test]
fn a_delete_is_resynced_to_those_who_hold_the_value_and_to_nobody_else() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let v1 = note(&server, &ann, "n", json!({"a": 1}));
    server.ask(&ann, "DELETE", "/api/v1/entities/note:n", &[], Json::Null);
    let resync = |id: Option<String>| now(server.router.resync(vec![Held { channel: "json:note:n".into(), id }]));
    let [item] = &resync(Some(v1))[..] else { panic!() };
    let Content::Text(text) = &item.content else { panic!() };
    assert_eq!(serde_json::from_str::<Json>(text).unwrap()["meta"]["deleted"], true);
    assert_eq!(resync(None), []);
}

#[test]
fn subscribers_are_who_was_heard_from_lately() {
    let server = server(&[]);
    let (ann, bob) = (server.sign_in("ann@example.org"), server.sign_in("bob@example.org"));
    note(&server, &ann, "n", json!({}));
    let list = || {
        let answer = server.ask(&ann, "GET", "/api/v1/entities/note:n/subscribers", &[], Json::Null);
        let json = answer.json();
        json["subscribers"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(), Vec::<String>::new());
    let subscribe = json!({"id": 1, "method": "subscribe", "entityId": "note:n"});
    let (mut anns, mut bobs) = (server.socket(&ann, "a"), server.socket(&bob, "b"));
    let before = server.world.record_writes.get();
    anns.send(subscribe.clone());
    anns.send(subscribe.clone());
    assert_eq!(server.world.record_writes.get() - before, 1, "one write, and none for asking again");
    bobs.send(subscribe.clone());
    let mut both = vec![ann.id.clone(), bob.id.clone()];
    both.sort();
    assert_eq!(list(), both);
    bobs.send(json!({"id": 2, "method": "unsubscribe", "entityId": "note:n"}));
    assert_eq!(list(), std::slice::from_ref(&ann.id));
    bobs.send(subscribe);
    bobs.events(vec![Event::Disconnect]);
    assert_eq!(list(), std::slice::from_ref(&ann.id));
    for _ in 0..4 {
        server.world.pass(600);
        anns.events(vec![Event::Ping(vec![])]);
        assert_eq!(list(), std::slice::from_ref(&ann.id), "heard from");
    }
    server.world.pass(901);
    assert_eq!(list(), Vec::<String>::new());
}

#[test]
fn who_creates_what_they_wait_for_watches_it() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "a");
    assert_eq!(socket.send(json!({"id": 1, "method": "subscribe", "entityId": "note:new"})).0["status"], 404);
    socket.send(json!({"id": 2, "method": "post", "entityId": "note:new", "value": {}}));
    let answer = server.ask(&ann, "GET", "/api/v1/entities/note:new/subscribers", &[], Json::Null);
    assert_eq!(answer.json(), json!({"subscribers": [ann.id]}));
}

#[test]
fn a_store_that_fails_is_503() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    server.world.store.fault_at(server.world.store.calls(), timeweft_store::memory::Fault::CrashBefore);
    let (answer, _) = socket.send(json!({"id": 1, "method": "get", "entityId": "note:1"}));
    assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!(503), &json!("unavailable")));
    assert_eq!(server.open(&[("cookie", &ann.cookie)]).status, 503);
}

#[test]
fn cbor_sockets_speak_cbor() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let mut socket = server.socket(&ann, "c1");
    socket.meta.insert("format".into(), "cbor".into());
    let entity = EntityId::parse("note:n").unwrap();
    let request = Request { id: 4, method: Method::Subscribe { entity, valid_from: None } };
    let outcome = socket.events(vec![Event::Binary(request.encode(Format::Cbor)), Event::Text("{}".into())]);
    let frames = outcome.replies.iter().filter_map(|reply| match reply {
        Reply::Binary(bytes) => Some(Response::decode(bytes, Format::Cbor, &Limits::default()).unwrap()),
        _ => None,
    });
    let answers: Vec<_> = frames.map(|frame| (frame.id, frame.status)).collect();
    assert_eq!(answers, [(Some(4), 404), (None, 400)]);
    assert!(socket.channels.contains_key("cbor:note:n"));
}

#[test]
fn presence_that_fails_fails_no_subscription() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    note(&server, &ann, "n", json!({}));
    let mut socket = server.socket(&ann, "c1");
    server.world.records_fail.set(true);
    assert_eq!(socket.send(json!({"id": 1, "method": "subscribe", "entityId": "note:n"})).0["status"], 200);
    assert_eq!(socket.send(json!({"id": 2, "method": "unsubscribe", "entityId": "note:n"})).0["status"], 200);
    let answer = server.ask(&ann, "GET", "/api/v1/entities/note:n/subscribers", &[], Json::Null);
    assert_eq!((answer.status(), answer.json()), (200, json!({"subscribers": []})));
}
