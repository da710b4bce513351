//! Characters, names and white space of XML.
//!
//! Covers: XML 1.0 2.2 (characters), 2.3 (names), 2.11 (ends of lines), 3.3.3 (attribute values), 4.1 and 4.6 (references);
//! XML Schema 4.3.6 (white space that does not count). Knows no markup.

use std::borrow::Cow;

/// What is in a document that most documents do not have.
pub(super) struct Rare {
    /// Where the first character is that XML does not allow.
    pub(super) forbidden: Option<usize>,
    /// There is a `]`: text may hold `]]>`, which must not be there.
    pub(super) bracket: bool,
}

/// Looks through a whole document once.
pub(super) fn scan(text: &str) -> Rare {
    const CONTROL: u8 = 1;
    const NEAR_NONCHARACTER: u8 = 2;
    const BRACKET: u8 = 4;
    // Without branches, so that many bytes are looked at together.
    let found = text.bytes().fold(0, |found, byte| {
        let control = (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
        let near = byte == 0xEF;
        let bracket = byte == b']';
        found | (u8::from(control) * CONTROL) | (u8::from(near) * NEAR_NONCHARACTER) | (u8::from(bracket) * BRACKET)
    });
    let suspicious = found & (CONTROL | NEAR_NONCHARACTER) != 0;
    let forbidden = if suspicious { text.char_indices().find(|(_, c)| !is_char(*c)).map(|(at, _)| at) } else { None };
    Rare { forbidden, bracket: found & BRACKET != 0 }
}

/// Whether XML can hold a character, if only as a reference.
pub(super) const fn is_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether there is nothing but white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// The text without white space at its ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// The words between white space.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty())
}

/// Whether collapsing white space would change nothing.
pub(super) fn is_collapsed(text: &str) -> bool {
    let mut before = b' ';
    let single = text.bytes().all(|byte| {
        let single = byte != b'\t' && byte != b'\n' && byte != b'\r' && (byte != b' ' || before != b' ');
        before = byte;
        single
    });
    single && (before != b' ' || text.is_empty())
}

/// The text as `xs:token` has it: words with one blank between them.
pub(super) fn collapse(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_collapsed(&text) {
        return text;
    }
    let mut collapsed = String::with_capacity(text.len());
    for word in words(&text) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    Cow::Owned(collapsed)
}

/// Text as a parser hands it on: every end of a line is a line feed.
pub(super) fn line_ends(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The value of an attribute as a parser hands it on; `None` if it has a reference that does not exist.
pub(super) fn attribute_value(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
        return Some(Cow::Borrowed(raw));
    }
    let raw = line_ends(raw).replace(['\t', '\n'], " ");
    let mut pieces = raw.split('&');
    let mut value = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once(';')?;
        value.push(reference(name)?);
        value.push_str(rest);
    }
    Some(Cow::Owned(value))
}

/// The character that `&name;` stands for. Nobody can declare further ones, because document types are refused.
pub(super) fn reference(name: &str) -> Option<char> {
    let (digits, radix) = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => (digits, 16),
            None => (name.strip_prefix('#')?, 10),
        },
    };
    if digits.starts_with('+') {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(number).filter(|c| is_char(*c))
}

/// The prefix, empty if there is none, and the local name; `None` if it is not a name.
#[inline]
pub(super) fn split_name(name: &str) -> Option<(&str, &str)> {
    // Names are short: a loop is faster than a search.
    match name.bytes().position(|byte| byte == b':') {
        None => is_name(name).then_some(("", name)),
        Some(colon) => {
            let (prefix, local) = (&name[..colon], &name[colon + 1..]);
            (is_name(prefix) && is_name(local)).then_some((prefix, local))
        }
    }
}

/// What most names are made of. A digit is never the first of them.
#[inline]
pub(super) const fn is_plain_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether this is a name without a colon.
pub(super) fn is_name(name: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
            | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
            | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
            | '\u{10000}'..='\u{EFFFF}')
    };
    let continues = |c: char| {
        starts(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
    };
    let mut chars = name.chars();
    chars.next().is_some_and(starts) && chars.all(continues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_characters_are_found_where_they_are() {
        for (text, at) in [
            ("", None),
            ("a\t\r\n ~\u{7f}\u{80}\u{fffd}\u{10ffff}", None),
            ("ab\0", Some(2)),
            ("\u{8}", Some(0)),
            ("é\u{b}", Some(2)),
            ("\u{c}", Some(0)),
            ("x\u{1f}", Some(1)),
            ("\u{ff01}\u{fffe}", Some(3)),
            ("\u{ffff}", Some(0)),
        ] {
            assert_eq!(scan(text).forbidden, at, "{text:?}");
        }
        assert!(scan("a]").bracket && !scan("a[").bracket);
    }

    #[test]
    fn references_are_the_five_and_characters_that_xml_has() {
        for (name, c) in [("lt", '<'), ("#13", '\r'), ("#x1F600", '😀'), ("#xD7FF", '\u{d7ff}'), ("#010", '\n')] {
            assert_eq!(reference(name), Some(c), "{name}");
        }
        for name in [
            "",
            "#",
            "#x",
            "#0",
            "#x0",
            "#8",
            "#xFFFE",
            "#xD800",
            "#x110000",
            "#+9",
            "#x+9",
            "#99999999999",
            "nbsp",
            "LT",
        ] {
            assert_eq!(reference(name), None, "{name}");
        }
    }

    #[test]
    fn attribute_values_are_normalized() {
        assert!(matches!(attribute_value("a b"), Some(Cow::Borrowed("a b"))));
        assert_eq!(attribute_value("a\r\nb\tc\rd&#10;e&amp;f").as_deref(), Some("a b c d\ne&f"));
        assert_eq!(attribute_value("&unknown;"), None);
        assert_eq!(attribute_value("&lt"), None);
    }

    #[test]
    fn names_are_those_of_xml() {
        assert_eq!(split_name("m2m:cin"), Some(("m2m", "cin")));
        assert_eq!(split_name("é-1.x"), Some(("", "é-1.x")));
        for name in ["", ":", "a:", ":a", "a:b:c", "1a", "-a", "a<b", "a&b", "a b", "a\"", "a/b", "a×"] {
            assert_eq!(split_name(name), None, "{name}");
        }
    }

    #[test]
    fn white_space_is_collapsed() {
        for (text, collapsed) in
            [("", ""), ("a", "a"), ("a b", "a b"), (" a", "a"), ("a ", "a"), ("a  b\tc\n", "a b c")]
        {
            assert_eq!(collapse(text.into()), collapsed);
            assert_eq!(is_collapsed(text), text == collapsed, "{text:?}");
        }
        assert_eq!(collapse(" ".into()), "");
        assert_eq!(line_ends("a\r\nb\rc\n"), "a\nb\nc\n");
    }
}
