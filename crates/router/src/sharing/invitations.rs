//! Invitations: a secret that makes whoever accepts it something with an entity, by mail for one address, or as a link for anybody
//! who has it.
//!
//! `tw-invitations:{id of the organisation}` holds `{invitations: {hash: {to, node, role, by, expiresAt, email?}}}`, by the hash of the secret.
//! Each is `to` what is at a node for one entity alone, or to the organisation at that node. It is accepted **in the name of who invited**, so that it holds as long
//! as they may grant what they promised, and the version says both: `personId` who invited, `impersonatorId` who accepted. That of
//! one address is gone then.
//!
//! `tw-invited:{personId}` holds when somebody had mails sent lately.

use std::rc::Rc;

use timeweft_core::diff::Patch as Diff;
use timeweft_core::id::EntityId;
use timeweft_core::message::Code;
use timeweft_core::operation::Failure;
use timeweft_core::org::{self, Org, Role};
use timeweft_core::time::Timestamp;
use timeweft_core::value::{Object, Value};

use crate::access::{Denied, Right};
use crate::caller::Caller;
use crate::document::Unfit;
use crate::event::{Effect, Mail};
use crate::execute::Principal;
use crate::host::Host;
use crate::internal::{self, Step, as_instant, instant, member, of_instant, text};
use crate::org::Source;
use crate::{Router, crypto};

use super::{ATTEMPTS, Place, Shared, change, map, may_share, place_of_its_own, readable};

/// Letters of a secret, five bits each.
const SECRET: usize = 26;

/// How long an invitation stands unless it is said, and at most, in seconds.
pub(crate) const LIFETIME_SECONDS: u64 = 7 * 24 * 3_600;
const LONGEST_SECONDS: u64 = 366 * 24 * 3_600;

/// Invitations that one person has standing in an organisation, and all together.
const MOST: usize = 100;
const MOST_OF_ALL: usize = 5_000;

/// Mails with invitations that one person has sent in a day, and to one address.
const MAILS: usize = 50;
const MAILS_TO_ONE: usize = 3;
const DAY_MICROS: u64 = 24 * 3_600 * 1_000_000;

/// What is promised.
#[derive(Clone)]
pub(crate) struct Invitation {
    pub(crate) role: Role,
    pub(crate) expires_at: Timestamp,
    /// Whom it is for; absent for whoever has the link.
    pub(crate) email: Option<String>,
    /// To an organisation: at which node.
    pub(crate) node: Option<String>,
}

/// One that was made.
pub(crate) struct Made {
    pub(crate) id: String,
    /// What accepts it; known to nobody else from now on.
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) effects: Vec<Effect>,
}

/// What somebody has come to.
pub(crate) struct Accepted {
    pub(crate) entity: String,
    pub(crate) role: Role,
    pub(crate) effects: Vec<Effect>,
}

fn entity(org: &EntityId) -> Result<EntityId, Failure> {
    internal::entity("tw-invitations", org.local())
}

/// Invites to what somebody may share.
pub(crate) async fn invite<H: Host>(
    router: &Router<H>,
    invited_to: Shared<'_>,
    caller: &Caller,
    (role, email, seconds): (Role, Option<String>, Option<u64>),
) -> Result<Made, Denied> {
    as_themselves(caller)?;
    if caller.is_guest && email.is_some() {
        let why = "guests invite by a link: sign in to have a mail sent, which names who invites";
        return Err(Denied::Forbidden(why.to_owned()));
    }
    let seconds = seconds.unwrap_or(LIFETIME_SECONDS);
    if !(1..=LONGEST_SECONDS).contains(&seconds) {
        let why = format!("`expiresIn` is 1 to {LONGEST_SECONDS} seconds");
        return Err(Failure::BadRequest(why).into());
    }
    let app = &router.config.app_url;
    if email.is_some() && app.is_none() && !router.config.development {
        let why = "mails need the setting `app-url`, which they lead to: invite by a link, or have it set";
        return Err(Denied::Unfit(Unfit(Code::NotImplemented, why.to_owned())));
    }
    let (Place { org, node }, effects) = place_of_its_own(router, invited_to, caller.principal(), None).await?;
    if let Some(email) = &email {
        count_mail(router, caller.person(), email).await?;
    }
    let known = crate::org::current(router, &org).await?.ok_or(Failure::NotFound)?.0;
    if known.role(caller.person(), &node) != Some(Role::Admin) {
        return Err(Denied::Forbidden(format!("inviting takes the role `admin` at the node `{node}`")));
    }
    let now = router.host.now();
    let secret = crypto::random_name(&router.host, SECRET);
    let (id, expires_at) = (crypto::hash(&secret), Timestamp(now.0 + seconds * 1_000_000));
    let mut promised = Object::from([
        ("to".to_owned(), Value::text(invited_to.entity.as_str())),
        ("node".to_owned(), Value::text(&node)),
        ("role".to_owned(), Value::text(role.as_str())),
        ("by".to_owned(), Value::text(caller.person())),
        ("expiresAt".to_owned(), of_instant(expires_at)),
    ]);
    if let Some(email) = &email {
        promised.insert("email".to_owned(), Value::text(email));
    }
    let entity = entity(&org)?;
    let written = internal::update(&router.host, &entity, |found| {
        let mut standing = all(found);
        standing.retain(|_, one| stands(one, now) && may_come_true(one, &known));
        let by_them = standing.iter().filter(|(_, one)| text(one, "by") == Some(caller.person())).count();
        if by_them >= MOST || standing.len() >= MOST_OF_ALL {
            return Step::Leave(false);
        }
        standing.insert(id.clone(), Value::Object(promised.clone()));
        Step::Write(with(standing), true)
    });
    if !written.await? {
        let why = format!("{MOST} invitations of yours stand already: withdraw some, or wait until they are accepted");
        return Err(Denied::Unfit(Unfit(Code::TooLarge, why)));
    }
    let token = format!("{}.{secret}", org.local());
    let mut made = Made { id, token, expires_at, effects };
    if let (Some(to), Some(app)) = (email, app) {
        let link = format!("{app}{}invitation={}", if app.contains('?') { '&' } else { '?' }, made.token);
        let who = caller.email.as_deref().unwrap_or("Somebody");
        let subject = format!("{who} shares something with you");
        let until = made.expires_at.to_string();
        let until = format!("{} {} UTC", &until[..10], &until[11..16]);
        let text = format!("{who} shares something with you:\n\n{link}\n\nThe link is good until {until}.\n");
        made.effects.push(Effect::Mail(Mail { to, subject, text, code: None }));
    }
    Ok(made)
}

/// A mail more is sent for a person, unless there were too many.
async fn count_mail<H: Host>(router: &Router<H>, person: &str, email: &str) -> Result<(), Denied> {
    let now = router.host.now();
    let to = crypto::hash(email);
    let key = format!("{to} {}", crypto::random_name(&router.host, 16));
    // Until when it counts, where it still does.
    let until = |at: &Value| as_instant(at).map(|at| at.0.saturating_add(DAY_MICROS)).filter(|until| *until > now.0);
    let entity = internal::entity("tw-invited", person)?;
    let counted = internal::update(&router.host, &entity, |found| {
        let mut sent = match found.and_then(|value| member(value, "sent")) {
            Some(Value::Object(sent)) => sent.clone(),
            _ => Object::new(),
        };
        sent.retain(|_, at| until(at).is_some());
        let to_them = sent.iter().filter(|(key, _)| key.starts_with(&to));
        // The first of those that are too many makes room.
        let room = [
            (MAILS, sent.values().filter_map(until).collect()),
            (MAILS_TO_ONE, to_them.filter_map(|(_, at)| until(at)).collect()),
        ];
        let room = room.into_iter().filter_map(|(most, mut until): (usize, Vec<u64>)| {
            until.sort_unstable();
            until.len().checked_sub(most).map(|first| until[first])
        });
        if let Some(at) = room.max() {
            return Step::Leave(Some(at));
        }
        sent.insert(key.clone(), of_instant(now));
        Step::Write(Value::object([("sent", Value::Object(sent))]), None)
    });
    let Some(at) = counted.await? else { return Ok(()) };
    let why = format!(
        "{MAILS} invitations a day go out by mail, {MAILS_TO_ONE} to one address: invite by a link, or tomorrow"
    );
    Err(Denied::Later(why, (at - now.0).div_ceil(1_000_000)))
}

/// Those that stand for an entity, or for an organisation at any of its nodes, to whoever may share it.
pub(crate) async fn list<H: Host>(
    router: &Router<H>,
    invited_to: &EntityId,
    caller: Principal<'_>,
) -> Result<Vec<(String, Invitation)>, Denied> {
    let right = readable(router, invited_to, caller).await?;
    let Some((org, known)) = organisation(router, invited_to, &right).await? else { return Ok(Vec::new()) };
    let found = internal::read(&router.host, &entity(&org)?).await?;
    let now = router.host.now();
    let of_these = all(found.as_ref().map(|(value, _)| value)).into_iter().filter_map(|(id, one)| {
        let is_told = is_to(&one, invited_to, &known) && may_withdraw(&one, &known, caller.person);
        let is_good = is_told && stands(&one, now) && may_come_true(&one, &known);
        Some((id, promised(&one).filter(|_| is_good)?))
    });
    Ok(of_these.collect())
}

/// Takes one back, also where it is to something that is elsewhere, or gone: that may come back.
pub(crate) async fn withdraw<H: Host>(
    router: &Router<H>,
    invited_to: &EntityId,
    caller: Principal<'_>,
    id: &str,
) -> Result<(), Denied> {
    let right = readable(router, invited_to, caller).await?;
    may_share(&right)?;
    let Some((org, known)) = organisation(router, invited_to, &right).await? else { return Ok(()) };
    let is_theirs = |one: &Value| is_to(one, invited_to, &known) && may_withdraw(one, &known, caller.person);
    remove(router, &org, |standing| standing.get(id).is_some_and(is_theirs).then_some(id)).await
}

/// The organisation whose invitations are those to an entity.
async fn organisation<H: Host>(
    router: &Router<H>,
    invited_to: &EntityId,
    right: &Right,
) -> Result<Option<(EntityId, Rc<Org>)>, Denied> {
    let org = match right.source.as_ref().map(Source::place) {
        Some((org, Some(_))) => org,
        _ if invited_to.kind() == org::KIND => invited_to,
        _ => return Ok(None),
    };
    match crate::org::current(router, org).await? {
        Some((known, _)) => Ok(Some((org.clone(), known))),
        // While it is deleted nobody is let in by it, and nothing of it is changed: it may come back.
        None => Err(Failure::NotFound.into()),
    }
}

/// Whether an invitation is to that.
fn is_to(one: &Value, invited_to: &EntityId, known: &Org) -> bool {
    match text(one, "to") {
        Some(to) => to == invited_to.as_str(),
        // One from before it was said is to the entity whose node that is.
        None => known.node_of(invited_to.as_str()) == text(one, "node"),
    }
}

/// Whoever may share at its node. That may be gone, or what it is to may be elsewhere: so also who made it, who is head, and who may share
/// that where it is now.
fn may_withdraw(one: &Value, known: &Org, person: &str) -> bool {
    known.role(person, text(one, "node").unwrap_or_default()) == Some(Role::Admin)
        || text(one, "by") == Some(person)
        || known.is_head(person)
        || text(one, "to")
            .is_some_and(|to| known.node_of(to).is_some_and(|node| known.role(person, node) == Some(Role::Admin)))
}

/// What is accepted makes a version that names who invited and who accepted, and has no place for an admin behind one of them;
/// a link makes none.
fn as_themselves(caller: &Caller) -> Result<(), Denied> {
    if caller.token.impersonator.is_none() {
        return Ok(());
    }
    let why = "nobody invites, or accepts an invitation, in another's name: it would not be seen who did; share with persons by name";
    Err(Denied::Forbidden(why.to_owned()))
}

/// Accepts one.
pub(crate) async fn accept<H: Host>(router: &Router<H>, caller: &Caller, token: &str) -> Result<Accepted, Denied> {
    as_themselves(caller)?;
    let none = || {
        let why = "this is no invitation, or not any more: ask who invited you for another";
        Denied::Unfit(Unfit(Code::NotFound, why.to_owned()))
    };
    let (org, secret) = token.trim().split_once('.').ok_or_else(none)?;
    let org = EntityId::new(org::KIND, org).map_err(|_| none())?;
    let id = crypto::hash(secret);
    let found = internal::read(&router.host, &entity(&org)?).await?;
    let standing = all(found.as_ref().map(|(value, _)| value));
    let one = standing.get(&id).filter(|one| stands(one, router.host.now())).ok_or_else(none)?;
    let (Some(Invitation { role, email, .. }), Some(node), Some(by)) =
        (promised(one), text(one, "node"), text(one, "by"))
    else {
        return Err(none());
    };
    if email.is_some() && email != caller.email {
        let why = "this invitation is for another address: sign in with the one that it was sent to";
        return Err(Denied::Forbidden(why.to_owned()));
    }
    for _ in 0..ATTEMPTS {
        let (known, version) = crate::org::current(router, &org).await?.ok_or_else(none)?;
        // What it was to may be elsewhere by now.
        let entity = match org_of(one) {
            Some(org) => known.has_node(node).then_some(org),
            None => known.entity_of(node).filter(|entity| text(one, "to").is_none_or(|to| to == *entity)),
        };
        let entity = entity.map(str::to_owned).ok_or_else(none)?;
        if org_of(one).is_none() && !crate::org::is_attached_by(router, &org, &entity).await? {
            return Err(none());
        }
        let mut accepted = Accepted { entity, role, effects: Vec::new() };
        if let Some(more) = known.named_role(caller.person(), node).filter(|known| *known >= role) {
            accepted.role = more;
        } else {
            let principal = Principal { impersonator: Some(caller.person()), ..Principal::of(by) };
            let granted = Diff::Value(Value::text(role.as_str()));
            let patch = map([("grants", map([(caller.person(), map([(node, granted)]))]))]);
            match change(router, principal, &org, version, patch).await {
                Ok(Some(effects)) => accepted.effects = effects,
                Ok(None) => continue,
                // Who invited may not any more, or what it was to is gone.
                Err(
                    Denied::Hidden
                    | Denied::Forbidden(_)
                    | Denied::Failed(Failure::InvalidValue(_) | Failure::Forbidden(_)),
                ) => {
                    return Err(none());
                }
                Err(denied) => return Err(denied),
            }
        }
        if email.is_some() {
            remove(router, &org, |_| Some(&id)).await?;
        }
        return Ok(accepted);
    }
    Err(Failure::Busy.into())
}

async fn remove<'a, H: Host>(
    router: &Router<H>,
    org: &EntityId,
    which: impl Fn(&Object) -> Option<&'a str>,
) -> Result<(), Denied> {
    let entity = entity(org)?;
    let removed = internal::update(&router.host, &entity, |found| {
        let mut standing = all(found);
        match which(&standing).and_then(|id| standing.remove(id)) {
            Some(_) => Step::Write(with(standing), ()),
            None => Step::Leave(()),
        }
    });
    Ok(removed.await?)
}

fn all(found: Option<&Value>) -> Object {
    match found.and_then(|value| member(value, "invitations")) {
        Some(Value::Object(standing)) => standing.clone(),
        _ => Object::new(),
    }
}

fn with(standing: Object) -> Value {
    Value::object([("invitations", Value::Object(standing))])
}

fn stands(one: &Value, now: Timestamp) -> bool {
    instant(one, "expiresAt").is_some_and(|end| end > now)
}

/// Whether who invited may still grant it.
fn may_come_true(one: &Value, known: &Org) -> bool {
    let of = |name| text(one, name).unwrap_or_default();
    known.role(of("by"), of("node")) == Some(Role::Admin)
}

fn promised(one: &Value) -> Option<Invitation> {
    let role = Role::of(text(one, "role")?)?;
    let node = text(one, "node").filter(|_| org_of(one).is_some()).map(str::to_owned);
    Some(Invitation {
        role,
        expires_at: instant(one, "expiresAt")?,
        email: text(one, "email").map(str::to_owned),
        node,
    })
}

/// The organisation that it is to, if it is not to one entity.
fn org_of(one: &Value) -> Option<&str> {
    text(one, "to").filter(|to| to.split_once(':').is_some_and(|(kind, _)| kind == org::KIND))
}
