//! The backend that is in this process.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response, StatusCode};
use timeweft_router::Credentials;

use super::bindings::handler as wit;
use super::{Call, CallError, Engine, Returned, convert};
use crate::gateway::message::{Batch, Event, Held, Item, Outcome};
use crate::gateway::{
    Answer, Asked, Backend, BackendError, Body, Hold, Principal, add_headers, asks_for_code, full, refuse, text_headers,
};
use crate::issuer::Issuer;
use crate::mail::{Mail, Mailer};

/// A client that takes longer than this to send its request's body is let go; who isn't signed in sooner.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);
const ANONYMOUS_TIMEOUT: Duration = Duration::from_secs(15);
/// Who isn't signed in sends no longer body.
const ANONYMOUS_BYTES: usize = 64 << 10;

/// The components in this process, and the mails they want sent.
pub struct EngineBackend {
    engine: Engine,
    mailer: Arc<Mailer>,
    credentials: Credentials,
    issuer: Option<Arc<Issuer>>,
    /// Larger bodies are refused before they reach the component.
    body_bytes: usize,
}

impl EngineBackend {
    /// All there is to it.
    pub fn new(
        engine: Engine,
        mailer: Mailer,
        credentials: Credentials,
        issuer: Option<Arc<Issuer>>,
        body_bytes: usize,
    ) -> EngineBackend {
        EngineBackend { engine, mailer: Arc::new(mailer), credentials, issuer, body_bytes }
    }

    fn send(&self, mails: Vec<wit::Mail>) {
        for wit::Mail { to, subject, text, code } in mails {
            let mailer = self.mailer.clone();
            tokio::spawn(async move { mailer.send(Mail { to, subject, text, code }).await });
        }
    }

    async fn request(&self, request: Request<Incoming>, asked: Asked) -> Result<Answer, Response<Body>> {
        if let Some(why) = self.mailer.sends_none()
            && asks_for_code(&request)
        {
            // Of everybody alike, so it says nothing of who asks.
            return Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why));
        }
        let (parts, body) = request.into_parts();
        let (limit, time) = match asked.principal {
            Principal::Person(_) => (self.body_bytes, BODY_TIMEOUT),
            _ => (self.body_bytes.min(ANONYMOUS_BYTES), ANONYMOUS_TIMEOUT),
        };
        // Until the call has ended.
        let mut hold = asked.hold();
        let body = match tokio::time::timeout(time, read_body(body, limit, &mut hold)).await {
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
        let returned = self.engine.call(&asked.principal, Call::Request(request)).await;
        let returned = returned.map_err(|error| backend_error(error).response())?;
        let Returned::Request(answer) = returned else { return Err(mismatch().response()) };
        let (publish, mails) = convert::effects(answer.effects);
        self.send(mails);
        let mut hold = asked.hold();
        // What was read can be asked for again; of what was done the answer is due.
        if matches!(parts.method, Method::GET | Method::HEAD) && !hold.try_set(answer.body.len()) {
            return Err(refuse(
                StatusCode::TOO_MANY_REQUESTS,
                "slow-down",
                "read the answers before this one; try again in 1 s",
            ));
        }
        let mut response = Response::new(full(hold.keep(answer.body)));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        add_headers(response.headers_mut(), convert::headers_back(answer.headers));
        Ok(Answer { response, publish })
    }
}

/// Status, code and message.
type Refusal = (StatusCode, &'static str, String);

/// Reads on a little past the limit, so that a client that sends slightly too much hears so instead of a broken pipe.
async fn read_body(mut body: Incoming, limit: usize, hold: &mut Hold) -> Result<Vec<u8>, Refusal> {
    let (mut bytes, mut seen) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| (StatusCode::BAD_REQUEST, "bad-request", format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            if !hold.try_set(seen) {
                return Err((
                    StatusCode::TOO_MANY_REQUESTS,
                    "slow-down",
                    "too much at once; try again in 1 s".to_owned(),
                ));
            }
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
            hold.set(0);
            if seen / 4 > limit {
                break;
            }
        }
    }
    match seen > limit {
        true => Err((StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("a body is at most {limit} bytes here"))),
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
    fn person(&self, headers: &HeaderMap) -> Option<Arc<str>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = text_headers(headers);
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let known = |url: &str| self.issuer.as_ref()?.known(url);
        self.credentials.person(headers, now, known).map(Into::into)
    }

    async fn handle_events(&self, batch: Batch) -> Result<Outcome, BackendError> {
        let opening = batch.events.first() == Some(&Event::Open);
        let returned = self
            .engine
            .call(&batch.principal.clone(), Call::Events(vec![batch.into()]))
            .await
            .map_err(backend_error)?;
        let Returned::Events(mut outcomes) = returned else { return Err(mismatch()) };
        let (Some(outcome), true) = (outcomes.pop(), outcomes.is_empty()) else { return Err(mismatch()) };
        let (outcome, mails) = convert::outcome(outcome);
        self.send(mails);
        if !opening && outcome.status >= 400 {
            return Err(BackendError::Broken(format!("the component answered {} to a batch", outcome.status)));
        }
        Ok(outcome)
    }

    async fn handle_request(&self, request: Request<Incoming>, asked: Asked) -> Answer {
        let answer = self.request(request, asked).await;
        answer.unwrap_or_else(|response| Answer { response, publish: Vec::new() })
    }

    async fn resync(&self, held: Vec<Held>) -> Result<Vec<Item>, BackendError> {
        let held = held.into_iter().map(Into::into).collect();
        match self.engine.call(&Principal::Gateway, Call::Resync(held)).await.map_err(backend_error)? {
            Returned::Resync(items) => Ok(items.into_iter().map(Into::into).collect()),
            _ => Err(mismatch()),
        }
    }
}
