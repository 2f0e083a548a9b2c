//! Requests to any address, one after the other to one server.

use timeweft_router::event::HttpRequest;

use crate::parts::several;
use crate::server::{Head, Server};

pub(crate) fn requests(bytes: &[u8]) {
    let server = Server::new();
    for request in several(bytes, 6) {
        let head = Head::read(request)
            .with(&[("host", "weft.example")], &["host"])
            .with(&[("cookie", &server.cookie)], &["cookie", "authorization"])
            .with(&[("content-type", "application/json")], &["content-type"]);
        let Head { first, headers, body } = head;
        let (method, target) = first.split_once(' ').unwrap_or(("GET", &first));
        let (method, target) = (method.to_ascii_uppercase(), target.replace(' ', "%20"));
        server.request(HttpRequest { method, target, headers, body: body.to_vec() });
    }
}
