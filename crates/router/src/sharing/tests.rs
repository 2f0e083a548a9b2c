mod invitations;

use serde_json::{Value as Json, json};

use crate::event::Content;
use crate::testing::{Answer, Person, Server, server, server_over};

const API: &str = "/api/v1/entities";

/// Ann has made the documents `d` and `e`, which are hers alone; types whose policy is `org`.
struct Desk {
    server: Server,
    ann: Person,
    bob: Person,
    cem: Person,
}

fn desk() -> Desk {
    let server = server(&[]);
    let [ann, bob, cem] = ["ann", "bob", "cem"].map(|name| server.sign_in(&format!("{name}@example.org")));
    let desk = Desk { server, ann, bob, cem };
    for (kind, id, value) in
        [("type", "doc", json!({"policy": "org"})), ("doc", "d", json!({"text": "dear"})), ("doc", "e", json!({}))]
    {
        let made = desk.server.ask(&desk.ann, "POST", &format!("{API}/{kind}"), &[], json!({"id": id, "value": value}));
        assert_eq!(made.status(), 201, "{}", made.json());
    }
    desk
}

impl Desk {
    fn in_production(self, settings: &[(&str, &str)]) -> Desk {
        let settings = [&[("development", "false")], settings].concat();
        Desk { server: server_over(self.server.world.store.clone(), &settings), ..self }
    }

    fn ask(&self, person: &Person, method: &str, path: &str, body: Json) -> Answer {
        self.server.ask(person, method, &format!("{API}/{path}"), &[], body)
    }

    fn share(&self, person: &Person, entity: &str, with: &str, role: &str) -> Answer {
        self.ask(person, "PUT", &format!("{entity}/people/{with}"), json!({"role": role}))
    }

    fn people(&self, person: &Person, entity: &str) -> Json {
        let told = self.ask(person, "GET", &format!("{entity}/people"), Json::Null);
        assert_eq!(told.status(), 200, "{}", told.json());
        told.json()
    }

    fn reads(&self, person: &Person, entity: &str) -> u16 {
        self.ask(person, "GET", entity, Json::Null).status()
    }

    fn writes(&self, person: &Person, entity: &str) -> u16 {
        self.merges(person, entity, |since| json!({&person.id: since})).status()
    }

    /// A merge patch of the newest version, as Ann sees it.
    fn merges(&self, person: &Person, entity: &str, patch: impl FnOnce(&str) -> Json) -> Answer {
        let since =
            self.ask(&self.ann, "GET", entity, Json::Null).json()["meta"]["validFrom"].as_str().unwrap().to_owned();
        let headers = [("if-unmodified-since", since.as_str()), ("content-type", "application/merge-patch+json")];
        self.server.ask(person, "PATCH", &format!("{API}/{entity}"), &headers, patch(&since))
    }

    /// What a subscription says that this person is.
    fn role(&self, person: &Person, entity: &str) -> Json {
        let message = json!({"id": 1, "method": "subscribe", "entityId": entity});
        self.server.socket(person, "c").send(message).0["role"].clone()
    }

    fn invite(&self, person: &Person, entity: &str, body: Json) -> Answer {
        self.ask(person, "POST", &format!("{entity}/invitations"), body)
    }

    fn accept(&self, person: &Person, token: &Json) -> Answer {
        self.server.ask(person, "POST", "/api/v1/invitations/accept", &[], json!({"token": token}))
    }
}

#[test]
fn what_is_shared_is_there_for_them_as_what_they_are_and_nothing_beside_it() {
    let desk = desk();
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.role(&desk.ann, "doc:d")), (404, json!("admin")));
    assert_eq!(desk.share(&desk.bob, "doc:d", &desk.bob.id, "viewer").status(), 404, "it is not there for him");
    assert_eq!(desk.share(&desk.ann, "doc:d", &desk.bob.id, "viewer").status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.writes(&desk.bob, "doc:d")), (200, 403));
    assert_eq!((desk.reads(&desk.bob, "doc:e"), desk.reads(&desk.cem, "doc:d")), (404, 404));
    assert_eq!(desk.role(&desk.bob, "doc:d"), "viewer");
    assert_eq!(desk.role(&desk.cem, "doc:d"), Json::Null);
    assert_eq!(desk.share(&desk.bob, "doc:d", &desk.cem.id, "viewer").status(), 403, "sharing takes an admin");
    assert_eq!(desk.share(&desk.ann, "doc:d", &desk.bob.id, "editor").status(), 200);
    assert_eq!((desk.writes(&desk.bob, "doc:d"), desk.role(&desk.bob, "doc:d")), (200, json!("editor")));
    let told = desk.people(&desk.bob, "doc:d");
    assert_eq!((&told["role"], told["people"].as_array().unwrap().len()), (&json!("editor"), 2));
    assert_eq!(told["invitations"], Json::Null, "only those who may share are told");
    assert_eq!(desk.ask(&desk.ann, "DELETE", &format!("doc:d/people/{}", desk.bob.id), Json::Null).status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.reads(&desk.ann, "doc:d")), (404, 200));
    // Who is its last admin stays.
    assert_eq!(desk.ask(&desk.ann, "DELETE", &format!("doc:d/people/{}", desk.ann.id), Json::Null).status(), 422);
    for (with, role, status) in [("not%20an%20id", "viewer", 400), (&*desk.bob.id, "owner", 400), ("*", "admin", 422)] {
        assert_eq!(desk.share(&desk.ann, "doc:d", with, role).status(), status, "{with} {role}");
    }
    for path in ["doc:d/people/not%20an%20id", "doc:d/invitations/not%20an%20id"] {
        assert_eq!(desk.ask(&desk.ann, "DELETE", path, Json::Null).status(), 400, "{path}");
    }
    assert_eq!(desk.share(&desk.ann, "doc:none", &desk.bob.id, "viewer").status(), 404);
}

#[test]
fn in_an_organisation_one_entity_is_shared_without_its_neighbours() {
    let desk = desk();
    let acme = json!({"nodes": {"team": {}}, "grants": {&desk.ann.id: {"team": "admin"}, &desk.cem.id: {"team": "editor"}},
        "attached": {"doc:d": "team", "doc:e": "team"}});
    let made = desk.ask(&desk.ann, "POST", "org", json!({"id": "acme", "value": acme}));
    assert_eq!(made.status(), 201, "{}", made.json());
    let told = desk.people(&desk.ann, "doc:d")["people"].clone();
    assert!(told.as_array().unwrap().iter().all(|person| person["inherited"] == true), "by the team: {told}");
    assert_eq!(desk.share(&desk.cem, "doc:d", &desk.bob.id, "viewer").status(), 403);
    assert_eq!(desk.share(&desk.ann, "doc:d", &desk.bob.id, "editor").status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.reads(&desk.bob, "doc:e")), (200, 404));
    assert_eq!((desk.writes(&desk.cem, "doc:d"), desk.writes(&desk.cem, "doc:e")), (200, 200), "the team has both");
    let told = desk.people(&desk.ann, "doc:d");
    let of = |id: &str| told["people"].as_array().unwrap().iter().find(|person| person["personId"] == id).cloned();
    assert_eq!(of(&desk.cem.id).unwrap()["inherited"], true);
    assert_eq!(of(&desk.bob.id).unwrap()["inherited"], Json::Null);
    let refused = desk.ask(&desk.ann, "DELETE", &format!("doc:d/people/{}", desk.cem.id), Json::Null);
    assert_eq!(refused.status(), 403);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("by org:acme"), "{}", refused.json());
    // A second time it is the node that is there by now.
    assert_eq!(desk.share(&desk.ann, "doc:d", &desk.bob.id, "viewer").status(), 200);
    let nodes = desk.ask(&desk.ann, "GET", "org:acme", Json::Null).json()["value"]["nodes"].clone();
    assert_eq!(nodes.as_object().unwrap().len(), 2);
}

#[test]
fn everybody_reads_what_is_public_and_nobody_once_it_is_not() {
    let desk = desk();
    assert_eq!(desk.share(&desk.ann, "doc:d", "*", "viewer").status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.writes(&desk.bob, "doc:d")), (200, 403));
    assert_eq!(desk.server.anonymous("GET", &format!("{API}/doc:d"), Json::Null).status(), 200);
    assert_eq!(desk.server.anonymous("GET", &format!("{API}/doc:e"), Json::Null).status(), 401);
    let told = desk.people(&desk.bob, "doc:d");
    assert_eq!((&told["everybody"], &told["people"], &told["org"]), (&json!("viewer"), &json!([]), &Json::Null));
    let org = desk.people(&desk.ann, "doc:d")["org"].as_str().unwrap().to_owned();
    assert_eq!(desk.reads(&desk.bob, &org), 404, "who else is in it, is theirs");
    // Who watches it is let go before the withdrawal is answered.
    let mut socket = desk.server.socket(&desk.bob, "c1");
    socket.send(json!({"id": 1, "method": "subscribe", "entityId": "doc:d"}));
    let withdrawn = desk.ask(&desk.ann, "DELETE", "doc:d/people/*", Json::Null);
    let closed =
        withdrawn.published().into_iter().find(|item| matches!(item.content, Content::Close(1012, _))).unwrap();
    assert!(socket.channels.contains_key(&closed.channel), "{} {:?}", closed.channel, socket.channels);
    assert_eq!(desk.reads(&desk.bob, "doc:d"), 404);
    assert_eq!(desk.server.anonymous("GET", &format!("{API}/doc:d"), Json::Null).status(), 401);
}

#[test]
fn what_has_another_policy_says_so() {
    let desk = desk();
    let post = |kind: &str| desk.ask(&desk.ann, "POST", kind, json!({"id": "n", "value": {"title": "t", "blob": "b"}}));
    assert_eq!((post("note").status(), post("todo").status()), (201, 201));
    for (entity, says) in [("note:n", "everybody's"), ("todo:n", "only their makers'")] {
        let refused = desk.share(&desk.ann, entity, &desk.bob.id, "viewer");
        assert_eq!(refused.status(), 403);
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains(says), "{}", refused.json());
    }
    assert_eq!(desk.people(&desk.bob, "note:n")["everybody"], "editor");
    assert_eq!(desk.people(&desk.ann, "todo:n")["people"][0]["personId"], json!(desk.ann.id));
}

#[test]
fn people_who_share_something_see_what_each_tells_of_themselves_and_no_address() {
    let desk = desk();
    let bob = format!("person:{}", desk.bob.id);
    let since = desk.ask(&desk.bob, "GET", &bob, Json::Null).json()["meta"]["validFrom"].as_str().unwrap().to_owned();
    let headers = [("if-unmodified-since", since.as_str()), ("content-type", "application/merge-patch+json")];
    let told = json!({"public": {"name": "Bob"}, "phone": "112"});
    assert_eq!(desk.server.ask(&desk.bob, "PATCH", &format!("{API}/{bob}"), &headers, told).status(), 200);
    desk.share(&desk.ann, "doc:d", &desk.bob.id, "viewer");
    let people = desk.people(&desk.ann, "doc:d")["people"].clone();
    let of_bob = people.as_array().unwrap().iter().find(|person| person["personId"] == *desk.bob.id).unwrap();
    assert_eq!(of_bob["public"], json!({"name": "Bob"}));
    assert!(!people.to_string().contains("112") && !people.to_string().contains('@'), "{people}");
}

#[test]
fn a_deletion_is_told_to_those_who_may_read_and_to_nobody_else() {
    let desk = desk();
    desk.share(&desk.ann, "doc:d", &desk.bob.id, "viewer");
    desk.ask(&desk.ann, "DELETE", "doc:d", Json::Null);
    let subscribe = |person: &Person| {
        desk.server.socket(person, "c").send(json!({"id": 1, "method": "subscribe", "entityId": "doc:d"})).0
    };
    let told = subscribe(&desk.bob);
    assert_eq!(
        (&told["status"], &told["meta"]["deleted"], &told["role"]),
        (&json!(404), &json!(true), &json!("viewer"))
    );
    let hidden = subscribe(&desk.cem);
    assert_eq!((&hidden["status"], &hidden["meta"], &hidden["role"]), (&json!(404), &Json::Null, &Json::Null));
    let missing =
        desk.server.socket(&desk.cem, "c").send(json!({"id": 1, "method": "subscribe", "entityId": "doc:none"})).0;
    assert_eq!(missing, hidden, "what is not theirs looks like what is not there");
}

#[test]
fn who_is_let_into_one_entity_of_a_team_knows_nothing_of_the_rest() {
    let desk = desk();
    let acme = json!({"name": "Acme", "nodes": {"team": {}}, "grants": {&desk.ann.id: {"team": "admin"}, &desk.cem.id: {"team": "editor"}},
        "attached": {"doc:d": "team", "doc:e": "team"}});
    assert_eq!(desk.ask(&desk.ann, "POST", "org", json!({"id": "acme", "value": acme})).status(), 201);
    assert_eq!(desk.share(&desk.ann, "doc:d", &desk.bob.id, "admin").status(), 200);
    for path in ["org:acme", "org:acme/history", "org:acme/people", "doc:e"] {
        assert_eq!(desk.reads(&desk.bob, path), 404, "{path}");
    }
    assert_eq!(desk.role(&desk.bob, "org:acme"), Json::Null);
    let told = desk.people(&desk.bob, "doc:d");
    let people = told["people"].as_array().unwrap();
    assert!(people.len() == 1 && people[0]["personId"] == *desk.bob.id && told["org"].is_null(), "{told}");
    // They share it on, and can't take it from the team.
    let zoe = desk.server.sign_in("zoe@example.org");
    assert_eq!(desk.share(&desk.bob, "doc:d", &zoe.id, "viewer").status(), 200);
    assert_eq!(desk.people(&desk.bob, "doc:d")["people"].as_array().unwrap().len(), 2);
    let refused = desk.share(&desk.bob, "doc:d", &desk.cem.id, "viewer");
    assert_eq!(refused.status(), 403, "he has more by the team");
    // Invitations of one are in nobody else's way, and hold while they may grant.
    for _ in 0..100 {
        assert_eq!(desk.invite(&desk.bob, "doc:d", json!({"role": "viewer"})).status(), 201);
    }
    assert_eq!(desk.invite(&desk.bob, "doc:d", json!({"role": "viewer"})).status(), 413);
    assert_eq!(desk.invite(&desk.ann, "doc:d", json!({"role": "viewer"})).status(), 201);
    assert_eq!(desk.share(&desk.ann, "doc:d", &desk.bob.id, "viewer").status(), 200);
    assert_eq!(desk.people(&desk.ann, "doc:d")["invitations"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_deleted_can_be_withdrawn() {
    let desk = desk();
    desk.share(&desk.ann, "doc:d", &desk.bob.id, "editor");
    desk.ask(&desk.ann, "DELETE", "doc:d", Json::Null);
    assert_eq!(desk.ask(&desk.ann, "DELETE", &format!("doc:d/people/{}", desk.bob.id), Json::Null).status(), 200);
    assert_eq!(desk.ask(&desk.bob, "POST", "doc:d/undelete", Json::Null).status(), 404);
}

#[test]
fn who_has_it_open_before_it_is_shared_is_told_at_once() {
    let desk = desk();
    let mut socket = desk.server.socket(&desk.bob, "c1");
    socket.send(json!({"id": 1, "method": "subscribe", "entityId": "doc:d"}));
    let shared = desk.share(&desk.ann, "doc:d", &desk.bob.id, "viewer");
    let closed: Vec<_> =
        shared.published().into_iter().filter(|item| matches!(item.content, Content::Close(1012, _))).collect();
    assert!(closed.iter().any(|item| socket.channels.contains_key(&item.channel)), "{closed:?} {:?}", socket.channels);
    let of_cem = format!("@{}", desk.cem.id);
    assert!(!closed.iter().any(|item| item.channel.ends_with(&of_cem) || item.channel.ends_with("@*")), "{closed:?}");
}

/// Acme, whose head is Ann, with Cem as admin of the node `web` and the document `d` in it.
fn team() -> Desk {
    let desk = desk();
    let acme = json!({"nodes": {"all": {}, "web": {}}, "edges": {"all": {"web": true}}, "attached": {"doc:d": "web"},
        "grants": {&desk.ann.id: {"all": "admin"}, &desk.cem.id: {"web": "admin"}}});
    assert_eq!(desk.ask(&desk.ann, "POST", "org", json!({"id": "acme", "value": acme})).status(), 201);
    desk
}

#[test]
fn who_is_let_into_an_organisation_is_a_member_where_it_was_said() {
    let desk = team();
    assert_eq!(desk.share(&desk.ann, "org:acme", &desk.bob.id, "viewer").status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.writes(&desk.bob, "doc:d")), (200, 403));
    assert_eq!(desk.reads(&desk.bob, "org:acme"), 200, "a member reads it");
    let at_web = json!({"role": "editor", "node": "web"});
    let path = format!("org:acme/people/{}", desk.bob.id);
    assert_eq!(desk.ask(&desk.cem, "PUT", &path, at_web).status(), 200);
    assert_eq!(desk.writes(&desk.bob, "doc:d"), 200);
    let grants = || desk.ask(&desk.ann, "GET", "org:acme", Json::Null).json()["value"]["grants"].clone();
    assert_eq!(grants()[&desk.bob.id], json!({"all": "viewer", "web": "editor"}));
    let told = desk.people(&desk.ann, "org:acme");
    assert_eq!(told["people"].as_array().unwrap().len(), 3, "{told}");
    // Less than they are above is no less, and no error: it stays when that is taken.
    assert_eq!(desk.share(&desk.ann, "org:acme", &desk.cem.id, "editor").status(), 200);
    assert_eq!(
        desk.ask(
            &desk.ann,
            "PUT",
            &format!("org:acme/people/{}", desk.cem.id),
            json!({"role": "viewer", "node": "web"})
        )
        .status(),
        200
    );
    assert_eq!(desk.writes(&desk.cem, "doc:d"), 200);
    assert_eq!(
        desk.ask(
            &desk.ann,
            "PUT",
            &format!("org:acme/people/{}", desk.cem.id),
            json!({"role": "admin", "node": "web"})
        )
        .status(),
        200
    );
    assert_eq!(desk.ask(&desk.cem, "DELETE", &format!("{path}?node=web"), Json::Null).status(), 200);
    assert_eq!(grants()[&desk.bob.id], json!({"all": "viewer"}));
    // Where nothing is said of the node it is all of it.
    assert_eq!(desk.ask(&desk.cem, "DELETE", &path, Json::Null).status(), 403);
    assert_eq!(desk.ask(&desk.bob, "DELETE", &path, Json::Null).status(), 200, "one leaves");
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.reads(&desk.bob, "org:acme")), (404, 404));
    assert_eq!(desk.ask(&desk.ann, "DELETE", &path, Json::Null).status(), 200, "also where there is nobody");
    assert_eq!(desk.share(&desk.ann, "org:acme", "*", "viewer").status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.reads(&desk.bob, "org:acme")), (200, 404));
    assert_eq!(desk.people(&desk.ann, "org:acme")["everybody"], "viewer");
}

#[test]
fn who_may_not_share_an_organisation_at_a_node_does_not() {
    let desk = team();
    assert_eq!(desk.share(&desk.cem, "org:acme", &desk.bob.id, "viewer").status(), 403, "it is Ann's at the top");
    assert_eq!(desk.invite(&desk.cem, "org:acme", json!({"role": "viewer"})).status(), 403);
    assert_eq!(desk.share(&desk.bob, "org:acme", &desk.bob.id, "viewer").status(), 404);
    let at = |entity: &str, node: &str| {
        let body = json!({"role": "viewer", "node": node});
        desk.ask(&desk.ann, "PUT", &format!("{entity}/people/{}", desk.bob.id), body)
    };
    for (entity, node, says) in [("org:acme", "shop", "no node `shop`"), ("doc:d", "web", "doc:d is none")] {
        let refused = at(entity, node);
        assert!(refused.status() == 422 && refused.json().to_string().contains(says), "{}", refused.json());
    }
    // Two that are below nothing.
    let shop = json!({"nodes": {"shop": {}}});
    assert_eq!(desk.merges(&desk.ann, "org:acme", |_| shop).status(), 200);
    let refused = desk.share(&desk.ann, "org:acme", &desk.bob.id, "viewer");
    assert!(refused.status() == 422 && refused.json().to_string().contains("says at which one"), "{}", refused.json());
    assert_eq!(at("org:acme", "shop").status(), 200);
    assert_eq!(desk.reads(&desk.bob, "doc:d"), 404);
}
