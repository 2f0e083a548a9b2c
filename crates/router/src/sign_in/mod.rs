//! Sign-in without passwords (docs/protocol.md, "Sign-in"): a code by mail, a session for the code.
//!
//! | module | what |
//! |---|---|
//! | [`codes`] | making and checking sign-in codes |
//! | [`persons`] | which person an email address is |
//! | [`sessions`] | which sessions of a person stand |
//! | [`device`] | what a session's browser is called |
//! | [`email`] | what is an email address |

pub(crate) mod codes;
pub(crate) mod device;
pub(crate) mod email;
pub(crate) mod persons;
pub(crate) mod sessions;
#[cfg(test)]
mod tests;
