//! One request of the protocol (contract section 3), whichever door it came by: checks the right, asks the entity, and
//! says what to answer, what to publish and what the connection is now subscribed to.

use timeweft_core::codec::cbor;
use timeweft_core::diff::Patch;
use timeweft_core::id::EntityId;
use timeweft_core::limits::{Limits, TRUSTED};
use timeweft_core::message::{Method, Response};
use timeweft_core::operation::{CborDiff, CborValue, Committed, Context, Failure, Listing, Moment, Reading};
use timeweft_core::time::Timestamp;

use crate::Router;
use crate::document::{DocumentPatch, Unfit};
use crate::event::Effect;
use crate::host::Host;
use crate::policy::{self, Denied, NOBODY, Right, Wish};
use crate::{notes, publish};

/// Versions in a page of history, unless the client says.
const PAGE: u32 = 50;

/// And at most.
const LONGEST_PAGE: u32 = 1_000;

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// [`policy::NOBODY`] when nobody is signed in.
    pub(crate) person: &'a str,
    /// The connection that isn't told of its own change.
    pub(crate) connection: Option<&'a str>,
}

/// What the request does to the connection's subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// It is subscribed from now on, holding this version.
    Begin {
        channel: String,
        held: Option<String>,
    },
    End {
        channel: String,
    },
}

/// What comes of a request.
pub(crate) struct Performed {
    pub(crate) response: Response,
    pub(crate) effects: Vec<Effect>,
    pub(crate) subscription: Option<Subscription>,
}

impl Performed {
    fn answer(response: Response) -> Performed {
        Performed { response, effects: Vec::new(), subscription: None }
    }
}

/// Performs `method` for `asker`.
pub(crate) async fn perform<H: Host>(
    router: &Router<H>,
    asker: Asker<'_>,
    id: Option<u64>,
    method: Method,
) -> Performed {
    let entity = method.entity().clone();
    let right = match policy::right(router, &entity, asker.person, wish(&method)).await {
        Ok(right) => right,
        // Taking oneself off what one was never on is no error.
        Err(Denied::Hidden) if matches!(method, Method::Unsubscribe { .. }) => {
            return Performed::answer(Response::ok(id));
        }
        Err(denied) => return Performed::answer(denied.response(id)),
    };
    let asked = Asked { router, asker, id, entity, right };
    match method {
        Method::Get { as_of, diff_from, .. } if as_of.is_some() || diff_from.is_some() => {
            let (context, moment) = (asked.context(), Moment::Time(as_of.unwrap_or(Timestamp::FOREVER)));
            Performed::answer(reading(id, router.host.get_past(&context, &asked.entity, moment, diff_from).await))
        }
        Method::Get { if_modified_since, .. } => Performed::answer(reading(id, asked.read(if_modified_since).await)),
        Method::Subscribe { valid_from, .. } => {
            let read = asked.read(valid_from).await;
            // Missing or not: what is made later is pushed. When we can't tell, the client asks again anyway.
            let held = match &read {
                Ok(Reading::NotModified(meta) | Reading::Value(_, meta) | Reading::Diff(_, meta)) => {
                    Some(Some(meta.valid_from.to_string()))
                }
                Err(Failure::NotFound) => Some(None),
                Err(_) => None,
            };
            let channel = asked.channel();
            let subscription = held.map(|held| Subscription::Begin { channel, held });
            Performed { response: reading(id, read), effects: Vec::new(), subscription }
        }
        Method::Unsubscribe { .. } => Performed {
            response: Response::ok(id),
            effects: Vec::new(),
            subscription: Some(Subscription::End { channel: asked.channel() }),
        },
        Method::History { before, limit, .. } => {
            let limit = limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
            let page = router.host.history(&asked.context(), &asked.entity, before, limit).await;
            Performed::answer(match page {
                Ok(page) => Response::of_page(id, page),
                Err(failure) => Response::of_failure(id, failure),
            })
        }
        Method::Post { value, valid_from, idempotency_key, .. } => {
            let (host, context, key) = (&router.host, asked.context(), idempotency_key.as_deref());
            let result = host.post(&context, &asked.entity, &value, valid_from, key).await;
            asked.committed(result, Response::of_created, false).await
        }
        Method::PatchDiff { diff, if_unmodified_since, idempotency_key, valid_from, .. } => {
            let (host, context, key) = (&router.host, asked.context(), idempotency_key.as_deref());
            let result = host.patch_diff(&context, &asked.entity, &diff, if_unmodified_since, key, valid_from).await;
            asked.committed(result, Response::of_committed, false).await
        }
        Method::Delete { if_unmodified_since, .. } => {
            let result = router.host.delete(&asked.context(), &asked.entity, if_unmodified_since).await;
            asked.committed(result, Response::of_committed, false).await
        }
        Method::PatchUndelete { .. } => {
            let result = router.host.patch_undelete(&asked.context(), &asked.entity).await;
            asked.committed(result, Response::of_committed, false).await
        }
    }
}

/// What the HTTP API can do to an entity and the socket can't.
pub(crate) enum Replacing {
    /// `PUT`
    By(CborValue),
    /// `POST …/revert`: by the value of the version that begins then.
    ByVersion(Timestamp),
    /// `PATCH` with a patch of its JSON: by what the patch makes of the version named.
    ByDocumentPatch(DocumentPatch, Option<String>),
}

/// Replaces an entity's value.
pub(crate) async fn replace<H: Host>(
    router: &Router<H>,
    asker: Asker<'_>,
    entity: EntityId,
    replacing: Replacing,
    since: Option<Timestamp>,
) -> Performed {
    let right = match policy::right(router, &entity, asker.person, Wish::Change).await {
        Ok(right) => right,
        Err(denied) => return Performed::answer(denied.response(None)),
    };
    let asked = Asked { router, asker, id: None, entity, right };
    let (host, context) = (&router.host, asked.context());
    let reverts = matches!(replacing, Replacing::ByVersion(_));
    let result = match replacing {
        Replacing::By(value) => host.put(&context, &asked.entity, &value, since).await,
        Replacing::ByVersion(valid_from) => host.revert(&context, &asked.entity, valid_from, since).await,
        Replacing::ByDocumentPatch(patch, key) => {
            let diff = match asked.document_diff(patch, since).await {
                Ok(diff) => diff,
                Err(response) => return Performed::answer(response),
            };
            // The patch is within the limits; the diff, which is ours, may have more steps or be deeper, as the value is.
            let limits = Limits { value_bytes: context.limits.value_bytes, ..TRUSTED };
            let context = Context { limits, ..context };
            host.patch_diff(&context, &asked.entity, &diff, since, key.as_deref(), None).await
        }
    };
    asked.committed(result, Response::of_committed, reverts).await
}

/// What the engine is told of who asks.
pub(crate) fn context<H: Host>(router: &Router<H>, person: &str, right: Right) -> Context {
    Context {
        person_id: person.to_owned(),
        impersonator_id: None,
        now: router.host.now(),
        access: right.access,
        limits: router.config.limits,
    }
}

/// The right of a person to an entity that is there, and what the engine is told of them; from whom it is hidden, for
/// them it is not there.
pub(crate) async fn allowed<H: Host>(
    router: &Router<H>,
    person: &str,
    entity: &EntityId,
) -> Result<(Right, Context), Failure> {
    let right = policy::right(router, entity, person, Wish::Read).await?;
    Ok((right, context(router, person, right)))
}

/// A page of the entities of a type that a person may read.
pub(crate) async fn list<H: Host>(
    router: &Router<H>,
    person: &str,
    kind: &str,
    cursor: Option<String>,
    limit: u32,
) -> Result<Listing, Denied> {
    // The right to read a type is that to what one has of it, and a person has the one that they are.
    let own = EntityId::new(kind, if person == NOBODY { "nobody" } else { person })
        .map_err(|error| Denied::Failed(Failure::BadRequest(error.to_string())))?;
    let right = policy::right(router, &own, person, Wish::Read).await?;
    let asker = Asker { person, connection: None };
    let asked = Asked { router, asker, id: None, entity: own, right };
    router.host.list(&asked.context(), kind, cursor.as_deref(), limit).await.map_err(Denied::Failed)
}

/// A request whose right is known.
struct Asked<'a, H> {
    router: &'a Router<H>,
    asker: Asker<'a>,
    id: Option<u64>,
    entity: EntityId,
    right: Right,
}

impl<H: Host> Asked<'_, H> {
    fn context(&self) -> Context {
        context(self.router, self.asker.person, self.right)
    }

    /// The part of the channel's name that follows the format.
    fn channel(&self) -> String {
        self.right.channel_name(&self.entity, self.asker.person)
    }

    async fn read(&self, since: Option<Timestamp>) -> Result<Reading, Failure> {
        self.router.host.get(&self.context(), &self.entity, since, false).await
    }

    /// What a patch of the JSON of the version that begins at `since` comes to, as a diff from that version.
    async fn document_diff(&self, patch: DocumentPatch, since: Option<Timestamp>) -> Result<CborDiff, Response> {
        let base = match since {
            Some(since) => self.value_since(since).await.map_err(|failure| Response::of_failure(None, failure))?,
            None => None,
        };
        match base {
            Some(value) => {
                let identity = self.router.host.identity(self.entity.kind()).await;
                let identity = identity.map_err(|failure| Response::of_failure(None, failure))?;
                patch
                    .on(&value, &identity, &self.router.config.limits)
                    .map_err(|Unfit(code, why)| Response::error(None, code, why))
            }
            // Not a version we hold: the engine says what is wrong, or how it answered this very request before. It can't
            // apply this diff, should there be such a version by then.
            None => Ok(CborDiff(cbor::encode_patch(&Patch::Remove))),
        }
    }

    /// The value of the version that begins at `since`. A deletion is not there to read, and keeps the value before it.
    async fn value_since(&self, since: Timestamp) -> Result<Option<CborValue>, Failure> {
        let (host, context) = (&self.router.host, self.context());
        let before = Timestamp(since.0.saturating_sub(1));
        for moment in [since, before] {
            match host.get_past(&context, &self.entity, Moment::Time(moment), None).await {
                Ok(Reading::Value(value, meta)) => {
                    let is_it = if moment == since { meta.valid_from == since } else { meta.valid_to == since };
                    return Ok(is_it.then_some(value));
                }
                Ok(_) | Err(Failure::NotFound) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    async fn committed(
        &self,
        result: Result<Committed, Failure>,
        respond: impl Fn(Option<u64>, Committed) -> Response,
        reverts: bool,
    ) -> Performed {
        match result {
            Ok(committed) => {
                let mut effects = publish::change(&self.entity, &self.channel(), &committed, self.asker.connection);
                let note =
                    notes::changed(self.router, self.asker.person, &self.entity, self.right, &committed, reverts);
                effects.extend(note.await);
                Performed { response: respond(self.id, committed), effects, subscription: None }
            }
            Err(failure) => Performed::answer(Response::of_failure(self.id, failure)),
        }
    }
}

fn reading(id: Option<u64>, read: Result<Reading, Failure>) -> Response {
    match read {
        Ok(reading) => Response::of_reading(id, reading),
        Err(failure) => Response::of_failure(id, failure),
    }
}

fn wish(method: &Method) -> Wish {
    match method {
        Method::Get { .. } | Method::Subscribe { .. } | Method::Unsubscribe { .. } | Method::History { .. } => {
            Wish::Read
        }
        Method::Post { .. } => Wish::Make,
        Method::PatchDiff { .. } | Method::Delete { .. } | Method::PatchUndelete { .. } => Wish::Change,
    }
}
