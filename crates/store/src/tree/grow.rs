//! The next tree: pages that a diff touches are written anew, the others are shared with the tree before.

use timeweft_core::codec::cbor::{self, parts};
use timeweft_core::diff::{Diff, Segment};
use timeweft_core::members::Members;

use super::build::{build, part_node};
use super::node::{BranchNode, Index, Kind, Node, Page};
use super::page::{Child, LEAF, branch_node, pages};
use super::view::{added as made, branch, doesnt_fit, shaded, taken};
use crate::blob::Writing;
use crate::error::EngineError;
use crate::loader::Loader;
use crate::store::Store;

/// A container of at least so many pages whose mean is shorter than [`SPARSE_BYTES`] is paged anew.
const SPARSE_PAGES: usize = 8;
const SPARSE_BYTES: usize = 6 * 1024;

/// The root of the tree with the diff applied; what it does not share is garbage in `to`.
pub(crate) async fn grow<S: Store>(
    loader: &Loader<'_, S>,
    root: &Node,
    diff: &Diff,
    to: &mut Writing,
) -> Result<Node, EngineError> {
    match inside(loader, root, diff, to).await? {
        // A root is no leaf.
        Node::Leaf(bytes) => build(&bytes, loader.entity, to),
        node => Ok(node),
    }
}

async fn inside<S: Store>(
    loader: &Loader<'_, S>,
    node: &Node,
    diff: &Diff,
    to: &mut Writing,
) -> Result<Node, EngineError> {
    if diff.is_identity() {
        return Ok(node.clone());
    }
    let value = match (node, diff) {
        (Node::Branch(branch_node), Diff::Object(members)) if branch_node.kind == Kind::Object => {
            return object(loader, branch_node, members, to).await;
        }
        (Node::Branch(branch_node), Diff::Array(segments)) if branch_node.kind == Kind::Array => {
            return array(loader, branch_node, segments, to).await;
        }
        (node, Diff::Set { value, .. }) => {
            Box::pin(free(loader, node, to)).await?;
            cbor::encode_value(value)
        }
        (Node::Leaf(bytes), diff) => cbor::encode_value(&shaded(loader.entity, bytes, Some(diff))?),
        (Node::Long(blob), diff) => {
            to.drop_blob(blob);
            cbor::encode_value(&shaded(loader.entity, &loader.read(blob).await?, Some(diff))?)
        }
        _ => return Err(doesnt_fit(loader.entity, &"it is for another kind of value")),
    };
    Node::decode(&part_node(&value, loader.entity, to)?)
}

async fn child<S: Store>(
    loader: &Loader<'_, S>,
    child: &mut Child,
    diff: &Diff,
    to: &mut Writing,
) -> Result<(), EngineError> {
    child.node = Box::pin(inside(loader, &Node::decode(&child.node)?, diff, to)).await?.encode()?;
    Ok(())
}

async fn object<S: Store>(
    loader: &Loader<'_, S>,
    old: &BranchNode,
    members: &Members<Diff>,
    to: &mut Writing,
) -> Result<Node, EngineError> {
    let index = loader.index(&old.index).await?;
    let mut next = Vec::with_capacity(index.pages.len());
    let mut changes = members.iter().filter(|(_, change)| !change.is_identity()).peekable();
    let ends = index.pages.iter().skip(1).map(|page| Some(page.first.as_str())).chain([None]);
    for (page, end) in index.pages.iter().zip(ends) {
        let here = |key: &str| end.is_none_or(|end| key < end);
        if changes.peek().is_none_or(|(key, _)| !here(key)) {
            next.push(page.clone());
            continue;
        }
        let mut children = Vec::new();
        for mut old in page.children(Kind::Object, loader).await? {
            while let Some((key, change)) = changes.next_if(|(key, _)| **key < old.key) {
                children.extend(added(loader.entity, key, change, to)?);
            }
            match changes.next_if(|(key, _)| **key == old.key) {
                None => children.push(old),
                Some((_, Diff::Remove)) => Box::pin(free(loader, &Node::decode(&old.node)?, to)).await?,
                Some((_, change)) => {
                    child(loader, &mut old, change, to).await?;
                    children.push(old);
                }
            }
        }
        while let Some((key, change)) = changes.next_if(|(key, _)| here(key)) {
            children.extend(added(loader.entity, key, change, to)?);
        }
        to.drop_blob(&page.blob);
        next.extend(pages(Kind::Object, children, to)?);
    }
    // An object without pages: it was emptied before.
    let mut first = Vec::new();
    for (key, change) in changes {
        first.extend(added(loader.entity, key, change, to)?);
    }
    next.extend(pages(Kind::Object, first, to)?);
    settle(loader, old, &index, next, to).await
}

/// A member that was not there.
fn added(entity: &str, key: &str, change: &Diff, to: &mut Writing) -> Result<Option<Child>, EngineError> {
    match change {
        Diff::Set { .. } | Diff::Increment(_) => {
            let Some(value) = made(change) else { return Ok(None) };
            let node = part_node(&cbor::encode_value(&value), entity, to)?;
            Ok(Some(Child { key: key.to_owned(), node }))
        }
        // Removing what is not there is nothing.
        Diff::Remove => Ok(None),
        _ => Err(doesnt_fit(entity, &format!("there is no member {key:?}"))),
    }
}

async fn array<S: Store>(
    loader: &Loader<'_, S>,
    old: &BranchNode,
    segments: &[Segment<Vec<timeweft_core::value::Value>, Diff>],
    to: &mut Writing,
) -> Result<Node, EngineError> {
    if segments.iter().map(Segment::before).sum::<usize>() as u64 != old.count {
        return Err(doesnt_fit(loader.entity, &"it is for an array of another length"));
    }
    let index = loader.index(&old.index).await?;
    // As they are: what is in them is not looked at.
    let mut moved = Vec::new();
    let branch = branch(loader, old).await?;
    for element in taken(segments) {
        let node = branch.stored_element(element).await?;
        moved.push(node.ok_or_else(|| doesnt_fit(loader.entity, &"the array is shorter"))?.encode()?);
    }
    let mut next: Vec<Page> = Vec::with_capacity(index.pages.len());
    let mut fresh: Vec<Child> = Vec::new();
    let mut at_page = 0;
    let mut open: std::vec::IntoIter<Child> = Vec::new().into_iter();
    for segment in segments {
        if let Segment::Insert(items, _) = segment {
            for item in items {
                let node = part_node(&cbor::encode_value(item), loader.entity, to)?;
                fresh.push(Child { key: String::new(), node });
            }
            continue;
        }
        if let Segment::Put(number, inner) = segment {
            let node = moved.get(*number).ok_or_else(|| doesnt_fit(loader.entity, &"it puts what is not taken"))?;
            let mut element = Child { key: String::new(), node: node.clone() };
            if let Some(inner) = inner {
                child(loader, &mut element, inner, to).await?;
            }
            fresh.push(element);
            continue;
        }
        let mut left = segment.before();
        while left > 0 {
            if open.len() == 0 {
                let page =
                    index.pages.get(at_page).ok_or_else(|| doesnt_fit(loader.entity, &"the array is shorter"))?;
                at_page += 1;
                // A page that stays whole is shared.
                if matches!(segment, Segment::Keep(_)) && left as u64 >= page.count {
                    next.extend(pages(Kind::Array, std::mem::take(&mut fresh), to)?);
                    left -= page.count as usize;
                    next.push(page.clone());
                    continue;
                }
                to.drop_blob(&page.blob);
                open = page.children(Kind::Array, loader).await?.into_iter();
            }
            for mut element in open.by_ref().take(left) {
                left -= 1;
                match segment {
                    Segment::Delete(_) => Box::pin(free(loader, &Node::decode(&element.node)?, to)).await?,
                    Segment::Inner(inner) => {
                        child(loader, &mut element, inner, to).await?;
                        fresh.push(element);
                    }
                    // It goes on where it is put.
                    Segment::Take(_) => {}
                    _ => fresh.push(element),
                }
            }
        }
    }
    next.extend(pages(Kind::Array, fresh, to)?);
    settle(loader, old, &index, next, to).await
}

/// The node over the new pages: a leaf when little is left, other pages when they have become sparse.
async fn settle<S: Store>(
    loader: &Loader<'_, S>,
    old: &BranchNode,
    before: &Index,
    next: Vec<Page>,
    to: &mut Writing,
) -> Result<Node, EngineError> {
    to.drop_blob(&old.index);
    let bytes: usize = next.iter().map(|page| page.bytes as usize).sum();
    let sparse = next.len() >= SPARSE_PAGES && next.len() > before.pages.len() / 2 && bytes / next.len() < SPARSE_BYTES;
    if bytes > LEAF / 2 && !sparse {
        return branch_node(old.kind, next, to);
    }
    let mut children = Vec::new();
    for page in &next {
        match to.take_back(&page.blob) {
            Some(bytes) => page.each(old.kind, &bytes, loader.entity, |key, node| {
                children.push(Child { key: key.to_owned(), node: node.to_vec() });
            })?,
            None => {
                to.drop_blob(&page.blob);
                children.extend(page.children(old.kind, loader).await?);
            }
        }
    }
    if sparse {
        let pages = pages(old.kind, children, to)?;
        return branch_node(old.kind, pages, to);
    }
    // So short that every child is a leaf.
    let mut leaf = Vec::with_capacity(bytes + 9);
    match old.kind {
        Kind::Object => parts::write_object_head(&mut leaf, children.len()),
        Kind::Array => parts::write_array_head(&mut leaf, children.len()),
    }
    for child in children {
        if old.kind == Kind::Object {
            parts::write_key(&mut leaf, &child.key);
        }
        leaf.extend(child.node);
    }
    Ok(Node::Leaf(leaf))
}

/// Everything of a node is garbage.
pub(crate) async fn free<S: Store>(loader: &Loader<'_, S>, node: &Node, to: &mut Writing) -> Result<(), EngineError> {
    match node {
        Node::Leaf(_) => {}
        Node::Long(blob) => to.drop_blob(blob),
        Node::Branch(branch_node) => {
            for page in &loader.index(&branch_node.index).await?.pages {
                let bytes = loader.read(&page.blob).await?;
                let mut deeper = Vec::new();
                page.each(branch_node.kind, &bytes, loader.entity, |_, node| {
                    if node.starts_with(&[0xd9, 0xfa]) {
                        deeper.push(node.to_vec());
                    }
                })?;
                for node in deeper {
                    Box::pin(free(loader, &Node::decode(&node)?, to)).await?;
                }
                to.drop_blob(&page.blob);
            }
            to.drop_blob(&branch_node.index);
        }
    }
    Ok(())
}
