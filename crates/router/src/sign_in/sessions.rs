//! Which sessions of a person stand: `tw-sessions:{personId}` holds `{email?, guest?, sessions: {id: {createdAt, expiresAt, device, by?, from?}}}`;
//! `guest` is true of who has not signed in yet, `by` the admin who acts in the person's name, from their session `from`.
//!
//! Begun and ended as keys of one map, so that concurrent sign-ins and sign-outs merge. Over-age ones go when a new one
//! begins, and the oldest when there are too many.

use timeweft_core::operation::Failure;
use timeweft_core::time::Timestamp;
use timeweft_core::value::{Object, Value};

use crate::caller::is_recorded;
use crate::event::Effect;
use crate::host::Host;
use crate::internal::{self, Step, instant, member, of_instant, text};
use crate::sign_in::device;
use crate::token::{self, Token};
use crate::{close, crypto, publish};

/// How long a session stands, in seconds: 30 days.
pub(crate) const LIFETIME_SECONDS: u64 = 30 * 24 * 3_600;

/// Sessions that one person may have.
const MOST: usize = 50;

/// A session that is to begin.
pub(crate) struct New<'a> {
    pub(crate) person: &'a str,
    /// With which they signed in.
    pub(crate) email: Option<&'a str>,
    /// Whether they are let in without having signed in, for the first time.
    pub(crate) is_guest: bool,
    /// The session of the admin who acts in their name.
    pub(crate) impersonator: Option<&'a Token>,
    /// It ends no later (seconds since 1970), if that is given.
    pub(crate) until: Option<u64>,
    /// What the person knows it by.
    pub(crate) device: String,
}

impl<'a> New<'a> {
    /// A session of a person of whom nothing else is known.
    pub(crate) fn of(person: &'a str, device: String) -> New<'a> {
        New { person, email: None, is_guest: false, impersonator: None, until: None, device }
    }
}

/// A session that stands.
pub(crate) struct Standing {
    /// By which it is ended. It opens nothing: what does is signed.
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) begun: Timestamp,
    pub(crate) expires: Timestamp,
    /// The admin who acts in the person's name.
    pub(crate) impersonator: Option<String>,
}

/// What is known of whose session stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// With which they signed in here.
    pub(crate) email: Option<String>,
    /// Whether they have not signed in yet.
    pub(crate) is_guest: bool,
}

/// A session that has begun.
pub(crate) struct Begun {
    pub(crate) token: Token,
    /// The sockets of those that it pushed out are closed.
    pub(crate) effects: Vec<Effect>,
}

/// Begins a session. Of too many the oldest ones end.
pub(crate) async fn begin<H: Host>(host: &H, new: New<'_>) -> Result<Begun, Failure> {
    let New { person, email, is_guest, impersonator, until, device } = new;
    let now = host.now();
    let expires = now.0 / 1_000_000 + LIFETIME_SECONDS;
    let token = Token {
        person: person.to_owned(),
        session: crypto::random_name(host, 16),
        expires: until.map_or(expires, |until| until.min(expires)),
        impersonator: impersonator.map(|admin| admin.person.clone()),
    };
    let entity = internal::entity("tw-sessions", person)?;
    let pushed_out = internal::update(host, &entity, |found| {
        let mut sessions = found.map(all).unwrap_or_default();
        sessions.retain(|_, session| stands(session, now));
        let mut pushed_out = Vec::new();
        while sessions.len() >= MOST {
            let age = |(_, session): &(&String, &Value)| instant(session, "createdAt").unwrap_or(Timestamp(0));
            let Some(oldest) = sessions.iter().min_by_key(age).map(|(id, _)| id.clone()) else { break };
            sessions.remove(&oldest);
            pushed_out.push(oldest);
        }
        let expires = of_instant(Timestamp(token.expires * 1_000_000));
        let device = Value::text(&device);
        let session = [("createdAt", of_instant(now)), ("expiresAt", expires), ("device", device)];
        let by = impersonator.map(|admin| [("by", Value::text(&admin.person)), ("from", Value::text(&admin.session))]);
        sessions.insert(token.session.clone(), Value::object(session.into_iter().chain(by.into_iter().flatten())));
        // Whom a token vouches for may have signed in by mail before.
        let known = found.map(known).unwrap_or_default();
        let is_guest = is_guest || (known.is_guest && email.is_none());
        let email = email.map(str::to_owned).or(known.email);
        Step::Write(with(Known { email, is_guest }, sessions), pushed_out)
    })
    .await?;
    let effects = pushed_out.iter().map(|id| over(host, token::session_channel(person, id))).collect();
    Ok(Begun { token, effects })
}

/// Closes the sockets of a session, or of whatever else has this channel.
pub(crate) fn over<H: Host>(host: &H, channel: String) -> Effect {
    Effect::Publish(publish::closing(channel, host.now(), close::SESSION_OVER))
}

/// What is known of the session's person when the session stands, and that of who acts in their name.
pub(crate) async fn find<H: Host>(host: &H, person: &str, session: &str) -> Result<Option<Known>, Failure> {
    let entity = internal::entity("tw-sessions", person)?;
    let Some((value, _)) = internal::read(host, &entity).await? else { return Ok(None) };
    let found = member(&value, "sessions").and_then(|sessions| member(sessions, session));
    let now = host.now();
    let Some(found) = found.filter(|session| stands(session, now)) else { return Ok(None) };
    if let (Some(by), Some(from)) = (text(found, "by"), text(found, "from"))
        && is_recorded(from)
        && Box::pin(find(host, by, from)).await?.is_none()
    {
        return Ok(None);
    }
    Ok(Some(known(&value)))
}

/// What is known of a person who has had a session.
pub(crate) async fn of_whom<H: Host>(host: &H, person: &str) -> Result<Option<Known>, Failure> {
    let found = internal::read(host, &internal::entity("tw-sessions", person)?).await?;
    Ok(found.map(|(value, _)| known(&value)))
}

/// The sessions of a person, the last one first.
pub(crate) async fn of_person<H: Host>(host: &H, person: &str) -> Result<Vec<Standing>, Failure> {
    let found = internal::read(host, &internal::entity("tw-sessions", person)?).await?;
    let sessions = found.map(|(value, _)| all(&value)).unwrap_or_default();
    let now = host.now();
    let standing = sessions.iter().filter(|(_, session)| stands(session, now)).map(|(id, session)| Standing {
        id: id.clone(),
        // What earlier builds began has none.
        device: text(session, "device").map_or_else(|| device::name(None), str::to_owned),
        begun: instant(session, "createdAt").unwrap_or(Timestamp(0)),
        expires: instant(session, "expiresAt").unwrap_or(Timestamp(0)),
        impersonator: text(session, "by").map(str::to_owned),
    });
    let mut standing: Vec<Standing> = standing.collect();
    standing.sort_by_key(|session| std::cmp::Reverse(session.begun));
    Ok(standing)
}

/// The email with which a person signs in; `None` for those whom an issuer vouches for.
pub(crate) async fn email<H: Host>(host: &H, person: &str) -> Result<Option<String>, Failure> {
    Ok(of_whom(host, person).await?.and_then(|known| known.email))
}

/// Ends one session, or all of the person's. Which there were.
pub(crate) async fn end<H: Host>(host: &H, person: &str, only: Option<&str>) -> Result<Vec<String>, Failure> {
    let entity = internal::entity("tw-sessions", person)?;
    internal::update(host, &entity, |found| {
        let Some(value) = found else { return Step::Leave(Vec::new()) };
        let mut sessions = all(value);
        let ended: Vec<String> = sessions.keys().filter(|id| only.is_none_or(|only| *id == only)).cloned().collect();
        if ended.is_empty() {
            return Step::Leave(Vec::new());
        }
        sessions.retain(|id, _| !ended.contains(id));
        Step::Write(with(known(value), sessions), ended)
    })
    .await
}

fn all(value: &Value) -> Object {
    match member(value, "sessions") {
        Some(Value::Object(sessions)) => sessions.clone(),
        _ => Object::new(),
    }
}

fn known(value: &Value) -> Known {
    let is_guest = member(value, "guest") == Some(&Value::Bool(true));
    Known { email: text(value, "email").map(str::to_owned), is_guest }
}

fn with(Known { email, is_guest }: Known, sessions: Object) -> Value {
    let email = email.map(|email| ("email", Value::Text(email)));
    let guest = is_guest.then_some(("guest", Value::Bool(true)));
    Value::object(email.into_iter().chain(guest).chain([("sessions", Value::Object(sessions))]))
}

fn stands(session: &Value, now: Timestamp) -> bool {
    instant(session, "expiresAt").is_some_and(|end| end > now)
}
