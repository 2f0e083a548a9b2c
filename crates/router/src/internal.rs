//! Entities that the router keeps for itself: sign-in codes, sessions, who has which email address.
//!
//! | entity | value |
//! |---|---|
//! | `tw-email:{hash of the email}` | `{email, personId}`; whoever makes it first decides the person |
//! | `tw-code:{hash}` | sign-in codes of an email ([`crate::sign_in::codes`]) |
//! | `tw-invitations:{id of an organisation}`, `tw-invited:{personId}` | invitations ([`crate::sharing::invitations`]) |
//! | `tw-sessions:{personId}` | `{email?, sessions: {sessionId: {createdAt, expiresAt, device}}}` |
//! | `tw-flow:{letter}` | which ways to the issuer and back are over ([`crate::oidc::flow`]) |
//!
//! Types that begin with `tw-` are reserved: [`crate::access`] lets no request near them. They are entities, and not bare
//! records, so that concurrent changes merge or conflict as everybody's do and none is lost.

use timeweft_core::codec::cbor;
use timeweft_core::diff::diff;
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{
    Access, CborDiff, CborValue, Context, Failure, Meta, Operation, Outcome, Patch, Post, Read, Reading, Which,
};
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use crate::host::{Clock, Entities};

/// In whose name the router changes what is its own.
pub(crate) const SYSTEM: &str = "system";

/// Tries at a change that others keep overtaking.
const ATTEMPTS: usize = 10;

/// What a change of an internal entity comes to.
pub(crate) enum Step<T> {
    /// Write this value, then answer.
    Write(Value, T),
    /// Nothing to write.
    Leave(T),
}

pub(crate) fn entity(kind: &str, id: &str) -> Result<EntityId, Failure> {
    EntityId::new(kind, id).map_err(|error| Failure::BadRequest(error.to_string()))
}

/// To read and change them with.
pub(crate) fn context(now: Timestamp) -> Context {
    Context {
        person_id: SYSTEM.to_owned(),
        impersonator_id: None,
        now,
        access: Access::Any,
        rules: None,
        limits: TRUSTED,
    }
}

/// The current value and its meta; `None` when it was never made.
pub(crate) async fn read<H: Entities + Clock>(host: &H, id: &EntityId) -> Result<Option<(Value, Meta)>, Failure> {
    let read = Operation::Read(Read::whole(Which::Current));
    match host.apply(&context(host.now()), id, read).await.and_then(Outcome::reading) {
        Ok(Reading::Value(CborValue(bytes), meta)) => {
            let value = cbor::decode_value(&bytes, &TRUSTED)
                .map_err(|error| Failure::Unavailable(format!("{id} can't be read: {error}")))?;
            Ok(Some((value, meta)))
        }
        Ok(_) => Err(Failure::Unavailable(format!("{id} was asked for whole and came otherwise"))),
        Err(Failure::NotFound) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Reads, lets `change` decide, writes; again from the start when somebody was faster. Changes to different keys merge;
/// of two that touch the same key one is decided anew on what the other wrote.
pub(crate) async fn update<H: Entities + Clock, T>(
    host: &H,
    id: &EntityId,
    mut change: impl FnMut(Option<&Value>) -> Step<T>,
) -> Result<T, Failure> {
    for _ in 0..ATTEMPTS {
        let found = read(host, id).await?;
        let (new, answer) = match change(found.as_ref().map(|(value, _)| value)) {
            Step::Leave(answer) => return Ok(answer),
            Step::Write(new, answer) => (new, answer),
        };
        let operation = match found {
            None => Operation::Post(Post::of(CborValue(cbor::encode_value(&new)))),
            Some((old, meta)) => {
                let diff = CborDiff(cbor::encode_patch(&diff(&old, &new).to_patch()));
                Operation::Patch(Patch::of(diff, meta.valid_from))
            }
        };
        match host.apply(&context(host.now()), id, operation).await {
            Ok(_) => return Ok(answer),
            Err(Failure::Exists | Failure::Conflict(..) | Failure::UnknownVersion(..) | Failure::Busy) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::Busy)
}

/// The member of an object.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(name),
        _ => None,
    }
}

/// The text under a key.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    match member(value, name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// The instant under a key, kept in microseconds (exact in a double until the year 2255).
pub(crate) fn instant(value: &Value, name: &str) -> Option<Timestamp> {
    member(value, name).and_then(as_instant)
}

pub(crate) fn as_instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(micros) if *micros >= 0.0 => Some(Timestamp(*micros as u64)),
        _ => None,
    }
}

pub(crate) fn of_instant(at: Timestamp) -> Value {
    Value::Number(at.0 as f64)
}
