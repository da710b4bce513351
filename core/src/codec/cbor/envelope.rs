//! Which member of a primitive in CBOR stands where.
//!
//! Covers: TS-0004 8.5.1, 8.2.1 (unique names). The whole message is checked here, also inside of values.

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
    /// The members between the first one and `pc`, and where they begin. Heads of texts and numbers are ASCII, so that they are
    /// text as a whole, and looking at all of it at once takes less time than at each.
    run: (&'a str, usize),
}

impl<'a> Envelope<'a> {
    pub(super) fn new(input: &'a Bytes, options: &'a DecodeOptions) -> Self {
        let found = Found::new(options);
        Self { input, found, irregular: 0, unknown_irregular: false, content_members: 0, run: ("", 0) }
    }

    /// Reads all members.
    pub(super) fn read(&mut self) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(self.input, self.found.options.max_depth);
        let Header::Map(length) = scanner.head()? else {
            // Tells `7` from what is broken.
            scanner.seek(0);
            scanner.skip(0)?;
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
        let mut first = None;
        while scanner.more(&mut left) {
            let name = scanner.short_name();
            match name.and_then(|(word, length)| Some((Parameter::from_word(word)?, length))) {
                Some((parameter, length)) => {
                    scanner.skip_short_name(length);
                    self.parameter(&mut scanner, parameter, start, depth)?;
                }
                None => self.unusual_member(&mut scanner, start, depth)?,
            }
            start = scanner.position();
            first.get_or_insert(start);
        }
        self.run = self.run_from(first);
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

    /// The text from the end of the first member on.
    #[inline]
    fn run_from(&self, first: Option<usize>) -> (&'a str, usize) {
        let input: &'a Bytes = self.input;
        let start = first.unwrap_or_default();
        let end =
            if self.found.has(Parameter::Pc) { self.found.span(Parameter::Pc).start as usize } else { input.len() };
        let text = input.get(start..end).and_then(|run| simdutf8::basic::from_utf8(run).ok());
        (text.unwrap_or_default(), start)
    }

    /// Goes into the wrapper of older peers, if `scanner` stands before one.
    fn enter_wrapper(&mut self, scanner: &mut Scanner<'a>, mut left: Left) -> Result<Option<Left>, DecodeError> {
        let mut ahead = scanner.clone();
        let start = ahead.position();
        // What is wrong with the first member is found again by who reads it.
        if !ahead.more(&mut left) {
            return Ok(None);
        }
        let Ok(name) = ahead.name() else { return Ok(None) };
        let Some(shape) = wrapper(&name) else { return Ok(None) };
        let Ok(Header::Map(length)) = ahead.head() else { return Ok(None) };
        self.found.note(Deviation::Wrapped, start)?;
        self.found.wrapper = Some(shape);
        let inside = ahead.enter(length, 1)?;
        *scanner = ahead;
        Ok(Some(inside))
    }

    /// Reads the value of a parameter whose name stands at `name_at`.
    #[inline(always)]
    fn parameter(
        &mut self,
        scanner: &mut Scanner<'a>,
        parameter: Parameter,
        name_at: usize,
        depth: u32,
    ) -> Result<(), DecodeError> {
        let start = scanner.position();
        // Strange spellings of names do not matter: they are written anew.
        scanner.irregular = false;
        // A text is checked when it is made a string, which takes as long.
        let entries = if scanner.skip_plain() { 0 } else { scanner.skip(depth)? };
        if !self.found.add(parameter, Span::new(start, scanner.position())) {
            return Err(duplicate(parameter.name().into(), name_at));
        }
        if scanner.irregular {
            self.irregular |= parameter.bit();
        }
        if parameter == Parameter::Pc {
            self.content_members = entries;
        }
        Ok(())
    }

    /// Reads a member whose name is not at once seen to be that of a parameter.
    #[cold]
    fn unusual_member(&mut self, scanner: &mut Scanner<'a>, name_at: usize, depth: u32) -> Result<(), DecodeError> {
        let name = scanner.name()?;
        if let Some(parameter) = Parameter::from_name(name.as_bytes()) {
            return self.parameter(scanner, parameter, name_at, depth);
        }
        if let Some(parameter) = strip_prefix(&name).and_then(|name| Parameter::from_name(name.as_bytes())) {
            self.found.note(Deviation::PrefixedMember, name_at)?;
            return self.parameter(scanner, parameter, name_at, depth);
        }
        let start = scanner.position();
        scanner.irregular = false;
        scanner.skip(depth)?;
        self.unknown_irregular |= scanner.irregular;
        self.found.add_unknown(name, name_at, Span::new(start, scanner.position()))
    }

    /// A scanner before the value at a place.
    pub(super) fn scanner_at(&self, at: usize) -> Scanner<'a> {
        let mut scanner = Scanner::new(self.input, self.found.options.max_depth);
        scanner.seek(at);
        scanner
    }

    /// The value that stands at a place; an empty list or object in place of one with something in it.
    #[inline]
    pub(super) fn value(&self, span: Span) -> Result<Item<'a>, DecodeError> {
        let mut scanner = self.scanner_at(span.start as usize);
        match self.input.get(span.start as usize).map(|byte| byte >> 5) {
            Some(4) => Ok(Item::List(Vec::new())),
            Some(5) => Ok(Item::Object(Vec::new())),
            _ => read_next(&mut scanner, 1),
        }
    }

    /// The text of a parameter that is a text in one chunk.
    #[inline]
    pub(super) fn short_text(&self, parameter: Parameter) -> Option<&'a str> {
        let span = self.found.span(parameter).range();
        let head = match self.input.get(span.clone())? {
            [0x60..=0x77, ..] => 1,
            [0x78, _, ..] => 2,
            _ => return None,
        };
        let (run, start) = self.run;
        let of_run = || run.get(span.start.checked_sub(start)? + head..span.end - start);
        of_run().or_else(|| std::str::from_utf8(self.input.get(span.start + head..span.end)?).ok())
    }

    /// The number that a parameter is which is not negative and not large.
    #[inline]
    pub(super) fn short_number(&self, parameter: Parameter) -> Option<u64> {
        match *self.input.get(self.found.span(parameter).range())? {
            [number @ ..=0x17] | [0x18, number] => Some(number.into()),
            [0x19, high, low] => Some(u16::from_be_bytes([high, low]).into()),
            _ => None,
        }
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
