//! Reading a tree under a diff that is not in it yet: what is asked for is loaded, and the diff applied to that.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use timeweft_core::codec::cbor::{self, parts};
use timeweft_core::diff::lazy::{Branch, Part};
use timeweft_core::diff::{Diff, Segment};
use timeweft_core::value::Value;

use super::node::{BranchNode, Index, Kind, Node};
use super::page::{Child, Opened};
use crate::error::EngineError;
use crate::loader::{Loader, decode_stored};
use crate::store::Store;

/// A container in pages, under a diff.
pub(crate) struct BranchView<'a, S> {
    loader: &'a Loader<'a, S>,
    branch_node: BranchNode,
    index: Rc<Index>,
    over: Option<&'a Diff>,
    /// Of edits along an array: made once, since elements are asked for one by one.
    layout: Option<Layout>,
    /// Pages that were looked into, by their numbers.
    opened: RefCell<HashMap<usize, Rc<Opened>>>,
    /// Where each page's elements end.
    ends: OnceCell<Vec<u64>>,
}

/// Where the elements that edits leave come from.
struct Layout {
    /// Where each step's elements end, in what comes out.
    ends: Vec<usize>,
    /// Where each step starts, in what was there.
    starts: Vec<usize>,
    /// Which elements are taken, by their numbers.
    taken: Vec<usize>,
}

impl Layout {
    fn of(over: Option<&Diff>) -> Option<Layout> {
        let Some(Diff::Array(segments)) = over else { return None };
        let mut layout = Layout { ends: Vec::new(), starts: Vec::new(), taken: taken(segments) };
        let (mut end, mut start) = (0, 0);
        for segment in segments {
            end += segment.after();
            layout.ends.push(end);
            layout.starts.push(start);
            start += segment.before();
        }
        Some(layout)
    }

    /// Which step leaves the element at `index`, and as which of its own.
    fn step(&self, index: usize) -> (usize, usize) {
        let step = self.ends.partition_point(|end| *end <= index);
        let before = step.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        (step, index - before)
    }
}

/// The place that a node is, under a diff.
pub(crate) async fn part<'a, S: Store>(
    loader: &'a Loader<'a, S>,
    node: Node,
    over: Option<&'a Diff>,
) -> Result<Part<BranchView<'a, S>>, EngineError> {
    let over = over.filter(|diff| !diff.is_identity());
    match over {
        Some(Diff::Remove) => return Ok(Part::Absent),
        Some(Diff::Set { value, .. }) => return Ok(Part::Value(value.clone())),
        _ => {}
    }
    match node {
        Node::Leaf(bytes) => Ok(Part::Value(shaded(loader.entity, &bytes, over)?)),
        Node::Long(blob) => Ok(Part::Value(shaded(loader.entity, &loader.read(&blob).await?, over)?)),
        Node::Branch(branch_node) => {
            let index = loader.index(&branch_node.index).await?;
            Ok(Part::Branch(BranchView::of(loader, branch_node, index, over)))
        }
    }
}

/// An encoded value with a diff applied.
pub(super) fn shaded(entity: &str, bytes: &[u8], over: Option<&Diff>) -> Result<Value, EngineError> {
    let mut value = decode_stored(entity, bytes)?;
    if let Some(diff) = over {
        diff.apply(&mut value).map_err(|error| doesnt_fit(entity, &error))?;
    }
    Ok(value)
}

pub(super) fn doesnt_fit(entity: &str, error: &impl std::fmt::Display) -> EngineError {
    EngineError::Corrupt(format!("a diff of {entity} doesn't fit: {error}"))
}

impl<'a, S: Store> BranchView<'a, S> {
    fn of(loader: &'a Loader<'a, S>, branch_node: BranchNode, index: Rc<Index>, over: Option<&'a Diff>) -> Self {
        let layout = Layout::of(over);
        BranchView { loader, branch_node, index, over, layout, opened: RefCell::default(), ends: OnceCell::new() }
    }

    async fn open(&self, number: usize) -> Result<Option<Rc<Opened>>, EngineError> {
        if let Some(opened) = self.opened.borrow().get(&number) {
            return Ok(Some(opened.clone()));
        }
        let Some(page) = self.index.pages.get(number) else { return Ok(None) };
        let bytes = self.loader.read(&page.blob).await?;
        let opened = Rc::new(page.open(self.branch_node.kind, bytes, self.loader.entity)?);
        self.opened.borrow_mut().insert(number, opened.clone());
        Ok(Some(opened))
    }

    /// The node of a member that is in the pages.
    async fn stored_member(&self, key: &str) -> Result<Option<Node>, EngineError> {
        let after = self.index.pages.partition_point(|page| page.first.as_str() <= key);
        let Some(number) = after.checked_sub(1) else { return Ok(None) };
        let page = self.open(number).await?;
        page.as_ref().and_then(|page| page.member(key)).map(Node::decode).transpose()
    }

    /// The node of an element that is in the pages.
    pub(super) async fn stored_element(&self, index: usize) -> Result<Option<Node>, EngineError> {
        let ends = self.ends.get_or_init(|| {
            let mut end = 0_u64;
            let ends = self.index.pages.iter().map(|page| {
                end = end.saturating_add(page.count);
                end
            });
            ends.collect()
        });
        let number = ends.partition_point(|end| *end <= index as u64);
        let start = number.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
        let page = self.open(number).await?;
        let at = index - start as usize;
        page.as_ref().and_then(|page| page.element(at)).map(Node::decode).transpose()
    }

    /// About `most` members of an object after a key, in order; none when there are no more.
    pub(crate) async fn members_after(&self, key: &str, most: usize) -> Result<Vec<(String, Value)>, EngineError> {
        let mut found = BTreeMap::new();
        let from = self.index.pages.partition_point(|page| page.first.as_str() <= key).saturating_sub(1);
        let mut end = None;
        for page in &self.index.pages[from..] {
            if found.len() >= most {
                end = Some(page.first.as_str());
                break;
            }
            for child in page.children(Kind::Object, self.loader).await? {
                if child.key.as_str() > key {
                    let mut bytes = Vec::new();
                    child.write(self.loader, None, &mut bytes).await?;
                    found.insert(child.key, decode_stored(self.loader.entity, &bytes)?);
                }
            }
        }
        if let Some(Diff::Object(members)) = self.over {
            let here = |name: &str| name > key && end.is_none_or(|end| name < end);
            for (name, change) in members.iter().filter(|(name, _)| here(name)) {
                match (change, found.get_mut(name)) {
                    (Diff::Set { value, .. }, _) => drop(found.insert(name.clone(), value.clone())),
                    (Diff::Remove, _) => drop(found.remove(name)),
                    (change, Some(value)) => {
                        change.apply(value).map_err(|error| doesnt_fit(self.loader.entity, &error))?;
                    }
                    (Diff::Increment(increment), None) => drop(found.insert(name.clone(), increment.alone())),
                    (_, None) => {}
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    async fn value(&self, part: Part<Self>) -> Result<Value, EngineError> {
        match part {
            Part::Absent => Ok(Value::Undefined),
            Part::Value(value) => Ok(value),
            Part::Branch(branch) => branch.whole().await,
        }
    }
}

impl<S: Store> Branch for BranchView<'_, S> {
    type Error = EngineError;

    fn elements(&self) -> Option<usize> {
        let stored = self.branch_node.count as usize;
        (self.branch_node.kind == Kind::Array).then(|| match &self.layout {
            Some(layout) => layout.ends.last().copied().unwrap_or(0),
            None => stored,
        })
    }

    async fn member(&self, key: &str) -> Result<Part<Self>, EngineError> {
        let over = match self.over {
            Some(Diff::Object(members)) => members.get(key),
            _ => None,
        };
        if let Some(Diff::Set { value, .. }) = over {
            return Ok(Part::Value(value.clone()));
        }
        match (self.stored_member(key).await?, over) {
            (Some(node), over) => Box::pin(part(self.loader, node, over)).await,
            (None, Some(Diff::Increment(increment))) => Ok(Part::Value(increment.alone())),
            (None, _) => Ok(Part::Absent),
        }
    }

    async fn element(&self, index: usize) -> Result<Part<Self>, EngineError> {
        let (from, over) = match (self.over, &self.layout) {
            (Some(Diff::Array(segments)), Some(layout)) => {
                let (step, at) = layout.step(index);
                let stored = layout.starts.get(step).map(|start| start + at);
                match segments.get(step) {
                    Some(Segment::Insert(items, _)) => {
                        return Ok(items.get(at).cloned().map_or(Part::Absent, Part::Value));
                    }
                    Some(Segment::Inner(inner)) => (stored, Some(inner)),
                    Some(Segment::Put(number, inner)) => (layout.taken.get(*number).copied(), inner.as_ref()),
                    _ => (stored, None),
                }
            }
            _ => (Some(index), None),
        };
        let node = match from {
            Some(index) => self.stored_element(index).await?,
            None => None,
        };
        match node {
            Some(node) => Box::pin(part(self.loader, node, over)).await,
            None => Ok(Part::Absent),
        }
    }

    async fn range(&self, range: Range<usize>) -> Result<Vec<Value>, EngineError> {
        let mut items = Vec::with_capacity(range.len());
        for index in range {
            let element = self.element(index).await?;
            items.push(self.value(element).await?);
        }
        Ok(items)
    }

    async fn whole(&self) -> Result<Value, EngineError> {
        let mut bytes = Vec::new();
        Box::pin(write(self.loader, &Node::Branch(self.branch_node.clone()), self.over, &mut bytes)).await?;
        decode_stored(self.loader.entity, &bytes)
    }
}

/// Which elements of the base are taken, by their numbers.
pub(super) fn taken(segments: &[Segment<Vec<Value>, Diff>]) -> Vec<usize> {
    let (mut at, mut taken) = (0, Vec::new());
    for segment in segments {
        if matches!(segment, Segment::Take(_)) {
            taken.push(at);
        }
        at += segment.before();
    }
    taken
}

/// What a change makes of a member that is not there.
pub(super) fn added(change: &Diff) -> Option<Value> {
    match change {
        Diff::Set { value, .. } => Some(value.clone()),
        Diff::Increment(increment) => Some(increment.alone()),
        _ => None,
    }
}

/// A container in pages, as it is.
pub(super) async fn branch<'a, S: Store>(
    loader: &'a Loader<'a, S>,
    branch_node: &BranchNode,
) -> Result<BranchView<'a, S>, EngineError> {
    let index = loader.index(&branch_node.index).await?;
    Ok(BranchView::of(loader, branch_node.clone(), index, None))
}

/// Writes a node's value out, with a diff applied; what the diff does not touch is copied and not decoded.
pub(crate) async fn write<S: Store>(
    loader: &Loader<'_, S>,
    node: &Node,
    over: Option<&Diff>,
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    let over = over.filter(|diff| !diff.is_identity());
    if let Some(Diff::Set { value, .. }) = over {
        out.extend(cbor::encode_value(value));
        return Ok(());
    }
    let (branch_node, over) = match (node, over) {
        (Node::Leaf(bytes), None) => {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        (Node::Long(blob), None) => {
            out.extend_from_slice(&loader.read(blob).await?);
            return Ok(());
        }
        (Node::Leaf(bytes), over) => {
            out.extend(cbor::encode_value(&shaded(loader.entity, bytes, over)?));
            return Ok(());
        }
        (Node::Long(blob), over) => {
            out.extend(cbor::encode_value(&shaded(loader.entity, &loader.read(blob).await?, over)?));
            return Ok(());
        }
        (Node::Branch(branch_node), over) => (branch_node, over),
    };
    let mut children = Children::of(branch_node, loader).await?;
    match (branch_node.kind, over) {
        (Kind::Object, None) => {
            parts::write_object_head(out, branch_node.count as usize);
            while let Some(child) = children.next().await? {
                parts::write_key(out, &child.key);
                child.write(loader, None, out).await?;
            }
        }
        (Kind::Object, Some(Diff::Object(members))) => {
            let (mut body, mut count) = (Vec::new(), 0);
            let mut changes = members.iter().peekable();
            let put = |key: &str, value: &Value, body: &mut Vec<u8>| {
                parts::write_key(body, key);
                body.extend(cbor::encode_value(value));
            };
            while let Some(child) = children.next().await? {
                while let Some((key, change)) = changes.next_if(|(key, _)| **key < child.key) {
                    if let Some(value) = added(change) {
                        put(key, &value, &mut body);
                        count += 1;
                    }
                }
                let change = changes.next_if(|(key, _)| **key == child.key).map(|(_, change)| change);
                if !matches!(change, Some(Diff::Remove)) {
                    parts::write_key(&mut body, &child.key);
                    child.write(loader, change, &mut body).await?;
                    count += 1;
                }
            }
            for (key, change) in changes {
                if let Some(value) = added(change) {
                    put(key, &value, &mut body);
                    count += 1;
                }
            }
            parts::write_object_head(out, count);
            out.append(&mut body);
        }
        (Kind::Array, None) => {
            parts::write_array_head(out, branch_node.count as usize);
            while let Some(child) = children.next().await? {
                child.write(loader, None, out).await?;
            }
        }
        (Kind::Array, Some(Diff::Array(segments))) => {
            parts::write_array_head(out, segments.iter().map(|segment| segment.after()).sum());
            let taken = taken(segments);
            let branch = branch(loader, branch_node).await?;
            for segment in segments {
                if let Segment::Insert(items, _) = segment {
                    items.iter().for_each(|item| out.extend(cbor::encode_value(item)));
                }
                if let Segment::Put(number, inner) = segment {
                    let node = match taken.get(*number) {
                        Some(index) => branch.stored_element(*index).await?,
                        None => None,
                    };
                    let node = node.ok_or_else(|| doesnt_fit(loader.entity, &"it puts what is not taken"))?;
                    Box::pin(write(loader, &node, inner.as_ref(), out)).await?;
                }
                for _ in 0..segment.before() {
                    let child = children.next().await?;
                    let child = child.ok_or_else(|| doesnt_fit(loader.entity, &"it is for a longer array"))?;
                    match segment {
                        Segment::Keep(_) => child.write(loader, None, out).await?,
                        Segment::Inner(inner) => child.write(loader, Some(inner), out).await?,
                        _ => {}
                    }
                }
            }
        }
        _ => return Err(doesnt_fit(loader.entity, &"it is for another kind of value")),
    }
    Ok(())
}

impl Child {
    async fn write<S: Store>(
        &self,
        loader: &Loader<'_, S>,
        over: Option<&Diff>,
        out: &mut Vec<u8>,
    ) -> Result<(), EngineError> {
        match over {
            None if !self.node.starts_with(&[0xd9, 0xfa]) => out.extend_from_slice(&self.node),
            over => Box::pin(write(loader, &Node::decode(&self.node)?, over, out)).await?,
        }
        Ok(())
    }
}

/// The children of a container, page by page.
struct Children<'a, S> {
    loader: &'a Loader<'a, S>,
    kind: Kind,
    index: Rc<Index>,
    page: usize,
    loaded: std::vec::IntoIter<Child>,
}

impl<'a, S: Store> Children<'a, S> {
    async fn of(branch_node: &BranchNode, loader: &'a Loader<'a, S>) -> Result<Self, EngineError> {
        let index = loader.index(&branch_node.index).await?;
        Ok(Children { loader, kind: branch_node.kind, index, page: 0, loaded: Vec::new().into_iter() })
    }

    async fn next(&mut self) -> Result<Option<Child>, EngineError> {
        loop {
            if let Some(child) = self.loaded.next() {
                return Ok(Some(child));
            }
            let Some(page) = self.index.pages.get(self.page) else { return Ok(None) };
            self.loaded = page.children(self.kind, self.loader).await?.into_iter();
            self.page += 1;
        }
    }
}
