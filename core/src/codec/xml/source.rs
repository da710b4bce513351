//! The events of a document, checked.
//!
//! Covers: TS-0004 8.3.1 (XML 1.0, UTF-8), Namespaces in XML 1.0: everything that makes a document well-formed. Comments and
//! processing instructions are skipped; document types are refused, and with them every entity but the five. Nothing is
//! copied, and nothing grows with the document but the stack of open elements. Does not know primitives.

use std::borrow::Cow;

use super::super::schema::M2M;
use super::super::{DecodeError, DecodeErrorKind, MAX_DEPTH};
use super::attribute::{Attribute, Attributes, check_declaration};
use super::chars::{is_blank, is_name, is_plain_name_byte, is_space, reference, scan, split_name};
use super::scope::Scope;

/// How the root of nearly every primitive begins, behind its name.
const ROOT_ATTRIBUTES: &str = r#" xmlns:m2m="http://www.onem2m.org/xml/protocols""#;

/// How nearly every document begins.
const DECLARATIONS: [&str; 2] = [r#"<?xml version="1.0" encoding="UTF-8"?>"#, "<?xml version='1.0' encoding='UTF-8'?>"];

/// One step through a document.
pub(super) enum Event<'a> {
    Start(Tag<'a>),
    End,
    /// Text without references, in which the ends of lines are as they were written.
    Text(&'a str),
    /// What a reference stands for.
    Char(char),
    /// Something that says nothing: a comment, an instruction, the declaration, white space outside of the root.
    Aside,
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
    /// Where the next event begins.
    position: usize,
    /// Where the last event began.
    at: usize,
    /// The names of the elements that are open.
    open: Vec<&'a str>,
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
        Ok(Self {
            text,
            position: byte_order_mark(text),
            at: 0,
            // More than most have.
            open: Vec::with_capacity(8),
            max_depth: max_depth.min(MAX_DEPTH),
            rooted: false,
            bracket: rare.bracket,
            scope,
            watched: 0,
            dependent: false,
            defaulted: false,
        })
    }

    /// Where the last event begins.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the next event begins.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// How many elements are open.
    #[inline]
    pub(super) fn level(&self) -> u32 {
        self.open.len() as u32
    }

    /// Elements on `level` and deeper are from here on looked at on their own.
    #[inline]
    pub(super) fn watch(&mut self, level: u32) {
        (self.watched, self.dependent, self.defaulted) = (level, false, false);
    }

    /// The next event that means something.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Event<'a>, DecodeError> {
        loop {
            match self.step()? {
                Event::Aside => {}
                event => return Ok(event),
            }
        }
    }

    /// The next event.
    #[inline]
    pub(super) fn step(&mut self) -> Result<Event<'a>, DecodeError> {
        let bytes = self.text.as_bytes();
        self.at = self.position;
        // What the last element declared, if that is over.
        self.scope.leave(self.level() + 1);
        match bytes.get(self.at) {
            Some(b'<') => match bytes.get(self.at + 1) {
                Some(b'/') => self.end_tag().map(|()| Event::End),
                Some(b'!' | b'?') => self.unusual_markup(),
                _ => self.start_tag().map(Event::Start),
            },
            Some(b'&') => self.reference().map(Event::Char),
            Some(_) => self.character_data(),
            None if self.rooted && self.open.is_empty() => Ok(Event::Eof),
            None => Err(syntax(if self.rooted { "an end tag" } else { "an element" }, self.at)),
        }
    }

    #[inline]
    fn character_data(&mut self) -> Result<Event<'a>, DecodeError> {
        let rest = &self.text[self.at..];
        let length = memchr::memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        let text = &rest[..length];
        self.position = self.at + length;
        if self.open.is_empty() {
            return if is_blank(text) { Ok(Event::Aside) } else { Err(self.outside()) };
        }
        if self.bracket {
            self.check_brackets(text)?;
        }
        Ok(Event::Text(text))
    }

    #[inline]
    fn end_tag(&mut self) -> Result<(), DecodeError> {
        let Some(name) = self.open.pop() else { return Err(syntax("no end tag", self.at)) };
        let rest = self.text.as_bytes()[self.at + 2..].strip_prefix(name.as_bytes());
        let spaces = match rest {
            Some([b'>', ..]) => 0,
            Some(rest) => match rest.iter().position(|byte| !is_space(*byte)) {
                Some(spaces) if spaces > 0 && rest[spaces] == b'>' => spaces,
                _ => return Err(syntax("the end tag of the element that is open", self.at)),
            },
            None => return Err(syntax("the end tag of the element that is open", self.at)),
        };
        self.position = self.at + 2 + name.len() + spaces + 1;
        Ok(())
    }

    #[inline]
    fn start_tag(&mut self) -> Result<Tag<'a>, DecodeError> {
        let (start, name_start) = (self.at, self.at + 1);
        let (name, prefix, local) = self.name(name_start)?;
        let name_end = name_start + name.len();
        let (end, empty) = match &self.text.as_bytes()[name_end..] {
            [b'>', ..] => (name_end + 1, false),
            [b'/', b'>', ..] => (name_end + 2, true),
            _ => self.behind_attributes(name_end)?,
        };
        self.position = end;
        if self.open.is_empty() {
            if self.rooted {
                return Err(DecodeError::at(DecodeErrorKind::TrailingBytes, start));
            }
            self.rooted = true;
        }
        let level = self.level() + 1;
        if level > self.max_depth {
            return Err(DecodeError::at(DecodeErrorKind::TooDeep, start));
        }
        let attributes = &self.text[name_end..end - if empty { 2 } else { 1 }];
        if !attributes.is_empty() {
            if level == 1 && attributes == ROOT_ATTRIBUTES {
                self.scope.declare_m2m();
            } else {
                self.declare(attributes, name_end, level)?;
            }
        }
        self.use_prefix(prefix, level, name_start)?;
        if !empty {
            self.open.push(name);
        }
        Ok(Tag { name, prefix, local, attributes, empty, start, end })
    }

    /// The name of an element that begins at `start`, its prefix, and its local name.
    #[inline]
    fn name(&self, start: usize) -> Result<(&'a str, &'a str, &'a str), DecodeError> {
        let rest = &self.text[start..];
        let plain = rest.bytes().take_while(|byte| is_plain_name_byte(*byte)).count();
        let ends = matches!(rest.as_bytes().get(plain), Some(b'>' | b'/' | b' '));
        if ends && plain > 0 && !rest.as_bytes()[0].is_ascii_digit() {
            return Ok((&rest[..plain], "", &rest[..plain]));
        }
        let ends = |byte: u8| matches!(byte, b'>' | b'/') || is_space(byte);
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        match split_name(&rest[..length]) {
            Some((prefix, local)) => Ok((&rest[..length], prefix, local)),
            None => Err(syntax("a name", start)),
        }
    }

    /// Where the start tag ends whose attributes begin at `start`, and whether it is that of an empty element.
    #[cold]
    fn behind_attributes(&self, start: usize) -> Result<(usize, bool), DecodeError> {
        let bytes = &self.text.as_bytes()[start..];
        let mut quote = None;
        for at in memchr::memchr3_iter(b'>', b'"', b'\'', bytes) {
            match (bytes[at], quote) {
                (b'>', None) => return Ok((start + at + 1, at > 0 && bytes[at - 1] == b'/')),
                (byte, None) => quote = Some(byte),
                (byte, Some(open)) if byte == open => quote = None,
                _ => {}
            }
        }
        Err(syntax("the end of a tag", self.text.len()))
    }

    /// Notes the namespaces that a start tag declares, and checks its attributes.
    #[cold]
    fn declare(&mut self, attributes: &'a str, at: usize, level: u32) -> Result<(), DecodeError> {
        let mut is_prefixed = false;
        for attribute in Attributes::new(attributes, at) {
            let attribute = attribute?;
            let value = attribute.value()?;
            let prefix = match (attribute.prefix, attribute.local) {
                ("xmlns", prefix) => prefix,
                ("", "xmlns") => "",
                (prefix, _) => {
                    is_prefixed |= !prefix.is_empty();
                    continue;
                }
            };
            if level == 1 && prefix == "m2m" && value == M2M {
                self.scope.declare_m2m();
            } else {
                self.scope.declare(prefix, value, level).map_err(|expected| syntax(expected, attribute.at))?;
            }
        }
        if !is_prefixed {
            return Ok(());
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

    #[cold]
    fn reference(&mut self) -> Result<char, DecodeError> {
        if self.open.is_empty() {
            return Err(self.outside());
        }
        let rest = &self.text[self.at + 1..];
        // A reference has neither blanks nor markup in it: what follows need not be looked through.
        let length = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#').unwrap_or(rest.len());
        match reference(&rest[..length]) {
            Some(c) if rest[length..].starts_with(';') => {
                self.position = self.at + length + 2;
                Ok(c)
            }
            _ => Err(syntax("a character or one of the five entities", self.at)),
        }
    }

    /// A comment, a section, a processing instruction, or the declaration.
    #[cold]
    fn unusual_markup(&mut self) -> Result<Event<'a>, DecodeError> {
        let rest = &self.text[self.at..];
        if self.at == 0
            && let Some(usual) = DECLARATIONS.iter().find(|usual| rest.starts_with(**usual))
        {
            self.position = usual.len();
            return Ok(Event::Aside);
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            let length = self.take("<!--", comment, "-->", "the end of a comment")?.len();
            return match comment[..length].contains("--") || comment[..length].ends_with('-') {
                true => Err(syntax("a comment without --", self.at)),
                false => Ok(Event::Aside),
            };
        }
        if let Some(section) = rest.strip_prefix("<![CDATA[") {
            if self.open.is_empty() {
                return Err(self.outside());
            }
            return self.take("<![CDATA[", section, "]]>", "the end of a section").map(Event::Text);
        }
        let Some(instruction) = rest.strip_prefix("<?") else { return Err(syntax("no document type", self.at)) };
        let instruction = self.take("<?", instruction, "?>", "the end of a processing instruction")?;
        let target = instruction.split([' ', '\t', '\n', '\r']).next().unwrap_or_default();
        if target == "xml" && self.at == byte_order_mark(self.text) {
            check_declaration(&instruction[target.len()..], self.at + "<?xml".len())?;
        } else if !is_name(target) || target.eq_ignore_ascii_case("xml") {
            return Err(syntax("the name of a processing instruction", self.at));
        }
        Ok(Event::Aside)
    }

    /// What is between `open`, which has been seen, and `close`.
    fn take(&mut self, open: &str, rest: &'a str, close: &str, expected: &'static str) -> Result<&'a str, DecodeError> {
        let length =
            memchr::memmem::find(rest.as_bytes(), close.as_bytes()).ok_or_else(|| syntax(expected, self.at))?;
        self.position = self.at + open.len() + length + close.len();
        Ok(&rest[..length])
    }

    /// Something that belongs into the root.
    #[cold]
    fn outside(&self) -> DecodeError {
        if self.rooted {
            DecodeError::at(DecodeErrorKind::TrailingBytes, self.at)
        } else {
            syntax("an element", self.at)
        }
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

/// The length of what some editors write before a document.
fn byte_order_mark(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
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
