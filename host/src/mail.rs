//! Where mails go: to an HTTP service that sends them. What is in them is a secret, so nothing of it is logged.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use serde::Serialize;

use crate::client::{self, Client};
use crate::gateway::full;

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// As the service takes it.
#[derive(Debug, Serialize)]
pub struct Mail {
    /// Address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// Sends mails, or says why not.
pub struct Mailer {
    client: Client,
    url: Option<String>,
}

impl Mailer {
    /// With no `url`, mails are lost.
    pub fn new(url: Option<&str>) -> Result<Mailer, String> {
        let url = url.map(client::base_url).transpose()?;
        Ok(Mailer { client: client::client(), url })
    }

    /// Codes can be asked for again, so a mail that fails is not kept.
    pub async fn send(&self, mail: Mail) {
        match &self.url {
            None => tracing::warn!("a mail was not sent: --mail-url is not set"),
            Some(url) => {
                if let Err(error) = self.post(url, &mail).await {
                    tracing::error!(error, "a mail was not sent");
                }
            }
        }
    }

    async fn post(&self, url: &str, mail: &Mail) -> Result<(), String> {
        let body = serde_json::to_vec(mail).map_err(|error| error.to_string())?;
        let mut request = Request::new(full(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.parse().map_err(|error| format!("{error}"))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = tokio::time::timeout(TIMEOUT, self.client.request(request));
        let answer = answer.await.map_err(|_| "no answer in time")?.map_err(|error| error.to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the mail service answered {status}")),
        }
    }
}
