//! Sign-in through the routes that clients use.

use std::future::Future;
use std::pin::Pin;

use serde_json::{Value as Json, json};
use timeweft_store::memory::MemoryStore;

use super::{persons, sessions};
use crate::event::{Content, Effect, HttpRequest};
use crate::testing::{Answer, Person, Server, server, server_over, together};
use timeweft_grip::jwt;

const ANN: &str = "ann@example.org";

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn new(person: &str) -> sessions::New<'_> {
    sessions::New { email: Some(ANN), ..sessions::New::of(person, String::new()) }
}

fn me(server: &Server, cookie: &str) -> u16 {
    let person = Person { id: String::new(), cookie: cookie.to_owned() };
    server.ask(&person, "GET", "/me", &[], Json::Null).status()
}

#[test]
fn a_code_gives_a_session_and_the_same_email_the_same_person() {
    let server = server(&[]);
    let answer = server.verify(ANN, &server.code(" Ann@Example.org"));
    assert_eq!(answer.status(), 200);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("session=") && cookie.contains("; HttpOnly; SameSite=Lax") && cookie.contains("Path=/"));
    assert!(!cookie.contains("Secure"), "development mode speaks plain HTTP");
    let ann = Person {
        id: answer.json()["personId"].as_str().unwrap().into(),
        cookie: cookie.split(';').next().unwrap().into(),
    };
    let answer = server.ask(&ann, "GET", "/me", &[], Json::Null);
    assert_eq!((answer.status(), answer.json()), (200, json!({"personId": ann.id, "email": ANN})));
    assert_eq!(server.sign_in(ANN).id, ann.id);
    assert_ne!(server.sign_in("bob@example.org").id, ann.id);
}

#[test]
fn the_person_is_an_entity_made_on_first_sign_in() {
    let server = server(&[]);
    let answer = server.verify(ANN, &server.code(ANN));
    assert_eq!(answer.published().len(), 2, "one a format");
    let ann = server.sign_in(ANN);
    let answer = server.ask(&ann, "GET", &format!("/api/v1/entities/person:{}", ann.id), &[], Json::Null);
    assert_eq!((answer.status(), &answer.json()["value"]), (200, &json!({"email": ANN})));
    let bob = server.sign_in("bob@example.org");
    let answer = server.ask(&bob, "GET", &format!("/api/v1/entities/person:{}", ann.id), &[], Json::Null);
    assert_eq!(answer.status(), 404);
}

#[test]
fn outside_development_the_code_goes_by_mail_and_cookies_are_secure() {
    let server = server(&[("development", "false")]);
    let answer = server.anonymous("POST", "/login", json!({"email": ANN}));
    assert_eq!((answer.status(), answer.json()), (202, json!({})));
    let [Effect::Mail(mail)] = &answer.0.effects[..] else { panic!("{:?}", answer.0.effects) };
    assert_eq!(mail.to, ANN);
    let code: String = mail.text.chars().filter(char::is_ascii_digit).take(6).collect();
    let answer = server.verify(ANN, &code);
    assert_eq!(answer.status(), 200);
    assert!(answer.header("set-cookie").unwrap().ends_with("; Secure"));
}

#[test]
fn a_wrong_code_is_401_and_the_right_one_still_works_five_times_later() {
    let server = server(&[]);
    let code = server.code(ANN);
    for _ in 0..5 {
        let answer = server.verify(ANN, wrong(&code));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "unauthorized"));
    }
    assert_eq!(server.verify(ANN, &code).status(), 200);
}

#[test]
fn the_sixth_wrong_try_voids_the_code() {
    let server = server(&[]);
    let code = server.code(ANN);
    for _ in 0..6 {
        assert_eq!(server.verify(ANN, wrong(&code)).status(), 401);
    }
    assert_eq!(server.verify(ANN, &code).status(), 401);
    // The next code has its own tries.
    assert_eq!(server.verify(ANN, &server.code(ANN)).status(), 200);
}

#[test]
fn a_code_is_good_for_ten_minutes_and_once() {
    let server = server(&[]);
    let code = server.code(ANN);
    server.world.pass(599);
    assert_eq!(server.verify(ANN, &code).status(), 200);
    assert_eq!(server.verify(ANN, &code).status(), 401);
    let code = server.code(ANN);
    server.world.pass(600);
    assert_eq!(server.verify(ANN, &code).status(), 401);
}

#[test]
fn a_new_code_voids_the_one_before_and_nobody_elses() {
    let server = server(&[]);
    let (first, other) = (server.code(ANN), server.code("bob@example.org"));
    let second = server.code(ANN);
    assert!(first == second || server.verify(ANN, &first).status() == 401);
    assert_eq!(server.verify(ANN, &second).status(), 200);
    assert_eq!(server.verify("bob@example.org", &other).status(), 200);
    assert_eq!(server.verify("nobody@example.org", "123456").status(), 401);
}

#[test]
fn outside_development_the_sixth_code_in_ten_minutes_is_429() {
    let server = server(&[("development", "false")]);
    for _ in 0..5 {
        assert_eq!(server.anonymous("POST", "/login", json!({"email": ANN})).status(), 202);
    }
    let answer = server.anonymous("POST", "/login", json!({"email": ANN}));
    assert_eq!((answer.status(), answer.code().as_str()), (429, "slow-down"));
    assert_eq!(answer.header("retry-after"), Some("600"), "when the first of them is no longer counted");
    assert!(answer.0.effects.is_empty());
    server.world.pass(601);
    assert_eq!(server.anonymous("POST", "/login", json!({"email": ANN})).status(), 202);
}

#[test]
fn who_asks_for_anothers_codes_or_guesses_at_them_keeps_nobody_from_signing_in() {
    let server = server(&[("development", "false")]);
    let ask = |address: &str, target: &str, body: Json| {
        let nobody = Person { id: String::new(), cookie: String::new() };
        server.ask(&nobody, "POST", target, &[("x-forwarded-for", address)], body)
    };
    let code = |answer: &Answer| -> String {
        let [Effect::Mail(mail)] = &answer.0.effects[..] else { panic!("{:?}", answer.0.effects) };
        mail.text.chars().filter(char::is_ascii_digit).take(6).collect()
    };
    let anns = code(&ask("192.0.2.1", "/login", json!({"email": ANN})));
    // Another asks for as many of her codes as there are, and guesses at them and at hers.
    for n in 0..6 {
        let answer = ask("198.51.100.6", "/login", json!({"email": ANN}));
        assert_eq!(answer.status(), if n < 5 { 202 } else { 429 });
    }
    for address in ["198.51.100.6", "203.0.113.6"] {
        for _ in 0..30 {
            let guess = json!({"email": ANN, "code": wrong(&anns)});
            assert_eq!(ask(address, "/login/verify", guess).status(), 401);
        }
    }
    assert_eq!(ask("192.0.2.1", "/login", json!({"email": "bob@example.org"})).status(), 202);
    assert_eq!(ask("192.0.2.1", "/login/verify", json!({"email": ANN, "code": anns})).status(), 200);
    assert_eq!(ask("192.0.2.1", "/login", json!({"email": ANN})).status(), 202);
}

#[test]
fn a_code_can_be_typed_in_on_another_network_until_it_was_guessed_at_six_times_from_there() {
    let server = server(&[]);
    let verify = |address: &str, code: &str| {
        let nobody = Person { id: String::new(), cookie: String::new() };
        let body = json!({"email": ANN, "code": code});
        server.ask(&nobody, "POST", "/login/verify", &[("x-forwarded-for", address)], body).status()
    };
    assert_eq!(verify("192.0.2.9", &server.code(ANN)), 200);
    let code = server.code(ANN);
    for _ in 0..6 {
        assert_eq!(verify("192.0.2.9", wrong(&code)), 401);
    }
    assert_eq!(verify("192.0.2.8", &code), 401);
    assert_eq!(server.verify(ANN, &code).status(), 200, "where it was asked for it holds");
}

#[test]
fn bad_input_is_400() {
    let server = server(&[]);
    for body in [json!({}), json!({"email": 7}), json!({"email": "no address"}), json!([])] {
        assert_eq!(server.anonymous("POST", "/login", body.clone()).status(), 400, "{body}");
    }
    assert_eq!(server.anonymous("POST", "/login/verify", json!({"email": ANN})).status(), 400);
}

#[test]
fn without_a_session_or_with_a_tampered_one_it_is_401() {
    let server = server(&[]);
    let ann = server.sign_in(ANN);
    assert_eq!(me(&server, &ann.cookie), 200);
    assert_eq!(me(&server, ""), 401);
    assert_eq!(me(&server, "session="), 401);
    for at in ["session=".len(), ann.cookie.len() / 2, ann.cookie.len() - 2] {
        let mut bytes = ann.cookie.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        assert_eq!(me(&server, &String::from_utf8(bytes).unwrap()), 401, "at {at}");
    }
}

#[test]
fn a_session_ends_after_thirty_days() {
    let server = server(&[]);
    let ann = server.sign_in(ANN);
    server.world.pass(30 * 24 * 3_600 - 1);
    assert_eq!(me(&server, &ann.cookie), 200);
    server.world.pass(1);
    assert_eq!(me(&server, &ann.cookie), 401);
}

#[test]
fn logout_ends_this_session_and_closes_its_sockets() {
    let server = server(&[]);
    let (here, there) = (server.sign_in(ANN), server.sign_in(ANN));
    let socket = server.socket(&here, "c1");
    let answer = server.ask(&here, "POST", "/logout", &[], Json::Null);
    assert_eq!(answer.status(), 200);
    assert!(answer.header("set-cookie").unwrap().starts_with("session=; Path=/; Max-Age=0"));
    let [item] = answer.published()[..] else { panic!() };
    assert!(socket.channels.contains_key(&item.channel));
    assert_eq!(item.content, Content::Close(4001, "the session is over".into()));
    assert_eq!((me(&server, &here.cookie), me(&server, &there.cookie)), (401, 200));
    assert_eq!(server.ask(&here, "POST", "/logout", &[], Json::Null).status(), 401);
}

#[test]
fn logout_of_all_ends_every_session_of_the_person_only() {
    let server = server(&[]);
    let (here, there, bob) = (server.sign_in(ANN), server.sign_in(ANN), server.sign_in("bob@example.org"));
    let socket = server.socket(&there, "c1");
    let answer = server.ask(&here, "POST", "/logout/all", &[], Json::Null);
    assert!(answer.published().iter().any(|item| socket.channels.contains_key(&item.channel)));
    assert_eq!((me(&server, &here.cookie), me(&server, &there.cookie), me(&server, &bob.cookie)), (401, 401, 200));
}

#[test]
fn whoever_has_too_many_sessions_loses_the_oldest_with_its_sockets_at_once() {
    let server = server(&[]);
    let oldest = server.sign_in(ANN);
    let socket = server.socket(&oldest, "c1");
    for _ in 1..50 {
        server.world.pass(60);
        server.sign_in(ANN);
    }
    assert_eq!(me(&server, &oldest.cookie), 200);
    let answer = server.verify(ANN, &server.code(ANN));
    let closed = answer.published();
    assert!(closed.iter().any(|item| socket.channels.contains_key(&item.channel)), "{closed:?}");
    assert_eq!(me(&server, &oldest.cookie), 401);
}

#[test]
fn the_session_works_as_a_bearer_too() {
    let server = server(&[]);
    let ann = server.sign_in(ANN);
    let bearer = format!("Bearer {}", ann.cookie.strip_prefix("session=").unwrap());
    let ask = |bearer: &str| server.http("GET", "/me", &[("authorization", bearer)], "").status;
    assert_eq!(ask(&bearer), 200);
    assert_eq!(ask("Bearer nonsense"), 401);
    server.ask(&ann, "POST", "/logout", &[], Json::Null);
    assert_eq!(ask(&bearer), 401);
}

#[test]
fn a_token_of_the_configured_issuer_is_its_subject() {
    let key = "another key of at least 32 characters";
    let server = server(&[("jwt-issuer", "https://id.example"), ("jwt-key", key)]);
    let issue = |claims: Json, key: &str| format!("Bearer {}", jwt::issue(&claims, key.as_bytes()));
    let ask = |bearer: &str| server.http("GET", "/me", &[("authorization", bearer)], "");
    let good = issue(json!({"iss": "https://id.example", "sub": "user-1", "exp": 1.9e9, "email": ANN}), key);
    let answer: Json = serde_json::from_slice(&ask(&good).body).unwrap();
    assert_eq!(answer, json!({"personId": "user-1", "email": ANN}));
    // An address that the issuer does not vouch for is nobody's: invitations and admins go by it.
    for (verified, email) in [(json!(true), json!(ANN)), (json!(false), Json::Null), (json!("no"), Json::Null)] {
        let claims = json!({"iss": "https://id.example", "sub": "user-1", "exp": 1.9e9, "email": ANN, "email_verified": verified});
        let answer: Json = serde_json::from_slice(&ask(&issue(claims, key)).body).unwrap();
        assert_eq!(answer["email"], email, "{verified}");
    }
    for bad in [
        issue(json!({"iss": "https://evil.example", "sub": "user-1", "exp": 1.9e9}), key),
        issue(json!({"iss": "https://id.example", "sub": "user-1", "exp": 1.7e9}), key),
        issue(json!({"iss": "https://id.example", "exp": 1.9e9}), key),
        issue(json!({"iss": "https://id.example", "sub": "system", "exp": 1.9e9}), key),
        issue(json!({"iss": "https://id.example", "sub": "user-1", "exp": 1.9e9}), "a key of somebody else altogether"),
    ] {
        assert_eq!(ask(&bad).status, 401);
    }
    let odd = issue(json!({"iss": "https://id.example", "sub": "auth0|5f7c", "exp": 1.9e9}), key);
    let answer: Json = serde_json::from_slice(&ask(&odd).body).unwrap();
    assert!(answer["personId"].as_str().unwrap().starts_with("sub-"));
}

#[test]
fn a_token_for_another_audience_is_nobodys_where_one_is_set() {
    let key = "another key of at least 32 characters";
    let server = server(&[("jwt-issuer", "https://id.example"), ("jwt-key", key), ("jwt-audience", "notes")]);
    let ask = |aud: Json| {
        let claims = json!({"iss": "https://id.example", "sub": "user-1", "exp": 1.9e9, "aud": aud});
        let bearer = format!("Bearer {}", jwt::issue(&claims, key.as_bytes()));
        server.http("GET", "/me", &[("authorization", &bearer)], "").status
    };
    assert_eq!([ask(json!("notes")), ask(json!(["mail", "notes"]))], [200, 200]);
    assert_eq!([ask(json!("mail")), ask(json!([])), ask(Json::Null)], [401, 401, 401]);
}

/// Everybody verifies at once, over a store that lets the others run at each of its calls.
fn at_once(server: &Server, codes: &[&str]) -> Vec<u16> {
    let request = |code: &&str| HttpRequest {
        method: "POST".into(),
        target: "/login/verify".into(),
        headers: Vec::new(),
        body: json!({"email": ANN, "code": code}).to_string().into_bytes(),
    };
    let answers = codes.iter().map(|code| server.router.handle_request(request(code))).collect();
    together(answers).into_iter().map(|response| response.status).collect()
}

#[test]
fn guesses_at_once_are_all_counted() {
    let server = server_over(MemoryStore::new().yielding(), &[]);
    let code = server.code(ANN);
    let guesses = vec![wrong(&code); 12];
    assert_eq!(at_once(&server, &guesses), [401; 12]);
    assert_eq!(server.verify(ANN, &code).status(), 401, "twelve tries have voided it");
}

#[test]
fn a_code_that_comes_twice_at_once_signs_in_once() {
    let server = server_over(MemoryStore::new().yielding(), &[]);
    let code = server.code(ANN);
    let mut statuses = at_once(&server, &[&code, &code]);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[test]
fn of_many_first_sign_ins_at_once_one_makes_the_person() {
    let server = server_over(MemoryStore::new().yielding(), &[]);
    let asked = (0..10).map(|_| persons::of_email(&server.world, ANN, None)).collect();
    let persons: Vec<_> = together(asked).into_iter().map(|result| result.unwrap()).collect();
    assert!(persons.iter().all(|(person, _)| *person == persons[0].0));
    assert_eq!(persons.iter().filter(|(_, made)| made.is_some()).count(), 1);
}

#[test]
fn sessions_begun_and_ended_at_once_all_count() {
    let server = server_over(MemoryStore::new().yielding(), &[]);
    let ann = server.sign_in(ANN);
    let session = ann.cookie.split('.').nth(1).unwrap();
    let begun = async {
        let begun = sessions::begin(&server.world, new(&ann.id)).await.unwrap().token;
        sessions::find(&server.world, &begun.person, &begun.session).await.unwrap().is_some()
    };
    let ended = async {
        sessions::end(&server.world, &ann.id, Some(session)).await.unwrap();
        true
    };
    let both: Vec<Pin<Box<dyn Future<Output = bool>>>> = vec![Box::pin(begun), Box::pin(ended)];
    assert_eq!(together(both), [true, true]);
    assert_eq!(me(&server, &ann.cookie), 401);
}

#[test]
fn a_lost_close_is_made_good_by_resync_within_a_minute() {
    let server = server(&[]);
    let ann = server.sign_in(ANN);
    let socket = server.socket(&ann, "c1");
    let channel = socket.channels.keys().find(|name| name.starts_with("session:")).unwrap().clone();
    let held = || vec![crate::event::Held { channel: channel.clone(), id: None }];
    let minute = || -> usize {
        (0..6)
            .map(|_| {
                server.world.pass(10);
                crate::testing::now(server.router.resync(held())).len()
            })
            .sum()
    };
    assert_eq!(minute(), 0);
    server.ask(&ann, "POST", "/logout", &[], Json::Null);
    assert_eq!(minute(), 1);
}

#[test]
fn a_socket_that_is_opened_while_its_session_ends_is_closed_at_once() {
    for (target, all) in [("/connect", false), ("/connect", true), ("/ws/note/n", false), ("/ws/note/n", true)] {
        let server = server(&[]);
        let ann = server.sign_in(ANN);
        let socket = server.socket_at(target, &ann, "c1").0;
        server.world.pass(1);
        let answer = server.ask(&ann, "POST", if all { "/logout/all" } else { "/logout" }, &[], Json::Null);
        // Its gateway subscribes it only now, sees that it holds less than was published on that channel, and asks.
        let (channel, id) = socket.channels.iter().find(|(name, _)| name.starts_with("session:")).unwrap();
        assert!(answer.published().iter().any(|item| item.channel == *channel && Some(&item.id) > id.as_ref()));
        let held = crate::event::Held { channel: channel.clone(), id: id.clone() };
        let items = crate::testing::now(server.router.resync(vec![held]));
        assert!(matches!(&items[..], [item] if item.prev_id == *id), "{target} {items:?}");
    }
}

/// Whose sessions are listed, as `device` and `current`, and their ids.
fn listed(server: &Server, person: &Person) -> (Vec<(String, bool)>, Vec<String>) {
    let answer = server.ask(person, "GET", "/sessions", &[], Json::Null);
    assert_eq!(answer.status(), 200);
    let sessions = answer.json()["sessions"].as_array().unwrap().clone();
    let named =
        |session: &Json| (session["device"].as_str().unwrap().to_owned(), session["current"].as_bool().unwrap());
    let ids = sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned());
    (sessions.iter().map(named).collect(), ids.collect())
}

#[test]
fn a_person_sees_where_they_are_signed_in_and_ends_one_of_it() {
    let server = server(&[]);
    let laptop = server.sign_in(ANN);
    server.world.pass(10);
    let code = server.code(ANN);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let body = json!({"email": ANN, "code": code});
    let answer = server.ask(
        &Person { id: String::new(), cookie: String::new() },
        "POST",
        "/login/verify",
        &[("user-agent", agent)],
        body,
    );
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let phone = Person { id: laptop.id.clone(), cookie };
    let (names, ids) = listed(&server, &laptop);
    assert_eq!(names, [("Firefox on Linux".to_owned(), false), ("An unknown device".to_owned(), true)]);
    assert!(!phone.cookie.ends_with(&ids[0]) && me(&server, &format!("session={}", ids[0])) == 401, "it opens nothing");
    let all = server.ask(&laptop, "GET", "/sessions", &[], Json::Null).json();
    assert_eq!(all["sessions"][0]["begun"], "2027-01-15T08:00:10.000000Z");
    assert_eq!(all["sessions"][0]["expires"], "2027-02-14T08:00:10.000000Z");

    let answer = server.ask(&laptop, "DELETE", &format!("/sessions/{}", ids[0]), &[], Json::Null);
    assert_eq!((answer.status(), answer.json(), answer.header("set-cookie")), (200, json!({}), None));
    let [closing] = &answer.published()[..] else { panic!("one channel is closed") };
    assert_eq!(closing.channel, format!("session:{}.{}", laptop.id, ids[0]));
    assert!(matches!(closing.content, Content::Close(4001, _)));
    assert_eq!((me(&server, &phone.cookie), me(&server, &laptop.cookie)), (401, 200));
    for gone in [ids[0].as_str(), "nothing", "..", "a%2Fb"] {
        assert_eq!(
            server.ask(&laptop, "DELETE", &format!("/sessions/{gone}"), &[], Json::Null).status(),
            404,
            "{gone}"
        );
    }
    let answer = server.ask(&laptop, "DELETE", &format!("/sessions/{}", ids[1]), &[], Json::Null);
    assert!(answer.header("set-cookie").unwrap().starts_with("session=; "));
    assert_eq!(me(&server, &laptop.cookie), 401);
}

#[test]
fn nobody_sees_or_ends_the_sessions_of_others() {
    let server = server(&[]);
    let (ann, bob) = (server.sign_in(ANN), server.sign_in("bob@example.org"));
    let (_, ids) = listed(&server, &ann);
    assert_eq!(server.ask(&bob, "DELETE", &format!("/sessions/{}", ids[0]), &[], Json::Null).status(), 404);
    assert_eq!(listed(&server, &bob).1.len(), 1);
    for (method, target) in [("GET", "/sessions".to_owned()), ("DELETE", format!("/sessions/{}", ids[0]))] {
        assert_eq!(server.anonymous(method, &target, Json::Null).status(), 401);
        let foreign = &[("origin", "https://evil.example")];
        let status = server.ask(&ann, method, &target, foreign, Json::Null).status();
        assert_eq!(status, if method == "GET" { 200 } else { 403 });
    }
    assert_eq!(me(&server, &ann.cookie), 200);
}

#[test]
fn a_session_that_the_key_of_before_signed_stands_until_that_is_left_out() {
    const NEW: &str = "another key of at least 32 characters, for tests";
    let store = MemoryStore::new();
    let ann = server_over(store.clone(), &[]).sign_in(ANN);
    let status = |settings: &[(&str, &str)]| me(&server_over(store.clone(), settings), &ann.cookie);
    assert_eq!(status(&[("key", NEW), ("key-before", crate::testing::KEY)]), 200);
    assert_eq!(status(&[("key", NEW)]), 401);
    let rotated = server_over(store.clone(), &[("key", NEW), ("key-before", crate::testing::KEY)]);
    // What is signed now is signed with the new key.
    let again = rotated.sign_in(ANN);
    assert_eq!(me(&server_over(store.clone(), &[("key", NEW)]), &again.cookie), 200);
    let headers = [("host", "weft.example"), ("cookie", ann.cookie.as_str())];
    assert_eq!(rotated.open(&headers).status, 101);
    assert_eq!(server_over(store, &[("key", NEW)]).open(&headers).status, 401);
}
