//! JSON values to the data model and back.
//!
//! Covers: TS-0004 8.4.2. Names must be unique (8.2.1); integers are exact up to 127 bits and refused beyond.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::super::item::{Item, duplicate};
use super::super::{DecodeError, DecodeErrorKind, EncodeError};
use super::encode::write_string;
use super::scanner::{Scanner, Value, unescape};

/// Reads the one value that `text` is.
pub(in super::super) fn read(text: &str, max_depth: u32) -> Result<Item<'_>, DecodeError> {
    let mut reader = Reader { text, scanner: Scanner::new(text.as_bytes(), max_depth) };
    let item = reader.item(0)?;
    if !reader.scanner.at_end() {
        return Err(DecodeError::at(DecodeErrorKind::TrailingBytes, reader.scanner.position()));
    }
    Ok(item)
}

struct Reader<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
}

impl<'a> Reader<'a> {
    /// The value that comes next, inside `depth` objects and arrays. Calls itself no deeper than the scanner allows.
    fn item(&mut self, depth: u32) -> Result<Item<'a>, DecodeError> {
        match self.scanner.peek() {
            b'{' => {
                self.scanner.enter(depth)?;
                let mut members = Vec::new();
                let mut more = !self.scanner.take_if(b'}');
                while more {
                    let name = self.scanner.name()?;
                    let start = name.start;
                    let name = self.string(name.start, name.end, name.escaped);
                    members.push((name, self.item(depth + 1)?));
                    more = self.scanner.take_if(b',');
                    if !more {
                        self.scanner.take(b'}', "a comma or the closing bracket")?;
                        if let Some(name) = duplicate(&members) {
                            return Err(DecodeError::at(DecodeErrorKind::DuplicateMember(name.to_owned()), start));
                        }
                    }
                }
                Ok(Item::Object(members))
            }
            b'[' => {
                self.scanner.enter(depth)?;
                let mut items = Vec::new();
                let mut more = !self.scanner.take_if(b']');
                while more {
                    items.push(self.item(depth + 1)?);
                    more = self.scanner.take_if(b',');
                    if !more {
                        self.scanner.take(b']', "a comma or the closing bracket")?;
                    }
                }
                Ok(Item::List(items))
            }
            _ => {
                let start = self.scanner.position();
                let value = self.scanner.value(depth)?;
                let end = self.scanner.position();
                match value {
                    Value::String { escaped } => Ok(Item::Text(self.string(start + 1, end - 1, escaped))),
                    _ => scalar(&self.text[start..end], start),
                }
            }
        }
    }

    fn string(&self, start: usize, end: usize, escaped: bool) -> Cow<'a, str> {
        let text = &self.text[start..end];
        if escaped { Cow::Owned(unescape(text)) } else { Cow::Borrowed(text) }
    }
}

/// What a number or a literal is.
fn scalar(token: &str, at: usize) -> Result<Item<'static>, DecodeError> {
    match token {
        "null" => return Ok(Item::Null),
        "true" => return Ok(Item::Boolean(true)),
        "false" => return Ok(Item::Boolean(false)),
        _ => {}
    }
    let out_of_range = || DecodeError::at(DecodeErrorKind::Syntax("a number in range"), at);
    if token.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        let number: f64 = token.parse().map_err(|_| out_of_range())?;
        return if number.is_finite() { Ok(Item::Float(number)) } else { Err(out_of_range()) };
    }
    if token == "-0" {
        // No integer has that sign.
        return Ok(Item::Float(-0.0));
    }
    token.parse().map(Item::Integer).map_err(|_| out_of_range())
}

/// Appends a value.
pub(in super::super) fn write(item: &Item<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
    match item {
        Item::Null => out.put_slice(b"null"),
        Item::Boolean(true) => out.put_slice(b"true"),
        Item::Boolean(false) => out.put_slice(b"false"),
        Item::Integer(number) => out.put_slice(itoa::Buffer::new().format(*number).as_bytes()),
        // The shortest text that is read as the same number again.
        Item::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => out.put_slice(number.to_string().as_bytes()),
            None => return Err(EncodeError::not_carried("a number that is not finite")),
        },
        Item::Text(text) => write_string(text, out),
        Item::List(items) => {
            out.put_u8(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.put_u8(b',');
                }
                write(item, out)?;
            }
            out.put_u8(b']');
        }
        Item::Object(members) => {
            out.put_u8(b'{');
            for (i, (name, item)) in members.iter().enumerate() {
                if i > 0 {
                    out.put_u8(b',');
                }
                write_string(name, out);
                out.put_u8(b':');
                write(item, out).map_err(|error| error.inside(name))?;
            }
            out.put_u8(b'}');
        }
    }
    Ok(())
}

/// Breaks JSON into lines; what is no JSON stays as it is.
pub(in super::super) fn pretty(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * text.len());
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    for (i, &byte) in text.iter().enumerate() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        let is_empty = |close| text.get(i + 1) == Some(&close);
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' | b'[' => {
                out.push(byte);
                depth += 1;
                // The bracket that closes is two above the one that opens.
                if !is_empty(byte + 2) {
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(text.get(i.wrapping_sub(1)), Some(b'{' | b'[')) {
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}
