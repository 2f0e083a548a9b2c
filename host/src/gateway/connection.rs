//! One client's socket, as those see it who send to it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::message::Content;
use super::outbox::Outbox;

/// The socket.
pub(super) struct Connection {
    /// Tells connections of this process apart.
    pub(super) key: u64,
    /// Tells connections apart everywhere.
    pub(super) id: Arc<str>,
    pub(super) outbox: Outbox,
    user: Mutex<Option<String>>,
    /// `None` when the connection has ended and takes no more subscriptions.
    pub(super) channels: Mutex<Option<HashSet<Arc<str>>>>,
}

impl Connection {
    pub(super) fn new(key: u64, id: Arc<str>, outbox: Outbox) -> Connection {
        Connection { key, id, outbox, user: Mutex::default(), channels: Mutex::new(Some(HashSet::new())) }
    }

    pub(super) fn user(&self) -> Option<String> {
        lock(&self.user).clone()
    }

    pub(super) fn set_user(&self, user: Option<String>) {
        *lock(&self.user) = user;
    }

    /// How many channels it is on.
    pub(super) fn subscriptions(&self) -> usize {
        lock(&self.channels).as_ref().map_or(0, HashSet::len)
    }

    /// Sends what others caused.
    pub(super) fn push(&self, content: &Content) {
        if let Some(message) = self.message(content) {
            self.outbox.push(message);
        }
    }

    /// Sends an answer to what the client itself sent.
    pub(super) fn answer(&self, content: &Content) {
        if let Some(message) = self.message(content) {
            self.outbox.answer(message);
        }
    }

    fn message(&self, content: &Content) -> Option<Message> {
        match content {
            Content::Text(text) => match Utf8Bytes::try_from(text.clone()) {
                Ok(text) => return Some(Message::Text(text)),
                Err(_) => tracing::warn!(connection = %self.id, "dropped a text frame that is not UTF-8"),
            },
            Content::Binary(bytes) => return Some(Message::Binary(bytes.clone())),
            Content::Close(code, reason) => self.outbox.close(*code, reason),
        }
        None
    }

    pub(super) fn pong(&self, payload: Bytes) {
        self.outbox.answer(Message::Pong(payload));
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
