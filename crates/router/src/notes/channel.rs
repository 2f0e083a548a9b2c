//! What those who follow a note are told: after every change one item with the whole note, to the changer's own sockets too.
//!
//! For that the note has to be read, which nobody should pay for whose notes are followed by nobody. So whoever begins
//! to follow a note first leaves a record, `p:{entityId}:followed`, for good, and only then reads the note; a change looks for the
//! record once it is committed. Either the change is seen by that read, or the record is seen by the change.

use serde_json::json;
use timeweft_core::id::EntityId;
use timeweft_core::operation::{Committed, Context, Failure, Operation, Read, Reading, Which};
use timeweft_core::time::Timestamp;

use crate::Router;
use crate::event::{Content, Effect, Held, Item};
use crate::host::{Host, RecordsError};

use super::note::{KIND, Note, of_reading, version};

/// What the names of these channels begin with, where others name a format.
pub(crate) const CHANNEL: &str = "note";

/// What happened to a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    Initial,
    Create,
    Update,
    Revert,
}

/// The channel of those who follow a note, by what [`crate::access::Right::channel_name`] says.
pub(crate) fn channel(name: &str) -> String {
    format!("{CHANNEL}:{name}")
}

/// The text frame that tells it.
fn frame(happening: Happening, note: &Note) -> String {
    let kind = match happening {
        Happening::Initial => "initial",
        Happening::Create => "create",
        Happening::Update => "update",
        Happening::Revert => "revert",
    };
    json!({ "type": kind, "data": note.json() }).to_string()
}

fn record(entity: &EntityId) -> String {
    format!("p:{entity}:followed")
}

/// Leaves the record, unless somebody did.
pub(crate) async fn follow<H: Host>(host: &H, entity: &EntityId) -> Result<(), RecordsError> {
    let key = record(entity);
    match host.record(&key).await? {
        Some(_) => Ok(()),
        None => host.set_record(&key, &[1]).await,
    }
}

/// What a change of any entity is to those who follow it as a note; nothing when nothing is new or nobody does.
pub(crate) async fn changed<H: Host>(
    router: &Router<H>,
    context: &Context,
    entity: &EntityId,
    channel: String,
    committed: &Committed,
    reverts: bool,
) -> Option<Effect> {
    let change = committed.change.as_ref().filter(|_| entity.kind() == KIND)?;
    // When that can't be told, it is better said once too often.
    if let Ok(None) = router.host.record(&record(entity)).await {
        return None;
    }
    // What can't be read now, the gateway's next resync brings.
    let note = version(committed.meta.clone(), async |read| reading(router, context, entity, read).await).await.ok()?;
    let happening = match change.prev_valid_from {
        None => Happening::Create,
        Some(_) if reverts => Happening::Revert,
        Some(_) => Happening::Update,
    };
    Some(Effect::Publish(item(channel, happening, &note, change.prev_valid_from.map(Timestamp::to_text))))
}

async fn reading<H: Host>(
    router: &Router<H>,
    context: &Context,
    entity: &EntityId,
    read: Read,
) -> Result<Reading, Failure> {
    router.host.apply(context, entity, Operation::Read(read)).await?.reading()
}

/// For those who missed something: the note as it is.
pub(crate) async fn missed<H: Host>(
    router: &Router<H>,
    held: &Held,
    entity: &EntityId,
    context: &Context,
) -> Option<Item> {
    let since = held.id.as_deref().and_then(|id| Timestamp::parse(id).ok());
    let read = async |read| reading(router, context, entity, read).await;
    let note = match read(Read { which: Which::Latest, since }).await.ok()? {
        Reading::NotModified(_) => return None,
        // To those who were never shown it, a note that is gone already is none.
        Reading::Value(_, meta) if held.id.is_none() && meta.deleted => return None,
        reading @ Reading::Value(..) => of_reading(reading).ok()?,
        Reading::Diff(_, meta) => version(meta, read).await.ok()?,
    };
    let happening = if held.id.is_none() { Happening::Create } else { Happening::Update };
    Some(item(held.channel.clone(), happening, &note, held.id.clone()))
}

fn item(channel: String, happening: Happening, note: &Note, prev_id: Option<String>) -> Item {
    let id = note.meta.valid_from.to_text();
    Item { channel, id, prev_id, content: Content::Text(frame(happening, note)), sender: None }
}

/// The first frame on a socket that opens; a note that is deleted is not shown.
pub(crate) fn initial(reading: Reading) -> Result<Option<String>, Failure> {
    let note = of_reading(reading)?;
    Ok((!note.meta.deleted).then(|| frame(Happening::Initial, &note)))
}
