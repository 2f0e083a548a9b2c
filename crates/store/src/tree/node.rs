//! What a tree is made of: nodes, and the index of a container's pages.

use minicbor::{Decode, Encode};
use timeweft_core::codec::cbor::parts;

use crate::blob::Blob;
use crate::error::EngineError;

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
    Branch(BranchNode),
}

/// A container in pages.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct BranchNode {
    /// Which tag; not written with it.
    #[cbor(skip)]
    pub(super) kind: Kind,
    /// Members or elements.
    #[n(0)]
    pub(super) count: u64,
    /// Bytes of those, keys included, when they are written out.
    #[n(1)]
    pub(super) bytes: u64,
    /// An [`Index`].
    #[n(2)]
    pub(super) index: Blob,
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
    pub(super) pages: Vec<Page>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Page {
    /// The first key; empty in an array.
    #[n(0)]
    pub(super) first: String,
    #[n(1)]
    pub(super) count: u64,
    /// When written out.
    #[n(2)]
    pub(super) bytes: u64,
    #[n(3)]
    pub(super) blob: Blob,
}

impl Node {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Node, EngineError> {
        // No value begins with one of our tags: decoders refuse them.
        let Some(rest) = bytes.strip_prefix(&[0xd9, 0xfa]) else { return Ok(Node::Leaf(bytes.to_vec())) };
        let damaged = |error: minicbor::decode::Error| EngineError::Corrupt(format!("a node of a tree: {error}"));
        match rest.split_first() {
            Some((5, blob)) => Ok(Node::Long(minicbor::decode(blob).map_err(damaged)?)),
            Some((tag @ (6 | 7), branch_node)) => {
                let mut branch_node: BranchNode = minicbor::decode(branch_node).map_err(damaged)?;
                branch_node.kind = if *tag == 6 { Kind::Object } else { Kind::Array };
                Ok(Node::Branch(branch_node))
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
            Node::Branch(branch_node) => {
                tagged(if branch_node.kind == Kind::Object { OBJECT } else { ARRAY }, branch_node)
            }
        }
    }

    /// Bytes of the value when it is written out.
    pub(crate) fn length(&self) -> usize {
        match self {
            Node::Leaf(bytes) => bytes.len(),
            Node::Long(blob) => blob.len(),
            Node::Branch(branch_node) => {
                let mut head = Vec::new();
                parts::write_array_head(&mut head, branch_node.count as usize);
                head.len() + branch_node.bytes as usize
            }
        }
    }
}
