//! Guests, who sign in later or never; and admins who act in others' names.

use serde_json::{Value as Json, json};

use crate::event::{Content, Effect};
use crate::sign_in::persons;
use crate::testing::{Answer, Person, Server, now, server, server_over, signed_in};

const API: &str = "/api/v1/entities";

fn guest(server: &Server) -> Person {
    signed_in(&server.anonymous("POST", "/login/guest", Json::Null))
}

fn verify(server: &Server, as_: &Person, email: &str) -> Answer {
    let code = server.code(email);
    server.ask(as_, "POST", "/login/verify", &[], json!({"email": email, "code": code}))
}

fn makes(server: &Server, person: &Person, id: &str) {
    let made = server.ask(person, "POST", &format!("{API}/todo"), &[], json!({"id": id, "value": {"by": "guest"}}));
    assert_eq!(made.status(), 201, "{}", made.json());
}

fn status(server: &Server, person: &Person, target: &str) -> u16 {
    server.ask(person, "GET", target, &[], Json::Null).status()
}

#[test]
fn a_guest_who_signs_in_for_the_first_time_keeps_what_they_made() {
    let server = server(&[]);
    let ann = guest(&server);
    let me = server.ask(&ann, "GET", "/me", &[], Json::Null).json();
    assert_eq!(me, json!({"personId": ann.id, "email": null, "guest": true}));
    makes(&server, &ann, "list");
    let answer = verify(&server, &ann, "ann@example.org");
    let known = signed_in(&answer);
    assert_eq!(known.id, ann.id);
    let me = server.ask(&known, "GET", "/me", &[], Json::Null).json();
    assert_eq!(me, json!({"personId": ann.id, "email": "ann@example.org"}));
    assert_eq!(status(&server, &known, &format!("{API}/todo:list")), 200);
    let person = server.ask(&known, "GET", &format!("{API}/person:{}", ann.id), &[], Json::Null).json();
    assert_eq!(person["value"]["email"], "ann@example.org");
    // Elsewhere it is the same person.
    assert_eq!(server.sign_in("ann@example.org").id, ann.id);
}

#[test]
fn who_brought_a_guests_session_into_a_browser_has_none_of_the_person_it_becomes() {
    let server = server(&[]);
    let ann = guest(&server);
    let answer = verify(&server, &ann, "ann@example.org");
    assert_eq!(status(&server, &ann, "/me"), 401, "the guest's session is over");
    let closes =
        |effect: &Effect| matches!(effect, Effect::Publish(item) if matches!(item.content, Content::Close(..)));
    assert!(answer.0.effects.iter().any(closes), "and so are its sockets");
}

#[test]
fn a_guest_who_has_made_something_else_of_their_entity_signs_in_and_their_session_ends() {
    let server = server(&[]);
    let ann = guest(&server);
    let person = format!("{API}/person:{}", ann.id);
    let since =
        server.ask(&ann, "GET", &person, &[], Json::Null).json()["meta"]["validFrom"].as_str().unwrap().to_owned();
    let put = server.ask(&ann, "PUT", &person, &[("if-unmodified-since", &since)], json!({"value": [1]}));
    assert_eq!(put.status(), 200, "{}", put.json());
    let known = signed_in(&verify(&server, &ann, "ann@example.org"));
    assert_eq!((known.id.as_str(), status(&server, &ann, "/me")), (ann.id.as_str(), 401));
    assert_eq!(server.ask(&known, "GET", &person, &[], Json::Null).json()["value"], json!([1]));
}

#[test]
fn a_guests_session_that_was_left_ends_when_they_sign_in_anywhere() {
    let server = server(&[]);
    let ann = guest(&server);
    // The server dies before it has ended the session.
    now(persons::of_email(&server.world, "ann@example.org", Some(&ann.id))).unwrap();
    assert_eq!(status(&server, &ann, "/me"), 200);
    assert_eq!(server.sign_in("ann@example.org").id, ann.id);
    assert_eq!(status(&server, &ann, "/me"), 401);
}

#[test]
fn a_schema_of_persons_keeps_nobody_from_signing_in() {
    let server = server(&[]);
    let strict = json!({"schema": {"type": "object", "properties": {"public": true}, "additionalProperties": false}});
    let made = server.ask(
        &server.sign_in("ann@example.org"),
        "POST",
        &format!("{API}/type"),
        &[],
        json!({"id": "person", "value": strict}),
    );
    assert_eq!(made.status(), 201, "{}", made.json());
    let bob = server.sign_in("bob@example.org");
    assert_eq!(status(&server, &bob, "/me"), 200);
    let cem = guest(&server);
    assert_eq!(signed_in(&verify(&server, &cem, "cem@example.org")).id, cem.id);
    assert_eq!(status(&server, &cem, "/me"), 401);
}

#[test]
fn an_address_that_has_a_person_is_theirs_and_the_guest_stays_who_they_are() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let other = guest(&server);
    makes(&server, &other, "list");
    let again = signed_in(&verify(&server, &other, "ann@example.org"));
    assert_eq!(again.id, ann.id);
    assert_eq!(status(&server, &again, &format!("{API}/todo:list")), 404);
    assert_eq!(status(&server, &other, &format!("{API}/todo:list")), 200);
    // Who has signed in is no guest any more, whatever they sign in with next.
    let bob = signed_in(&verify(&server, &again, "bob@example.org"));
    assert_ne!(bob.id, ann.id);
}

#[test]
fn guests_are_let_in_where_the_operator_says_so() {
    let production = server(&[("development", "false")]);
    assert_eq!(production.anonymous("POST", "/login/guest", Json::Null).status(), 404);
    let open = server(&[("development", "false"), ("guests", "true")]);
    assert_eq!(open.anonymous("POST", "/login/guest", Json::Null).status(), 200);
    let closed = server(&[("guests", "false")]);
    assert_eq!(closed.anonymous("POST", "/login/guest", Json::Null).status(), 404);
}

#[test]
fn an_admin_acts_in_somebodys_name_and_each_version_says_so() {
    let server = server(&[("admins", "admin@example.org, other@example.org")]);
    let [admin, other, ann] =
        ["admin@example.org", "other@example.org", "ann@example.org"].map(|email| server.sign_in(email));
    let impersonate = |by: &Person, whom: &str| server.ask(by, "POST", "/impersonate", &[], json!({"personId": whom}));
    let as_ann = signed_in(&impersonate(&admin, &ann.id));
    let me = server.ask(&as_ann, "GET", "/me", &[], Json::Null).json();
    assert_eq!((&me["personId"], &me["impersonatorId"]), (&json!(ann.id), &json!(admin.id)));
    // By every door.
    makes(&server, &as_ann, "http");
    let post = json!({"id": 1, "method": "post", "entityId": "todo:message", "value": {}});
    assert_eq!(server.ask(&as_ann, "POST", "/message", &[], post).status(), 201);
    let title = json!({"id": "trpc", "title": "t", "blob": ""});
    assert_eq!(server.ask(&as_ann, "POST", "/api/v1/createNote", &[], title).status(), 200);
    let mut socket = server.socket(&as_ann, "c");
    let (made, _) = socket.send(json!({"id": 1, "method": "post", "entityId": "todo:socket", "value": {}}));
    assert_eq!(made["status"], 201);
    for entity in ["todo:http", "todo:message", "note:trpc", "todo:socket"] {
        let history = server.ask(&ann, "GET", &format!("{API}/{entity}/history"), &[], Json::Null).json();
        let version = &history["versions"][0];
        let by = (&version["personId"], &version["impersonatorId"]);
        assert_eq!(by, (&json!(ann.id), &json!(admin.id)), "{entity}");
    }
    // Ann sees it among her sessions, and ends it.
    let sessions = server.ask(&ann, "GET", "/sessions", &[], Json::Null).json();
    let sessions = sessions["sessions"].as_array().unwrap();
    let theirs: Vec<&Json> = sessions.iter().filter(|one| one["impersonatorId"] == json!(admin.id)).collect();
    let [theirs] = theirs[..] else { panic!("{sessions:?}") };
    let id = theirs["id"].as_str().unwrap();
    assert_eq!(server.ask(&ann, "DELETE", &format!("/sessions/{id}"), &[], Json::Null).status(), 200);
    assert_eq!(status(&server, &as_ann, "/me"), 401);
    // An hour later it is over anyway.
    let as_ann = signed_in(&impersonate(&admin, &ann.id));
    server.world.pass(3_600);
    assert_eq!(status(&server, &as_ann, "/me"), 401);
    // Nobody else may, nobody in an admin's name, and nobody in the name of who is nobody.
    assert_eq!(impersonate(&ann, &other.id).status(), 403);
    assert_eq!(impersonate(&admin, &other.id).status(), 403);
    assert_eq!(impersonate(&admin, &admin.id).status(), 404);
    assert_eq!(impersonate(&admin, "nobody").status(), 404);
    assert_eq!(impersonate(&admin, "not/an/id").status(), 400);
    let as_ann = signed_in(&impersonate(&admin, &ann.id));
    assert_eq!(impersonate(&as_ann, &other.id).status(), 403, "nor in two names at once");
    // It lasts no longer than what it was begun from: the admin's own session, and that they are an admin and the person is none.
    let channel = crate::token::sockets_channel(&admin.id);
    assert!(server.socket(&as_ann, "c").channels.contains_key(&channel));
    let over = server.ask(&admin, "POST", "/logout/all", &[], Json::Null);
    assert!(over.published().iter().any(|item| item.channel == channel));
    assert_eq!(status(&server, &as_ann, "/me"), 401);
    let admin = server.sign_in("admin@example.org");
    let as_ann = signed_in(&impersonate(&admin, &ann.id));
    for admins in ["other@example.org", "admin@example.org, ann@example.org"] {
        let later = server_over(server.world.store.clone(), &[("admins", admins)]);
        assert_eq!(status(&later, &ann, "/me"), 200);
        assert_eq!(status(&later, &as_ann, "/me"), 401, "{admins}");
    }
    assert_eq!(status(&server, &as_ann, "/me"), 200);
    // Whoever signs in from within a guest's name is not that guest from then on.
    let guest = guest(&server);
    let as_guest = signed_in(&impersonate(&admin, &guest.id));
    assert_ne!(signed_in(&verify(&server, &as_guest, "new@example.org")).id, guest.id);
}
