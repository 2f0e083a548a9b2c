//! Who may do what (contract section 7).
//!
//! | policy | reads | writes |
//! |---|---|---|
//! | public | everybody over HTTP, also without a session | whoever is signed in |
//! | signed-in | whoever has a session | the same |
//! | owner, org | whoever made it; to others it is not there | the same |
//!
//! Which policy a type has, the entity `type:{type}` says, else what is built in. Two types have
//! their own rule: `person:{id}` is for the person who has that id, and `type:{name}` is read by whoever is signed in and made
//! and changed by admins. Types that begin with `tw-` are the router's own: nobody's.
//!
//! What only its owner may read must not reach others by push either, also not those who subscribed before it was made or
//! while the policy was another: each owner has a channel of their own for it ([`Right::channel_name`]), so a push
//! goes to the channel of the policy that holds when it is made, and [`crate::resync`] closes those left on another.

use timeweft_core::id::{EntityId, is_type};
use timeweft_core::message::{Code, Response};
use timeweft_core::operation::{Access, Failure, Policy};

use crate::Router;
use crate::host::Host;
use crate::internal::SYSTEM;
use crate::sign_in::sessions;

/// The person when there is none.
pub(crate) const NOBODY: &str = "";

/// What somebody wants of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Read,
    Make,
    Change,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// They may not even know of it.
    Hidden,
    /// They may know, and not do this; why.
    Forbidden(String),
    /// Perhaps they may, once they are signed in.
    SignIn,
    /// Nobody can tell.
    Failed(Failure),
}

impl Denied {
    pub(crate) fn response(self, id: Option<u64>) -> Response {
        match self {
            Denied::Forbidden(why) => Response::error(id, Code::Forbidden, why),
            Denied::SignIn => {
                Response::error(id, Code::Unauthorized, "sign in first: POST /login, then POST /login/verify")
            }
            other => Response::of_failure(id, other.into()),
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::Failed(failure) => failure,
            _ => Failure::NotFound,
        }
    }
}

/// What a person may do with an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) access: Access,
}

impl Right {
    fn under(policy: Policy) -> Right {
        let access = match policy {
            Policy::Public | Policy::SignedIn => Access::Any,
            Policy::Owner | Policy::Org => Access::Creator,
        };
        Right { access }
    }

    /// What follows the format in the name of the channel on which this person hears of the entity.
    pub(crate) fn channel_name(self, entity: &EntityId, person: &str) -> String {
        match self.access {
            Access::Any => entity.to_string(),
            Access::Creator => format!("{entity}@{person}"),
        }
    }
}

/// Whether the type is the router's own.
pub(crate) fn is_reserved(kind: &str) -> bool {
    kind.starts_with("tw-")
}

async fn policy<H: Host>(router: &Router<H>, kind: &str) -> Result<Policy, Failure> {
    match kind {
        "person" => Ok(Policy::Owner),
        "type" => Ok(Policy::SignedIn),
        _ => router.host.policy(kind).await,
    }
}

/// The right that those on the channels of a type have now; for types of the router's own there is none.
pub(crate) async fn right_on_channels<H: Host>(router: &Router<H>, kind: &str) -> Result<Right, Denied> {
    if is_reserved(kind) {
        return Err(Denied::Hidden);
    }
    policy(router, kind).await.map(Right::under).map_err(Denied::Failed)
}

/// The right of `person`, or of [`NOBODY`], to what they wish.
pub(crate) async fn right<H: Host>(
    router: &Router<H>,
    entity: &EntityId,
    person: &str,
    wish: Wish,
) -> Result<Right, Denied> {
    let kind = entity.kind();
    let own = is_reserved(kind);
    let policy = if own { Policy::Owner } else { policy(router, kind).await.map_err(Denied::Failed)? };
    if person == NOBODY {
        let open = policy == Policy::Public && wish == Wish::Read;
        return if open { Ok(Right::under(policy)) } else { Err(Denied::SignIn) };
    }
    let refusal = |why: String| if wish == Wish::Make { Denied::Forbidden(why) } else { Denied::Hidden };
    if own || person == SYSTEM {
        return Err(refusal(RESERVED.to_owned()));
    }
    match kind {
        "person" if entity.local() != person => Err(refusal(format!(
            "{entity} is not yours to make; the only person you can make is the one you are signed in as"
        ))),
        "type" if wish != Wish::Read => may_define(router, entity, person).await.map(|()| Right::under(policy)),
        _ => Ok(Right::under(policy)),
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
async fn is_admin<H: Host>(router: &Router<H>, person: &str) -> Result<bool, Failure> {
    let admins = &router.config.admins;
    if admins.is_empty() {
        return Ok(router.config.development);
    }
    if admins.iter().any(|admin| admin == person) {
        return Ok(true);
    }
    Ok(sessions::email(&router.host, person).await?.is_some_and(|email| admins.contains(&email)))
}

#[cfg(test)]
mod tests;
