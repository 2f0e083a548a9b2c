//! The one way from a door to an entity: decides whether the principal may, applies, and says what to answer, what to publish
//! and what the connection is now subscribed to.
//!
//! A door (frames of a socket, `/message`, the HTTP API, tRPC, a note's socket) makes a [`Request`] of what came in, and
//! writes the [`Answer`] in the words of its clients.

use timeweft_core::codec::cbor;
use timeweft_core::diff::{Identity, Patch as Diff};
use timeweft_core::id::EntityId;
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::message::{Asked, Response};
use timeweft_core::operation::{
    Access, CborDiff, CborValue, Committed, Context, Failure, List, Listed, Listing, Moment, Operation, Outcome, Patch,
    Permission, Policy, Read, Reading, Which,
};
use timeweft_core::org::Role;
use timeweft_core::time::Timestamp;

use crate::Router;
use crate::access::{self, Denied, Right};
use crate::document::DocumentPatch;
use crate::event::Effect;
use crate::host::Host;
use crate::token::Token;
use crate::{crypto, notes, org, publish};

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Principal<'a> {
    /// [`access::NOBODY`] when nobody is signed in.
    pub(crate) person: &'a str,
    /// Who does it in their name.
    pub(crate) impersonator: Option<&'a str>,
    /// The connection that isn't told of its own change.
    pub(crate) connection: Option<&'a str>,
}

impl<'a> Principal<'a> {
    /// A person who asks without a connection.
    pub(crate) fn of(person: &'a str) -> Principal<'a> {
        Principal { person, impersonator: None, connection: None }
    }

    /// Whose session it is.
    pub(crate) fn by(token: &'a Token) -> Principal<'a> {
        Principal { impersonator: token.impersonator.as_deref(), ..Principal::of(&token.person) }
    }
}

/// What came in by a door.
pub(crate) struct Request<'a> {
    pub(crate) principal: Principal<'a>,
    pub(crate) entity: EntityId,
    pub(crate) action: Action,
}

/// What is asked, of the entity or of the connection.
pub(crate) enum Action {
    Apply(Operation),
    PatchDocument(PatchDocument),
    /// To read, and be pushed what follows the version that comes of it.
    Subscribe {
        /// The version that the connection has.
        since: Option<Timestamp>,
    },
    /// The same for a note, which is shown whole.
    Follow,
    Unsubscribe,
}

/// Applies what a patch of its JSON makes of the version named.
pub(crate) struct PatchDocument {
    pub(crate) patch: DocumentPatch,
    pub(crate) if_unmodified_since: Option<Timestamp>,
    pub(crate) idempotency_key: Option<String>,
}

impl Action {
    fn permission(&self) -> Permission {
        match self {
            Action::Apply(operation) => operation.permission(),
            Action::PatchDocument(_) => Permission::Change,
            Action::Subscribe { .. } | Action::Follow | Action::Unsubscribe => Permission::Read,
        }
    }
}

impl From<Asked> for Action {
    fn from(asked: Asked) -> Action {
        match asked {
            Asked::Operation(operation) => Action::Apply(operation),
            Asked::Subscribe { valid_from } => Action::Subscribe { since: valid_from },
            Asked::Unsubscribe => Action::Unsubscribe,
        }
    }
}

/// What to answer; nothing but that it is done where there is nothing to say.
pub(crate) type Answer = Result<Option<Outcome>, Denied>;

/// What the request does to the connection's subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// It is subscribed from now on, holding this version.
    Begin {
        channel: String,
        held: Option<String>,
        /// Where it is told that the right to it is another, and by which version it was given.
        rights: Vec<(String, String)>,
    },
    /// It is told when the person may read it.
    Wait {
        rights: Vec<(String, String)>,
    },
    End {
        channel: String,
    },
}

/// What comes of a request.
pub(crate) struct Executed {
    pub(crate) answer: Answer,
    /// What the principal is with the entity, where something was done with it.
    pub(crate) role: Option<Role>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) subscription: Option<Subscription>,
}

impl Executed {
    fn answering(answer: Answer) -> Executed {
        Executed { answer, role: None, effects: Vec::new(), subscription: None }
    }
}

/// An answer as the protocol has it.
pub(crate) fn response(id: Option<u64>, answer: Answer) -> Response {
    match answer {
        Ok(Some(outcome)) => Response::of_outcome(id, outcome),
        Ok(None) => Response::ok(id),
        Err(denied) => denied.response(id),
    }
}

/// The answer to a request of the protocol, which says the role too.
pub(crate) fn response_with_role(id: u64, answer: Answer, role: Option<Role>) -> Response {
    let response = response(Some(id), answer);
    let is_there = response.meta.is_some();
    Response { role: role.filter(|_| is_there).map(|role| role.as_str().to_owned()), ..response }
}

/// Does what is asked, if the principal may.
pub(crate) async fn execute<H: Host>(router: &Router<H>, request: Request<'_>) -> Executed {
    let Request { principal, entity, action } = request;
    let right = match access::right(router, &entity, principal.person, action.permission()).await {
        Ok(right) => right,
        // Taking oneself off what one was never on is no error.
        Err(Denied::Hidden) if matches!(action, Action::Unsubscribe) => return Executed::answering(Ok(None)),
        // Who may not read it hears when they may.
        Err(Denied::Hidden) if matches!(action, Action::Subscribe { .. } | Action::Follow) => {
            let rights = org::waiting(router, &entity, principal.person).await;
            let subscription = if rights.is_empty() { None } else { Some(Subscription::Wait { rights }) };
            return Executed { subscription, ..Executed::answering(Err(Denied::Hidden)) };
        }
        Err(denied) => return Executed::answering(Err(denied)),
    };
    act(Granted { router, principal, entity, right }, action).await
}

/// Does to an entity what somebody has the right to otherwise.
pub(crate) async fn execute_granted<H: Host>(
    router: &Router<H>,
    right: Right,
    Request { principal, entity, action }: Request<'_>,
) -> Executed {
    act(Granted { router, principal, entity, right }, action).await
}

async fn act<H: Host>(granted: Granted<'_, H>, action: Action) -> Executed {
    match action {
        Action::Apply(operation) => granted.apply(granted.context(), operation).await,
        Action::PatchDocument(patch) => granted.patch_document(patch).await,
        Action::Subscribe { since } => {
            granted.subscribe(Read { which: Which::Current, since }, granted.channel()).await
        }
        Action::Follow => match notes::follow(&granted.router.host, &granted.entity).await {
            Ok(()) => granted.subscribe(Read::whole(Which::Latest), notes::channel(&granted.channel())).await,
            Err(error) => Executed::answering(Err(Failure::Unavailable(error.0).into())),
        },
        Action::Unsubscribe => {
            let subscription = Some(Subscription::End { channel: granted.channel() });
            Executed { subscription, ..Executed::answering(Ok(None)) }
        }
    }
}

/// So many pages are looked through at most for one of what somebody may read.
const PAGES: usize = 100;

/// A page of the entities of a type that a person may read.
pub(crate) async fn list<H: Host>(router: &Router<H>, person: &str, list: List) -> Result<Listing, Denied> {
    let (right, lists_all) = access::right_to_list(router, &list.kind, person).await?;
    let key = &router.config.key;
    let mut list = list;
    if !lists_all && let Some(cursor) = &list.cursor {
        // What can't be unsealed is no cursor to the entities either.
        list.cursor = Some(crypto::unseal(key, cursor).unwrap_or_default());
    }
    let context = right.context(router, person);
    if lists_all {
        return Ok(router.host.list(&context, list).await?);
    }
    let limit = list.limit as usize;
    let mut readable = Vec::new();
    // An empty page for each that is not theirs would tell how many there are.
    for _ in 0..PAGES {
        list.limit = limit.saturating_sub(readable.len()) as u32;
        let page = router.host.list(&context, list.clone()).await?;
        for listed in page.entities {
            if may_read(router, &listed, person).await? {
                readable.push(listed);
            }
        }
        list.cursor = page.cursor;
        if readable.len() >= limit || list.cursor.is_none() {
            break;
        }
    }
    // It names the last that was looked at, which need not be theirs to know of.
    let cursor = list.cursor.and_then(|cursor| crypto::seal(key, &router.host, &cursor));
    Ok(Listing { entities: readable, cursor })
}

async fn may_read<H: Host>(router: &Router<H>, listed: &Listed, person: &str) -> Result<bool, Denied> {
    let entity = EntityId::parse(&listed.entity_id).map_err(|error| Failure::Unavailable(error.to_string()))?;
    let right = match access::right(router, &entity, person, Permission::Read).await {
        Ok(right) => right,
        Err(Denied::Hidden) => return Ok(false),
        Err(denied) => return Err(denied),
    };
    if right.access == Access::Any {
        return Ok(true);
    }
    // Who made it, the entity knows.
    let read = Operation::Read(Read { which: Which::Latest, since: Some(listed.valid_from) });
    match router.host.apply(&right.context(router, person), &entity, read).await {
        Ok(_) => Ok(true),
        Err(Failure::NotFound) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// A request whose principal has the right to it.
struct Granted<'a, H> {
    router: &'a Router<H>,
    principal: Principal<'a>,
    entity: EntityId,
    right: Right,
}

impl<H: Host> Granted<'_, H> {
    fn context(&self) -> Context {
        let impersonator_id = self.principal.impersonator.map(str::to_owned);
        Context { impersonator_id, ..self.right.context(self.router, self.principal.person) }
    }

    /// The part of the channel's name that follows the format.
    fn channel(&self) -> String {
        self.right.channel_name(&self.entity, self.principal.person)
    }

    async fn apply(&self, context: Context, operation: Operation) -> Executed {
        let reverts = matches!(operation, Operation::Revert(_));
        let reads = matches!(operation, Operation::Read(Read { which: Which::Current, .. }));
        let changes = operation.permission() == Permission::Change;
        let role = Some(self.right.role);
        match self.router.host.apply(&context, &self.entity, operation).await {
            Ok(outcome) => {
                let effects = match &outcome {
                    Outcome::Created(committed) | Outcome::Changed(committed) => self.effects(committed, reverts).await,
                    Outcome::Reading(_) | Outcome::Page(_) => Vec::new(),
                };
                Executed { role, effects, ..Executed::answering(Ok(Some(outcome))) }
            }
            // Where there is no such version, that is all.
            Err(Failure::NotFound) if reads || (changes && !reverts) => {
                Executed { role, ..Executed::answering(Err(self.not_found(&context).await)) }
            }
            Err(failure) => Executed::answering(Err(failure.into())),
        }
    }

    /// Why there is nothing: to who may know, that it is deleted, which is something else than not to be there.
    async fn not_found(&self, context: &Context) -> Denied {
        let latest = Operation::Read(Read::whole(Which::Latest));
        let reading = self.router.host.apply(context, &self.entity, latest).await.and_then(Outcome::reading);
        match reading {
            Ok(Reading::Value(_, meta)) if meta.deleted => Denied::Deleted(Box::new(meta)),
            // Somebody has just brought it back.
            Ok(_) => Failure::Busy.into(),
            Err(failure) => failure.into(),
        }
    }

    /// What subscribers are told of a change, and those who follow a note.
    async fn effects(&self, committed: &Committed, reverts: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.entity.kind() == timeweft_core::org::KIND {
            // First, so that nobody is shown what they may no longer see. Should it not be known now, resync finds it out.
            let lost = org::changed(self.router, &self.entity, committed, self.principal.person);
            effects.extend(lost.await.unwrap_or_default());
        }
        effects.extend(publish::change(&self.entity, &self.channel(), committed, self.principal.connection));
        let (context, channel) = (self.context(), notes::channel(&self.channel()));
        effects.extend(notes::changed(self.router, &context, &self.entity, channel, committed, reverts).await);
        effects
    }

    async fn subscribe(&self, read: Read, channel: String) -> Executed {
        let executed = self.apply(self.context(), Operation::Read(read)).await;
        // Missing or not: what is made later is pushed. When we can't tell, the client asks again anyway.
        let held = match &executed.answer {
            Ok(Some(Outcome::Reading(
                Reading::NotModified(meta) | Reading::Value(_, meta) | Reading::Diff(_, meta),
            ))) => Some(Some(meta.valid_from.to_string())),
            Err(Denied::Failed(Failure::NotFound) | Denied::Deleted(_)) => Some(None),
            _ => None,
        };
        let source = self.right.source.as_ref();
        let by_orgs = self.right.rules.as_ref().is_some_and(|rules| rules.policy == Policy::Org);
        let rights = match source {
            Some(source) => source.rights_channels(self.principal.person),
            None if by_orgs && held == Some(None) => {
                org::waiting_for_org(self.router, &self.entity, self.principal.person)
            }
            None => Vec::new(),
        };
        let subscription = held.map(|held| Subscription::Begin { channel, held, rights });
        Executed { subscription, ..executed }
    }

    async fn patch_document(&self, patch: PatchDocument) -> Executed {
        let PatchDocument { patch, if_unmodified_since, idempotency_key } = patch;
        let diff = match self.document_diff(patch, if_unmodified_since).await {
            Ok(diff) => diff,
            Err(denied) => return Executed::answering(Err(denied)),
        };
        // The patch is within the limits; the diff, which is ours, may have more steps or be deeper, as the value is.
        let context = self.context();
        let limits = Limits { value_bytes: context.limits.value_bytes, ..TRUSTED };
        let patch = Patch { idempotency_key, ..Patch::of(diff, if_unmodified_since) };
        self.apply(Context { limits, ..context }, Operation::Patch(patch)).await
    }

    /// What a patch of the JSON of the version that begins at `since` comes to, as a diff from that version.
    async fn document_diff(&self, patch: DocumentPatch, since: Option<Timestamp>) -> Result<CborDiff, Denied> {
        let base = match since {
            Some(since) => self.value_since(since).await?,
            None => None,
        };
        match base {
            Some(value) => {
                let identity = self.identity().await?;
                patch.on(&value, &identity, &self.router.config.limits).map_err(Denied::Unfit)
            }
            // Not a version we hold: the engine says what is wrong, or how it answered this very request before. It can't
            // apply this diff, should there be such a version by then.
            None => Ok(CborDiff(cbor::encode_patch(&Diff::Remove))),
        }
    }

    /// What tells elements of arrays in the entity apart.
    async fn identity(&self) -> Result<Identity, Failure> {
        match &self.right.rules {
            Some(rules) => Ok(rules.identity.clone()),
            None => Ok(self.router.host.rules(self.entity.kind()).await?.identity),
        }
    }

    /// The value of the version that begins at `since`. A deletion is not there to read, and keeps the value before it.
    async fn value_since(&self, since: Timestamp) -> Result<Option<CborValue>, Failure> {
        let before = Timestamp(since.0.saturating_sub(1));
        for moment in [since, before] {
            let read = Operation::Read(Read::whole(Which::Past(Moment::Time(moment))));
            match self.router.host.apply(&self.context(), &self.entity, read).await {
                Ok(Outcome::Reading(Reading::Value(value, meta))) => {
                    let is_it = if moment == since { meta.valid_from == since } else { meta.valid_to == since };
                    return Ok(is_it.then_some(value));
                }
                Ok(_) | Err(Failure::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }
}
