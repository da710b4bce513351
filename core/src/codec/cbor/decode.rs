//! The members of a primitive in CBOR as typed parameters.
//!
//! Covers: TS-0004 8.5.1. The types and what is let pass are those of JSON.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use ciborium_ll::Header;

use super::super::found::{Found, Span, duplicate};
use super::super::item::Item;
use super::super::members::{LIST, Members, bad, response_type_of, single_text};
use super::super::parameter::{Parameter, Parameters};
use super::super::{DecodeError, DecodeOptions, Decoded, Deviation, json};
use super::envelope::Envelope;
use super::item::rewrite;
use crate::primitive::{Content, Format, ResponseTypeInfo};

/// Reads one primitive.
pub(in super::super) fn decode(input: &Bytes, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Found::check_size(input.len())?;
    let mut envelope = Envelope::new(input, options);
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
        self.short_text(parameter).map(Cow::Borrowed)
    }

    #[inline]
    fn plain_number(&self, parameter: Parameter) -> Option<u64> {
        self.short_number(parameter)
    }

    #[inline]
    fn item(&mut self, parameter: Parameter) -> Result<Option<Item<'a>>, DecodeError> {
        if !self.found.has(parameter) {
            return Ok(None);
        }
        match self.value(self.found.span(parameter))? {
            Item::Null => self.found.note(Deviation::NullParameter, self.position(parameter)).map(|()| None),
            item => Ok(Some(item)),
        }
    }

    fn list(&mut self, parameter: Parameter) -> Result<Option<Vec<String>>, DecodeError> {
        match self.item(parameter)? {
            Some(item) => self.list_of(item, self.found.span(parameter), parameter).map(Some),
            None => Ok(None),
        }
    }

    fn response_type(&mut self) -> Result<Option<ResponseTypeInfo>, DecodeError> {
        let Some(item) = self.item(Parameter::Rt)? else { return Ok(None) };
        let at = self.position(Parameter::Rt);
        let Item::Object(_) = item else {
            self.found.note(Deviation::BareResponseType, at)?;
            return response_type_of(self, Some(item), None);
        };
        let mut scanner = self.scanner_at(at);
        let (mut value, mut uris) = (None, None);
        let Header::Map(length) = scanner.head()? else { return Err(scanner.no_value()) };
        let mut left = scanner.enter(length, 1)?;
        while scanner.more(&mut left) {
            let start = scanner.position();
            let name = scanner.name()?;
            let span = Span::new(scanner.position(), scanner.position());
            scanner.skip(2)?;
            let is_duplicate = match name.as_ref() {
                "rtv" => value.replace(self.value(span)?).is_some(),
                "nu" => uris.replace(self.list_of(self.value(span)?, span, Parameter::Rt)?).is_some(),
                _ => {
                    self.found.note(Deviation::ResponseTypeMember, start)?;
                    false
                }
            };
            if is_duplicate {
                return Err(duplicate(name, start));
            }
        }
        response_type_of(self, value, uris)
    }

    fn structure(&mut self, parameter: Parameter) -> Result<Option<Content>, DecodeError> {
        if !self.found.has(parameter) {
            return Ok(None);
        }
        let span = self.found.span(parameter);
        if self.is_map(span) {
            return self.slice(span, self.irregular & parameter.bit() != 0).map(Some);
        }
        match self.item(parameter)? {
            None => Ok(None),
            Some(Item::Text(text)) if text.is_empty() => {
                self.found.note(Deviation::EmptyContent, span.start as usize).map(|()| None)
            }
            Some(_) => Err(bad(parameter, "an object", span.start as usize)),
        }
    }

    #[inline]
    fn content(&mut self) -> Result<Option<Content>, DecodeError> {
        if !self.found.has(Parameter::Pc) {
            return Ok(None);
        }
        let span = self.found.span(Parameter::Pc);
        if self.content_members == 1 && self.is_map(span) {
            return self.slice(span, self.irregular & Parameter::Pc.bit() != 0).map(Some);
        }
        self.unusual_content(span)
    }

    fn take_unknown(&mut self, own: Parameters) -> Result<Vec<(String, Content)>, DecodeError> {
        for parameter in Parameter::in_set(self.found.seen & !own) {
            // Nobody has looked at those.
            self.scanner_at(self.position(parameter)).skip(1)?;
        }
        let irregular = self.unknown_irregular || self.irregular & !own != 0;
        let unknown = self.found.take_unknown(own).into_iter();
        unknown.map(|(name, span)| Ok((name, self.slice(span, irregular)?))).collect()
    }
}

impl<'a> Envelope<'a> {
    /// The texts of the list `item` that stands at a place, or a text in place of it.
    fn list_of(&mut self, item: Item<'a>, span: Span, parameter: Parameter) -> Result<Vec<String>, DecodeError> {
        let at = span.start as usize;
        match item {
            Item::List(_) => {}
            Item::Text(text) => return single_text(self, &text, at),
            _ => return Err(bad(parameter, LIST, at)),
        }
        let mut scanner = self.scanner_at(at);
        // The number is known and the items are there, so that nothing more is claimed than they take.
        let mut list = Vec::with_capacity(scanner.clone().skip(1)?);
        let Header::Array(length) = scanner.head()? else { return Err(scanner.no_value()) };
        let mut left = scanner.enter(length, 1)?;
        while scanner.more(&mut left) {
            let header = scanner.head()?;
            let text = scanner.text(header)?.ok_or_else(|| bad(parameter, LIST, at))?;
            list.push(text.into_owned());
        }
        Ok(list)
    }

    #[inline]
    fn is_map(&self, span: Span) -> bool {
        self.input.get(span.start as usize).is_some_and(|byte| byte >> 5 == 5)
    }

    /// The value as bytes of the input; as other bytes, if it is to be written in another way.
    #[inline]
    fn slice(&self, span: Span, irregular: bool) -> Result<Content, DecodeError> {
        if irregular {
            return self.rewritten(span);
        }
        Ok(Content::from_encoded(Format::Cbor, self.input.slice(span.range())))
    }

    #[cold]
    fn rewritten(&self, span: Span) -> Result<Content, DecodeError> {
        let mut out = BytesMut::with_capacity(span.range().len());
        let mut scanner = self.scanner_at(span.start as usize);
        rewrite(&mut scanner, 1, &mut out)?;
        Ok(Content::from_encoded(Format::Cbor, out.freeze()))
    }

    #[cold]
    fn unusual_content(&mut self, span: Span) -> Result<Option<Content>, DecodeError> {
        let at = span.start as usize;
        if self.is_map(span) {
            return if self.content_members == 0 {
                self.found.note(Deviation::EmptyContent, at).map(|()| None)
            } else {
                self.found.note(Deviation::ContentMembers, at)?;
                self.slice(span, self.irregular & Parameter::Pc.bit() != 0).map(Some)
            };
        }
        match self.item(Parameter::Pc)? {
            Some(Item::Text(text)) => json::text_content(self, &text, at),
            Some(_) => Err(bad(Parameter::Pc, "an object", at)),
            None => Ok(None),
        }
    }
}
