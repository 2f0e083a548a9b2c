mod told;

use serde_json::{Value as Json, json};

use crate::event::{Content, Held, Reply};
use crate::testing::{Answer, Person, Server, Socket, now, server, server_over};

const API: &str = "/api/v1/entities";

/// Ann heads it all, Ed edits and Vic views the shop, Sub is admin of a shelf in it, Eve is elsewhere, Zoe nowhere. The task `t`
/// is Ann's, and attached to the shelf.
struct Shop {
    server: Server,
    ann: Person,
    ed: Person,
    vic: Person,
    sub: Person,
    eve: Person,
    zoe: Person,
}

fn shop() -> Shop {
    let server = server(&[]);
    let [ann, ed, vic, sub, eve, zoe] =
        ["ann", "ed", "vic", "sub", "eve", "zoe"].map(|name| server.sign_in(&format!("{name}@example.org")));
    let shop = Shop { server, ann, ed, vic, sub, eve, zoe };
    shop.made(&shop.ann, "type", "task", json!({"policy": "org"}));
    shop.made(&shop.ann, "task", "t", json!({"what": "sweep"}));
    shop.made(&shop.ann, "org", "acme", shop.acme());
    shop
}

impl Shop {
    fn acme(&self) -> Json {
        json!({
            "name": "Acme",
            "nodes": {"all": {}, "shop": {}, "shelf": {}, "other": {}},
            "edges": {"all": {"shop": true, "other": true}, "shop": {"shelf": true}},
            "grants": {
                &self.ann.id: {"all": "admin"}, &self.ed.id: {"shop": "editor"}, &self.vic.id: {"shop": "viewer"},
                &self.sub.id: {"shelf": "admin"}, &self.eve.id: {"other": "editor"},
            },
            "attached": {"task:t": "shelf"},
        })
    }

    fn ask(&self, person: &Person, method: &str, path: &str, body: Json) -> Answer {
        self.server.ask(person, method, &format!("{API}/{path}"), &[], body)
    }

    fn post(&self, person: &Person, kind: &str, id: &str, value: Json) -> Answer {
        self.ask(person, "POST", kind, json!({"id": id, "value": value}))
    }

    fn made(&self, person: &Person, kind: &str, id: &str, value: Json) {
        let answer = self.post(person, kind, id, value);
        assert_eq!(answer.status(), 201, "{}", answer.json());
    }

    fn since(&self, entity: &str) -> String {
        let read = self.ask(&self.ann, "GET", entity, Json::Null).json();
        read["meta"]["validFrom"].as_str().unwrap_or_default().to_owned()
    }

    /// Changes by merge patch.
    fn patch(&self, person: &Person, entity: &str, patch: Json) -> Answer {
        let since = self.since(entity);
        let headers = [("if-unmodified-since", since.as_str()), ("content-type", "application/merge-patch+json")];
        self.server.ask(person, "PATCH", &format!("{API}/{entity}"), &headers, patch)
    }

    fn changed(&self, patch: Json) -> Answer {
        let answer = self.patch(&self.ann, "org:acme", patch);
        assert_eq!(answer.status(), 200, "{}", answer.json());
        answer
    }

    fn listed(&self, person: &Person, kind: &str) -> Vec<String> {
        let list = self.server.ask(person, "GET", &format!("{API}?type={kind}"), &[], Json::Null).json();
        let entities = list["entities"].as_array().unwrap().iter();
        entities.map(|entity| entity["entityId"].as_str().unwrap().to_owned()).collect()
    }

    fn subscribed<'a>(&'a self, person: &Person, id: &str, entity: &str) -> Socket<'a> {
        let mut socket = self.server.socket(person, id);
        let (answer, _) = socket.send(json!({"id": 1, "method": "subscribe", "entityId": entity}));
        assert_eq!(answer["status"], 200, "{answer}");
        socket
    }
}

#[test]
fn each_way_in_goes_by_the_role() {
    let shop = shop();
    let since = shop.since("task:t");
    let past = format!("task:t?asOf={since}");
    for (person, name, reads, changes) in [
        (&shop.ann, "ann", true, true),
        (&shop.ed, "ed", true, true),
        (&shop.vic, "vic", true, false),
        (&shop.sub, "sub", true, true),
        (&shop.eve, "eve", false, false),
        (&shop.zoe, "zoe", false, false),
    ] {
        let read = if reads { 200 } else { 404 };
        for path in ["task:t", "task:t/history", "task:t/subscribers", &past] {
            assert_eq!(shop.ask(person, "GET", path, Json::Null).status(), read, "{name} {path}");
        }
        assert_eq!(shop.listed(person, "task"), vec!["task:t"; usize::from(reads)], "{name}");
        for method in ["get", "history", "subscribe"] {
            let message = json!({"id": 1, "method": method, "entityId": "task:t"});
            let (answer, outcome) = shop.server.socket(person, "c").send(message.clone());
            assert_eq!(answer["status"], read, "{name} {method}");
            let shows = answer.to_string().contains("sweep");
            assert_eq!(shows, reads && method != "history", "{name} {method} {answer}");
            let subscribes = outcome
                .replies
                .iter()
                .any(|reply| matches!(reply, Reply::Subscribe { channel, .. } if channel.contains("task:t")));
            assert_eq!(subscribes, reads && method == "subscribe", "{name} {method}");
            assert_eq!(shop.server.ask(person, "POST", "/message", &[], message).status(), read, "{name} {method}");
        }
        let write = match (reads, changes) {
            (_, true) => 200,
            (true, false) => 403,
            (false, false) => 404,
        };
        assert_eq!(shop.patch(person, "task:t", json!({"by": name})).status(), write, "{name} patches");
        let since = shop.since("task:t");
        let when = [("if-unmodified-since", since.as_str())];
        let put = shop.server.ask(
            person,
            "PUT",
            &format!("{API}/task:t"),
            &when,
            json!({"value": {"what": "sweep", "put": name}}),
        );
        assert_eq!(put.status(), write, "{name} puts");
        assert_eq!(shop.ask(person, "DELETE", "task:t", Json::Null).status(), write, "{name} deletes");
        assert_eq!(
            shop.ask(person, "POST", "task:t/undelete", Json::Null).status(),
            if changes { 200 } else { write },
            "{name}"
        );
        let revert =
            shop.server.ask(person, "POST", &format!("{API}/task:t/revert"), &when, json!({"validFrom": since}));
        assert!(revert.status() == write || (changes && revert.status() == 409), "{name} {}", revert.json());
    }
    assert_eq!(shop.server.anonymous("GET", &format!("{API}/task:t"), Json::Null).status(), 401);
}

#[test]
fn what_is_attached_before_it_is_made_is_attached_where_who_attached_it_makes_it() {
    let shop = shop();
    shop.changed(json!({"attached": {"task:new": "shelf"}}));
    shop.made(&shop.ann, "task", "new", json!(1));
    assert_eq!(shop.ask(&shop.vic, "GET", "task:new", Json::Null).status(), 200);
    assert_eq!(shop.post(&shop.zoe, "task", "new", json!(1)).status(), 409);
    // Attached to nothing it is its maker's.
    shop.made(&shop.zoe, "task", "own", json!(1));
    assert_eq!(shop.ask(&shop.ann, "GET", "task:own", Json::Null).status(), 404);
    assert_eq!(shop.listed(&shop.zoe, "task"), ["task:own"]);
    assert_eq!(shop.listed(&shop.ann, "task").len(), 2);
}

#[test]
fn who_guesses_an_id_has_nothing_of_what_comes_to_be_there() {
    let shop = shop();
    let (eve, zoe) = (&shop.eve.id, &shop.zoe.id);
    for (id, grants) in [
        ("a", json!({eve: {"x": "admin"}})),
        ("b", json!({eve: {"x": "admin"}, "*": {"x": "editor"}})),
        ("c", json!({eve: {"x": "admin"}, zoe: {"x": "admin"}})),
    ] {
        let org = json!({"nodes": {"x": {}}, "grants": grants, "attached": {format!("task:{id}"): "x", format!("draft:{id}"): "x"}});
        shop.made(&shop.eve, "org", id, org);
        shop.made(&shop.zoe, "task", id, json!({"secret": 1}));
        shop.made(&shop.zoe, "draft", id, json!({"secret": 1}));
    }
    // What was its maker's by the policy is so by organisations too.
    shop.made(&shop.ann, "type", "draft", json!({"policy": "org"}));
    for entity in ["task:a", "task:b", "task:c", "draft:a", "draft:b", "draft:c"] {
        assert_eq!(shop.ask(&shop.eve, "GET", entity, Json::Null).status(), 404, "{entity}");
        assert_eq!(shop.ask(&shop.zoe, "GET", entity, Json::Null).status(), 200, "{entity}");
        let shared = shop.ask(&shop.zoe, "PUT", &format!("{entity}/people/{}", shop.vic.id), json!({"role": "viewer"}));
        assert_eq!(shared.status(), 200, "{entity} {}", shared.json());
        assert_eq!(shop.ask(&shop.vic, "GET", entity, Json::Null).status(), 200, "{entity}");
    }
}

#[test]
fn a_change_that_is_refused_is_in_nobodys_way() {
    let shop = shop();
    shop.made(&shop.zoe, "task", "own", json!(1));
    let attached: serde_json::Map<String, Json> =
        (0..50).map(|number| (format!("task:{number}"), json!("x"))).collect();
    let mut evil = json!({"nodes": {"x": {}}, "grants": {&shop.eve.id: {"x": "admin"}}, "attached": attached});
    evil["attached"]["task:own"] = json!("x");
    assert_eq!(shop.post(&shop.eve, "org", "evil", evil).status(), 422);
    shop.made(&shop.zoe, "task", "7", json!(1));
    for entity in ["task:own", "task:7"] {
        let shared = shop.ask(&shop.zoe, "PUT", &format!("{entity}/people/{}", shop.vic.id), json!({"role": "viewer"}));
        assert_eq!(shared.status(), 200, "{entity} {}", shared.json());
    }
}

#[test]
fn what_was_in_a_deleted_organisation_is_its_makers_to_share_anew() {
    let shop = shop();
    assert_eq!(shop.ask(&shop.ann, "DELETE", "org:acme", Json::Null).status(), 200);
    let shared = shop.ask(&shop.ann, "PUT", &format!("task:t/people/{}", shop.zoe.id), json!({"role": "viewer"}));
    assert_eq!(shared.status(), 200, "{}", shared.json());
    assert_eq!(shop.ask(&shop.ann, "POST", "org:acme/undelete", Json::Null).status(), 200);
    assert_eq!(shop.ask(&shop.ed, "GET", "task:t", Json::Null).status(), 404, "it is elsewhere by now");
    assert_eq!(shop.ask(&shop.zoe, "GET", "task:t", Json::Null).status(), 200);
}

#[test]
fn the_cursor_of_a_list_names_nobody_elses() {
    let shop = shop();
    for number in 0..12 {
        shop.made(&shop.ann, "task", &format!("private-{number}"), json!(1));
    }
    let page = |person: &Person, cursor: &str| {
        shop.server.ask(person, "GET", &format!("{API}?type=task&limit=1&cursor={cursor}"), &[], Json::Null)
    };
    let (mut found, mut cursor) = (0, String::new());
    for _ in 0..20 {
        let target = format!(
            "{API}?type=task&limit=1{}",
            if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") }
        );
        let list = shop.server.ask(&shop.vic, "GET", &target, &[], Json::Null).json();
        found += list["entities"].as_array().unwrap().len();
        let Some(next) = list["cursor"].as_str() else { break };
        let read = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, next).unwrap();
        assert!(!String::from_utf8_lossy(&read).contains("private") && !next.contains("private"));
        next.clone_into(&mut cursor);
    }
    assert_eq!(found, 1, "what is attached, and nothing else");
    let none = shop.server.ask(&shop.zoe, "GET", &format!("{API}?type=task&limit=1"), &[], Json::Null).json();
    assert_eq!(none, json!({"entities": []}), "no page for each that is not hers");
    assert_eq!(page(&shop.vic, "0.private-1").status(), 400);
    assert_eq!(page(&shop.vic, &format!("{cursor}x")).status(), 400);
}

#[test]
fn nobody_attaches_what_others_made_or_have() {
    let shop = shop();
    shop.made(&shop.zoe, "task", "own", json!(1));
    let refused = shop.patch(&shop.ann, "org:acme", json!({"attached": {"task:own": "shop"}}));
    assert_eq!((refused.status(), refused.code().as_str()), (422, "invalid-value"), "{}", refused.json());
    assert_eq!(refused.json()["error"]["violations"][0]["path"], "/attached/task:own");
    assert_eq!(shop.ask(&shop.zoe, "GET", "task:own", Json::Null).status(), 200);
    // Nor by an organisation of one's own.
    let evil = |attached: &str| json!({"nodes": {"x": {}}, "grants": {&shop.eve.id: {"x": "admin"}}, "attached": {attached: "x"}});
    for attached in ["task:t", "task:own", "person:1", "org:acme", "tw-sessions:1", "no entity"] {
        let refused = shop.post(&shop.eve, "org", "evil", evil(attached));
        assert_eq!(refused.status(), 422, "{attached} {}", refused.json());
    }
    assert_eq!(shop.ask(&shop.eve, "GET", "task:t", Json::Null).status(), 404);
    // What is not there yet is whose it will be.
    shop.changed(json!({"attached": {"task:new": "shop"}}));
    shop.made(&shop.eve, "org", "evil", evil("task:new"));
    shop.made(&shop.ann, "task", "new", json!(1));
    assert_eq!(shop.ask(&shop.eve, "GET", "task:new", Json::Null).status(), 404);
    // Where it is, is told who made it: there it can be taken out.
    shop.made(&shop.ann, "task", "moved", json!(1));
    shop.changed(json!({"attached": {"task:moved": "shop"}}));
    let second = json!({"nodes": {"x": {}}, "grants": {&shop.ann.id: {"x": "admin"}}, "attached": {"task:moved": "x"}});
    let refused = shop.post(&shop.ann, "org", "second", second.clone());
    let why = refused.json()["error"]["violations"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert!(why.starts_with("is attached to org:acme"), "{why}");
    shop.changed(json!({"attached": {"task:moved": null}}));
    shop.made(&shop.ann, "org", "second", second);
}

#[test]
fn members_read_an_organisation_and_admins_change_what_is_theirs() {
    let shop = shop();
    for (person, read) in [(&shop.ann, 200), (&shop.vic, 200), (&shop.eve, 200), (&shop.zoe, 404)] {
        assert_eq!(shop.ask(person, "GET", "org:acme", Json::Null).status(), read);
        assert_eq!(shop.listed(person, "org").len(), usize::from(read == 200));
    }
    let grant = |node: &str, role: &str| json!({"grants": {&shop.zoe.id: {node: role}}});
    for (person, node, status) in [
        (&shop.zoe, "shelf", 404),
        (&shop.vic, "shelf", 403),
        (&shop.ed, "shelf", 403),
        (&shop.sub, "shop", 403),
        (&shop.sub, "shelf", 200),
        (&shop.ann, "other", 200),
    ] {
        let answer = shop.patch(person, "org:acme", grant(node, "viewer"));
        assert_eq!(answer.status(), status, "{node} {}", answer.json());
    }
    assert_eq!(shop.ask(&shop.zoe, "GET", "task:t", Json::Null).status(), 200);
    // Nobody makes themselves admin of what is not there yet, and by that of the whole; nor says nothing.
    for patch in [
        json!({"grants": {&shop.vic.id: {"ghost": "admin"}}}),
        json!({"nodes": {"ghost": {}}, "grants": {&shop.vic.id: {"ghost": "admin"}}}),
        json!({"nodes": {"ghost": {}}}),
        json!({"edges": {"ghost": {}}}),
        json!({"grants": {"somebody": {}}}),
        json!({"name": "mine"}),
    ] {
        let refused = shop.patch(&shop.vic, "org:acme", patch.clone());
        assert_eq!(refused.status(), 403, "{patch} {}", refused.json());
    }
    assert_eq!(shop.ask(&shop.sub, "DELETE", "org:acme", Json::Null).status(), 403);
    for (patch, path) in [
        (json!({"edges": {"shelf": {"all": true}}}), "/edges"),
        (json!({"edges": {"shelf": {"nowhere": true}}}), "/edges/shelf/nowhere"),
        (json!({"nodes": {"shelf": null}}), "/edges/shop/shelf"),
        (json!({"grants": {&shop.ann.id: null, &shop.sub.id: null}}), "/grants"),
        (json!({"grants": {&shop.ann.id: {"all": "boss"}}}), "/grants/"),
        (json!({"attached": {"task:new": "nowhere"}}), "/attached/task:new"),
    ] {
        let refused = shop.patch(&shop.ann, "org:acme", patch.clone());
        assert_eq!((refused.status(), refused.code().as_str()), (422, "invalid-value"), "{patch} {}", refused.json());
        let said = refused.json()["error"]["violations"][0]["path"].as_str().unwrap_or_default().to_owned();
        assert!(said.starts_with(path), "{patch} {said}");
    }
}

fn closes(answer: &Answer) -> Vec<String> {
    let closes = answer.published().into_iter().filter(|item| matches!(item.content, Content::Close(1012, _)));
    closes.map(|item| item.channel.clone()).collect()
}

fn rights(shop: &Shop, person: &Person) -> Held {
    let channel = format!("rights:org:acme@{}", person.id);
    Held { channel, id: Some(shop.since("org:acme")) }
}

#[test]
fn what_was_attached_to_a_node_that_is_gone_is_its_makers_and_nobody_takes_it() {
    let shop = shop();
    let anybody = |path: &str| shop.server.anonymous("GET", &format!("{API}/{path}"), Json::Null).status();
    shop.changed(json!({"grants": {"*": {"shelf": "viewer"}, &shop.eve.id: {"other": "admin"}}}));
    assert_eq!((anybody("task:t"), shop.ask(&shop.sub, "GET", "task:t", Json::Null).status()), (200, 200));
    let gone = json!({"nodes": {"shelf": null}, "edges": {"shop": {"shelf": null}}});
    let closed = closes(&shop.changed(gone));
    for person in ["*", &shop.ed.id, &shop.vic.id, &shop.sub.id] {
        assert!(closed.contains(&format!("rights:org:acme@{person}")), "{person} in {closed:?}");
    }
    assert_eq!(anybody("task:t"), 401);
    for (person, status) in [(&shop.ann, 200), (&shop.ed, 404), (&shop.vic, 404), (&shop.sub, 404), (&shop.eve, 404)] {
        assert_eq!(shop.ask(person, "GET", "task:t", Json::Null).status(), status);
    }
    assert_eq!(shop.ask(&shop.sub, "GET", "org:acme", Json::Null).status(), 404, "nor is Sub a member any more");
    // Eve is admin of another node, and puts it below that.
    let theirs = json!({"nodes": {"shelf": {}}, "edges": {"other": {"shelf": true}}});
    let refused = shop.patch(&shop.eve, "org:acme", theirs.clone());
    assert_eq!(refused.status(), 403, "{}", refused.json());
    assert!(refused.json().to_string().contains("making the node `shelf` again"));
    assert_eq!(shop.patch(&shop.eve, "org:acme", json!({"attached": {"task:t": "other"}})).status(), 422);
    assert_eq!(shop.ask(&shop.eve, "GET", "task:t", Json::Null).status(), 404);
    shop.changed(json!({"nodes": {"shelf": {}}, "edges": {"shop": {"shelf": true}}}));
    assert_eq!(shop.ask(&shop.sub, "GET", "task:t", Json::Null).status(), 200, "as it was");
}

#[test]
fn a_deleted_organisation_gives_no_rights_until_it_is_back() {
    let shop = shop();
    let closed = closes(&shop.ask(&shop.ann, "DELETE", "org:acme", Json::Null));
    for person in [&shop.ann, &shop.ed, &shop.vic, &shop.sub, &shop.eve] {
        assert!(closed.contains(&format!("rights:org:acme@{}", person.id)));
        let is_maker = person.id == shop.ann.id;
        assert_eq!(shop.ask(person, "GET", "task:t", Json::Null).status(), if is_maker { 200 } else { 404 });
    }
    assert_eq!(shop.ask(&shop.ed, "POST", "org:acme/undelete", Json::Null).status(), 403);
    assert_eq!(shop.ask(&shop.zoe, "POST", "org:acme/undelete", Json::Null).status(), 404);
    assert_eq!(shop.ask(&shop.ann, "POST", "org:acme/undelete", Json::Null).status(), 200);
    assert_eq!(shop.ask(&shop.vic, "GET", "task:t", Json::Null).status(), 200);
}

#[test]
fn two_moves_that_are_a_cycle_together_end_as_one_and_a_refusal() {
    let shop = shop();
    shop.changed(json!({"nodes": {"left": {}, "right": {}}, "edges": {"all": {"left": true, "right": true}}}));
    let since = shop.since("org:acme");
    let patch = |upper: &str, lower: &str| {
        let headers = [("if-unmodified-since", since.as_str()), ("content-type", "application/merge-patch+json")];
        shop.server.ask(
            &shop.ann,
            "PATCH",
            &format!("{API}/org:acme"),
            &headers,
            json!({"edges": {upper: {lower: true}}}),
        )
    };
    assert_eq!(patch("left", "right").status(), 200);
    let refused = patch("right", "left");
    assert_eq!((refused.status(), refused.code().as_str()), (422, "invalid-value"), "{}", refused.json());
    let edges = shop.ask(&shop.ann, "GET", "org:acme", Json::Null).json()["value"]["edges"].clone();
    assert_eq!((&edges["left"], &edges["right"]), (&json!({"right": true}), &Json::Null));
}

#[test]
fn what_is_known_of_an_organisation_by_its_changes_is_what_reading_it_tells() {
    use timeweft_core::id::EntityId;
    use timeweft_core::operation::{Moment, Read, Reading, Which};

    let shop = shop();
    let org = EntityId::parse("org:acme").unwrap();
    let (router, other) = (&shop.server.router, server_over(shop.server.world.store.clone(), &[]));
    let whole = |which| match now(super::read(router, &org, Read::whole(which))) {
        Ok(Some(Reading::Value(value, meta))) => (super::parsed(&value).unwrap(), meta.valid_from),
        other => panic!("{other:?}"),
    };
    let changes = [
        json!({"grants": {&shop.vic.id: {"shop": "editor", "other": "viewer"}}}),
        json!({"nodes": {"box": {"of": ["a"]}}, "edges": {"shelf": {"box": true}}}),
        json!({"nodes": {"box": {"of": ["a", "b"]}}, "attached": {"task:u": "box"}}),
        json!({"grants": {&shop.vic.id: null, "*": {"other": "viewer"}}, "name": "Ac me"}),
        json!({"edges": {"shelf": {"box": null}, "other": {"box": true}}, "attached": {"task:t": "box"}}),
        json!({"nodes": {"box": null}, "edges": {"other": null}, "more": {"of": {"it": 1}}}),
        json!({"nodes": {"box": {}}, "attached": null}),
    ];
    let mut versions = vec![whole(Which::Current)];
    for turn in 0..8 {
        for (index, change) in changes.iter().enumerate() {
            shop.changed(change.clone());
            versions.push(whole(Which::Current));
            // The one goes along with each change, the other with several at once.
            let servers = [Some(router), (index % 3 == turn % 3).then_some(&other.router)];
            for router in servers.into_iter().flatten() {
                let (known, valid_from) = now(super::current(router, &org)).unwrap().unwrap();
                assert_eq!((&*known, valid_from), versions.last().map(|(org, at)| (org, *at)).unwrap());
                for (past, at) in versions.iter().rev().skip(1).step_by(turn + 1) {
                    let found = now(super::version(router, &org, *at)).unwrap().unwrap();
                    assert_eq!(&found, past);
                    assert_eq!(found, whole(Which::Past(Moment::Time(*at))).0);
                    assert_eq!(super::others(&found, &known), super::others(past, &versions.last().unwrap().0));
                }
            }
        }
        shop.changed(json!({"nodes": {"box": null}, "edges": {"shelf": null, "other": null}, "grants": {"*": null}}));
        shop.changed(json!({"edges": {"all": {"other": true}}, "attached": {"task:t": "shelf"}}));
        versions.push(whole(Which::Current));
    }
}
