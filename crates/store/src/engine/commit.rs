//! Writing the next version: where its value goes, its record, the swap.

use timeweft_core::codec::cbor;
use timeweft_core::diff::{self, Diff};
use timeweft_core::id::EntityId;
use timeweft_core::operation::Context;
use timeweft_core::value::Value;

use super::settle::{Current, Engine};
use super::state::State;
use super::time::Begins;
use crate::blob::{Blob, INLINE, INLINE_VALUE, Writing};
use crate::error::EngineError;
use crate::key::{Gone, Pointer, chunk_key, head_key, pointer, record_key, version_of};
use crate::loader::Loader;
use crate::record::{Base, Entry, FORMAT, KEY, Place, Record, Sealed, Seen, Tree};
use crate::rules::Rules;
use crate::store::Store;
use crate::tree;

/// A recent log that is longer than this, in versions or bytes, is sealed,
const LOG_VERSIONS: usize = 48;
const LOG_BYTES: usize = 8 * 1024;

/// but for this much, which those who were away for a moment catch up from.
const RECENT_VERSIONS: usize = 16;
const RECENT_BYTES: usize = 4 * 1024;

/// A diff that is longer goes into the tree at once.
const LONG_DIFF: usize = 8 * 1024;

/// A tree is kept for the history when the diffs since the last kept one are as long as the value, and at least this.
const KEEP_BYTES: u64 = 64 * 1024;

/// Idempotency keys remembered beside those of the versions in the log.
pub(super) const SEEN: usize = 64;

/// A version about to be written.
pub(super) struct Draft<'a> {
    pub(super) begins: Begins,
    pub(super) what: What<'a>,
    pub(super) deleted: bool,
    pub(super) key: Option<[u8; KEY]>,
    pub(super) rules: &'a Rules,
}

pub(super) enum What<'a> {
    /// The first version, encoded.
    First(&'a [u8]),
    /// The diff from the version before, and back; and the value before.
    Change { diff: &'a Diff, previous: &'a Diff, state: &'a State },
}

/// What came of writing it.
pub(super) enum Written {
    Swapped(Box<Record>),
    /// Somebody else's version came first; nothing of this one is left.
    Lost,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// Removes garbage, announces, writes chunks and then the record, and swaps.
    pub(super) async fn write(
        &self,
        loader: &Loader<'_, S>,
        context: &Context,
        id: &EntityId,
        current: Option<&Current>,
        draft: Draft<'_>,
    ) -> Result<Written, EngineError> {
        let version = current.map_or(1, |current| current.record.entry.version + 1);
        let pointer = pointer(version, (self.nonce)());
        let mut to = Writing::new(pointer);
        let mut entry = Entry {
            pointer,
            version,
            valid_from: draft.begins.valid_from.0,
            person_id: context.person_id.clone(),
            impersonator_id: context.impersonator_id.clone(),
            deleted: draft.deleted,
            diff: None,
            previous: None,
            key: draft.key.map(|key| key.to_vec().into()),
            base: None,
            run: None,
            recorded: draft.begins.recorded.map(|time| time.0),
            keys: None,
        };
        let most = context.limits.value_bytes;
        let record = match (current, draft.what) {
            (Some(current), What::Change { diff, previous, state }) => {
                let granularity = draft.rules.granularity;
                entry.diff = Some(to.blob(cbor::encode_diff(diff), INLINE));
                entry.previous =
                    (!draft.rules.suppress_previous_values).then(|| to.blob(cbor::encode_diff(previous), INLINE));
                let log = log(&current.record);
                let due = log.len() > LOG_VERSIONS || log.iter().map(weight).sum::<usize>() > LOG_BYTES;
                let step = Step { log, due, diff, state, most, granularity };
                self.follow(loader, id, current, entry, step, &mut to).await?
            }
            (_, What::First(value)) => {
                let place = first_place(id, value, &mut entry, most, &mut to)?;
                let (creator, created) = (context.person_id.clone(), entry.valid_from);
                let (tail, seen, garbage, sealed) = (Vec::new(), Vec::new(), Vec::new(), Sealed::default());
                Record { format: FORMAT, entry, creator, created, place, tail, sealed, seen, garbage }
            }
            (None, What::Change { .. }) => return Err(EngineError::Corrupt(format!("{id} has nothing to change"))),
        };
        self.swap(id, current, record, to).await
    }

    /// Makes an entity of our own, unless it is there.
    pub(super) async fn create(&self, context: &Context, id: &EntityId, value: &Value) -> Result<bool, EngineError> {
        let (bytes, rules) = (cbor::encode_value(value), Rules::built_in(id.kind()));
        let what = What::First(&bytes);
        let draft = Draft { begins: Begins::now(context.now), what, deleted: false, key: None, rules: &rules };
        let loader = Loader::new(&self.store, id.as_str());
        Ok(matches!(self.write(&loader, context, id, None, draft).await?, Written::Swapped(_)))
    }

    async fn swap(
        &self,
        id: &EntityId,
        current: Option<&Current>,
        record: Record,
        to: Writing,
    ) -> Result<Written, EngineError> {
        let entity = id.as_str();
        let bytes = record.to_bytes()?;
        let count = to.chunks.len() as u32;
        self.announce(entity, current, to.pointer, count).await?;
        for (number, chunk) in to.chunks.iter().enumerate().filter(|(_, chunk)| !chunk.is_empty()) {
            self.store.set(&chunk_key(entity, to.pointer, number as u32), chunk).await?;
        }
        let key = record_key(entity, to.pointer);
        self.store.set(&key, &bytes).await?;
        let expected: Pointer = current.map_or(0, |current| current.pointer);
        if self.store.swap_head(&head_key(entity), expected, to.pointer).await? {
            return Ok(Written::Swapped(Box::new(record)));
        }
        // Only after a swap that surely failed: nothing will ever point here. What can't be removed is announced.
        let _ = self.store.delete(&key).await;
        for number in 0..count {
            let _ = self.store.delete(&chunk_key(entity, to.pointer, number)).await;
        }
        Ok(Written::Lost)
    }

    /// The record of the version after `current`.
    async fn follow(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        current: &Current,
        mut entry: Entry,
        step: Step<'_>,
        to: &mut Writing,
    ) -> Result<Record, EngineError> {
        let parent = &current.record;
        let mut garbage = self.collect(id.as_str(), parent).await?;
        let place = self.place(loader, id, parent, &mut entry, &step, to).await?;
        let tree = match &place {
            Place::Inline(_) => u64::MAX,
            Place::Tree(tree) => tree.version,
        };
        let mut seen = parent.seen.clone();
        let (mut tail, mut sealed) = (step.log, parent.sealed.clone());
        if step.due {
            let mut bytes = 0;
            let recent = tail.iter().take(RECENT_VERSIONS).take_while(|entry| {
                bytes += weight(entry);
                bytes <= RECENT_BYTES
            });
            // What is not in the tree yet has to stay, whatever its weight.
            let needed = tail.iter().take_while(|entry| tree != u64::MAX && entry.version > tree);
            let left = tail.split_off(recent.count().max(needed.count()));
            let keys = left.iter().flat_map(|Entry { version, key, keys, .. }| {
                let of = |key: &[u8], made_none| Seen { key: key.to_vec().into(), version: *version, made_none };
                let others = keys.iter().flat_map(|keys| keys.chunks_exact(KEY)).map(move |key| of(key, Some(true)));
                key.iter().map(move |key| of(key, None)).chain(others)
            });
            seen.splice(0..0, keys);
            seen.truncate(SEEN);
            if !left.is_empty() {
                let oldest_first = left.into_iter().rev().collect();
                sealed = self.seal(loader, id, &parent.sealed, oldest_first, step.granularity, to).await?;
            }
        }
        garbage.append(&mut to.gone);
        garbage.push(Gone::record(current.pointer));
        let (creator, created) = (parent.creator.clone(), parent.created);
        Ok(Record { format: FORMAT, entry, creator, created, place, tail, sealed, seen, garbage })
    }

    /// Where the value goes: in the record if short, else in a tree. A tree stays as it is, with the diffs since then in the
    /// log, until these are many; then it grows by them.
    async fn place(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        parent: &Record,
        entry: &mut Entry,
        step: &Step<'_>,
        to: &mut Writing,
    ) -> Result<Place, EngineError> {
        let length = entry.diff.as_ref().map_or(0, Blob::len);
        let (tree, root, over) = match (&parent.place, step.state) {
            (Place::Tree(tree), State::Tree { root, over }) => (tree, root, over),
            (_, state) => {
                let mut value = state.whole(loader).await?;
                let before = cbor::value_len(&value);
                step.diff
                    .apply(&mut value)
                    .map_err(|error| EngineError::Corrupt(format!("a diff of {id}: {error}")))?;
                let value = cbor::encode_value(&value);
                check(value.len(), step.most.max(before))?;
                if value.len() <= INLINE_VALUE {
                    return Ok(Place::Inline(value.into()));
                }
                // No tree is kept for it: the history goes on from the last short value.
                let tree = build(id, &value, entry.version, to)?;
                return Ok(Place::Tree(Tree { kept: 0, since_kept: length as u64, ..tree }));
            }
        };
        let bound = tree.bound.saturating_add(length as u64);
        let since_kept = tree.since_kept.saturating_add(length as u64);
        if !step.due && bound <= step.most as u64 && length <= LONG_DIFF {
            return Ok(Place::Tree(Tree { bound, since_kept, ..tree.clone() }));
        }
        let over = diff::compose(over, step.diff)
            .map_err(|error| EngineError::Corrupt(format!("versions of {id} don't follow: {error}")))?;
        let (chunks, gone) = (to.chunks.len(), to.gone.len());
        let grown = tree::grow(loader, root, &over, to).await?;
        let bytes = grown.length();
        if bytes > step.most {
            check(bytes, step.most.max(step.state.bytes(loader).await?.len()))?;
        }
        if bytes <= INLINE_VALUE / 2 {
            to.chunks.truncate(chunks);
            to.gone.truncate(gone);
            let mut value = Vec::with_capacity(bytes);
            tree::write(loader, root, Some(&over), &mut value).await?;
            tree::free(loader, root, to).await?;
            keep(to, gone, tree.kept);
            entry.base = Some(Base::Inline(value.clone().into()));
            return Ok(Place::Inline(value.into()));
        }
        let added = to.chunks[chunks..].iter().filter(|chunk| !chunk.is_empty()).count();
        let removed: usize = to.gone[gone..].iter().map(Gone::keys).sum();
        keep(to, gone, tree.kept);
        let root = grown.encode()?;
        let mut next = Tree {
            root: root.clone().into(),
            version: entry.version,
            bound: bytes as u64,
            chunks: (tree.chunks as usize + added).saturating_sub(removed) as u32,
            kept: tree.kept,
            since_kept,
        };
        if since_kept >= KEEP_BYTES.max(bytes as u64) {
            entry.base = Some(Base::Tree { root: root.into(), then: None });
            (next.kept, next.since_kept) = (entry.version, 0);
        }
        Ok(Place::Tree(next))
    }
}

/// What leads to the next record.
struct Step<'a> {
    /// The recent log, newest first.
    log: Vec<Entry>,
    /// Whether it is so long that it is to be sealed.
    due: bool,
    diff: &'a Diff,
    state: &'a State,
    most: usize,
    granularity: u64,
}

/// The versions up to this record's that are not sealed, newest first.
fn log(record: &Record) -> Vec<Entry> {
    let mut newest = record.entry.clone();
    // The first version's value was the record's; from now on it is its entry's.
    if let (1, None, Place::Inline(bytes)) = (newest.version, &newest.base, &record.place) {
        newest.base = Some(Base::Inline(bytes.clone()));
    }
    std::iter::once(newest).chain(record.tail.iter().cloned()).collect()
}

/// Refuses a value that is longer than it may be. One that was longer before the limit was lowered may stay so, or get
/// shorter: `most` is then what it was.
fn check(length: usize, most: usize) -> Result<(), EngineError> {
    if length > most {
        return Err(EngineError::TooLarge(format!("the value would have {length} bytes; at most {most} are taken")));
    }
    Ok(())
}

/// Of what is gone since `from`, drops what a kept tree shares.
fn keep(to: &mut Writing, from: usize, kept: u64) {
    let gone = to.gone.split_off(from);
    to.gone.extend(gone.into_iter().filter(|gone| version_of(gone.pointer) > (kept & 0xffff_ffff)));
}

/// Where a first version's value goes.
fn first_place(
    id: &EntityId,
    value: &[u8],
    entry: &mut Entry,
    most: usize,
    to: &mut Writing,
) -> Result<Place, EngineError> {
    check(value.len(), most)?;
    if value.len() <= INLINE_VALUE {
        return Ok(Place::Inline(value.to_vec().into()));
    }
    let tree = build(id, value, entry.version, to)?;
    entry.base = Some(Base::Tree { root: tree.root.clone(), then: None });
    Ok(Place::Tree(tree))
}

/// The tree of a value, kept for the history.
fn build(id: &EntityId, value: &[u8], version: u64, to: &mut Writing) -> Result<Tree, EngineError> {
    let before = to.chunks.len();
    let root = tree::build(value, id.as_str(), to)?.encode()?.into();
    let chunks = (to.chunks.len() - before) as u32;
    Ok(Tree { root, version, bound: value.len() as u64, chunks, kept: version, since_kept: 0 })
}

/// Bytes that an entry takes in a record, about.
fn weight(entry: &Entry) -> usize {
    let blob = |blob: &Option<Blob>| match blob {
        Some(Blob::Inline(bytes)) => bytes.len(),
        _ => 32,
    };
    let base = match &entry.base {
        Some(Base::Inline(bytes) | Base::Tree { root: bytes, .. }) => bytes.len(),
        None => 0,
    };
    blob(&entry.diff) + blob(&entry.previous) + base + entry.person_id.len() + 48
}
