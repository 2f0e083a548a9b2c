//! Who is told that their rights are others.

use serde_json::{Value as Json, json};

use super::{API, closes, rights, shop};
use crate::event::{Content, Held, Item};
use crate::testing::{Person, Socket, now, server_over};

#[test]
fn who_loses_a_role_is_let_go_before_anything_else_is_told_and_nobody_else_is() {
    let shop = shop();
    let (of_ed, of_vic) = (shop.subscribed(&shop.ed, "c1", "task:t"), shop.subscribed(&shop.vic, "c2", "task:t"));
    let channel =
        |socket: &Socket<'_>| socket.channels.keys().find(|name| name.starts_with("json:task")).unwrap().clone();
    assert_eq!(channel(&of_ed), channel(&of_vic));
    let [held_by_ed, held_by_vic] = [&shop.ed, &shop.vic].map(|person| rights(&shop, person));
    for (socket, held) in [(&of_ed, &held_by_ed), (&of_vic, &held_by_vic)] {
        assert_eq!(socket.channels.get(&held.channel), Some(&held.id));
    }
    // Who gets more is told so, and who keeps it by another way is left in peace.
    let more = shop.changed(json!({"grants": {&shop.vic.id: {"shelf": "editor"}}}));
    assert_eq!(closes(&more), std::slice::from_ref(&held_by_vic.channel));
    assert!(closes(&shop.changed(json!({"grants": {&shop.ed.id: {"shelf": "editor"}}}))).is_empty());
    assert!(closes(&shop.changed(json!({"name": "Acme Ltd"}))).is_empty());
    let withdrawn = shop.changed(json!({"grants": {&shop.vic.id: null}}));
    assert_eq!(closes(&withdrawn), std::slice::from_ref(&held_by_vic.channel));
    assert_eq!(withdrawn.published()[0].channel, held_by_vic.channel, "before the change itself is shown");
    assert_eq!(shop.ask(&shop.vic, "GET", "task:t", Json::Null).status(), 404);
    // Had the item got lost, resync would have closed them, and only them.
    let items = now(shop.server.router.resync(vec![held_by_ed.clone(), held_by_vic.clone()]));
    assert!(
        matches!(&items[..], [Item { channel, content: Content::Close(1012, _), prev_id, .. }]
        if *channel == held_by_vic.channel && *prev_id == held_by_vic.id),
        "{items:?}"
    );
    // A way down is cut: Ed keeps the shelf by the grant there, and loses the shop.
    let cut = shop.changed(json!({"edges": {"all": {"shop": null}}, "grants": {&shop.ed.id: {"shop": null}}}));
    let mut lost = [format!("rights:org:acme@{}", shop.ann.id), held_by_ed.channel];
    lost.sort();
    assert_eq!(closes(&cut), lost);
}

#[test]
fn another_server_on_the_same_store_obeys_at_once() {
    let shop = shop();
    let other = server_over(shop.server.world.store.clone(), &[]);
    let status =
        |person: &Person, path: &str| other.ask(person, "GET", &format!("{API}/{path}"), &[], Json::Null).status();
    let paths = ["task:t", "task:t/history", "task:t/subscribers", "org:acme"];
    // It remembers the organisation from here on.
    for path in paths {
        assert_eq!(status(&shop.vic, path), 200, "{path}");
    }
    let mut socket = other.socket(&shop.vic, "c");
    assert_eq!(socket.send(json!({"id": 1, "method": "subscribe", "entityId": "task:t"})).0["status"], 200);
    let held = rights(&shop, &shop.vic);
    shop.changed(json!({"grants": {&shop.vic.id: null}}));
    for path in paths {
        assert_eq!(status(&shop.vic, path), 404, "{path}");
    }
    for method in ["get", "history", "subscribe"] {
        let (answer, _) = socket.send(json!({"id": 2, "method": method, "entityId": "task:t"}));
        assert_eq!(answer["status"], 404, "{method}: {answer}");
    }
    // Nothing is pushed to them from here either once its gateway asks what it missed.
    assert!(matches!(&now(other.router.resync(vec![held]))[..], [Item { content: Content::Close(1012, _), .. }]));
    shop.changed(json!({"grants": {&shop.vic.id: {"shop": "editor"}}}));
    assert_eq!(status(&shop.vic, "task:t"), 200);
}

#[test]
fn who_subscribes_again_and_again_while_they_are_let_go_is_let_go() {
    let shop = shop();
    let mut socket = shop.subscribed(&shop.vic, "c", "task:t");
    let held = rights(&shop, &shop.vic);
    shop.changed(json!({"grants": {&shop.vic.id: null}}));
    // The close was published before the gateway had subscribed the socket. What it is answered now must not hide that it missed it.
    for entity in ["task:t", "task:other", "org:acme"] {
        let (answer, _) = socket.send(json!({"id": 2, "method": "subscribe", "entityId": entity}));
        assert_eq!(answer["status"], 404);
        assert_eq!(socket.channels.get(&held.channel), Some(&held.id), "{entity}");
    }
    assert!(matches!(&now(shop.server.router.resync(vec![held]))[..], [Item { content: Content::Close(1012, _), .. }]));
}

#[test]
fn who_waits_for_a_right_is_told_when_they_have_it() {
    let shop = shop();
    let mut socket = shop.server.socket(&shop.zoe, "c1");
    let (answer, _) = socket.send(json!({"id": 1, "method": "subscribe", "entityId": "task:t"}));
    assert_eq!(answer["status"], 404);
    let waiting = format!("rights:org:acme@{}", shop.zoe.id);
    assert_eq!(
        socket.channels.keys().filter(|name| name.contains("acme") || name.contains("task")).collect::<Vec<_>>(),
        ["rights:org:acme@*", &waiting]
    );
    assert!(closes(&shop.changed(json!({"name": "Acme Ltd"}))).is_empty());
    let held = Held { channel: waiting.clone(), id: socket.channels[&waiting].clone() };
    assert!(now(shop.server.router.resync(vec![held.clone()])).is_empty());
    let granted = shop.changed(json!({"grants": {&shop.zoe.id: {"shop": "viewer"}}}));
    assert_eq!(closes(&granted), [waiting]);
    assert_eq!(now(shop.server.router.resync(vec![held])).len(), 1);
    shop.subscribed(&shop.zoe, "c2", "task:t");
}

#[test]
fn what_moves_to_another_node_leaves_the_channel_of_the_first() {
    let shop = shop();
    let of_vic = shop.subscribed(&shop.vic, "c1", "task:t");
    let on = of_vic.channels.keys().find(|name| name.starts_with("json:task")).unwrap().clone();
    let moved = shop.changed(json!({"attached": {"task:t": "other"}}));
    assert!(closes(&moved).contains(&on), "{:?}", closes(&moved));
    let push = shop.patch(&shop.ann, "task:t", json!({"what": "mop"}));
    assert!(push.published().iter().all(|item| item.channel != on));
    assert_eq!(shop.ask(&shop.vic, "GET", "task:t", Json::Null).status(), 404);
    assert_eq!(shop.ask(&shop.eve, "GET", "task:t", Json::Null).status(), 200);
    // Detached it is Ann's again, who made it.
    shop.changed(json!({"attached": {"task:t": null}}));
    assert_eq!(shop.ask(&shop.eve, "GET", "task:t", Json::Null).status(), 404);
    assert_eq!(shop.ask(&shop.ann, "GET", "task:t", Json::Null).status(), 200);
    let held = Held { channel: on, id: None };
    assert!(matches!(&now(shop.server.router.resync(vec![held]))[..], [Item { content: Content::Close(1012, _), .. }]));
}
