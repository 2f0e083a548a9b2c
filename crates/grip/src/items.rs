//! Items, as a backend publishes them and a gateway takes them, and the question of a resync; in JSON.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What is wrong with something that should be GRIP.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GripError {
    /// Not the JSON it should be.
    #[error("not GRIP: {0}")]
    Json(#[from] serde_json::Error),
    /// `content-bin` is not base64.
    #[error("content-bin is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// A combination that means nothing.
    #[error("{0}")]
    Invalid(&'static str),
}

/// One publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// To whom.
    pub channel: Arc<str>,
    /// The version that this brings the receiver to; without one the item is not put in order and not made good.
    pub id: Option<Arc<str>>,
    /// The version it starts from.
    pub prev_id: Option<Arc<str>>,
    /// What is sent.
    pub content: Content,
    /// The connection (by its `user`) that caused the item.
    pub sender: Option<String>,
}

/// What a connection or every subscriber of a channel gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text frame, in UTF-8.
    Text(Bytes),
    /// A binary frame.
    Binary(Bytes),
    /// Close with this code and reason.
    Close(u16, String),
}

/// A version that some connections on a channel hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which channel.
    pub channel: Arc<str>,
    /// Which version; none before the first.
    pub id: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
struct Items {
    items: Vec<RawItem>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawItem {
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_id: Option<String>,
    #[serde(default)]
    formats: Formats,
    /// The older form has it beside `channel`.
    #[serde(skip_serializing)]
    ws_message: Option<Message>,
    #[serde(default, skip_serializing_if = "Meta::is_empty")]
    meta: Meta,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Formats {
    ws_message: Option<Message>,
}

#[derive(Default, Serialize, Deserialize)]
struct Meta {
    sender: Option<String>,
}

impl Meta {
    fn is_empty(&self) -> bool {
        self.sender.is_none()
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_bin: Option<String>,
    #[serde(rename = "type", skip_serializing)]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Content> for Message {
    fn from(content: Content) -> Message {
        match content {
            Content::Text(text) => {
                // It is UTF-8; should it ever not be, a mangled message is better than none.
                let text = String::from_utf8(text.into());
                let text = text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
                Message { content: Some(text), ..Message::default() }
            }
            Content::Binary(bytes) => Message { content_bin: Some(STANDARD.encode(bytes)), ..Message::default() },
            Content::Close(code, reason) => Message {
                action: Some("close".to_owned()),
                code: Some(code),
                reason: Some(reason),
                ..Message::default()
            },
        }
    }
}

impl Message {
    /// `None` for what is of no use on a WebSocket here (`hint`, `refresh`).
    fn content(self) -> Result<Option<Content>, GripError> {
        match self.action.as_deref() {
            None | Some("send") => {}
            Some("close") => {
                return Ok(Some(Content::Close(self.code.unwrap_or(1000), self.reason.unwrap_or_default())));
            }
            Some("hint" | "refresh") => return Ok(None),
            Some(_) => return Err(GripError::Invalid("action is send, close, hint or refresh")),
        }
        let (payload, binary) = match (self.content, self.content_bin) {
            (_, Some(base64)) => (Bytes::from(STANDARD.decode(base64)?), self.kind.as_deref() != Some("text")),
            (Some(text), None) => (Bytes::from(text), self.kind.as_deref() == Some("binary")),
            (None, None) => return Err(GripError::Invalid("ws-message has neither content nor content-bin")),
        };
        Ok(Some(if binary { Content::Binary(payload) } else { Content::Text(payload) }))
    }
}

/// The body of a publish, and of the answer to a resync.
pub fn encode(items: impl IntoIterator<Item = Item>) -> Vec<u8> {
    let text = |id: Option<Arc<str>>| id.map(|id| id.to_string());
    let raw = |Item { channel, id, prev_id, content, sender }| RawItem {
        channel: channel.to_string(),
        id: text(id),
        prev_id: text(prev_id),
        formats: Formats { ws_message: Some(Message::from(content)) },
        ws_message: None,
        meta: Meta { sender },
    };
    // Strings and numbers under string keys: JSON can hold all of it.
    serde_json::to_vec(&Items { items: items.into_iter().map(raw).collect() }).unwrap_or_default()
}

/// The items of such a body that are for WebSockets.
pub fn decode(body: &[u8]) -> Result<Vec<Item>, GripError> {
    let mut items = Vec::new();
    for raw in serde_json::from_slice::<Items>(body)?.items {
        let RawItem { channel, id, prev_id, formats, ws_message, meta } = raw;
        let Some(message) = formats.ws_message.or(ws_message) else { continue };
        if let Some(content) = message.content()? {
            let (id, prev_id) = (id.map(Into::into), prev_id.map(Into::into));
            items.push(Item { channel: channel.into(), id, prev_id, content, sender: meta.sender });
        }
    }
    Ok(items)
}

#[derive(Serialize, Deserialize)]
struct Question {
    held: Vec<RawHeld>,
}

#[derive(Serialize, Deserialize)]
struct RawHeld {
    channel: String,
    id: Option<String>,
}

/// The question of a resync: `{"held":[{"channel","id"}]}`.
pub fn encode_held(held: &[Held]) -> Vec<u8> {
    let raw = |held: &Held| RawHeld { channel: held.channel.to_string(), id: held.id.as_deref().map(str::to_owned) };
    serde_json::to_vec(&Question { held: held.iter().map(raw).collect() }).unwrap_or_default()
}

/// Reads that question.
pub fn decode_held(body: &[u8]) -> Result<Vec<Held>, GripError> {
    let held = serde_json::from_slice::<Question>(body)?.held.into_iter();
    Ok(held.map(|RawHeld { channel, id }| Held { channel: channel.into(), id: id.map(Into::into) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(content: Content) -> Item {
        Item { channel: "c".into(), id: Some("2".into()), prev_id: None, content, sender: None }
    }

    fn encoded(item: Item) -> String {
        String::from_utf8(encode([item])).unwrap()
    }

    #[test]
    fn items_are_written_with_the_fields_of_grip() {
        let full = Item { prev_id: Some("1".into()), sender: Some("x".into()), ..item(Content::Text("hi".into())) };
        assert_eq!(
            encoded(full),
            r#"{"items":[{"channel":"c","id":"2","prev-id":"1","formats":{"ws-message":{"content":"hi"}},"meta":{"sender":"x"}}]}"#
        );
        assert_eq!(
            encoded(item(Content::Binary(Bytes::from_static(&[0xff, 0])))),
            r#"{"items":[{"channel":"c","id":"2","formats":{"ws-message":{"content-bin":"/wA="}}}]}"#
        );
        assert_eq!(
            encoded(item(Content::Close(4001, "bye".into()))),
            r#"{"items":[{"channel":"c","id":"2","formats":{"ws-message":{"action":"close","code":4001,"reason":"bye"}}}]}"#
        );
    }

    #[test]
    fn items_are_read_with_text_bytes_and_close() {
        let body = br#"{"items":[
            {"channel":"a","id":"2","prev-id":"1","formats":{"ws-message":{"content":"hi"}},"meta":{"sender":"me"}},
            {"channel":"a","formats":{"ws-message":{"content-bin":"AQI="},"http-stream":{"content":"x"}}},
            {"channel":"a","ws-message":{"action":"close","code":4001,"reason":"out"}},
            {"channel":"a","formats":{"http-stream":{"content":"x"}}}]}"#;
        let items = decode(body).unwrap();
        assert_eq!(items.len(), 3);
        assert_eq!((items[0].id.as_deref(), items[0].prev_id.as_deref()), (Some("2"), Some("1")));
        assert_eq!(items[0].sender.as_deref(), Some("me"));
        assert_eq!(items[0].content, Content::Text("hi".into()));
        assert_eq!(items[1].content, Content::Binary(Bytes::from_static(&[1, 2])));
        assert_eq!(items[2].content, Content::Close(4001, "out".into()));
        assert_eq!(decode(&encode(items.clone())).unwrap(), items);
    }

    #[test]
    fn what_is_not_grip_is_refused_with_a_reason() {
        for body in [
            "",
            "[]",
            r#"{"items":[{"channel":"a","formats":{"ws-message":{}}}]}"#,
            r#"{"items":[{"channel":"a","formats":{"ws-message":{"content-bin":"?"}}}]}"#,
        ] {
            assert!(decode(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_held_may_lack_an_id() {
        let held = |channel: &str, id: Option<&str>| Held { channel: channel.into(), id: id.map(Into::into) };
        let all = vec![held("a", Some("1")), held("b", None)];
        let text = r#"{"held":[{"channel":"a","id":"1"},{"channel":"b","id":null}]}"#;
        assert_eq!(String::from_utf8(encode_held(&all)).unwrap(), text);
        assert_eq!(decode_held(text.as_bytes()).unwrap(), all);
        assert_eq!(decode_held(br#"{"held":[{"channel":"b"}]}"#).unwrap(), [held("b", None)]);
        assert!(decode_held(br#"{"held":[{"id":"1"}]}"#).is_err());
    }
}
