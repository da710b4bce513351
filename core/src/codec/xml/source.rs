//! The events of a document, checked.
//!
//! Covers: TS-0004 8.3.1 (XML 1.0, UTF-8), Namespaces in XML 1.0. The event loop is quick-xml's; here is what that leaves to
//! its user: characters, names, attributes, references, namespaces, the declaration, and what may stand outside of the root.
//! Comments and processing instructions are skipped; document types are refused, and with them every entity but the five.
//! Nothing is copied. Does not know primitives.

use std::borrow::Cow;

use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event as Markup;
use quick_xml::reader::Reader;

use super::super::schema::M2M;
use super::super::{DecodeError, DecodeErrorKind};
use super::attribute::{Attribute, Attributes, check_declaration};
use super::chars::{is_blank, is_name, reference, scan, split_name};
use super::scope::Scope;

/// How the root of nearly every primitive begins, behind its name.
const ROOT_ATTRIBUTES: &str = r#" xmlns:m2m="http://www.onem2m.org/xml/protocols""#;

/// One step through a document.
pub(super) enum Event<'a> {
    Start(Tag<'a>),
    End,
    /// Text without references, in which the ends of lines are as they were written.
    Text(&'a str),
    /// What a reference stands for.
    Char(char),
    /// The document is over.
    Eof,
}

/// A start tag.
#[derive(Clone, Copy)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    /// Empty if it has none.
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    /// What stands behind the name.
    attributes: &'a str,
    /// `<a/>`: there will be no `End`.
    pub(super) empty: bool,
    /// Where it begins.
    pub(super) start: usize,
    /// Behind its end.
    pub(super) end: usize,
}

impl<'a> Tag<'a> {
    /// The attributes, which have been checked.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        Attributes::new(self.attributes, self.start + 1 + self.name.len()).map_while(Result::ok)
    }

    pub(super) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }
}

/// A document, or an element of one, that is being read.
pub(super) struct Source<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// Bytes of `text` that the reader has not been given: the byte order mark.
    skipped: usize,
    /// Where the last event begins.
    at: usize,
    /// Elements that are open.
    level: u32,
    max_depth: u32,
    /// A root has been there.
    rooted: bool,
    /// Text may hold `]]>`.
    bracket: bool,
    pub(super) scope: Scope<'a>,
    /// An element on this level or deeper is looked at on its own.
    watched: u32,
    /// A name in there needs a declaration from outside, or is in a default namespace.
    pub(super) dependent: bool,
    /// A name in there is in a default namespace.
    pub(super) defaulted: bool,
}

impl<'a> Source<'a> {
    /// Reads a document, or one element in whose place the declarations in `scope` hold.
    pub(super) fn new(text: &'a str, scope: Scope<'a>, max_depth: u32) -> Result<Self, DecodeError> {
        let rare = scan(text);
        if let Some(at) = rare.forbidden {
            return Err(syntax("a character that XML allows", at));
        }
        let skipped = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut reader = Reader::from_str(&text[skipped..]);
        reader.config_mut().check_comments = true;
        Ok(Self {
            text,
            reader,
            skipped,
            at: 0,
            level: 0,
            max_depth,
            rooted: false,
            bracket: rare.bracket,
            scope,
            watched: 0,
            dependent: false,
            defaulted: false,
        })
    }

    /// Where the last event begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the next event begins.
    #[inline]
    pub(super) fn position(&self) -> usize {
        // It was in memory as a slice: the position fits.
        self.reader.buffer_position() as usize + self.skipped
    }

    /// How many elements are open.
    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// Elements on `level` and deeper are from here on looked at on their own.
    #[inline]
    pub(super) fn watch(&mut self, level: u32) {
        (self.watched, self.dependent, self.defaulted) = (level, false, false);
    }

    /// The next event.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Event<'a>, DecodeError> {
        loop {
            let start = self.position();
            self.at = start;
            // What the last element declared, if that is over.
            self.scope.leave(self.level + 1);
            match self.reader.read_event() {
                Ok(Markup::Start(tag)) => return self.open(tag.name().as_ref().len(), false).map(Event::Start),
                Ok(Markup::End(_)) => {
                    self.level -= 1;
                    return Ok(Event::End);
                }
                Ok(Markup::Text(_)) => {
                    let text = &self.text[start..self.position()];
                    if self.level == 0 {
                        self.check_outside(text)?;
                        continue;
                    }
                    if self.bracket {
                        self.check_brackets(text)?;
                    }
                    return Ok(Event::Text(text));
                }
                Ok(Markup::Empty(tag)) => return self.open(tag.name().as_ref().len(), true).map(Event::Start),
                Ok(Markup::Eof) if self.level == 0 && self.rooted => return Ok(Event::Eof),
                other => {
                    if let Some(event) = self.unusual(other)? {
                        return Ok(event);
                    }
                }
            }
        }
    }

    /// A start tag whose name has this length.
    #[inline]
    fn open(&mut self, name: usize, empty: bool) -> Result<Tag<'a>, DecodeError> {
        let (start, end) = (self.at, self.position());
        let inside = &self.text[start + 1..end - if empty { 2 } else { 1 }];
        let (name, attributes) = inside.split_at(name);
        let Some((prefix, local)) = split_name(name) else { return Err(syntax("a name", start + 1)) };
        if self.level == 0 {
            if self.rooted {
                return Err(DecodeError::at(DecodeErrorKind::TrailingBytes, start));
            }
            self.rooted = true;
        }
        let level = self.level + 1;
        if level > self.max_depth {
            return Err(DecodeError::at(DecodeErrorKind::TooDeep, start));
        }
        if !attributes.is_empty() {
            if level == 1 && attributes == ROOT_ATTRIBUTES {
                self.scope.declare_m2m();
            } else {
                self.declare(attributes, start + 1 + name.len(), level)?;
            }
        }
        self.use_prefix(prefix, level, start + 1)?;
        if !empty {
            self.level = level;
        }
        Ok(Tag { name, prefix, local, attributes, empty, start, end })
    }

    /// Notes the namespaces that a start tag declares, and checks its attributes.
    #[cold]
    fn declare(&mut self, attributes: &'a str, at: usize, level: u32) -> Result<(), DecodeError> {
        for attribute in Attributes::new(attributes, at) {
            let attribute = attribute?;
            let value = attribute.value()?;
            let prefix = match (attribute.prefix, attribute.local) {
                ("xmlns", prefix) => prefix,
                ("", "xmlns") => "",
                _ => continue,
            };
            if level == 1 && prefix == "m2m" && value == M2M {
                self.scope.declare_m2m();
            } else {
                self.scope.declare(prefix, value, level).map_err(|expected| syntax(expected, attribute.at))?;
            }
        }
        let mut prefixed = Vec::new();
        for attribute in Attributes::new(attributes, at) {
            let attribute = attribute?;
            if !attribute.prefix.is_empty() && !attribute.is_declaration() {
                self.use_prefix(attribute.prefix, level, attribute.at)?;
                prefixed.push(attribute);
            }
        }
        // Two prefixes of one namespace.
        let uri = |attribute: &Attribute<'_>| self.scope.resolve(attribute.prefix).map(|resolved| resolved.uri);
        let same = |one: &Attribute<'_>, other: &Attribute<'_>| one.local == other.local && uri(one) == uri(other);
        for (i, attribute) in prefixed.iter().enumerate() {
            if prefixed[..i].iter().any(|other| same(attribute, other)) {
                return Err(DecodeError::at(
                    DecodeErrorKind::DuplicateMember(attribute.local.to_owned()),
                    attribute.at,
                ));
            }
        }
        Ok(())
    }

    /// Looks up a prefix for a name on `level`.
    #[inline]
    fn use_prefix(&mut self, prefix: &str, level: u32, at: usize) -> Result<(), DecodeError> {
        let Some(found) = self.scope.resolve(prefix) else { return Err(syntax("a prefix that is declared", at)) };
        if found.level == 0 || found.uri.is_empty() || level < self.watched {
            return Ok(());
        }
        let by_default = prefix.is_empty();
        self.dependent |= by_default || found.level < self.watched;
        self.defaulted |= by_default;
        Ok(())
    }

    /// Everything that a usual primitive does not have.
    #[cold]
    fn unusual(&mut self, event: Result<Markup<'a>, Error>) -> Result<Option<Event<'a>>, DecodeError> {
        let start = self.at;
        match event {
            Ok(Markup::GeneralRef(name)) if self.level > 0 => {
                let c = reference(&name).ok_or_else(|| syntax("a character or one of the five entities", start))?;
                Ok(Some(Event::Char(c)))
            }
            Ok(Markup::CData(_)) if self.level > 0 => {
                const OPEN: usize = "<![CDATA[".len();
                const CLOSE: usize = "]]>".len();
                Ok(Some(Event::Text(&self.text[start + OPEN..self.position() - CLOSE])))
            }
            Ok(Markup::GeneralRef(_) | Markup::CData(_)) => Err(self.outside(start)),
            Ok(Markup::Comment(_)) => Ok(None),
            Ok(Markup::PI(instruction)) => match instruction.target() {
                target if is_name(target) && !target.eq_ignore_ascii_case("xml") => Ok(None),
                _ => Err(syntax("the name of a processing instruction", start)),
            },
            Ok(Markup::Decl(_)) if start == self.skipped => {
                let declaration = &self.text[start..self.position()];
                check_declaration(declaration, start).map(|()| None)
            }
            Ok(Markup::Decl(_)) => Err(syntax("the declaration at the beginning only", start)),
            Ok(Markup::DocType(_)) => Err(syntax("no document type", start)),
            Ok(_) if self.rooted => Err(syntax("an end tag", self.text.len())),
            Ok(_) => Err(syntax("an element", self.text.len())),
            Err(error) => {
                // It is never beyond the text, and may be before what was read last.
                let at = (self.reader.error_position() as usize + self.skipped).min(self.text.len());
                Err(syntax(expected(&error), at))
            }
        }
    }

    #[cold]
    fn outside(&self, at: usize) -> DecodeError {
        if self.rooted { DecodeError::at(DecodeErrorKind::TrailingBytes, at) } else { syntax("an element", at) }
    }

    #[cold]
    fn check_outside(&self, text: &str) -> Result<(), DecodeError> {
        if is_blank(text) { Ok(()) } else { Err(self.outside(self.at)) }
    }

    #[cold]
    fn check_brackets(&self, text: &str) -> Result<(), DecodeError> {
        let mut brackets = memchr::memchr_iter(b']', text.as_bytes());
        match brackets.find(|at| text.as_bytes()[*at..].starts_with(b"]]>")) {
            Some(at) => Err(syntax("text without ]]>", self.at + at)),
            None => Ok(()),
        }
    }
}

/// What would have been right.
fn expected(error: &Error) -> &'static str {
    match error {
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => "the end tag of the element that is open",
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "no end tag",
        Error::IllFormed(IllFormedError::UnclosedReference) => "a reference that ends with a semicolon",
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "a comment without --",
        _ => "a complete tag, comment or section",
    }
}

pub(super) fn syntax(expected: &'static str, at: usize) -> DecodeError {
    DecodeError::at(DecodeErrorKind::Syntax(expected), at)
}

/// Text that comes in pieces: borrowed as long as there is only one.
#[derive(Default)]
pub(super) struct Pieces<'a>(Option<Cow<'a, str>>);

impl<'a> Pieces<'a> {
    pub(super) fn push(&mut self, piece: Cow<'a, str>) {
        match &mut self.0 {
            Some(text) => text.to_mut().push_str(&piece),
            None => self.0 = Some(piece),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.0.as_deref().is_none_or(is_blank)
    }

    pub(super) fn into_text(self) -> Cow<'a, str> {
        self.0.unwrap_or_default()
    }
}
