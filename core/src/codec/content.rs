//! Looking into content.
//!
//! Covers: TS-0004 7.5.2 (content has exactly one member), 8.4.2 (its JSON data model). 64-bit integers are exact;
//! larger ones become floating-point numbers in [`serde_json::Value`], while the bytes stay as they came.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde_json::Value;

use crate::primitive::{Content, Format, Response};

/// Content that cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ContentError {
    /// This version cannot read the format.
    UnsupportedFormat(Format),
    /// Not a value of its format, or not of the type that was asked for.
    Invalid(serde_json::Error),
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedFormat(format) => write!(f, "{format:?} cannot be read by this version"),
            // It may repeat text of a peer.
            Self::Invalid(error) => write!(f, "content: {}", error.to_string().escape_debug()),
        }
    }
}

impl std::error::Error for ContentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::UnsupportedFormat(_) => None,
            Self::Invalid(error) => Some(error),
        }
    }
}

impl Content {
    /// The content as the JSON data model.
    ///
    /// # Errors
    /// [`ContentError`] if the bytes are not one value of the format, or nest deeper than 128.
    pub fn value(&self) -> Result<Value, ContentError> {
        self.decode()
    }

    /// The content as a type of yours: `{"m2m:cin": {...}}` as a struct with that one field.
    ///
    /// # Errors
    /// [`ContentError`] if the bytes are not that.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ContentError> {
        match self.format() {
            Format::Json => serde_json::from_slice(self.bytes()).map_err(ContentError::Invalid),
            format => Err(ContentError::UnsupportedFormat(format)),
        }
    }

    /// The one member of the content: its name (`m2m:cin`) and its value.
    ///
    /// # Errors
    /// [`ContentError`] if the content is not an object with exactly one member (TS-0004 7.5.2).
    pub fn resource(&self) -> Result<(String, Value), ContentError> {
        self.decode::<OneMember>().map(|OneMember(name, value)| (name, value))
    }
}

impl Response {
    /// The text for a developer that a response may carry (`m2m:dbg`, TS-0004 7.5.2).
    #[must_use]
    pub fn debug_text(&self) -> Option<String> {
        match self.content.as_ref()?.resource().ok()? {
            (name, Value::String(text)) if name == "m2m:dbg" || name == "dbg" => Some(text),
            _ => None,
        }
    }
}

/// An object with exactly one member. `Value` would not do: of two members of one name it keeps the last.
struct OneMember(String, Value);

impl<'de> serde::Deserialize<'de> for OneMember {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneMemberVisitor;

        impl<'de> Visitor<'de> for OneMemberVisitor {
            type Value = OneMember;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with exactly one member")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OneMember, A::Error> {
                use serde::de::Error as _;
                let Some((name, value)) = map.next_entry()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                match map.next_entry::<String, serde::de::IgnoredAny>()? {
                    None => Ok(OneMember(name, value)),
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                }
            }
        }

        deserializer.deserialize_map(OneMemberVisitor)
    }
}
