//! What is behind the gateway: the components in this process, or an HTTP server that speaks WebSocket-over-HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use hyper::{Request, Response, StatusCode};

use super::message::{Batch, Held, Item, Outcome};
use super::principal::Principal;
use super::shares::{Hold, Shares, TooMany};

/// The body of an HTTP answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Why there is no outcome.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Try again later: not reached, too busy, the disk is full. Sockets close with 1013, requests are answered 503.
    #[error("{0}")]
    Unavailable(String),
    /// It broke on this very call. Sockets close with 1011, requests are answered 500.
    #[error("{0}")]
    Broken(String),
    /// It takes more than a call may have. Sockets close with 1011, requests are answered 413.
    #[error("{0}")]
    TooMuch(String),
}

const TOO_MUCH: &str =
    "this takes more time or memory than a request may use: change less at once, or keep less in one entity";

impl BackendError {
    /// Close code for a socket.
    pub(super) fn close_code(&self) -> u16 {
        match self {
            BackendError::Unavailable(_) => 1013,
            BackendError::Broken(_) | BackendError::TooMuch(_) => 1011,
        }
    }

    /// For people.
    pub(super) fn close_reason(&self) -> &'static str {
        match self {
            BackendError::Unavailable(_) => "try again later",
            BackendError::Broken(_) => "the server failed on this request",
            BackendError::TooMuch(_) => TOO_MUCH,
        }
    }

    /// The HTTP answer. What went wrong inside is in the log, not in the answer.
    pub(crate) fn response(&self) -> Response<Body> {
        match self {
            BackendError::Unavailable(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again later"),
            BackendError::Broken(_) => {
                refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed on this request")
            }
            BackendError::TooMuch(_) => refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-large", TOO_MUCH),
        }
    }
}

/// An HTTP answer and what to publish with it.
pub struct Answer {
    /// To the client.
    pub response: Response<Body>,
    /// To subscribers.
    pub publish: Vec<Item>,
}

/// Who asks, over HTTP.
pub struct Asked {
    /// Whose share of the server it is.
    pub principal: Principal,
    pub(super) shares: Arc<Shares>,
}

impl Asked {
    /// For what is held of the request, or of its answer.
    pub(crate) fn hold(&self) -> Hold {
        self.shares.hold(&self.principal)
    }
}

/// One of the two.
pub trait Backend: Send + Sync + 'static {
    /// The person whose valid credentials these headers carry, where that can be told without a call. What it is for is fairness:
    /// rights are decided by the call.
    fn person(&self, headers: &HeaderMap) -> Option<Arc<str>>;

    /// Handles what happened on one connection. The caller has one call in flight per connection.
    fn handle_events(&self, batch: Batch) -> impl Future<Output = Result<Outcome, BackendError>> + Send;

    /// Handles an HTTP request that is no upgrade; headers only a gateway may set are gone from it.
    fn handle_request(&self, request: Request<Incoming>, asked: Asked) -> impl Future<Output = Answer> + Send;

    /// The items that bring those who hold these versions to the current ones.
    fn resync(&self, held: Vec<Held>) -> impl Future<Output = Result<Vec<Item>, BackendError>> + Send;
}

/// A body that is all there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer to who has to wait.
pub(super) fn wait(too_many: &TooMany) -> Response<Body> {
    let mut response = refuse(StatusCode::TOO_MANY_REQUESTS, "slow-down", &too_many.to_string());
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(too_many.seconds));
    response
}

/// An answer with an error in the protocol's form.
pub(crate) fn refuse(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": { "code": code, "message": message } });
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
