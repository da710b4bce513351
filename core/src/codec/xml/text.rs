//! Values of the JSON data model to texts.
//!
//! Covers: TS-0004 6.3 (the lexical forms of XML Schema), XML 1.0 2.2, 2.4, 2.11 and 3.3.3 (which characters are written how).
//! A value that is not of its type, or that would be read as another, is refused. Does not know elements.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::super::EncodeError;
use super::super::item::Item;
use super::super::schema::Atom;
use super::chars::{is_collapsed, is_space, scan};

/// The text of one value, which is neither null nor an empty text.
pub(super) fn value_text<'v>(atom: Atom, value: &'v Item<'_>) -> Result<Cow<'v, str>, EncodeError> {
    match (atom, value) {
        (Atom::Text, Item::Text(text)) => Ok(Cow::Borrowed(text)),
        (Atom::Token | Atom::Time, Item::Text(text)) => {
            check_collapsed(text)?;
            Ok(Cow::Borrowed(text))
        }
        // The standard does not say whether milliseconds are a string or a number in JSON.
        (Atom::Integer | Atom::Number | Atom::Time, Item::Integer(number)) => Ok(number.to_string().into()),
        (Atom::Number, Item::Float(number)) if number.is_finite() => Ok(format!("{number:?}").into()),
        (Atom::Boolean, Item::Boolean(value)) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
        (Atom::Text | Atom::Token | Atom::Time, _) => Err(EncodeError::not_carried("something other than a text")),
        (Atom::Integer, _) => Err(EncodeError::not_carried("something other than an integer")),
        (Atom::Number, _) => Err(EncodeError::not_carried("something other than a number")),
        (Atom::Boolean, _) => Err(EncodeError::not_carried("something other than a boolean")),
    }
}

/// The items with one blank between.
pub(super) fn list_text(atom: Atom, items: &[Item<'_>]) -> Result<String, EncodeError> {
    let mut list = String::new();
    for item in items {
        let text = value_text(atom, item)?;
        check_item(&text)?;
        if !list.is_empty() {
            list.push(' ');
        }
        list.push_str(&text);
    }
    Ok(list)
}

/// That a text is one item of a list.
pub(super) fn check_item(text: &str) -> Result<(), EncodeError> {
    if text.is_empty() {
        return Err(EncodeError::not_carried("a list with an empty item"));
    }
    if text.bytes().any(is_space) {
        return Err(EncodeError::not_carried("a list item with white space"));
    }
    Ok(())
}

/// That a text has no white space that a reader would take away.
#[inline]
pub(super) fn check_collapsed(text: &str) -> Result<(), EncodeError> {
    if is_collapsed(text) { Ok(()) } else { Err(EncodeError::not_carried("white space that is lost in its type")) }
}

/// Appends the text of an element.
#[inline]
pub(super) fn write_text(text: &str, out: &mut BytesMut) -> Result<(), EncodeError> {
    escape(text, out, |byte| match byte {
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'&' => Some(b"&amp;"),
        b'\r' => Some(b"&#13;"),
        _ => None,
    })
}

/// Appends the value of an attribute, without its quotes.
pub(super) fn write_attribute(text: &str, out: &mut BytesMut) -> Result<(), EncodeError> {
    escape(text, out, |byte| match byte {
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'&' => Some(b"&amp;"),
        b'"' => Some(b"&quot;"),
        b'\t' => Some(b"&#9;"),
        b'\n' => Some(b"&#10;"),
        b'\r' => Some(b"&#13;"),
        _ => None,
    })
}

#[inline]
fn escape(text: &str, out: &mut BytesMut, written: impl Fn(u8) -> Option<&'static [u8]>) -> Result<(), EncodeError> {
    if scan(text).forbidden.is_some() {
        return Err(EncodeError::not_carried("a character that XML does not have"));
    }
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(reference) = written(*byte) {
            out.put_slice(&bytes[copied..at]);
            out.put_slice(reference);
            copied = at + 1;
        }
    }
    out.put_slice(&bytes[copied..]);
    Ok(())
}
