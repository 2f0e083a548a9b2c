//! Organisations: roles at nodes, entities attached to them, and who is told what when a right is withdrawn.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use timeweft_core::time::Timestamp;
use timeweft_e2e::{Format, Person, Socket, fresh};
use tokio::time::{Instant, timeout_at};

use crate::Url;
use crate::socket::{FORMATS, code, create, patch, status, valid_from, value};
use crate::types::defined;

crate::cases!(
    "org",
    roles_at_a_node_hold_for_what_is_attached_below,
    an_organisation_that_is_none_is_422_and_changes_nothing,
    two_moves_that_are_a_cycle_together_are_one_and_a_refusal,
    who_adds_different_grants_at_once_adds_both,
    nothing_is_pushed_after_a_withdrawal_is_answered,
    who_keeps_a_right_by_another_way_keeps_the_socket,
);

/// An organisation with a team in it, and an entity attached to the team.
struct Team {
    kind: String,
    head: Person,
    editor: Person,
    viewer: Person,
    org: String,
    entity: String,
}

async fn team(url: &Url) -> Result<Team> {
    let (head, kind) = defined(url, json!({"policy": "org"})).await?;
    let (editor, viewer) = (Person::new(url).await?, Person::new(url).await?);
    let (org, entity) = (fresh("org"), fresh(&kind));
    let mut socket = head.connect(Format::Cbor).await?;
    create(&mut socket, &entity, json!({"n": 0})).await?;
    let value = json!({
        "name": "A team",
        "nodes": {"all": {}, "team": {}},
        "edges": {"all": {"team": true}},
        "grants": {&head.id: {"all": "admin"}, &editor.id: {"team": "editor"}, &viewer.id: {"all": "viewer"}},
        "attached": {&entity: "team"},
    });
    create(&mut socket, &org, value).await?;
    Ok(Team { kind, head, editor, viewer, org, entity })
}

/// Changes it as its head.
async fn change(socket: &mut Socket, org: &str, diff: Json) -> Result<Json> {
    let now = socket.call(json!({"method": "get", "entityId": org})).await?;
    patch(socket, org, diff, &valid_from(&now)).await
}

fn undefined() -> Json {
    json!({"$undefined": true})
}

async fn roles_at_a_node_hold_for_what_is_attached_below(url: Url) -> Result<()> {
    let team = team(&url).await?;
    let stranger = Person::new(&url).await?;
    for format in FORMATS {
        for (person, read, write) in
            [(&team.head, 200, 200), (&team.editor, 200, 200), (&team.viewer, 200, 403), (&stranger, 404, 404)]
        {
            let mut socket = person.connect(format).await?;
            let found = socket.call(json!({"method": "get", "entityId": team.entity})).await?;
            assert_eq!(status(&found), read, "{found}");
            let mut heads = team.head.connect(Format::Json).await?;
            let since = valid_from(&heads.call(json!({"method": "get", "entityId": team.entity})).await?);
            let changed = patch(&mut socket, &team.entity, json!({"by": person.id}), &since).await?;
            assert_eq!(status(&changed), write, "{changed}");
            let list = person.http("GET", &format!("/api/v1/entities?type={}", team.kind), &[], None).await?;
            assert_eq!(list.body["entities"].as_array().map(Vec::len), Some(usize::from(read == 200)), "{}", list.body);
        }
    }
    Ok(())
}

async fn an_organisation_that_is_none_is_422_and_changes_nothing(url: Url) -> Result<()> {
    let team = team(&url).await?;
    let mut socket = team.head.connect(Format::Json).await?;
    let before = value(&mut socket, &team.org).await?;
    for diff in [
        json!({"edges": {"team": {"all": true}}}),
        json!({"edges": {"team": {"team": true}}}),
        json!({"edges": {"team": {"nowhere": true}}}),
        json!({"nodes": {"team": undefined()}}),
        json!({"grants": {&team.head.id: undefined()}}),
        json!({"grants": {&team.head.id: {"all": "boss"}}}),
        json!({"edges": 1}),
    ] {
        let refused = change(&mut socket, &team.org, diff.clone()).await?;
        assert_eq!((status(&refused), code(&refused)), (422, "invalid-value"), "{diff} {refused}");
    }
    assert_eq!(value(&mut socket, &team.org).await?, before);
    for wrong in
        [json!(1), json!({}), json!({"name": "x", "nodes": {"a": {}}, "edges": {}, "grants": {}, "attached": {}})]
    {
        let refused = socket.call(json!({"method": "post", "entityId": fresh("org"), "value": wrong})).await?;
        assert_eq!((status(&refused), code(&refused)), (422, "invalid-value"), "{refused}");
    }
    Ok(())
}

async fn two_moves_that_are_a_cycle_together_are_one_and_a_refusal(url: Url) -> Result<()> {
    let team = team(&url).await?;
    let mut socket = team.head.connect(Format::Json).await?;
    let nodes = json!({"nodes": {"left": {}, "right": {}}, "edges": {"all": {"left": true, "right": true}}});
    let since = valid_from(&change(&mut socket, &team.org, nodes).await?);
    let mut other = team.head.connect(Format::Json).await?;
    let one = json!({"method": "patchDiff", "entityId": team.org, "diff": {"edges": {"left": {"right": true}}},
        "ifUnmodifiedSince": since});
    let two = json!({"method": "patchDiff", "entityId": team.org, "diff": {"edges": {"right": {"left": true}}},
        "ifUnmodifiedSince": since});
    let (one, two) = tokio::try_join!(socket.call(one), other.call(two))?;
    let mut both = [status(&one), status(&two)];
    both.sort_unstable();
    assert_eq!(both, [200, 422], "{one} {two}");
    Ok(())
}

async fn who_adds_different_grants_at_once_adds_both(url: Url) -> Result<()> {
    let team = team(&url).await?;
    let mut socket = team.head.connect(Format::Json).await?;
    let since = valid_from(&socket.call(json!({"method": "get", "entityId": team.org})).await?);
    let added = join_all((0..20).map(async |n| {
        let mut socket = team.head.connect(Format::Cbor).await?;
        patch(&mut socket, &team.org, json!({"grants": {format!("p{n}"): {"team": "viewer"}}}), &since).await
    }));
    for answer in added.await {
        assert_eq!(status(&answer?), 200);
    }
    let grants = value(&mut socket, &team.org).await?["grants"].clone();
    ensure!((0..20).all(|n| grants[format!("p{n}")] == json!({"team": "viewer"})), "{grants}");
    Ok(())
}

async fn nothing_is_pushed_after_a_withdrawal_is_answered(url: Url) -> Result<()> {
    let team = team(&url).await?;
    for round in 0..8 {
        let mut watcher = team.viewer.connect(Format::Json).await?;
        let subscribed = watcher.call(json!({"method": "subscribe", "entityId": team.entity})).await?;
        assert_eq!(status(&subscribed), 200, "{subscribed}");
        // The editor changes it without a pause.
        let (editor, entity) = (team.editor.clone(), team.entity.clone());
        let writer = tokio::spawn(async move {
            let mut socket = editor.connect(Format::Cbor).await?;
            let end = Instant::now() + Duration::from_millis(300);
            let mut since = valid_from(&socket.call(json!({"method": "get", "entityId": entity})).await?);
            while Instant::now() < end {
                since = valid_from(&patch(&mut socket, &entity, json!({"at": since}), &since).await?);
            }
            anyhow::Ok(())
        });
        tokio::time::sleep(Duration::from_millis(50 + 10 * round)).await;
        let mut heads = team.head.connect(Format::Json).await?;
        let withdrawn = change(&mut heads, &team.org, json!({"grants": {&team.viewer.id: undefined()}})).await?;
        assert_eq!(status(&withdrawn), 200, "{withdrawn}");
        let answered = Timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64).to_string();
        // Whatever it was sent was made before that, and then it was let go.
        let by = Instant::now() + Duration::from_secs(5);
        let why = loop {
            match timeout_at(by, watcher.frame()).await.context("the socket stays open")? {
                Ok(push) => ensure!(valid_from(&push) < answered, "{push} after {answered}"),
                Err(why) => break why.to_string(),
            }
        };
        ensure!(why.contains("closed with Some(1012)"), "{why}");
        writer.await??;
        let mut again = team.viewer.connect(Format::Json).await?;
        assert_eq!(status(&again.call(json!({"method": "subscribe", "entityId": team.entity})).await?), 404);
        let back = change(&mut heads, &team.org, json!({"grants": {&team.viewer.id: {"team": "viewer"}}})).await?;
        assert_eq!(status(&back), 200, "{back}");
    }
    Ok(())
}

async fn who_keeps_a_right_by_another_way_keeps_the_socket(url: Url) -> Result<()> {
    let team = team(&url).await?;
    let mut watcher = team.viewer.connect(Format::Json).await?;
    assert_eq!(status(&watcher.call(json!({"method": "subscribe", "entityId": team.entity})).await?), 200);
    let mut heads = team.head.connect(Format::Json).await?;
    let same = json!({"grants": {&team.viewer.id: {"team": "viewer"}}});
    assert_eq!(status(&change(&mut heads, &team.org, same).await?), 200);
    let found = heads.call(json!({"method": "get", "entityId": team.entity})).await?;
    patch(&mut heads, &team.entity, json!({"n": 1}), &valid_from(&found)).await?;
    assert_eq!(watcher.push().await?["diff"], json!({"n": 1}));
    Ok(())
}
