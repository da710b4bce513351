//! Content of a primitive (`pc`), kept as the bytes of the wire format until somebody looks.
//!
//! Covers: TS-0004 7.5.2, 8.4.2. Same format in and out: the bytes are handed on, not made anew.
//! Reading the bytes as the JSON data model is the codec's part ([`Content::value`] is defined there).

use bytes::Bytes;
use serde_json::Value;

/// A serialization of TS-0004 clause 8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// TS-0004 8.4.
    Json,
    /// TS-0004 8.3.
    Xml,
    /// TS-0004 8.5.
    Cbor,
}

/// One value in a wire format: the content of a primitive, or another structured parameter of it.
///
/// Cloning is cheap: the bytes are shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    format: Format,
    bytes: Bytes,
}

impl Content {
    /// Content from bytes that are one complete, valid value of `format`.
    ///
    /// Decoders call this with what they have checked. Bytes that are not valid make [`Content::value`] fail,
    /// and would be sent as they are.
    #[must_use]
    pub const fn from_encoded(format: Format, bytes: Bytes) -> Self {
        Self { format, bytes }
    }

    /// Content from a value of the JSON data model (short names, TS-0004 8.2).
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self { format: Format::Json, bytes: value.to_string().into() }
    }

    /// The format of [`Content::bytes`].
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The value as it came, or as it will be sent.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<Value> for Content {
    fn from(value: Value) -> Self {
        Self::from_value(&value)
    }
}

impl From<&Value> for Content {
    fn from(value: &Value) -> Self {
        Self::from_value(value)
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Payloads do not belong in logs, and bytes from a peer must not reach them raw.
        write!(f, "Content({:?}, {} bytes)", self.format, self.bytes.len())
    }
}
