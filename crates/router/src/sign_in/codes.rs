//! Sign-in codes: six digits, ten minutes, six wrong tries, once.
//!
//! `tw-code:{hash of the email and of where it was asked from}` holds `{nonce, hash, expiresAt, usedBy?, sent: {nonce: at},
//! tries: {id: nonce}}`: the code asked for last, when codes were sent lately, and each try at a code as a key of its own. A try is
//! written down *before* the guess is looked at, and then counted in what is read back: adding a key never conflicts, so that
//! of many guesses at once each is counted and no more than six are ever compared.
//!
//! Who asks from elsewhere has another code, with tries and a number of mails of its own: asking for somebody's codes, or guessing
//! at them, keeps nobody from signing in. Who comes from where no code was asked for (another network since) is compared with the
//! one asked for last from anywhere, which `tw-code:{hash of the email}` names; these tries are counted apart.

use timeweft_core::id::EntityId;
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

/// Mails with codes for one email, asked for from one place, within [`LIFETIME_MICROS`].
const CODES: usize = 5;

/// Before the nonce in a try from elsewhere.
const ELSEWHERE: &str = "elsewhere ";

/// Keeps these hashes apart from other uses of the key. Keyed, since six digits are soon tried.
const PURPOSE: &[u8] = b"timeweft code\n";

fn hash(config: &Config, email: &str, nonce: &str, code: &str) -> String {
    crypto::sign(&config.key, &parts(email, nonce, code))
}

fn parts<'a>(email: &'a str, nonce: &'a str, code: &'a str) -> [&'a [u8]; 6] {
    [PURPOSE, email.as_bytes(), b"\n", nonce.as_bytes(), b"\n", code.as_bytes()]
}

fn own_entity(email: &str, address: &str) -> Result<EntityId, Failure> {
    internal::entity("tw-code", &crypto::hash(&format!("{email}\n{address}")))
}

/// Names the code asked for last, from wherever.
fn last_entity(email: &str) -> Result<EntityId, Failure> {
    internal::entity("tw-code", &crypto::hash(email))
}

/// A new code, or how many seconds from now one may be asked for.
pub(crate) type Issued = Result<String, u64>;

/// Makes a code for an email, asked for from an address, and voids the one before.
pub(crate) async fn issue<H: Host>(host: &H, config: &Config, email: &str, address: &str) -> Result<Issued, Failure> {
    let now = host.now();
    let code = crypto::random_code(host);
    let nonce = crypto::random_name(host, 16);
    let entity = own_entity(email, address)?;
    let issued = internal::update(host, &entity, |found| {
        let mut sent = match found.and_then(|value| member(value, "sent")) {
            Some(Value::Object(sent)) => sent.clone(),
            _ => Object::new(),
        };
        let until = |at: &Value| as_instant(at).map_or(0, |at| at.0.saturating_add(LIFETIME_MICROS));
        sent.retain(|_, at| until(at) > now.0);
        if sent.len() >= CODES && !config.development {
            let first = sent.iter().map(|(_, at)| until(at)).min().unwrap_or(now.0);
            return Step::Leave(Err(first.saturating_sub(now.0).div_ceil(1_000_000)));
        }
        sent.insert(nonce.clone(), of_instant(now));
        let value = Value::object([
            ("nonce", Value::text(&nonce)),
            ("hash", Value::text(hash(config, email, &nonce, &code))),
            ("expiresAt", of_instant(Timestamp(now.0 + LIFETIME_MICROS))),
            ("sent", Value::Object(sent)),
            ("tries", Value::Object(Object::new())),
        ]);
        Step::Write(value, Ok(code.clone()))
    })
    .await?;
    if issued.is_ok() {
        let last = Value::object([("last", Value::text(entity.local()))]);
        internal::update(host, &last_entity(email)?, |found| match found {
            Some(found) if *found == last => Step::Leave(()),
            _ => Step::Write(last.clone(), ()),
        })
        .await?;
    }
    Ok(issued)
}

/// Whether this is the code; it is then used up.
pub(crate) async fn redeem<H: Host>(
    host: &H,
    config: &Config,
    email: &str,
    address: &str,
    guess: &str,
) -> Result<bool, Failure> {
    let own = own_entity(email, address)?;
    let asked_here = internal::read(host, &own).await?;
    if asked_here.is_some_and(|(value, _)| alive(&value, host.now())) {
        return redeem_at(host, config, email, &own, "", guess).await;
    }
    let Some((last, _)) = internal::read(host, &last_entity(email)?).await? else { return Ok(false) };
    let Some(last) = text(&last, "last") else { return Ok(false) };
    redeem_at(host, config, email, &internal::entity("tw-code", last)?, ELSEWHERE, guess).await
}

/// `from` stands before the nonce of this try.
async fn redeem_at<H: Host>(
    host: &H,
    config: &Config,
    email: &str,
    entity: &EntityId,
    from: &str,
    guess: &str,
) -> Result<bool, Failure> {
    let try_id = crypto::random_name(host, 16);
    let now = host.now();
    let Some(nonce) =
        internal::update(host, entity, |found| match found.and_then(|value| open_code(value, from, now)) {
            Some((value, nonce)) => Step::Write(with_try(value, &try_id, from, nonce), Some(nonce.to_owned())),
            None => Step::Leave(None),
        })
        .await?
    else {
        return Ok(false);
    };

    let Some((value, _)) = internal::read(host, entity).await? else { return Ok(false) };
    let right = open_code(&value, from, now).is_some_and(|(_, current)| current == nonce)
        && tries(&value, from, &nonce, &try_id) < WRONG_TRIES
        && text(&value, "hash").is_some_and(|hash| crypto::verify(&config.key, &parts(email, &nonce, guess), hash));
    if !right {
        return Ok(false);
    }
    // Of two who come with the right code at once, one writes `usedBy` first, and the other's write conflicts.
    internal::update(host, entity, |found| match found.and_then(|value| open_code(value, from, now)) {
        Some((Value::Object(members), current)) if current == nonce => {
            let mut members = members.clone();
            members.insert("usedBy".to_owned(), Value::text(&try_id));
            Step::Write(Value::Object(members), true)
        }
        _ => Step::Leave(false),
    })
    .await
}

fn alive(value: &Value, now: Timestamp) -> bool {
    instant(value, "expiresAt").is_some_and(|end| end > now) && member(value, "usedBy").is_none()
}

/// The value and its code's nonce, while that can still be redeemed.
fn open_code<'a>(value: &'a Value, from: &str, now: Timestamp) -> Option<(&'a Value, &'a str)> {
    let nonce = text(value, "nonce")?;
    // Past this the answer is known, and an attacker could only make the record longer.
    (alive(value, now) && tries(value, from, nonce, "") < 4 * WRONG_TRIES).then_some((value, nonce))
}

/// Tries at the code from there, other than this one.
fn tries(value: &Value, from: &str, nonce: &str, but: &str) -> usize {
    let Some(Value::Object(tries)) = member(value, "tries") else { return 0 };
    let at_it = |of: &Value| matches!(of, Value::Text(of) if of.strip_prefix(from) == Some(nonce));
    tries.iter().filter(|(id, of)| *id != but && at_it(of)).count()
}

fn with_try(value: &Value, try_id: &str, from: &str, nonce: &str) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let mut members = members.clone();
    let tries = members.get_or_insert_with("tries", || Value::Object(Object::new()));
    if let Value::Object(tries) = tries {
        tries.insert(try_id.to_owned(), Value::text(format!("{from}{nonce}")));
    }
    Value::Object(members)
}
