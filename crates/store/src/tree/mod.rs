//! A long value in pages, so that a small change reads and writes a few of them and not the whole.
//!
//! ```text
//! node   an encoded value, or one that is elsewhere:
//!          64005  a blob that holds it (a long text, a Map, …: what is not looked into)
//!          64006  an object, 64007 an array: how many parts, their bytes, and its index
//! index  the pages, in order: first key, how many parts, their bytes, where
//! page   parts in order, each a node: members with their keys, or elements
//! ```
//!
//! Pages are shared between the trees of several versions: changing one writes the pages that it touches anew, and the
//! indices above them. `docs/storage.md` has the bytes.
//!
//! | file | what |
//! |---|---|
//! | `plant` | from a value to a tree |
//! | `view` | reading: a place, a part, the whole, under a diff that is not in the tree yet |
//! | `grow` | applying a diff: the next tree |

mod grow;
mod plant;
#[cfg(test)]
mod tests;
mod view;

use std::ops::Range;
use std::rc::Rc;

use minicbor::{Decode, Encode};
use timeweft_core::codec::DecodeError;
use timeweft_core::codec::cbor::parts;

use crate::blob::{Blob, Loader, Writing};
use crate::engine::EngineError;
use crate::store::Store;

pub(crate) use grow::{fell, grow};
pub(crate) use plant::plant;
pub(crate) use view::{Limb, part, write};

/// A part that is longer than this is a node of its own.
const LEAF: usize = 8 * 1024;

/// A page is filled up to this,
const FILL: usize = 24 * 1024;

/// and is parted when it is longer than this.
const PAGE: usize = 32 * 1024;

/// An index longer than this is not in the node.
const INDEX: usize = 512;

const LONG: u64 = 64005;
const OBJECT: u64 = 64006;
const ARRAY: u64 = 64007;

/// Where a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Here, encoded.
    Leaf(Vec<u8>),
    /// In a blob, encoded.
    Long(Blob),
    /// In pages.
    Branch(Trunk),
}

/// A container in pages.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Trunk {
    /// Which tag; not written with it.
    #[cbor(skip)]
    kind: Kind,
    /// Members or elements.
    #[n(0)]
    count: u64,
    /// Bytes of those, keys included, when they are written out.
    #[n(1)]
    bytes: u64,
    /// An [`Index`].
    #[n(2)]
    index: Blob,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Object,
    Array,
}

#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Index {
    #[n(0)]
    pages: Vec<Page>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
struct Page {
    /// The first key; empty in an array.
    #[n(0)]
    first: String,
    #[n(1)]
    count: u64,
    /// When written out.
    #[n(2)]
    bytes: u64,
    #[n(3)]
    blob: Blob,
}

/// A member or an element of a page: its key, empty in an array, and its node.
#[derive(Clone, Debug, PartialEq)]
struct Child {
    key: String,
    node: Vec<u8>,
}

impl Node {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Node, EngineError> {
        // No value begins with one of our tags: decoders refuse them.
        let Some(rest) = bytes.strip_prefix(&[0xd9, 0xfa]) else { return Ok(Node::Leaf(bytes.to_vec())) };
        let damaged = |error: minicbor::decode::Error| EngineError::Corrupt(format!("a node of a tree: {error}"));
        match rest.split_first() {
            Some((5, blob)) => Ok(Node::Long(minicbor::decode(blob).map_err(damaged)?)),
            Some((tag @ (6 | 7), trunk)) => {
                let mut trunk: Trunk = minicbor::decode(trunk).map_err(damaged)?;
                trunk.kind = if *tag == 6 { Kind::Object } else { Kind::Array };
                Ok(Node::Branch(trunk))
            }
            _ => Err(EngineError::Corrupt("a node of a tree is of no known kind".into())),
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, EngineError> {
        fn tagged(tag: u64, body: impl minicbor::Encode<()>) -> Result<Vec<u8>, EngineError> {
            let mut bytes = vec![0xd9, (tag >> 8) as u8, tag as u8];
            minicbor::encode(body, &mut bytes).map_err(|error| EngineError::Corrupt(error.to_string()))?;
            Ok(bytes)
        }
        match self {
            Node::Leaf(bytes) => Ok(bytes.clone()),
            Node::Long(blob) => tagged(LONG, blob),
            Node::Branch(trunk) => tagged(if trunk.kind == Kind::Object { OBJECT } else { ARRAY }, trunk),
        }
    }

    /// Bytes of the value when it is written out.
    pub(crate) fn length(&self) -> usize {
        match self {
            Node::Leaf(bytes) => bytes.len(),
            Node::Long(blob) => blob.len(),
            Node::Branch(trunk) => {
                let mut head = Vec::new();
                parts::write_array_head(&mut head, trunk.count as usize);
                head.len() + trunk.bytes as usize
            }
        }
    }
}

impl Page {
    async fn children<S: Store>(&self, kind: Kind, loader: &Loader<'_, S>) -> Result<Vec<Child>, EngineError> {
        let bytes = loader.read(&self.blob).await?;
        // Not as many as are said to be there: what is said may be damaged.
        let mut children = Vec::new();
        self.each(kind, &bytes, loader.entity, |key, node| {
            children.push(Child { key: key.to_owned(), node: node.to_vec() });
        })?;
        Ok(children)
    }

    /// Calls with the key and the node of each child in the page's bytes.
    fn each(
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
    fn open(&self, kind: Kind, bytes: Rc<Vec<u8>>, entity: &str) -> Result<Opened, EngineError> {
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
struct Opened {
    bytes: Rc<Vec<u8>>,
    children: Vec<Span>,
}

struct Span {
    key: Range<usize>,
    node: Range<usize>,
}

impl Opened {
    fn member(&self, key: &str) -> Option<&[u8]> {
        let found = self.children.binary_search_by(|child| self.bytes[child.key.clone()].cmp(key.as_bytes()));
        self.element(found.ok()?)
    }

    fn element(&self, at: usize) -> Option<&[u8]> {
        self.children.get(at).map(|child| &self.bytes[child.node.clone()])
    }
}

impl Child {
    /// Bytes when it is written out.
    fn length(&self, kind: Kind) -> Result<usize, EngineError> {
        let key = if kind == Kind::Object { self.key.len() + head(self.key.len()) } else { 0 };
        Ok(key
            + if self.node.starts_with(&[0xd9, 0xfa]) { Node::decode(&self.node)?.length() } else { self.node.len() })
    }

    /// Bytes that it takes in a page.
    fn weight(&self) -> usize {
        self.key.len() + self.node.len() + 6
    }
}

fn head(argument: usize) -> usize {
    let mut head = Vec::new();
    parts::write_array_head(&mut head, argument);
    head.len()
}

/// Writes children to pages, each filled up to about [`FILL`].
fn pages(kind: Kind, children: Vec<Child>, to: &mut Writing) -> Result<Vec<Page>, EngineError> {
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
fn trunk(kind: Kind, pages: Vec<Page>, to: &mut Writing) -> Result<Node, EngineError> {
    let (count, bytes) = pages.iter().fold((0, 0), |(count, bytes), page| (count + page.count, bytes + page.bytes));
    let index = minicbor::to_vec(Index { pages }).map_err(|error| EngineError::Corrupt(error.to_string()))?;
    Ok(Node::Branch(Trunk { kind, count, bytes, index: to.blob(index, INDEX) }))
}

fn damaged(entity: &str) -> impl Fn(DecodeError) -> EngineError {
    move |error| EngineError::Corrupt(format!("a part of {entity}: {error}"))
}
