//! The OpenID Connect issuer of `--oidc-issuer`, for the component (`timeweft:person/issuer`): four addresses and no others, which are
//! where it says what it is and, as it says there, where its keys are, where codes are exchanged and where it says who somebody is.
//!
//! What it says to everybody is kept: whoever asks says how old it may be. All is fetched anew before that age is reached, so
//! that calls hardly ever wait; and when it can't be, the old is good for an hour. Who has to wait does so in a thread of a call, hence
//! a few at once and not for long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::client::{self, SecureClient};
use crate::gateway::full;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer.
const LONGEST: usize = 256 << 10;
/// Calls that wait for the issuer at once. Fewer than the calls that may have begun and not compute, so that the rest goes on.
const WAITING: usize = 3;
/// All is fetched anew so often: before it is as old as callers take it.
const REFRESH: Duration = Duration::from_secs(240);
/// When the issuer has not answered, it is not asked again by calls for so long, and by us after so long.
const FAILED: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(15);
/// When the issuer does not answer, what it did before is good for so long.
const STALE: Duration = Duration::from_secs(3_600);

/// What is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) url: String,
    pub(crate) authorization: Option<String>,
    pub(crate) form: Option<String>,
    /// What it says to everybody may be no older.
    pub(crate) max_age: Duration,
}

impl Question {
    /// Whether everybody has the same answer.
    fn is_public(&self) -> bool {
        self.form.is_none() && self.authorization.is_none()
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

type Answered = Result<Answer, String>;

/// The issuer.
pub struct Issuer {
    discovery: String,
    /// Whether all it names has to be HTTPS, as it is itself.
    secure: bool,
    client: SecureClient,
    runtime: Handle,
    waiting: Semaphore,
    /// Of those who want what it says to everybody, one asks and the others have the same answer.
    asking: tokio::sync::Mutex<()>,
    kept: Mutex<HashMap<String, Kept>>,
}

/// What is known of an address.
#[derive(Default)]
struct Kept {
    good: Option<(Instant, Answer)>,
    failed: Option<(Instant, String)>,
}

impl Issuer {
    /// The issuer at this URL, which the router has found to be one. Within the runtime that its requests run on.
    pub fn new(url: &str) -> Result<Arc<Issuer>> {
        let client = url.parse().map_err(anyhow::Error::from).and_then(|url| Ok(client::for_url(&url)?));
        let client = client.context("--oidc-issuer")?;
        let url = url.trim_end_matches('/');
        Ok(Arc::new(Issuer {
            discovery: format!("{url}/.well-known/openid-configuration"),
            secure: url.starts_with("https://"),
            client,
            runtime: Handle::current(),
            waiting: Semaphore::new(WAITING),
            asking: tokio::sync::Mutex::default(),
            kept: Mutex::default(),
        }))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it answered to a GET of this address lately.
    pub(crate) fn known(&self, url: &str) -> Option<Vec<u8>> {
        let kept = self.kept();
        let (at, answer) = kept.get(url)?.good.as_ref()?;
        (at.elapsed() < STALE).then(|| answer.body.to_vec())
    }

    /// The answer, if it needs no waiting.
    pub(crate) fn at_once(&self, question: &Question) -> Option<Answered> {
        if !self.may_ask(question) {
            return Some(Err(format!("{} is not of the issuer", question.url)));
        }
        if !question.is_public() {
            return None;
        }
        let kept = self.kept();
        let Kept { good, failed } = kept.get(&question.url)?;
        let within =
            |age: Duration| good.as_ref().filter(|(at, _)| at.elapsed() <= age).map(|(_, answer)| answer.clone());
        if let Some(answer) = within(question.max_age) {
            return Some(Ok(answer));
        }
        let (_, why) = failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED)?;
        Some(within(STALE).ok_or_else(|| why.clone()))
    }

    /// Waits for the answer.
    pub(crate) fn wait(&self, question: &Question) -> Answered {
        let Ok(_place) = self.waiting.try_acquire() else {
            let old = self.old(question);
            return old.ok_or_else(|| "too many sign-ins at once; try again".to_owned());
        };
        self.runtime.block_on(async {
            if !question.is_public() {
                return self.ask(question).await;
            }
            let _asking = self.asking.lock().await;
            match self.at_once(question) {
                Some(answer) => answer,
                None => self.ask(question).await,
            }
        })
    }

    /// What it said to everybody before, where that is better than nothing.
    fn old(&self, question: &Question) -> Option<Answer> {
        let kept = self.kept();
        let (at, answer) = kept.get(&question.url)?.good.as_ref()?;
        (question.is_public() && at.elapsed() < STALE).then(|| answer.clone())
    }

    fn may_ask(&self, question: &Question) -> bool {
        let url = &question.url;
        let name = match question {
            Question { form: Some(_), .. } => "token_endpoint",
            Question { authorization: Some(_), .. } => "userinfo_endpoint",
            _ if *url == self.discovery => return true,
            _ => "jwks_uri",
        };
        self.named(name).as_ref() == Some(url)
    }

    /// An address that it names.
    fn named(&self, name: &str) -> Option<String> {
        let document: Json = serde_json::from_slice(&self.known(&self.discovery)?).ok()?;
        let url = document.get(name)?.as_str()?;
        (url.starts_with("https://") || !self.secure).then(|| url.to_owned())
    }

    async fn ask(&self, question: &Question) -> Answered {
        let url = &question.url;
        let answered = match tokio::time::timeout(TIMEOUT, self.request(question)).await {
            Ok(answered) => answered,
            Err(_) => Err("no answer in time".to_owned()),
        };
        let answered = answered.map_err(|error| format!("{url}: {error}"));
        if !question.is_public() {
            return answered.inspect_err(|error| tracing::warn!(error, "the issuer can't be asked"));
        }
        let answered = match answered {
            Ok(Answer { status, .. }) if status != 200 => Err(format!("{url} answered {status}")),
            answered => answered,
        };
        let mut kept = self.kept();
        let kept = kept.entry(url.clone()).or_default();
        let now = Instant::now();
        match answered {
            Ok(answer) => {
                *kept = Kept { good: Some((now, answer.clone())), failed: None };
                Ok(answer)
            }
            Err(why) => {
                tracing::warn!(error = why, "the issuer can't be asked");
                kept.failed = Some((now, why.clone()));
                let old = kept.good.as_ref().filter(|(at, _)| at.elapsed() < STALE);
                old.map(|(_, answer)| answer.clone()).ok_or(why)
            }
        }
    }

    async fn request(&self, question: &Question) -> Answered {
        let body = question.form.clone().unwrap_or_default();
        let mut request = Request::new(full(body));
        *request.uri_mut() = question.url.parse().map_err(|error| format!("not a URL: {error}"))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("timeweft"));
        if let Some(authorization) = &question.authorization {
            let mut value = HeaderValue::try_from(authorization).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if question.form.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            *request.method_mut() = Method::POST;
        }
        let response = self.client.request(request).await.map_err(|error| client::reason(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST).collect().await.map_err(|error| error.to_string())?;
        Ok(Answer { status, body: body.to_bytes() })
    }

    /// Fetches all anew, again and again.
    pub async fn keep(self: Arc<Issuer>) {
        loop {
            let pause = match self.fetch().await {
                Ok(()) => REFRESH,
                Err(_) => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn fetch(&self) -> Result<(), String> {
        let get = |url: String| Question { url, authorization: None, form: None, max_age: Duration::ZERO };
        self.ask(&get(self.discovery.clone())).await?;
        let keys = self.named("jwks_uri").ok_or("it names no keys")?;
        self.ask(&get(keys)).await?;
        Ok(())
    }
}
