//! Who is pushed what, when; and many writers at once.

use anyhow::Result;
use serde_json::json;
use timeweft_e2e::{Format, Person, fresh};

use crate::Url;
use crate::socket::{FORMATS, create, patch, status, valid_from, value};

crate::cases!(
    "sync",
    a_subscriber_is_pushed_changes_and_the_sender_is_not,
    a_push_starts_from_the_version_before,
    subscribing_answers_as_a_get,
    a_subscription_to_a_missing_entity_stands_until_it_is_created,
    an_unsubscribed_connection_is_pushed_nothing,
    deletes_and_undeletes_are_pushed,
    changes_over_http_and_message_are_pushed_too,
    an_owners_entity_is_pushed_to_nobody_else,
    twenty_writers_on_disjoint_keys_lose_nothing,
    of_twenty_creators_exactly_one_wins,
    a_small_change_of_a_large_value_is_a_small_frame,
    a_five_megabyte_value_reads_back_equal,
);

async fn a_subscriber_is_pushed_changes_and_the_sender_is_not(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    for (sending, receiving) in [(Format::Cbor, Format::Json), (Format::Json, Format::Cbor)] {
        let mut writer = ann.connect(sending).await?;
        let mut reader = bob.connect(receiving).await?;
        let mut own_tab = ann.connect(receiving).await?;
        let note = fresh("note");
        let first = create(&mut writer, &note, json!({"a": 1})).await?;
        for socket in [&mut writer, &mut reader, &mut own_tab] {
            let subscribed = socket.call(json!({"method": "subscribe", "entityId": note})).await?;
            assert_eq!((status(&subscribed), &subscribed["value"]), (200, &json!({"a": 1})), "{subscribed}");
        }
        let done = patch(&mut writer, &note, json!({"a": 2}), &first).await?;
        for socket in [&mut reader, &mut own_tab] {
            let push = socket.push().await?;
            assert_eq!((&push["entityId"], &push["diff"]), (&json!(note), &json!({"a": 2})), "{push}");
            assert_eq!((&push["prevValidFrom"], &push["meta"]), (&json!(first), &done["meta"]), "{push}");
            assert_eq!((push.get("id"), push.get("status")), (None, None), "{push}");
        }
        // The others have theirs: whatever was to come to the sender would be before this answer.
        value(&mut writer, &note).await?;
        assert_eq!(writer.pushed(), 0, "the sender isn't pushed its own change");
    }
    Ok(())
}

async fn a_push_starts_from_the_version_before(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut writer, mut reader) = (ann.connect(Format::Cbor).await?, bob.connect(Format::Cbor).await?);
    let note = fresh("note");
    let mut last = create(&mut writer, &note, json!({"n": 0})).await?;
    reader.call(json!({"method": "subscribe", "entityId": note})).await?;
    let mut held = last.clone();
    for n in 1..=50 {
        last = valid_from(&patch(&mut writer, &note, json!({"n": n}), &last).await?);
    }
    for n in 1..=50 {
        let push = reader.push().await?;
        assert_eq!((&push["prevValidFrom"], &push["diff"]), (&json!(held), &json!({"n": n})));
        held = valid_from(&push);
    }
    assert_eq!(held, last);
    Ok(())
}

async fn subscribing_answers_as_a_get(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = ann.connect(format).await?;
        let note = fresh("note");
        let first = create(&mut socket, &note, json!({"a": 1})).await?;
        let second = valid_from(&patch(&mut socket, &note, json!({"b": 2}), &first).await?);
        let with = |at: &str| json!({"method": "subscribe", "entityId": note, "validFrom": at});
        let older = socket.call(with(&first)).await?;
        assert_eq!((status(&older), &older["diff"]), (200, &json!({"b": 2})), "{older}");
        assert_eq!(status(&socket.call(with(&second)).await?), 304);
        let unknown = socket.call(with("2001-01-01T00:00:00.000Z")).await?;
        assert_eq!(unknown["value"], json!({"a": 1, "b": 2}), "{unknown}");
    }
    Ok(())
}

async fn a_subscription_to_a_missing_entity_stands_until_it_is_created(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    for format in FORMATS {
        let (mut writer, mut reader) = (ann.connect(format).await?, bob.connect(format).await?);
        let note = fresh("note");
        let missing = reader.call(json!({"method": "subscribe", "entityId": note})).await?;
        assert_eq!(status(&missing), 404, "{missing}");
        create(&mut writer, &note, json!({"title": "new"})).await?;
        let push = reader.push().await?;
        assert_eq!((&push["diff"], &push["meta"]["version"]), (&json!({"title": "new"}), &json!(1)), "{push}");
        assert!(push["prevValidFrom"].is_null(), "{push}");
    }
    Ok(())
}

async fn an_unsubscribed_connection_is_pushed_nothing(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut writer, mut reader) = (ann.connect(Format::Json).await?, bob.connect(Format::Json).await?);
    let (note, other) = (fresh("note"), fresh("note"));
    let first = create(&mut writer, &note, json!({"a": 1})).await?;
    let others = create(&mut writer, &other, json!({"a": 1})).await?;
    for entity in [&note, &other] {
        reader.call(json!({"method": "subscribe", "entityId": entity})).await?;
    }
    let done = reader.call(json!({"method": "unsubscribe", "entityId": note})).await?;
    assert_eq!(status(&done), 200, "{done}");
    patch(&mut writer, &note, json!({"a": 2}), &first).await?;
    patch(&mut writer, &other, json!({"a": 2}), &others).await?;
    assert_eq!(reader.push().await?["entityId"], json!(other), "nothing came of the first");
    Ok(())
}

async fn deletes_and_undeletes_are_pushed(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut writer, mut reader) = (ann.connect(Format::Cbor).await?, bob.connect(Format::Cbor).await?);
    let note = fresh("note");
    create(&mut writer, &note, json!({"a": 1})).await?;
    reader.call(json!({"method": "subscribe", "entityId": note})).await?;
    writer.call(json!({"method": "delete", "entityId": note})).await?;
    let gone = reader.push().await?;
    assert_eq!((&gone["diff"], &gone["meta"]["deleted"]), (&json!({}), &json!(true)), "{gone}");
    writer.call(json!({"method": "patchUndelete", "entityId": note})).await?;
    let back = reader.push().await?;
    assert_ne!(back["meta"]["deleted"], json!(true), "{back}");
    Ok(())
}

async fn changes_over_http_and_message_are_pushed_too(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let mut reader = bob.connect(Format::Json).await?;
    let note = fresh("note");
    let message = json!({"id": 1, "method": "post", "entityId": note, "value": {"a": 1}});
    let made = ann.http("POST", "/message", &[], Some(message)).await?;
    assert_eq!(made.status, 201, "{made:?}");
    reader.call(json!({"method": "subscribe", "entityId": note})).await?;
    let since = valid_from(&made.body);
    let path = format!("/api/v1/entities/{note}");
    let headers = [("if-unmodified-since", since.as_str())];
    let done = ann.http("PUT", &path, &headers, Some(json!({"value": {"a": 2}}))).await?;
    assert_eq!(done.status, 200, "{done:?}");
    let push = reader.push().await?;
    assert_eq!((&push["diff"], &push["prevValidFrom"]), (&json!({"a": 2}), &json!(since)), "{push}");
    Ok(())
}

async fn an_owners_entity_is_pushed_to_nobody_else(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut writer, mut reader) = (ann.connect(Format::Json).await?, bob.connect(Format::Json).await?);
    let mut own_tab = ann.connect(Format::Json).await?;
    let (diary, note) = (fresh("diary"), fresh("note"));
    for socket in [&mut reader, &mut own_tab] {
        for entity in [&diary, &note] {
            socket.call(json!({"method": "subscribe", "entityId": entity})).await?;
        }
    }
    let first = create(&mut writer, &diary, json!({"secret": 1})).await?;
    patch(&mut writer, &diary, json!({"secret": 2}), &first).await?;
    create(&mut writer, &note, json!("public")).await?;
    assert_eq!(reader.push().await?["entityId"], json!(note), "nothing of the diary came before");
    assert_eq!(own_tab.push().await?["diff"], json!({"secret": 1}));
    assert_eq!(own_tab.push().await?["diff"], json!({"secret": 2}));
    let read = reader.call(json!({"method": "get", "entityId": diary})).await?;
    let patched = patch(&mut reader, &diary, json!({"secret": 3}), &first).await?;
    assert_eq!((status(&read), status(&patched)), (404, 404), "who may not read isn't told that it is there");
    Ok(())
}

async fn twenty_writers_on_disjoint_keys_lose_nothing(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    let note = fresh("note");
    let mut socket = person.connect(Format::Cbor).await?;
    let first = create(&mut socket, &note, json!({})).await?;
    let writers = (0..20).map(|writer| {
        let (person, note, mut last) = (person.clone(), note.clone(), first.clone());
        tokio::spawn(async move {
            let mut socket = person.connect(Format::Cbor).await?;
            for n in 0..10 {
                let diff = json!({ format!("w{writer}-{n}"): n });
                let done = patch(&mut socket, &note, diff, &last).await?;
                anyhow::ensure!(status(&done) == 200, "{done}");
                last = valid_from(&done);
            }
            anyhow::Ok(())
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await??;
    }
    let all = value(&mut socket, &note).await?;
    assert_eq!(all.as_object().map(|members| members.len()), Some(200));
    let history = socket.call(json!({"method": "history", "entityId": note, "limit": 1000})).await?;
    assert_eq!(history["versions"].as_array().map(Vec::len), Some(201));
    Ok(())
}

async fn of_twenty_creators_exactly_one_wins(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    let note = fresh("note");
    let creators = (0..20).map(|creator| {
        let (person, note) = (person.clone(), note.clone());
        tokio::spawn(async move {
            let mut socket = person.connect(Format::Json).await?;
            let post = json!({"method": "post", "entityId": note, "value": {"by": creator}});
            anyhow::Ok((creator, status(&socket.call(post).await?)))
        })
    });
    let mut winners = Vec::new();
    for creator in creators.collect::<Vec<_>>() {
        match creator.await?? {
            (creator, 201) => winners.push(creator),
            (_, status) => assert_eq!(status, 409),
        }
    }
    assert_eq!(winners.len(), 1);
    let mut socket = person.connect(Format::Json).await?;
    assert_eq!(value(&mut socket, &note).await?, json!({"by": winners[0]}));
    Ok(())
}

async fn a_small_change_of_a_large_value_is_a_small_frame(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut writer, mut reader) = (ann.connect(Format::Cbor).await?, bob.connect(Format::Cbor).await?);
    let note = fresh("note");
    let rows: Vec<_> = (0..10_000).map(|n| json!({"n": n, "text": "x".repeat(80)})).collect();
    // Over HTTP: it is more than a message on the socket may be.
    let (kind, id) = note.split_once(':').unwrap();
    let made = ann
        .http("POST", &format!("/api/v1/entities/{kind}"), &[], Some(json!({"id": id, "value": {"rows": rows}})))
        .await?;
    assert_eq!(made.status, 201);
    let first = valid_from(&made.body);
    reader.call(json!({"method": "subscribe", "entityId": note, "validFrom": first})).await?;
    let done = patch(&mut writer, &note, json!({"rows": {"5000": {"n": 1}}}), &first).await?;
    assert_eq!(status(&done), 200);
    let push = reader.push().await?;
    assert_eq!(push["diff"], json!({"rows": {"5000": {"n": 1}}}), "{push}");
    assert!(writer.sent_bytes < 300, "{} bytes up", writer.sent_bytes);
    assert!(reader.push_bytes < 300, "{} bytes down", reader.push_bytes);
    Ok(())
}

async fn a_five_megabyte_value_reads_back_equal(url: Url) -> Result<()> {
    let ann = Person::new(&url).await?;
    let text: String = (0..500_000).map(|n| format!("{n:09}\n")).collect();
    let made = ann.http("POST", "/api/v1/entities/note", &[], Some(json!({"value": {"text": text}}))).await?;
    assert_eq!(made.status, 201);
    assert!(made.body["meta"]["chunks"].as_u64() >= Some(2), "{}", made.body["meta"]);
    let path = made.header("location").unwrap_or_default().to_owned();
    let read = ann.http("GET", &path, &[], None).await?;
    assert_eq!(read.status, 200);
    assert!(read.body["value"] == json!({"text": text}), "the value comes back as it was");
    Ok(())
}
