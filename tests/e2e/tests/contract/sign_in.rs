//! Contract sections 6 and, as far as it goes yet, 7.

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use timeweft_e2e::{Format, Person, fresh, http};

use crate::Url;
use crate::socket::{patch, status, valid_from, value};

crate::cases!(
    "sign_in",
    the_code_signs_in_and_me_tells_who,
    the_same_email_is_the_same_person,
    the_cookie_is_http_only_and_lax,
    a_wrong_code_is_401_and_the_sixth_voids_the_right_one,
    five_wrong_codes_leave_the_right_one_good,
    a_code_signs_in_once,
    bad_sign_ins_are_400,
    logging_out_ends_this_session_and_closes_its_sockets,
    logging_out_everywhere_ends_all_sessions,
    ending_another_session_closes_its_sockets_within_a_second,
    the_person_is_an_entity_that_only_they_may_change,
    bearer_takes_the_place_of_the_cookie,
    internal_types_are_nobodys,
);

fn email() -> String {
    format!("{}@example.com", fresh("e").replace(':', "-"))
}

async fn post(url: &str, path: &str, body: Json) -> Result<timeweft_e2e::client::Answer> {
    http(url, "POST", path, None, &[], Some(body)).await
}

async fn code(url: &str, email: &str) -> Result<String> {
    Ok(post(url, "/login", json!({ "email": email })).await?.body["code"].as_str().unwrap_or_default().to_owned())
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap_or(0) + 1) % 1_000_000)
}

async fn verify(url: &str, email: &str, code: &str) -> Result<u16> {
    Ok(post(url, "/login/verify", json!({"email": email, "code": code})).await?.status)
}

async fn the_code_signs_in_and_me_tells_who(url: Url) -> Result<()> {
    let email = email();
    let code = code(&url, &email).await?;
    assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
    let person = Person::sign_in(&url, &email).await?;
    let me = person.http("GET", "/me", &[], None).await?;
    assert_eq!((me.status, &me.body), (200, &json!({"personId": person.id, "email": email})));
    assert_eq!(http(&url, "GET", "/me", None, &[], None).await?.status, 401);
    Ok(())
}

async fn the_same_email_is_the_same_person(url: Url) -> Result<()> {
    let email = email();
    let first = Person::sign_in(&url, &email).await?;
    let second = Person::sign_in(&url, &email.to_uppercase()).await?;
    assert_eq!(first.id, second.id);
    assert_ne!(first.cookie, second.cookie);
    Ok(())
}

async fn the_cookie_is_http_only_and_lax(url: Url) -> Result<()> {
    let email = email();
    let code = code(&url, &email).await?;
    let answer = post(&url, "/login/verify", json!({"email": email, "code": code})).await?;
    let cookie = answer.header("set-cookie").unwrap_or_default();
    assert!(
        cookie.starts_with("session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert!(!cookie.contains("Secure"), "not in development mode: {cookie}");
    Ok(())
}

async fn a_wrong_code_is_401_and_the_sixth_voids_the_right_one(url: Url) -> Result<()> {
    let email = email();
    let code = code(&url, &email).await?;
    for _ in 0..6 {
        assert_eq!(verify(&url, &email, &wrong(&code)).await?, 401);
    }
    assert_eq!(verify(&url, &email, &code).await?, 401, "voided");
    Ok(())
}

async fn five_wrong_codes_leave_the_right_one_good(url: Url) -> Result<()> {
    let email = email();
    let code = code(&url, &email).await?;
    for _ in 0..5 {
        assert_eq!(verify(&url, &email, &wrong(&code)).await?, 401);
    }
    assert_eq!(verify(&url, &email, &code).await?, 200);
    Ok(())
}

async fn a_code_signs_in_once(url: Url) -> Result<()> {
    let email = email();
    let code = code(&url, &email).await?;
    assert_eq!(verify(&url, &email, &code).await?, 200);
    assert_eq!(verify(&url, &email, &code).await?, 401);
    Ok(())
}

async fn bad_sign_ins_are_400(url: Url) -> Result<()> {
    for body in [json!({}), json!({"email": 5}), json!({"email": "nobody"}), json!([])] {
        assert_eq!(post(&url, "/login", body.clone()).await?.status, 400, "{body}");
    }
    assert_eq!(post(&url, "/login/verify", json!({"email": email()})).await?.status, 400);
    assert_eq!(verify(&url, &email(), "123456").await?, 401, "no code was sent");
    Ok(())
}

async fn logging_out_ends_this_session_and_closes_its_sockets(url: Url) -> Result<()> {
    let email = email();
    let (here, there) = (Person::sign_in(&url, &email).await?, Person::sign_in(&url, &email).await?);
    let (mut socket, mut other) = (here.connect(Format::Json).await?, there.connect(Format::Cbor).await?);
    assert!((200..300).contains(&here.http("POST", "/logout", &[], None).await?.status));
    socket.closed().await?;
    assert_eq!(here.http("GET", "/me", &[], None).await?.status, 401);
    assert!(here.connect(Format::Json).await.is_err());
    assert_eq!(there.http("GET", "/me", &[], None).await?.status, 200);
    other.call(json!({"method": "get", "entityId": "note:x"})).await?;
    Ok(())
}

async fn logging_out_everywhere_ends_all_sessions(url: Url) -> Result<()> {
    let email = email();
    let (here, there) = (Person::sign_in(&url, &email).await?, Person::sign_in(&url, &email).await?);
    let (mut one, mut two) = (here.connect(Format::Json).await?, there.connect(Format::Cbor).await?);
    assert!((200..300).contains(&here.http("POST", "/logout/all", &[], None).await?.status));
    one.closed().await?;
    two.closed().await?;
    assert_eq!(there.http("GET", "/me", &[], None).await?.status, 401);
    Ok(())
}

async fn ending_another_session_closes_its_sockets_within_a_second(url: Url) -> Result<()> {
    let email = email();
    let (here, there) = (Person::sign_in(&url, &email).await?, Person::sign_in(&url, &email).await?);
    let (mut socket, mut other) = (here.connect(Format::Json).await?, there.connect(Format::Cbor).await?);
    let listed = here.http("GET", "/sessions", &[], None).await?;
    let sessions = listed.body["sessions"].as_array().context("a list")?;
    let (ours, theirs): (Vec<_>, Vec<_>) = sessions.iter().partition(|session| session["current"] == true);
    assert_eq!((ours.len(), theirs.len()), (1, 1), "{}", listed.body);
    let path = format!("/sessions/{}", theirs[0]["id"].as_str().context("an id")?);
    assert_eq!(here.http("DELETE", &path, &[], None).await?.status, 200);
    let closed = tokio::time::timeout(std::time::Duration::from_secs(1), other.closed()).await??;
    assert_eq!(closed, Some(4001));
    assert_eq!(there.http("GET", "/me", &[], None).await?.status, 401);
    assert_eq!(here.http("DELETE", &path, &[], None).await?.status, 404);
    socket.call(json!({"method": "get", "entityId": "note:x"})).await?;
    Ok(())
}

async fn the_person_is_an_entity_that_only_they_may_change(url: Url) -> Result<()> {
    let (ann, bob) = (Person::new(&url).await?, Person::new(&url).await?);
    let (mut ann_socket, mut bob_socket) = (ann.connect(Format::Json).await?, bob.connect(Format::Json).await?);
    let entity = format!("person:{}", ann.id);
    let read = ann_socket.call(json!({"method": "get", "entityId": entity})).await?;
    assert_eq!(status(&read), 200, "{read}");
    let done = patch(&mut ann_socket, &entity, json!({"name": "Ann"}), &valid_from(&read)).await?;
    assert_eq!(status(&done), 200, "{done}");
    assert_eq!(value(&mut ann_socket, &entity).await?["name"], json!("Ann"));
    let refused = patch(&mut bob_socket, &entity, json!({"name": "Bob"}), &valid_from(&read)).await?;
    let unread = bob_socket.call(json!({"method": "get", "entityId": entity})).await?;
    assert_eq!((status(&refused), status(&unread)), (404, 404));
    let made = bob_socket.call(json!({"method": "post", "entityId": "person:somebody", "value": {}})).await?;
    assert_eq!((status(&made), crate::socket::code(&made)), (403, "forbidden"), "{made}");
    Ok(())
}

async fn bearer_takes_the_place_of_the_cookie(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    let token = format!("Bearer {}", person.cookie.trim_start_matches("session="));
    let me = http(&url, "GET", "/me", None, &[("authorization", &token)], None).await?;
    assert_eq!((me.status, &me.body["personId"]), (200, &json!(person.id)));
    let bad = http(&url, "GET", "/me", None, &[("authorization", "Bearer nonsense")], None).await?;
    assert_eq!(bad.status, 401);
    Ok(())
}

async fn internal_types_are_nobodys(url: Url) -> Result<()> {
    let person = Person::new(&url).await?;
    let mut socket = person.connect(Format::Json).await?;
    for kind in ["tw-code", "tw-sessions", "tw-email"] {
        let made = socket.call(json!({"method": "post", "entityId": format!("{kind}:x"), "value": 1})).await?;
        assert!([403, 404].contains(&status(&made)), "{made}");
        let read = socket.call(json!({"method": "get", "entityId": format!("{kind}:{}", person.id)})).await?;
        assert_eq!(status(&read), 404, "{read}");
    }
    Ok(())
}
