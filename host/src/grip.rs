//! GRIP: items as JSON, control messages, and the signature with which a gateway proves itself to its backend.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::gateway::message::{Content, Held, Item, Reply};

/// A signature is good for so many seconds.
const SIGNATURE_SECONDS: u64 = 3600;

/// What is wrong with something the backend sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GripError {
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

#[derive(Deserialize)]
struct Items {
    items: Vec<RawItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawItem {
    channel: String,
    id: Option<String>,
    prev_id: Option<String>,
    #[serde(default)]
    formats: Formats,
    /// The older form has it beside `channel`.
    ws_message: Option<RawMessage>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Formats {
    ws_message: Option<RawMessage>,
}

#[derive(Default, Deserialize)]
struct Meta {
    sender: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawMessage {
    action: Option<String>,
    content: Option<String>,
    content_bin: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<u16>,
    reason: Option<String>,
}

impl RawMessage {
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

/// The items of a publish that are for WebSockets.
pub(crate) fn decode_items(body: &[u8]) -> Result<Vec<Item>, GripError> {
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

/// The question of a resync.
pub(crate) fn encode_held(held: &[Held]) -> String {
    let held: Vec<Value> =
        held.iter().map(|held| json!({ "channel": &*held.channel, "id": held.id.as_deref() })).collect();
    json!({ "held": held }).to_string()
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Control {
    Subscribe {
        channel: String,
        #[serde(default)]
        filters: Vec<String>,
        /// Ours, beyond GRIP: the version that the connection holds now, for the resync.
        #[serde(alias = "prev-id")]
        id: Option<String>,
    },
    Unsubscribe {
        channel: String,
    },
    SetMeta {
        name: String,
        #[serde(default)]
        value: Option<String>,
    },
    Detach,
    Session,
    KeepAlive,
    SendDelayed,
    FlushDelayed,
}

/// A text frame that starts with `c:`, without it. `None` for what this gateway does not do.
pub(crate) fn decode_control(text: &[u8]) -> Result<Option<Reply>, GripError> {
    Ok(match serde_json::from_slice(text)? {
        Control::Subscribe { channel, .. } | Control::Unsubscribe { channel } if channel.is_empty() => {
            return Err(GripError::Invalid("a channel has a name"));
        }
        Control::Subscribe { channel, filters, id } => {
            let skip_self = filters.iter().any(|filter| filter == "skip-self");
            Some(Reply::Subscribe { channel: channel.into(), id: id.map(Into::into), skip_self })
        }
        Control::Unsubscribe { channel } => Some(Reply::Unsubscribe(channel.into())),
        Control::SetMeta { name, value } => Some(Reply::SetMeta(name, value.unwrap_or_default())),
        Control::Detach | Control::Session | Control::KeepAlive | Control::SendDelayed | Control::FlushDelayed => None,
    })
}

/// A fresh value for `Grip-Sig`: a JWT, HS256.
pub(crate) fn sign(issuer: &str, key: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let claims = json!({ "iss": issuer, "exp": now + SIGNATURE_SECONDS }).to_string();
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_with_text_bytes_and_close() {
        let body = br#"{"items":[
            {"channel":"a","id":"2","prev-id":"1","formats":{"ws-message":{"content":"hi"}},"meta":{"sender":"me"}},
            {"channel":"a","formats":{"ws-message":{"content-bin":"AQI="},"http-stream":{"content":"x"}}},
            {"channel":"a","ws-message":{"action":"close","code":4001,"reason":"out"}},
            {"channel":"a","formats":{"http-stream":{"content":"x"}}}]}"#;
        let items = decode_items(body).unwrap();
        assert_eq!(items.len(), 3);
        assert_eq!((items[0].id.as_deref(), items[0].prev_id.as_deref()), (Some("2"), Some("1")));
        assert_eq!(items[0].sender.as_deref(), Some("me"));
        assert_eq!(items[0].content, Content::Text("hi".into()));
        assert_eq!(items[1].content, Content::Binary(vec![1, 2].into()));
        assert_eq!(items[2].content, Content::Close(4001, "out".into()));
    }

    #[test]
    fn what_is_not_grip_is_refused_with_a_reason() {
        for body in [
            "",
            "[]",
            r#"{"items":[{"channel":"a","formats":{"ws-message":{}}}]}"#,
            r#"{"items":[{"channel":"a","formats":{"ws-message":{"content-bin":"?"}}}]}"#,
        ] {
            assert!(decode_items(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn control_messages_become_replies() {
        let control = |text: &str| decode_control(text.as_bytes());
        let subscribe = Reply::Subscribe { channel: "a".into(), id: Some("1".into()), skip_self: true };
        let text = r#"{"type":"subscribe","channel":"a","filters":["skip-self"],"id":"1"}"#;
        assert_eq!(control(text).unwrap(), Some(subscribe));
        assert_eq!(control(r#"{"type":"unsubscribe","channel":"a"}"#).unwrap(), Some(Reply::Unsubscribe("a".into())));
        let meta = Some(Reply::SetMeta("user".into(), "1".into()));
        assert_eq!(control(r#"{"type":"set-meta","name":"user","value":"1"}"#).unwrap(), meta);
        assert_eq!(control(r#"{"type":"keep-alive"}"#).unwrap(), None);
        assert!(control(r#"{"type":"subscribe","channel":""}"#).is_err());
        assert!(control(r#"{"type":"what"}"#).is_err());
    }

    #[test]
    fn a_signature_is_a_jwt_that_the_key_verifies() {
        let token = sign("timeweft", b"secret");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(signed.as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["iss"], "timeweft");
        assert!(claims["exp"].as_u64().unwrap() > 1_700_000_000);
    }
}
