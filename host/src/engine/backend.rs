//! The backend that is in this process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::bindings::handler as wit;
use super::{Call, CallError, Engine, Returned, convert};
use crate::gateway::message::{Batch, Event, Held, Item, Outcome};
use crate::gateway::{Answer, Backend, BackendError, Body, add_headers, full, refuse, text_headers};
use crate::mail::{Mail, Mailer};

/// A client that takes longer than this to send its request's body is let go.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The components in this process, and the mails they want sent.
pub struct EngineBackend {
    engine: Engine,
    mailer: Arc<Mailer>,
    /// Larger bodies are refused before they reach the component.
    body_bytes: usize,
}

impl EngineBackend {
    /// All there is to it.
    pub fn new(engine: Engine, mailer: Mailer, body_bytes: usize) -> EngineBackend {
        EngineBackend { engine, mailer: Arc::new(mailer), body_bytes }
    }

    fn send(&self, mails: Vec<wit::Mail>) {
        for wit::Mail { to, subject, text } in mails {
            let mailer = self.mailer.clone();
            tokio::spawn(async move { mailer.send(Mail { to, subject, text }).await });
        }
    }

    async fn request(&self, request: Request<Incoming>) -> Result<Answer, Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = match tokio::time::timeout(BODY_TIMEOUT, read_body(body, self.body_bytes)).await {
            Ok(Ok(body)) => body,
            Ok(Err((status, code, message))) => return Err(refuse(status, code, &message)),
            Err(_) => return Err(refuse(StatusCode::REQUEST_TIMEOUT, "bad-request", "the body did not come in time")),
        };
        let request = wit::Request {
            method: parts.method.as_str().to_owned(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            headers: convert::headers(text_headers(&parts.headers)),
            body,
        };
        let returned =
            self.engine.call(Call::Request(request)).await.map_err(|error| backend_error(error).response())?;
        let Returned::Request(answer) = returned else { return Err(mismatch().response()) };
        let (publish, mails) = convert::effects(answer.effects);
        self.send(mails);
        let mut response = Response::new(full(answer.body));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        add_headers(response.headers_mut(), convert::headers_back(answer.headers));
        Ok(Answer { response, publish })
    }
}

/// Status, code and message.
type Refusal = (StatusCode, &'static str, String);

/// Reads on a little past the limit, so that a client that sends slightly too much hears so instead of a broken pipe.
async fn read_body(mut body: Incoming, limit: usize) -> Result<Vec<u8>, Refusal> {
    let (mut bytes, mut seen) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| (StatusCode::BAD_REQUEST, "bad-request", format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
            if seen / 4 > limit {
                break;
            }
        }
    }
    match seen > limit {
        true => Err((StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("a request's body is at most {limit} bytes"))),
        false => Ok(bytes),
    }
}

fn backend_error(error: CallError) -> BackendError {
    match error {
        CallError::Trapped(_) => BackendError::Broken(error.to_string()),
        CallError::TooMuch(_) => BackendError::TooMuch(error.to_string()),
        CallError::Unavailable(_) => BackendError::Unavailable(error.to_string()),
    }
}

fn mismatch() -> BackendError {
    BackendError::Broken("the component returned something else than was asked for".into())
}

impl Backend for EngineBackend {
    async fn handle_events(&self, batch: Batch) -> Result<Outcome, BackendError> {
        let opening = batch.events.first() == Some(&Event::Open);
        let returned = self.engine.call(Call::Events(vec![batch.into()])).await.map_err(backend_error)?;
        let Returned::Events(mut outcomes) = returned else { return Err(mismatch()) };
        let (Some(outcome), true) = (outcomes.pop(), outcomes.is_empty()) else { return Err(mismatch()) };
        let (outcome, mails) = convert::outcome(outcome);
        self.send(mails);
        if !opening && outcome.status >= 400 {
            return Err(BackendError::Broken(format!("the component answered {} to a batch", outcome.status)));
        }
        Ok(outcome)
    }

    async fn handle_request(&self, request: Request<Incoming>, _: IpAddr) -> Answer {
        let answer = self.request(request).await;
        answer.unwrap_or_else(|response| Answer { response, publish: Vec::new() })
    }

    async fn resync(&self, held: Vec<Held>) -> Result<Vec<Item>, BackendError> {
        let held = held.into_iter().map(Into::into).collect();
        match self.engine.call(Call::Resync(held)).await.map_err(backend_error)? {
            Returned::Resync(items) => Ok(items.into_iter().map(Into::into).collect()),
            _ => Err(mismatch()),
        }
    }
}
