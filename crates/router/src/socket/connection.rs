//! What is known of a connection. Nothing stays here between two batches: its gateway keeps these as meta.
//!
//! | meta | what |
//! |---|---|
//! | `session` | the signed token of who it is; the only one that is believed |
//! | `person-id` | the person: whose share of the gateway its calls are |
//! | `expires` | when the session ends, in seconds since 1970: the gateway closes it then |
//! | `format` | `cbor` or `json` |
//! | `user` | the connection's id, which GRIP's `skip-self` compares with an item's sender |
//! | `subscriptions` | six letters of a hash for each entity subscribed to: counts them, each once |
//! | `rights` | eight letters of a keyed hash for each channel on which it is told of other rights |
//! | `watching` | the names of as many of them as fit, so that presence knows whom to take off at the end |
//! | `seen` | when presence was last told, in seconds |
//!
//! A gateway keeps clients from setting meta. If one didn't, a client could at most mislead itself.

use timeweft_core::id::EntityId;
use timeweft_core::message::Format;

use crate::Router;
use crate::crypto;
use crate::event::{Batch, Header, header};
use crate::host::Host;
use crate::presence;
use crate::token::Token;

/// Letters (36 bits) a subscription takes in `subscriptions`: among a thousand, two that share them are one case in 10^5.
const MARK: usize = 6;

/// Letters (48 bits) that a channel takes in `rights`. Of a hash with our key: nobody can choose what looks like it.
const RIGHTS_MARK: usize = 8;

/// Keeps these hashes apart from others by the same key.
const RIGHTS_PURPOSE: &[u8] = b"timeweft rights channel\n";

/// Bytes of names in `watching`.
const WATCHING: usize = 1_024;

pub(super) struct Connection {
    pub(super) id: String,
    pub(super) token: Token,
    pub(super) format: Format,
    key: String,
    subscriptions: String,
    rights: String,
    watching: Vec<String>,
    seen: u64,
    fresh: Vec<Header>,
    changed: bool,
}

impl Connection {
    /// A connection that was just opened.
    pub(super) fn new<H: Host>(router: &Router<H>, id: &str, token: Token, format: Format) -> Connection {
        let fresh = vec![
            Header::new("session", token.write(&router.config.key)),
            Header::new("person-id", &token.person),
            Header::new("expires", token.expires.to_string()),
            Header::new("format", format.as_str()),
            Header::new("user", id),
        ];
        Connection {
            id: id.to_owned(),
            token,
            format,
            key: presence::connection_key(id),
            subscriptions: String::new(),
            rights: String::new(),
            watching: Vec::new(),
            seen: 0,
            fresh,
            changed: false,
        }
    }

    /// A connection opened before; `None` when its session is over.
    pub(super) fn of_meta<H: Host>(router: &Router<H>, batch: &Batch) -> Option<Connection> {
        let meta = |name: &str| header(&batch.headers, name);
        let token = router.config.session(meta("meta-session")?, router.host.now())?;
        let marks = |name: &str, length: usize| {
            let marks = meta(name).filter(|marks| marks.is_ascii() && marks.len() % length == 0);
            marks.unwrap_or_default().to_owned()
        };
        let names = meta("meta-watching").unwrap_or_default().split(',');
        Some(Connection {
            id: batch.connection_id.clone(),
            token,
            format: if meta("meta-format") == Some("json") { Format::Json } else { Format::Cbor },
            key: presence::connection_key(&batch.connection_id),
            subscriptions: marks("meta-subscriptions", MARK),
            rights: marks("meta-rights", RIGHTS_MARK),
            watching: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            seen: meta("meta-seen").and_then(|seen| seen.parse().ok()).unwrap_or(0),
            fresh: Vec::new(),
            changed: false,
        })
    }

    /// The name under which presence knows it.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    fn position(&self, entity: &EntityId) -> Option<usize> {
        let mark = mark(entity);
        self.subscriptions.as_bytes().chunks_exact(MARK).position(|known| known == mark.as_bytes())
    }

    pub(super) fn is_subscribed(&self, entity: &EntityId) -> bool {
        self.position(entity).is_some()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions.len() / MARK
    }

    /// Counts a subscription, once.
    pub(super) fn add(&mut self, entity: &EntityId) {
        if self.is_subscribed(entity) {
            return;
        }
        self.subscriptions.push_str(&mark(entity));
        self.changed = true;
    }

    /// Whether it is not on this channel of rights yet; then it is. Once is enough and twice would be wrong: what it was subscribed with
    /// first is the oldest version by which any of its subscriptions was decided.
    pub(super) fn begins_to_follow(&mut self, key: &[u8], channel: &str) -> bool {
        let hash = crypto::sign(key, &[RIGHTS_PURPOSE, channel.as_bytes()]);
        let mark = &hash[..RIGHTS_MARK];
        if self.rights.as_bytes().chunks_exact(RIGHTS_MARK).any(|known| known == mark.as_bytes()) {
            return false;
        }
        self.rights.push_str(mark);
        self.changed = true;
        true
    }

    /// Remembers to keep presence told of it; once `now` is over.
    pub(super) fn watch(&mut self, entity: &EntityId, now: u64) {
        let length: usize = self.watching.iter().map(|name| name.len() + 1).sum();
        let name = entity.as_str();
        if length + name.len() < WATCHING && !self.watching.iter().any(|known| known == name) {
            self.watching.push(name.to_owned());
            self.changed = true;
        }
        if self.seen == 0 {
            self.seen = now;
            self.changed = true;
        }
    }

    pub(super) fn remove(&mut self, entity: &EntityId) {
        if let Some(position) = self.position(entity) {
            let start = position * MARK;
            self.subscriptions.replace_range(start..start + MARK, "");
            self.changed = true;
        }
        self.watching.retain(|name| name != entity.as_str());
    }

    /// What presence was told of.
    pub(super) fn watched(&self) -> Vec<EntityId> {
        self.watching.iter().filter_map(|name| EntityId::parse(name).ok()).collect()
    }

    /// It is gone: nothing more is to be said of it.
    pub(super) fn forget(&mut self) {
        self.watching.clear();
        self.changed = false;
        self.fresh.clear();
    }

    /// Whether presence is due to be told again; then it counts as told.
    pub(super) fn wants_refresh(&mut self, now: u64) -> bool {
        let due =
            !self.watching.is_empty() && self.seen != 0 && now >= self.seen.saturating_add(presence::REFRESH_SECONDS);
        if due {
            self.seen = now;
            self.changed = true;
        }
        due
    }

    /// The meta that is to be set.
    pub(super) fn new_meta(mut self) -> Vec<Header> {
        if self.changed {
            self.fresh.push(Header::new("subscriptions", self.subscriptions));
            self.fresh.push(Header::new("rights", self.rights));
            self.fresh.push(Header::new("watching", self.watching.join(",")));
            self.fresh.push(Header::new("seen", self.seen.to_string()));
        }
        self.fresh
    }
}

fn mark(entity: &EntityId) -> String {
    crypto::hash(entity.as_str()).chars().take(MARK).collect()
}
