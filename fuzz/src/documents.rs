//! Patches of JSON documents: a line with the document, then the patch, taken both as JSON Patch and as JSON Merge Patch.

use serde_json::Value as Json;

use crate::parts::lines;
use crate::server::{Server, body};

const PLACE: &str = "/api/v1/entities/note:document";

pub(crate) fn patches(bytes: &[u8]) {
    let [document, patch]: [&[u8]; 2] = lines(bytes);
    let server = Server::new();
    let made = [br#"{"id":"document","value":"#, document, b"}"].concat();
    let made = server.ask("POST", "/api/v1/entities/note", &[], made);
    let Json::String(since) = &body(&made)["meta"]["validFrom"] else { return };
    for kind in ["application/json-patch+json", "application/merge-patch+json"] {
        let headers = [("content-type", kind), ("if-unmodified-since", since.as_str())];
        let patched = server.ask("PATCH", PLACE, &headers, patch.to_vec());
        let read = server.ask("GET", PLACE, &[], Vec::new());
        assert_eq!(read.status, 200, "what is there stays: {}", patched.body.escape_ascii());
    }
    let history = server.ask("GET", &format!("{PLACE}/history"), &[], Vec::new());
    assert_eq!(history.status, 200, "{}", history.body.escape_ascii());
}
