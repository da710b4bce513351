//! Which members of a primitive were found, and where.
//!
//! Covers: TS-0004 8.2.1 (unique names), 8.4.3 (requests have `op`, responses `rsc`). What the three formats have in common
//! while they look for the members; each looks in its own way.

use std::borrow::Cow;

use super::parameter::{Parameter, Parameters, strip_prefix};
use super::{DecodeError, DecodeErrorKind, DecodeOptions, Deviation, Deviations, Shape};

/// Where a value stands. Positions fit, because longer messages are refused.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        debug_assert!(end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// As a range of the message.
    #[inline]
    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The members of one primitive.
pub(super) struct Found<'a> {
    pub(super) options: &'a DecodeOptions,
    /// The parameters that were found.
    pub(super) seen: Parameters,
    spans: [Span; Parameter::COUNT],
    /// Members that are no parameters, as they were named.
    pub(super) unknown: Vec<(Cow<'a, str>, Span)>,
    pub(super) deviations: Deviations,
    /// The primitive that a wrapper said to hold.
    pub(super) wrapper: Option<Shape>,
    /// Every member has been seen.
    complete: bool,
}

impl<'a> Found<'a> {
    pub(super) fn new(options: &'a DecodeOptions) -> Self {
        Self {
            options,
            seen: 0,
            spans: [Span::default(); Parameter::COUNT],
            unknown: Vec::new(),
            deviations: Deviations::NONE,
            wrapper: None,
            complete: false,
        }
    }

    /// Refuses messages in which positions do not fit.
    pub(super) fn check_size(length: usize) -> Result<(), DecodeError> {
        match u32::try_from(length) {
            Ok(_) => Ok(()),
            Err(_) => Err(DecodeError::at(DecodeErrorKind::TooLarge, 0)),
        }
    }

    /// Whether the parameter was there, even as null.
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

    /// Adds a parameter. False: it was there already.
    #[inline(always)]
    pub(super) fn add(&mut self, parameter: Parameter, span: Span) -> bool {
        if self.has(parameter) {
            return false;
        }
        self.seen |= parameter.bit();
        self.spans[parameter as usize] = span;
        true
    }

    /// Adds a member that is no parameter, whose name stands at `at`.
    pub(super) fn add_unknown(&mut self, name: Cow<'a, str>, at: usize, span: Span) -> Result<(), DecodeError> {
        // Looking through all of them is cheap because they are few.
        if self.unknown.iter().any(|(other, _)| *other == name) {
            return Err(duplicate(name, at));
        }
        if self.unknown.len() >= self.options.max_unknown_members {
            return Err(DecodeError::at(DecodeErrorKind::TooManyUnknownMembers, at));
        }
        self.unknown.push((name, span));
        Ok(())
    }

    /// All members have been added: there must be a primitive, of the kind that the wrapper said.
    pub(super) fn finish(&mut self) -> Result<(), DecodeError> {
        self.complete = true;
        match (self.shape(), self.wrapper) {
            (Shape::Unknown, _) => Err(DecodeError::at(DecodeErrorKind::NeitherRequestNorResponse, 0)),
            (shape, Some(wrapper)) if shape != wrapper => Err(DecodeError::at(DecodeErrorKind::BadWrapper, 0)),
            _ => Ok(()),
        }
    }

    /// Takes the members that are not in `own`: those that are no parameters, and parameters of the other kind of primitive.
    pub(super) fn take_unknown(&mut self, own: Parameters) -> Vec<(String, Span)> {
        let unknown = std::mem::take(&mut self.unknown).into_iter().map(|(name, span)| (name.into_owned(), span));
        let foreign = Parameter::in_set(self.seen & !own).map(|p| (p.name().to_owned(), self.span(p)));
        unknown.chain(foreign).collect()
    }

    /// Adds to an error what is known of the message `bytes`. What was not read may hold a status, which shows by `status` in
    /// it, and a message with a status must not be answered. If in doubt, not.
    #[cold]
    pub(super) fn describe(&self, error: &mut DecodeError, bytes: &[u8], status: &[u8], request_id: Option<String>) {
        let mut shape = self.shape();
        if !self.complete && shape == Shape::Request {
            let read = Parameter::in_set(self.seen).map(|p| self.span(p).end as usize).max().unwrap_or(0);
            let rest = bytes.get(read..).unwrap_or_default();
            if memchr::memmem::find(rest, status).is_some() {
                shape = Shape::Unknown;
            }
        }
        error.describe(shape, request_id.filter(|rqi| !rqi.is_empty()));
    }
}

/// A message or a part of one as text.
#[inline]
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        DecodeError::at(DecodeErrorKind::NotUtf8, at)
    })
}

/// A member that is there twice.
#[cold]
pub(super) fn duplicate(name: Cow<'_, str>, at: usize) -> DecodeError {
    DecodeError::at(DecodeErrorKind::DuplicateMember(name.into_owned()), at)
}

/// The primitive that a wrapper of this name should hold.
pub(super) fn wrapper(name: &str) -> Option<Shape> {
    match strip_prefix(name).unwrap_or(name) {
        "rqp" => Some(Shape::Request),
        "rsp" => Some(Shape::Response),
        _ => None,
    }
}
