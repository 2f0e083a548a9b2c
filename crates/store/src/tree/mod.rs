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
//! | `node` | what a tree is made of, and its bytes |
//! | `page` | parts in pages, and how these are filled |
//! | `build` | from a value to a tree |
//! | `view` | reading: a place, a part, the whole, under a diff that is not in the tree yet |
//! | `grow` | applying a diff: the next tree |

mod build;
mod grow;
pub(crate) mod node;
mod page;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use build::build;
pub(crate) use grow::{free, grow};
pub(crate) use view::{BranchView, part, write};
