//! The first half of decoding: which member of a primitive stands where.
//!
//! Covers: TS-0004 8.4.2, 8.2.1 (unique names). Finds the wrapper of older peers, tells requests from responses, and
//! refuses duplicates, also those that differ only in escapes or in the prefix `m2m:`. Values are not looked into.

use std::borrow::Cow;

use bytes::Bytes;

use super::super::parameter::{Parameter, Parameters, strip_prefix};
use super::super::{DecodeError, DecodeErrorKind, DecodeOptions, Deviation, Deviations, Shape};
use super::scanner::{Scanner, StringSpan, Value, unescape};

/// Where a value stands. Positions fit, because longer messages are refused.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        debug_assert!(end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }
}

/// The members of one primitive.
pub(super) struct Envelope<'a> {
    text: &'a str,
    /// The same, if it is kept: then what is taken out of it shares its bytes.
    pub(super) kept: Option<&'a Bytes>,
    pub(super) options: &'a DecodeOptions,
    /// The parameters that were found.
    pub(super) seen: Parameters,
    /// Those of them that are strings.
    strings: Parameters,
    /// Those of them that are strings with escapes.
    escaped: Parameters,
    spans: [Span; Parameter::COUNT],
    /// Number of members of `pc`.
    pub(super) content_members: usize,
    /// Members that are no parameters, as they were named.
    pub(super) unknown: Vec<(Cow<'a, str>, Span)>,
    pub(super) deviations: Deviations,
    wrapper: Option<Shape>,
    /// Every member has been seen.
    complete: bool,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(text: &'a str, kept: Option<&'a Bytes>, options: &'a DecodeOptions) -> Self {
        Self {
            text,
            kept,
            options,
            seen: 0,
            strings: 0,
            escaped: 0,
            spans: [Span::default(); Parameter::COUNT],
            content_members: 0,
            unknown: Vec::new(),
            deviations: Deviations::NONE,
            wrapper: None,
            complete: false,
        }
    }

    /// Whether the parameter was there, even as `null`.
    #[inline]
    pub(super) fn has(&self, parameter: Parameter) -> bool {
        self.seen & parameter.bit() != 0
    }

    #[inline]
    pub(super) fn span(&self, parameter: Parameter) -> Span {
        self.spans[parameter as usize]
    }

    /// What the message is, by the members seen so far. A message with `rsc` is never answered, whatever else it has.
    pub(super) fn shape(&self) -> Shape {
        if self.has(Parameter::Rsc) {
            Shape::Response
        } else if self.has(Parameter::Op) {
            Shape::Request
        } else {
            Shape::Unknown
        }
    }

    /// Notes a deviation, or refuses it.
    #[inline]
    pub(super) fn note(&mut self, deviation: Deviation, at: usize) -> Result<(), DecodeError> {
        if self.options.strict {
            return Err(DecodeError::at(DecodeErrorKind::Deviation(deviation), at));
        }
        self.deviations.insert(deviation);
        Ok(())
    }

    /// Reads all members.
    pub(super) fn read(&mut self) -> Result<(), DecodeError> {
        let mut scanner = Scanner::new(self.text.as_bytes(), self.options.max_depth);
        let mut depth = 1;
        if !scanner.take_if(b'{') {
            let start = scanner.position();
            // Tells `7` from `bad`.
            scanner.value(0)?;
            return Err(DecodeError::at(DecodeErrorKind::NotAnObject, start));
        }
        if self.options.max_depth == 0 {
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
        self.complete = true;
        match (self.shape(), self.wrapper) {
            (Shape::Unknown, _) => Err(DecodeError::at(DecodeErrorKind::NeitherRequestNorResponse, 0)),
            (shape, Some(wrapper)) if shape != wrapper => Err(DecodeError::at(DecodeErrorKind::BadWrapper, 0)),
            _ => Ok(()),
        }
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
        self.note(Deviation::Wrapped, name.start - 1)?;
        self.wrapper = Some(shape);
        if self.options.max_depth == 1 {
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
            self.note(Deviation::PrefixedMember, name.start - 1)?;
            self.add(parameter, name, span, value)?;
        } else {
            self.add_unknown(name, text, span)?;
        }
        Ok(scanner)
    }

    #[inline(always)]
    fn add(&mut self, parameter: Parameter, name: StringSpan, span: Span, value: Value) -> Result<(), DecodeError> {
        if self.has(parameter) {
            return Err(self.duplicate(name));
        }
        self.seen |= parameter.bit();
        self.spans[parameter as usize] = span;
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

    #[cold]
    fn duplicate(&self, name: StringSpan) -> DecodeError {
        DecodeError::at(DecodeErrorKind::DuplicateMember(self.name_text(name).into_owned()), name.start - 1)
    }

    fn add_unknown(&mut self, name: StringSpan, text: Cow<'a, str>, span: Span) -> Result<(), DecodeError> {
        // Looking through all of them is cheap because they are few.
        if self.unknown.iter().any(|(other, _)| *other == text) {
            return Err(self.duplicate(name));
        }
        if self.unknown.len() >= self.options.max_unknown_members {
            return Err(DecodeError::at(DecodeErrorKind::TooManyUnknownMembers, name.start - 1));
        }
        self.unknown.push((text, span));
        Ok(())
    }

    /// Adds to an error what is known of the message.
    #[cold]
    pub(super) fn describe(&self, error: &mut DecodeError) {
        let mut shape = self.shape();
        if !self.complete && shape == Shape::Request {
            // What was not read may hold a status, and a message with a status must not be answered. If in doubt, not.
            let rest = self.text.as_bytes().get(error.offset()..).unwrap_or_default();
            if memchr::memmem::find(rest, b"rsc\"").is_some() {
                shape = Shape::Unknown;
            }
        }
        error.describe(shape, self.readable_request_id());
    }

    /// `rqi`, if it was seen and is a string or a number.
    fn readable_request_id(&self) -> Option<String> {
        if !self.has(Parameter::Rqi) {
            return None;
        }
        let token = self.token(self.span(Parameter::Rqi));
        let text = match token.as_bytes().first()? {
            b'"' => unescape(&token[1..token.len() - 1]),
            b'-' | b'0'..=b'9' => token.to_owned(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// The text of a parameter that is a string.
    #[inline(always)]
    pub(super) fn text_of(&self, parameter: Parameter) -> Option<Cow<'a, str>> {
        if self.strings & parameter.bit() == 0 {
            return None;
        }
        let span = self.span(parameter);
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

fn wrapper(name: &str) -> Option<Shape> {
    match strip_prefix(name).unwrap_or(name) {
        "rqp" => Some(Shape::Request),
        "rsp" => Some(Shape::Response),
        _ => None,
    }
}
