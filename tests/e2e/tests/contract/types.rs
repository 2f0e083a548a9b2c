//! Types: definitions that admins make, what they then ask of values, and for whom entities are.

use anyhow::{Result, ensure};
use serde_json::{Value as Json, json};
use timeweft_e2e::server::ADMIN;
use timeweft_e2e::{Format, Person, Socket, fresh, http};

use crate::Url;
use crate::socket::{FORMATS, create, patch, status, valid_from, value};

crate::cases!(
    "types",
    a_value_that_breaks_the_schema_is_422_and_changes_nothing,
    http_says_422_with_the_places_too,
    a_definition_that_is_none_is_422,
    only_admins_define_types,
    what_is_public_is_read_without_a_session,
    what_is_an_owners_is_not_there_for_others,
    whoever_may_no_longer_read_is_pushed_nothing,
    values_of_an_older_schema_stay_readable,
    a_recursive_schema_checks_the_deepest_value,
);

/// A type of its own for each case, defined so; with the admin who did.
pub(crate) async fn defined(url: &Url, definition: Json) -> Result<(Person, String)> {
    let admin = Person::sign_in(url, ADMIN).await?;
    let name = fresh("type");
    let mut socket = admin.connect(Format::Cbor).await?;
    create(&mut socket, &name, definition).await?;
    let kind = name.trim_start_matches("type:").to_owned();
    Ok((admin, kind))
}

/// Gives the type another definition.
async fn redefine(admin: &Person, kind: &str, definition: Json) -> Result<()> {
    let path = format!("/api/v1/entities/type:{kind}");
    let current = admin.http("GET", &path, &[], None).await?;
    let since = current.body["meta"]["validFrom"].as_str().unwrap_or_default().to_owned();
    let put = admin.http("PUT", &path, &[("if-unmodified-since", &since)], Some(json!({"value": definition}))).await?;
    ensure!(put.status == 200, "{}", put.body);
    Ok(())
}

fn places(answer: &Json) -> Vec<&str> {
    let violations = answer["error"]["violations"].as_array().into_iter().flatten();
    violations.filter_map(|violation| violation["path"].as_str()).collect()
}

fn recipes() -> Json {
    json!({"policy": "signed-in", "schema": {
        "type": "object",
        "required": ["title"],
        "properties": {"title": {"type": "string", "minLength": 1}, "steps": {"items": {"type": "string"}}},
    }})
}

async fn a_value_that_breaks_the_schema_is_422_and_changes_nothing(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, recipes()).await?;
    for format in FORMATS {
        let mut socket = admin.connect(format).await?;
        let recipe = fresh(&kind);
        let bad = json!({"title": "", "steps": ["cut", 2]});
        let refused = socket.call(json!({"method": "post", "entityId": recipe, "value": bad})).await?;
        assert_eq!((status(&refused), &refused["error"]["code"]), (422, &json!("invalid-value")), "{refused}");
        assert_eq!(places(&refused), ["/steps/1", "/title"], "{refused}");
        let missing = socket.call(json!({"method": "get", "entityId": recipe})).await?;
        assert_eq!(status(&missing), 404);

        let good = json!({"title": "Soup", "steps": ["cut"]});
        let first = create(&mut socket, &recipe, good.clone()).await?;
        let refused = patch(&mut socket, &recipe, json!({"steps": {"0": 1}}), &first).await?;
        assert_eq!((status(&refused), places(&refused)), (422, vec!["/steps/0"]), "{refused}");
        assert_eq!(value(&mut socket, &recipe).await?, good);
        let fine = patch(&mut socket, &recipe, json!({"steps": {"1": "cook"}}), &first).await?;
        assert_eq!((status(&fine), &fine["meta"]["version"]), (200, &json!(2)), "{fine}");
    }
    Ok(())
}

async fn http_says_422_with_the_places_too(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, recipes()).await?;
    let path = format!("/api/v1/entities/{kind}");
    let refused = admin.http("POST", &path, &[], Some(json!({"id": "r", "value": {"steps": []}}))).await?;
    assert_eq!((refused.status, refused.code(), places(&refused.body)), (422, "invalid-value", vec![""]));
    let made = admin.http("POST", &path, &[], Some(json!({"id": "r", "value": {"title": "Soup"}}))).await?;
    assert_eq!(made.status, 201, "{}", made.body);
    let since = valid_from(&made.body);
    let body = json!({"value": {"title": 1}});
    let one = format!("{path}:r");
    let refused = admin.http("PUT", &one, &[("if-unmodified-since", &since)], Some(body)).await?;
    assert_eq!((refused.status, places(&refused.body)), (422, vec!["/title"]));
    assert_eq!(admin.http("GET", &one, &[], None).await?.body["meta"]["version"], 1);
    Ok(())
}

async fn a_definition_that_is_none_is_422(url: Url) -> Result<()> {
    let mut socket = Person::sign_in(&url, ADMIN).await?.connect(Format::Json).await?;
    for (definition, place) in [
        (json!({"policy": "everybody"}), "/policy"),
        (json!({"granularity": -1}), "/granularity"),
        (json!({"shcema": {}}), "/shcema"),
        (json!({"schema": {"properties": {"a": {"type": "text"}}}}), "/schema/properties/a/type"),
        (json!({"schema": {"pattern": "(?=a)"}}), "/schema/pattern"),
        (json!({"schema": {"$ref": "https://example.org/schema"}}), "/schema/$ref"),
    ] {
        let refused = socket.call(json!({"method": "post", "entityId": "type:never", "value": definition})).await?;
        assert_eq!((status(&refused), places(&refused)), (422, vec![place]), "{refused}");
    }
    Ok(())
}

async fn only_admins_define_types(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, json!({"granularity": "minute"})).await?;
    let other = Person::new(&url).await?;
    let mut socket = other.connect(Format::Cbor).await?;
    let name = format!("type:{kind}");
    let found = socket.call(json!({"method": "get", "entityId": name})).await?;
    assert_eq!((status(&found), &found["value"]), (200, &json!({"granularity": "minute"})));
    let since = valid_from(&found);
    let changed = patch(&mut socket, &name, json!({"granularity": "day"}), &since).await?;
    assert_eq!((status(&changed), &changed["error"]["code"]), (403, &json!("forbidden")), "{changed}");
    let made = socket.call(json!({"method": "post", "entityId": format!("type:{kind}2"), "value": {}})).await?;
    assert_eq!(status(&made), 403, "{made}");
    assert_eq!(other.http("DELETE", &format!("/api/v1/entities/{name}"), &[], None).await?.status, 403);
    let reserved = Some(json!({"id": "tw-code", "value": {}}));
    assert_eq!(admin.http("POST", "/api/v1/entities/type", &[], reserved).await?.status, 403);
    assert_eq!(http(&url, "GET", &format!("/api/v1/entities/{name}"), None, &[], None).await?.status, 401);
    Ok(())
}

async fn what_is_public_is_read_without_a_session(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, json!({"policy": "public"})).await?;
    let post = format!("/api/v1/entities/{kind}");
    assert_eq!(admin.http("POST", &post, &[], Some(json!({"id": "p", "value": {"a": 1}}))).await?.status, 201);
    let path = format!("{post}:p");
    let read = http(&url, "GET", &path, None, &[], None).await?;
    assert_eq!((read.status, &read.body["value"]), (200, &json!({"a": 1})));
    assert_eq!(http(&url, "GET", &format!("{path}/history"), None, &[], None).await?.status, 200);
    let get = json!({"id": 1, "method": "get", "entityId": format!("{kind}:p")});
    assert_eq!(http(&url, "POST", "/message", None, &[], Some(get)).await?.status, 200);
    assert_eq!(http(&url, "POST", &post, None, &[], Some(json!({"value": 1}))).await?.status, 401);
    assert_eq!(http(&url, "DELETE", &path, None, &[], None).await?.status, 401);
    assert_eq!(Socket::try_open(&url, "/connect", Some(Format::Json), &[]).await?.err(), Some(401));
    let other = Person::new(&url).await?;
    assert_eq!(other.http("DELETE", &path, &[], None).await?.status, 200);
    Ok(())
}

async fn what_is_an_owners_is_not_there_for_others(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, json!({"policy": "owner"})).await?;
    let path = format!("/api/v1/entities/{kind}");
    assert_eq!(admin.http("POST", &path, &[], Some(json!({"id": "o", "value": 1}))).await?.status, 201);
    let other = Person::new(&url).await?;
    let (one, nobody) = (format!("{path}:o"), None);
    assert_eq!(other.http("GET", &one, &[], None).await?.status, 404);
    assert_eq!(http(&url, "GET", &one, nobody, &[], None).await?.status, 401);
    redefine(&admin, &kind, json!({"policy": "signed-in"})).await?;
    assert_eq!(other.http("GET", &one, &[], None).await?.status, 200);
    assert_eq!(http(&url, "GET", &one, nobody, &[], None).await?.status, 401);
    Ok(())
}

async fn whoever_may_no_longer_read_is_pushed_nothing(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, json!({"policy": "signed-in"})).await?;
    let other = Person::new(&url).await?;
    let (mut writer, mut owners, mut others) =
        (admin.connect(Format::Cbor).await?, admin.connect(Format::Json).await?, other.connect(Format::Json).await?);
    let entity = fresh(&kind);
    let first = create(&mut writer, &entity, json!({"a": 1})).await?;
    let subscribe = json!({"method": "subscribe", "entityId": entity});
    for socket in [&mut owners, &mut others] {
        assert_eq!(status(&socket.call(subscribe.clone()).await?), 200);
    }
    let second = valid_from(&patch(&mut writer, &entity, json!({"a": 2}), &first).await?);
    for socket in [&mut owners, &mut others] {
        assert_eq!(socket.push().await?["diff"], json!({"a": 2}));
    }
    redefine(&admin, &kind, json!({"policy": "owner"})).await?;
    patch(&mut writer, &entity, json!({"a": 3}), &second).await?;
    // The next round of resync closes both; nothing is pushed before.
    for socket in [&mut owners, &mut others] {
        assert_eq!(socket.frame().await.err().map(|why| why.to_string()), Some("closed with Some(1012)".to_owned()));
    }
    let mut owners = admin.connect(Format::Json).await?;
    let again = owners.call(subscribe.clone()).await?;
    assert_eq!((status(&again), &again["value"]), (200, &json!({"a": 3})), "{again}");
    let mut others = other.connect(Format::Json).await?;
    assert_eq!(status(&others.call(subscribe).await?), 404);
    patch(&mut writer, &entity, json!({"a": 4}), &valid_from(&again)).await?;
    assert_eq!(owners.push().await?["diff"], json!({"a": 4}));
    Ok(())
}

async fn values_of_an_older_schema_stay_readable(url: Url) -> Result<()> {
    let (admin, kind) = defined(&url, json!({})).await?;
    let mut socket = admin.connect(Format::Cbor).await?;
    let entity = fresh(&kind);
    let old = json!({"title": 7, "steps": ["cut"]});
    let first = create(&mut socket, &entity, old.clone()).await?;
    redefine(&admin, &kind, recipes()).await?;
    assert_eq!(value(&mut socket, &entity).await?, old);
    let as_of = socket.call(json!({"method": "get", "entityId": entity, "asOf": first})).await?;
    assert_eq!((status(&as_of), &as_of["value"]), (200, &old));
    let refused = patch(&mut socket, &entity, json!({"steps": {"1": "cook"}}), &first).await?;
    assert_eq!((status(&refused), places(&refused)), (422, vec!["/title"]), "{refused}");
    let mended = patch(&mut socket, &entity, json!({"title": "Soup", "steps": {"1": "cook"}}), &first).await?;
    assert_eq!(status(&mended), 200, "{mended}");
    // What is deleted and brought back isn't changed, and isn't checked.
    assert_eq!(status(&socket.call(json!({"method": "delete", "entityId": entity})).await?), 200);
    Ok(())
}

async fn a_recursive_schema_checks_the_deepest_value(url: Url) -> Result<()> {
    let tree = json!({"properties": {"kid": {"allOf": [{"anyOf": [{"$ref": "#"}]}]}}, "required": ["n"]});
    let (admin, kind) = defined(&url, json!({"schema": tree})).await?;
    let mut socket = admin.connect(Format::Cbor).await?;
    let deep = |levels: usize, last: Json| (0..levels).fold(last, |kid, _| json!({"n": 1, "kid": kid}));
    create(&mut socket, &fresh(&kind), deep(125, json!({"n": 1}))).await?;
    let bad = socket.call(json!({"method": "post", "entityId": fresh(&kind), "value": deep(125, json!({}))})).await?;
    assert_eq!(status(&bad), 422, "{bad}");
    Ok(())
}
