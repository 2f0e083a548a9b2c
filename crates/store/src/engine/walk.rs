//! The versions of an entity, newest first: the recent log, then the sealed segments, loaded as they are come to.

use std::collections::VecDeque;

use timeweft_core::id::EntityId;
use timeweft_core::operation::Moment;
use timeweft_core::time::Timestamp;
use timeweft_core::value::Value;

use super::settle::Engine;
use crate::blob::Blob;
use crate::error::EngineError;
use crate::loader::Loader;
use crate::record::{Base, Entry, Place, Record, Sealed};
use crate::segment::{self, Block};
use crate::store::Store;

pub(super) struct Walk<'a, S> {
    loader: &'a Loader<'a, S>,
    /// Newest first.
    entries: VecDeque<Entry>,
    /// Oldest first, and before the entries.
    blocks: Vec<Block>,
    /// Before the blocks.
    sealed: Sealed,
    /// The version whose tree the record has, and its root.
    tree: Option<(u64, Vec<u8>)>,
}

impl<'a, S: Store> Walk<'a, S> {
    pub(super) fn new(loader: &'a Loader<'a, S>, record: &Record) -> Self {
        let tree = match &record.place {
            Place::Inline(_) => None,
            Place::Tree(tree) => Some((tree.version, tree.root.to_vec())),
        };
        let entries = std::iter::once(&record.entry).chain(&record.tail).cloned().collect();
        Walk { loader, entries, blocks: Vec::new(), sealed: record.sealed.clone(), tree }
    }

    /// The next older version.
    pub(super) async fn next(&mut self) -> Result<Option<Entry>, EngineError> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Ok(Some(entry));
            }
            if let Some(block) = self.blocks.pop() {
                self.entries = block.entries(self.loader.entity)?.into_iter().rev().collect();
            } else if !self.load_blocks().await? {
                return Ok(None);
            }
        }
    }

    /// Passes every version that is `later` (by version and start) without loading more than it must; says when the last
    /// one passed began, if any was.
    pub(super) async fn pass(&mut self, later: impl Fn(u64, u64) -> bool) -> Result<Option<Timestamp>, EngineError> {
        let mut passed = None;
        loop {
            while let Some(entry) = self.entries.pop_front() {
                if !later(entry.version, entry.valid_from) {
                    self.entries.push_front(entry);
                    return Ok(passed);
                }
                passed = Some(Timestamp(entry.valid_from));
            }
            // Where the first version is later, all are.
            if let Some(block) = self.blocks.pop() {
                if later(block.version, block.valid_from) {
                    passed = Some(Timestamp(block.valid_from));
                } else {
                    self.entries = block.entries(self.loader.entity)?.into_iter().rev().collect();
                }
                continue;
            }
            while let Some(segment) = self.sealed.segments.pop_if(|segment| later(segment.version, segment.valid_from))
            {
                passed = Some(Timestamp(segment.valid_from));
            }
            if !self.load_blocks().await? {
                return Ok(passed);
            }
        }
    }

    async fn load_blocks(&mut self) -> Result<bool, EngineError> {
        loop {
            if let Some(segment) = self.sealed.segments.pop() {
                self.blocks = segment::blocks(&self.loader.read(&segment.blob).await?, self.loader.entity)?;
                return Ok(true);
            }
            let Some(older) = self.sealed.older.take() else { return Ok(false) };
            let bytes = self.loader.read(&older).await?;
            self.sealed = minicbor::decode(&bytes)
                .map_err(|error| EngineError::Corrupt(format!("segments of {}: {error}", self.loader.entity)))?;
        }
    }
}

/// The versions after a moment.
pub(super) enum Newer {
    /// Newest first.
    Versions(Vec<Entry>),
    /// The moment is no version that is held. These came after it.
    Unknown(Vec<Entry>),
    /// Too many to be looked at, if it is one.
    TooMany,
}

impl<S: Store, N: Fn() -> u32> Engine<S, N> {
    /// The versions after `since`, newest first, and whether `since` is a version that is held.
    pub(super) async fn newer_than(
        &self,
        loader: &Loader<'_, S>,
        record: &Record,
        since: Timestamp,
    ) -> Result<(Vec<Entry>, bool), EngineError> {
        Ok(match self.newer_within(loader, record, since, usize::MAX, usize::MAX).await? {
            Newer::Versions(newer) => (newer, true),
            Newer::Unknown(newer) => (newer, false),
            Newer::TooMany => (Vec::new(), false),
        })
    }

    /// The same, unless these are more than so many `versions` or their diffs have more than so many `bytes`: no more are looked at.
    pub(super) async fn newer_within(
        &self,
        loader: &Loader<'_, S>,
        record: &Record,
        since: Timestamp,
        versions: usize,
        mut bytes: usize,
    ) -> Result<Newer, EngineError> {
        // Nearly always.
        if since.0 == record.entry.valid_from {
            return Ok(Newer::Versions(Vec::new()));
        }
        let mut newer = Vec::new();
        let mut walk = Walk::new(loader, record);
        while let Some(entry) = walk.next().await? {
            if entry.valid_from <= since.0 {
                return Ok(if entry.valid_from == since.0 { Newer::Versions(newer) } else { Newer::Unknown(newer) });
            }
            match bytes.checked_sub(entry.diff.as_ref().map_or(0, Blob::len)) {
                Some(left) if newer.len() < versions => bytes = left,
                _ => return Ok(Newer::TooMany),
            }
            newer.push(entry);
        }
        Ok(Newer::Unknown(newer))
    }

    /// The version of a moment and when the one after it began; `None` if there is none.
    pub(super) async fn find<'a>(
        &self,
        loader: &'a Loader<'a, S>,
        record: &Record,
        moment: Moment,
    ) -> Result<Option<(Entry, Timestamp, Walk<'a, S>)>, EngineError> {
        let mut walk = Walk::new(loader, record);
        let passed = match moment {
            Moment::Time(at) => walk.pass(|_, valid_from| valid_from > at.0).await?,
            Moment::Version(wanted) => walk.pass(|version, _| version > wanted).await?,
        };
        let Some(entry) = walk.next().await? else { return Ok(None) };
        let is_it = matches!(moment, Moment::Time(_)) || moment == Moment::Version(entry.version);
        Ok(is_it.then_some((entry, passed.unwrap_or(Timestamp::FOREVER), walk)))
    }

    /// The version of that number, or the one that history keeps in its place.
    pub(super) async fn holding<'a>(
        &self,
        loader: &'a Loader<'a, S>,
        record: &Record,
        version: u64,
    ) -> Result<Option<(Entry, Walk<'a, S>)>, EngineError> {
        let mut walk = Walk::new(loader, record);
        let passed = walk.pass(|later, _| later > version).await?;
        match (walk.next().await?, passed) {
            (Some(entry), _) if entry.version == version => Ok(Some((entry, walk))),
            (_, Some(next)) => {
                let found = self.find(loader, record, Moment::Time(next)).await?;
                Ok(found.map(|(entry, _, walk)| (entry, walk)))
            }
            (_, None) => Ok(None),
        }
    }

    /// The value at `entry`, which `walk` has just given: from the nearest whole value before it.
    pub(super) async fn rebuild(
        &self,
        loader: &Loader<'_, S>,
        id: &EntityId,
        entry: &Entry,
        mut walk: Walk<'_, S>,
    ) -> Result<Value, EngineError> {
        let mut diffs = Vec::new();
        let mut entry = entry.clone();
        let base = loop {
            if let Some(base) = entry.base {
                break base;
            }
            if let Some((_, root)) = walk.tree.as_ref().filter(|(version, _)| *version == entry.version) {
                break Base::Tree { root: root.clone().into(), then: None };
            }
            diffs.push(entry.diff);
            let before = walk.next().await?;
            entry = before.ok_or_else(|| EngineError::Corrupt(format!("{id} has no value to start from")))?;
        };
        let mut value = self.base(loader, id, &base).await?.whole(loader).await?;
        for blob in diffs.iter().rev() {
            let diff = self.diff(loader, blob).await?;
            diff.apply(&mut value)
                .map_err(|error| EngineError::Corrupt(format!("a diff of {id} doesn't fit: {error}")))?;
        }
        Ok(value)
    }
}
