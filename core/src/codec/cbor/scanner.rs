//! A position in CBOR: the items that come next, one after the other.
//!
//! Covers: RFC 8949 3 (heads, indefinite lengths). A length that an item says to have is believed when its bytes are there.

use std::borrow::Cow;

use ciborium_ll::{Decoder, Error, Header, simple};

use super::super::parameter::Word;
use super::super::{DecodeError, DecodeErrorKind, MAX_DEPTH};

/// A position in CBOR.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    max_depth: u32,
    /// Something was skipped or read that this library writes in another way.
    pub(super) irregular: bool,
    /// Where the first byte string stands that was taken as text.
    pub(super) byte_string: Option<usize>,
}

/// How many items or members are still to come.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// So many.
    Counted(usize),
    /// Those up to the break.
    UntilBreak,
}

impl<'a> Scanner<'a> {
    /// At the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8], max_depth: u32) -> Self {
        Self { bytes, at: 0, max_depth: max_depth.min(MAX_DEPTH), irregular: false, byte_string: None }
    }

    /// Where it stands.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes to another place.
    #[inline]
    pub(super) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    /// Whether nothing is left.
    pub(super) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes the head of the next item.
    #[inline(always)]
    pub(super) fn head(&mut self) -> Result<Header, DecodeError> {
        let rest = self.rest();
        // Nearly all heads have one byte or two.
        let (header, length) = match *rest {
            [byte @ 0x00..=0x17, ..] => (Header::Positive(u64::from(byte)), 1),
            [0x18, number, ..] => (Header::Positive(u64::from(number)), 2),
            [byte @ 0x60..=0x77, ..] => (Header::Text(Some(usize::from(byte - 0x60))), 1),
            [0x78, length, ..] => (Header::Text(Some(usize::from(length))), 2),
            [byte @ 0x80..=0x97, ..] => (Header::Array(Some(usize::from(byte - 0x80))), 1),
            [byte @ 0xa0..=0xb7, ..] => (Header::Map(Some(usize::from(byte - 0xa0))), 1),
            [byte @ 0xf4..=0xf6, ..] => (Header::Simple(byte - 0xe0), 1),
            _ => return self.long_head(),
        };
        self.at += length;
        Ok(header)
    }

    #[inline(never)]
    fn long_head(&mut self) -> Result<Header, DecodeError> {
        let rest = self.rest();
        let mut decoder = Decoder::from(rest);
        let header = decoder.pull().map_err(|error| match error {
            Error::Io(_) => expected("more bytes", self.bytes.len()),
            Error::Syntax(_) => expected("the head of an item", self.at),
        })?;
        // TS-0004 8.5.1 does not list floats of 16 bits.
        self.irregular |= rest.first() == Some(&0xf9);
        self.at += decoder.offset();
        Ok(header)
    }

    /// Takes the next `length` bytes.
    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self.rest().get(..length).ok_or_else(|| expected("more bytes", self.bytes.len()))?;
        self.at += length;
        Ok(bytes)
    }

    /// Takes the text whose head was `header`; `None` if that is not the head of a text, and nothing is taken.
    #[inline]
    pub(super) fn text(&mut self, header: Header) -> Result<Option<Cow<'a, str>>, DecodeError> {
        match header {
            Header::Text(Some(length)) => self.chunk(length).map(|text| Some(Cow::Borrowed(text))),
            Header::Text(None) => self.chunks(false).map(|text| Some(Cow::Owned(text))),
            Header::Bytes(length) => {
                self.irregular = true;
                self.byte_string.get_or_insert(self.at);
                match length {
                    Some(length) => self.chunk(length).map(|text| Some(Cow::Borrowed(text))),
                    None => self.chunks(true).map(|text| Some(Cow::Owned(text))),
                }
            }
            _ => Ok(None),
        }
    }

    #[inline]
    fn chunk(&mut self, length: usize) -> Result<&'a str, DecodeError> {
        let start = self.at;
        let bytes = self.take(length)?;
        simdutf8::compat::from_utf8(bytes)
            .map_err(|error| DecodeError::at(DecodeErrorKind::NotUtf8, start + error.valid_up_to()))
    }

    /// Skips `length` bytes that must be text.
    #[inline(always)]
    fn skip_text(&mut self, length: usize) -> Result<(), DecodeError> {
        let start = self.at;
        if self.take(length)?.is_ascii() {
            return Ok(());
        }
        self.at = start;
        self.chunk(length).map(|_| ())
    }

    /// The chunks of a string of indefinite length, each of which must be of its kind and whole (RFC 8949 3.2.3).
    #[cold]
    fn chunks(&mut self, bytes: bool) -> Result<String, DecodeError> {
        self.irregular = true;
        let mut text = String::new();
        loop {
            let start = self.at;
            match self.head()? {
                Header::Break => return Ok(text),
                Header::Text(Some(length)) if !bytes => text.push_str(self.chunk(length)?),
                Header::Bytes(Some(length)) if bytes => text.push_str(self.chunk(length)?),
                _ => return Err(expected("a chunk of the string", start)),
            }
        }
    }

    /// Goes into the array or map whose head gave `length` and stands inside `depth` others.
    #[inline(always)]
    pub(super) fn enter(&mut self, length: Option<usize>, depth: u32) -> Result<Left, DecodeError> {
        if depth >= self.max_depth {
            return Err(DecodeError::at(DecodeErrorKind::TooDeep, self.at));
        }
        match length {
            Some(length) => Ok(Left::Counted(length)),
            None => {
                self.irregular = true;
                Ok(Left::UntilBreak)
            }
        }
    }

    /// Whether an array or map goes on; its end is taken.
    #[inline(always)]
    pub(super) fn more(&mut self, left: &mut Left) -> bool {
        match left {
            Left::Counted(0) => false,
            Left::Counted(count) => {
                *count -= 1;
                true
            }
            Left::UntilBreak => {
                let ends = self.rest().first() == Some(&0xff);
                self.at += usize::from(ends);
                !ends
            }
        }
    }

    /// Skips a number or a text if it comes next and is not long. The text is checked by somebody else.
    #[inline(always)]
    pub(super) fn skip_plain(&mut self) -> bool {
        let rest = self.rest();
        let length = match *rest {
            [0x00..=0x17, ..] => 1,
            [0x18, ..] => 2,
            [0x19, ..] => 3,
            [byte @ 0x60..=0x77, ..] => 1 + usize::from(byte - 0x60),
            [0x78, length, ..] => 2 + usize::from(length),
            _ => return false,
        };
        if length > rest.len() {
            return false;
        }
        self.at += length;
        true
    }

    /// What may be the name of a parameter, without taking it, and how many bytes it has. Whether it is text shows when it
    /// equals one.
    #[inline(always)]
    pub(super) fn short_name(&self) -> Option<(Word, usize)> {
        let [head, name @ ..] = self.rest().first_chunk::<{ Word::MOST + 2 }>()?;
        let length = usize::from(head.wrapping_sub(0x60));
        (length <= Word::MOST).then(|| (Word::cut(u64::from_le_bytes(*name), length), length))
    }

    /// Skips a name of `length` bytes that [`short_name`](Self::short_name) found.
    #[inline(always)]
    pub(super) fn skip_short_name(&mut self, length: usize) {
        self.at += 1 + length;
    }

    /// Takes the name of a member.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let start = self.at;
        let header = self.head()?;
        self.text(header)?.ok_or_else(|| expected("a name that is text", start))
    }

    fn skip_name(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        match self.head()? {
            Header::Text(Some(length)) => self.skip_text(length),
            header => self.text(header)?.map(|_| ()).ok_or_else(|| expected("a name that is text", start)),
        }
    }

    /// Skips the value that comes next and stands inside `depth` arrays and maps; tells how many members or items it has.
    /// Calls itself no deeper than it is allowed to nest.
    #[inline(always)]
    pub(super) fn skip(&mut self, depth: u32) -> Result<usize, DecodeError> {
        match self.head()? {
            Header::Text(Some(length)) => self.skip_text(length).map(|()| 0),
            header @ (Header::Text(None) | Header::Bytes(_)) => self.text(header).map(|_| 0),
            Header::Positive(_) | Header::Negative(_) | Header::Float(_) => Ok(0),
            Header::Simple(simple::FALSE | simple::TRUE | simple::NULL) => Ok(0),
            Header::Map(length) => self.skip_map(length, depth),
            Header::Array(length) => self.skip_array(length, depth),
            Header::Simple(_) | Header::Tag(_) | Header::Break => Err(self.no_value()),
        }
    }

    #[inline(never)]
    fn skip_map(&mut self, length: Option<usize>, depth: u32) -> Result<usize, DecodeError> {
        let mut left = self.enter(length, depth)?;
        let mut entries = 0;
        while self.more(&mut left) {
            self.skip_name()?;
            self.skip(depth + 1)?;
            entries += 1;
        }
        Ok(entries)
    }

    #[inline(never)]
    fn skip_array(&mut self, length: Option<usize>, depth: u32) -> Result<usize, DecodeError> {
        let mut left = self.enter(length, depth)?;
        let mut entries = 0;
        while self.more(&mut left) {
            self.skip(depth + 1)?;
            entries += 1;
        }
        Ok(entries)
    }

    /// What was just read is nothing that the JSON data model has.
    #[cold]
    pub(super) fn no_value(&self) -> DecodeError {
        expected("a value of the JSON data model (no tag, no undefined)", self.at.saturating_sub(1))
    }
}

#[cold]
pub(super) fn expected(what: &'static str, at: usize) -> DecodeError {
    DecodeError::at(DecodeErrorKind::Syntax(what), at)
}
