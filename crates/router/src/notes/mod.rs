//! Notes as such (docs/protocol.md, "Notes"): entities of type `note` with the value `{ title, blob }`, shown whole and not as
//! diffs.
//!
//! | module | what |
//! |---|---|
//! | [`note`] | one version of a note, and how it is shown |
//! | [`channel`] | what those who follow a note are told of each change |
//!
//! The procedures are in [`crate::http`], the sockets in [`crate::socket`]. A note can be changed by every other door as well,
//! and its value be anything: what has no text `title` or `blob` is shown with an empty one. Who may do what is decided where
//! it is for any entity.

mod channel;
mod note;
#[cfg(test)]
mod tests;

pub(crate) use channel::{CHANNEL, changed, channel, follow, initial, missed};
pub(crate) use note::{KIND, Note, of_reading, version};
