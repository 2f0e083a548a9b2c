//! Reading bodies and writing answers, in JSON or CBOR.

use timeweft_core::codec::DecodeError;
use timeweft_core::message::{Code, Fields, Format, Response, encode_value_as};
use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::access::Denied;
use crate::config::Config;
use crate::document::Unfit;
use crate::event::{Effect, Header, HttpRequest, HttpResponse, header};

/// Why a request is not granted.
pub(crate) struct Refused(Box<Refusal>);

struct Refusal {
    response: Response,
    headers: Vec<Header>,
}

impl Refused {
    fn new(response: Response) -> Refused {
        Refused(Box::new(Refusal { response, headers: Vec::new() }))
    }
}

/// A refusal.
pub(crate) fn refuse(code: Code, message: impl Into<String>) -> Refused {
    Refused::new(Response::error(None, code, message))
}

impl Refused {
    pub(crate) fn with(mut self, header: Header) -> Refused {
        self.0.headers.push(header);
        self
    }

    /// Its status, and what was wrong.
    pub(crate) fn reason(&self) -> (u16, &str) {
        let message = self.0.response.error.as_ref().map_or("", |(_, message)| message);
        (self.0.response.status, message)
    }

    pub(crate) fn response(self, format: Format) -> HttpResponse {
        let mut response = of_response(self.0.response, format, Vec::new());
        for header in self.0.headers {
            response.headers.retain(|other| other.name != header.name);
            response.headers.push(header);
        }
        response
    }
}

impl From<Unfit> for Refused {
    fn from(Unfit(code, message): Unfit) -> Refused {
        refuse(code, message)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::new(Response::of_failure(None, failure))
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Refused {
        let seconds = if let Denied::Later(_, seconds) = &denied { Some(seconds.to_string()) } else { None };
        let refused = Refused::new(denied.response(None));
        match seconds {
            Some(seconds) => refused.with(Header::new("retry-after", seconds)),
            None => refused,
        }
    }
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Refused {
        let (code, message) = error.into();
        refuse(code, message)
    }
}

/// The media type of a body, in lower case, without parameters.
pub(crate) fn media_type(headers: &[Header]) -> Option<String> {
    let value = header(headers, "content-type")?.split(';').next()?;
    Some(value.trim().to_ascii_lowercase()).filter(|kind| !kind.is_empty())
}

/// What the body is written in; without a type it is JSON.
pub(crate) fn body_format(request: &HttpRequest) -> Result<Format, Refused> {
    match media_type(&request.headers) {
        None => Ok(Format::Json),
        Some(kind) => Format::of_media_type(&kind).ok_or_else(|| {
            refuse(Code::UnsupportedMediaType, format!("send `application/json` or `application/cbor`, not `{kind}`"))
        }),
    }
}

/// The fields of the body.
pub(crate) fn fields<'a>(request: &'a HttpRequest, config: &Config) -> Result<Fields<'a>, Refused> {
    let format = body_format(request)?;
    Ok(Fields::decode(&request.body, format, config.limits.body_bytes, &config.limits)?)
}

/// The entity tag of a version.
fn tag(version: Timestamp) -> String {
    format!("\"{version}\"")
}

/// A field that has to be there.
pub(crate) fn needed<T>(field: Option<T>, name: &str) -> Result<T, Refused> {
    field.ok_or_else(|| refuse(Code::BadRequest, format!("the field `{name}` is missing")))
}

/// A response of the protocol as one of HTTP: the status is in the line, the version in `ETag`.
pub(crate) fn of_response(response: Response, format: Format, effects: Vec<Effect>) -> HttpResponse {
    let (status, body) = response.encode_body(format);
    let mut headers = headers(format);
    if status == response.status
        && response.error.is_none()
        && let Some(meta) = &response.meta
    {
        headers.push(Header::new("etag", tag(meta.valid_from)));
    }
    match status {
        401 => headers.push(Header::new("www-authenticate", "Bearer")),
        429 | 503 => headers.push(Header::new("retry-after", "1")),
        _ => {}
    }
    let body = if status == 304 { Vec::new() } else { body };
    HttpResponse { status, headers, body, effects }
}

/// Any other answer.
pub(crate) fn of_value(status: u16, value: &Value, format: Format) -> HttpResponse {
    HttpResponse { status, headers: headers(format), body: encode_value_as(value, format), effects: Vec::new() }
}

fn headers(format: Format) -> Vec<Header> {
    vec![
        Header::new("content-type", format.media_type()),
        // What one person may see is no cache's to keep, and versions are asked for by their own headers.
        Header::new("cache-control", "no-store"),
        Header::new("x-content-type-options", "nosniff"),
    ]
}
