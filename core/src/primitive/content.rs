//! Content of a primitive (`pc`), kept as the bytes of the wire format until somebody looks.
//!
//! Covers: TS-0004 7.5.2, 8.4.2. Same format in and out: the bytes are handed on, not made anew.
//! Reading the bytes as the JSON data model is the codec's part ([`Content::value`] is defined there).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde_json::Value;

use crate::{Error, ErrorKind};

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

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Xml, Self::Cbor];

    /// Its name in settings and commands: `json`, `xml` or `cbor`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Cbor => "cbor",
        }
    }

    /// The value of an attribute such as `csz` that says that an entity reads the format (`m2m:serializations`).
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::Cbor => "application/cbor",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    /// By its [`name`](Self::name), without regard to case.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, format!("format {name:?} is none of json, xml and cbor"))
        })
    }
}

/// One value in a wire format: the content of a primitive, or another structured parameter of it.
///
/// Cloning is cheap: the bytes are shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    encoding: Encoding,
    bytes: Bytes,
}

/// How the bytes are to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Cbor,
    /// One element, in which the prefix `m2m` stands for oneM2M's namespace and every other is declared.
    Xml(XmlPlace),
}

/// Where in a primitive an XML element stands, which decides what it means.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct XmlPlace {
    /// In a response an empty element of a text is an empty text; in a request every empty element is null.
    pub(crate) in_response: bool,
    /// The element is a parameter, whose value is what it holds; otherwise it stands in `pc` and is the one member of it.
    pub(crate) is_parameter: bool,
}

impl Content {
    /// Content from bytes that are one complete, valid value of `format`.
    ///
    /// Decoders call this with what they have checked. Bytes that are not valid make [`Content::value`] fail,
    /// and would be sent as they are. XML is one element, in which the prefix `m2m` needs no declaration and every other
    /// does: `<m2m:cin><con>21</con></m2m:cin>`, or `<fc><lim>1</lim></fc>`.
    #[must_use]
    pub const fn from_encoded(format: Format, bytes: Bytes) -> Self {
        let encoding = match format {
            Format::Json => Encoding::Json,
            Format::Cbor => Encoding::Cbor,
            Format::Xml => Encoding::Xml(XmlPlace { in_response: false, is_parameter: false }),
        };
        Self { encoding, bytes }
    }

    /// An XML element that stood in a primitive.
    pub(crate) const fn from_xml(bytes: Bytes, place: XmlPlace) -> Self {
        Self { encoding: Encoding::Xml(place), bytes }
    }

    /// Content from a value of the JSON data model (short names, TS-0004 8.2).
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        Self { encoding: Encoding::Json, bytes: value.to_string().into() }
    }

    /// The format of [`Content::bytes`].
    #[must_use]
    pub const fn format(&self) -> Format {
        match self.encoding {
            Encoding::Json => Format::Json,
            Encoding::Cbor => Format::Cbor,
            Encoding::Xml(_) => Format::Xml,
        }
    }

    pub(crate) const fn encoding(&self) -> Encoding {
        self.encoding
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

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads do not belong in logs, and bytes from a peer must not reach them raw.
        write!(f, "Content({:?}, {} bytes)", self.format(), self.bytes.len())
    }
}
