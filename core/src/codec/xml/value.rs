//! Texts to values of the JSON data model.
//!
//! Covers: TS-0004 6.3 (the lexical forms of XML Schema), 8.4.2 (which JSON type each is). What does not have the form of its
//! type is refused. Does not know elements.

use std::borrow::Cow;

use super::super::item::Item;
use super::super::schema::{Atom, Form};
use super::chars::{collapse, trim, words};

/// What an empty element of a text is.
pub(super) fn empty_text(in_response: bool) -> Item<'static> {
    if in_response { Item::Text(Cow::Borrowed("")) } else { Item::Null }
}

/// The value of an element; or what it should have been.
pub(super) fn element_value<'a>(
    form: Form,
    may_be_empty: bool,
    text: Cow<'a, str>,
    in_response: bool,
) -> Result<Item<'a>, &'static str> {
    match form {
        Form::List(_) if trim(&text).is_empty() => Ok(if may_be_empty { Item::List(Vec::new()) } else { Item::Null }),
        Form::Atom(Atom::Integer | Atom::Number | Atom::Boolean) if trim(&text).is_empty() => Ok(Item::Null),
        _ => match attribute_value(form, text)? {
            Item::Text(text) if text.is_empty() => Ok(empty_text(in_response)),
            value => Ok(value),
        },
    }
}

/// The value of an attribute, in which nothing is nothing but an empty text; or what it should have been.
pub(super) fn attribute_value(form: Form, text: Cow<'_, str>) -> Result<Item<'_>, &'static str> {
    match form {
        Form::Any => Ok(Item::Text(text)),
        Form::Atom(atom) => value(atom, text),
        Form::List(atom) => match text {
            Cow::Borrowed(text) => list(atom, text, Cow::Borrowed),
            Cow::Owned(text) => list(atom, &text, |word| Cow::Owned(word.to_owned())),
        },
        Form::Object(_) => Err("an element"),
    }
}

/// The items of a list, as many as there are: they are counted before anything is claimed for them.
fn list<'t, 'a>(atom: Atom, text: &'t str, item: impl Fn(&'t str) -> Cow<'a, str>) -> Result<Item<'a>, &'static str> {
    let mut items = Vec::with_capacity(words(text).count());
    for word in words(text) {
        items.push(value(atom, item(word))?);
    }
    Ok(Item::List(items))
}

fn value(atom: Atom, text: Cow<'_, str>) -> Result<Item<'_>, &'static str> {
    match atom {
        Atom::Text => Ok(Item::Text(text)),
        Atom::Token | Atom::Time => Ok(Item::Text(collapse(text))),
        Atom::Integer => integer(&text).map(Item::Integer).ok_or("an integer"),
        Atom::Number => number(&text).ok_or("a number"),
        Atom::Boolean => boolean(&text).map(Item::Boolean).ok_or("true or false"),
    }
}

/// An `xs:integer`, as far as the data model goes.
pub(super) fn integer(text: &str) -> Option<i128> {
    let text = trim(text);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// An `xs:double` that is a number. Without a fraction or an exponent it is an integer in JSON.
fn number(text: &str) -> Option<Item<'static>> {
    if let Some(integer) = integer(text) {
        return Some(Item::Integer(integer));
    }
    let text = trim(text);
    // Rust reads names of infinity, too.
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Item::Float)
}

/// An `xs:boolean`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match trim(text) {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_12_integers_may_have_a_sign_zeros_and_blanks() {
        for (text, number) in [
            ("1", 1),
            (" +007\n", 7),
            ("-0", 0),
            ("18446744073709551616", 1 << 64),
            ("9007199254740993", 9_007_199_254_740_993),
        ] {
            assert_eq!(integer(text), Some(number), "{text}");
        }
        let beyond = format!("{}0", i128::MAX);
        for text in ["", " ", "+", "-", "1.0", "1 2", "0x1", "1e3", "٣", &beyond] {
            assert_eq!(integer(text), None, "{text}");
        }
        assert_eq!(integer(&i128::MAX.to_string()), Some(i128::MAX));
        assert_eq!(integer(&i128::MIN.to_string()), Some(i128::MIN));
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(number("1000"), Some(Item::Integer(1000)));
        assert_eq!(number(" 1000.0 "), Some(Item::Float(1000.0)));
        assert_eq!(number("-1.5E-3"), Some(Item::Float(-0.0015)));
        for text in ["INF", "-INF", "NaN", "inf", "infinity", "nan", "1e999", "", ".", "1,5"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn row_12_booleans_may_be_digits() {
        assert_eq!(
            (boolean("true"), boolean(" 1 "), boolean("false"), boolean("0")),
            (Some(true), Some(true), Some(false), Some(false))
        );
        assert_eq!((boolean("TRUE"), boolean("yes"), boolean("")), (None, None, None));
    }
}
