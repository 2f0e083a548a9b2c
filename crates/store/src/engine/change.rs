//! Changing the value, with others changing it at the same time.

use timeweft_core::codec::cbor;
use timeweft_core::diff::lazy::{self, Branch, LazyError, Part};
use timeweft_core::diff::{self, Diff, Identity, Order, Patch, Segment};
use timeweft_core::id::EntityId;
use timeweft_core::members::Members;
use timeweft_core::operation::{self, CborValue, Change, Committed, Context, Failure, Moment, Put, Revert};
use timeweft_core::org;
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::commit::{Draft, What, Written};
use super::describe::in_turn;
use super::input::{decode_value, refuse};
use super::repeat::{Answered, answered, digest};
use super::settle::{Current, Engine};
use super::state::State;
use super::time::Begins;
use crate::error::{EngineError, Stop};
use crate::loader::Loader;
use crate::record::{Entry, KEY, Record};
use crate::store::Store;

/// Values of up to so many bytes are read whole to tell what contradicts from what comes to the same.
const SPLIT: usize = 1 << 20;

/// What is to become of the value that the caller saw.
pub(super) enum Edit {
    Patch(Patch),
    Value(Value),
}

impl Edit {
    async fn on<S: Store>(&self, loader: &Loader<'_, S>, base: &State, identity: &Identity) -> Result<Diff, Stop> {
        Ok(match self {
            Edit::Patch(patch) => lazy::resolve(patch.clone(), &base.part(loader).await?, identity).await?,
            Edit::Value(value) => diff::diff_finely_by(&base.whole(loader).await?, value, identity),
        })
    }
}

/// The rest of what the caller says.
pub(super) struct Terms {
    pub(super) since: Option<Timestamp>,
    pub(super) key: Option<[u8; KEY]>,
    pub(super) valid_from: Option<Timestamp>,
}

impl Terms {
    /// Made on that version, and nothing else.
    pub(super) fn since(since: Option<Timestamp>) -> Terms {
        Terms { since, key: None, valid_from: None }
    }
}

/// One person's, as versions keep it.
fn key(context: &Context, key: Option<String>) -> Option<[u8; KEY]> {
    key.map(|key| digest(&context.person_id, &key))
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Applies a diff, under what others changed since the version named, if it is apart from that.
    pub async fn patch(&self, context: &Context, id: &EntityId, patch: operation::Patch) -> Result<Committed, Failure> {
        let diff = cbor::decode_patch(&patch.diff.0, &context.limits).map_err(refuse)?;
        let (since, valid_from) = (patch.if_unmodified_since, patch.valid_from);
        let terms = Terms { since, key: key(context, patch.idempotency_key), valid_from };
        self.change(context, id, Edit::Patch(diff), terms).await
    }

    /// Replaces the value: what differs between the version named and the new value is applied as a diff is.
    pub async fn put(&self, context: &Context, id: &EntityId, put: Put) -> Result<Committed, Failure> {
        let value = decode_value(context, &put.value)?;
        let terms = Terms { key: key(context, put.idempotency_key), ..Terms::since(put.if_unmodified_since) };
        self.change(context, id, Edit::Value(value), terms).await
    }

    /// Replaces the value by that of an older version, as `put` does.
    pub async fn revert(&self, context: &Context, id: &EntityId, revert: Revert) -> Result<Committed, Failure> {
        // Read once for all rounds: a version stays what it is.
        let value = match self.version_at(context, id, Moment::Time(revert.valid_from)).await? {
            Some((value, meta)) if meta.valid_from == revert.valid_from => value,
            _ => return Err(Failure::NotFound),
        };
        self.change(context, id, Edit::Value(value), Terms::since(revert.if_unmodified_since)).await
    }

    pub(super) async fn change(
        &self,
        context: &Context,
        id: &EntityId,
        edit: Edit,
        terms: Terms,
    ) -> Result<Committed, Failure> {
        self.settle(context, id, async |current, loader| {
            self.try_change(loader, context, id, current, &edit, &terms).await
        })
        .await
    }

    /// One round; `None` when somebody else was faster.
    async fn try_change(
        &self,
        loader: &Loader<'_, S>,
        context: &Context,
        id: &EntityId,
        current: &Current,
        edit: &Edit,
        terms: &Terms,
    ) -> Result<Option<Committed>, Stop> {
        let record = &current.record;
        if let Some(answered) = terms.key.and_then(|key| answered(record, &key)) {
            return self.replay(loader, id, current, answered, terms.since).await.map(Some);
        }
        let is_deleted = record.entry.deleted;
        if is_deleted && (terms.key.is_none() || terms.since.is_none()) {
            return Err(Failure::NotFound.into());
        }
        let since = terms.since.ok_or(Failure::PreconditionRequired)?;
        let (newer, is_known) = self.newer_than(loader, record, since).await?;
        // Beyond what the record remembers of keys, the versions since then know their own.
        let made = |entry: &Entry| terms.key.and_then(|key| Answered::of(entry, &key));
        if let Some(answered) = newer.iter().find_map(made) {
            return self.replay(loader, id, current, answered, terms.since).await.map(Some);
        }
        if is_deleted {
            return Err(Failure::NotFound.into());
        }
        let state = self.state(loader, id, record).await?;
        if !is_known {
            let meta = Box::new(self.current_meta(loader, id, record).await?);
            return Err(Failure::UnknownVersion(CborValue(state.bytes(loader).await?), meta).into());
        }

        let rules = self.rules(context, id.kind()).await?;
        let (mut theirs, mut changes) = (Diff::identity(), false);
        let mine = if newer.is_empty() {
            edit.on(loader, &state, &rules.identity).await?
        } else {
            theirs = self.compose(loader, id, &newer).await?;
            let base = self.before(loader, id, record, &state, &newer, since).await?;
            let mine = edit.on(loader, &base, &rules.identity).await?;
            changes = !mine.is_identity();
            let moved = match self.over_each(loader, id, mine.clone(), &newer, &context.person_id).await? {
                Some(moved) if moved.amount() == mine.amount() => Some(moved),
                // One of them contradicts it, or did the same: what they come to together may leave more of it.
                moved => {
                    let is_short = record.value_bytes() <= SPLIT;
                    let of_all = over_all(loader, &mine, &theirs, &base, is_short).await?;
                    let least = moved.as_ref().map(Diff::amount);
                    of_all.filter(|of_all| least.is_none_or(|least| of_all.amount() > least)).or(moved)
                }
            };
            match moved {
                Some(mine) => mine,
                None => return Err(self.contradicted(loader, id, record, (&newer, &state)).await?),
            }
        };
        // What comes out of an increment is not for the caller to say.
        let mine = match lazy::summed(mine, &state.part(loader).await?).await {
            // It was right by itself.
            Err(LazyError::Diff(_)) if !newer.is_empty() => {
                return Err(self.contradicted(loader, id, record, (&newer, &state)).await?);
            }
            mine => mine?,
        };
        let begins = Begins::after(record, context.now, terms.valid_from)?;
        if matches!(mine, Diff::Set { value: Value::Undefined, .. }) {
            let why = "an entity's value can't become undefined; delete it instead";
            return Err(Failure::BadRequest(why.into()).into());
        }
        if mine.is_identity() {
            if let Some(key) = terms.key.filter(|_| changes)
                && !self.remember(id, current, key).await?
            {
                return Ok(None);
            }
            let mut done = self.unchanged(loader, id, record).await?;
            if !newer.is_empty() {
                done.merged = Some(self.merged(loader, id, theirs, &newer, &state).await?);
            }
            return Ok(Some(done));
        }
        let mut next = state.clone();
        match next.then(id, &mine) {
            Err(EngineError::Corrupt(_)) if !newer.is_empty() => {
                return Err(self.contradicted(loader, id, record, (&newer, &state)).await?);
            }
            Err(EngineError::Corrupt(why)) => return Err(Failure::BadRequest(why).into()),
            done => done?,
        }
        let mine = next.readable(loader, mine).await?;
        let previous = lazy::invert(&mine, &state.part(loader).await?).await?;
        if rules.checks_values() {
            rules.check(&next.whole(loader).await?).map_err(Failure::InvalidValue)?;
        }
        let org = match id.kind() {
            org::KIND => {
                let before = self.org(loader, id, current, &state).await?;
                Some(self.next_org(loader, context, id, before, (&mine, &next)).await?)
            }
            _ => None,
        };
        let change = self.describe(loader, mine.clone(), &next).await?;
        let merged = if newer.is_empty() {
            None
        } else {
            let whole = diff::compose(&theirs, &mine)
                .map_err(|error| Failure::Unavailable(format!("merging into {id}: {error}")))?;
            Some(self.merged(loader, id, whole, &newer, &next).await?)
        };
        let what = What::Change { diff: &mine, previous: &previous, state: &state };
        let draft = Draft { begins, what, deleted: false, key: terms.key, rules: &rules };
        match self.write(loader, context, id, Some(current), draft).await? {
            Written::Lost => Ok(None),
            Written::Swapped(written) => {
                if org.is_some() {
                    self.orgs.put(id, Timestamp(written.entry.valid_from), org);
                }
                let meta = self.current_meta(loader, id, &written).await?;
                let prev_valid_from = Some(Timestamp(record.entry.valid_from));
                Ok(Some(Committed { meta, change: Some(Change { diff: change, prev_valid_from }), merged }))
            }
        }
    }

    /// The refusal of a change that others' changes `newer` (newest first) since its version contradict.
    async fn contradicted(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
        (newer, state): (&[Entry], &State),
    ) -> Result<Stop, Stop> {
        let meta = Box::new(self.current_meta(loader, id, record).await?);
        Ok(Failure::Conflict(self.describe_over(loader, id, newer, state).await?, meta).into())
    }

    /// A change moved over the versions `newer` (newest first), one after the other, so that of what is inserted at one position
    /// the authors decide the order. `None`: it contradicts one of them, or takes back what both did.
    async fn over_each(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        mut mine: Diff,
        newer: &[Entry],
        author: &str,
    ) -> Result<Option<Diff>, Stop> {
        let mut insisting = mine.clone();
        for run in in_turn(newer) {
            let change = self.compose(loader, id, run).await?;
            let other = run.first().map(|entry| &entry.person_id[..]);
            let moved = diff::rebase(&mine, &change, Order::later(Some(author), other));
            match (moved, diff::rebase(&insisting, &change, Order::insisting(author, other))) {
                (Ok(moved), Ok(still)) => (mine, insisting) = (moved, still),
                _ => return Ok(None),
            }
        }
        Ok(Some(mine))
    }

    /// The value at `since`, which the versions `newer` (newest first) came after: backwards from the current one, or, where
    /// reverse diffs are not kept, forwards from an older one.
    async fn before(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        record: &Record,
        state: &State,
        newer: &[Entry],
        since: Timestamp,
    ) -> Result<State, Stop> {
        if newer.iter().all(|entry| entry.previous.is_some()) {
            let mut base = state.clone();
            base.then(id, &self.composed(loader, id, newer.iter().map(|entry| &entry.previous)).await?)?;
            return Ok(base);
        }
        let found = self.find(loader, record, Moment::Time(since)).await?;
        let (entry, _, walk) =
            found.ok_or_else(|| EngineError::Corrupt(format!("{id} lost the version of {since}")))?;
        Ok(State::Value(self.rebuild(loader, id, &entry, walk).await?))
    }
}

/// A change moved over what others' changes come to together, from `base`: what they changed and changed back is in nobody's
/// way, nor, where that `is_short`, what comes to the same and is said in another way. `None`: it contradicts them.
async fn over_all<S: Store>(
    loader: &Loader<'_, S>,
    mine: &Diff,
    theirs: &Diff,
    base: &State,
    is_short: bool,
) -> Result<Option<Diff>, Stop> {
    let theirs = effective(theirs, &base.part(loader).await?).await?.unwrap_or_else(Diff::identity);
    let order = Order::later(None, None);
    match diff::rebase(mine, &theirs, order) {
        Err(_) if is_short => {
            let parts = diff::split(mine, &theirs, &base.whole(loader).await?);
            Ok(diff::rebase(&parts.kept, &theirs, order).ok().filter(|_| parts.contested.is_empty()))
        }
        moved => Ok(moved.ok()),
    }
}

/// A diff without what sets a place to what it was, which diffs in a row can't know of; `None` when nothing is left.
async fn effective<B: Branch>(diff: &Diff, base: &Part<B>) -> Result<Option<Diff>, B::Error> {
    Ok(match (diff, base) {
        (Diff::Remove, Part::Absent) => None,
        (Diff::Set { value, .. }, Part::Value(old)) if old == value => None,
        (Diff::Set { value: value @ (Value::Object(_) | Value::Array(_)), .. }, Part::Branch(old))
            if old.whole().await? == *value =>
        {
            None
        }
        (Diff::Text(_), Part::Value(old)) => {
            let mut now = old.clone();
            let is_back = diff.apply(&mut now).is_ok() && now == *old;
            (!is_back).then(|| diff.clone())
        }
        (Diff::Object(members), base) => {
            let mut left = Members::new();
            for (key, change) in members {
                let member = match base {
                    Part::Branch(branch) => branch.member(key).await?,
                    Part::Value(Value::Object(object)) => object.get(key).cloned().map_or(Part::Absent, Part::Value),
                    _ => Part::Absent,
                };
                if let Some(change) = Box::pin(effective(change, &member)).await? {
                    left.insert(key.clone(), change);
                }
            }
            (!left.is_empty()).then_some(Diff::Object(left))
        }
        (Diff::Array(edits), base) => {
            let mut left = Vec::with_capacity(edits.len());
            let mut at = 0;
            for edit in edits {
                let step = match edit {
                    Segment::Inner(change) => {
                        let element = match base {
                            Part::Branch(branch) => branch.element(at).await?,
                            Part::Value(Value::Array(items)) => {
                                items.get(at).cloned().map_or(Part::Absent, Part::Value)
                            }
                            _ => Part::Absent,
                        };
                        Box::pin(effective(change, &element)).await?.map_or(Segment::Keep(1), Segment::Inner)
                    }
                    edit => edit.clone(),
                };
                at += edit.before();
                left.push(step);
            }
            Some(Diff::Array(left)).filter(|left| !left.is_identity())
        }
        (diff, _) => (!diff.is_identity()).then(|| diff.clone()),
    })
}
