//! What is said to the gateway among the messages to the client: a text frame of `c:` and JSON, once the answer to `OPEN`
//! agreed on the extension `grip`.
//!
//! Beyond GRIP, a `subscribe` may carry `id`: the version that the connection holds, from which a gateway that knows the
//! field asks for what was missed. Others ignore it.

use serde::{Deserialize, Serialize};

use crate::items::GripError;

/// What a control message begins with.
pub const PREFIX: &str = "c:";

/// What a message to the client begins with, unless the answer to `OPEN` says otherwise.
pub const MESSAGE_PREFIX: &str = "m:";

/// The extension that the answer to `OPEN` agrees to.
pub const EXTENSION: &str = "grip; message-prefix=\"m:\"";

/// The filter that keeps an item from the connection that caused it.
const SKIP_SELF: &str = "skip-self";

/// A control message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Subscribe the connection to a channel.
    Subscribe {
        /// Which.
        channel: String,
        /// The version that the connection holds.
        id: Option<String>,
        /// Items that this connection caused are not sent to it.
        skip_self: bool,
    },
    /// Take it off a channel.
    Unsubscribe(String),
    /// Remember this on the connection.
    SetMeta {
        /// Its name.
        name: String,
        /// And value; an empty one forgets.
        value: String,
    },
    /// One of the protocol's that Timeweft has no use for.
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Raw {
    Subscribe {
        channel: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        filters: Vec<String>,
        #[serde(alias = "prev-id", skip_serializing_if = "Option::is_none")]
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

impl Control {
    /// The message, without what it begins with. Nothing for [`Control::Other`], which nobody here says.
    pub fn encode(self) -> Option<Vec<u8>> {
        let raw = match self {
            Control::Subscribe { channel, id, skip_self } => {
                let filters = if skip_self { vec![SKIP_SELF.to_owned()] } else { Vec::new() };
                Raw::Subscribe { channel, filters, id }
            }
            Control::Unsubscribe(channel) => Raw::Unsubscribe { channel },
            Control::SetMeta { name, value } => Raw::SetMeta { name, value: Some(value) },
            Control::Other => return None,
        };
        serde_json::to_vec(&raw).ok()
    }

    /// Reads a message, without what it begins with.
    pub fn decode(text: &[u8]) -> Result<Control, GripError> {
        Ok(match serde_json::from_slice(text)? {
            Raw::Subscribe { channel, .. } | Raw::Unsubscribe { channel } if channel.is_empty() => {
                return Err(GripError::Invalid("a channel has a name"));
            }
            Raw::Subscribe { channel, filters, id } => {
                let skip_self = filters.iter().any(|filter| filter == SKIP_SELF);
                Control::Subscribe { channel, id, skip_self }
            }
            Raw::Unsubscribe { channel } => Control::Unsubscribe(channel),
            Raw::SetMeta { name, value } => Control::SetMeta { name, value: value.unwrap_or_default() },
            Raw::Detach | Raw::Session | Raw::KeepAlive | Raw::SendDelayed | Raw::FlushDelayed => Control::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_as_grip_has_it_and_reads_back() {
        let subscribe = |id: Option<&str>| Control::Subscribe {
            channel: "json:note:a".into(),
            id: id.map(str::to_owned),
            skip_self: true,
        };
        for (control, text) in [
            (subscribe(None), r#"{"type":"subscribe","channel":"json:note:a","filters":["skip-self"]}"#),
            (subscribe(Some("7")), r#"{"type":"subscribe","channel":"json:note:a","filters":["skip-self"],"id":"7"}"#),
            (Control::Unsubscribe("json:note:a".into()), r#"{"type":"unsubscribe","channel":"json:note:a"}"#),
            (
                Control::SetMeta { name: "user".into(), value: "c1".into() },
                r#"{"type":"set-meta","name":"user","value":"c1"}"#,
            ),
        ] {
            assert_eq!(Control::decode(text.as_bytes()).unwrap(), control);
            assert_eq!(String::from_utf8(control.encode().unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn what_others_say_is_passed_over_and_nonsense_refused() {
        assert_eq!(Control::decode(br#"{"type":"keep-alive"}"#).unwrap(), Control::Other);
        assert!(Control::decode(br#"{"type":"subscribe","channel":""}"#).is_err());
        assert!(Control::decode(br#"{"type":"what"}"#).is_err());
    }
}
