//! The first half of decoding: which parameter of a primitive stands where.
//!
//! Covers: TS-0004 8.3.1, 8.3.2 (the root says which primitive it is), 6.1 (its namespace). One pass over the document checks
//! all of it and builds nothing. Values are not looked into.

use std::borrow::Cow;

use super::super::found::{Found, Span, duplicate};
use super::super::item::Item;
use super::super::parameter::{Parameter, Parameters, strip_prefix};
use super::super::schema::M2M;
use super::super::{DecodeError, DecodeErrorKind, DecodeOptions, Deviation, Shape};
use super::chars::{is_blank, trim};
use super::name::member_named;
use super::read::{primitive, read_member};
use super::scope::Scope;
use super::source::{Event, Source, Tag, syntax};

/// The parameters that are lists.
pub(super) const LISTS: Parameters = Parameter::Rids.bit()
    | Parameter::Tkns.bit()
    | Parameter::Tids.bit()
    | Parameter::Ltids.bit()
    | Parameter::Grtm.bit()
    | Parameter::Aus.bit()
    | Parameter::Omr.bit();

/// The parameters of one primitive.
pub(super) struct Envelope<'a> {
    pub(super) text: &'a str,
    pub(super) in_response: bool,
    pub(super) found: Found<'a>,
    /// What each element holds, between its tags.
    inner: [Span; Parameter::COUNT],
    /// The parameters that hold one text without references, and have no attributes.
    plain: Parameters,
    /// Those of them that hold elements or have attributes.
    pub(super) structured: Parameters,
    /// Those of them that mean something else in another document, or do not follow the specification.
    dependent: Parameters,
    /// Some of the unknown members do.
    dependent_unknown: bool,
    /// Further elements of parameters that are lists.
    pub(super) repeated: Vec<(Parameter, Span)>,
    /// The elements in `pc`: how many, and where the first one is.
    pub(super) contents: usize,
    pub(super) content: Span,
    /// What the root declares, for those who read a part.
    pub(super) scope: Scope<'a>,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(text: &'a str, options: &'a DecodeOptions) -> Self {
        Self {
            text,
            in_response: false,
            found: Found::new(options),
            inner: [Span::default(); Parameter::COUNT],
            plain: 0,
            structured: 0,
            dependent: 0,
            dependent_unknown: false,
            repeated: Vec::new(),
            contents: 0,
            content: Span::default(),
            scope: Scope::default(),
        }
    }

    /// The whole element.
    pub(super) fn element(&self, span: Span) -> &'a str {
        &self.text[span.range()]
    }

    /// The text of a parameter that holds nothing else.
    #[inline]
    pub(super) fn plain(&self, parameter: Parameter) -> Option<&'a str> {
        if self.plain & parameter.bit() == 0 {
            return None;
        }
        Some(&self.text[self.inner[parameter as usize].range()])
    }

    /// Whether a parameter holds nothing at all.
    pub(super) fn is_empty(&self, parameter: Parameter) -> bool {
        let inside = &self.text[self.inner[parameter as usize].range()];
        self.structured & parameter.bit() == 0 && trim(inside).is_empty()
    }

    /// Whether a parameter means something else in another document, or does not follow the specification.
    #[inline]
    pub(super) fn depends(&self, parameter: Parameter) -> bool {
        self.dependent & parameter.bit() != 0
    }

    /// The same of a member that may be no parameter.
    pub(super) fn depends_by_name(&self, name: &str) -> bool {
        Parameter::from_name(name.as_bytes()).map_or(self.dependent_unknown, |parameter| self.depends(parameter))
    }

    /// Reads the whole document.
    pub(super) fn read(&mut self) -> Result<(), DecodeError> {
        let mut source = Source::new(self.text, Scope::default(), self.found.options.max_depth)?;
        source.watch(1);
        let Event::Start(root) = source.next()? else { return Err(syntax("an element", source.at())) };
        self.root(&source, &root)?;
        let mut more = !root.empty;
        while more {
            source.watch(2);
            match source.next()? {
                Event::Start(tag) => self.parameter(&mut source, &tag)?,
                Event::Text(text) if is_blank(text) => {}
                Event::End => more = false,
                _ => return Err(syntax("an element", source.at())),
            }
        }
        // Tells that nothing follows.
        source.next()?;
        self.found.finish()
    }

    /// The root, which says which primitive this is.
    fn root(&mut self, source: &Source<'a>, root: &Tag<'a>) -> Result<(), DecodeError> {
        let uri = source.scope.resolve(root.prefix).map_or("", |found| found.uri);
        let shape = match root.local {
            "rqp" if uri.is_empty() || uri == M2M => Shape::Request,
            "rsp" if uri.is_empty() || uri == M2M => Shape::Response,
            _ => return Err(DecodeError::at(DecodeErrorKind::NotAnObject, root.start)),
        };
        (self.found.wrapper, self.in_response) = (Some(shape), shape == Shape::Response);
        if uri.is_empty() {
            self.found.note(Deviation::NoNamespace, root.start)?;
        }
        if root.prefix.is_empty() && uri == M2M {
            self.found.note(Deviation::DefaultNamespace, root.start)?;
        }
        self.scope = source.scope.for_part();
        Ok(())
    }

    /// A child of the root.
    #[inline]
    fn parameter(&mut self, source: &mut Source<'a>, tag: &Tag<'a>) -> Result<(), DecodeError> {
        let mut parameter = None;
        if tag.prefix.is_empty() && !source.dependent {
            parameter = Parameter::from_name(tag.local.as_bytes());
        }
        let Some(parameter) = parameter else { return self.unusual(source, tag) };
        if self.found.has(parameter) {
            return self.again(source, tag, parameter);
        }
        self.known(source, tag, parameter)
    }

    /// The first element of a parameter.
    #[inline]
    fn known(&mut self, source: &mut Source<'a>, tag: &Tag<'a>, parameter: Parameter) -> Result<(), DecodeError> {
        let element = if parameter == Parameter::Pc { self.content(source, tag)? } else { skip(source, tag)? };
        let bit = parameter.bit();
        self.found.add(parameter, element.span);
        self.inner[parameter as usize] = element.inner;
        if element.elements || tag.has_attributes() {
            self.structured |= bit;
        } else if element.plain {
            self.plain |= bit;
        }
        if source.dependent {
            self.dependent |= bit;
            if source.defaulted {
                self.found.note(Deviation::DefaultNamespace, tag.start)?;
            }
        }
        Ok(())
    }

    /// `pc`, whose elements are looked at on their own.
    fn content(&mut self, source: &mut Source<'a>, tag: &Tag<'a>) -> Result<Element, DecodeError> {
        let mut element = Element::begin(tag);
        let (mut dependent, mut has_text) = (source.dependent, false);
        let mut more = !tag.empty;
        while more {
            source.watch(3);
            match source.next()? {
                Event::Start(root) => {
                    element.elements = true;
                    let uri = source.scope.resolve(root.prefix).map_or("", |found| found.uri);
                    if uri.is_empty() {
                        self.found.note(Deviation::NoNamespace, root.start)?;
                        dependent = true;
                    }
                    let span = skip(source, &root)?.span;
                    if self.contents == 0 {
                        self.content = span;
                    }
                    self.contents += 1;
                    dependent |= source.dependent;
                    if source.defaulted {
                        self.found.note(Deviation::DefaultNamespace, root.start)?;
                    }
                }
                Event::Text(text) => has_text |= !is_blank(text),
                Event::Char(_) => has_text = true,
                Event::End | Event::Eof | Event::Aside => {
                    element.end(source);
                    more = false;
                }
            }
        }
        if has_text && element.elements {
            return Err(syntax("either text or an element in pc", tag.start));
        }
        source.dependent = dependent;
        Ok(element)
    }

    /// Another element of a parameter.
    #[cold]
    fn again(&mut self, source: &mut Source<'a>, tag: &Tag<'a>, parameter: Parameter) -> Result<(), DecodeError> {
        if parameter.bit() & LISTS == 0 {
            return Err(duplicate(tag.name.into(), tag.start));
        }
        self.found.note(Deviation::RepeatedForList, tag.start)?;
        let span = skip(source, tag)?.span;
        self.repeated.push((parameter, span));
        Ok(())
    }

    /// An element whose name is not at once seen to be that of a parameter.
    #[cold]
    fn unusual(&mut self, source: &mut Source<'a>, tag: &Tag<'a>) -> Result<(), DecodeError> {
        if source.defaulted {
            self.found.note(Deviation::DefaultNamespace, tag.start)?;
        }
        let own = primitive(self.in_response);
        let uri = source.scope.resolve(tag.prefix).map_or("", |found| found.uri);
        let (name, _) = member_named(Some(own), tag.name, tag.prefix, tag.local, uri)
            .ok_or_else(|| syntax("a namespace that is registered", tag.start))?;
        let short = strip_prefix(&name).unwrap_or(&name);
        if let Some(parameter) = Parameter::from_name(short.as_bytes()) {
            if !tag.prefix.is_empty() {
                self.found.note(Deviation::PrefixedMember, tag.start)?;
            }
            if self.found.has(parameter) {
                return self.again(source, tag, parameter);
            }
            self.known(source, tag, parameter)?;
            // It has a name that it should not have.
            self.dependent |= parameter.bit();
            return Ok(());
        }
        let span = skip(source, tag)?.span;
        if source.defaulted {
            self.found.note(Deviation::DefaultNamespace, tag.start)?;
        }
        self.dependent_unknown |= source.dependent;
        self.found.add_unknown(name, tag.start, span)
    }

    /// The name and the value of a parameter or an unknown member.
    pub(super) fn member(&self, span: Span) -> Result<(Cow<'a, str>, Item<'a>), DecodeError> {
        let (text, scope) = (self.element(span), self.scope.clone());
        read_member(text, scope, primitive(self.in_response), self.in_response, self.found.options.max_depth)
            .map_err(|error| error.moved(span.start as usize))
    }

    /// Adds to an error what is known of the message.
    #[cold]
    pub(super) fn describe(&self, error: &mut DecodeError) {
        // The root says it, and a status makes it a message that is never answered.
        let shape = match self.found.wrapper {
            Some(Shape::Request) if self.found.has(Parameter::Rsc) => Shape::Response,
            wrapper => wrapper.unwrap_or(Shape::Unknown),
        };
        error.describe(shape, self.readable_request_id());
    }

    /// `rqi`, if it was seen and is text.
    fn readable_request_id(&self) -> Option<String> {
        if !self.found.has(Parameter::Rqi) {
            return None;
        }
        match self.member(self.found.span(Parameter::Rqi)) {
            Ok((_, Item::Text(text))) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
    }
}

/// What was found between the tags of an element.
struct Element {
    span: Span,
    /// Without its tags.
    inner: Span,
    /// Nothing but one text without references.
    plain: bool,
    /// There are elements in it.
    elements: bool,
}

impl Element {
    #[inline]
    fn begin(tag: &Tag<'_>) -> Self {
        let (span, inner) = (Span::new(tag.start, tag.end), Span::new(tag.end, tag.end));
        Self { span, inner, plain: true, elements: false }
    }

    /// The end tag has been read.
    #[inline]
    fn end(&mut self, source: &Source<'_>) {
        self.inner.end = source.at() as u32;
        self.span.end = source.position() as u32;
    }
}

/// Reads an element to its end.
#[inline]
fn skip(source: &mut Source<'_>, tag: &Tag<'_>) -> Result<Element, DecodeError> {
    let mut element = Element::begin(tag);
    if tag.empty {
        return Ok(element);
    }
    let level = source.level();
    let mut text_length = 0;
    loop {
        match source.next()? {
            Event::Text(text) => text_length = text.len(),
            Event::End if source.level() < level => break,
            Event::End => {}
            Event::Start(_) => element.elements = true,
            Event::Char(_) | Event::Aside => {}
            Event::Eof => break,
        }
    }
    element.end(source);
    // One text is all that there is: no reference, no comment.
    element.plain = text_length == element.inner.range().len();
    Ok(element)
}
