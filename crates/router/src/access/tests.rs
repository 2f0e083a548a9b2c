use serde_json::{Value as Json, json};

use super::*;
use crate::event::{Content, Held, Item};
use crate::testing::{Person, Server, now, server};

const TYPES: &str = "/api/v1/entities/type";
const RECIPES: &str = "/api/v1/entities/recipe";
const RECIPE: &str = "/api/v1/entities/recipe:r";

fn of(server: &Server, person: &str, id: &str, permission: Permission) -> Result<Access, Denied> {
    let entity = EntityId::parse(id).unwrap();
    now(right(&server.router, &entity, person, permission)).map(|right| right.access)
}

fn is_forbidden(result: &Result<Access, Denied>) -> bool {
    matches!(result, Err(Denied::Forbidden(_)))
}

#[test]
fn each_type_has_its_policy() {
    let server = server(&[]);
    let ann = |id, permission| of(&server, "ann", id, permission);
    assert_eq!(ann("note:1", Permission::Read), Ok(Access::Any));
    assert_eq!(ann("person:ann", Permission::Change), Ok(Access::Creator));
    assert_eq!(ann("person:bob", Permission::Read), Err(Denied::Hidden));
    assert!(is_forbidden(&ann("person:bob", Permission::Create)));
    assert_eq!(ann("recipe:1", Permission::Read), Ok(Access::Creator));
    assert_eq!(ann("type:recipe", Permission::Read), Ok(Access::Any));
    assert_eq!(ann("tw-code:1", Permission::Read), Err(Denied::Hidden));
    assert!(is_forbidden(&ann("tw-anything:1", Permission::Create)));
    assert_eq!(ann("tw:1", Permission::Create), Ok(Access::Creator));
    assert_eq!(of(&server, SYSTEM, "note:1", Permission::Read), Err(Denied::Hidden));
}

#[test]
fn without_a_session_one_signs_in_first() {
    let server = server(&[]);
    for id in ["note:1", "person:ann", "recipe:1", "type:recipe", "tw-code:1"] {
        for permission in [Permission::Read, Permission::Create, Permission::Change] {
            assert_eq!(of(&server, NOBODY, id, permission), Err(Denied::SignIn), "{id}");
        }
    }
}

#[test]
fn what_is_an_owners_goes_out_on_the_owners_channel() {
    let recipe = EntityId::parse("recipe:1").unwrap();
    assert_eq!(Right::under(Policy::Owner, None).channel_name(&recipe, "ann"), "recipe:1@ann");
    assert_eq!(Right::under(Policy::SignedIn, None).channel_name(&recipe, "ann"), "recipe:1");
    assert_eq!(Right::under(Policy::Public, None).channel_name(&recipe, NOBODY), "recipe:1");
}

#[test]
fn admins_are_those_named_by_email_or_id_and_in_development_everybody_when_none_is() {
    let open = server(&[]);
    assert_eq!(of(&open, "ann", "type:recipe", Permission::Create), Ok(Access::Any));
    let closed = server(&[("development", "false")]);
    assert!(is_forbidden(&of(&closed, "ann", "type:recipe", Permission::Create)));
    let named = server(&[("admins", "Ann@example.org, carl")]);
    let (ann, bob) = (named.sign_in("ann@example.org"), named.sign_in("bob@example.org"));
    for permission in [Permission::Create, Permission::Change] {
        assert_eq!(of(&named, &ann.id, "type:recipe", permission), Ok(Access::Any));
        assert_eq!(of(&named, "carl", "type:recipe", permission), Ok(Access::Any));
        assert!(is_forbidden(&of(&named, &bob.id, "type:recipe", permission)));
    }
    assert_eq!(of(&named, &bob.id, "type:recipe", Permission::Read), Ok(Access::Any));
}

#[test]
fn names_that_no_type_can_have_are_not_defined() {
    let server = server(&[]);
    for id in ["type:tw-code", "type:Recipe", "type:a_b"] {
        assert!(is_forbidden(&of(&server, "ann", id, Permission::Create)), "{id}");
    }
}

fn define(server: &Server, admin: &Person, definition: Json) {
    let current = server.ask(admin, "GET", "/api/v1/entities/type:recipe", &[], Json::Null);
    let answer = match current.json()["meta"]["validFrom"].as_str() {
        None => server.ask(admin, "POST", TYPES, &[], json!({"id": "recipe", "value": definition})),
        Some(since) => {
            let since = [("if-unmodified-since", since)];
            server.ask(admin, "PUT", "/api/v1/entities/type:recipe", &since, json!({"value": definition}))
        }
    };
    assert!(matches!(answer.status(), 200 | 201), "{}", answer.json());
}

#[test]
fn what_is_public_is_read_by_nobody_and_written_by_whoever_is_signed_in() {
    let server = server(&[]);
    let (ann, bob) = (server.sign_in("ann@example.org"), server.sign_in("bob@example.org"));
    define(&server, &ann, json!({"policy": "public"}));
    assert_eq!(server.ask(&ann, "POST", RECIPES, &[], json!({"id": "r", "value": {"a": 1}})).status(), 201);
    let read = server.anonymous("GET", RECIPE, Json::Null);
    assert_eq!((read.status(), &read.json()["value"]), (200, &json!({"a": 1})));
    assert_eq!(server.anonymous("GET", &format!("{RECIPE}/history"), Json::Null).status(), 200);
    assert_eq!(server.anonymous("GET", "/api/v1/entities/recipe:none", Json::Null).status(), 404);
    for method in ["get", "history", "subscribe"] {
        let polled = server.anonymous("POST", "/message", json!({"id": 1, "method": method, "entityId": "recipe:r"}));
        assert_eq!(polled.status(), 200, "{method}");
    }
    assert_eq!(server.anonymous("POST", RECIPES, json!({"value": 1})).status(), 401);
    assert_eq!(server.anonymous("DELETE", RECIPE, Json::Null).status(), 401);
    assert_eq!(server.anonymous("GET", &format!("{RECIPE}/subscribers"), Json::Null).status(), 401);
    let delete = json!({"id": 1, "method": "delete", "entityId": "recipe:r"});
    assert_eq!(server.anonymous("POST", "/message", delete).status(), 401);
    assert_eq!(server.open(&[]).status, 401);
    assert_eq!(server.ask(&bob, "DELETE", RECIPE, &[], Json::Null).status(), 200);
    let watchers = server.ask(&ann, "GET", &format!("{RECIPE}/subscribers"), &[], Json::Null);
    assert_eq!(watchers.status(), 404);
}

fn held(socket: &crate::testing::Socket<'_>) -> Vec<Held> {
    let held = socket.channels.iter().filter(|(channel, _)| channel.starts_with("json:"));
    held.map(|(channel, id)| Held { channel: channel.clone(), id: id.clone() }).collect()
}

#[test]
fn who_may_no_longer_read_is_pushed_nothing_and_who_may_connects_again() {
    let server = server(&[]);
    let (ann, bob) = (server.sign_in("ann@example.org"), server.sign_in("bob@example.org"));
    define(&server, &ann, json!({"policy": "signed-in"}));
    assert_eq!(server.ask(&ann, "POST", RECIPES, &[], json!({"id": "r", "value": {"a": 1}})).status(), 201);
    let subscribe = json!({"id": 1, "method": "subscribe", "entityId": "recipe:r"});
    let mut sockets = [server.socket(&ann, "c1"), server.socket(&bob, "c2")];
    for socket in &mut sockets {
        assert_eq!(socket.send(subscribe.clone()).0["status"], 200);
        assert!(now(server.router.resync(held(socket))).is_empty());
    }
    define(&server, &ann, json!({"policy": "owner"}));
    let delete = server.ask(&ann, "DELETE", RECIPE, &[], Json::Null);
    let channels: Vec<&str> = delete.published().iter().map(|item| item.channel.as_str()).collect();
    assert_eq!(channels, [format!("cbor:recipe:r@{}", ann.id), format!("json:recipe:r@{}", ann.id)]);
    for socket in &sockets {
        assert!(!socket.channels.keys().any(|channel| channels.contains(&channel.as_str())));
        let held = held(socket);
        let items = now(server.router.resync(held.clone()));
        // A gateway delivers what is resynced to those who hold the version that it starts from.
        assert_eq!(items.first().map(|item| &item.prev_id), held.first().map(|held| &held.id));
        assert!(matches!(&items[..], [Item { content: Content::Close(1012, _), .. }]), "{items:?}");
    }
    assert_eq!(server.ask(&ann, "POST", &format!("{RECIPE}/undelete"), &[], Json::Null).status(), 200);
    let mut again = server.socket(&ann, "c3");
    assert_eq!(again.send(subscribe.clone()).0["status"], 200);
    assert!(now(server.router.resync(held(&again))).is_empty());
    let mut other = server.socket(&bob, "c4");
    assert_eq!(other.send(subscribe).0["status"], 404);
    // And the other way about: on an owner's channel nothing comes any more.
    define(&server, &ann, json!({"policy": "public"}));
    assert_eq!(now(server.router.resync(held(&again))).len(), 1);
}

#[test]
fn a_refused_definition_and_a_refused_value_say_where() {
    let server = server(&[("admins", "ann@example.org")]);
    let (ann, bob) = (server.sign_in("ann@example.org"), server.sign_in("bob@example.org"));
    let wrong = server.ask(&ann, "POST", TYPES, &[], json!({"id": "recipe", "value": {"policy": "everybody"}}));
    assert_eq!((wrong.status(), wrong.code().as_str()), (422, "invalid-value"), "{}", wrong.json());
    assert_eq!(wrong.json()["error"]["violations"][0]["path"], "/policy");
    define(&server, &ann, json!({"policy": "signed-in"}));
    let target = "/api/v1/entities/type:recipe";
    for (method, target, body) in [
        ("POST", TYPES, json!({"id": "other", "value": {}})),
        ("PUT", target, json!({"value": {}})),
        ("DELETE", target, Json::Null),
    ] {
        let refused = server.ask(&bob, method, target, &[], body);
        assert_eq!((refused.status(), refused.code().as_str()), (403, "forbidden"), "{method}");
    }
    assert_eq!(server.ask(&bob, "GET", target, &[], Json::Null).status(), 200);
    assert_eq!(server.ask(&bob, "POST", RECIPES, &[], json!({"id": "r", "value": 1})).status(), 201);
    assert_eq!(server.ask(&ann, "GET", RECIPE, &[], Json::Null).status(), 200);
}
