//! The members of a primitive in CBOR as typed parameters.
//!
//! Covers: TS-0004 8.5.1. The types and what is let pass are those of JSON.

use bytes::{Bytes, BytesMut};

use super::super::found::{Found, Span};
use super::super::item::Item;
use super::super::members::{
    Members, bad, unusual_identifier, unusual_integer, unusual_release_version, unusual_string,
};
use super::super::parameter::{Parameter, Parameters};
use super::super::{DecodeError, DecodeOptions, Decoded, Deviation, Deviations, json};
use super::envelope::Envelope;
use super::item::write;
use super::scanner::expected;
use crate::primitive::{Content, Format, ReleaseVersion, release_version};

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
    fn seen(&self) -> Parameters {
        self.found.seen
    }

    #[inline]
    fn has_unknown(&self) -> bool {
        !self.found.unknown.is_empty()
    }

    #[inline]
    fn deviations(&self) -> Deviations {
        self.found.deviations
    }

    fn deviate(&mut self, deviation: Deviation, at: usize) -> Result<(), DecodeError> {
        self.found.note(deviation, at)
    }

    fn position(&self, parameter: Parameter) -> usize {
        self.found.span(parameter).start as usize
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

    #[inline]
    fn integer(&mut self, parameter: Parameter) -> Result<Option<i128>, DecodeError> {
        match self.plain_number(parameter) {
            Some(number) if self.found.has(parameter) => Ok(Some(number.into())),
            _ => unusual_integer(self, parameter),
        }
    }

    #[inline]
    fn string(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        match self.plain_text(parameter) {
            Some(text) => Ok(Some(text.to_owned())),
            None => unusual_string(self, parameter),
        }
    }

    #[inline]
    fn identifier(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        match self.plain_text(parameter) {
            Some(text) => Ok(Some(text.to_owned())),
            None => unusual_identifier(self, parameter),
        }
    }

    #[inline]
    fn release_version(&mut self) -> Result<Option<ReleaseVersion>, DecodeError> {
        match self.plain_text(Parameter::Rvi) {
            Some(text) => Ok(Some(release_version(text))),
            None => unusual_release_version(self),
        }
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
            self.value(self.found.span(parameter))?;
        }
        let irregular = self.unknown_irregular || self.irregular & !own != 0;
        let unknown = self.found.take_unknown(own).into_iter();
        unknown.map(|(name, span)| Ok((name, self.slice(span, irregular)?))).collect()
    }
}

impl Envelope<'_> {
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
        // What CBOR cannot carry are integers larger than those that were just read.
        write(&self.value(span)?, &mut out).map_err(|_| expected("a value in range", span.start as usize))?;
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
