//! Which member of a primitive in CBOR stands where.
//!
//! Covers: TS-0004 8.5.1, 8.2.1 (unique names). The whole message is checked here, also inside of values.

use std::borrow::Cow;

use bytes::Bytes;
use ciborium_ll::Header;

use super::super::found::{Found, Span, duplicate, wrapper};
use super::super::item::Item;
use super::super::parameter::{Parameter, Parameters, strip_prefix};
use super::super::{DecodeError, DecodeErrorKind, DecodeOptions, Deviation};
use super::item::read_next;
use super::scanner::{Left, Scanner};

/// The members of one primitive.
pub(super) struct Envelope<'a> {
    pub(super) input: &'a Bytes,
    pub(super) found: Found<'a>,
    /// The parameters that are written in a way in which this library does not write.
    pub(super) irregular: Parameters,
    /// The same of an unknown member.
    pub(super) unknown_irregular: bool,
    /// Number of members of `pc`.
    pub(super) content_members: usize,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(input: &'a Bytes, options: &'a DecodeOptions) -> Self {
        let found = Found::new(options);
        Self { input, found, irregular: 0, unknown_irregular: false, content_members: 0 }
    }

    /// Reads all members.
    pub(super) fn read(&mut self) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(self.input, self.found.options.max_depth);
        let header = scanner.head()?;
        let Header::Map(length) = header else {
            scanner.skip(header, 0)?;
            return Err(DecodeError::at(DecodeErrorKind::NotAnObject, 0));
        };
        let mut left = scanner.enter(length, 0)?;
        let mut outside = None;
        if let Some(inside) = self.enter_wrapper(&mut scanner, left)? {
            outside = Some(left);
            left = inside;
        }
        let depth = if outside.is_some() { 2 } else { 1 };
        let mut start = scanner.position();
        while let Some(header) = scanner.next(&mut left)? {
            let name = scanner.name(header)?;
            self.member(&mut scanner, name, start, depth)?;
            start = scanner.position();
        }
        if let Some(Left::Counted(2..)) = outside {
            return Err(DecodeError::at(DecodeErrorKind::BadWrapper, scanner.position()));
        }
        if let Some(Left::UntilBreak) = outside
            && scanner.head()? != Header::Break
        {
            return Err(DecodeError::at(DecodeErrorKind::BadWrapper, scanner.position()));
        }
        if !scanner.at_end() {
            return Err(DecodeError::at(DecodeErrorKind::TrailingBytes, scanner.position()));
        }
        if let Some(at) = scanner.byte_string {
            self.found.note(Deviation::ByteString, at)?;
        }
        self.found.finish()
    }

    /// Goes into the wrapper of older peers, if `scanner` stands before one.
    fn enter_wrapper(&mut self, scanner: &mut Scanner<'a>, mut left: Left) -> Result<Option<Left>, DecodeError> {
        let mut ahead = scanner.clone();
        let start = ahead.position();
        // What is wrong with the first member is found again by who reads it.
        let Ok(Some(header @ (Header::Text(_) | Header::Bytes(_)))) = ahead.next(&mut left) else { return Ok(None) };
        let Ok(name) = ahead.name(header) else { return Ok(None) };
        let Some(shape) = wrapper(&name) else { return Ok(None) };
        let Ok(Header::Map(length)) = ahead.head() else { return Ok(None) };
        self.found.note(Deviation::Wrapped, start)?;
        self.found.wrapper = Some(shape);
        let inside = ahead.enter(length, 1)?;
        *scanner = ahead;
        Ok(Some(inside))
    }

    #[inline]
    fn member(
        &mut self,
        scanner: &mut Scanner<'a>,
        name: Cow<'a, str>,
        name_at: usize,
        depth: u32,
    ) -> Result<(), DecodeError> {
        // Strange spellings of names do not matter: they are written anew.
        scanner.irregular = false;
        let start = scanner.position();
        let header = scanner.head()?;
        let entries = scanner.skip(header, depth)?;
        let span = Span::new(start, scanner.position());
        let mut parameter = Parameter::from_name(name.as_bytes());
        if parameter.is_none()
            && let Some(bare) = strip_prefix(&name)
        {
            parameter = Parameter::from_name(bare.as_bytes());
            if parameter.is_some() {
                self.found.note(Deviation::PrefixedMember, name_at)?;
            }
        }
        let Some(parameter) = parameter else {
            self.unknown_irregular |= scanner.irregular;
            return self.found.add_unknown(name, name_at, span);
        };
        if !self.found.add(parameter, span) {
            return Err(duplicate(name, name_at));
        }
        if scanner.irregular {
            self.irregular |= parameter.bit();
        }
        if parameter == Parameter::Pc {
            self.content_members = entries;
        }
        Ok(())
    }

    /// The value that stands at a place.
    #[inline]
    pub(super) fn value(&self, span: Span) -> Result<Item<'a>, DecodeError> {
        let mut scanner = Scanner::new(self.input, self.found.options.max_depth);
        scanner.seek(span.start as usize);
        read_next(&mut scanner, 1)
    }

    /// Adds to an error what is known of the message.
    #[cold]
    pub(super) fn describe(&self, error: &mut DecodeError) {
        let request_id = self.found.has(Parameter::Rqi).then(|| self.value(self.found.span(Parameter::Rqi)));
        let request_id = match request_id {
            Some(Ok(Item::Text(text))) => Some(text.into_owned()),
            Some(Ok(Item::Integer(number))) => Some(number.to_string()),
            Some(Ok(Item::Float(number))) => Some(number.to_string()),
            _ => None,
        };
        self.found.describe(error, self.input, b"rsc", request_id);
    }
}
