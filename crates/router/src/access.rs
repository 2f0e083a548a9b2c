//! Who may do what (docs/protocol.md, "Rights").
//!
//! | policy | reads | writes |
//! |---|---|---|
//! | public | everybody over HTTP, also without a session | whoever is signed in |
//! | signed-in | whoever has a session | the same |
//! | owner | whoever made it; to others it is not there | the same |
//! | org | who has a role where it is attached ([`crate::org`]), over HTTP also without a session where everybody has one; until it is attached, as owner | who is editor there |
//!
//! Which policy a type has, the entity `type:{type}` says, else what is built in. Two types have
//! their own rule: `person:{id}` is for the person who has that id, and `type:{name}` is read by whoever is signed in and made
//! and changed by admins. An organisation, `org:{id}`, is read by its members, and says who may change what of it. Types that begin with `tw-` are the router's own: nobody's.
//!
//! What only its owner may read must not reach others by push either, also not those who subscribed before it was made or
//! while the policy was another: each owner has a channel of their own for it ([`Right::channel_name`]), so a push
//! goes to the channel of the policy that holds when it is made, and [`crate::resync`] closes those left on another.

use timeweft_core::id::{EntityId, is_type};
use timeweft_core::message::{Code, Response};
use timeweft_core::operation::{Access, Context, Failure, Meta, Permission, Policy, TypeRules};
use timeweft_core::org::Role;

use crate::Router;
use crate::config::Config;
use crate::document::Unfit;
use crate::host::Host;
use crate::internal::SYSTEM;
use crate::org;
use crate::sign_in::sessions;

/// The person when there is none.
pub(crate) const NOBODY: &str = "";

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// They may not even know of it.
    Hidden,
    /// They may know, and not do this; why.
    Forbidden(String),
    /// Perhaps they may, once they are signed in.
    SignIn,
    /// They may, and it is deleted.
    Deleted(Box<Meta>),
    /// They may, and what they ask is not such that it can be done.
    Unfit(Unfit),
    /// They may, and not before so many seconds.
    Later(String, u64),
    /// They may, and the entity refuses; or nobody can tell.
    Failed(Failure),
}

impl Denied {
    pub(crate) fn response(self, id: Option<u64>) -> Response {
        match self {
            Denied::Forbidden(why) => Response::error(id, Code::Forbidden, why),
            Denied::SignIn => {
                Response::error(id, Code::Unauthorized, "sign in first: POST /login, then POST /login/verify")
            }
            Denied::Hidden => Response::of_failure(id, Failure::NotFound),
            Denied::Deleted(meta) => Response { meta: Some(*meta), ..Response::of_failure(id, Failure::NotFound) },
            Denied::Unfit(Unfit(code, why)) => Response::error(id, code, why),
            Denied::Later(why, _) => Response::error(id, Code::SlowDown, why),
            Denied::Failed(failure) => Response::of_failure(id, failure),
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied::Failed(failure)
    }
}

/// What a person may do with an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) access: Access,
    /// What they are with it, as clients are told.
    pub(crate) role: Role,
    /// The organisation that it comes from, if it does.
    pub(crate) source: Option<org::Source>,
    /// What its type says, where it was asked.
    pub(crate) rules: Option<TypeRules>,
}

impl Right {
    fn under(policy: Policy, rules: Option<TypeRules>) -> Right {
        let (access, role) = match policy {
            Policy::Public | Policy::SignedIn => (Access::Any, Role::Editor),
            Policy::Owner => (Access::Creator, Role::Editor),
            Policy::Org => (Access::Creator, Role::Admin),
        };
        Right { access, role, source: None, rules }
    }

    /// The same, where an organisation gives it.
    fn by(self, right: org::Right) -> Right {
        match right {
            org::Right::By(source, role) => Right { access: Access::Any, role, source: Some(source), ..self },
            org::Right::Creator => self,
        }
    }

    /// What the engine is told of who asks.
    pub(crate) fn context<H: Host>(&self, router: &Router<H>, person: &str) -> Context {
        Context {
            person_id: person.to_owned(),
            impersonator_id: None,
            now: router.host.now(),
            access: self.access,
            rules: self.rules.as_ref().map(|rules| rules.revision),
            limits: router.config.limits,
        }
    }

    /// What follows the format in the name of the channel on which this person hears of the entity.
    pub(crate) fn channel_name(&self, entity: &EntityId, person: &str) -> String {
        match (&self.source, self.access) {
            (Some(source), _) => format!("{entity}{}", source.channel_end()),
            (None, Access::Any) => entity.to_string(),
            (None, Access::Creator) => format!("{entity}@{person}"),
        }
    }
}

/// Whether the type is the router's own.
pub(crate) fn is_reserved(kind: &str) -> bool {
    kind.starts_with("tw-")
}

/// The policy of a type, and what else it says unless the policy is ours to say.
async fn policy<H: Host>(router: &Router<H>, kind: &str) -> Result<(Policy, Option<TypeRules>), Failure> {
    match kind {
        _ if is_reserved(kind) => Ok((Policy::Owner, None)),
        "person" => Ok((Policy::Owner, None)),
        "type" => Ok((Policy::SignedIn, None)),
        "org" => Ok((Policy::Org, None)),
        _ => router.host.rules(kind).await.map(|rules| (rules.policy, Some(rules))),
    }
}

/// The right that those on the channels of an entity have now; for types of the router's own there is none.
pub(crate) async fn right_on_channels<H: Host>(router: &Router<H>, entity: &EntityId) -> Result<Right, Denied> {
    let kind = entity.kind();
    if is_reserved(kind) {
        return Err(Denied::Hidden);
    }
    let (policy, rules) = policy(router, kind).await?;
    let right = Right::under(policy, rules);
    match policy {
        Policy::Org => Ok(right.by(org::right_on_channels(router, entity).await?)),
        _ => Ok(right),
    }
}

/// The right to a list of a type, which is that to what one has of it, and whether one may read all that is in the list. Where
/// organisations give rights, it has all there is, for each to be looked at.
pub(crate) async fn right_to_list<H: Host>(
    router: &Router<H>,
    kind: &str,
    person: &str,
) -> Result<(Right, bool), Denied> {
    let (policy, rules) = policy(router, kind).await?;
    if policy == Policy::Org && person != NOBODY {
        return Ok((Right { access: Access::Any, ..Right::under(policy, rules) }, false));
    }
    // A person has the one that they are.
    let own = EntityId::new(kind, if person == NOBODY { "nobody" } else { person });
    let own = own.map_err(|error| Failure::BadRequest(error.to_string()))?;
    Ok((right(router, &own, person, Permission::Read).await?, true))
}

/// The right of `person`, or of [`NOBODY`], to do with an entity what takes this permission.
pub(crate) async fn right<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    person: &str,
    permission: Permission,
) -> Result<Right, Denied> {
    let kind = entity.kind();
    let (policy, rules) = policy(router, kind).await?;
    let right = Right::under(policy, rules);
    if person == NOBODY {
        return match (policy, permission) {
            (Policy::Public, Permission::Read) => Ok(Right { role: Role::Viewer, ..right }),
            // Whatever the reason: what is not everybody's may not be there at all.
            (Policy::Org, Permission::Read) => match org::right(router, entity, person, permission).await {
                Ok(given @ org::Right::By(..)) => Ok(right.by(given)),
                _ => Err(Denied::SignIn),
            },
            _ => Err(Denied::SignIn),
        };
    }
    let refusal = |why: String| if permission == Permission::Create { Denied::Forbidden(why) } else { Denied::Hidden };
    if is_reserved(kind) || person == SYSTEM {
        return Err(refusal(RESERVED.to_owned()));
    }
    match kind {
        "person" if entity.local() != person => Err(refusal(format!(
            "{entity} is not yours to make; the only person you can make is the one you are signed in as"
        ))),
        "type" if permission == Permission::Read => {
            let role = if is_admin(router, person).await? { Role::Editor } else { Role::Viewer };
            Ok(Right { role, ..right })
        }
        "type" => may_define(router, entity, person).await.map(|()| right),
        _ if policy == Policy::Org => Ok(right.by(org::right(router, entity, person, permission).await?)),
        _ => Ok(right),
    }
}

const RESERVED: &str = "types that begin with `tw-` are reserved";

/// Whether this person may say what a type is.
async fn may_define<H: Host>(router: &Router<H>, entity: &EntityId, person: &str) -> Result<(), Denied> {
    if !is_admin(router, person).await.map_err(Denied::Failed)? {
        return Err(Denied::Forbidden("types are defined by admins, whom the setting `admins` names".to_owned()));
    }
    let name = entity.local();
    if is_reserved(name) {
        return Err(Denied::Forbidden(RESERVED.to_owned()));
    }
    if !is_type(name) {
        let why = "a type is a lower-case letter and up to 31 more of a-z, 0-9 and `-`";
        return Err(Denied::Forbidden(format!("`{name}` can't be defined: {why}")));
    }
    Ok(())
}

/// Whether the setting `admins` names this person, by id or by the address with which they sign in here. With none
/// named, in development mode it is everybody.
pub(crate) async fn is_admin<H: Host>(router: &Router<H>, person: &str) -> Result<bool, Failure> {
    is_named_admin(&router.host, &router.config, person).await
}

async fn is_named_admin<H: Host>(host: &H, config: &Config, person: &str) -> Result<bool, Failure> {
    let admins = &config.admins;
    if admins.is_empty() {
        return Ok(config.development);
    }
    if admins.iter().any(|admin| admin == person) {
        return Ok(true);
    }
    Ok(sessions::email(host, person).await?.is_some_and(|email| admins.contains(&email)))
}

/// Whether somebody may act in a person's name: an admin may, and nobody in an admin's.
pub(crate) async fn may_impersonate<H: Host>(
    host: &H,
    config: &Config,
    admin: &str,
    person: &str,
) -> Result<bool, Failure> {
    Ok(is_named_admin(host, config, admin).await?
        && (config.admins.is_empty() || !is_named_admin(host, config, person).await?))
}

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod tests;
