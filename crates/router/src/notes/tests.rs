//! Notes on sockets of their own, as a gateway sees them.

use serde_json::{Value as Json, json};
use timeweft_store::memory::MemoryStore;

use crate::event::{Batch, BatchOutcome, Content, Effect, Event, Header, Held, HttpRequest, Item, Reply};
use crate::testing::{Answer, Person, Server, Socket, now, published, server, server_over, together};

const NOTES: &str = "/api/v1/entities/note";
const NOTE: &str = "/api/v1/entities/note:n";
const SOCKET: &str = "/ws/note/n";
const CHANNEL: &str = "note:note:n";

struct Ann {
    server: Server,
    person: Person,
}

fn ann() -> Ann {
    let server = server(&[]);
    let person = server.sign_in("ann@example.org");
    Ann { server, person }
}

impl Ann {
    fn follow(&self) -> BatchOutcome {
        self.server.socket_at(SOCKET, &self.person, "w").1
    }

    fn make(&self, value: Json) -> String {
        let answer = self.server.ask(&self.person, "POST", NOTES, &[], json!({"id": "n", "value": value}));
        assert_eq!(answer.status(), 201, "{}", answer.json());
        answer.json()["meta"]["validFrom"].as_str().unwrap().to_owned()
    }

    /// A change of what is there over HTTP, and what those who follow the note are told.
    fn change(&self, method: &str, target: &str, body: Json) -> Json {
        let current = self.server.ask(&self.person, "GET", NOTE, &[], Json::Null);
        let since = current.json()["meta"]["validFrom"].as_str().map(str::to_owned);
        let headers: Vec<_> = since.iter().map(|since| ("if-unmodified-since", since.as_str())).collect();
        let answer = self.server.ask(&self.person, method, target, &headers, body);
        assert!(answer.status() < 300, "{}", answer.json());
        told(&answer.published())
    }

    fn resync(&self, id: Option<&str>) -> Vec<Item> {
        now(self.server.router.resync(vec![Held { channel: CHANNEL.into(), id: id.map(str::to_owned) }]))
    }
}

fn content(item: &Item) -> Json {
    let Content::Text(text) = &item.content else { panic!("{item:?}") };
    serde_json::from_str(text).unwrap()
}

/// The one frame for those who follow the note; null when there is none.
fn told(items: &[&Item]) -> Json {
    let items: Vec<_> = items.iter().filter(|item| item.channel == CHANNEL).collect();
    assert!(items.len() <= 1 && items.iter().all(|item| item.sender.is_none()), "{items:?}");
    items.first().map_or(Json::Null, |item| content(item))
}

fn texts(outcome: &BatchOutcome) -> Vec<Json> {
    let texts = outcome.replies.iter().filter_map(|reply| match reply {
        Reply::Text(text) => Some(serde_json::from_str(text).unwrap()),
        _ => None,
    });
    texts.collect()
}

fn held(outcome: &BatchOutcome) -> Option<String> {
    let held = outcome.replies.iter().find_map(|reply| match reply {
        Reply::Subscribe { channel, id } if channel == CHANNEL => Some(id.clone()),
        _ => None,
    });
    held.expect("it is subscribed")
}

#[test]
fn a_note_that_is_there_is_shown_whole_and_then_subscribed_to() {
    let ann = ann();
    let first = ann.make(json!({"title": "Weft", "blob": "and warp", "more": [1]}));
    let outcome = ann.follow();
    let note = json!({
        "id": "n", "version": 1, "title": "Weft", "blob": "and warp",
        "createdAt": first, "updatedAt": first, "deleted": false,
    });
    assert_eq!(texts(&outcome), [json!({"type": "initial", "data": note})]);
    assert!(matches!(outcome.replies[0], Reply::Text(_)), "before anything that comes by the subscription");
    assert_eq!(held(&outcome), Some(first));
}

#[test]
fn of_a_note_that_is_missing_or_deleted_nothing_is_sent_and_the_socket_stays() {
    let ann = ann();
    let outcome = ann.follow();
    assert_eq!((outcome.status, texts(&outcome), held(&outcome)), (101, vec![], None));
    ann.make(json!({"title": "Weft", "blob": ""}));
    ann.change("DELETE", NOTE, Json::Null);
    let outcome = ann.follow();
    assert_eq!((outcome.status, texts(&outcome)), (101, vec![]));
    assert!(held(&outcome).is_some(), "so that the next change follows it");
}

#[test]
fn every_change_is_told_by_whatever_door_it_came() {
    let ann = ann();
    ann.follow();
    let mut socket = ann.server.socket(&ann.person, "c");
    let request = json!({"id": 1, "method": "post", "entityId": "note:n", "value": {"title": "Weft", "blob": ""}});
    let (answer, outcome) = socket.send(request);
    let frame = told(&published(&outcome.effects));
    assert_eq!((&frame["type"], &frame["data"]["title"]), (&json!("create"), &json!("Weft")));
    let first = answer["meta"]["validFrom"].as_str().unwrap().to_owned();

    let patch = json!({"id": 2, "method": "patchDiff", "entityId": "note:n", "diff": {"blob": "long"}, "ifUnmodifiedSince": first});
    let frame = told(&published(&socket.send(patch).1.effects));
    assert_eq!(
        (&frame["type"], &frame["data"]["blob"], &frame["data"]["version"]),
        (&json!("update"), &json!("long"), &json!(2))
    );
    assert_eq!(frame["data"]["createdAt"], json!(first));
    assert_ne!(frame["data"]["updatedAt"], json!(first));

    let message = json!({"id": 3, "method": "delete", "entityId": "note:n"});
    let frame = ann.change("POST", "/message", message);
    assert_eq!(
        (&frame["type"], &frame["data"]["deleted"], &frame["data"]["blob"]),
        (&json!("update"), &json!(true), &json!("long"))
    );
    let frame = ann.change("POST", &format!("{NOTE}/undelete"), Json::Null);
    assert_eq!((&frame["type"], &frame["data"]["deleted"]), (&json!("update"), &json!(false)));
    let frame = ann.change("PUT", NOTE, json!({"value": {"title": "Warp"}}));
    assert_eq!(
        (&frame["type"], &frame["data"]["title"], &frame["data"]["blob"]),
        (&json!("update"), &json!("Warp"), &json!(""))
    );
    let frame = ann.change("POST", &format!("{NOTE}/revert"), json!({"validFrom": first}));
    assert_eq!(
        (&frame["type"], &frame["data"]["title"], &frame["data"]["version"]),
        (&json!("revert"), &json!("Weft"), &json!(6))
    );
    let frame = ann.change("POST", "/api/v1/updateNote", json!({"id": "n", "title": "Loom"}));
    assert_eq!((&frame["type"], &frame["data"]["title"]), (&json!("update"), &json!("Loom")));
    let frame = ann.change("POST", "/api/v1/revertNote", json!({"id": "n", "version": 2}));
    assert_eq!((&frame["type"], &frame["data"]["blob"]), (&json!("revert"), &json!("long")));
}

#[test]
fn nothing_is_told_where_nothing_is_new_or_nobody_ever_followed() {
    let ann = ann();
    let first = ann.make(json!({"title": "Weft", "blob": ""}));
    assert_eq!(ann.change("PUT", NOTE, json!({"value": {"title": "Warp", "blob": ""}})), Json::Null);
    let writes = ann.server.world.record_writes.get();
    ann.follow();
    ann.follow();
    assert_eq!(ann.server.world.record_writes.get(), writes + 1, "the record is left once");
    assert_eq!(ann.change("PUT", NOTE, json!({"value": {"title": "Warp", "blob": ""}})), Json::Null);
    assert_ne!(ann.change("POST", &format!("{NOTE}/revert"), json!({"validFrom": first})), Json::Null);
    let recipe = json!({"id": "n", "value": {"title": "Tea"}});
    let answer = ann.server.ask(&ann.person, "POST", "/api/v1/entities/recipe", &[], recipe);
    assert!(answer.published().iter().all(|item| !item.channel.starts_with("note:")));
}

#[test]
fn what_is_no_text_is_shown_as_an_empty_one() {
    let ann = ann();
    ann.make(json!([1, 2]));
    let frame = &texts(&ann.follow())[0];
    assert_eq!((&frame["data"]["title"], &frame["data"]["blob"]), (&json!(""), &json!("")));
    let frame = ann.change("PUT", NOTE, json!({"value": {"title": 7, "blob": {"a": 1}}}));
    assert_eq!((&frame["data"]["title"], &frame["data"]["blob"]), (&json!(""), &json!("")));
}

#[test]
fn a_bad_id_is_400_a_foreign_origin_403_and_no_session_401() {
    let Ann { server, person } = ann();
    let open = |target: &str, origin: &str, cookie: &str| {
        server.open_at(target, &[("host", "weft.example"), ("origin", origin), ("cookie", cookie)]).status
    };
    let ours = "https://weft.example";
    assert_eq!(open("/ws/note/a:b", "https://evil.example", ""), 400);
    assert_eq!(open("/ws/note/", ours, &person.cookie), 400);
    assert_eq!(open("/ws/note/%ff", ours, &person.cookie), 400);
    assert_eq!(open("/ws/note/a/b", ours, &person.cookie), 400);
    assert_eq!(open(SOCKET, "https://evil.example", &person.cookie), 403);
    assert_eq!(open(SOCKET, ours, ""), 401);
    assert_eq!(open("/ws/notes/n", ours, &person.cookie), 404);
    assert_eq!(open("/ws/note/%6E?x=1", ours, &person.cookie), 101);
}

#[test]
fn where_notes_are_an_organisations_they_are_followed_by_who_may_read_them() {
    let ann = ann();
    let server = &ann.server;
    let ask = |method: &str, path: &str, body: Json| {
        let answer = server.ask(&ann.person, method, &format!("/api/v1/entities/{path}"), &[], body);
        assert!(answer.status() < 300, "{method} {path}: {}", answer.json());
        answer
    };
    ask("POST", "type", json!({"id": "note", "value": {"policy": "org"}}));
    ann.make(json!({"title": "Weft", "blob": ""}));
    let bob = server.sign_in("bob@example.org");
    let follow = |target: &str| server.socket_at(target, &bob, "b");
    let ((stranger, hidden), (_, missing)) = (follow(SOCKET), follow("/ws/note/none"));
    assert_eq!((hidden.status, missing.status), (101, 101), "what is not theirs looks like what is not there");
    assert_eq!((texts(&hidden).len(), texts(&missing).len()), (0, 0));
    let people = format!("note:n/people/{}", bob.id);
    ask("PUT", &people, json!({"role": "viewer"}));
    let (socket, opened) = follow(SOCKET);
    assert_eq!((opened.status, texts(&opened)[0]["data"]["title"].clone()), (101, json!("Weft")));
    let tells = |answer: &Answer, socket: &Socket<'_>, what: fn(&Content) -> bool| {
        answer.published().into_iter().any(|item| what(&item.content) && socket.channels.contains_key(&item.channel))
    };
    let since = ask("GET", "note:n", Json::Null).json()["meta"]["validFrom"].as_str().unwrap().to_owned();
    let headers = [("if-unmodified-since", since.as_str()), ("content-type", "application/merge-patch+json")];
    let changed = server.ask(&ann.person, "PATCH", NOTE, &headers, json!({"blob": "and warp"}));
    let is_new: fn(&Content) -> bool = |content| matches!(content, Content::Text(text) if text.contains("and warp"));
    assert_eq!((tells(&changed, &socket, is_new), tells(&changed, &stranger, is_new)), (true, false));
    let withdrawn = ask("DELETE", &people, Json::Null);
    assert!(tells(&withdrawn, &socket, |content| matches!(content, Content::Close(1012, _))));
    assert_eq!(texts(&follow(SOCKET).1).len(), 0);
}

#[test]
fn without_an_upgrade_it_is_426() {
    let Ann { server, person } = ann();
    let get = |method, target| server.ask(&person, method, target, &[], Json::Null);
    assert_eq!((get("GET", SOCKET).status(), get("GET", SOCKET).code().as_str()), (426, "upgrade-required"));
    assert_eq!(get("GET", SOCKET).header("upgrade"), Some("websocket"));
    assert_eq!(server.anonymous("GET", SOCKET, Json::Null).status(), 426);
    assert_eq!((get("POST", SOCKET).status(), get("GET", "/ws/note/a:b").status()), (405, 400));
}

#[test]
fn what_a_client_says_on_it_means_nothing_but_pings_and_the_close() {
    let ann = ann();
    ann.make(json!({"title": "Weft", "blob": ""}));
    let mut socket = ann.server.socket_at(SOCKET, &ann.person, "w").0;
    let request = json!({"id": 1, "method": "delete", "entityId": "note:n"}).to_string();
    let events = vec![Event::Text(request), Event::Binary(vec![0xff]), Event::Text(String::new())];
    let outcome = socket.events(events);
    assert_eq!((outcome.status, outcome.replies, outcome.effects), (200, vec![], vec![]));
    let outcome = socket.events(vec![Event::Ping(b"x".to_vec()), Event::Close(Some(1001))]);
    assert_eq!(outcome.replies, [Reply::Pong(b"x".to_vec()), Reply::Close(1001, String::new())]);
    assert_eq!(socket.events(vec![Event::Disconnect]).replies, []);
}

#[test]
fn it_ends_with_its_session() {
    let ann = ann();
    let (mut socket, outcome) = ann.server.socket_at(SOCKET, &ann.person, "w");
    let channels: Vec<_> = outcome.replies.iter().filter(|reply| matches!(reply, Reply::Subscribe { .. })).collect();
    assert_eq!(channels.len(), 3, "the note's, the session's and the person's");
    socket.meta.remove("session");
    assert!(matches!(socket.events(vec![Event::Text("x".into())]).replies[..], [Reply::Close(4001, _)]));
    let (mut socket, _) = ann.server.socket_at(SOCKET, &ann.person, "w");
    ann.server.world.pass(31 * 24 * 3_600);
    assert!(matches!(socket.events(vec![Event::Ping(vec![])]).replies[..], [Reply::Close(4001, _)]));
}

#[test]
fn a_lost_publish_is_made_good_by_the_note_as_it_is() {
    let ann = ann();
    assert_eq!(ann.resync(None), []);
    let first = ann.make(json!({"title": "Weft", "blob": ""}));
    ann.change("PUT", NOTE, json!({"value": {"title": "Warp", "blob": ""}}));
    let [item] = &ann.resync(Some(&first))[..] else { panic!() };
    let frame = content(item);
    assert_eq!(
        (&frame["type"], &frame["data"]["title"], &frame["data"]["version"]),
        (&json!("update"), &json!("Warp"), &json!(2))
    );
    assert_eq!((item.prev_id.as_deref(), json!(item.id)), (Some(first.as_str()), frame["data"]["updatedAt"].clone()));
    assert_eq!(ann.resync(Some(&item.id)), []);
    let [created] = &ann.resync(None)[..] else { panic!() };
    assert_eq!((&content(created)["type"], created.prev_id.as_deref()), (&json!("create"), None));
    ann.change("DELETE", NOTE, Json::Null);
    let [gone] = &ann.resync(Some(&item.id))[..] else { panic!() };
    assert_eq!(content(gone)["data"]["deleted"], json!(true));
    assert_eq!(ann.resync(None), [], "who was never shown it is not told that it is gone");
    for channel in ["note:recipe:n", "note:", "note:note:", "note:tw-code:n"] {
        assert_eq!(now(ann.server.router.resync(vec![Held { channel: channel.into(), id: None }])), [], "{channel}");
    }
}

#[test]
fn where_records_can_not_be_written_nobody_is_let_in_to_miss_changes() {
    let ann = ann();
    ann.server.world.records_fail.set(true);
    let open = ann.server.open_at(SOCKET, &[("cookie", &ann.person.cookie)]);
    assert_eq!(open.status, 503);
}

/// A socket that opens while the note is changed is shown the change or told of it, however the two interleave.
#[test]
fn no_change_is_missed_while_a_socket_opens() {
    let (mut shown_new, mut told_new) = (false, false);
    // Which of the two begins first, and by how many calls of the store.
    for delay in -60_i32..60 {
        let server = server_over(MemoryStore::new().yielding(), &[]);
        let person = server.sign_in("ann@example.org");
        let ann = Ann { server, person };
        let first = ann.make(json!({"title": "old", "blob": ""}));
        let headers = vec![Header::new("cookie", &ann.person.cookie)];
        let (connection_id, target) = ("w".to_owned(), SOCKET.to_owned());
        let batch = Batch { connection_id, headers, target, events: vec![Event::Open], at_once: false };
        let opening = async {
            for _ in delay..0 {
                yielded().await;
            }
            let outcome = ann.server.router.handle_events(vec![batch]).await.remove(0);
            (texts(&outcome)[0]["data"]["title"].clone(), held(&outcome), Vec::new())
        };
        let changing = async {
            for _ in 0..delay {
                yielded().await;
            }
            let request = HttpRequest {
                method: "PUT".into(),
                target: NOTE.into(),
                headers: vec![Header::new("cookie", &ann.person.cookie), Header::new("if-unmodified-since", &first)],
                body: json!({"value": {"title": "new", "blob": ""}}).to_string().into_bytes(),
            };
            let effects: Vec<Effect> = ann.server.router.handle_request(request).await.effects;
            (Json::Null, None, published(&effects).into_iter().cloned().collect())
        };
        let mut done = together(vec![
            Box::pin(opening) as std::pin::Pin<Box<dyn Future<Output = (Json, Option<String>, Vec<Item>)>>>,
            Box::pin(changing),
        ]);
        let (_, _, items) = done.remove(1);
        let (shown, held, _) = done.remove(0);
        let told: Vec<_> = items.iter().filter(|item| item.channel == CHANNEL).collect();
        let follows = told.iter().any(|item| item.prev_id == held);
        assert!(shown == json!("new") || follows, "{delay}: shown {shown}, told {told:?}");
        shown_new |= shown == json!("new");
        told_new |= shown != json!("new");
    }
    assert!(shown_new && told_new, "both ways were tried");
}

async fn yielded() {
    let mut given = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut given, true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
