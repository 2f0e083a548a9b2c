//! Between the records of `timeweft:person/handler` and the protocol of gateways.

use timeweft_grip::control::{self, Control};
use timeweft_grip::events::{self, Event as Said, Writer};
use timeweft_grip::items::{self, Content};

use crate::wit::timeweft::person::handler::{self, Event, Header, Held, Item, Reply, Subscription};

/// The connection meta that `skip-self` compares an item's sender with. Gateways that keep this meta apart from what
/// `Set-Meta-*` sets are told by a control message too.
const USER_META: &str = "user";

#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub(crate) enum EventsError {
    #[error(transparent)]
    Body(#[from] events::EventsError),
    #[error("socket events: the type {0:?}, expected OPEN, TEXT, BINARY, PING, PONG, CLOSE or DISCONNECT")]
    Type(String),
    #[error("socket events: a TEXT that isn't UTF-8")]
    Text,
}

/// The events of a request's body.
pub(crate) fn events(body: bytes::Bytes) -> Result<Vec<Event>, EventsError> {
    events::decode(body)?.into_iter().map(event).collect()
}

fn event(said: Said) -> Result<Event, EventsError> {
    Ok(match said {
        Said::Open => Event::Open,
        Said::Text(text) => Event::Text(String::from_utf8(text.into()).map_err(|_| EventsError::Text)?),
        Said::Binary(bytes) => Event::Binary(bytes.into()),
        Said::Ping(payload) => Event::Ping(payload.into()),
        Said::Pong(payload) => Event::Pong(payload.into()),
        Said::Close(closed) => Event::Close(closed.map(|(code, _)| code)),
        Said::Disconnect => Event::Disconnect,
        Said::Unknown(kind) => return Err(EventsError::Type(kind)),
    })
}

/// The body that answers a request; one that opened a connection is answered by `OPEN` first.
pub(crate) fn answer(replies: &[Reply], opening: bool) -> Vec<u8> {
    let mut body = Writer::default();
    if opening {
        body.open();
    }
    for reply in replies {
        match reply {
            Reply::Text(text) => body.text(&[control::MESSAGE_PREFIX.as_bytes(), text.as_bytes()]),
            Reply::Binary(bytes) => body.binary(&[control::MESSAGE_PREFIX.as_bytes(), bytes]),
            Reply::Pong(payload) => body.pong(payload),
            Reply::Close((code, reason)) => body.close_with(*code, reason),
            Reply::Subscribe(Subscription { channel, id }) => {
                tell(&mut body, Control::Subscribe { channel: channel.clone(), id: id.clone(), skip_self: true });
            }
            Reply::Unsubscribe(channel) => tell(&mut body, Control::Unsubscribe(channel.clone())),
            // The rest of it is a header of the answer.
            Reply::SetMeta(Header { name, value }) if name == USER_META => {
                tell(&mut body, Control::SetMeta { name: name.clone(), value: value.clone() });
            }
            Reply::SetMeta(_) => {}
        }
    }
    body.finish()
}

fn tell(body: &mut Writer, control: Control) {
    if let Some(message) = control.encode() {
        body.text(&[control::PREFIX.as_bytes(), &message]);
    }
}

pub(crate) fn item(item: Item) -> items::Item {
    items::Item {
        channel: item.channel.into(),
        id: Some(item.id.into()),
        prev_id: item.prev_id.map(Into::into),
        content: match item.content {
            handler::Content::Text(text) => Content::Text(text.into()),
            handler::Content::Binary(bytes) => Content::Binary(bytes.into()),
            handler::Content::Close((code, reason)) => Content::Close(code, reason),
        },
        sender: item.sender,
    }
}

pub(crate) fn held(held: items::Held) -> Held {
    Held { channel: held.channel.to_string(), id: held.id.map(|id| id.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).expect("only text in this test")
    }

    #[test]
    fn what_the_person_has_no_event_for_is_refused() {
        assert_eq!(events("open\r\n".into()), Err(EventsError::Type("open".into())));
        assert_eq!(events(bytes::Bytes::from_static(b"TEXT 1\r\n\xff\r\n")), Err(EventsError::Text));
        assert_eq!(events("CLOSE 5\r\n\u{3}\u{69}bye\r\n".into()), Ok(vec![Event::Close(Some(0x369))]));
    }

    #[test]
    fn an_opened_connection_is_answered_by_open_first() {
        assert_eq!(text(answer(&[], true)), "OPEN\r\n");
        assert_eq!(text(answer(&[], false)), "");
    }

    #[test]
    fn messages_go_out_with_the_prefix_also_those_that_look_like_control_messages() {
        assert_eq!(text(answer(&[Reply::Text("hé".into())], false)), "TEXT 5\r\nm:hé\r\n");
        assert_eq!(text(answer(&[Reply::Text("c:{}".into())], false)), "TEXT 6\r\nm:c:{}\r\n");
    }

    #[test]
    fn a_subscription_is_a_control_message_and_names_the_version_held() {
        let subscribe = Reply::Subscribe(Subscription { channel: "json:note:a".into(), id: Some("7".into()) });
        let content = r#"c:{"type":"subscribe","channel":"json:note:a","filters":["skip-self"],"id":"7"}"#;
        assert_eq!(text(answer(&[subscribe], false)), format!("TEXT {:x}\r\n{content}\r\n", content.len()));
    }

    #[test]
    fn only_the_user_meta_is_a_control_message_too() {
        let of = |name: &str| Reply::SetMeta(Header { name: name.into(), value: "c1".into() });
        assert_eq!(text(answer(&[of("session")], false)), "");
        let content = r#"c:{"type":"set-meta","name":"user","value":"c1"}"#;
        assert_eq!(text(answer(&[of("user")], false)), format!("TEXT {:x}\r\n{content}\r\n", content.len()));
    }
}
