//! Which person an email address is, or a subject for whom an issuer vouches. `tw-email:{hash}` is made once, and whoever makes it
//! decides; the person of a subject follows from the subject.

use timeweft_core::codec::cbor;
use timeweft_core::diff::Patch as Diff;
use timeweft_core::id::{EntityId, is_local_id};
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{
    Access, CborDiff, CborValue, Committed, Context, Failure, Operation, Outcome, Patch, Post, Read, Reading, Which,
};
use timeweft_core::value::Value;

use crate::crypto;
use crate::host::Host;
use crate::internal::{self, SYSTEM, Step, text};

/// Letters of a person's id: 80 bits.
const ID_LENGTH: usize = 16;

/// A person nobody is yet.
pub(crate) fn fresh<H: Host>(host: &H) -> String {
    crypto::random_name(host, ID_LENGTH)
}

/// The person with this address, made now if there is none, of the guest if it is given; and what was made of `person:{id}`, when that
/// happened.
pub(crate) async fn of_email<H: Host>(
    host: &H,
    email: &str,
    guest: Option<&str>,
) -> Result<(String, Option<(EntityId, Committed)>), Failure> {
    let fresh = guest.map_or_else(|| fresh(host), str::to_owned);
    let entity = internal::entity("tw-email", &crypto::hash(email))?;
    let person = internal::update(host, &entity, |found| match found.and_then(|value| text(value, "personId")) {
        Some(person) => Step::Leave(person.to_owned()),
        None => {
            let value = Value::object([("email", Value::text(email)), ("personId", Value::text(&fresh))]);
            Step::Write(value, fresh.clone())
        }
    })
    .await?;
    // Asked for every time: a server that died between the two left a person without an entity.
    let made = make_entity(host, &person, Some(email)).await?;
    if made.is_none() && guest == Some(&*person) {
        return Ok((person.clone(), add_email(host, &person, email).await?));
    }
    Ok((person, made))
}

/// Writes the address into the entity of who was a guest.
async fn add_email<H: Host>(host: &H, person: &str, email: &str) -> Result<Option<(EntityId, Committed)>, Failure> {
    let entity = internal::entity("person", person)?;
    let members = [("email".to_owned(), Diff::Value(Value::text(email)))];
    let diff = CborDiff(cbor::encode_patch(&Diff::Map(members.into_iter().collect())));
    let latest = Operation::Read(Read::whole(Which::Latest));
    let found = host.apply(&as_person(host, person), &entity, latest).await.and_then(Outcome::reading);
    let since = match found {
        Ok(Reading::Value(_, meta)) => meta.valid_from,
        // Whoever has deleted it wants no address in it.
        Ok(_) | Err(Failure::NotFound) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let patch = Operation::Patch(Patch::of(diff, since));
    match host.apply(&as_person(host, person), &entity, patch).await.and_then(Outcome::committed) {
        Ok(committed) => Ok(Some((entity, committed))),
        // Nor where the app has made something else of it: who signs in is in whatever is written there.
        Err(Failure::NotFound | Failure::Conflict(..) | Failure::BadRequest(_) | Failure::InvalidValue(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Before the hash of a subject that can't be an id.
const HASHED: &str = "sub-";

/// The person of a subject of the issuer who shares a key: the subject, when that can be an id, else a hash of it.
pub(crate) fn of_shared_subject(subject: &str) -> Option<String> {
    let person = if is_local_id(subject) { subject.to_owned() } else { format!("{HASHED}{}", crypto::hash(subject)) };
    (!subject.is_empty() && subject != SYSTEM).then_some(person)
}

/// The person of a subject of an OpenID Connect issuer: the same. But there people may choose their subject themselves, so that one who
/// has the look of somebody who signs in by mail here, or of a hash, is hashed too, and with the issuer.
pub(crate) fn of_subject(issuer: &str, subject: &str) -> String {
    let ours = crypto::is_name(subject, ID_LENGTH) || subject.starts_with(HASHED) || subject == SYSTEM;
    if is_local_id(subject) && !ours {
        return subject.to_owned();
    }
    format!("{HASHED}{}", crypto::hash(&format!("{issuer}\n{subject}")))
}

/// Makes `person:{id}` if there is none.
pub(crate) async fn make_entity<H: Host>(
    host: &H,
    person: &str,
    email: Option<&str>,
) -> Result<Option<(EntityId, Committed)>, Failure> {
    let entity = internal::entity("person", person)?;
    let value = CborValue(cbor::encode_value(&Value::object(email.map(|email| ("email", Value::text(email))))));
    match host
        .apply(&as_person(host, person), &entity, Operation::Post(Post::of(value)))
        .await
        .and_then(Outcome::committed)
    {
        Ok(committed) => Ok(Some((entity, committed))),
        // Where the app's schema of persons takes no more than it knows, the app makes it.
        Err(Failure::Exists | Failure::InvalidValue(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn as_person<H: Host>(host: &H, person: &str) -> Context {
    Context {
        person_id: person.to_owned(),
        impersonator_id: None,
        now: host.now(),
        access: Access::Creator,
        rules: None,
        limits: TRUSTED,
    }
}
