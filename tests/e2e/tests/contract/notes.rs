//! Notes: sockets at `/ws/note/{id}`, and the procedures on the wire (docs/protocol.md, "Notes"). `tests/trpc` has the npm client.

use anyhow::Result;
use serde_json::{Value as Json, json};
use timeweft_e2e::client::{Answer, http};
use timeweft_e2e::{Format, Person, Socket, fresh};
use tokio_tungstenite::tungstenite::Message;

use super::Url;

crate::cases!(
    "notes",
    a_note_that_is_there_is_shown_when_the_socket_opens,
    of_a_missing_note_nothing_is_sent_until_it_is_created,
    every_change_reaches_every_socket_by_whatever_door_it_came,
    one_socket_that_goes_leaves_the_others_alone,
    a_socket_opens_for_a_good_id_our_origin_and_a_session_only,
    without_an_upgrade_it_is_426,
    what_a_client_says_does_no_harm_and_a_close_is_answered,
    signing_out_closes_it,
    procedures_are_called_one_and_many_at_a_time,
    others_changes_are_merged_or_conflict,
);

fn local(note: &str) -> &str {
    note.split_once(':').map_or("", |(_, local)| local)
}

async fn follow(person: &Person, note: &str) -> Result<Socket> {
    Socket::of_note(person, local(note)).await
}

async fn call(person: &Person, procedure: &str, input: Json) -> Result<Answer> {
    person.http("POST", &format!("/api/v1/{procedure}"), &[], Some(input)).await
}

/// What a procedure gives.
async fn done(person: &Person, procedure: &str, input: Json) -> Result<Json> {
    let answer = call(person, procedure, input).await?;
    anyhow::ensure!(answer.status == 200, "{procedure}: {answer:?}");
    Ok(answer.body["result"]["data"].clone())
}

fn word(answer: &Json) -> &str {
    answer["error"]["data"]["code"].as_str().unwrap_or_default()
}

async fn a_note_that_is_there_is_shown_when_the_socket_opens(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let note = fresh("note");
    let made = done(&ann, "createNote", json!({"id": local(&note), "title": "Weft", "blob": "and warp"})).await?;
    let at = &made["createdAt"];
    assert_eq!(at.as_str().map(str::len), Some("2026-11-21T09:30:00.123456Z".len()));
    let expected = json!({
        "id": local(&note), "version": 1, "title": "Weft", "blob": "and warp",
        "createdAt": at, "updatedAt": at, "deleted": false,
    });
    assert_eq!(made, expected);
    let mut socket = follow(&Person::new(&url).await?, &note).await?;
    assert_eq!(socket.frame().await?, json!({"type": "initial", "data": made}));
    Ok(())
}

async fn of_a_missing_note_nothing_is_sent_until_it_is_created(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let note = fresh("note");
    let mut socket = follow(&ann, &note).await?;
    let made = done(&ann, "createNote", json!({"id": local(&note), "title": "Weft", "blob": ""})).await?;
    assert_eq!(socket.frame().await?, json!({"type": "create", "data": made}));
    // Deleted, it is as if it were missing; what comes back is an update.
    done(&ann, "deleteNote", json!({"id": local(&note)})).await?;
    let mut later = follow(&ann, &note).await?;
    ann.http("POST", &format!("/api/v1/entities/{note}/undelete"), &[], None).await?;
    let frame = later.frame().await?;
    assert_eq!((&frame["type"], &frame["data"]["version"]), (&json!("update"), &json!(3)), "{frame}");
    Ok(())
}

async fn every_change_reaches_every_socket_by_whatever_door_it_came(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let note = fresh("note");
    let path = format!("/api/v1/entities/{note}");
    let mut all =
        [follow(&ann, &note).await?, follow(&ann, &note).await?, follow(&Person::new(&url).await?, &note).await?];
    let mut entity = ann.connect(Format::Cbor).await?;

    let value = json!({"title": "Weft", "blob": ""});
    let post = entity.call(json!({"method": "post", "entityId": note, "value": value})).await?;
    let first = post["meta"]["validFrom"].clone();
    let patch = json!({"method": "patchDiff", "entityId": note, "diff": {"blob": "long"}, "ifUnmodifiedSince": first});
    let patched = entity.call(patch).await?;
    entity.call(json!({"method": "delete", "entityId": note})).await?;
    let undelete = json!({"id": 1, "method": "patchUndelete", "entityId": note});
    let undeleted = ann.http("POST", "/message", &[], Some(undelete)).await?;
    let at = |answer: &Answer| answer.body["meta"]["validFrom"].as_str().unwrap_or_default().to_owned();
    let since = at(&undeleted);
    let put = json!({"value": {"title": "Warp", "blob": ""}});
    let put = ann.http("PUT", &path, &[("if-unmodified-since", &since)], Some(put)).await?;
    let back = json!({"validFrom": patched["meta"]["validFrom"]});
    ann.http("POST", &format!("{path}/revert"), &[("if-unmodified-since", &at(&put))], Some(back)).await?;
    done(&ann, "updateNote", json!({"id": local(&note), "title": "Loom"})).await?;
    done(&ann, "revertNote", json!({"id": local(&note), "version": 1})).await?;

    let expected = [
        ("create", 1, "Weft", "", false),
        ("update", 2, "Weft", "long", false),
        ("update", 3, "Weft", "long", true),
        ("update", 4, "Weft", "long", false),
        ("update", 5, "Warp", "", false),
        ("revert", 6, "Weft", "long", false),
        ("update", 7, "Loom", "long", false),
        ("revert", 8, "Weft", "", false),
    ];
    for (kind, version, title, blob, deleted) in expected {
        for socket in &mut all {
            let frame = socket.frame().await?;
            let data = &frame["data"];
            assert_eq!((&frame["type"], &data["version"]), (&json!(kind), &json!(version)), "{frame}");
            assert_eq!((&data["title"], &data["blob"]), (&json!(title), &json!(blob)), "{frame}");
            assert_eq!((&data["deleted"], &data["createdAt"]), (&json!(deleted), &first), "{frame}");
        }
    }
    Ok(())
}

async fn one_socket_that_goes_leaves_the_others_alone(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let note = fresh("note");
    done(&ann, "createNote", json!({"id": local(&note), "title": "0", "blob": ""})).await?;
    let mut sockets = vec![follow(&ann, &note).await?, follow(&ann, &note).await?, follow(&ann, &note).await?];
    for socket in &mut sockets {
        assert_eq!(socket.frame().await?["type"], json!("initial"));
    }
    for n in 1..=20 {
        if n == 5 {
            // Without a goodbye.
            drop(sockets.remove(1));
        }
        done(&ann, "updateNote", json!({"id": local(&note), "title": n.to_string()})).await?;
        for socket in &mut sockets {
            assert_eq!(socket.frame().await?["data"]["title"], json!(n.to_string()));
        }
    }
    Ok(())
}

async fn a_socket_opens_for_a_good_id_our_origin_and_a_session_only(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let open = async |path: &str, headers: &[(&str, &str)]| -> Result<u16> {
        Ok(Socket::try_open(&url, path, None, headers).await?.err().unwrap_or(101))
    };
    let cookie = ("cookie", ann.cookie.as_str());
    assert_eq!(open("/ws/note/n-1", &[]).await?, 401);
    assert_eq!(open("/ws/note/n-1", &[("cookie", "session=nobody.x.1.y")]).await?, 401);
    assert_eq!(open("/ws/note/n-1", &[cookie, ("origin", "https://evil.example")]).await?, 403);
    assert_eq!(open("/ws/note/a:b", &[cookie]).await?, 400);
    assert_eq!(open("/ws/note/", &[cookie]).await?, 400);
    assert_eq!(open(&format!("/ws/note/{}", "x".repeat(65)), &[cookie]).await?, 400);
    assert_eq!(open("/ws/other/n-1", &[cookie]).await?, 404);
    assert_eq!(open("/ws/note/n-1", &[cookie]).await?, 101);
    let bearer = format!("Bearer {}", ann.cookie.trim_start_matches("session="));
    assert_eq!(open("/ws/note/n-1", &[("authorization", &bearer)]).await?, 101);
    Ok(())
}

async fn without_an_upgrade_it_is_426(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let answer = ann.http("GET", "/ws/note/n-1", &[], None).await?;
    assert_eq!((answer.status, answer.code()), (426, "upgrade-required"));
    assert_eq!(http(&url, "GET", "/ws/note/n-1", None, &[], None).await?.status, 426);
    Ok(())
}

async fn what_a_client_says_does_no_harm_and_a_close_is_answered(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let note = fresh("note");
    done(&ann, "createNote", json!({"id": local(&note), "title": "0", "blob": ""})).await?;
    let mut socket = follow(&ann, &note).await?;
    assert_eq!(socket.frame().await?["type"], json!("initial"));
    let delete = json!({"id": 1, "method": "delete", "entityId": note}).to_string();
    for message in [Message::text(delete), Message::text(""), Message::binary(vec![0xff; 100_000])] {
        socket.send_raw(message).await?;
    }
    done(&ann, "updateNote", json!({"id": local(&note), "title": "1"})).await?;
    let frame = socket.frame().await?;
    assert_eq!((&frame["type"], &frame["data"]["version"]), (&json!("update"), &json!(2)), "{frame}");
    socket.send_raw(Message::Close(None)).await?;
    socket.closed().await?;
    Ok(())
}

async fn signing_out_closes_it(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let mut socket = follow(&ann, &fresh("note")).await?;
    ann.http("POST", "/logout", &[], None).await?;
    assert_eq!(socket.closed().await?, Some(4001));
    Ok(())
}

async fn procedures_are_called_one_and_many_at_a_time(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let (one, other) = (fresh("note"), fresh("note"));
    let inputs = json!({
        "0": {"id": local(&one), "title": "one", "blob": ""},
        "1": {"id": local(&other), "title": "other", "blob": ""},
    });
    let answer = call(&ann, "createNote,createNote?batch=1", inputs).await?;
    assert_eq!((answer.status, &answer.body[1]["result"]["data"]["title"]), (200, &json!("other")), "{answer:?}");
    let input = json!({"0": {"id": local(&one)}, "1": {"id": "there-is-none"}}).to_string();
    let input: String = input.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = ann.http("GET", &format!("/api/v1/getNote,getNote?batch=1&input={input}"), &[], None).await?;
    assert_eq!((answer.status, word(&answer.body[1])), (207, "NOT_FOUND"), "{answer:?}");
    let error = &answer.body[1]["error"];
    assert_eq!((&error["code"], &error["data"]["path"]), (&json!(-32004), &json!("getNote")));
    let answer = http(&url, "GET", "/api/v1/listNotes", None, &[], None).await?;
    assert_eq!((answer.status, word(&answer.body)), (401, "UNAUTHORIZED"));
    assert_eq!(word(&call(&ann, "getNote", json!({"id": "a:b"})).await?.body), "BAD_REQUEST");
    assert_eq!(call(&ann, "frob", json!({})).await?.status, 404);
    assert_eq!(ann.http("GET", "/api/v1/deleteNote", &[], None).await?.status, 405);
    let history = done(&ann, "noteHistory", json!({"id": local(&one)})).await?;
    let [entry] = history.as_array().map(Vec::as_slice).unwrap_or_default() else { panic!("{history}") };
    assert_eq!((&entry["version"], &entry["title"], &entry["personId"]), (&json!(1), &json!("one"), &json!(ann.id)));
    Ok(())
}

async fn others_changes_are_merged_or_conflict(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let note = fresh("note");
    done(&ann, "createNote", json!({"id": local(&note), "title": "Weft", "blob": "text"})).await?;
    done(&bob, "updateNote", json!({"id": local(&note), "version": 1, "blob": "words"})).await?;
    let merged = done(&ann, "updateNote", json!({"id": local(&note), "version": 1, "title": "Warp"})).await?;
    assert_eq!((&merged["version"], &merged["title"], &merged["blob"]), (&json!(3), &json!("Warp"), &json!("words")));
    let refused = call(&bob, "updateNote", json!({"id": local(&note), "version": 1, "title": "Woof"})).await?;
    assert_eq!((refused.status, word(&refused.body)), (409, "CONFLICT"), "{refused:?}");
    Ok(())
}
