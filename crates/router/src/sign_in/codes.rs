//! Sign-in codes: six digits, ten minutes, six wrong tries, once.
//!
//! `tw-code:{hash of the email}` holds `{nonce, hash, expiresAt, usedBy?, sent: {nonce: at}, tries: {id: nonce}}`: the code
//! asked for last, when codes were sent lately, and each try at a code as a key of its own. A try is written down *before*
//! the guess is looked at, and then counted in what is read back: adding a key never conflicts, so that of many guesses at
//! once each is counted and no more than six are ever compared.

use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;
use timeweft_core::value::{Object, Value};

use crate::config::Config;
use crate::crypto;
use crate::host::Host;
use crate::internal::{self, Step, as_instant, instant, member, of_instant, text};

/// How long a code lives.
pub(crate) const LIFETIME_MICROS: u64 = 600_000_000;

/// Wrong tries that a code bears; the last of them voids it.
const WRONG_TRIES: usize = 6;

/// Codes sent to one address within [`LIFETIME_MICROS`].
const CODES: usize = 5;

/// Keeps these hashes apart from other uses of the key. Keyed, since six digits are soon tried.
const PURPOSE: &[u8] = b"timeweft code\n";

fn hash(config: &Config, email: &str, nonce: &str, code: &str) -> String {
    crypto::sign(&config.key, &parts(email, nonce, code))
}

fn parts<'a>(email: &'a str, nonce: &'a str, code: &'a str) -> [&'a [u8]; 6] {
    [PURPOSE, email.as_bytes(), b"\n", nonce.as_bytes(), b"\n", code.as_bytes()]
}

/// Makes a code for an address and voids the one before; `None` when too many were asked for lately.
pub(crate) async fn issue<H: Host>(host: &H, config: &Config, email: &str) -> Result<Option<String>, Failure> {
    let now = host.now();
    let code = crypto::random_code(host);
    let nonce = crypto::random_name(host, 16);
    let entity = internal::entity("tw-code", &crypto::hash(email))?;
    internal::update(host, &entity, |found| {
        let mut sent = match found.and_then(|value| member(value, "sent")) {
            Some(Value::Object(sent)) => sent.clone(),
            _ => Object::new(),
        };
        let lately = |at: Timestamp| at.0.saturating_add(LIFETIME_MICROS) > now.0;
        sent.retain(|_, at| as_instant(at).is_some_and(lately));
        if sent.len() >= CODES && !config.development {
            return Step::Leave(None);
        }
        sent.insert(nonce.clone(), of_instant(now));
        let value = Value::object([
            ("nonce", Value::text(&nonce)),
            ("hash", Value::text(hash(config, email, &nonce, &code))),
            ("expiresAt", of_instant(Timestamp(now.0 + LIFETIME_MICROS))),
            ("sent", Value::Object(sent)),
            ("tries", Value::Object(Object::new())),
        ]);
        Step::Write(value, Some(code.clone()))
    })
    .await
}

/// Whether this is the code; it is then used up.
pub(crate) async fn redeem<H: Host>(host: &H, config: &Config, email: &str, guess: &str) -> Result<bool, Failure> {
    let entity = internal::entity("tw-code", &crypto::hash(email))?;
    let try_id = crypto::random_name(host, 16);
    let now = host.now();
    let Some(nonce) = internal::update(host, &entity, |found| match found.and_then(|value| open_code(value, now)) {
        Some((value, nonce)) => Step::Write(with_try(value, &try_id, nonce), Some(nonce.to_owned())),
        None => Step::Leave(None),
    })
    .await?
    else {
        return Ok(false);
    };

    let Some((value, _)) = internal::read(host, &entity).await? else { return Ok(false) };
    let right = open_code(&value, now).is_some_and(|(_, current)| current == nonce)
        && tries(&value, &nonce, &try_id) < WRONG_TRIES
        && text(&value, "hash").is_some_and(|hash| crypto::verify(&config.key, &parts(email, &nonce, guess), hash));
    if !right {
        return Ok(false);
    }
    // Of two who come with the right code at once, one writes `usedBy` first, and the other's write conflicts.
    internal::update(host, &entity, |found| match found.and_then(|value| open_code(value, now)) {
        Some((Value::Object(members), current)) if current == nonce => {
            let mut members = members.clone();
            members.insert("usedBy".to_owned(), Value::text(&try_id));
            Step::Write(Value::Object(members), true)
        }
        _ => Step::Leave(false),
    })
    .await
}

/// The value and its code's nonce, while that can still be redeemed.
fn open_code(value: &Value, now: Timestamp) -> Option<(&Value, &str)> {
    let alive = instant(value, "expiresAt").is_some_and(|end| end > now) && member(value, "usedBy").is_none();
    let nonce = text(value, "nonce")?;
    // Past this the answer is known, and an attacker could only make the record longer.
    (alive && tries(value, nonce, "") < 4 * WRONG_TRIES).then_some((value, nonce))
}

/// Tries at the code other than this one.
fn tries(value: &Value, nonce: &str, but: &str) -> usize {
    let Some(Value::Object(tries)) = member(value, "tries") else { return 0 };
    tries.iter().filter(|(id, of)| *id != but && matches!(of, Value::Text(of) if of == nonce)).count()
}

fn with_try(value: &Value, try_id: &str, nonce: &str) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let mut members = members.clone();
    let tries = members.get_or_insert_with("tries", || Value::Object(Object::new()));
    if let Value::Object(tries) = tries {
        tries.insert(try_id.to_owned(), Value::text(nonce));
    }
    Value::Object(members)
}
