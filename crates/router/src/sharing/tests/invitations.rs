//! Links and mails that let somebody in.

use serde_json::{Value as Json, json};

use super::{desk, team};
use crate::event::Effect;
use crate::testing::{Person, signed_in};

#[test]
fn whoever_has_the_link_comes_in_until_it_is_withdrawn_or_over() {
    let desk = desk();
    let made = desk.invite(&desk.ann, "doc:d", json!({"role": "editor"}));
    assert_eq!(made.status(), 201, "{}", made.json());
    let made = made.json();
    let accepted = desk.accept(&desk.bob, &made["token"]);
    assert_eq!((accepted.status(), accepted.json()), (200, json!({"entityId": "doc:d", "role": "editor"})));
    assert_eq!(desk.writes(&desk.bob, "doc:d"), 200);
    assert_eq!(desk.accept(&desk.bob, &made["token"]).status(), 200, "twice is once");
    // It says who invited and who came.
    let org = desk.people(&desk.ann, "doc:d")["org"].as_str().unwrap().to_owned();
    let version = &desk.ask(&desk.ann, "GET", &format!("{org}/history?limit=1"), Json::Null).json()["versions"][0];
    assert_eq!((&version["personId"], &version["impersonatorId"]), (&json!(desk.ann.id), &json!(desk.bob.id)));
    let listed = desk.people(&desk.ann, "doc:d")["invitations"].clone();
    assert_eq!((listed[0]["id"].clone(), listed[0]["role"].clone()), (made["id"].clone(), json!("editor")));
    assert!(!listed.to_string().contains(made["token"].as_str().unwrap().split_once('.').unwrap().1));
    let withdraw = format!("doc:d/invitations/{}", made["id"].as_str().unwrap());
    assert_eq!(desk.ask(&desk.bob, "DELETE", &withdraw, Json::Null).status(), 403);
    assert_eq!(desk.ask(&desk.ann, "DELETE", &withdraw, Json::Null).status(), 200);
    assert_eq!(desk.accept(&desk.cem, &made["token"]).status(), 404);
    let short = desk.invite(&desk.ann, "doc:d", json!({"role": "viewer", "expiresIn": 60})).json();
    desk.server.world.pass(61);
    assert_eq!(desk.accept(&desk.cem, &short["token"]).status(), 404);
    for token in ["", ".", "x", "acme.", "a b.c", &format!("{}x", made["token"].as_str().unwrap())] {
        assert_eq!(desk.accept(&desk.cem, &json!(token)).status(), 404, "{token}");
    }
    assert_eq!(desk.reads(&desk.cem, "doc:d"), 404);
    assert_eq!(desk.server.anonymous("POST", "/api/v1/invitations/accept", json!({"token": "a.b"})).status(), 401);
    for body in [
        json!({}),
        json!({"role": "boss"}),
        json!({"role": "viewer", "expiresIn": 0}),
        json!({"role": "viewer", "email": "no"}),
    ] {
        assert_eq!(desk.invite(&desk.ann, "doc:d", body.clone()).status(), 400, "{body}");
    }
}

#[test]
fn nobody_invites_or_accepts_in_anothers_name_and_guests_have_no_mails_sent() {
    let desk = desk();
    let as_another = |whom: &Person| {
        signed_in(&desk.server.ask(&desk.cem, "POST", "/impersonate", &[], json!({"personId": whom.id})))
    };
    let (as_ann, as_bob) = (as_another(&desk.ann), as_another(&desk.bob));
    assert_eq!(desk.reads(&as_ann, "doc:d"), 200);
    assert_eq!(desk.invite(&as_ann, "doc:d", json!({"role": "editor"})).status(), 403);
    let link = desk.invite(&desk.ann, "doc:d", json!({"role": "editor"})).json();
    assert_eq!(desk.accept(&as_bob, &link["token"]).status(), 403);
    assert_eq!(desk.accept(&desk.bob, &link["token"]).status(), 200);
    let guest = signed_in(&desk.server.anonymous("POST", "/login/guest", Json::Null));
    assert_eq!(desk.ask(&guest, "POST", "doc", json!({"id": "g", "value": {}})).status(), 201);
    let by_mail = json!({"role": "viewer", "email": "zoe@example.org"});
    assert_eq!(desk.invite(&guest, "doc:g", by_mail.clone()).status(), 403);
    assert_eq!(desk.invite(&guest, "doc:g", json!({"role": "viewer"})).status(), 201);
    assert_eq!(desk.invite(&desk.ann, "doc:d", by_mail).status(), 201);
}

#[test]
fn an_invitation_holds_as_long_as_who_made_it_may_grant_it() {
    let desk = desk();
    desk.share(&desk.ann, "doc:d", &desk.bob.id, "admin");
    let by_bob = desk.invite(&desk.bob, "doc:d", json!({"role": "admin"})).json();
    desk.share(&desk.ann, "doc:d", &desk.bob.id, "editor");
    assert_eq!(desk.accept(&desk.cem, &by_bob["token"]).status(), 404);
    // Nor does Bob come back by it.
    assert_eq!(desk.accept(&desk.bob, &by_bob["token"]).status(), 404);
    assert_eq!(desk.role(&desk.bob, "doc:d"), "editor");
}

#[test]
fn who_is_invited_by_mail_is_who_has_that_address() {
    let desk = desk().in_production(&[("app-url", "https://app.example/join?x=1")]);
    let made = desk.invite(&desk.ann, "doc:d", json!({"role": "viewer", "email": "Bob@Example.org"}));
    assert_eq!((made.status(), made.json()["token"].clone()), (201, Json::Null), "{}", made.json());
    let mail = made.0.effects.iter().find_map(|effect| match effect {
        Effect::Mail(mail) => Some(mail),
        _ => None,
    });
    let mail = mail.unwrap();
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("bob@example.org", "ann@example.org shares something with you")
    );
    let (_, token) = mail.text.split_once("https://app.example/join?x=1&invitation=").unwrap();
    let token = json!(token.split_whitespace().next().unwrap());
    assert_eq!(desk.people(&desk.ann, "doc:d")["invitations"][0]["email"], "bob@example.org");
    assert_eq!(desk.accept(&desk.cem, &token).status(), 403);
    assert_eq!(desk.accept(&desk.bob, &token).status(), 200);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.reads(&desk.cem, "doc:d")), (200, 404));
    assert_eq!(desk.accept(&desk.bob, &token).status(), 404, "once");
    let again = json!({"role": "viewer", "email": "bob@example.org"});
    assert_eq!([(); 2].map(|()| desk.invite(&desk.ann, "doc:d", again.clone()).status()), [201, 201]);
    let too_many = desk.invite(&desk.ann, "doc:d", again);
    let seconds: u64 = too_many.header("retry-after").unwrap().parse().unwrap();
    assert!(too_many.status() == 429 && (86_000..=86_400).contains(&seconds), "{seconds}");
    for number in 3..50 {
        let sent = desk.invite(&desk.ann, "doc:d", json!({"role": "viewer", "email": format!("{number}@example.org")}));
        assert_eq!(sent.status(), 201);
    }
    assert_eq!(desk.invite(&desk.ann, "doc:d", json!({"role": "viewer", "email": "x@example.org"})).status(), 429);
    let unset = self::desk().in_production(&[]);
    assert_eq!(unset.invite(&unset.ann, "doc:d", json!({"role": "viewer", "email": "x@example.org"})).status(), 501);
}

#[test]
fn who_accepts_has_it_by_name_whatever_everybody_has() {
    let desk = desk();
    desk.share(&desk.ann, "doc:d", "*", "viewer");
    let link = desk.invite(&desk.ann, "doc:d", json!({"role": "viewer"})).json();
    assert_eq!(desk.accept(&desk.bob, &link["token"]).status(), 200);
    desk.ask(&desk.ann, "DELETE", "doc:d/people/*", Json::Null);
    assert_eq!((desk.reads(&desk.bob, "doc:d"), desk.reads(&desk.cem, "doc:d")), (200, 404));
}

#[test]
fn invitations_to_an_organisation_make_members_of_those_who_accept() {
    let desk = team();
    let link = desk.invite(&desk.cem, "org:acme", json!({"role": "editor", "node": "web"}));
    assert_eq!(link.status(), 201, "{}", link.json());
    let link = link.json();
    assert_eq!(desk.people(&desk.cem, "org:acme")["invitations"][0]["node"], "web");
    assert_eq!(desk.people(&desk.cem, "doc:d")["invitations"], json!([]), "it is to none of the entities there");
    let accepted = desk.accept(&desk.bob, &link["token"]);
    assert_eq!((accepted.status(), accepted.json()), (200, json!({"entityId": "org:acme", "role": "editor"})));
    assert_eq!((desk.writes(&desk.bob, "doc:d"), desk.reads(&desk.bob, "org:acme")), (200, 200));
    let dave = desk.server.sign_in("dave@example.org");
    let withdraw = format!("org:acme/invitations/{}", link["id"].as_str().unwrap());
    assert_eq!(desk.ask(&desk.bob, "DELETE", &withdraw, Json::Null).status(), 403);
    assert_eq!(desk.ask(&desk.ann, "DELETE", &withdraw, Json::Null).status(), 200);
    assert_eq!(desk.accept(&dave, &link["token"]).status(), 404);
    // What was promised of one entity stays that entity's.
    let of_d = desk.invite(&desk.cem, "doc:d", json!({"role": "viewer"})).json();
    assert_eq!(desk.people(&desk.ann, "org:acme")["invitations"], json!([]));
    assert_eq!(desk.accept(&dave, &of_d["token"]).json()["entityId"], "doc:d");
    assert_eq!((desk.reads(&dave, "doc:d"), desk.reads(&dave, "org:acme")), (200, 404));
    // One at a node that is gone is none.
    let gone = desk.invite(&desk.ann, "org:acme", json!({"role": "viewer", "node": "web"})).json();
    let without = json!({"nodes": {"web": null}, "edges": null});
    let cut = desk.merges(&desk.ann, "org:acme", |_| without);
    assert_eq!(cut.status(), 200, "{}", cut.json());
    let eve = desk.server.sign_in("eve@example.org");
    assert_eq!(desk.accept(&eve, &gone["token"]).status(), 404);
    // It can be withdrawn all the same, and is withdrawn where the node is made again.
    let path = format!("org:acme/invitations/{}", gone["id"].as_str().unwrap());
    assert_eq!(desk.ask(&desk.ann, "DELETE", &path, Json::Null).status(), 200);
    let again = json!({"nodes": {"web": {}}, "edges": {"all": {"web": true}}});
    assert_eq!(desk.merges(&desk.ann, "org:acme", |_| again).status(), 200);
    assert_eq!(desk.accept(&eve, &gone["token"]).status(), 404);
}

#[test]
fn an_invitation_is_withdrawn_though_what_it_is_to_has_moved() {
    let desk = team();
    let made = desk.invite(&desk.ann, "doc:d", json!({"role": "viewer"})).json();
    let own = desk.ask(&desk.ann, "GET", "org:acme", Json::Null).json()["value"]["attached"]["doc:d"].clone();
    let attach = |node: &Json| {
        assert_eq!(desk.merges(&desk.ann, "org:acme", |_| json!({"attached": {"doc:d": node}})).status(), 200);
    };
    attach(&json!("web"));
    let path = format!("doc:d/invitations/{}", made["id"].as_str().unwrap());
    assert_eq!(desk.ask(&desk.ann, "DELETE", &path, Json::Null).status(), 200);
    attach(&own);
    assert_eq!(desk.accept(&desk.bob, &made["token"]).status(), 404);
}

#[test]
fn of_an_organisation_that_is_deleted_nothing_is_taken_back_only_to_be_there_again() {
    let desk = team();
    assert_eq!(desk.share(&desk.ann, "org:acme", &desk.bob.id, "editor").status(), 200);
    let made = desk.invite(&desk.ann, "org:acme", json!({"role": "viewer"})).json();
    assert_eq!(desk.ask(&desk.ann, "DELETE", "org:acme", Json::Null).status(), 200);
    for path in [format!("people/{}", desk.bob.id), format!("invitations/{}", made["id"].as_str().unwrap())] {
        assert_eq!(desk.ask(&desk.ann, "DELETE", &format!("org:acme/{path}"), Json::Null).status(), 404, "{path}");
    }
    assert_eq!(desk.accept(&desk.cem, &made["token"]).status(), 404);
}

#[test]
fn an_invitation_lets_nobody_into_what_another_organisation_has_by_now() {
    let desk = team();
    let made = desk.invite(&desk.ann, "doc:d", json!({"role": "viewer"})).json();
    assert_eq!(desk.ask(&desk.ann, "DELETE", "org:acme", Json::Null).status(), 200);
    let other = json!({"nodes": {"all": {}}, "grants": {&desk.ann.id: {"all": "admin"}}, "attached": {"doc:d": "all"}});
    assert_eq!(desk.ask(&desk.ann, "POST", "org", json!({"id": "other", "value": other})).status(), 201);
    assert_eq!(desk.ask(&desk.ann, "POST", "org:acme/undelete", Json::Null).status(), 200);
    assert_eq!(desk.accept(&desk.bob, &made["token"]).status(), 404);
    assert_eq!(desk.reads(&desk.bob, "doc:d"), 404);
}
