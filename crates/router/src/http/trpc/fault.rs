//! Why a procedure could not be done, as tRPC's own servers say it unless told otherwise: a word, the number that JSON-RPC
//! has for it, and the HTTP status. Our own codes are finer; they come to the word of the same status.

use serde_json::{Value as Json, json};
use timeweft_core::operation::Failure;

use crate::access::Denied;
use crate::http::answer::Refused;

/// Status, word, number.
const WORDS: [(u16, &str, i32); 14] = [
    (400, "BAD_REQUEST", -32600),
    (401, "UNAUTHORIZED", -32001),
    (403, "FORBIDDEN", -32003),
    (404, "NOT_FOUND", -32004),
    (405, "METHOD_NOT_SUPPORTED", -32005),
    (409, "CONFLICT", -32009),
    (412, "PRECONDITION_FAILED", -32012),
    (413, "PAYLOAD_TOO_LARGE", -32013),
    (415, "UNSUPPORTED_MEDIA_TYPE", -32015),
    (422, "UNPROCESSABLE_CONTENT", -32022),
    (428, "PRECONDITION_REQUIRED", -32028),
    (429, "TOO_MANY_REQUESTS", -32029),
    (501, "NOT_IMPLEMENTED", -32603),
    (503, "SERVICE_UNAVAILABLE", -32603),
];

const INTERNAL: (u16, &str, i32) = (500, "INTERNAL_SERVER_ERROR", -32603);

/// One of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    kind: (u16, &'static str, i32),
    message: String,
    /// The methods that would have been right, when it was another.
    pub(super) allow: Option<&'static str>,
}

impl Fault {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Fault {
        let kind = WORDS.into_iter().find(|(known, ..)| *known == status).unwrap_or(INTERNAL);
        Fault { kind, message: message.into(), allow: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Fault {
        Fault::new(400, message)
    }

    /// A procedure is asked for by other methods.
    pub(super) fn wrong_method(name: &str, allow: &'static str) -> Fault {
        Fault { allow: Some(allow), ..Fault::new(405, format!("`{name}` takes {allow}")) }
    }

    pub(super) fn status(&self) -> u16 {
        self.kind.0
    }

    /// With the name that was called, if one was.
    pub(super) fn json(&self, path: Option<&str>) -> Json {
        let (status, word, number) = self.kind;
        let mut data = json!({ "code": word, "httpStatus": status });
        if let Some(path) = path {
            data["path"] = path.into();
        }
        json!({ "error": { "message": self.message, "code": number, "data": data } })
    }
}

impl From<&Refused> for Fault {
    fn from(refused: &Refused) -> Fault {
        let (status, message) = refused.reason();
        Fault::new(status, message)
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Fault {
        let response = denied.response(None);
        let message = response.error.map_or_else(String::new, |(_, message)| message);
        Fault::new(response.status, message)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Fault {
        Denied::Failed(failure).into()
    }
}
