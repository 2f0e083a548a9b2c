//! Calls of tRPC: a line of names, separated by commas, behind `?` for queries in the address; then their input.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::parts::{lines, several};
use crate::server::{Server, body};

pub(crate) fn calls(bytes: &[u8]) {
    let server = Server::new();
    for call in several(bytes, 6) {
        let [names, input] = lines(call);
        let (asked, names) = match names.strip_prefix(b"?") {
            Some(names) => (true, names),
            None => (false, names),
        };
        let names: String =
            String::from_utf8_lossy(names).chars().filter(|letter| !letter.is_ascii_control()).collect();
        let batch = if names.contains(',') { "batch=1&" } else { "" };
        let response = if asked {
            let input = percent_encode(input, NON_ALPHANUMERIC);
            server.ask("GET", &format!("/api/v1/{names}?{batch}input={input}"), &[], Vec::new())
        } else {
            server.ask("POST", &format!("/api/v1/{names}?{batch}"), &[], input.to_vec())
        };
        if let Some(answers) = body(&response).as_array() {
            assert!(answers.iter().all(|answer| answer.get("result").is_some() != answer.get("error").is_some()));
        }
    }
}
