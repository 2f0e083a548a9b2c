//! Contract section 3: each method and each status on the socket, in both formats.

use anyhow::Result;
use serde_json::{Value as Json, json};
use timeweft_e2e::{Format, Person, Socket, fresh, http};
use tokio_tungstenite::tungstenite::Message;

use crate::Url;

crate::cases!(
    "socket",
    a_post_is_201_and_a_second_one_409,
    a_get_is_the_value_or_304_or_the_diff_from_an_older_version,
    a_missing_entity_is_404_to_all_but_post,
    a_patch_on_the_latest_version_answers_its_meta,
    a_patch_on_an_older_version_is_merged_and_says_what_it_was_merged_with,
    a_patch_of_what_others_changed_is_409_with_their_diff,
    a_patch_on_an_unknown_version_is_412_with_the_value,
    a_patch_without_its_version_is_428,
    a_patch_that_changes_nothing_makes_no_version,
    a_patch_repeated_with_its_key_is_applied_once,
    a_delete_is_soft_and_can_be_undone,
    as_of_is_the_version_valid_at_any_instant,
    valid_from_may_be_given_only_if_later_and_not_tomorrow,
    history_is_newest_first_in_pages,
    dates_of_three_digits_are_taken_and_other_forms_refused,
    bad_diffs_are_400_and_change_nothing,
    undefined_removes_and_arrays_grow_and_shrink_by_index,
    an_unknown_method_or_a_bad_name_is_400,
    frames_that_are_no_messages_are_400_and_the_connection_stays,
    without_a_session_a_socket_is_401,
    a_plain_get_of_connect_is_426,
    a_foreign_origin_is_403,
);

pub(crate) const FORMATS: [Format; 2] = [Format::Cbor, Format::Json];

pub(crate) fn status(answer: &Json) -> u64 {
    answer["status"].as_u64().unwrap_or_default()
}

pub(crate) fn code(answer: &Json) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

/// Creates an entity and gives its validFrom.
pub(crate) async fn create(socket: &mut Socket, entity: &str, value: Json) -> Result<String> {
    let made = socket.call(json!({"method": "post", "entityId": entity, "value": value})).await?;
    assert_eq!(status(&made), 201, "{made}");
    Ok(valid_from(&made))
}

pub(crate) fn valid_from(answer: &Json) -> String {
    answer["meta"]["validFrom"].as_str().unwrap_or_else(|| panic!("no meta.validFrom in {answer}")).to_owned()
}

/// Patches and gives the answer.
pub(crate) async fn patch(socket: &mut Socket, entity: &str, diff: Json, since: &str) -> Result<Json> {
    socket.call(json!({"method": "patchDiff", "entityId": entity, "diff": diff, "ifUnmodifiedSince": since})).await
}

pub(crate) async fn value(socket: &mut Socket, entity: &str) -> Result<Json> {
    let read = socket.call(json!({"method": "get", "entityId": entity})).await?;
    assert_eq!(status(&read), 200, "{read}");
    Ok(read["value"].clone())
}

async fn a_post_is_201_and_a_second_one_409(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let made = socket.call(json!({"method": "post", "entityId": note, "value": {"title": "a"}})).await?;
        assert_eq!(status(&made), 201, "{made}");
        let meta = &made["meta"];
        assert_eq!(meta["entityId"], json!(note));
        assert_eq!((&meta["type"], &meta["version"]), (&json!("note"), &json!(1)));
        assert_eq!(meta["validTo"], json!("9999-01-01T00:00:00.000000Z"));
        assert_eq!(meta["personId"], json!(person.id));
        assert_eq!(meta["validFrom"].as_str().map(str::len), Some(27), "{meta}");
        let again = socket.call(json!({"method": "post", "entityId": note, "value": 1})).await?;
        assert_eq!((status(&again), again["error"]["message"].is_string()), (409, true), "{again}");
    }
    Ok(())
}

async fn a_get_is_the_value_or_304_or_the_diff_from_an_older_version(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let first = create(&mut socket, &note, json!({"a": 1, "b": {"c": [1, 2]}})).await?;
        let read = socket.call(json!({"method": "get", "entityId": note})).await?;
        assert_eq!((status(&read), &read["value"]), (200, &json!({"a": 1, "b": {"c": [1, 2]}})));
        let same = socket.call(json!({"method": "get", "entityId": note, "ifModifiedSince": first})).await?;
        assert_eq!((status(&same), same.get("value")), (304, None), "{same}");
        let second = valid_from(&patch(&mut socket, &note, json!({"a": 2}), &first).await?);
        let third = valid_from(&patch(&mut socket, &note, json!({"d": 4}), &second).await?);
        let newer = socket.call(json!({"method": "get", "entityId": note, "ifModifiedSince": first})).await?;
        assert_eq!((status(&newer), &newer["diff"]), (200, &json!({"a": 2, "d": 4})), "{newer}");
        assert_eq!((valid_from(&newer), newer.get("value")), (third, None));
        let other = "2001-01-01T00:00:00.000000Z";
        let whole = socket.call(json!({"method": "get", "entityId": note, "ifModifiedSince": other})).await?;
        assert_eq!(whole["value"], json!({"a": 2, "b": {"c": [1, 2]}, "d": 4}), "not a version: all of it");
    }
    Ok(())
}

async fn a_missing_entity_is_404_to_all_but_post(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    let now = "2026-01-01T00:00:00.000000Z";
    for method in ["get", "patchDiff", "delete", "patchUndelete", "subscribe", "history"] {
        let request = json!({"method": method, "entityId": note, "diff": {}, "ifUnmodifiedSince": now});
        let answer = socket.call(request).await?;
        assert_eq!((status(&answer), code(&answer)), (404, "not-found"), "{method}: {answer}");
    }
    Ok(())
}

async fn a_patch_on_the_latest_version_answers_its_meta(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let first = create(&mut socket, &note, json!({"a": 1, "b": {"c": 1}})).await?;
        let done = patch(&mut socket, &note, json!({"b": {"c": 2}, "n": true}), &first).await?;
        assert_eq!((status(&done), done.get("diff")), (200, None), "{done}");
        assert_eq!(done["meta"]["version"], json!(2));
        assert_eq!(done["meta"]["previousValues"], json!({"b": {"c": 1}, "n": {"$undefined": true}}));
        assert!(valid_from(&done) > first);
        assert_eq!(value(&mut socket, &note).await?, json!({"a": 1, "b": {"c": 2}, "n": true}));
    }
    Ok(())
}

async fn a_patch_on_an_older_version_is_merged_and_says_what_it_was_merged_with(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let first = create(&mut socket, &note, json!({"a": 1, "b": 1})).await?;
        patch(&mut socket, &note, json!({"a": 2}), &first).await?;
        let merged = patch(&mut socket, &note, json!({"b": 2}), &first).await?;
        assert_eq!((status(&merged), &merged["diff"]), (200, &json!({"a": 2, "b": 2})), "{merged}");
        assert_eq!(value(&mut socket, &note).await?, json!({"a": 2, "b": 2}));
    }
    Ok(())
}

async fn a_patch_of_what_others_changed_is_409_with_their_diff(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let first = create(&mut socket, &note, json!({"a": {"x": 1}, "b": 1})).await?;
        let second = valid_from(&patch(&mut socket, &note, json!({"a": {"x": 2}}), &first).await?);
        for diff in [json!({"a": {"x": 3}}), json!({"a": {"$undefined": true}}), json!({"a": 1, "b": 2})] {
            let clash = patch(&mut socket, &note, diff, &first).await?;
            assert_eq!((status(&clash), code(&clash)), (409, "conflict"), "{clash}");
            assert_eq!((&clash["diff"], valid_from(&clash)), (&json!({"a": {"x": 2}}), second.clone()));
        }
        let same = patch(&mut socket, &note, json!({"a": {"x": 2}}), &first).await?;
        assert_eq!(
            (status(&same), valid_from(&same)),
            (200, second),
            "who leaves it the same doesn't conflict: {same}"
        );
    }
    Ok(())
}

async fn a_patch_on_an_unknown_version_is_412_with_the_value(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let first = create(&mut socket, &note, json!({"a": 1})).await?;
        let unknown = patch(&mut socket, &note, json!({"a": 2}), "2001-01-01T00:00:00.000000Z").await?;
        assert_eq!((status(&unknown), code(&unknown)), (412, "unknown-version"), "{unknown}");
        assert_eq!((&unknown["value"], valid_from(&unknown)), (&json!({"a": 1}), first));
    }
    Ok(())
}

async fn a_patch_without_its_version_is_428(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    create(&mut socket, &note, json!({"a": 1})).await?;
    let answer = socket.call(json!({"method": "patchDiff", "entityId": note, "diff": {"a": 2}})).await?;
    assert_eq!(status(&answer), 428, "{answer}");
    Ok(())
}

async fn a_patch_that_changes_nothing_makes_no_version(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"a": 1, "l": [1]})).await?;
    for diff in [json!({}), json!({"a": 1}), json!({"a": 1.0, "l": {"0": 1}}), json!({"z": {"$undefined": true}})] {
        let same = patch(&mut socket, &note, diff, &first).await?;
        assert_eq!((status(&same), valid_from(&same)), (200, first.clone()), "{same}");
    }
    Ok(())
}

async fn a_patch_repeated_with_its_key_is_applied_once(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    let mut socket = person.connect(Format::Cbor).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"l": []})).await?;
    let request = json!({"method": "patchDiff", "entityId": note, "diff": {"l": {"0": "x"}},
        "ifUnmodifiedSince": first, "idempotencyKey": "k1"});
    let done = socket.call(request.clone()).await?;
    assert_eq!(status(&done), 200, "{done}");
    patch(&mut socket, &note, json!({"other": 1}), &valid_from(&done)).await?;
    // On another connection, as after a lost answer.
    let mut socket = person.connect(Format::Json).await?;
    let again = socket.call(request).await?;
    assert_eq!((status(&again), &again["meta"]), (200, &done["meta"]));
    assert_eq!(value(&mut socket, &note).await?, json!({"l": ["x"], "other": 1}));
    Ok(())
}

async fn a_delete_is_soft_and_can_be_undone(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Cbor).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"a": 1})).await?;
    let not_deleted = socket.call(json!({"method": "patchUndelete", "entityId": note})).await?;
    assert_eq!(status(&not_deleted), 400, "{not_deleted}");
    let gone = socket.call(json!({"method": "delete", "entityId": note, "ifUnmodifiedSince": first})).await?;
    assert_eq!((status(&gone), &gone["meta"]["deleted"]), (200, &json!(true)), "{gone}");
    assert_eq!(gone["meta"]["previousValues"], json!({}));
    let again = socket.call(json!({"method": "delete", "entityId": note})).await?;
    assert_eq!((status(&again), valid_from(&again)), (200, valid_from(&gone)), "{again}");
    let read = socket.call(json!({"method": "get", "entityId": note})).await?;
    assert_eq!(status(&read), 404, "{read}");
    let patched = patch(&mut socket, &note, json!({"a": 2}), &first).await?;
    assert_eq!(status(&patched), 404, "{patched}");
    let back = socket.call(json!({"method": "patchUndelete", "entityId": note})).await?;
    assert_eq!(status(&back), 200, "{back}");
    assert_eq!(value(&mut socket, &note).await?, json!({"a": 1}));
    Ok(())
}

async fn as_of_is_the_version_valid_at_any_instant(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let at = |day: u8| format!("2020-01-0{day}T00:00:00.000000Z");
        let post = json!({"method": "post", "entityId": note, "value": {"a": 1}, "validFrom": at(2)});
        assert_eq!(status(&socket.call(post).await?), 201);
        let next = json!({"method": "patchDiff", "entityId": note, "diff": {"a": {"$undefined": true}, "b": [1]},
            "ifUnmodifiedSince": at(2), "validFrom": at(4)});
        assert_eq!(status(&socket.call(next).await?), 200);
        let gone = socket.call(json!({"method": "delete", "entityId": note})).await?;
        assert_eq!((status(&gone), &gone["meta"]["deleted"]), (200, &json!(true)));
        let gone = valid_from(&gone);
        let mut read = async |at: &str| {
            let answer = socket.call(json!({"method": "get", "entityId": note, "asOf": at})).await?;
            anyhow::Ok((status(&answer), answer))
        };
        for (day, value, from, to) in [
            (2, json!({"a": 1}), at(2), at(4)),
            (3, json!({"a": 1}), at(2), at(4)),
            (4, json!({"b": [1]}), at(4), gone.clone()),
        ] {
            let (status, answer) = read(&at(day)).await?;
            assert_eq!((status, &answer["value"], answer.get("diff")), (200, &value, None), "{answer}");
            assert_eq!((&answer["meta"]["validFrom"], &answer["meta"]["validTo"]), (&json!(from), &json!(to)));
        }
        assert_eq!(read(&at(1)).await?.0, 404, "before the first");
        assert_eq!(read(&gone).await?.0, 404, "a deletion");
        assert_eq!(read("2020").await?.0, 400);
    }
    Ok(())
}

async fn valid_from_may_be_given_only_if_later_and_not_tomorrow(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    let early = "2020-01-01T00:00:00.000000Z";
    let post = json!({"method": "post", "entityId": note, "value": {"a": 1}, "validFrom": early});
    assert_eq!(valid_from(&socket.call(post).await?), early);
    let with = |at: &str| json!({"method": "patchDiff", "entityId": note, "diff": {"a": at}, "ifUnmodifiedSince": early, "validFrom": at});
    for at in ["2019-12-31T23:59:59.999999Z", early, "2100-01-01T00:00:00.000000Z", "9998-12-31T23:59:59.999999Z"] {
        let refused = socket.call(with(at)).await?;
        assert_eq!(status(&refused), 400, "{at}: {refused}");
    }
    let taken = socket.call(with("2020-01-01T00:00:00.000001Z")).await?;
    assert_eq!((status(&taken), valid_from(&taken).as_str()), (200, "2020-01-01T00:00:00.000001Z"));
    let next = patch(&mut socket, &note, json!({"a": 2}), "2020-01-01T00:00:00.000001Z").await?;
    let recorded = |answer: &Json| answer["meta"]["recordedAt"].as_str().map(str::to_owned);
    assert!(recorded(&taken).is_some_and(|at| *early < *at && at < valid_from(&next)), "{taken} {next}");
    assert_eq!(recorded(&next), None, "{next}");
    Ok(())
}

async fn history_is_newest_first_in_pages(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    let mut last = create(&mut socket, &note, json!({"n": 0})).await?;
    for n in 1..5 {
        last = valid_from(&patch(&mut socket, &note, json!({"n": n}), &last).await?);
    }
    let page = socket.call(json!({"method": "history", "entityId": note, "limit": 3})).await?;
    let versions = |page: &Json| -> Vec<u64> {
        page["versions"].as_array().into_iter().flatten().filter_map(|meta| meta["version"].as_u64()).collect()
    };
    assert_eq!((versions(&page), &page["more"]), (vec![5, 4, 3], &json!(true)), "{page}");
    let before = page["versions"][2]["validFrom"].clone();
    let rest = socket.call(json!({"method": "history", "entityId": note, "before": before})).await?;
    assert_eq!((versions(&rest), &rest["more"]), (vec![2, 1], &json!(false)), "{rest}");
    assert_eq!(rest["versions"][0]["validTo"], before);
    Ok(())
}

async fn dates_of_three_digits_are_taken_and_other_forms_refused(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    let post = json!({"method": "post", "entityId": note, "value": 1, "validFrom": "2020-01-01T00:00:00.123Z"});
    assert_eq!(valid_from(&socket.call(post).await?), "2020-01-01T00:00:00.123000Z");
    for bad in
        ["2020-01-01T00:00:00Z", "2020-01-01", "Wed, 01 Jan 2020 00:00:00 GMT", "2020-01-01T00:00:00.123456+01:00"]
    {
        let answer = socket.call(json!({"method": "get", "entityId": note, "ifModifiedSince": bad})).await?;
        assert_eq!((status(&answer), code(&answer)), (400, "bad-request"), "{bad}: {answer}");
    }
    let number = socket.call(json!({"method": "get", "entityId": note, "ifModifiedSince": 5})).await?;
    assert_eq!(status(&number), 400, "{number}");
    Ok(())
}

async fn bad_diffs_are_400_and_change_nothing(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Json).await?;
    let note = fresh("note");
    let first = create(&mut socket, &note, json!({"l": [1, 2], "t": "text"})).await?;
    for diff in [
        json!({"l": {"5": 1}}),
        json!({"l": {"x": 1}}),
        json!({"l": {"01": 1}}),
        json!({"t": {"$text": [99, "a"]}}),
        json!({"t": {"$text": "a"}}),
        json!({"l": {"$text": ["a"]}}),
        json!({"$undefined": true}),
    ] {
        let answer = patch(&mut socket, &note, diff.clone(), &first).await?;
        assert_eq!((status(&answer), code(&answer)), (400, "bad-request"), "{diff}: {answer}");
    }
    let absent = socket.call(json!({"method": "patchDiff", "entityId": note, "ifUnmodifiedSince": first})).await?;
    assert_eq!(status(&absent), 400, "{absent}");
    assert_eq!(value(&mut socket, &note).await?, json!({"l": [1, 2], "t": "text"}));
    Ok(())
}

async fn undefined_removes_and_arrays_grow_and_shrink_by_index(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for format in FORMATS {
        let mut socket = person.connect(format).await?;
        let note = fresh("note");
        let gone = json!({"$undefined": true});
        let mut last = create(&mut socket, &note, json!({"a": 1, "l": [{"x": 1}, 2]})).await?;
        for (diff, wanted) in [
            (json!({"a": gone}), json!({"l": [{"x": 1}, 2]})),
            (json!({"l": {"2": 3, "3": 4}}), json!({"l": [{"x": 1}, 2, 3, 4]})),
            (json!({"l": {"0": {"y": 2}}}), json!({"l": [{"x": 1, "y": 2}, 2, 3, 4]})),
            (json!({"l": {"2": gone, "3": gone}}), json!({"l": [{"x": 1, "y": 2}, 2]})),
            (json!({"m": {"new": {"deep": 1}}}), json!({"l": [{"x": 1, "y": 2}, 2], "m": {"new": {"deep": 1}}})),
        ] {
            let done = patch(&mut socket, &note, diff, &last).await?;
            assert_eq!(status(&done), 200, "{done}");
            last = valid_from(&done);
            assert_eq!(value(&mut socket, &note).await?, wanted);
        }
    }
    Ok(())
}

async fn an_unknown_method_or_a_bad_name_is_400(url: Url) -> Result<()> {
    let mut socket = Person::new(&url).await?.connect(Format::Cbor).await?;
    let answer = socket.call(json!({"method": "frobnicate", "entityId": "note:x"})).await?;
    assert_eq!(status(&answer), 400, "{answer}");
    for bad in [json!("note"), json!("Note:x"), json!("note:"), json!("note:a b"), json!(5), Json::Null] {
        let answer = socket.call(json!({"method": "get", "entityId": bad})).await?;
        assert_eq!((status(&answer), code(&answer)), (400, "bad-request"), "{bad}: {answer}");
    }
    Ok(())
}

async fn frames_that_are_no_messages_are_400_and_the_connection_stays(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    let mut json_socket = person.connect(Format::Json).await?;
    for bad in ["", "{", "[]", "5", "null", r#"{"id":-1,"method":"get","entityId":"note:x"}"#, r#"{"method":"get"}"#] {
        json_socket.send_raw(Message::text(bad)).await?;
        let answer = json_socket.frame().await?;
        assert_eq!(status(&answer), 400, "{bad:?}: {answer}");
    }
    let mut cbor_socket = person.connect(Format::Cbor).await?;
    for bad in
        [&b""[..], &[0xff], &[0xa1, 0x62], &[0x9f], &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x1c]]
    {
        cbor_socket.send_raw(Message::binary(bad.to_vec())).await?;
        let answer = cbor_socket.frame().await?;
        assert_eq!(status(&answer), 400, "{bad:?}: {answer}");
    }
    for socket in [&mut json_socket, &mut cbor_socket] {
        let note = fresh("note");
        create(socket, &note, json!("still here")).await?;
    }
    Ok(())
}

async fn without_a_session_a_socket_is_401(url: Url) -> Result<()> {
    let none = Socket::try_open(&url, "/connect", Some(Format::Json), &[]).await?.err();
    let forged = [("cookie", "session=eyJmb3JnZWQiOnRydWV9.abcdef")];
    let bad = Socket::try_open(&url, "/connect", Some(Format::Json), &forged).await?.err();
    assert_eq!((none, bad), (Some(401), Some(401)));
    Ok(())
}

async fn a_plain_get_of_connect_is_426(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    assert_eq!(person.http("GET", "/connect", &[], None).await?.status, 426);
    assert_eq!(http(&url, "GET", "/connect", None, &[], None).await?.status, 426);
    Ok(())
}

async fn a_foreign_origin_is_403(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    for (origin, wanted) in [("https://evil.example", Some(403)), ("null", Some(403)), (url.as_str(), None)] {
        let headers = [("cookie", person.cookie.as_str()), ("origin", origin)];
        let refused = Socket::try_open(&url, "/connect", Some(Format::Json), &headers).await?.err();
        assert_eq!(refused, wanted, "{origin}");
    }
    Ok(())
}
