//! One channel: who is subscribed and which version each holds, and items put in order.
//!
//! Items of one entity are made by calls that run at the same time, so they may arrive swapped. An item whose `prev_id`
//! is not what was sent last waits a moment for the one in between; if that does not come, it is sent all the same, and
//! receivers see from `prevValidFrom` that they missed one. Ids of a channel have one length and sort by age as texts (docs/protocol.md,
//! "Behind a gateway"): nobody is sent an item that leads to an older version than they hold.
//!
//! Who subscribes with an older version than was sent last is behind: what comes meanwhile is kept for them until what they
//! missed has been asked for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;
use super::message::Item;

/// So many items wait for their predecessor at most.
const WAITING: usize = 1_000;
/// How long an item waits for the one before it.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// So many items are kept for who is behind.
const KEPT: usize = 1_000;

struct Subscriber {
    connection: Arc<Connection>,
    held: Option<Arc<str>>,
    skip_self: bool,
    /// While they are behind: what came since.
    kept: Option<Vec<Item>>,
}

#[derive(Default)]
pub(super) struct Channel {
    subscribers: HashMap<u64, Subscriber>,
    /// The newest version that an item was sent of.
    last: Option<Arc<str>>,
    /// Until when at most.
    waiting: Vec<(Instant, Item)>,
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    Sent,
    /// Call [`Channel::release`] after [`PATIENCE`].
    Waiting,
}

/// Whether a version is newer than what is held. Of ids that can't be compared, any other is.
pub(super) fn is_newer(id: &str, held: Option<&str>) -> bool {
    held.is_none_or(|held| if id.len() == held.len() { id > held } else { id != held })
}

impl Subscriber {
    /// Sends the item, unless they have what it leads to.
    fn deliver(&mut self, item: &Item) {
        if let Some(id) = &item.id {
            if !is_newer(id, self.held.as_deref()) {
                return;
            }
            // The sender has its own change from the answer to it.
            self.held = Some(id.clone());
        }
        if !(self.skip_self && item.sender.is_some() && self.connection.user() == item.sender) {
            self.connection.push(&item.content);
        }
    }

    /// They have been told what they missed, as far as it could be had.
    fn catch_up(&mut self) {
        for item in self.kept.take().into_iter().flatten() {
            self.deliver(&item);
        }
    }
}

impl Channel {
    pub(super) fn new(last: Option<Arc<str>>) -> Channel {
        Channel { last, ..Channel::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Whether something was sent that this subscriber does not have. Then call [`Channel::caught_up`] once it was asked for.
    pub(super) fn subscribe(&mut self, connection: Arc<Connection>, held: Option<Arc<str>>, skip_self: bool) -> bool {
        let is_behind = self.last.as_deref().is_some_and(|last| is_newer(last, held.as_deref()));
        // Who has read what was not sent yet does not keep it from those who are there.
        if self.last.is_none() && self.subscribers.is_empty() {
            self.last.clone_from(&held);
        }
        let kept = is_behind.then(Vec::new);
        self.subscribers.insert(connection.key, Subscriber { connection, held, skip_self, kept });
        is_behind
    }

    pub(super) fn unsubscribe(&mut self, key: u64) {
        self.subscribers.remove(&key);
    }

    pub(super) fn publish(&mut self, item: Item) -> Placed {
        let last = self.last.as_deref();
        if item.id.as_deref().is_some_and(|id| !is_newer(id, last)) {
            // Late: who has what it starts from is to have it, and nobody else.
            self.make_good(&item);
            return Placed::Sent;
        }
        let follows = item.id.is_none() || item.prev_id.is_none() || last.is_none() || item.prev_id.as_deref() == last;
        if !follows && self.waiting.len() < WAITING {
            self.waiting.push((Instant::now() + PATIENCE, item));
            return Placed::Waiting;
        }
        self.send(&item);
        self.send_successors();
        Placed::Sent
    }

    /// Sends what has waited for long enough, and what waits behind or before that.
    pub(super) fn release(&mut self, now: Instant) {
        let due = self.waiting.iter().filter(|(until, _)| *until <= now).filter_map(|(_, item)| item.id.clone());
        let Some(newest) = due.max() else { return };
        let mut released: Vec<_> = self.waiting.extract_if(.., |(_, item)| item.id.as_ref() <= Some(&newest)).collect();
        released.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
        released.iter().for_each(|(_, item)| self.send(item));
        self.send_successors();
    }

    fn send_successors(&mut self) {
        while let Some(at) = self.waiting.iter().position(|(_, item)| item.prev_id == self.last) {
            let (_, next) = self.waiting.swap_remove(at);
            self.send(&next);
        }
        let last = self.last.as_deref();
        self.waiting.retain(|(_, item)| item.id.as_deref().is_none_or(|id| is_newer(id, last)));
    }

    fn send(&mut self, item: &Item) {
        for subscriber in self.subscribers.values_mut() {
            match &mut subscriber.kept {
                Some(kept) if item.id.is_some() && kept.len() < KEPT => kept.push(item.clone()),
                _ => {
                    subscriber.catch_up();
                    subscriber.deliver(item);
                }
            }
        }
        if let Some(id) = &item.id
            && is_newer(id, self.last.as_deref())
        {
            self.last = Some(id.clone());
        }
    }

    /// Sends an item to those who hold exactly the version that it starts from.
    pub(super) fn make_good(&mut self, item: &Item) {
        for subscriber in self.subscribers.values_mut().filter(|subscriber| subscriber.held == item.prev_id) {
            subscriber.deliver(item);
        }
        if self.last == item.prev_id {
            self.last.clone_from(&item.id);
        }
    }

    /// What this subscriber missed was asked for.
    pub(super) fn caught_up(&mut self, key: u64) {
        if let Some(subscriber) = self.subscribers.get_mut(&key) {
            subscriber.catch_up();
        }
    }

    /// The different versions that subscribers hold.
    pub(super) fn held(&self) -> Vec<Option<Arc<str>>> {
        let mut held: Vec<_> = self.subscribers.values().map(|subscriber| subscriber.held.clone()).collect();
        held.sort_unstable();
        held.dedup();
        held
    }
}
