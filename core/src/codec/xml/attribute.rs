//! The attributes of one start tag, and the XML declaration, which has the same grammar.
//!
//! Covers: XML 1.0 3.1 (unique names, no `<` in values), 2.8 and 4.3.3 (version, encoding). Does not resolve namespaces.

use std::borrow::Cow;

use super::super::{DecodeError, DecodeErrorKind};
use super::chars::{attribute_value, is_space, split_name};
use super::source::syntax;

/// The most attributes of an element, declarations of namespaces among them. oneM2M has three.
const MOST_ATTRIBUTES: usize = 64;

/// One attribute.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    /// Empty if it has none.
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    /// The value between its quotes.
    raw: &'a str,
    /// Where it begins.
    pub(super) at: usize,
}

impl<'a> Attribute<'a> {
    pub(super) fn value(&self) -> Result<Cow<'a, str>, DecodeError> {
        attribute_value(self.raw).ok_or_else(|| syntax("a character or one of the five entities", self.at))
    }

    /// Whether it declares a namespace.
    pub(super) fn is_declaration(&self) -> bool {
        self.prefix == "xmlns" || self.prefix.is_empty() && self.local == "xmlns"
    }
}

/// The attributes in what stands behind a name.
pub(super) struct Attributes<'a> {
    text: &'a str,
    /// What is left of it.
    rest: &'a str,
    /// Where `text` begins.
    start: usize,
    /// How many have been read.
    count: usize,
    /// The names of the first ones, which mostly are all.
    first: [&'a str; 4],
    /// The other names.
    names: Vec<&'a str>,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(text: &'a str, start: usize) -> Self {
        Self { text, rest: text, start, count: 0, first: [""; 4], names: Vec::new() }
    }

    fn read(&mut self) -> Result<Option<Attribute<'a>>, DecodeError> {
        let rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let at = self.start + self.text.len() - rest.len();
        if rest.is_empty() {
            return Ok(None);
        }
        if rest.len() == self.rest.len() {
            return Err(syntax("white space before an attribute", at));
        }
        let end = rest.bytes().position(|byte| byte == b'=' || is_space(byte)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let Some((prefix, local)) = split_name(name) else { return Err(syntax("the name of an attribute", at)) };
        let (raw, rest) = value(rest).ok_or_else(|| syntax("an attribute with its value in quotes", at))?;
        if memchr::memchr(b'<', raw.as_bytes()).is_some() {
            return Err(syntax("an attribute without <", at));
        }
        if self.count == MOST_ATTRIBUTES {
            return Err(syntax("at most 64 attributes", at));
        }
        // Comparing each with each is cheap because they are few.
        if self.first.contains(&name) || self.names.contains(&name) {
            return Err(DecodeError::at(DecodeErrorKind::DuplicateMember(name.to_owned()), at));
        }
        match self.first.get_mut(self.count) {
            Some(place) => *place = name,
            None => self.names.push(name),
        }
        self.count += 1;
        self.rest = rest;
        Ok(Some(Attribute { name, prefix, local, raw, at }))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, DecodeError>;

    /// Not to be called again after an error.
    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// What is between the quotes behind `=`, and what follows them.
fn value(text: &str) -> Option<(&str, &str)> {
    let text = trim_start(trim_start(text).strip_prefix('=')?);
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text[1..].split_once(quote)
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// Checks what stands between `<?xml` and `?>`, which begins at `start`: ` version="1.0" encoding="UTF-8"`.
pub(super) fn check_declaration(inside: &str, start: usize) -> Result<(), DecodeError> {
    let mut names = ["version", "encoding", "standalone"].into_iter();
    let mut version = false;
    for attribute in Attributes::new(inside, start) {
        let Attribute { prefix, local, raw, at, .. } = attribute?;
        // In this order, and only the first must be there.
        if !prefix.is_empty() || !names.any(|name| name == local) {
            return Err(syntax("an XML declaration", at));
        }
        let is_right = match local {
            "version" => raw.strip_prefix("1.").is_some_and(|minor| minor.parse::<u8>().is_ok()),
            "encoding" => raw.eq_ignore_ascii_case("UTF-8"),
            _ => matches!(raw, "yes" | "no"),
        };
        if !is_right {
            return Err(syntax("XML 1.0 in UTF-8", at));
        }
        version |= local == "version";
    }
    if version { Ok(()) } else { Err(syntax("the version of XML", start)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<(String, String)>, DecodeError> {
        let name = |attribute: &Attribute<'_>| match attribute.prefix {
            "" => attribute.local.to_owned(),
            prefix => format!("{prefix}:{}", attribute.local),
        };
        Attributes::new(text, 10).map(|one| one.and_then(|one| Ok((name(&one), one.value()?.into_owned())))).collect()
    }

    #[test]
    fn attributes_are_read_in_both_kinds_of_quotes() {
        let read = all(" rn = \"a'b\"\n\tx:y='&lt;\"'  ").unwrap();
        assert_eq!(read, [("rn".into(), "a'b".into()), ("x:y".into(), "<\"".into())]);
        assert_eq!(all(" ").unwrap(), []);
    }

    #[test]
    fn what_is_no_attribute_is_refused_where_it_is() {
        for (text, at) in [
            (r#" a="1"b="2""#, 16),
            (r#" a"#, 11),
            (r#" a="#, 11),
            (r#" a=1"#, 11),
            (r#" a="1"#, 11),
            (r#" a="<""#, 11),
            (r#" 1="1""#, 11),
            (r#" a:b:c="1""#, 11),
            (r#" ="1""#, 11),
            (r#" /"#, 11),
            (r#" a="1" a="2""#, 17),
            (r#" a="&x;""#, 11),
        ] {
            assert_eq!(all(text).unwrap_err().offset(), at, "{text}");
        }
    }

    #[test]
    fn an_element_has_at_most_64_attributes() {
        let some = |count: usize| (0..count).map(|i| format!(" a{i}=''")).collect::<String>();
        assert_eq!(all(&some(MOST_ATTRIBUTES)).unwrap().len(), MOST_ATTRIBUTES);
        assert!(all(&some(MOST_ATTRIBUTES + 1)).is_err());
    }

    #[test]
    fn declarations_are_of_xml_1_in_utf_8() {
        for declaration in [
            r#" version="1.0""#,
            r#" version='1.0' encoding='utf-8' "#,
            r#" version="1.1" encoding="UTF-8" standalone="yes""#,
            r#" version="1.0" standalone="no""#,
        ] {
            assert!(check_declaration(declaration, 0).is_ok(), "{declaration}");
        }
        for declaration in [
            r#""#,
            r#" encoding="UTF-8""#,
            r#" version="2.0""#,
            r#" version="1.0" encoding="UTF-16""#,
            r#" version="1.0" encoding="ISO-8859-1""#,
            r#" version="1.0" standalone="no" encoding="UTF-8""#,
            r#" version="1.0" standalone="maybe""#,
            r#" version="1.0" more="1""#,
        ] {
            assert!(check_declaration(declaration, 0).is_err(), "{declaration}");
        }
    }
}
