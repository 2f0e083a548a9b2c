//! The backend that is an HTTP server: sockets by WebSocket-over-HTTP, requests passed on.
//!
//! The protocol is Pushpin's and Fastly Fanout's: each batch is a POST of `application/websocket-events` to the path that
//! the client opened, with `Connection-Id`, `Grip-Sig`, the client's own headers and `Meta-*`; the answer holds what
//! goes back, `c:` marking control messages once the answer to `OPEN` agreed to `grip`.

mod proxy;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use timeweft_grip::control::{self, Control};
use timeweft_grip::events::{self, Event as Frame, MEDIA_TYPE};
use timeweft_grip::{items, jwt};

use crate::client::{self, Client};
use crate::gateway::message::{Batch, Content, Event, Headers, Held, Item, Outcome, Reply};
use crate::gateway::{Answer, Asked, Backend, BackendError, full, is_hop_by_hop, text_headers};

/// An answer holds at most a value of 16 MiB and what is around it.
const ANSWER_BYTES: usize = 32 << 20;
/// How often a server that can't be reached is tried for one batch, the waits doubling from `RETRY`.
const TRIES: u32 = 6;
const RETRY: Duration = Duration::from_millis(100);
/// On the connection, once the upstream marked ordinary messages with this prefix.
const PREFIX_META: &str = "\0message-prefix";

/// Where and how.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// Without a slash at the end.
    pub url: String,
    /// Signs `Grip-Sig`; without it requests are not signed.
    pub grip_key: Option<String>,
    /// For one request.
    pub timeout: Duration,
}

/// An HTTP server behind the gateway.
pub struct Upstream {
    client: Client,
    options: UpstreamOptions,
}

impl Upstream {
    /// Nothing is sent yet.
    pub fn new(options: UpstreamOptions) -> Result<Upstream, String> {
        let url = client::base_url(&options.url)?;
        Ok(Upstream { client: client::client(), options: UpstreamOptions { url, ..options } })
    }

    fn sign(&self, headers: &mut HeaderMap) {
        let Some(key) = &self.options.grip_key else { return };
        if let Ok(token) = HeaderValue::try_from(jwt::signature("timeweft", key.as_bytes(), now())) {
            headers.insert(HeaderName::from_static("grip-sig"), token);
        }
    }

    /// One POST, repeated only while the server was not reached at all: a batch must not be handled twice.
    async fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> Result<(Response<()>, Bytes), BackendError> {
        let url = format!("{}{path}", self.options.url);
        let mut wait = RETRY;
        for last in (0..TRIES).map(|n| n + 1 == TRIES) {
            let mut request = Request::new(full(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = url.parse().map_err(|error| broken(format!("{url}: {error}")))?;
            *request.headers_mut() = headers.clone();
            let answer = async {
                let response = self.client.request(request).await?;
                let (parts, body) = response.into_parts();
                Ok((Response::from_parts(parts, ()), Limited::new(body, ANSWER_BYTES).collect().await))
            };
            let answer: Result<_, hyper_util::client::legacy::Error> =
                match tokio::time::timeout(self.options.timeout, answer).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(broken(format!("{url} took too long"))),
                };
            match answer {
                Ok((head, Ok(body))) => return Ok((head, body.to_bytes())),
                Ok((_, Err(error))) => return Err(broken(format!("{url}: the answer broke off: {error}"))),
                Err(error) if error.is_connect() && last => {
                    return Err(BackendError::Unavailable(format!("{url} can't be reached: {error}")));
                }
                Err(error) if error.is_connect() => tokio::time::sleep(wait).await,
                Err(error) => return Err(broken(format!("{url}: {error}"))),
            }
            wait *= 2;
        }
        Err(BackendError::Unavailable(format!("{url} can't be reached")))
    }
}

fn broken(what: String) -> BackendError {
    BackendError::Broken(what)
}

impl Backend for Upstream {
    /// Only what is behind knows the key.
    fn person(&self, _: &HeaderMap) -> Option<Arc<str>> {
        None
    }

    async fn handle_events(&self, batch: Batch) -> Result<Outcome, BackendError> {
        let opening = batch.events.first() == Some(&Event::Open);
        let mut headers = batch_headers(&batch);
        self.sign(&mut headers);
        let (head, body) = self.post(&batch.target, headers, encode(&batch.events)).await?;
        let is_events = head.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == MEDIA_TYPE);
        if head.status() != StatusCode::OK || !is_events {
            if !opening {
                return Err(broken(format!("the upstream answered {} to a batch", head.status())));
            }
            // A redirect or a page instead of events is no socket either.
            let status = if head.status().is_success() { StatusCode::BAD_GATEWAY } else { head.status() };
            let headers = text_headers(head.headers());
            return Ok(Outcome { status: status.as_u16(), headers, body, ..Outcome::default() });
        }
        outcome(&batch, opening, head.headers(), body)
    }

    async fn handle_request(&self, request: Request<Incoming>, _: Asked) -> Answer {
        Answer { response: self.proxy(request).await, publish: Vec::new() }
    }

    async fn resync(&self, held: Vec<Held>) -> Result<Vec<Item>, BackendError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.sign(&mut headers);
        let (head, body) = self.post("/internal/resync", headers, items::encode_held(&held).into()).await?;
        if head.status() != StatusCode::OK {
            return Err(broken(format!("the upstream answered {} to a resync", head.status())));
        }
        items::decode(&body).map_err(|error| broken(error.to_string()))
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn encode(events: &[Event]) -> Bytes {
    let mut body = events::Writer::default();
    for event in events {
        match event {
            Event::Open => body.open(),
            Event::Text(text) => body.text(&[text.as_bytes()]),
            Event::Binary(bytes) => body.binary(&[bytes]),
            Event::Close(None) => body.close(),
            Event::Close(Some(code)) => body.close_with(*code, ""),
            Event::Disconnect => body.disconnect(),
        }
    }
    body.finish().into()
}

fn batch_headers(batch: &Batch) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    };
    for (name, value) in batch.headers.iter() {
        let ours = matches!(name.as_str(), "accept" | "content-length" | "content-type" | "sec-websocket-extensions");
        if !ours && !HeaderName::try_from(name).is_ok_and(|name| is_hop_by_hop(&name)) {
            add(name, value);
        }
    }
    add("accept", MEDIA_TYPE);
    add("content-type", MEDIA_TYPE);
    add("connection-id", &batch.connection_id);
    add("sec-websocket-extensions", "grip");
    for (name, value) in batch.meta.iter().filter(|(name, _)| name != PREFIX_META) {
        add(&format!("meta-{name}"), value);
    }
    headers
}

/// What the upstream's answer asks for.
fn outcome(batch: &Batch, opening: bool, headers: &HeaderMap, body: Bytes) -> Result<Outcome, BackendError> {
    let mut outcome = Outcome { status: if opening { 101 } else { 200 }, ..Outcome::default() };
    let mut prefix = batch.meta.iter().find(|(name, _)| name == PREFIX_META).map(|(_, prefix)| prefix.clone());
    if opening {
        prefix = message_prefix(headers);
        if let Some(prefix) = &prefix {
            outcome.replies.push(Reply::SetMeta(PREFIX_META.into(), prefix.clone()));
        }
        outcome.headers = opening_headers(headers);
    }
    for (name, value) in text_headers(headers) {
        if let Some(name) = name.strip_prefix("set-meta-") {
            outcome.replies.push(Reply::SetMeta(name.to_owned(), value));
        }
    }
    let frames = events::decode(body).map_err(|error| broken(error.to_string()))?;
    if opening && frames.first() != Some(&Frame::Open) {
        return Err(broken("the upstream's answer to OPEN does not begin with OPEN".into()));
    }
    for frame in frames {
        let content = match frame {
            Frame::Open => continue,
            Frame::Text(text) if prefix.is_some() && text.starts_with(control::PREFIX.as_bytes()) => {
                let said =
                    Control::decode(&text[control::PREFIX.len()..]).map_err(|error| broken(error.to_string()))?;
                outcome.replies.extend(reply(said));
                continue;
            }
            Frame::Text(text) => unprefixed(text, prefix.as_deref()).map(Content::Text),
            Frame::Binary(bytes) => unprefixed(bytes, prefix.as_deref()).map(Content::Binary),
            // Pings are between the client and us, and what is not known is passed over, as the protocol says.
            Frame::Ping(_) | Frame::Unknown(_) => continue,
            Frame::Pong(payload) => {
                outcome.replies.push(Reply::Pong(payload));
                continue;
            }
            Frame::Close(reason) => {
                let (code, reason) = reason.unwrap_or((1000, String::new()));
                Some(Content::Close(code, reason))
            }
            Frame::Disconnect => Some(Content::Close(1011, "the upstream let go".into())),
        };
        match content {
            Some(content) => outcome.replies.push(Reply::Send(content)),
            None => tracing::debug!(connection = %batch.connection_id, "dropped a message without the agreed prefix"),
        }
    }
    Ok(outcome)
}

fn reply(control: Control) -> Option<Reply> {
    Some(match control {
        Control::Subscribe { channel, id, skip_self } => {
            Reply::Subscribe { channel: channel.into(), id: id.map(Into::into), skip_self }
        }
        Control::Unsubscribe(channel) => Reply::Unsubscribe(channel.into()),
        Control::SetMeta { name, value } => Reply::SetMeta(name, value),
        Control::Other => return None,
    })
}

/// With `grip` agreed, messages are marked, so that what users write can't be taken for control messages.
fn unprefixed(message: Bytes, prefix: Option<&str>) -> Option<Bytes> {
    match prefix {
        None => Some(message),
        Some(prefix) => message.starts_with(prefix.as_bytes()).then(|| message.slice(prefix.len()..)),
    }
}

/// Of `Sec-WebSocket-Extensions: grip; message-prefix="m:"`; `None` when `grip` is not agreed to.
fn message_prefix(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    let mut extensions = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let grip = extensions.find(|extension| extension.split(';').next().is_some_and(|name| name.trim() == "grip"))?;
    let parameters = grip.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let prefix = parameters.filter(|(name, _)| name.trim() == "message-prefix").map(|(_, value)| value.trim());
    Some(prefix.last().map_or(control::MESSAGE_PREFIX, |value| value.trim_matches('"')).to_owned())
}

/// What of the answer to `OPEN` the client gets.
fn opening_headers(headers: &HeaderMap) -> Headers {
    let private = |name: &str| {
        matches!(name, "content-type" | "content-length" | "sec-websocket-extensions" | "keep-alive-interval" | "date")
            || name.starts_with("set-meta-")
    };
    text_headers(headers).into_iter().filter(|(name, _)| !private(name)).collect()
}

#[cfg(test)]
mod tests;
