//! The bounds on what a client may send (docs/protocol.md, "Limits"). Every decoder takes them.

/// Bounds, each configurable; [`Limits::default`] is what that page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A value, encoded as CBOR, in bytes.
    pub value_bytes: usize,
    /// Levels of nesting in a value or a diff; a scalar is at depth 1.
    pub depth: usize,
    /// One message on the socket, in bytes.
    pub message_bytes: usize,
    /// One HTTP body, in bytes.
    pub body_bytes: usize,
    /// Places that one diff touches.
    pub diff_operations: usize,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
}

/// What was checked before it came here, by whatever limits held then: what is stored, and what a server says. Decoders have
/// bounds of their own on depth.
pub const TRUSTED: Limits = Limits {
    value_bytes: usize::MAX,
    depth: usize::MAX,
    message_bytes: usize::MAX,
    body_bytes: usize::MAX,
    diff_operations: usize::MAX,
    subscriptions: usize::MAX,
};

impl Default for Limits {
    fn default() -> Self {
        Limits {
            value_bytes: 16 << 20,
            depth: 128,
            message_bytes: 1 << 20,
            body_bytes: 16 << 20,
            diff_operations: 100_000,
            subscriptions: 1_000,
        }
    }
}
