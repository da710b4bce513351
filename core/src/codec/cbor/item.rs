//! CBOR values to the data model and back.
//!
//! Covers: TS-0004 8.5.1. Integers have up to 64 bits beside their sign; larger ones would need tags that 8.5.1 does not list.

use bytes::{BufMut, BytesMut};
use ciborium_io::Write;
use ciborium_ll::{Encoder, Header, simple};

use super::super::found::duplicate as duplicate_member;
use super::super::item::{Item, duplicate};
use super::super::{DecodeError, DecodeErrorKind, EncodeError};
use super::scanner::Scanner;

/// Reads the one value that `bytes` is.
pub(in super::super) fn read(bytes: &[u8], max_depth: u32) -> Result<Item<'_>, DecodeError> {
    let mut scanner = Scanner::new(bytes, max_depth);
    let item = read_next(&mut scanner, 0)?;
    if !scanner.at_end() {
        return Err(DecodeError::at(DecodeErrorKind::TrailingBytes, scanner.position()));
    }
    Ok(item)
}

/// Reads the value that comes next, inside `depth` arrays and maps. Calls itself no deeper than the scanner allows.
pub(super) fn read_next<'a>(scanner: &mut Scanner<'a>, depth: u32) -> Result<Item<'a>, DecodeError> {
    let header = scanner.head()?;
    if let Some(text) = scanner.text(header)? {
        return Ok(Item::Text(text));
    }
    match header {
        Header::Positive(number) => Ok(Item::Integer(number.into())),
        Header::Negative(number) => Ok(Item::Integer(-1 - i128::from(number))),
        Header::Float(number) => Ok(Item::Float(number)),
        Header::Simple(simple::FALSE) => Ok(Item::Boolean(false)),
        Header::Simple(simple::TRUE) => Ok(Item::Boolean(true)),
        Header::Simple(simple::NULL) => Ok(Item::Null),
        Header::Array(length) => {
            let mut left = scanner.enter(length, depth)?;
            let mut items = Vec::new();
            while scanner.more(&mut left) {
                items.push(read_next(scanner, depth + 1)?);
            }
            Ok(Item::List(items))
        }
        Header::Map(length) => {
            let start = scanner.position();
            let mut left = scanner.enter(length, depth)?;
            let mut members = Vec::new();
            while scanner.more(&mut left) {
                let name = scanner.name()?;
                members.push((name, read_next(scanner, depth + 1)?));
            }
            match duplicate(&members) {
                Some(name) => Err(duplicate_member(name.into(), start)),
                None => Ok(Item::Object(members)),
            }
        }
        _ => Err(scanner.no_value()),
    }
}

/// Appends the value that comes next in the one way in which this library writes, without a tree of it in between.
pub(super) fn rewrite(scanner: &mut Scanner<'_>, depth: u32, out: &mut BytesMut) -> Result<(), DecodeError> {
    let start = scanner.position();
    let header = scanner.head()?;
    if let Some(text) = scanner.text(header)? {
        write_text(out, &text);
        return Ok(());
    }
    match header {
        Header::Float(number) => float(out, number),
        Header::Array(length) => {
            let mut left = scanner.enter(length, depth)?;
            head(out, Header::Array(Some(count(scanner, start, depth)?)));
            while scanner.more(&mut left) {
                rewrite(scanner, depth + 1, out)?;
            }
        }
        Header::Map(length) => {
            let mut left = scanner.enter(length, depth)?;
            head(out, Header::Map(Some(count(scanner, start, depth)?)));
            while scanner.more(&mut left) {
                write_text(out, &scanner.name()?);
                rewrite(scanner, depth + 1, out)?;
            }
        }
        Header::Positive(_) | Header::Negative(_) | Header::Simple(_) => head(out, header),
        _ => return Err(scanner.no_value()),
    }
    Ok(())
}

/// How many items or members the array or map at `start` has. It is skipped once for each that it stands in, which are few.
fn count(scanner: &Scanner<'_>, start: usize, depth: u32) -> Result<usize, DecodeError> {
    let mut ahead = scanner.clone();
    ahead.seek(start);
    ahead.skip(depth)
}

/// Appends a value.
pub(in super::super) fn write(item: &Item<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
    match item {
        Item::Null => head(out, Header::Simple(simple::NULL)),
        Item::Boolean(value) => head(out, Header::Simple(if *value { simple::TRUE } else { simple::FALSE })),
        Item::Integer(number) => integer(out, *number)?,
        Item::Float(number) => float(out, *number),
        Item::Text(text) => write_text(out, text),
        Item::List(items) => {
            head(out, Header::Array(Some(items.len())));
            for item in items {
                write(item, out)?;
            }
        }
        Item::Object(members) => {
            head(out, Header::Map(Some(members.len())));
            for (name, item) in members {
                write_text(out, name);
                write(item, out).map_err(|error| error.inside(name))?;
            }
        }
    }
    Ok(())
}

/// Appends a text string.
#[inline]
pub(super) fn write_text(out: &mut BytesMut, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length @ ..=23) => out.extend_from_slice(&[0x60 | length]),
        Ok(length) => out.extend_from_slice(&[0x78, length]),
        Err(_) => head(out, Header::Text(Some(text.len()))),
    }
    out.extend_from_slice(text.as_bytes());
}

fn integer(out: &mut BytesMut, number: i128) -> Result<(), EncodeError> {
    let too_large = |_| EncodeError::not_carried("an integer of more than 64 bits");
    let header = if number < 0 {
        Header::Negative((-1 - number).try_into().map_err(too_large)?)
    } else {
        Header::Positive(number.try_into().map_err(too_large)?)
    };
    head(out, header);
    Ok(())
}

/// A float in the fewest bits, 32 or 64, that hold it exactly.
fn float(out: &mut BytesMut, number: f64) {
    let short = number as f32;
    if f64::from(short) == number || number.is_nan() {
        out.put_u8(0xfa);
        out.put_f32(short);
    } else {
        out.put_u8(0xfb);
        out.put_f64(number);
    }
}

/// Appends the head of an item, which for numbers and literals is all of it.
pub(super) fn head(out: &mut BytesMut, header: Header) {
    // The only error that appending can have is none.
    let Ok(()) = Encoder::from(Appending(out)).push(header);
}

struct Appending<'a>(&'a mut BytesMut);

impl Write for Appending<'_> {
    type Error = std::convert::Infallible;

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.put_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
