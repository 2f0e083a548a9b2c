//! What subscribers are told: one item a format, since a channel's items reach every connection on it as they are.

use timeweft_core::id::EntityId;
use timeweft_core::message::{Format, Push};
use timeweft_core::operation::Committed;
use timeweft_core::time::Timestamp;

use crate::close::Close;
use crate::event::{Content, Effect, Item, Reply};

/// Both.
pub(crate) const FORMATS: [Format; 2] = [Format::Cbor, Format::Json];

/// A frame's bytes as the kind of frame that the format uses.
pub(crate) fn content(bytes: Vec<u8>, format: Format) -> Content {
    match format {
        Format::Cbor => Content::Binary(bytes),
        Format::Json => Content::Text(text(bytes)),
    }
}

/// The same, back on a connection.
pub(crate) fn reply(bytes: Vec<u8>, format: Format) -> Reply {
    match format {
        Format::Cbor => Reply::Binary(bytes),
        Format::Json => Reply::Text(text(bytes)),
    }
}

fn text(bytes: Vec<u8>) -> String {
    // JSON is written as UTF-8; should it ever not be, a mangled message is better than none.
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The name of a channel: format, and what [`crate::access::Right::channel_name`] says.
pub(crate) fn channel(format: Format, name: &str) -> String {
    format!("{}:{name}", format.as_str())
}

/// What a change is to its subscribers; nothing when nothing is new.
pub(crate) fn change(entity: &EntityId, name: &str, committed: &Committed, sender: Option<&str>) -> Vec<Effect> {
    let Some(change) = &committed.change else { return Vec::new() };
    let push = Push {
        entity_id: entity.clone(),
        diff: change.diff.clone(),
        meta: committed.meta.clone(),
        prev_valid_from: change.prev_valid_from,
    };
    FORMATS.into_iter().filter_map(|format| item(&push, format, name, sender).map(Effect::Publish)).collect()
}

/// A push as an item of the channel for its format; none where it can't be written, so that subscribers see that they miss it
/// and ask.
pub(crate) fn item(push: &Push, format: Format, name: &str, sender: Option<&str>) -> Option<Item> {
    Some(Item {
        channel: channel(format, name),
        id: push.meta.valid_from.to_string(),
        prev_id: push.prev_valid_from.map(|at| at.to_string()),
        content: content(push.encode(format).ok()?, format),
        sender: sender.map(str::to_owned),
    })
}

/// Closes every socket on a channel.
pub(crate) fn closing(channel: String, now: Timestamp, Close(code, why): Close) -> Item {
    Item { channel, id: now.to_string(), prev_id: None, content: Content::Close(code, why.to_owned()), sender: None }
}
