//! Performs what the person asks for: publishing to the gateway, and mail.
//!
//! Nothing here can fail a request. What was accepted is durable already; a publish that fails is made good by the
//! gateway's next resync, and a sign-in mail that fails is asked for again by the person waiting for it.

use spin_sdk::http::{FullBody, Request, StatusCode, send};
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;
use timeweft_grip::items::{self, Content, Item};

use crate::wit::timeweft::person::handler::{Effect, Mail};
use crate::{convert, settings};

/// A gateway that hangs must not hold up the answers for long. In nanoseconds.
const CONNECT_TIMEOUT: u64 = 2_000_000_000;
const ANSWER_TIMEOUT: u64 = 5_000_000_000;

/// Gateways take 1 MB by default; base64 and JSON's own marks are on top of the content counted here.
const BATCH_BYTES: usize = 600_000;

pub(crate) async fn execute(effects: Vec<Effect>) {
    let mut items = Vec::new();
    let mut mails = Vec::new();
    for effect in effects {
        match effect {
            Effect::Publish(item) => items.push(convert::item(item)),
            Effect::Mail(mail) => mails.push(mail),
        }
    }
    publish(items).await;
    for mail in &mails {
        deliver(mail).await;
    }
}

/// Items in their order, in as few requests as their sizes allow.
async fn publish(mut items: Vec<Item>) {
    if items.is_empty() {
        return;
    }
    let Some(url) = settings::get("publish_url") else {
        eprintln!("publish_url is not set: {} items not published", items.len());
        return;
    };
    while !items.is_empty() {
        let rest = items.split_off(batch_length(&items).min(items.len()));
        let batch = std::mem::replace(&mut items, rest);
        let count = batch.len();
        if let Err(error) = post(&url, items::encode(batch)).await {
            eprintln!("publish of {count} items to {url}: {error}");
        }
    }
}

/// How many items the next request takes: at least one.
fn batch_length(items: &[Item]) -> usize {
    let mut bytes = 0;
    let fitting = items.iter().take_while(|item| {
        bytes += match &item.content {
            Content::Text(content) | Content::Binary(content) => content.len(),
            Content::Close(_, reason) => reason.len(),
        };
        bytes <= BATCH_BYTES
    });
    fitting.count().max(1)
}

async fn deliver(mail: &Mail) {
    let Some(url) = settings::get("mail_url") else {
        eprintln!("mail_url is not set: a mail was not sent");
        return;
    };
    let body = serde_json::json!({"to": mail.to, "subject": mail.subject, "text": mail.text});
    if let Err(error) = post(&url, body.to_string().into_bytes()).await {
        eprintln!("mail by {url}: {error}");
    }
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum PostError {
    #[error("not a URL")]
    Url,
    #[error("{0:?}")]
    Http(ErrorCode),
    #[error("answered {0}")]
    Status(StatusCode),
}

async fn post(url: &str, body: Vec<u8>) -> Result<(), PostError> {
    let options = RequestOptions::new();
    // A host that can't time out refuses these; then its own limits apply.
    let _ = options.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let _ = options.set_first_byte_timeout(Some(ANSWER_TIMEOUT));
    let request = Request::post(url)
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .extension(RequestOptionsExtension(options))
        .body(FullBody::new(bytes::Bytes::from(body)))
        .map_err(|_| PostError::Url)?;
    let status = send(request).await.map_err(PostError::Http)?.status();
    if status.is_success() { Ok(()) } else { Err(PostError::Status(status)) }
}
