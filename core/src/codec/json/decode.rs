//! The second half of decoding: the members of a primitive as typed parameters.
//!
//! Covers: TS-0004 6.4, 8.4.2 (which JSON type a parameter has), and the deviations of deployed peers, each noted.
//! Numbers that do not fit are refused, never cut.

use std::borrow::Cow;

use bytes::Bytes;

use super::super::found::{Found, Span, duplicate, utf8};
use super::super::item::Item;
use super::super::members::{LIST, Members, bad, few_digits, response_type_of, single_text};
use super::super::parameter::{Parameter, Parameters};
use super::super::{DecodeError, DecodeOptions, Decoded, Deviation, MAX_DEPTH};
use super::envelope::Envelope;
use super::item;
use super::scanner::{Scanner, Value, unescape};
use crate::primitive::{Content, Format, ResponseTypeInfo};

/// Reads one primitive.
pub(in super::super) fn decode(input: &Bytes, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    decode_kept(utf8(input)?, Some(input), options)
}

/// Reads one primitive of which nothing else is kept.
pub(in super::super) fn decode_text(text: &str, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    decode_kept(text, None, options)
}

fn decode_kept(text: &str, kept: Option<&Bytes>, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Found::check_size(text.len())?;
    let mut envelope = Envelope::new(text, kept, options);
    let mut result = read(&mut envelope);
    if let Err(error) = &mut result {
        envelope.describe(error);
    }
    result
}

fn read(envelope: &mut Envelope<'_>) -> Result<Decoded, DecodeError> {
    envelope.read()?;
    envelope.primitive()
}

impl<'a> Members<'a> for Envelope<'a> {
    #[inline]
    fn found(&self) -> &Found<'a> {
        &self.found
    }

    #[inline]
    fn found_mut(&mut self) -> &mut Found<'a> {
        &mut self.found
    }

    #[inline]
    fn plain_text(&self, parameter: Parameter) -> Option<Cow<'a, str>> {
        self.text_of(parameter)
    }

    #[inline]
    fn plain_number(&self, parameter: Parameter) -> Option<u64> {
        few_digits(self.token(self.found.span(parameter)))
    }

    #[cold]
    fn item(&mut self, parameter: Parameter) -> Result<Option<Item<'a>>, DecodeError> {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        item_at(token, span, parameter).map(Some)
    }

    fn list(&mut self, parameter: Parameter) -> Result<Option<Vec<String>>, DecodeError> {
        let Some((span, _)) = self.get(parameter)? else { return Ok(None) };
        self.list_at(span, parameter).map(Some)
    }

    fn response_type(&mut self) -> Result<Option<ResponseTypeInfo>, DecodeError> {
        let parameter = Parameter::Rt;
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        let mut scanner = Scanner::new(token.as_bytes(), self.found.options.max_depth);
        if !scanner.take_if(b'{') {
            self.deviate(Deviation::BareResponseType, span.start as usize)?;
            return response_type_of(self, Some(item_at(token, span, parameter)?), None);
        }
        let (mut value, mut uris) = (None, None);
        let mut more = !scanner.take_if(b'}');
        while more {
            let name = scanner.name()?;
            let name_text = unescape(&token[name.start..name.end]);
            scanner.peek();
            let start = scanner.position();
            scanner.value(1)?;
            let member = Span { start: span.start + start as u32, end: span.start + scanner.position() as u32 };
            let is_duplicate = match name_text.as_str() {
                "rtv" => value.replace(item_at(self.token(member), member, parameter)?).is_some(),
                "nu" => uris.replace(self.list_at(member, parameter)?).is_some(),
                _ => {
                    self.deviate(Deviation::ResponseTypeMember, member.start as usize)?;
                    false
                }
            };
            if is_duplicate {
                return Err(duplicate(name_text.into(), member.start as usize));
            }
            more = scanner.take_if(b',');
        }
        response_type_of(self, value, uris)
    }

    #[inline]
    fn string(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        if let Some(text) = self.text_of(parameter) {
            return Ok(Some(text.into_owned()));
        }
        match self.get(parameter)? {
            Some(_) => Err(bad(parameter, "a string", self.position(parameter))),
            None => Ok(None),
        }
    }

    /// As it is written.
    #[cold]
    fn number_text(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        if !token.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(bad(parameter, "a string", span.start as usize));
        }
        self.deviate(Deviation::NumberText, span.start as usize)?;
        Ok(Some(token.to_owned()))
    }

    #[inline]
    fn structure(&mut self, parameter: Parameter) -> Result<Option<Content>, DecodeError> {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        if token.starts_with('{') {
            return Ok(Some(self.slice(span)));
        }
        if token == r#""""# {
            self.deviate(Deviation::EmptyContent, span.start as usize)?;
            return Ok(None);
        }
        Err(bad(parameter, "an object", span.start as usize))
    }

    #[inline]
    fn content(&mut self) -> Result<Option<Content>, DecodeError> {
        let Some((span, token)) = self.get(Parameter::Pc)? else { return Ok(None) };
        if token.starts_with('{') && self.content_members == 1 {
            return Ok(Some(self.slice(span)));
        }
        self.unusual_content(span, token)
    }

    fn take_unknown(&mut self, own: Parameters) -> Result<Vec<(String, Content)>, DecodeError> {
        let unknown = self.found.take_unknown(own).into_iter();
        Ok(unknown.map(|(name, span)| (name, self.slice(span))).collect())
    }
}

impl<'a> Envelope<'a> {
    /// The value as bytes of the input, or a copy of them.
    fn slice(&self, span: Span) -> Content {
        let bytes = match self.kept {
            Some(kept) => kept.slice(span.range()),
            None => Bytes::copy_from_slice(self.token(span).as_bytes()),
        };
        Content::from_encoded(Format::Json, bytes)
    }

    /// The value of a parameter, unless it is absent or null.
    #[inline]
    fn get(&mut self, parameter: Parameter) -> Result<Option<(Span, &'a str)>, DecodeError> {
        if !self.found.has(parameter) {
            return Ok(None);
        }
        let span = self.found.span(parameter);
        let token = self.token(span);
        if token == "null" {
            self.deviate(Deviation::NullParameter, span.start as usize)?;
            return Ok(None);
        }
        Ok(Some((span, token)))
    }

    /// A list of strings, or a string in place of it.
    fn list_at(&mut self, span: Span, parameter: Parameter) -> Result<Vec<String>, DecodeError> {
        let at = span.start as usize;
        let token = self.token(span);
        let mut scanner = Scanner::new(token.as_bytes(), self.found.options.max_depth);
        let entries = match scanner.clone().value(1)? {
            Value::String { escaped } => {
                let text = &token[1..token.len() - 1];
                return single_text(self, &if escaped { unescape(text) } else { text.to_owned() }, at);
            }
            Value::Container { entries } if scanner.take_if(b'[') => entries,
            _ => return Err(bad(parameter, LIST, at)),
        };
        // The number is known and the items are there, so that nothing more is claimed than they take.
        let mut list = Vec::with_capacity(entries);
        while list.len() < entries {
            scanner.take_if(b',');
            if scanner.peek() != b'"' {
                return Err(bad(parameter, LIST, at));
            }
            let start = scanner.position() + 1;
            let escaped = scanner.string()?;
            let text = &token[start..scanner.position() - 1];
            list.push(if escaped { unescape(text) } else { text.to_owned() });
        }
        Ok(list)
    }

    #[cold]
    fn unusual_content(&mut self, span: Span, token: &str) -> Result<Option<Content>, DecodeError> {
        let at = span.start as usize;
        if token.starts_with('{') {
            return if self.content_members == 0 {
                self.deviate(Deviation::EmptyContent, at).map(|()| None)
            } else {
                self.deviate(Deviation::ContentMembers, at).map(|()| Some(self.slice(span)))
            };
        }
        match self.text_of(Parameter::Pc) {
            Some(text) => text_content(self, &text, at),
            None => Err(bad(Parameter::Pc, "an object", at)),
        }
    }
}

/// The value of a parameter in the data model; an empty list or object in place of one with something in it.
fn item_at<'a>(token: &'a str, span: Span, parameter: Parameter) -> Result<Item<'a>, DecodeError> {
    match token.as_bytes().first() {
        Some(b'{') => Ok(Item::Object(Vec::new())),
        Some(b'[') => Ok(Item::List(Vec::new())),
        // Its syntax was checked; what is left is a number beyond all ranges.
        _ => item::read(token, 1).map_err(|_| bad(parameter, "in range", span.start as usize)),
    }
}

/// Content that is a text, which may hold the object that it should be.
pub(in super::super) fn text_content<'a, M: Members<'a>>(
    members: &mut M,
    text: &str,
    at: usize,
) -> Result<Option<Content>, DecodeError> {
    if text.is_empty() {
        return members.deviate(Deviation::EmptyContent, at).map(|()| None);
    }
    let mut scanner = Scanner::new(text.as_bytes(), MAX_DEPTH);
    let is_object = scanner.peek() == b'{';
    if is_object
        && let Ok(Value::Container { entries }) = scanner.value(1)
        && scanner.at_end()
    {
        members.deviate(Deviation::TextContent, at)?;
        match entries {
            0 => return members.deviate(Deviation::EmptyContent, at).map(|()| None),
            1 => {}
            _ => members.deviate(Deviation::ContentMembers, at)?,
        }
        return Ok(Some(Content::from_encoded(Format::Json, text.to_owned().into())));
    }
    members.deviate(Deviation::PlainContent, at)?;
    Ok(Some(Content::from_value(&text.into())))
}
