//! Who asks: cookies and `Authorization` as they came, and tokens over any claims by the issuer that is trusted.

use serde_json::Value as Json;
use timeweft_core::id::is_local_id;
use timeweft_grip::jwt;
use timeweft_router::event::{Header, HttpRequest};

use crate::server::{ISSUER_KEY, Server, body};

pub(crate) fn callers(bytes: &[u8]) {
    let server = Server::new();
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|letter| !letter.is_ascii_control()).collect();
    for name in ["cookie", "authorization", "origin"] {
        me(&server, vec![Header::new(name, &text)]);
    }
    me(&server, vec![Header::new("cookie", &server.cookie), Header::new("cookie", format!("session={text}"))]);
    if let Ok(claims) = serde_json::from_slice::<Json>(bytes) {
        let token = jwt::issue(&claims, ISSUER_KEY.as_bytes());
        me(&server, vec![Header::new("authorization", format!("Bearer {token}"))]);
    }
}

/// Nobody, or a person who can be named; who then can ask for what is theirs.
fn me(server: &Server, mut headers: Vec<Header>) {
    headers.push(Header::new("host", "weft.example"));
    let request = |target: &str| HttpRequest {
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: headers.clone(),
        body: Vec::new(),
    };
    let response = server.request(request("/me"));
    if response.status == 200 {
        let person = &body(&response)["personId"];
        assert!(person.as_str().is_some_and(is_local_id), "{person}");
        server.request(request("/api/v1/entities?type=note"));
    }
}
