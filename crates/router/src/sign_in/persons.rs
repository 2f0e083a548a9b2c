//! Which person an email address is. `tw-email:{hash}` is made once, and whoever makes it decides.

use timeweft_core::codec::cbor;
use timeweft_core::id::EntityId;
use timeweft_core::limits::TRUSTED;
use timeweft_core::operation::{Access, CborValue, Committed, Context, Failure, Operation, Outcome, Post};
use timeweft_core::value::Value;

use crate::crypto;
use crate::host::Host;
use crate::internal::{self, Step, text};

/// Letters of a person's id: 80 bits.
const ID_LENGTH: usize = 16;

/// The person with this address, made now if there is none; and the making of `person:{id}`, when that happened.
pub(crate) async fn of_email<H: Host>(
    host: &H,
    email: &str,
) -> Result<(String, Option<(EntityId, Committed)>), Failure> {
    let fresh = crypto::random_name(host, ID_LENGTH);
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
    let made = make_entity(host, &person, email).await?;
    Ok((person, made))
}

async fn make_entity<H: Host>(host: &H, person: &str, email: &str) -> Result<Option<(EntityId, Committed)>, Failure> {
    let entity = internal::entity("person", person)?;
    let value = CborValue(cbor::encode_value(&Value::object([("email", Value::text(email))])));
    let context = Context {
        person_id: person.to_owned(),
        impersonator_id: None,
        now: host.now(),
        access: Access::Creator,
        rules: None,
        limits: TRUSTED,
    };
    match host.apply(&context, &entity, Operation::Post(Post::of(value))).await.and_then(Outcome::committed) {
        Ok(committed) => Ok(Some((entity, committed))),
        Err(Failure::Exists) => Ok(None),
        Err(failure) => Err(failure),
    }
}
