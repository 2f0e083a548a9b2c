//! What was published and never arrived: a gateway says which versions its connections hold, and gets the items that bring
//! them to the current ones. One read a channel, and nothing where nothing changed.
//!
//! Who holds a channel that its entity has left, because the policy of its type changed, is told nothing more there: their
//! connection is closed, and when they connect again each is on the channel they now have a right to, or on none.
//!
//! Sessions are looked at too, each once in a minute: a close that got lost must not leave a socket to who signed out.

use timeweft_core::codec::cbor;
use timeweft_core::diff::Diff;
use timeweft_core::id::EntityId;
use timeweft_core::message::{Format, Push};
use timeweft_core::operation::{CborDiff, CborValue, Context, Reading};
use timeweft_core::time::Timestamp;

use crate::Router;
use crate::event::{Held, Item};
use crate::host::Host;
use crate::sign_in::sessions;
use crate::token::Token;
use crate::{caller, crypto, notes, perform, policy, publish};

/// How often gateways ask, about, in microseconds; and in how many of those rounds each session is looked at once.
const ROUND_MICROS: u64 = 10_000_000;
const ROUNDS: u64 = 6;

/// Channels looked at in one call.
const MOST: usize = 10_000;

pub(crate) async fn items<H: Host>(router: &Router<H>, held: Vec<Held>) -> Vec<Item> {
    let mut items = Vec::new();
    for held in held.iter().take(MOST) {
        let item = match held.channel.split_once(':') {
            Some(("session", name)) => session(router, &held.channel, name).await,
            Some((prefix, name)) => match channel(router, name).await {
                Named::Ours(channel) if prefix == notes::CHANNEL => notes::missed(router, held, &channel).await,
                Named::Ours(channel) => entity(router, prefix, name, held.id.as_deref(), channel).await,
                Named::Left => {
                    let mut item = publish::move_on(held.channel.clone(), router.host.now());
                    // For those who hold this, as for any item here.
                    item.prev_id.clone_from(&held.id);
                    Some(item)
                }
                Named::Unknown => None,
            },
            None => None,
        };
        items.extend(item);
    }
    items
}

async fn session<H: Host>(router: &Router<H>, channel: &str, name: &str) -> Option<Item> {
    let (person, session) = name.split_once('.')?;
    let now = router.host.now();
    let turn = crypto::hash(name).bytes().next().map_or(0, u64::from) % ROUNDS;
    if !caller::is_recorded(session) || now.0 / ROUND_MICROS % ROUNDS != turn {
        return None;
    }
    let token = Token { person: person.to_owned(), session: session.to_owned(), expires: u64::MAX };
    match sessions::find(&router.host, &token).await {
        Ok(None) => Some(publish::close(channel.to_owned(), now)),
        // Also when the store can't answer: nobody is thrown out for that.
        _ => None,
    }
}

/// What a channel's name says after its prefix.
pub(crate) struct Channel {
    pub(crate) entity: EntityId,
    /// To read it with, as those on the channel may.
    pub(crate) context: Context,
}

enum Named {
    Ours(Channel),
    /// The policy of the type is another by now, and so is the channel.
    Left,
    Unknown,
}

/// The gateway is trusted with what is on the channel, and the channel is checked to be one we would subscribe to.
async fn channel<H: Host>(router: &Router<H>, name: &str) -> Named {
    let (entity, owner) = name.split_once('@').unwrap_or((name, ""));
    let Ok(entity) = EntityId::parse(entity) else { return Named::Unknown };
    let Ok(right) = policy::right_on_channels(router, entity.kind()).await else { return Named::Unknown };
    if right.channel_name(&entity, owner) != name {
        return Named::Left;
    }
    Named::Ours(Channel { entity, context: perform::context(router, owner, right) })
}

async fn entity<H: Host>(
    router: &Router<H>,
    format: &str,
    name: &str,
    id: Option<&str>,
    channel: Channel,
) -> Option<Item> {
    let format = match format {
        "cbor" => Format::Cbor,
        "json" => Format::Json,
        _ => return None,
    };
    let Channel { entity, context } = channel;
    let since = id.and_then(|id| Timestamp::parse(id).ok());
    let (diff, meta, prev_valid_from) = match router.host.get(&context, &entity, since, true).await.ok()? {
        Reading::NotModified(_) => return None,
        Reading::Diff(diff, meta) => (diff, meta, since),
        // They hold nothing, and there is nothing to show.
        Reading::Value(_, meta) if since.is_none() && meta.deleted => return None,
        // They hold nothing, or what we don't know: as if it were made just now. Who holds another version sees that this
        // doesn't follow it, and asks.
        Reading::Value(CborValue(value), meta) => {
            let value = cbor::decode_value(&value, &router.config.limits).ok()?;
            let diff = CborDiff(cbor::encode_patch(&Diff::over_nothing(value).to_patch()));
            (diff, meta, None)
        }
    };
    let push = Push { entity_id: entity, diff, meta, prev_valid_from };
    let mut item = publish::item(&push, format, name, None);
    // For those who hold this, whatever the push follows.
    item.prev_id = id.map(str::to_owned);
    Some(item)
}
