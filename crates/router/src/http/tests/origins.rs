//! Pages of other origins.

use super::*;

#[test]
fn pages_of_foreign_origins_change_nothing_with_the_cookie() {
    let ann = ann();
    let post = |origin: &str| ann.ask("POST", NOTES, &[("origin", origin)], json!({"value": 1})).status();
    assert_eq!((post("https://evil.example"), post("null"), post("https://weft.example")), (403, 403, 201));
    assert_eq!(ann.ask("POST", "/logout", &[("origin", "https://evil.example")], Json::Null).status(), 403);
    assert_eq!(ann.ask("GET", "/me", &[("origin", "https://evil.example")], Json::Null).status(), 200);
    // Who brings the right along isn't riding on a cookie.
    let bearer = format!("Bearer {}", ann.person.cookie.strip_prefix("session=").unwrap());
    let headers = [("authorization", bearer.as_str()), ("origin", "https://other.example")];
    assert_eq!(ann.server.http("POST", NOTES, &headers, r#"{"value":1}"#).status, 201);
}

#[test]
fn pages_of_listed_origins_may_ask_and_see() {
    let server = server(&[("origins", "https://app.example")]);
    let asked = |method: &str, origin: &str, more: &[(&str, &str)]| {
        let headers = [&[("origin", origin), ("host", "weft.example")], more].concat();
        Answer(server.http(method, "/me", &headers, ""))
    };
    let preflight = [("access-control-request-method", "GET"), ("access-control-request-headers", "if-match")];
    let leave = asked("OPTIONS", "https://app.example", &preflight);
    assert_eq!((leave.status(), leave.header("access-control-allow-credentials")), (204, Some("true")));
    let names = |answer: &Answer, header: &str| answer.header(header).unwrap().split(", ").map(str::to_owned).collect();
    let (methods, headers): (Vec<_>, Vec<_>) =
        (names(&leave, "access-control-allow-methods"), names(&leave, "access-control-allow-headers"));
    assert!(["PUT", "PATCH", "DELETE"].iter().all(|method| methods.contains(&method.to_string())), "{methods:?}");
    let conditions = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
    assert!(conditions.iter().all(|name| headers.contains(&name.to_string())), "{headers:?}");
    let seen = asked("GET", "https://App.example", &[]);
    assert_eq!((seen.status(), seen.header("access-control-allow-origin")), (401, Some("https://App.example")));
    assert!(seen.header("access-control-expose-headers").unwrap().contains("etag"));
    for (origin, status) in [("https://evil.example", 204), ("https://weft.example", 204), ("null", 204)] {
        let answer = asked("OPTIONS", origin, &preflight);
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (status, None), "{origin}");
    }
    for origin in ["https://app.example", "https://evil.example"] {
        assert_eq!(asked("GET", origin, &[]).header("vary"), Some("accept, origin"), "{origin}");
    }
}

#[test]
fn without_listed_origins_there_is_no_cors() {
    let ann = ann();
    let answer = ann.ask("GET", "/me", &[("origin", "https://weft.example")], Json::Null);
    assert_eq!((answer.status(), answer.header("vary")), (200, Some("accept")));
    assert!(answer.0.headers.iter().all(|header| !header.name.starts_with("access-control-")));
}
