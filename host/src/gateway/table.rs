//! The connections of this gateway and the channels they are subscribed to.
//!
//! Channels are spread over shards by a hash of their name, each behind a lock that is held while an item is queued for
//! its subscribers, never over I/O. Lock order: a connection's channels, then a shard.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;

use super::channel::{Channel, Placed, is_newer};
use super::connection::{Connection, lock};
use super::message::{Held, Item};
use super::outbox::{Outbox, OutboxLimits};

const SHARDS: usize = 16;
/// So many channels without subscribers are remembered by a shard with the version published last, for those who
/// subscribe while an item is under way.
const RECENT: usize = 512;

#[derive(Default)]
struct Shard {
    channels: HashMap<Arc<str>, Channel>,
    /// With the number of the publish that it was last published by.
    recent: HashMap<Arc<str>, (Arc<str>, u64)>,
    recent_order: VecDeque<(Arc<str>, u64)>,
    published: u64,
}

pub(super) struct Table {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    next_key: AtomicU64,
    connections: AtomicUsize,
    outbox: OutboxLimits,
}

impl Table {
    pub(super) fn new(outbox: OutboxLimits) -> Table {
        Table {
            shards: Default::default(),
            hasher: RandomState::new(),
            next_key: AtomicU64::new(1),
            connections: AtomicUsize::new(0),
            outbox,
        }
    }

    fn shard(&self, channel: &str) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(channel) as usize % SHARDS;
        lock(&self.shards[at])
    }

    pub(super) fn connect(&self, id: Arc<str>) -> Arc<Connection> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        Arc::new(Connection::new(key, id, Outbox::new(self.outbox)))
    }

    /// Ends the connection's subscriptions; nothing is sent to it from now on.
    pub(super) fn disconnect(&self, connection: &Connection) {
        let Some(channels) = lock(&connection.channels).take() else { return };
        self.connections.fetch_sub(1, Ordering::Relaxed);
        for channel in channels {
            self.leave(&channel, connection.key);
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether something was published that the connection, holding `held`, has missed: ask for it, and then say that it has
    /// [`caught_up`](Table::caught_up).
    pub(super) fn subscribe(
        &self,
        connection: &Arc<Connection>,
        channel: Arc<str>,
        held: Option<Arc<str>>,
        skip_self: bool,
    ) -> bool {
        let mut channels = lock(&connection.channels);
        let Some(channels) = channels.as_mut() else { return false };
        channels.insert(channel.clone());
        let mut shard = self.shard(&channel);
        let recent = shard.recent.get(&channel).map(|(id, _)| id.clone());
        let entry = match shard.channels.entry(channel) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Channel::new(recent)),
        };
        entry.subscribe(connection.clone(), held, skip_self)
    }

    pub(super) fn unsubscribe(&self, connection: &Connection, channel: &str) {
        let mut channels = lock(&connection.channels);
        if channels.as_mut().is_some_and(|channels| channels.remove(channel)) {
            self.leave(channel, connection.key);
        }
    }

    fn leave(&self, channel: &str, key: u64) {
        let mut shard = self.shard(channel);
        let Some(entry) = shard.channels.get_mut(channel) else { return };
        entry.unsubscribe(key);
        if entry.is_empty() {
            shard.channels.remove(channel);
        }
    }

    /// Sends an item to its subscribers, or keeps it for a moment until the one before it is here.
    pub(super) fn publish(&self, item: Item) -> Placed {
        let mut shard = self.shard(&item.channel);
        if let Some(id) = &item.id {
            shard.remember(item.channel.clone(), id.clone());
        }
        match shard.channels.get_mut(&item.channel) {
            Some(channel) => channel.publish(item),
            None => Placed::Sent,
        }
    }

    /// Stop waiting for the predecessors of what has waited for long enough.
    pub(super) fn release(&self, channel: &str, now: Instant) {
        if let Some(channel) = self.shard(channel).channels.get_mut(channel) {
            channel.release(now);
        }
    }

    /// What the connection had missed on the channel was asked for.
    pub(super) fn caught_up(&self, channel: &str, key: u64) {
        if let Some(channel) = self.shard(channel).channels.get_mut(channel) {
            channel.caught_up(key);
        }
    }

    /// Sends an item to those who hold exactly the version it starts from.
    pub(super) fn make_good(&self, item: &Item) {
        if let Some(channel) = self.shard(&item.channel).channels.get_mut(&item.channel) {
            channel.make_good(item);
        }
    }

    /// What is held on all channels.
    pub(super) fn held(&self) -> Vec<Held> {
        let mut all = Vec::new();
        for shard in &self.shards {
            for (name, channel) in &lock(shard).channels {
                all.extend(channel.held().into_iter().map(|id| Held { channel: name.clone(), id }));
            }
        }
        all
    }
}

impl Shard {
    fn remember(&mut self, channel: Arc<str>, id: Arc<str>) {
        self.published += 1;
        let number = self.published;
        let newest = match self.recent.get(&channel) {
            Some((known, _)) if !is_newer(&id, Some(known)) => known.clone(),
            _ => id,
        };
        self.recent.insert(channel.clone(), (newest, number));
        self.recent_order.push_back((channel, number));
        // Those published again since are further back, too.
        while self.recent.len() > RECENT || self.recent_order.len() > 4 * RECENT {
            let Some((oldest, number)) = self.recent_order.pop_front() else { return };
            if self.recent.get(&oldest).is_some_and(|(_, last)| *last == number) {
                self.recent.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio_tungstenite::tungstenite::Message;

    use super::super::channel::PATIENCE;
    use super::super::message::Content;
    use super::super::outbox::Next;
    use super::*;

    fn table() -> Table {
        Table::new(OutboxLimits { frames: 100, bytes: 1 << 20 })
    }

    fn item(prev: Option<&str>, id: &str, sender: Option<&str>) -> Item {
        Item {
            channel: "c".into(),
            id: Some(id.into()),
            prev_id: prev.map(Into::into),
            content: Content::Text(Bytes::copy_from_slice(id.as_bytes())),
            sender: sender.map(Into::into),
        }
    }

    fn received(connection: &Connection) -> String {
        let mut all = String::new();
        while let Some(Next::Send(Message::Text(text))) = connection.outbox.next() {
            all.push_str(&text);
        }
        all
    }

    #[test]
    fn an_item_reaches_every_subscriber_but_its_sender() {
        let table = table();
        let (one, two) = (table.connect("1".into()), table.connect("2".into()));
        one.set_user(Some("1".into()));
        two.set_user(Some("2".into()));
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        table.subscribe(&two, "c".into(), Some("a".into()), true);
        table.publish(item(Some("a"), "b", Some("1")));
        assert_eq!((received(&one), received(&two)), ("".into(), "b".into()));
        assert_eq!(table.held(), [Held { channel: "c".into(), id: Some("b".into()) }], "the sender holds it too");
    }

    #[test]
    fn without_the_filter_the_sender_gets_its_item() {
        let table = table();
        let one = table.connect("1".into());
        one.set_user(Some("1".into()));
        table.subscribe(&one, "c".into(), None, false);
        table.publish(item(None, "b", Some("1")));
        assert_eq!(received(&one), "b");
    }

    #[test]
    fn items_that_come_swapped_are_sent_in_order() {
        let table = table();
        let one = table.connect("1".into());
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        assert_eq!(table.publish(item(Some("c"), "d", None)), Placed::Waiting);
        assert_eq!(table.publish(item(Some("b"), "c", None)), Placed::Waiting);
        assert_eq!(table.publish(item(Some("a"), "b", None)), Placed::Sent);
        table.publish(item(Some("c"), "d", None));
        assert_eq!(received(&one), "bcd", "each once, in order");
    }

    #[test]
    fn an_item_whose_predecessor_never_comes_is_sent_after_a_moment() {
        let table = table();
        let one = table.connect("1".into());
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        table.publish(item(Some("c"), "d", None));
        table.publish(item(Some("b"), "c", None));
        assert_eq!(received(&one), "");
        table.release("c", Instant::now());
        assert_eq!(received(&one), "", "not yet");
        table.release("c", Instant::now() + PATIENCE);
        assert_eq!(received(&one), "cd");
        table.publish(item(Some("a"), "b", None));
        assert_eq!(received(&one), "", "nobody is taken back");
        table.publish(item(Some("d"), "e", None));
        assert_eq!(received(&one), "e");
    }

    #[test]
    fn an_item_waits_for_its_own_time_and_not_for_that_of_another() {
        let table = table();
        let one = table.connect("1".into());
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        table.publish(item(Some("b"), "c", None));
        let first = Instant::now() + PATIENCE;
        std::thread::sleep(std::time::Duration::from_millis(5));
        table.publish(item(Some("d"), "e", None));
        table.release("c", first);
        assert_eq!(received(&one), "c");
        table.publish(item(Some("c"), "d", None));
        assert_eq!(received(&one), "de");
    }

    #[test]
    fn nothing_falls_between_what_a_subscriber_read_and_what_comes_while_they_catch_up() {
        let table = table();
        let (one, two) = (table.connect("1".into()), table.connect("2".into()));
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        table.publish(item(Some("a"), "b", None));
        assert!(table.subscribe(&two, "c".into(), Some("a".into()), true));
        // Before what two has missed is here.
        table.publish(item(Some("b"), "c", None));
        assert_eq!((received(&one), received(&two)), ("bc".into(), "".into()));
        table.make_good(&item(Some("a"), "b", None));
        table.caught_up("c", two.key);
        table.publish(item(Some("c"), "d", None));
        assert_eq!(received(&two), "bcd");
    }

    #[test]
    fn who_waits_for_what_is_not_there_hears_of_it_though_another_has_read_it_already() {
        let table = table();
        let (one, two) = (table.connect("1".into()), table.connect("2".into()));
        table.subscribe(&one, "c".into(), None, true);
        table.subscribe(&two, "c".into(), Some("a".into()), true);
        table.publish(item(None, "a", None));
        assert_eq!((received(&one), received(&two)), ("a".into(), "".into()));
    }

    #[test]
    fn who_subscribes_having_read_what_is_not_sent_yet_takes_it_from_nobody() {
        let table = table();
        let (one, two) = (table.connect("1".into()), table.connect("2".into()));
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        table.subscribe(&two, "c".into(), Some("c".into()), true);
        table.publish(item(Some("a"), "b", None));
        table.publish(item(Some("b"), "c", None));
        table.publish(item(Some("c"), "d", None));
        assert_eq!((received(&one), received(&two)), ("bcd".into(), "d".into()));
    }

    #[test]
    fn of_channels_without_subscribers_the_newest_version_is_remembered() {
        let table = table();
        table.publish(item(Some("b"), "c", None));
        table.publish(item(Some("a"), "b", None));
        let one = table.connect("1".into());
        assert!(table.subscribe(&one, "c".into(), Some("b".into()), true));
        let two = table.connect("2".into());
        assert!(
            !table.subscribe(&two, "c".into(), Some("d".into()), true),
            "who has read something newer is not behind"
        );
    }

    #[test]
    fn who_subscribes_with_an_older_version_than_was_published_is_told_to_resync() {
        let table = table();
        let (one, two) = (table.connect("1".into()), table.connect("2".into()));
        table.publish(item(Some("a"), "b", None));
        assert!(table.subscribe(&one, "c".into(), Some("a".into()), true));
        assert!(!table.subscribe(&two, "c".into(), Some("b".into()), true));
    }

    #[test]
    fn only_those_who_hold_the_version_it_starts_from_get_what_is_made_good() {
        let table = table();
        let (one, two) = (table.connect("1".into()), table.connect("2".into()));
        table.subscribe(&one, "c".into(), Some("a".into()), true);
        table.subscribe(&two, "c".into(), Some("b".into()), true);
        assert_eq!(table.held().len(), 2);
        table.make_good(&item(Some("a"), "z", None));
        assert_eq!((received(&one), received(&two)), ("z".into(), "".into()));
        table.make_good(&item(Some("a"), "z", None));
        assert_eq!(received(&one), "", "once");
    }

    #[test]
    fn nothing_is_kept_of_a_connection_that_ended() {
        let table = table();
        let one = table.connect("1".into());
        table.subscribe(&one, "c".into(), None, true);
        table.unsubscribe(&one, "c");
        assert_eq!(table.held(), []);
        table.subscribe(&one, "c".into(), None, true);
        table.disconnect(&one);
        table.disconnect(&one);
        assert!(!table.subscribe(&one, "c".into(), None, true), "an outcome that comes late subscribes nobody");
        assert_eq!((table.held(), table.connections()), (vec![], 0));
    }
}
