//! The first half of decoding: which member of a primitive stands where.
//!
//! Covers: TS-0004 8.4.2, 8.2.1 (unique names). Finds the wrapper of older peers, tells requests from responses, and
//! refuses duplicates, also those that differ only in escapes or in the prefix `m2m:`. Values are not looked into.

use std::borrow::Cow;

use bytes::Bytes;

use super::super::found::{Found, Span, duplicate, wrapper};
use super::super::parameter::{Parameter, Parameters, strip_prefix};
use super::super::{DecodeError, DecodeErrorKind, DecodeOptions, Deviation};
use super::scanner::{Scanner, StringSpan, Value, unescape};

/// The members of one primitive.
pub(super) struct Envelope<'a> {
    text: &'a str,
    /// The same, if it is kept: then what is taken out of it shares its bytes.
    pub(super) kept: Option<&'a Bytes>,
    pub(super) found: Found<'a>,
    /// The parameters that are strings.
    strings: Parameters,
    /// Those of them that are strings with escapes.
    escaped: Parameters,
    /// Number of members of `pc`.
    pub(super) content_members: usize,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(text: &'a str, kept: Option<&'a Bytes>, options: &'a DecodeOptions) -> Self {
        Self { text, kept, found: Found::new(options), strings: 0, escaped: 0, content_members: 0 }
    }

    /// Reads all members.
    pub(super) fn read(&mut self) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(self.text.as_bytes(), self.found.options.max_depth);
        let mut depth = 1;
        if !scanner.take_if(b'{') {
            let start = scanner.position();
            // Tells `7` from `bad`.
            scanner.value(0)?;
            return Err(DecodeError::at(DecodeErrorKind::NotAnObject, start));
        }
        if self.found.options.max_depth == 0 {
            return Err(DecodeError::at(DecodeErrorKind::TooDeep, 0));
        }
        // What names a parameter is no wrapper.
        if known_name(&mut scanner).is_none()
            && let Some(inside) = self.enter_wrapper(scanner)?
        {
            scanner = inside;
            depth = 2;
        }
        let mut more = !scanner.take_if(b'}');
        while more {
            match known_name(&mut scanner) {
                Some((parameter, length)) => {
                    let name = scanner.skip_short_name(length);
                    scanner.peek();
                    let start = scanner.position();
                    let value = scanner.value(depth)?;
                    self.add(parameter, name, Span::new(start, scanner.position()), value)?;
                }
                None => scanner = self.unusual_member(scanner, depth)?,
            }
            more = scanner.take_if(b',');
            if !more {
                scanner.take(b'}', "a comma or the closing bracket")?;
            }
        }
        if depth == 2 && !scanner.take_if(b'}') {
            // Either broken, or something beside the wrapper.
            let at = scanner.position();
            scanner.take(b',', "the closing bracket")?;
            return Err(DecodeError::at(DecodeErrorKind::BadWrapper, at));
        }
        if !scanner.at_end() {
            return Err(DecodeError::at(DecodeErrorKind::TrailingBytes, scanner.position()));
        }
        self.found.finish()
    }

    fn name_text(&self, name: StringSpan) -> Cow<'a, str> {
        let text = &self.text[name.start..name.end];
        if name.escaped { Cow::Owned(unescape(text)) } else { Cow::Borrowed(text) }
    }

    /// Goes into the wrapper of older peers, if `scanner` stands before one.
    #[cold]
    fn enter_wrapper(&mut self, mut scanner: Scanner<'a>) -> Result<Option<Scanner<'a>>, DecodeError> {
        // What is wrong with the first member is found again by who reads it.
        let Ok(name) = scanner.name() else { return Ok(None) };
        let Some(shape) = wrapper(&self.name_text(name)).filter(|_| scanner.peek() == b'{') else { return Ok(None) };
        self.found.note(Deviation::Wrapped, name.start - 1)?;
        self.found.wrapper = Some(shape);
        if self.found.options.max_depth == 1 {
            return Err(DecodeError::at(DecodeErrorKind::TooDeep, scanner.position()));
        }
        scanner.take(b'{', "an object")?;
        Ok(Some(scanner))
    }

    /// Reads a member whose name is not at once seen to be that of a parameter.
    #[cold]
    fn unusual_member(&mut self, mut scanner: Scanner<'a>, depth: u32) -> Result<Scanner<'a>, DecodeError> {
        let name = scanner.name()?;
        scanner.peek();
        let start = scanner.position();
        let value = scanner.value(depth)?;
        let span = Span::new(start, scanner.position());
        let text = self.name_text(name);
        if let Some(parameter) = Parameter::from_name(text.as_bytes()) {
            self.add(parameter, name, span, value)?;
        } else if let Some(parameter) = strip_prefix(&text).and_then(|text| Parameter::from_name(text.as_bytes())) {
            self.found.note(Deviation::PrefixedMember, name.start - 1)?;
            self.add(parameter, name, span, value)?;
        } else {
            self.found.add_unknown(text, name.start - 1, span)?;
        }
        Ok(scanner)
    }

    #[inline(always)]
    fn add(&mut self, parameter: Parameter, name: StringSpan, span: Span, value: Value) -> Result<(), DecodeError> {
        if !self.found.add(parameter, span) {
            return Err(duplicate(self.name_text(name), name.start - 1));
        }
        match value {
            Value::Scalar => {}
            Value::String { escaped } => {
                self.strings |= parameter.bit();
                if escaped {
                    self.escaped |= parameter.bit();
                }
            }
            Value::Container { entries } => {
                if parameter == Parameter::Pc {
                    self.content_members = entries;
                }
            }
        }
        Ok(())
    }

    /// Adds to an error what is known of the message.
    #[cold]
    pub(super) fn describe(&self, error: &mut DecodeError) {
        self.found.describe(error, self.text.as_bytes(), b"rsc\"", self.readable_request_id());
    }

    /// `rqi`, if it was seen and is a string or a number.
    fn readable_request_id(&self) -> Option<String> {
        if !self.found.has(Parameter::Rqi) {
            return None;
        }
        let token = self.token(self.found.span(Parameter::Rqi));
        let text = match token.as_bytes().first()? {
            b'"' => unescape(&token[1..token.len() - 1]),
            b'-' | b'0'..=b'9' => token.to_owned(),
            _ => return None,
        };
        Some(text)
    }

    /// The text of a parameter that is a string.
    #[inline(always)]
    pub(super) fn text_of(&self, parameter: Parameter) -> Option<Cow<'a, str>> {
        if self.strings & parameter.bit() == 0 {
            return None;
        }
        let span = self.found.span(parameter);
        let text = &self.text[span.start as usize + 1..span.end as usize - 1];
        Some(if self.escaped & parameter.bit() == 0 { Cow::Borrowed(text) } else { Cow::Owned(unescape(text)) })
    }

    /// The text of a value, with its quotes if it is a string.
    #[inline]
    pub(super) fn token(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }
}

/// The parameter whose name comes next, and the length of that, if it is written without escapes as most are.
#[inline(always)]
fn known_name(scanner: &mut Scanner<'_>) -> Option<(Parameter, usize)> {
    let (word, length) = scanner.short_name()?;
    Some((Parameter::from_word(word)?, length))
}
