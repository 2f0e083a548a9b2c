//! A request, read whole and bounded, in the form that the person takes.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use spin_sdk::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::outgoing::{Answer, failure};
use crate::wit::timeweft::person::handler;

pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<handler::Header>,
    pub(crate) body: Bytes,
}

impl Incoming {
    /// Reads the request to its end, or says why not.
    pub(crate) async fn read(request: Request, limit: usize) -> Result<Self, Answer> {
        let (parts, body) = request.into_parts();
        let mut headers = text_headers(&parts.headers);
        // wasi:http carries the host as the authority and hides the header, which is what `Origin` is compared with.
        if let Some(authority) = parts.uri.authority().filter(|_| !parts.headers.contains_key("host")) {
            headers.push(handler::Header { name: "host".into(), value: authority.to_string() });
        }
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let announced = parts.headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > limit as u64) {
            return Err(too_large(limit));
        }
        let body = match Limited::new(body, limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_large(limit)),
            Err(error) => return Err(failure(400, "bad-request", &format!("the body broke off: {error}"))),
        };
        Ok(Self { method: parts.method, target, headers, body })
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The first header of this name (in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }

    /// The media type, without its parameters.
    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }
}

impl From<Incoming> for handler::Request {
    fn from(incoming: Incoming) -> Self {
        Self {
            method: incoming.method.as_str().to_owned(),
            target: incoming.target,
            headers: incoming.headers,
            body: incoming.body.into(),
        }
    }
}

/// Names are lower case already. What is no UTF-8 is ISO-8859-1 (RFC 9110, 5.5): what came is never taken for something that did not.
fn text_headers(headers: &HeaderMap) -> Vec<handler::Header> {
    let text = |value: &[u8]| match str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|byte| char::from(*byte)).collect(),
    };
    let header = |(name, value): (&HeaderName, &HeaderValue)| handler::Header {
        name: name.as_str().to_owned(),
        value: text(value.as_bytes()),
    };
    headers.iter().map(header).collect()
}

fn too_large(limit: usize) -> Answer {
    failure(413, "too-large", &format!("a body of at most {limit} bytes is read"))
}
