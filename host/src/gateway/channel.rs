//! One channel: who is subscribed and which version each holds, and items put in order.
//!
//! Items of one entity are made by calls that run at the same time, so they may arrive swapped. An item whose `prev_id`
//! is not what was sent last waits a moment for the one in between; if that does not come, it is sent all the same, and
//! receivers see from `prevValidFrom` that they missed one. Ids are only ever compared for equality: what they mean is
//! the backend's business.

use std::collections::HashMap;
use std::sync::Arc;

use super::connection::Connection;
use super::message::Item;

/// So many items wait for their predecessor at most.
const WAITING: usize = 256;

struct Subscriber {
    connection: Arc<Connection>,
    held: Option<Arc<str>>,
    skip_self: bool,
}

#[derive(Default)]
pub(super) struct Channel {
    subscribers: HashMap<u64, Subscriber>,
    /// The version of the last item sent.
    last: Option<Arc<str>>,
    waiting: Vec<Item>,
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    Sent,
    /// Call [`Channel::release`] in a moment.
    Waiting,
}

impl Channel {
    pub(super) fn new(last: Option<Arc<str>>) -> Channel {
        Channel { last, ..Channel::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Whether something was sent that this subscriber may not have.
    pub(super) fn subscribe(&mut self, connection: Arc<Connection>, held: Option<Arc<str>>, skip_self: bool) -> bool {
        let missed = self.last.is_some() && self.last != held;
        if self.last.is_none() {
            self.last.clone_from(&held);
        }
        self.subscribers.insert(connection.key, Subscriber { connection, held, skip_self });
        missed
    }

    pub(super) fn unsubscribe(&mut self, key: u64) {
        self.subscribers.remove(&key);
    }

    pub(super) fn publish(&mut self, item: Item) -> Placed {
        if item.id.is_some() && item.id == self.last {
            return Placed::Sent;
        }
        let in_order = item.id.is_none() || item.prev_id.is_none() || self.last.is_none() || item.prev_id == self.last;
        if !in_order && self.waiting.len() < WAITING {
            self.waiting.push(item);
            return Placed::Waiting;
        }
        self.send(item);
        while let Some(at) = self.waiting.iter().position(|waiting| waiting.prev_id == self.last) {
            let next = self.waiting.swap_remove(at);
            self.send(next);
        }
        Placed::Sent
    }

    /// Sends what waited for long enough, as far as possible in order.
    pub(super) fn release(&mut self) {
        while !self.waiting.is_empty() {
            // First one that no other waiting one comes before; in a circle, any.
            let first = self
                .waiting
                .iter()
                .position(|item| !self.waiting.iter().any(|other| other.id == item.prev_id))
                .unwrap_or_default();
            let item = self.waiting.remove(first);
            self.send(item);
        }
    }

    fn send(&mut self, item: Item) {
        for subscriber in self.subscribers.values_mut() {
            if item.id.is_some() && subscriber.held == item.id {
                continue;
            }
            if item.id.is_some() {
                // The sender has its own change from the answer to it.
                subscriber.held.clone_from(&item.id);
            }
            if !(subscriber.skip_self && item.sender.is_some() && subscriber.connection.user() == item.sender) {
                subscriber.connection.push(&item.content);
            }
        }
        if item.id.is_some() {
            self.last = item.id;
        }
    }

    /// Sends an item to those who hold exactly the version that it starts from.
    pub(super) fn make_good(&mut self, item: &Item) {
        for subscriber in self.subscribers.values_mut().filter(|subscriber| subscriber.held == item.prev_id) {
            subscriber.held.clone_from(&item.id);
            subscriber.connection.push(&item.content);
        }
        if self.last == item.prev_id {
            self.last.clone_from(&item.id);
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
