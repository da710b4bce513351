//! The five operations of a request primitive.
//!
//! Covers: TS-0004 6.3.4.2.5. An operation that is not in this table cannot be acted on; decoders refuse it
//! (BAD_REQUEST), so unlike the other enumerations this one is closed.

use std::fmt;

/// What a request asks for (`op`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Operation {
    /// Create a resource below the target.
    Create = 1,
    /// Retrieve the target, or discover what lies below it.
    Retrieve = 2,
    /// Change attributes of the target.
    Update = 3,
    /// Delete the target and all below it.
    Delete = 4,
    /// Deliver information to the target.
    Notify = 5,
}

impl Operation {
    /// The operation with this number on the wire, or `None`.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            1 => Self::Create,
            2 => Self::Retrieve,
            3 => Self::Update,
            4 => Self::Delete,
            5 => Self::Notify,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "CREATE",
            Self::Retrieve => "RETRIEVE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Notify => "NOTIFY",
        })
    }
}
