//! Calls that have as much to send as one call may.

use super::*;
use crate::event::{BatchOutcome, Item};
use crate::testing::Person;

/// A value that three answers about are more than one call may send, and two are not.
fn long() -> Json {
    json!({"t": "x".repeat(1_500_000)})
}

/// Ann, and notes `n0` to `n5` that are long.
fn with_notes() -> (Server, Person) {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    for n in 0..6 {
        note(&server, &ann, &format!("n{n}"), long());
    }
    (server, ann)
}

fn request(id: usize, method: &str) -> Event {
    Event::Text(json!({"id": id, "method": method, "entityId": format!("note:n{}", id % 6)}).to_string())
}

/// Ids and statuses, in order.
fn answers(outcome: &BatchOutcome) -> Vec<(u64, u64)> {
    let answers = outcome.replies.iter().filter_map(|reply| match reply {
        Reply::Text(text) => Some(serde_json::from_str::<Json>(text).unwrap()),
        _ => None,
    });
    answers.map(|answer| (answer["id"].as_u64().unwrap(), answer["status"].as_u64().unwrap())).collect()
}

#[test]
fn a_batch_ends_where_its_answers_fill_a_call_and_the_rest_is_handled_later() {
    let (server, ann) = with_notes();
    let mut socket = server.socket(&ann, "c");
    let mut events: Vec<_> = (0..6).map(|id| request(id, "subscribe")).collect();
    events.push(request(6, "unsubscribe"));
    let (mut answered, mut calls) = (Vec::new(), Vec::new());
    while !events.is_empty() {
        let outcome = socket.events(events.clone());
        let left = outcome.left as usize;
        calls.push(events.len() - left);
        answered.extend(answers(&outcome));
        events.drain(..events.len() - left);
    }
    assert_eq!(answered, (0..7).map(|id| (id, 200)).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(calls, [3, 3, 1]);
    let subscribed = socket.channels.keys().filter(|name| name.starts_with("json:")).count();
    assert_eq!(
        (subscribed, socket.meta["subscriptions"].len()),
        (5, 5 * 6),
        "what was said in one call is known in the next"
    );
}

#[test]
fn one_answer_may_be_longer_than_what_a_call_may_send() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    note(&server, &ann, "n0", json!({"t": "x".repeat(6_000_000)}));
    let outcome = server.socket(&ann, "c").events(vec![request(0, "subscribe")]);
    assert_eq!((answers(&outcome), outcome.left), (vec![(0, 200)], 0));
}

#[test]
fn what_a_batch_publishes_counts_too() {
    let server = server(&[]);
    let ann = server.sign_in("ann@example.org");
    let since = note(&server, &ann, "n", json!({"title": "", "blob": "x".repeat(3_000_000)}));
    server.socket_at("/ws/note/n", &ann, "w");
    let patch = |n: usize| {
        let diff = json!({format!("k{n}"): n});
        let patch =
            json!({"id": n, "method": "patchDiff", "entityId": "note:n", "diff": diff, "ifUnmodifiedSince": since});
        Event::Text(patch.to_string())
    };
    let outcome = server.socket(&ann, "c").events((0..10).map(patch).collect());
    assert_eq!((answers(&outcome).len(), outcome.left), (2, 8), "each shows the whole note to those who follow it");
}

#[test]
fn where_nothing_can_be_left_requests_past_what_a_call_may_send_are_429() {
    let (server, ann) = with_notes();
    let mut socket = server.socket(&ann, "c");
    socket.at_once = true;
    let events = (0..5).map(|id| request(id, "subscribe")).chain([request(6, "unsubscribe"), Event::Text("x".into())]);
    let outcome = socket.events(events.collect());
    let refused: Vec<_> = outcome
        .replies
        .iter()
        .filter(|reply| matches!(reply, Reply::Text(text) if text.contains("slow-down")))
        .collect();
    assert_eq!((outcome.left, refused.len()), (0, 2));
    let all = ["\"status\":200", "\"status\":429", "\"status\":400"].map(|status| {
        outcome.replies.iter().filter(|reply| matches!(reply, Reply::Text(text) if text.contains(status))).count()
    });
    assert_eq!(all, [4, 2, 1], "taking oneself off a channel is no more to send, and what is no request is told so");
    let subscribed = socket.channels.keys().filter(|name| name.starts_with("json:")).count();
    assert_eq!(subscribed, 2, "nothing came of those that were refused");
    let again = socket.events(vec![request(3, "subscribe"), request(4, "subscribe")]);
    assert_eq!(answers(&again), [(3, 200), (4, 200)]);
}

#[test]
fn several_connections_share_what_a_call_may_send() {
    let (server, ann) = with_notes();
    let batch = |id: &str| {
        let socket = server.socket(&ann, id);
        let mut headers = socket.headers.clone();
        headers.extend(socket.meta.iter().map(|(name, value)| Header::new(format!("meta-{name}"), value)));
        let events = (0..3).map(|id| request(id, "get")).collect();
        Batch { connection_id: id.into(), headers, target: "/connect".into(), events, at_once: false }
    };
    let outcomes = now(server.router.handle_events(vec![batch("a"), batch("b")]));
    let shown: Vec<_> = outcomes.iter().map(|outcome| (outcome.status, answers(outcome).len(), outcome.left)).collect();
    assert_eq!(shown, [(200, 3, 0), (200, 0, 3)]);
}

#[test]
fn resync_tells_what_is_long_in_several_rounds() {
    let (server, _) = with_notes();
    let mut held: Vec<_> = (0..6).map(|n| Held { channel: format!("json:note:n{n}"), id: None }).collect();
    let mut rounds = Vec::new();
    loop {
        let items: Vec<Item> = now(server.router.resync(held.clone()));
        rounds.push(items.len());
        if items.is_empty() {
            break;
        }
        for item in items {
            let those = held.iter_mut().find(|held| held.channel == item.channel && held.id == item.prev_id);
            those.expect("they hold it").id = Some(item.id);
        }
    }
    assert_eq!(rounds, [3, 3, 0]);
}
