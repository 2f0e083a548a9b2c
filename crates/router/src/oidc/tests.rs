//! Sign-in by an issuer, through the routes that clients use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use timeweft_grip::jwt;

use super::fake::{CLIENT, Fake, ISSUER};
use crate::event::{Header, HttpResponse};
use crate::testing::{Answer, Person, Server, server};

const START: u64 = 1_800_000_000;
const HOST: (&str, &str) = ("host", "weft.example");

fn issued() -> Server {
    with(&[])
}

fn with(more: &[(&str, &str)]) -> Server {
    server(&[&[("oidc-issuer", ISSUER), ("oidc-client-id", CLIENT)], more].concat())
}

fn claims(more: Json) -> Json {
    let mut claims = json!({"iss": ISSUER, "aud": CLIENT, "sub": "user-1", "exp": START + 3_600, "iat": START});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

fn me(server: &Server, bearer: &str) -> (u16, Json) {
    let answer = Answer(server.http("GET", "/me", &[("authorization", &format!("Bearer {bearer}"))], ""));
    (answer.status(), answer.json()["personId"].clone())
}

fn issuer(server: &Server) -> &Fake {
    &server.world.issuer
}

#[test]
fn a_token_of_the_issuer_shows_its_subject() {
    let server = issued();
    let token = issuer(&server).token(&claims(json!({})));
    assert_eq!(me(&server, &token), (200, json!("user-1")));
    for more in [json!({"aud": ["other", CLIENT]}), json!({"nbf": START - 10}), json!({"exp": START - 59})] {
        assert_eq!(me(&server, &issuer(&server).token(&claims(more.clone()))).0, 200, "{more}");
    }
    let access =
        issuer(&server).token_with(&json!({"alg": "ES256", "kid": "key-1", "typ": "at+JWT"}), &claims(json!({})));
    assert_eq!(me(&server, &access).0, 200);
}

#[test]
fn a_subject_that_could_be_somebody_who_signs_in_here_is_not_them() {
    let server = issued();
    let ann = server.sign_in("ann@example.org");
    for subject in [ann.id.as_str(), "system", "sub-abc", "auth0|5f7c", "ann@example.org"] {
        let (status, person) = me(&server, &issuer(&server).token(&claims(json!({ "sub": subject }))));
        assert_eq!(status, 200);
        assert!(person.as_str().unwrap().starts_with("sub-") && person != subject, "{subject}: {person}");
    }
}

#[test]
fn what_is_not_for_us_now_by_this_issuer_is_401() {
    let server = issued();
    for more in [
        json!({"iss": "https://other.example"}),
        json!({"iss": "https://id.example/"}),
        json!({"aud": "other"}),
        json!({"aud": ["other"]}),
        json!({"aud": null}),
        json!({"exp": START - 61}),
        json!({"exp": null}),
        json!({"nbf": START + 61}),
        json!({"nbf": "soon"}),
        json!({"sub": ""}),
        json!({"sub": 7}),
    ] {
        assert_eq!(me(&server, &issuer(&server).token(&claims(more.clone()))).0, 401, "{more}");
    }
}

#[test]
fn a_token_cannot_choose_how_it_is_checked() {
    let server = issued();
    let fake = issuer(&server);
    for head in [
        json!({"alg": "none", "kid": "key-1"}),
        json!({"alg": "HS256", "kid": "key-1"}),
        json!({"alg": "RS256", "kid": "key-1"}),
        json!({"alg": "EdDSA", "kid": "key-1"}),
        json!({"alg": "es256", "kid": "key-1"}),
        json!({"kid": "key-1"}),
        json!({"alg": "ES256", "kid": "key-1", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "key-1", "b64": true}),
        json!({"alg": "ES256", "kid": 1}),
        json!({"alg": "ES256", "kid": "key-1", "typ": "logout+jwt"}),
        json!({"alg": "ES256", "kid": "key-1", "typ": 1}),
    ] {
        assert_eq!(me(&server, &fake.token_with(&head, &claims(json!({})))).0, 401, "{head}");
    }
    // Without a name, the only key that fits is meant.
    assert_eq!(me(&server, &fake.token_with(&json!({"alg": "ES256"}), &claims(json!({})))).0, 200);
}

#[test]
fn a_public_key_is_no_shared_one() {
    let server = issued();
    let public = issuer(&server).public_key();
    let (x, whole) = (public["x"].as_str().unwrap(), public.to_string());
    for key in [x.as_bytes(), &URL_SAFE_NO_PAD.decode(x).unwrap(), whole.as_bytes(), b"secret"] {
        assert_eq!(me(&server, &jwt::issue(&claims(json!({})), key)).0, 401);
    }
    let token = issuer(&server).token(&claims(json!({})));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for bad in ["", "AA", &signature[1..], &"A".repeat(86)] {
        assert_eq!(me(&server, &format!("{signed}.{bad}")).0, 401, "{bad}");
    }
}

#[test]
fn a_new_key_is_fetched_and_unknown_ones_no_more_than_every_thirty_seconds() {
    let server = issued();
    let fake = issuer(&server);
    let old = fake.token(&claims(json!({})));
    assert_eq!((me(&server, &old).0, fake.asked_for_keys()), (200, 1));
    fake.key.set(2);
    let new = fake.token(&claims(json!({})));
    // Just fetched, so that it is not asked again yet.
    assert_eq!((me(&server, &new).0, fake.asked_for_keys()), (401, 1));
    server.world.pass(31);
    assert_eq!((me(&server, &new).0, fake.asked_for_keys()), (200, 2));
    for n in 0..50 {
        let unknown = fake.token_with(&json!({"alg": "ES256", "kid": format!("none-{n}")}), &claims(json!({})));
        assert_eq!(me(&server, &unknown).0, 401);
        server.world.pass(1);
    }
    assert_eq!(fake.asked_for_keys(), 3);
    assert_eq!(me(&server, &old).0, 401, "the issuer has taken the key back");
}

#[test]
fn who_is_not_of_the_issuer_costs_it_nothing() {
    let server = issued();
    for bearer in ["", "abc", "a.b.c", &jwt::issue(&json!({"iss": "https://other.example", "exp": 2e9}), b"key")] {
        assert_eq!(me(&server, bearer).0, 401);
    }
    assert!(issuer(&server).asked.borrow().is_empty());
}

#[test]
fn while_the_issuer_is_down_its_tokens_are_503_and_sessions_go_on() {
    let server = issued();
    let ann = server.sign_in("ann@example.org");
    issuer(&server).is_down.set(true);
    let token = issuer(&server).token(&claims(json!({})));
    assert_eq!(me(&server, &token).0, 503);
    assert_eq!(server.ask(&ann, "GET", "/me", &[], Json::Null).status(), 200);
    issuer(&server).is_down.set(false);
    assert_eq!(me(&server, &token).0, 200);
}

#[test]
fn an_issuer_that_says_it_is_another_or_names_plain_http_is_not_taken() {
    for metadata in [
        json!({"issuer": "https://other.example"}),
        json!({"issuer": null}),
        json!({"jwks_uri": "http://id.example/keys"}),
        json!({"jwks_uri": null}),
        json!({"token_endpoint": "ftp://id.example"}),
    ] {
        let server = with(&[("development", "false")]);
        *issuer(&server).metadata.borrow_mut() = metadata.clone();
        assert_eq!(me(&server, &issuer(&server).token(&claims(json!({})))).0, 503, "{metadata}");
    }
}

#[test]
fn a_token_makes_a_session_that_ends_with_it() {
    let server = issued();
    let begin = |bearer: &str| {
        Answer(server.http("POST", "/login/token", &[("authorization", &format!("Bearer {bearer}")), HOST], ""))
    };
    let answer = begin(&issuer(&server).token(&claims(json!({"exp": START + 100}))));
    assert_eq!((answer.status(), answer.json()), (200, json!({"personId": "user-1"})));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("Max-Age=100;"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let person = Person { id: "user-1".to_owned(), cookie: cookie.clone() };
    let status = || server.ask(&person, "GET", "/me", &[], Json::Null).status();
    assert_eq!(server.open(&[HOST, ("cookie", &cookie), ("sec-websocket-protocol", "timeweft.json")]).status, 101);
    server.world.pass(99);
    assert_eq!(status(), 200);
    // With a session's own token it could be made longer and longer.
    assert_eq!(begin(cookie.strip_prefix("session=").unwrap()).status(), 401);
    server.world.pass(1);
    assert_eq!(status(), 401);
    assert_eq!(begin("nothing").status(), 401);
    assert_eq!(begin(&issuer(&server).token(&claims(json!({"exp": START + 99})))).status(), 401);
    assert_eq!(server.anonymous("POST", "/login/token", Json::Null).status(), 401);
}

/// The parameters of an address.
fn parameter(location: &str, name: &str) -> String {
    let query = location.split_once('?').unwrap().1;
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    crate::target::unescape(found.unwrap_or_default()).unwrap()
}

fn header<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
    crate::event::header(&response.headers, name).unwrap_or_default()
}

/// A browser that was sent to the issuer: where to, and its cookie.
fn sent_away(server: &Server, target: &str) -> (String, String) {
    let response = server.http("GET", target, &[HOST], "");
    assert_eq!(response.status, 302, "{}", String::from_utf8_lossy(&response.body));
    let cookie = header(&response, "set-cookie");
    assert!(cookie.contains("; Path=/login/oidc; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
    (header(&response, "location").to_owned(), cookie.split(';').next().unwrap().to_owned())
}

/// The issuer has signed somebody in, for the browser that was sent there.
fn code_for(server: &Server, location: &str, more: Json) -> String {
    let mut claims = claims(json!({"nonce": parameter(location, "nonce")}));
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let code = format!("code{}", issuer(server).codes.borrow().len());
    issuer(server).codes.borrow_mut().insert(code.clone(), claims);
    code
}

fn callback(server: &Server, query: &str, cookie: &str, more: &[(&str, &str)]) -> HttpResponse {
    let headers = [&[HOST, ("cookie", cookie)], more].concat();
    server.http("GET", &format!("/login/oidc/callback?{query}"), &headers, "")
}

/// Signs in by the issuer; the answer to the callback.
fn sign_in(server: &Server, more: Json) -> HttpResponse {
    let (location, cookie) = sent_away(server, "/login/oidc?return=%2Fnotes%3Fa%3Db");
    let code = code_for(server, &location, more);
    callback(server, &format!("code={code}&state={}", parameter(&location, "state")), &cookie, &[])
}

fn person(server: &Server, response: &HttpResponse) -> (String, Json) {
    assert_eq!((response.status, header(response, "location")), (302, "/notes?a=b"));
    let cookie = header(response, "set-cookie").split(';').next().unwrap().to_owned();
    let answer = server.ask(&Person { id: String::new(), cookie }, "GET", "/me", &[], Json::Null);
    (answer.json()["personId"].as_str().unwrap().to_owned(), answer.json()["email"].clone())
}

#[test]
fn a_browser_is_sent_to_the_issuer_with_pkce_and_comes_back_signed_in() {
    let server = issued();
    let (location, _) = sent_away(&server, "/login/oidc");
    assert!(location.starts_with("https://id.example/auth?"), "{location}");
    assert_eq!(parameter(&location, "redirect_uri"), "http://weft.example/login/oidc/callback");
    assert_eq!(parameter(&location, "scope"), "openid email");
    assert_eq!(parameter(&location, "response_type"), "code");
    assert_eq!(parameter(&location, "code_challenge_method"), "S256");
    let (id, email) = person(&server, &sign_in(&server, json!({})));
    assert_eq!((id.as_str(), email), ("user-1", Json::Null));
    let exchange = issuer(&server).last_exchange();
    let form = exchange.form.unwrap();
    let verifier = form.split('&').find_map(|field| field.strip_prefix("code_verifier=")).unwrap();
    assert!(verifier.len() >= 43);
    assert!(form.contains("redirect_uri=http%3A%2F%2Fweft.example%2Flogin%2Foidc%2Fcallback"), "{form}");
    assert!(form.contains("client_id=weft") && exchange.authorization.is_none(), "a public client");
    let (location, cookie) = sent_away(&server, "/login/oidc");
    let code = code_for(&server, &location, json!({}));
    callback(&server, &format!("code={code}&state={}", parameter(&location, "state")), &cookie, &[]);
    let form = issuer(&server).last_exchange().form.unwrap();
    let verifier = form.split('&').find_map(|field| field.strip_prefix("code_verifier=")).unwrap();
    assert_eq!(parameter(&location, "code_challenge"), URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
}

#[test]
fn a_verified_email_is_the_person_of_that_email_and_an_unverified_one_is_not() {
    let server = with(&[("admins", "ann@example.org")]);
    let ann = server.sign_in("ann@example.org");
    let (id, email) = person(&server, &sign_in(&server, json!({"email": "Ann@Example.org", "email_verified": true})));
    assert_eq!((id, email), (ann.id, json!("ann@example.org")));
    for unverified in [json!({"email_verified": false}), json!({}), json!({"email_verified": "no"})] {
        let mut more = json!({"email": "ann@example.org"});
        more.as_object_mut().unwrap().extend(unverified.as_object().unwrap().clone());
        let (id, email) = person(&server, &sign_in(&server, more));
        assert_eq!((id.as_str(), email), ("user-1", Json::Null), "{unverified}");
    }
}

#[test]
fn an_email_that_is_not_in_the_token_is_asked_for() {
    let server = issued();
    let ann = server.sign_in("ann@example.org");
    let says = |sub: &str, verified: bool| json!({"sub": sub, "email": "ann@example.org", "email_verified": verified});
    for (userinfo, expected) in [
        (says("user-1", true), ann.id.as_str()),
        (says("user-1", false), "user-1"),
        (says("user-2", true), "user-1"),
        (json!(null), "user-1"),
    ] {
        *issuer(&server).userinfo.borrow_mut() = userinfo.clone();
        assert_eq!(person(&server, &sign_in(&server, json!({}))).0, expected, "{userinfo}");
    }
}

#[test]
fn a_secret_goes_into_the_header_or_where_the_issuer_wants_it() {
    let server = with(&[("oidc-client-secret", "a secret:")]);
    person(&server, &sign_in(&server, json!({})));
    let exchange = issuer(&server).last_exchange();
    assert_eq!(exchange.authorization.as_deref(), Some("Basic d2VmdDphJTIwc2VjcmV0JTNB"));
    assert!(!exchange.form.unwrap().contains("secret"));
    let server = with(&[("oidc-client-secret", "a secret:")]);
    *issuer(&server).metadata.borrow_mut() = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    person(&server, &sign_in(&server, json!({})));
    let exchange = issuer(&server).last_exchange();
    assert!(exchange.authorization.is_none() && exchange.form.unwrap().ends_with("&client_secret=a%20secret%3A"));
}

#[test]
fn a_callback_is_good_once_in_its_own_browser_and_for_ten_minutes() {
    let server = issued();
    let (location, cookie) = sent_away(&server, "/login/oidc");
    let state = parameter(&location, "state");
    let code = code_for(&server, &location, json!({}));
    let query = format!("code={code}&state={state}");
    let (_, other) = sent_away(&server, "/login/oidc");
    let forged = format!("{}={}", cookie.split_once('=').unwrap().0, other.split_once('=').unwrap().1);
    for foreign in ["", other.as_str(), &forged, "session=x"] {
        assert_eq!(callback(&server, &query, foreign, &[]).status, 400, "{foreign}");
    }
    for unknown in ["code=a", "code=a&state=", &format!("code={code}&state={}", "0".repeat(26))] {
        assert_eq!(callback(&server, unknown, &cookie, &[]).status, 400, "{unknown}");
    }
    let first = callback(&server, &query, &cookie, &[]);
    assert_eq!(first.status, 302);
    let cleared = first.headers.iter().filter(|header| header.name == "set-cookie").nth(1).unwrap();
    assert!(cleared.value.starts_with("oidc-") && cleared.value.contains("=; Path=/login/oidc; Max-Age=0;"));
    // Even with a code that the issuer would take.
    let again = code_for(&server, &location, json!({}));
    let asked = issuer(&server).asked.borrow().len();
    assert_eq!(callback(&server, &format!("code={again}&state={state}"), &cookie, &[]).status, 400);
    assert_eq!(issuer(&server).asked.borrow().len(), asked, "the issuer is not bothered with it");

    let (location, cookie) = sent_away(&server, "/login/oidc");
    let code = code_for(&server, &location, json!({}));
    server.world.pass(600);
    let late = callback(&server, &format!("code={code}&state={}", parameter(&location, "state")), &cookie, &[]);
    assert_eq!(late.status, 400);
}

#[test]
fn of_the_same_callback_twice_at_once_one_signs_in() {
    let server = crate::testing::server_over(
        timeweft_store::memory::MemoryStore::new().yielding(),
        &[("oidc-issuer", ISSUER), ("oidc-client-id", CLIENT)],
    );
    let (location, cookie) = sent_away(&server, "/login/oidc");
    let claims = claims(json!({"nonce": parameter(&location, "nonce")}));
    let request = |code: &str| {
        issuer(&server).codes.borrow_mut().insert(code.to_owned(), claims.clone());
        crate::event::HttpRequest {
            method: "GET".to_owned(),
            target: format!("/login/oidc/callback?code={code}&state={}", parameter(&location, "state")),
            headers: vec![Header::new(HOST.0, HOST.1), Header::new("cookie", &cookie)],
            body: Vec::new(),
        }
    };
    let requests = ["a", "b", "c"].map(request).map(|request| server.router.handle_request(request));
    let mut statuses: Vec<u16> =
        crate::testing::together(requests.into_iter().collect()).iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [302, 400, 400]);
}

#[test]
fn a_token_for_another_sign_in_is_refused() {
    let server = issued();
    for (more, status) in [
        (json!({"nonce": "another"}), 401),
        (json!({"nonce": null}), 401),
        (json!({"aud": "other"}), 401),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), 401),
        (json!({"iss": "https://other.example"}), 401),
        (json!({"exp": START - 61}), 401),
        (json!({"aud": [CLIENT, "other"], "azp": CLIENT}), 302),
    ] {
        assert_eq!(sign_in(&server, more.clone()).status, status, "{more}");
    }
}

#[test]
fn what_the_issuer_refuses_is_said_in_words_and_as_a_page_to_browsers() {
    let server = issued();
    let (location, cookie) = sent_away(&server, "/login/oidc");
    let query = format!("error=access_denied%3Cb%3E&state={}", parameter(&location, "state"));
    let response = callback(&server, &query, &cookie, &[("accept", "text/html,*/*;q=0.8")]);
    let body = String::from_utf8(response.body.clone()).unwrap();
    assert_eq!((response.status, header(&response, "content-type")), (401, "text/html; charset=utf-8"));
    assert!(body.contains("access_denied&lt;b&gt;") && !body.contains("<b>"), "{body}");
    let (location, cookie) = sent_away(&server, "/login/oidc");
    let query = format!("code=unknown&state={}", parameter(&location, "state"));
    let answer = Answer(callback(&server, &query, &cookie, &[]));
    assert_eq!((answer.status(), answer.code().as_str()), (401, "unauthorized"));
    let (location, cookie) = sent_away(&server, "/login/oidc");
    let query = format!("code=a&iss=https%3A%2F%2Fother.example&state={}", parameter(&location, "state"));
    assert_eq!(callback(&server, &query, &cookie, &[]).status, 401);
}

#[test]
fn a_browser_is_sent_back_to_our_own_pages_only() {
    let server = issued();
    for away in
        ["%2F%2Fevil.example", "%2F%5Cevil.example", "https%3A%2F%2Fevil.example", "%2F%09%2Fevil.example", "notes"]
    {
        let response = server.http("GET", &format!("/login/oidc?return={away}"), &[HOST], "");
        assert_eq!(response.status, 400, "{away}");
    }
    let host = server.http("GET", "/login/oidc", &[("host", "weft.example/evil?")], "");
    assert_eq!((host.status, server.http("GET", "/login/oidc", &[], "").status), (400, 400));
}

#[test]
fn without_an_issuer_or_a_client_there_is_no_way_to_it() {
    let audience_only = server(&[("oidc-issuer", ISSUER), ("oidc-audience", "api")]);
    for server in [server(&[]), audience_only] {
        for target in ["/login/oidc", "/login/oidc/callback?state=a&code=b"] {
            assert_eq!(server.http("GET", target, &[HOST], "").status, 404);
        }
        assert_eq!(server.http("HEAD", "/login/oidc", &[HOST], "").status, 405);
    }
}
