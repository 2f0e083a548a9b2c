//! From an encoded value to a tree.

use timeweft_core::codec::cbor::parts::{Parts, parts};

use super::node::{Kind, Node};
use super::page::{Child, LEAF, branch_node, damaged, pages};
use crate::blob::Writing;
use crate::error::EngineError;

/// The tree of a value; its root is never a leaf, so that no record has to carry it.
pub(crate) fn build(value: &[u8], entity: &str, to: &mut Writing) -> Result<Node, EngineError> {
    let children = |kind, items: Vec<(&str, &[u8])>, to: &mut Writing| {
        let mut children = Vec::with_capacity(items.len());
        for (key, item) in items {
            children.push(Child { key: key.to_owned(), node: part_node(item, entity, to)? });
        }
        let pages = pages(kind, children, to)?;
        branch_node(kind, pages, to)
    };
    match parts(value).map_err(damaged(entity))? {
        Parts::Object(members) => children(Kind::Object, members, to),
        Parts::Array(elements) => children(Kind::Array, elements.into_iter().map(|item| ("", item)).collect(), to),
        Parts::Leaf => Ok(Node::Long(to.blob(value.to_vec(), 0))),
    }
}

/// The node of a part: a leaf unless it is long.
pub(super) fn part_node(value: &[u8], entity: &str, to: &mut Writing) -> Result<Vec<u8>, EngineError> {
    if value.len() <= LEAF { Ok(value.to_vec()) } else { build(value, entity, to)?.encode() }
}
