//! Who watches an entity, as far as is known: for `GET …/subscribers`, never for delivery.
//!
//! Private records `p:{entityId}:{shard}` hold `{connection: [personId, seen]}`, `seen` in seconds. A connection is written
//! down when it subscribes to what is there, again when it is heard from after [`REFRESH_SECONDS`], and leaves when it
//! unsubscribes or closes; what wasn't heard from for [`AGE_SECONDS`] is left out, and dropped with the next write. Two
//! writes at once to one shard may lose one of them until its connection is heard from again: nothing here is worth a
//! version. A record that can't be read or written is nobody's failure.

use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::value::{Object, Value};

use crate::crypto;
use crate::host::Host;

/// How long a connection may be silent before it is written down anew.
pub(crate) const REFRESH_SECONDS: u64 = 300;

/// And before it counts as gone.
pub(crate) const AGE_SECONDS: u64 = 900;

const SHARDS: u8 = 8;

/// Connections in one shard; beyond, those not heard from for longest give way.
const MOST: usize = 500;

/// A short name for a connection: as many bits as it takes to keep those on one entity apart.
pub(crate) fn connection_key(connection: &str) -> String {
    crypto::hash(connection).chars().take(10).collect()
}

fn record_key(entity: &EntityId, shard: u8) -> String {
    format!("p:{entity}:{shard}")
}

fn shard_of(connection: &str) -> u8 {
    connection.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % SHARDS
}

pub(crate) fn seconds<H: Host>(host: &H) -> u64 {
    host.now().0 / 1_000_000
}

/// Writes down that a connection watches the entity, unless that was done lately.
pub(crate) async fn touch<H: Host>(host: &H, entity: &EntityId, connection: &str, person: &str) {
    let key = record_key(entity, shard_of(connection));
    let now = seconds(host);
    let Some(mut watchers) = read(host, &key).await else { return };
    if watchers.get(connection).and_then(seen).is_some_and(|seen| now < seen.saturating_add(REFRESH_SECONDS)) {
        return;
    }
    watchers.retain(|_, watcher| is_fresh(watcher, now));
    while watchers.len() >= MOST {
        let Some(oldest) = watchers.iter().min_by_key(|(_, w)| seen(w)).map(|(key, _)| key.clone()) else { break };
        watchers.remove(&oldest);
    }
    watchers.insert(connection.to_owned(), Value::Array(vec![Value::text(person), Value::Number(now as f64)]));
    write(host, &key, watchers).await;
}

/// Takes a connection off.
pub(crate) async fn leave<H: Host>(host: &H, entity: &EntityId, connection: &str) {
    let key = record_key(entity, shard_of(connection));
    let Some(mut watchers) = read(host, &key).await else { return };
    if watchers.remove(connection).is_some() {
        write(host, &key, watchers).await;
    }
}

/// The persons who watch, each once, in order of their ids.
pub(crate) async fn list<H: Host>(host: &H, entity: &EntityId) -> Vec<String> {
    let now = seconds(host);
    let mut persons = std::collections::BTreeSet::new();
    for shard in 0..SHARDS {
        let watchers = read(host, &record_key(entity, shard)).await.unwrap_or_default();
        for watcher in watchers.values().filter(|watcher| is_fresh(watcher, now)) {
            if let Value::Array(parts) = watcher
                && let Some(Value::Text(person)) = parts.first()
            {
                persons.insert(person.clone());
            }
        }
    }
    persons.into_iter().collect()
}

fn seen(watcher: &Value) -> Option<u64> {
    let Value::Array(parts) = watcher else { return None };
    match parts.get(1) {
        Some(Value::Number(seconds)) => Some(*seconds as u64),
        _ => None,
    }
}

fn is_fresh(watcher: &Value, now: u64) -> bool {
    seen(watcher).is_some_and(|seen| now < seen.saturating_add(AGE_SECONDS))
}

/// `None` when the store can't answer: then nothing is written over what it may hold.
async fn read<H: Host>(host: &H, key: &str) -> Option<Object> {
    let Some(bytes) = host.record(key).await.ok()? else { return Some(Object::new()) };
    match cbor::decode_value(&bytes, &TRUSTED) {
        Ok(Value::Object(watchers)) => Some(watchers),
        _ => Some(Object::new()),
    }
}

async fn write<H: Host>(host: &H, key: &str, watchers: Object) {
    // Not worth an error to anybody.
    let _ = host.set_record(key, &cbor::encode_value(&Value::Object(watchers))).await;
}
