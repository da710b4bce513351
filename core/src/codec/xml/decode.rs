//! The second half of decoding: the parameters of a primitive as typed values.
//!
//! Covers: TS-0004 6.4, 8.3.1. Every value is text, so that reading a number from text is no deviation here. Content stays the
//! bytes of its element; if those would not mean the same in another document, or do not follow the specification, it is
//! read at once and kept as the JSON data model.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::super::found::{Found, Span, utf8};
use super::super::item::Item;
use super::super::json;
use super::super::members::{Members, bad, few_digits};
use super::super::parameter::{Parameter, Parameters};
use super::super::{DecodeError, DecodeErrorKind, DecodeOptions, Decoded, Deviation};
use super::chars::{is_blank, is_collapsed, line_ends, words};
use super::envelope::Envelope;
use super::read::read_text;
use super::value;
use crate::primitive::{Content, Format, ResponseTypeInfo, XmlPlace};

/// The parameters in whose text white space counts.
const TEXTS: Parameters = Parameter::Gid.bit() | Parameter::Rvi.bit() | Parameter::Vsi.bit() | Parameter::Ma.bit();

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
    let mut parameters = Typed { envelope: Envelope::new(text, options), kept };
    let mut result = parameters.envelope.read().and_then(|()| parameters.primitive());
    if let Err(error) = &mut result {
        parameters.envelope.describe(error);
    }
    result
}

struct Typed<'a> {
    envelope: Envelope<'a>,
    /// The document, if it is kept: then what is taken out of it shares its bytes.
    kept: Option<&'a Bytes>,
}

impl<'a> Members<'a> for Typed<'a> {
    #[inline]
    fn found(&self) -> &Found<'a> {
        &self.envelope.found
    }

    #[inline]
    fn found_mut(&mut self) -> &mut Found<'a> {
        &mut self.envelope.found
    }

    /// The text of a parameter, if it is written without references and there is some.
    #[inline]
    fn plain_text(&self, parameter: Parameter) -> Option<Cow<'a, str>> {
        let text = self.envelope.plain(parameter).filter(|text| !text.is_empty())?;
        if TEXTS & parameter.bit() != 0 {
            return Some(line_ends(text));
        }
        is_collapsed(text).then_some(Cow::Borrowed(text))
    }

    #[inline]
    fn plain_number(&self, parameter: Parameter) -> Option<u64> {
        self.envelope.plain(parameter).and_then(few_digits)
    }

    #[cold]
    fn item(&mut self, parameter: Parameter) -> Result<Option<Item<'a>>, DecodeError> {
        if !self.envelope.found.has(parameter) {
            return Ok(None);
        }
        let span = self.envelope.found.span(parameter);
        let item = self.item_at(parameter, span)?;
        if item == Item::Null {
            return self.deviate(Deviation::NullParameter, span.start as usize).map(|()| None);
        }
        Ok(Some(item))
    }

    fn list(&mut self, parameter: Parameter) -> Result<Option<Vec<String>>, DecodeError> {
        if !self.envelope.found.has(parameter) {
            return Ok(None);
        }
        let mut list = match self.envelope.plain(parameter).filter(|text| !is_blank(text)) {
            Some(text) => {
                let mut list = Vec::with_capacity(words(text).count());
                list.extend(words(text).map(str::to_owned));
                Some(list)
            }
            None => match self.item(parameter)? {
                Some(item) => Some(texts_of(item).ok_or_else(|| bad(parameter, "a list", self.position(parameter)))?),
                None => None,
            },
        };
        for i in 0..self.envelope.repeated.len() {
            let (_, span) = match self.envelope.repeated[i] {
                repeated if repeated.0 == parameter => repeated,
                _ => continue,
            };
            let more = self.item_at(parameter, span)?;
            let more = texts_of(more).ok_or_else(|| bad(parameter, "a list", span.start as usize))?;
            list.get_or_insert_default().extend(more);
        }
        Ok(list)
    }

    fn response_type(&mut self) -> Result<Option<ResponseTypeInfo>, DecodeError> {
        let (parameter, at) = (Parameter::Rt, self.position(Parameter::Rt));
        if let Some(text) = self.envelope.plain(parameter)
            && let Some(number) = value::integer(text)
        {
            self.deviate(Deviation::BareResponseType, at)?;
            let value = u16::try_from(number).map_err(|_| bad(parameter, "in range", at))?;
            return Ok(Some(ResponseTypeInfo { value: value.into(), notification_uris: None }));
        }
        let (mut value, mut notification_uris) = (None, None);
        let Some(item) = self.item(parameter)? else { return Ok(None) };
        let Item::Object(members) = item else { return Err(bad(parameter, "rtv and nu", at)) };
        for (name, item) in members {
            match (name.as_ref(), item) {
                ("rtv", Item::Integer(number)) => {
                    value = Some(u16::try_from(number).map_err(|_| bad(parameter, "in range", at))?);
                }
                ("nu", item @ Item::List(_)) => notification_uris = texts_of(item),
                _ => self.deviate(Deviation::ResponseTypeMember, at)?,
            }
        }
        let value = value.ok_or_else(|| bad(parameter, "rtv and nu", at))?;
        Ok(Some(ResponseTypeInfo { value: value.into(), notification_uris }))
    }

    #[inline]
    fn structure(&mut self, parameter: Parameter) -> Result<Option<Content>, DecodeError> {
        if !self.envelope.found.has(parameter) {
            return Ok(None);
        }
        let at = self.position(parameter);
        if self.envelope.is_empty(parameter) {
            return self.deviate(Deviation::NullParameter, at).map(|()| None);
        }
        if self.envelope.structured & parameter.bit() == 0 {
            return Err(bad(parameter, "elements", at));
        }
        let depends = self.envelope.depends(parameter);
        self.kept_or_read(self.envelope.found.span(parameter), depends).map(Some)
    }

    #[inline]
    fn content(&mut self) -> Result<Option<Content>, DecodeError> {
        if !self.envelope.found.has(Parameter::Pc) {
            return Ok(None);
        }
        if self.envelope.contents == 1 && !self.envelope.depends(Parameter::Pc) {
            return Ok(Some(self.slice(self.envelope.content, false)));
        }
        self.unusual_content()
    }

    fn take_unknown(&mut self, own: Parameters) -> Result<Vec<(String, Content)>, DecodeError> {
        let members = self.envelope.found.take_unknown(own).into_iter();
        members
            .map(|(name, span)| {
                let content = self.kept_or_read(span, self.envelope.depends_by_name(&name))?;
                Ok((name, content))
            })
            .collect()
    }
}

impl<'a> Typed<'a> {
    fn item_at(&self, parameter: Parameter, span: Span) -> Result<Item<'a>, DecodeError> {
        let named = |error: DecodeError| match error.kind() {
            DecodeErrorKind::BadMember { path, expected } if path == parameter.name() => {
                bad(parameter, expected, error.offset())
            }
            _ => error,
        };
        self.envelope.member(span).map(|(_, item)| item).map_err(named)
    }

    /// An element as it came, or, if it depends on where it stands, its value.
    fn kept_or_read(&self, span: Span, depends: bool) -> Result<Content, DecodeError> {
        if depends { as_json(&self.envelope.member(span)?.1, span) } else { Ok(self.slice(span, true)) }
    }

    /// The bytes of an element, or a copy of them.
    fn slice(&self, span: Span, is_parameter: bool) -> Content {
        let bytes = match self.kept {
            Some(kept) => kept.slice(span.range()),
            None => Bytes::copy_from_slice(self.envelope.element(span).as_bytes()),
        };
        Content::from_xml(bytes, XmlPlace { in_response: self.envelope.in_response, is_parameter })
    }

    #[cold]
    fn unusual_content(&mut self) -> Result<Option<Content>, DecodeError> {
        let (parameter, span) = (Parameter::Pc, self.envelope.found.span(Parameter::Pc));
        let at = span.start as usize;
        if self.envelope.contents == 0 {
            let (text, scope) = (self.envelope.element(span), self.envelope.scope.clone());
            let text =
                read_text(text, scope, self.envelope.found.options.max_depth).map_err(|error| error.moved(at))?;
            return json::text_content(self, if is_blank(&text) { "" } else { &text }, at);
        }
        if self.envelope.contents > 1 {
            self.deviate(Deviation::ContentMembers, at)?;
        }
        let value = self.item_at(parameter, span)?;
        as_json(&value, span).map(Some)
    }
}

/// A value that is kept as JSON.
fn as_json(value: &Item<'_>, span: Span) -> Result<Content, DecodeError> {
    let mut json = BytesMut::new();
    match json::write(value, &mut json) {
        Ok(()) => Ok(Content::from_encoded(Format::Json, json.freeze())),
        Err(_) => Err(super::source::syntax("a number that is finite", span.start as usize)),
    }
}

fn text_of(item: Item<'_>) -> Option<String> {
    match item {
        Item::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn texts_of(item: Item<'_>) -> Option<Vec<String>> {
    match item {
        Item::List(items) => items.into_iter().map(text_of).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::parameter::{OF_REQUEST, OF_RESPONSE};
    use super::super::super::schema::{Atom, Form, Type};
    use super::super::envelope::LISTS;
    use super::*;

    #[test]
    fn the_parameters_that_are_texts_and_lists_are_those_of_the_schema() {
        for (own, all) in [(Type::REQUEST, OF_REQUEST), (Type::RESPONSE, OF_RESPONSE)] {
            for parameter in Parameter::in_set(all) {
                let form = own.member(parameter.name()).unwrap().form;
                let in_set = |set: Parameters| set & parameter.bit() != 0;
                assert_eq!(form == Form::Atom(Atom::Text), in_set(TEXTS), "{parameter:?} {form:?}");
                assert_eq!(matches!(form, Form::List(_)), in_set(LISTS), "{parameter:?} {form:?}");
            }
        }
    }
}
