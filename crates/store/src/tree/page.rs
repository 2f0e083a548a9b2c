//! Pages: parts of a container in order, and how they are filled.

use std::ops::Range;
use std::rc::Rc;

use timeweft_core::codec::DecodeError;
use timeweft_core::codec::cbor::parts;

use super::node::{BranchNode, Index, Kind, Node, Page};
use crate::blob::Writing;
use crate::error::EngineError;
use crate::loader::Loader;
use crate::store::Store;

/// A part that is longer than this is a node of its own.
pub(super) const LEAF: usize = 8 * 1024;

/// A page is filled up to this,
pub(super) const FILL: usize = 24 * 1024;

/// and is parted when it is longer than this.
pub(super) const PAGE: usize = 32 * 1024;

/// An index longer than this is not in the node.
const INDEX: usize = 512;

/// A member or an element of a page: its key, empty in an array, and its node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Child {
    pub(super) key: String,
    pub(super) node: Vec<u8>,
}

impl Page {
    pub(super) async fn children<S: Store>(
        &self,
        kind: Kind,
        loader: &Loader<'_, S>,
    ) -> Result<Vec<Child>, EngineError> {
        let bytes = loader.read(&self.blob).await?;
        // Not as many as are said to be there: what is said may be damaged.
        let mut children = Vec::new();
        self.each(kind, &bytes, loader.entity, |key, node| {
            children.push(Child { key: key.to_owned(), node: node.to_vec() });
        })?;
        Ok(children)
    }

    /// Calls with the key and the node of each child in the page's bytes.
    pub(super) fn each(
        &self,
        kind: Kind,
        bytes: &[u8],
        entity: &str,
        mut call: impl FnMut(&str, &[u8]),
    ) -> Result<(), EngineError> {
        let mut read = || -> Result<(), minicbor::decode::Error> {
            let mut decoder = minicbor::Decoder::new(bytes);
            decoder.array()?;
            for _ in 0..self.count {
                let key = if kind == Kind::Object { decoder.str()? } else { "" };
                call(key, decoder.bytes()?);
            }
            Ok(())
        };
        read().map_err(|error| EngineError::Corrupt(format!("a page of {entity}: {error}")))
    }

    /// Where the children are in the page's bytes.
    pub(super) fn open(&self, kind: Kind, bytes: Rc<Vec<u8>>, entity: &str) -> Result<Opened, EngineError> {
        let read = || -> Result<Vec<Span>, minicbor::decode::Error> {
            let mut decoder = minicbor::Decoder::new(&bytes);
            decoder.array()?;
            let mut children = Vec::new();
            for _ in 0..self.count {
                let key = if kind == Kind::Object { decoder.str()?.len() } else { 0 };
                let key = decoder.position() - key..decoder.position();
                let node = decoder.bytes()?.len();
                children.push(Span { key, node: decoder.position() - node..decoder.position() });
            }
            Ok(children)
        };
        let children = read().map_err(|error| EngineError::Corrupt(format!("a page of {entity}: {error}")))?;
        Ok(Opened { bytes, children })
    }
}

/// A page, and where its children are: many may be asked for one by one.
pub(super) struct Opened {
    bytes: Rc<Vec<u8>>,
    children: Vec<Span>,
}

struct Span {
    key: Range<usize>,
    node: Range<usize>,
}

impl Opened {
    pub(super) fn member(&self, key: &str) -> Option<&[u8]> {
        let found = self.children.binary_search_by(|child| self.bytes[child.key.clone()].cmp(key.as_bytes()));
        self.element(found.ok()?)
    }

    pub(super) fn element(&self, at: usize) -> Option<&[u8]> {
        self.children.get(at).map(|child| &self.bytes[child.node.clone()])
    }
}

impl Child {
    /// Bytes when it is written out.
    pub(super) fn length(&self, kind: Kind) -> Result<usize, EngineError> {
        let key = if kind == Kind::Object { self.key.len() + head(self.key.len()) } else { 0 };
        Ok(key
            + if self.node.starts_with(&[0xd9, 0xfa]) { Node::decode(&self.node)?.length() } else { self.node.len() })
    }

    /// Bytes that it takes in a page.
    pub(super) fn weight(&self) -> usize {
        self.key.len() + self.node.len() + 6
    }
}

fn head(argument: usize) -> usize {
    let mut head = Vec::new();
    parts::write_array_head(&mut head, argument);
    head.len()
}

/// Writes children to pages, each filled up to about [`FILL`].
pub(super) fn pages(kind: Kind, children: Vec<Child>, to: &mut Writing) -> Result<Vec<Page>, EngineError> {
    let mut pages = Vec::new();
    let mut full: Vec<Child> = Vec::new();
    let mut weight = 0;
    let total: usize = children.iter().map(Child::weight).sum();
    // What fits in one page is one.
    let most = if total <= PAGE { PAGE } else { FILL };
    for child in children {
        if !full.is_empty() && weight + child.weight() > most {
            pages.push(page(kind, &full, to)?);
            full.clear();
            weight = 0;
        }
        weight += child.weight();
        full.push(child);
    }
    if !full.is_empty() {
        pages.push(page(kind, &full, to)?);
    }
    Ok(pages)
}

fn page(kind: Kind, children: &[Child], to: &mut Writing) -> Result<Page, EngineError> {
    let mut bytes = Vec::with_capacity(children.iter().map(Child::weight).sum());
    let items = if kind == Kind::Object { 2 * children.len() } else { children.len() };
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    let mut write = || -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.array(items as u64)?;
        for child in children {
            if kind == Kind::Object {
                encoder.str(&child.key)?;
            }
            encoder.bytes(&child.node)?;
        }
        Ok(())
    };
    write().map_err(|error| EngineError::Corrupt(error.to_string()))?;
    let mut length = 0;
    for child in children {
        length += child.length(kind)?;
    }
    let first = children.first().map(|child| child.key.clone()).unwrap_or_default();
    Ok(Page { first, count: children.len() as u64, bytes: length as u64, blob: to.blob(bytes, 0) })
}

/// The node over these pages.
pub(super) fn branch_node(kind: Kind, pages: Vec<Page>, to: &mut Writing) -> Result<Node, EngineError> {
    let (count, bytes) = pages.iter().fold((0, 0), |(count, bytes), page| (count + page.count, bytes + page.bytes));
    let index = minicbor::to_vec(Index { pages }).map_err(|error| EngineError::Corrupt(error.to_string()))?;
    Ok(Node::Branch(BranchNode { kind, count, bytes, index: to.blob(index, INDEX) }))
}

pub(super) fn damaged(entity: &str) -> impl Fn(DecodeError) -> EngineError {
    move |error| EngineError::Corrupt(format!("a part of {entity}: {error}"))
}
