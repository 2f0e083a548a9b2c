//! Between the gateway's messages and the generated ones.

use bytes::Bytes;

use super::bindings::handler as wit;
use crate::gateway::message::{Batch, Content, Event, Headers, Held, Item, Outcome, Reply};

pub(super) fn headers(headers: impl IntoIterator<Item = (String, String)>) -> Vec<wit::Header> {
    headers.into_iter().map(|(name, value)| wit::Header { name, value }).collect()
}

pub(super) fn headers_back(headers: Vec<wit::Header>) -> Headers {
    headers.into_iter().map(|header| (header.name, header.value)).collect()
}

impl From<Batch> for wit::Batch {
    fn from(batch: Batch) -> wit::Batch {
        let meta = batch.meta.into_iter().map(|(name, value)| (format!("meta-{name}"), value));
        wit::Batch {
            connection_id: batch.connection_id.to_string(),
            headers: headers(batch.headers.iter().cloned().chain(meta)),
            target: batch.target.to_string(),
            events: batch.events.into_iter().map(Into::into).collect(),
            at_once: false,
        }
    }
}

impl From<Event> for wit::Event {
    fn from(event: Event) -> wit::Event {
        match event {
            Event::Open => wit::Event::Open,
            Event::Text(text) => wit::Event::Text(text),
            Event::Binary(bytes) => wit::Event::Binary(bytes.into()),
            Event::Close(code) => wit::Event::Close(code),
            Event::Disconnect => wit::Event::Disconnect,
        }
    }
}

impl From<Held> for wit::Held {
    fn from(held: Held) -> wit::Held {
        wit::Held { channel: held.channel.to_string(), id: held.id.map(|id| id.to_string()) }
    }
}

impl From<wit::Item> for Item {
    fn from(item: wit::Item) -> Item {
        Item {
            channel: item.channel.into(),
            id: Some(item.id.into()),
            prev_id: item.prev_id.map(Into::into),
            content: match item.content {
                wit::Content::Text(text) => Content::Text(text.into()),
                wit::Content::Binary(bytes) => Content::Binary(bytes.into()),
                wit::Content::Close((code, reason)) => Content::Close(code, reason),
            },
            sender: item.sender,
        }
    }
}

impl From<wit::Reply> for Reply {
    fn from(reply: wit::Reply) -> Reply {
        match reply {
            wit::Reply::Text(text) => Reply::Send(Content::Text(text.into())),
            wit::Reply::Binary(bytes) => Reply::Send(Content::Binary(bytes.into())),
            wit::Reply::Pong(payload) => Reply::Pong(payload.into()),
            wit::Reply::Close((code, reason)) => Reply::Send(Content::Close(code, reason)),
            wit::Reply::Subscribe(wit::Subscription { channel, id }) => {
                Reply::Subscribe { channel: channel.into(), id: id.map(Into::into), skip_self: true }
            }
            wit::Reply::Unsubscribe(channel) => Reply::Unsubscribe(channel.into()),
            wit::Reply::SetMeta(header) => Reply::SetMeta(header.name, header.value),
        }
    }
}

/// The outcome and the mails to be sent.
pub(super) fn outcome(outcome: wit::BatchOutcome) -> (Outcome, Vec<wit::Mail>) {
    let (publish, mails) = effects(outcome.effects);
    let outcome = Outcome {
        status: outcome.status,
        headers: headers_back(outcome.headers),
        replies: outcome.replies.into_iter().map(Into::into).collect(),
        publish,
        body: Bytes::from(outcome.body),
        left: outcome.left,
    };
    (outcome, mails)
}

pub(super) fn effects(effects: Vec<wit::Effect>) -> (Vec<Item>, Vec<wit::Mail>) {
    let (mut publish, mut mails) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            wit::Effect::Publish(item) => publish.push(item.into()),
            wit::Effect::Mail(mail) => mails.push(mail),
        }
    }
    (publish, mails)
}
