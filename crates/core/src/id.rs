//! Names of entities: `type:id` (docs/protocol.md, "Versions").

use core::fmt;

use crate::prelude::*;

/// `type:id`, for example `note:note-123`; valid by construction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    text: String,
    colon: usize,
}

/// Why a text is not an entity's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.as_str())]
pub enum IdError {
    /// There is no `:`.
    NoColon,
    /// The part before the colon is not a type.
    Type,
    /// The part after the colon is not an id.
    Id,
}

impl IdError {
    /// What would be right.
    pub fn as_str(&self) -> &'static str {
        match self {
            IdError::NoColon => "an entity id is `type:id`, for example `note:note-123`; there is no `:`",
            IdError::Type => "a type is a lower-case letter and up to 31 more of a-z, 0-9 and `-`",
            IdError::Id => "an id is 1 to 64 of A-Z, a-z, 0-9, `_` and `-`",
        }
    }
}

/// Whether `text` is a type's name: `[a-z][a-z0-9-]{0,31}`.
pub fn is_type(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=32).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Whether `text` is an id within its type: `[A-Za-z0-9_-]{1,64}`.
pub fn is_local_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

impl EntityId {
    /// Parses `type:id`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let colon = text.bytes().position(|byte| byte == b':').ok_or(IdError::NoColon)?;
        Self::new(&text[..colon], &text[colon + 1..])
    }

    /// Joins a type and an id.
    pub fn new(kind: &str, id: &str) -> Result<Self, IdError> {
        if !is_type(kind) {
            return Err(IdError::Type);
        }
        if !is_local_id(id) {
            return Err(IdError::Id);
        }
        Ok(Self::join(kind, id))
    }

    /// Joins a type and an id that are such.
    pub(crate) fn join(kind: &str, id: &str) -> Self {
        EntityId { text: [kind, ":", id].concat(), colon: kind.len() }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the colon.
    pub fn kind(&self) -> &str {
        &self.text[..self.colon]
    }

    /// The part after the colon.
    pub fn local(&self) -> &str {
        &self.text[self.colon + 1..]
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_contract_are_taken_and_others_are_not() {
        let id = EntityId::parse("note:note-123").unwrap();
        assert_eq!((id.kind(), id.local(), id.as_str()), ("note", "note-123", "note:note-123"));
        assert_eq!(EntityId::parse("note"), Err(IdError::NoColon));
        for bad in ["Note:x", ":x", "1a:x", "a_b:x"] {
            assert_eq!(EntityId::parse(bad), Err(IdError::Type), "{bad}");
        }
        for bad in ["note:", "note:a b", "note:a:b", "note:é"] {
            assert_eq!(EntityId::parse(bad), Err(IdError::Id), "{bad}");
        }
        assert!(EntityId::new(&"a".repeat(32), &"b".repeat(64)).is_ok());
        assert!(EntityId::new(&"a".repeat(33), "b").is_err());
        assert!(EntityId::new("a", &"b".repeat(65)).is_err());
    }
}
