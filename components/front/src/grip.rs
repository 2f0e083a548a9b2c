//! GRIP items and what a gateway asks of `/internal/resync`, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::wit::timeweft::person::handler::{Content, Held, Item};

#[derive(Serialize)]
struct Items<'a> {
    items: Vec<JsonItem<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonItem<'a> {
    channel: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_id: Option<&'a str>,
    formats: Formats<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Formats<'a> {
    ws_message: Message<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Message<'a> {
    Text {
        content: &'a str,
    },
    #[serde(rename_all = "kebab-case")]
    Binary {
        content_bin: String,
    },
    Close {
        action: &'static str,
        code: u16,
        reason: &'a str,
    },
}

#[derive(Serialize)]
struct Meta<'a> {
    sender: &'a str,
}

impl<'a> From<&'a Item> for JsonItem<'a> {
    fn from(item: &'a Item) -> Self {
        let ws_message = match &item.content {
            Content::Text(content) => Message::Text { content },
            Content::Binary(content) => Message::Binary { content_bin: STANDARD.encode(content) },
            Content::Close((code, reason)) => Message::Close { action: "close", code: *code, reason },
        };
        Self {
            channel: &item.channel,
            id: &item.id,
            prev_id: item.prev_id.as_deref(),
            formats: Formats { ws_message },
            meta: item.sender.as_deref().map(|sender| Meta { sender }),
        }
    }
}

/// The body of a publish request, and of the answer to `resync`.
pub(crate) fn encode_items<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<u8> {
    let items = Items { items: items.into_iter().map(JsonItem::from).collect() };
    // Strings and numbers under string keys: JSON can hold all of it.
    serde_json::to_vec(&items).unwrap_or_default()
}

#[derive(Deserialize)]
struct Question {
    held: Vec<JsonHeld>,
}

#[derive(Deserialize)]
struct JsonHeld {
    channel: String,
    #[serde(default)]
    id: Option<String>,
}

/// `{"held":[{"channel","id"}]}`
pub(crate) fn decode_held(body: &[u8]) -> Result<Vec<Held>, serde_json::Error> {
    let question: Question = serde_json::from_slice(body)?;
    Ok(question.held.into_iter().map(|JsonHeld { channel, id }| Held { channel, id }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(content: Content) -> Item {
        Item { channel: "c".into(), id: "2".into(), prev_id: None, content, sender: None }
    }

    fn encoded(item: &Item) -> String {
        String::from_utf8(encode_items([item])).expect("JSON is text")
    }

    #[test]
    fn an_item_has_the_fields_of_grip() {
        let mut full = item(Content::Text("hi".into()));
        full.prev_id = Some("1".into());
        full.sender = Some("x".into());
        assert_eq!(
            encoded(&full),
            r#"{"items":[{"channel":"c","id":"2","prev-id":"1","formats":{"ws-message":{"content":"hi"}},"meta":{"sender":"x"}}]}"#
        );
    }

    #[test]
    fn binary_content_is_base64_and_a_close_is_an_action() {
        assert_eq!(
            encoded(&item(Content::Binary(vec![0xff, 0]))),
            r#"{"items":[{"channel":"c","id":"2","formats":{"ws-message":{"content-bin":"/wA="}}}]}"#
        );
        assert_eq!(
            encoded(&item(Content::Close((4001, "bye".into())))),
            r#"{"items":[{"channel":"c","id":"2","formats":{"ws-message":{"action":"close","code":4001,"reason":"bye"}}}]}"#
        );
    }

    #[test]
    fn what_is_held_may_lack_an_id() {
        let held = decode_held(br#"{"held":[{"channel":"a","id":"1"},{"channel":"b"},{"channel":"c","id":null}]}"#);
        let of = |channel: &str, id: Option<&str>| Held { channel: channel.into(), id: id.map(str::to_owned) };
        assert_eq!(held.expect("is well-formed"), [of("a", Some("1")), of("b", None), of("c", None)]);
        assert!(decode_held(br#"{"held":[{"id":"1"}]}"#).is_err());
    }
}
