//! A position in CBOR: the items that come next, one after the other.
//!
//! Covers: RFC 8949 3 (heads, indefinite lengths). A length that an item says to have is believed when its bytes are there.

use std::borrow::Cow;

use ciborium_ll::{Decoder, Error, Header, simple};

use super::super::{DecodeError, DecodeErrorKind, MAX_DEPTH};

/// The most bytes that a name has which [`Scanner::short_name`] takes.
const MOST: usize = 7;

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

    /// Skips `length` bytes of text that somebody else checks.
    #[inline(always)]
    pub(super) fn skip_unchecked_text(&mut self, length: usize) -> Result<usize, DecodeError> {
        self.take(length).map(|_| 0)
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

    /// The head of the next item or name in an array or map; `None` at its end.
    #[inline(always)]
    pub(super) fn next(&mut self, left: &mut Left) -> Result<Option<Header>, DecodeError> {
        match left {
            Left::Counted(0) => Ok(None),
            Left::Counted(count) => {
                *count -= 1;
                self.head().map(Some)
            }
            Left::UntilBreak => match self.head()? {
                Header::Break => Ok(None),
                header => Ok(Some(header)),
            },
        }
    }

    /// Takes a short name in one chunk as bytes, which need not be text; `None` if it is not one, and nothing is taken.
    #[inline(always)]
    pub(super) fn short_name(&mut self, header: Header) -> Option<&'a [u8]> {
        match header {
            Header::Text(Some(length @ ..=MOST)) => self.take(length).ok(),
            _ => None,
        }
    }

    /// Takes the name of a member, whose head was `header`.
    #[inline]
    pub(super) fn name(&mut self, header: Header) -> Result<Cow<'a, str>, DecodeError> {
        let start = self.at;
        self.text(header)?.ok_or_else(|| expected("a name that is text", start))
    }

    /// Skips the value whose head was `header` and which stands inside `depth` arrays and maps; tells how many members or items
    /// it has. Calls itself no deeper than it is allowed to nest.
    #[inline(always)]
    pub(super) fn skip(&mut self, header: Header, depth: u32) -> Result<usize, DecodeError> {
        match header {
            Header::Text(Some(length)) => self.skip_text(length).map(|()| 0),
            Header::Text(None) | Header::Bytes(_) => self.text(header).map(|_| 0),
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
        while let Some(header) = self.next(&mut left)? {
            match header {
                Header::Text(Some(length)) => self.skip_text(length)?,
                _ => self.name(header).map(|_| ())?,
            }
            let header = self.head()?;
            self.skip(header, depth + 1)?;
            entries += 1;
        }
        Ok(entries)
    }

    #[inline(never)]
    fn skip_array(&mut self, length: Option<usize>, depth: u32) -> Result<usize, DecodeError> {
        let mut left = self.enter(length, depth)?;
        let mut entries = 0;
        while let Some(header) = self.next(&mut left)? {
            self.skip(header, depth + 1)?;
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
