//! What was published and never arrived: a gateway says which versions its connections hold, and gets the items that bring
//! them to the current ones. One read a channel, and nothing where nothing changed. What is long is told in several rounds.
//!
//! Who holds a channel that its entity has left, because the policy of its type changed, is told nothing more there: their
//! connection is closed, and when they connect again each is on the channel they now have a right to, or on none.
//!
//! Sessions are looked at too, each once in a minute, and where a socket was just opened at once: a close that got lost must not leave a socket to who signed out.

use timeweft_core::codec::cbor;
use timeweft_core::diff::Diff;
use timeweft_core::id::{EntityId, is_local_id};
use timeweft_core::limits::TRUSTED;
use timeweft_core::message::{Format, Push};
use timeweft_core::operation::{Access, CborDiff, CborValue, Context, Operation, Outcome, Read, Reading, Which};
use timeweft_core::time::Timestamp;

use crate::event::{Held, Item};
use crate::host::Host;
use crate::sign_in::sessions;
use crate::{CALL_BYTES, Router};
use crate::{access, caller, close, crypto, notes, org, publish};

/// How often gateways ask, about, in microseconds; and in how many of those rounds each session is looked at once.
const ROUND_MICROS: u64 = 10_000_000;
const ROUNDS: u64 = 6;

/// Channels looked at in one call.
const MOST: usize = 10_000;

pub(crate) async fn items<H: Host>(router: &Router<H>, held: Vec<Held>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut bytes = 0;
    for held in held.iter().take(MOST) {
        // Who is not told now still holds what they hold, and is told when it is asked again.
        if bytes > CALL_BYTES {
            break;
        }
        let item = match held.channel.split_once(':') {
            Some(("session", name)) => session(router, held, name).await,
            Some(("cbor", name)) => missed(router, held, name, Told::Changes(Format::Cbor)).await,
            Some(("json", name)) => missed(router, held, name, Told::Changes(Format::Json)).await,
            Some((org::RIGHTS, name)) => org::missed(router, held, name).await,
            Some((notes::CHANNEL, name)) => missed(router, held, name, Told::Notes).await,
            _ => None,
        };
        bytes += item.as_ref().map_or(0, |item: &Item| item.content.bytes());
        items.extend(item);
    }
    items
}

/// What those on a channel are told of its entity.
enum Told {
    Changes(Format),
    Notes,
}

async fn missed<H: Host>(router: &Router<H>, held: &Held, name: &str, told: Told) -> Option<Item> {
    match (channel(router, name).await?, told) {
        (Named { entity, .. }, Told::Notes) if entity.kind() != notes::KIND => None,
        // The policy of the type is another by now: whoever may read comes back on its channel.
        (Named { context: None, .. }, _) => {
            let mut item = publish::closing(held.channel.clone(), router.host.now(), close::RIGHTS_CHANGED);
            // For those who hold this, as for any item here.
            item.prev_id.clone_from(&held.id);
            Some(item)
        }
        (Named { entity, context: Some(context) }, Told::Notes) => notes::missed(router, held, &entity, &context).await,
        (Named { entity, context: Some(context) }, Told::Changes(format)) => {
            changed(router, format, name, held.id.as_deref(), entity, &context).await
        }
    }
}

async fn session<H: Host>(router: &Router<H>, held: &Held, name: &str) -> Option<Item> {
    let (person, session) = name.split_once('.')?;
    let now = router.host.now();
    let turn = crypto::hash(name).bytes().next().map_or(0, u64::from) % ROUNDS;
    // It may have ended while the socket was opened.
    let since = held.id.as_deref().and_then(|id| Timestamp::parse(id).ok());
    let is_new = since.is_some_and(|since| now.0.saturating_sub(since.0) < ROUNDS * ROUND_MICROS);
    if !caller::is_recorded(session) || !(is_new || now.0 / ROUND_MICROS % ROUNDS == turn) {
        return None;
    }
    match sessions::find(&router.host, person, session).await {
        Ok(None) => {
            let mut item = publish::closing(held.channel.clone(), now, close::SESSION_OVER);
            item.prev_id.clone_from(&held.id);
            Some(item)
        }
        // Also when the store can't answer: nobody is thrown out for that.
        _ => None,
    }
}

/// What a channel's name says after its prefix.
struct Named {
    entity: EntityId,
    /// To read it with, as those on the channel may; none when the entity is on another channel now.
    context: Option<Context>,
}

/// The gateway is trusted with what is on the channel, and the channel is checked to be one we would subscribe to.
async fn channel<H: Host>(router: &Router<H>, name: &str) -> Option<Named> {
    let (entity, owner) = name.split_once('@').unwrap_or((name, ""));
    let entity = EntityId::parse(entity).ok()?;
    let right = access::right_on_channels(router, &entity).await.ok()?;
    // What begins with `/` is a node's, and no person.
    let is_owner = right.access == Access::Any || is_local_id(owner);
    let ours = is_owner && right.channel_name(&entity, owner) == name;
    Some(Named { entity, context: ours.then(|| right.context(router, owner)) })
}

async fn changed<H: Host>(
    router: &Router<H>,
    format: Format,
    name: &str,
    id: Option<&str>,
    entity: EntityId,
    context: &Context,
) -> Option<Item> {
    let since = id.and_then(|id| Timestamp::parse(id).ok());
    let read = Operation::Read(Read { which: Which::Latest, since });
    let Outcome::Reading(reading) = router.host.apply(context, &entity, read).await.ok()? else { return None };
    let (diff, meta, prev_valid_from) = match reading {
        Reading::NotModified(_) => return None,
        Reading::Diff(diff, meta) => (diff, meta, since),
        // They hold nothing, and there is nothing to show.
        Reading::Value(_, meta) if since.is_none() && meta.deleted => return None,
        // They hold nothing, or what we don't know: as if it were made just now. Who holds another version sees that this
        // doesn't follow it, and asks.
        Reading::Value(CborValue(value), meta) => {
            let value = cbor::decode_value(&value, &TRUSTED).ok()?;
            let diff = CborDiff(cbor::encode_patch(&Diff::over_nothing(value).to_patch()));
            (diff.into(), meta, None)
        }
    };
    let push = Push { entity_id: entity, diff, meta, prev_valid_from };
    let mut item = publish::item(&push, format, name, None)?;
    // For those who hold this, whatever the push follows.
    item.prev_id = id.map(str::to_owned);
    Some(item)
}
