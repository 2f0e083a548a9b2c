//! Between the records of `timeweft:person/handler` and `timeweft_router::event`.

use timeweft_router::event as native;

use crate::wit::exports::timeweft::person::handler as wit;

fn header_in(header: wit::Header) -> native::Header {
    native::Header { name: header.name, value: header.value }
}

fn header_out(header: native::Header) -> wit::Header {
    wit::Header { name: header.name, value: header.value }
}

fn headers_in(headers: Vec<wit::Header>) -> Vec<native::Header> {
    headers.into_iter().map(header_in).collect()
}

fn headers_out(headers: Vec<native::Header>) -> Vec<wit::Header> {
    headers.into_iter().map(header_out).collect()
}

fn event(event: wit::Event) -> native::Event {
    match event {
        wit::Event::Open => native::Event::Open,
        wit::Event::Text(text) => native::Event::Text(text),
        wit::Event::Binary(bytes) => native::Event::Binary(bytes),
        wit::Event::Ping(bytes) => native::Event::Ping(bytes),
        wit::Event::Pong(bytes) => native::Event::Pong(bytes),
        wit::Event::Close(code) => native::Event::Close(code),
        wit::Event::Disconnect => native::Event::Disconnect,
    }
}

pub(crate) fn batch(batch: wit::Batch) -> native::Batch {
    native::Batch {
        connection_id: batch.connection_id,
        headers: headers_in(batch.headers),
        target: batch.target,
        events: batch.events.into_iter().map(event).collect(),
        at_once: batch.at_once,
    }
}

fn reply(reply: native::Reply) -> wit::Reply {
    match reply {
        native::Reply::Text(text) => wit::Reply::Text(text),
        native::Reply::Binary(bytes) => wit::Reply::Binary(bytes),
        native::Reply::Pong(bytes) => wit::Reply::Pong(bytes),
        native::Reply::Close(code, reason) => wit::Reply::Close((code, reason)),
        native::Reply::Subscribe { channel, id } => wit::Reply::Subscribe(wit::Subscription { channel, id }),
        native::Reply::Unsubscribe(channel) => wit::Reply::Unsubscribe(channel),
        native::Reply::SetMeta(header) => wit::Reply::SetMeta(header_out(header)),
    }
}

pub(crate) fn item(item: native::Item) -> wit::Item {
    wit::Item {
        channel: item.channel,
        id: item.id,
        prev_id: item.prev_id,
        content: match item.content {
            native::Content::Text(text) => wit::Content::Text(text),
            native::Content::Binary(bytes) => wit::Content::Binary(bytes),
            native::Content::Close(code, reason) => wit::Content::Close((code, reason)),
        },
        sender: item.sender,
    }
}

fn effect(effect: native::Effect) -> wit::Effect {
    match effect {
        native::Effect::Publish(published) => wit::Effect::Publish(item(published)),
        native::Effect::Mail(mail) => {
            let native::Mail { to, subject, text, code } = mail;
            wit::Effect::Mail(wit::Mail { to, subject, text, code })
        }
    }
}

fn effects(effects: Vec<native::Effect>) -> Vec<wit::Effect> {
    effects.into_iter().map(effect).collect()
}

pub(crate) fn outcome(outcome: native::BatchOutcome) -> wit::BatchOutcome {
    wit::BatchOutcome {
        status: outcome.status,
        headers: headers_out(outcome.headers),
        replies: outcome.replies.into_iter().map(reply).collect(),
        effects: effects(outcome.effects),
        body: outcome.body,
        left: outcome.left,
    }
}

pub(crate) fn request(request: wit::Request) -> native::HttpRequest {
    native::HttpRequest {
        method: request.method,
        target: request.target,
        headers: headers_in(request.headers),
        body: request.body,
    }
}

pub(crate) fn response(response: native::HttpResponse) -> wit::Response {
    wit::Response {
        status: response.status,
        headers: headers_out(response.headers),
        body: response.body,
        effects: effects(response.effects),
    }
}

pub(crate) fn held(held: wit::Held) -> native::Held {
    native::Held { channel: held.channel, id: held.id }
}
