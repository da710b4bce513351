//! Looking into content, in whichever format it is.
//!
//! Covers: TS-0004 7.5.2 (content has exactly one member), 8.4.2 (its JSON data model). 64-bit integers are exact;
//! larger ones become floating-point numbers in [`serde_json::Value`], while the bytes stay as they came.

use std::fmt;

use bytes::{Bytes, BytesMut};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde_json::Value;

use super::found::utf8;
use super::item::Item;
use super::{DecodeError, EncodeError, MAX_DEPTH, cbor, json, xml};
use crate::primitive::{Content, Encoding, Format, Request, Response};

/// Content that cannot be read, or not be written in another format.
#[derive(Debug)]
#[non_exhaustive]
pub enum ContentError {
    /// Not a value of the type that was asked for, or not JSON.
    Invalid(serde_json::Error),
    /// Not a value of its format.
    Unreadable(DecodeError),
    /// A value that the format cannot carry.
    NotCarried(EncodeError),
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // It may repeat text of a peer.
            Self::Invalid(error) => write!(f, "content: {}", error.to_string().escape_debug()),
            Self::Unreadable(error) => write!(f, "content: {error}"),
            Self::NotCarried(error) => write!(f, "content: {error}"),
        }
    }
}

impl std::error::Error for ContentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Unreadable(error) => Some(error),
            Self::NotCarried(error) => Some(error),
        }
    }
}

impl Content {
    /// The content as the JSON data model.
    ///
    /// # Errors
    /// [`ContentError`] if the bytes are not one value of the format, or nest deeper than [`MAX_DEPTH`] (JSON: 128).
    pub fn value(&self) -> Result<Value, ContentError> {
        match self.encoding() {
            Encoding::Json => self.decode(),
            _ => self.item().map(Value::from).map_err(ContentError::Unreadable),
        }
    }

    /// The content as a type of yours: `{"m2m:cin": {...}}` as a struct with that one field.
    ///
    /// # Errors
    /// [`ContentError`] if the bytes are not that.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ContentError> {
        match self.encoding() {
            Encoding::Json => serde_json::from_slice(self.bytes()).map_err(ContentError::Invalid),
            _ => serde_json::from_value(self.value()?).map_err(ContentError::Invalid),
        }
    }

    /// The value between two formats.
    pub(super) fn item(&self) -> Result<Item<'_>, DecodeError> {
        match self.encoding() {
            Encoding::Json => json::read(utf8(self.bytes())?, MAX_DEPTH),
            Encoding::Cbor => cbor::read(self.bytes(), MAX_DEPTH),
            Encoding::Xml(place) => xml::read(utf8(self.bytes())?, place, MAX_DEPTH),
        }
    }

    /// Appends the value as `write` writes it.
    pub(super) fn write_with(
        &self,
        write: impl FnOnce(&Item<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        match self.item() {
            Ok(item) => write(&item),
            Err(error) => Err(EncodeError::BadContent { place: String::new(), error }),
        }
    }

    /// The content of a request or a response as bytes of `format`; the same bytes if that is the format it has.
    fn encoded(&self, format: Format, in_response: bool) -> Result<Bytes, ContentError> {
        if self.format() == format {
            return Ok(self.bytes().clone());
        }
        let item = self.item().map_err(ContentError::Unreadable)?;
        let mut out = BytesMut::with_capacity(2 * self.bytes().len());
        let written = match format {
            Format::Json => json::write(&item, &mut out),
            Format::Cbor => cbor::write(&item, &mut out),
            Format::Xml => xml::write_content(&item, in_response, &mut out),
        };
        written.map_err(ContentError::NotCarried)?;
        Ok(out.freeze())
    }

    /// The one member of the content: its name (`m2m:cin`) and its value.
    ///
    /// # Errors
    /// [`ContentError`] if the content is not an object with exactly one member (TS-0004 7.5.2).
    pub fn resource(&self) -> Result<(String, Value), ContentError> {
        self.decode::<OneMember>().map(|OneMember(name, value)| (name, value))
    }
}

impl Request {
    /// The content as bytes of `format`, converted if it has another one. XML is the element inside of `pc`.
    ///
    /// # Errors
    /// [`ContentError`] if the content cannot be read, or holds something that `format` cannot carry.
    pub fn content_as(&self, format: Format) -> Result<Option<Bytes>, ContentError> {
        self.content.as_ref().map(|content| content.encoded(format, false)).transpose()
    }
}

impl Response {
    /// The content as bytes of `format`, converted if it has another one. XML is the element inside of `pc`.
    ///
    /// # Errors
    /// [`ContentError`] if the content cannot be read, or holds something that `format` cannot carry.
    pub fn content_as(&self, format: Format) -> Result<Option<Bytes>, ContentError> {
        self.content.as_ref().map(|content| content.encoded(format, true)).transpose()
    }

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
