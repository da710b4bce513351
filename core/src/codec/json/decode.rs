//! The second half of decoding: the members of a primitive as typed parameters.
//!
//! Covers: TS-0004 6.4, 8.4.2 (which JSON type a parameter has), and the deviations of deployed peers, each noted.
//! Numbers that do not fit are refused, never cut.

use std::borrow::Cow;

use bytes::Bytes;

use super::super::parameter::{OF_REQUEST, OF_RESPONSE, Parameter, Parameters};
use super::super::{DecodeError, DecodeErrorKind, DecodeOptions, Decoded, Deviation, Primitive};
use super::envelope::{Envelope, Span};
use super::scanner::{Scanner, find_special, unescape};
use crate::primitive::{
    AbsRelTimestamp, Additional, Content, ContentStatus, EventCategory, Format, IdResultType, Operation,
    ReleaseVersion, Request, ResourceType, Response, ResponseAdditional, ResponseTypeInfo, ResultContent, StatusCode,
    release_version,
};

/// What nearly every request has.
const OF_EVERY_REQUEST: Parameters = Parameter::Op.bit()
    | Parameter::To.bit()
    | Parameter::Fr.bit()
    | Parameter::Rqi.bit()
    | Parameter::Ty.bit()
    | Parameter::Pc.bit()
    | Parameter::Rvi.bit();

/// The parameters that have a field in [`Request`]; the others are in the box of rare ones.
const REQUEST_FIELDS: Parameters = OF_EVERY_REQUEST
    | Parameter::Ot.bit()
    | Parameter::Rqet.bit()
    | Parameter::Rset.bit()
    | Parameter::Rt.bit()
    | Parameter::Rcn.bit()
    | Parameter::Ec.bit()
    | Parameter::Fc.bit()
    | Parameter::Drt.bit();

/// What nearly every response has.
const OF_EVERY_RESPONSE: Parameters =
    Parameter::Rsc.bit() | Parameter::Rqi.bit() | Parameter::Pc.bit() | Parameter::Rvi.bit();

/// The parameters that have a field in [`Response`].
const RESPONSE_FIELDS: Parameters =
    OF_EVERY_RESPONSE | Parameter::To.bit() | Parameter::Fr.bit() | Parameter::Ot.bit() | Parameter::Rset.bit();

/// Reads one primitive.
pub(in super::super) fn decode(input: &Bytes, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    let text = match simdutf8::basic::from_utf8(input) {
        Ok(text) => text,
        Err(_) => {
            let at = std::str::from_utf8(input).map_or_else(|error| error.valid_up_to(), str::len);
            return Err(DecodeError::at(DecodeErrorKind::NotUtf8, at));
        }
    };
    decode_kept(text, Some(input), options)
}

/// Reads one primitive of which nothing else is kept.
pub(in super::super) fn decode_text(text: &str, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    decode_kept(text, None, options)
}

fn decode_kept(text: &str, kept: Option<&Bytes>, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    if u32::try_from(text.len()).is_err() {
        return Err(DecodeError::at(DecodeErrorKind::TooLarge, 0));
    }
    let mut envelope = Envelope::new(text, kept, options);
    let mut result = read(&mut envelope);
    if let Err(error) = &mut result {
        envelope.describe(error);
    }
    result
}

fn read(envelope: &mut Envelope<'_>) -> Result<Decoded, DecodeError> {
    envelope.read()?;
    if envelope.has(Parameter::Rsc) { envelope.response() } else { envelope.request() }
}

fn bad(parameter: Parameter, expected: &'static str, span: Span) -> DecodeError {
    DecodeError::at(DecodeErrorKind::BadValue { member: parameter.name(), expected }, span.start as usize)
}

impl<'a> Envelope<'a> {
    fn request(&mut self) -> Result<Decoded, DecodeError> {
        let Some(operation) = self.integer(Parameter::Op)? else {
            return Err(DecodeError::at(DecodeErrorKind::Missing("op"), 0));
        };
        let operation = Operation::from_code(operation)
            .ok_or_else(|| bad(Parameter::Op, "an operation (1 to 5)", self.span(Parameter::Op)))?;
        // A request that nobody can be answered for is worth nothing to its sender.
        let request_id = self.identifier(Parameter::Rqi)?.filter(|rqi| !rqi.is_empty());
        let request_id = request_id.ok_or_else(|| DecodeError::at(DecodeErrorKind::Missing("rqi"), 0))?;
        let to = self.string(Parameter::To)?.ok_or_else(|| DecodeError::at(DecodeErrorKind::Missing("to"), 0))?;
        let from = self.string(Parameter::Fr)?;
        if from.is_none() && operation != Operation::Create {
            self.deviate(Deviation::MissingFrom, 0)?;
        }
        let mut request = Box::new(Request {
            from,
            request_id,
            resource_type: self.unsigned(Parameter::Ty)?.map(ResourceType),
            content: self.content()?,
            release_version: self.release_version()?,
            ..Request::new(operation, to)
        });
        if self.seen & !OF_EVERY_REQUEST != 0 || !self.unknown.is_empty() {
            self.rest_of_request(&mut request)?;
        }
        Ok(Decoded { primitive: Primitive::Request(request), deviations: self.deviations })
    }

    /// What many requests do not have.
    #[inline(never)]
    fn rest_of_request(&mut self, request: &mut Request) -> Result<(), DecodeError> {
        request.originating_timestamp = self.string(Parameter::Ot)?;
        request.request_expiration = self.time(Parameter::Rqet)?;
        request.result_expiration = self.time(Parameter::Rset)?;
        request.response_type = self.response_type()?;
        request.result_content = self.unsigned(Parameter::Rcn)?.map(ResultContent);
        request.event_category = self.unsigned(Parameter::Ec)?.map(EventCategory);
        request.filter_criteria = self.structure(Parameter::Fc)?;
        request.id_result_type = self.unsigned(Parameter::Drt)?.map(IdResultType);
        if self.seen & !REQUEST_FIELDS != 0 || !self.unknown.is_empty() {
            let additional = self.request_additional()?;
            request.additional = (additional != Additional::default()).then(|| Box::new(additional));
        }
        Ok(())
    }

    fn response(&mut self) -> Result<Decoded, DecodeError> {
        let Some(status) = self.unsigned(Parameter::Rsc)? else {
            return Err(DecodeError::at(DecodeErrorKind::Missing("rsc"), 0));
        };
        if self.has(Parameter::Op) {
            self.deviate(Deviation::OperationInResponse, self.span(Parameter::Op).start as usize)?;
            self.seen &= !Parameter::Op.bit();
        }
        // The session correlates it by other means, if it can.
        let request_id = self.identifier(Parameter::Rqi)?.unwrap_or_default();
        if request_id.is_empty() {
            self.deviate(Deviation::MissingRequestId, 0)?;
        }
        let mut response = Response {
            request_id,
            content: self.content()?,
            release_version: self.release_version()?,
            ..Response::new(StatusCode(status))
        };
        if self.seen & !OF_EVERY_RESPONSE != 0 || !self.unknown.is_empty() {
            self.rest_of_response(&mut response)?;
        }
        Ok(Decoded { primitive: Primitive::Response(response), deviations: self.deviations })
    }

    /// What many responses do not have.
    #[inline(never)]
    fn rest_of_response(&mut self, response: &mut Response) -> Result<(), DecodeError> {
        response.to = self.string(Parameter::To)?;
        response.from = self.string(Parameter::Fr)?;
        response.originating_timestamp = self.string(Parameter::Ot)?;
        response.result_expiration = self.time(Parameter::Rset)?;
        if self.seen & !RESPONSE_FIELDS != 0 || !self.unknown.is_empty() {
            let additional = self.response_additional()?;
            response.additional = (additional != ResponseAdditional::default()).then(|| Box::new(additional));
        }
        Ok(())
    }

    #[cold]
    fn request_additional(&mut self) -> Result<Additional, DecodeError> {
        Ok(Additional {
            role_ids: self.list(Parameter::Rids)?,
            operation_execution_time: self.time(Parameter::Oet)?,
            result_persistence: self.time(Parameter::Rp)?,
            delivery_aggregation: self.boolean(Parameter::Da)?,
            group_request_id: self.string(Parameter::Gid)?,
            tokens: self.list(Parameter::Tkns)?,
            token_ids: self.list(Parameter::Tids)?,
            local_token_ids: self.list(Parameter::Ltids)?,
            token_request_indicator: self.boolean(Parameter::Tqi)?,
            group_request_target_members: self.list(Parameter::Grtm)?,
            authorization_signature_indicator: self.boolean(Parameter::Asi)?,
            authorization_signatures: self.list(Parameter::Aus)?,
            authorization_relationship_indicator: self.boolean(Parameter::Auri)?,
            semantic_query_indicator: self.boolean(Parameter::Sqi)?,
            vendor_information: self.string(Parameter::Vsi)?,
            ontology_mapping_resources: self.list(Parameter::Omr)?,
            group_somecast_target_number: self.unsigned(Parameter::Gstn)?,
            service_user: self.string(Parameter::Msu)?,
            maximum_age: self.string(Parameter::Ma)?,
            unknown: self.take_unknown(OF_REQUEST),
        })
    }

    #[cold]
    fn response_additional(&mut self) -> Result<ResponseAdditional, DecodeError> {
        Ok(ResponseAdditional {
            event_category: self.unsigned(Parameter::Ec)?.map(EventCategory),
            content_status: self.unsigned(Parameter::Cnst)?.map(ContentStatus),
            content_offset: self.unsigned(Parameter::Cnot)?,
            assigned_token_ids: self.structure(Parameter::Ati)?,
            token_request_information: self.structure(Parameter::Tqf)?,
            authorization_signature_request: self.boolean(Parameter::Asri)?,
            vendor_information: self.string(Parameter::Vsi)?,
            service_user: self.string(Parameter::Msu)?,
            unknown: self.take_unknown(OF_RESPONSE),
        })
    }

    /// Members that are no parameters of this kind of primitive, and parameters of the other kind.
    fn take_unknown(&mut self, own: Parameters) -> Vec<(String, Content)> {
        let foreign = Parameter::in_set(self.seen & !own).map(|p| (Cow::Borrowed(p.name()), self.span(p)));
        let foreign: Vec<_> = foreign.collect();
        std::mem::take(&mut self.unknown)
            .into_iter()
            .chain(foreign)
            .map(|(name, span)| (name.into_owned(), self.slice(span)))
            .collect()
    }

    /// The value as bytes of the input, or a copy of them.
    fn slice(&self, span: Span) -> Content {
        let bytes = match self.kept {
            Some(kept) => kept.slice(span.start as usize..span.end as usize),
            None => Bytes::copy_from_slice(self.token(span).as_bytes()),
        };
        Content::from_encoded(Format::Json, bytes)
    }

    /// The value of a parameter, unless it is absent or null.
    #[inline]
    fn get(&mut self, parameter: Parameter) -> Result<Option<(Span, &'a str)>, DecodeError> {
        if !self.has(parameter) {
            return Ok(None);
        }
        let span = self.span(parameter);
        let token = self.token(span);
        if token == "null" {
            self.deviate(Deviation::NullParameter, span.start as usize)?;
            return Ok(None);
        }
        Ok(Some((span, token)))
    }

    #[inline]
    fn string(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        if let Some(text) = self.text_of(parameter) {
            return Ok(Some(text.into_owned()));
        }
        let Some((span, _)) = self.get(parameter)? else { return Ok(None) };
        Err(bad(parameter, "a string", span))
    }

    /// A string that some peers write as a number.
    #[inline]
    fn identifier(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        if let Some(text) = self.text_of(parameter) {
            return Ok(Some(text.into_owned()));
        }
        self.number_text(parameter).map(|number| number.map(str::to_owned))
    }

    /// A release of the standard, mostly one of few.
    fn release_version(&mut self) -> Result<Option<ReleaseVersion>, DecodeError> {
        if let Some(text) = self.text_of(Parameter::Rvi) {
            return Ok(Some(release_version(&text)));
        }
        match self.number_text(Parameter::Rvi)? {
            Some(number) => Ok(Some(release_version(number))),
            None => self.deviate(Deviation::MissingReleaseVersion, 0).map(|()| None),
        }
    }

    /// A number in place of a string.
    #[cold]
    fn number_text(&mut self, parameter: Parameter) -> Result<Option<&'a str>, DecodeError> {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        if !is_number(token) {
            return Err(bad(parameter, "a string", span));
        }
        self.deviate(Deviation::NumberText, span.start as usize)?;
        Ok(Some(token))
    }

    /// A time. The standard does not say whether milliseconds are a string or a number in JSON, so neither deviates.
    #[inline]
    fn time(&mut self, parameter: Parameter) -> Result<Option<AbsRelTimestamp>, DecodeError> {
        if let Some(text) = self.text_of(parameter) {
            return Ok(Some(AbsRelTimestamp::from_text(text.into_owned())));
        }
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        match self.integer_of(token, span, parameter)? {
            Some(milliseconds) => Ok(Some(AbsRelTimestamp::from_text(milliseconds.to_string()))),
            None => Err(bad(parameter, "a time", span)),
        }
    }

    /// A number as `i64`, in any of the spellings that are let pass.
    #[inline]
    fn integer(&mut self, parameter: Parameter) -> Result<Option<i64>, DecodeError> {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        match self.integer_of(token, span, parameter)? {
            Some(number) => i64::try_from(number).map(Some).map_err(|_| bad(parameter, "in range", span)),
            None => Err(bad(parameter, "an integer", span)),
        }
    }

    /// A number that is not negative and fits into `N`.
    #[inline]
    fn unsigned<N>(&mut self, parameter: Parameter) -> Result<Option<N>, DecodeError>
    where
        N: TryFrom<u64> + TryFrom<i128>,
    {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        if let Some(number) = plain_integer(token) {
            return N::try_from(number).map(Some).map_err(|_| bad(parameter, "in range", span));
        }
        match self.integer_of(token, span, parameter)? {
            Some(number) => N::try_from(number).map(Some).map_err(|_| bad(parameter, "in range", span)),
            None => Err(bad(parameter, "an integer", span)),
        }
    }

    /// The integer that a value is, however it is written; `None` if it is none.
    #[inline]
    fn integer_of(&mut self, token: &str, span: Span, parameter: Parameter) -> Result<Option<i128>, DecodeError> {
        if let Some(number) = plain_integer(token) {
            return Ok(Some(number.into()));
        }
        self.unusual_integer(token, span, parameter)
    }

    #[cold]
    fn unusual_integer(&mut self, token: &str, span: Span, parameter: Parameter) -> Result<Option<i128>, DecodeError> {
        let at = span.start as usize;
        let mut number = Cow::Borrowed(token);
        if let Some(text) = string_of(token) {
            self.deviate(Deviation::TextInteger, at)?;
            number = Cow::Owned(text.trim().to_owned());
        }
        let unsigned = number.strip_prefix(['-', '+']).unwrap_or(&number);
        if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            // What does not fit into `i128` is an integer all the same, and in no one's range.
            return number.parse().map(Some).map_err(|_| bad(parameter, "in range", span));
        }
        if token.starts_with('"') || !is_number(token) {
            return Ok(None);
        }
        // Up to 2^53 a float is exact; beyond it, nobody can tell which integer was meant.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match token.parse::<f64>() {
            Ok(float) if float.fract() == 0.0 && float.abs() <= EXACT => {
                self.deviate(Deviation::FloatInteger, at)?;
                Ok(Some(float as i128))
            }
            _ => Ok(None),
        }
    }

    fn boolean(&mut self, parameter: Parameter) -> Result<Option<bool>, DecodeError> {
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        let (value, deviation) = match token {
            "true" => return Ok(Some(true)),
            "false" => return Ok(Some(false)),
            "1" => (true, Deviation::NumberBoolean),
            "0" => (false, Deviation::NumberBoolean),
            r#""true""# | r#""1""# => (true, Deviation::TextBoolean),
            r#""false""# | r#""0""# => (false, Deviation::TextBoolean),
            _ => return Err(bad(parameter, "a boolean", span)),
        };
        self.deviate(deviation, span.start as usize)?;
        Ok(Some(value))
    }

    fn list(&mut self, parameter: Parameter) -> Result<Option<Vec<String>>, DecodeError> {
        let Some((span, _)) = self.get(parameter)? else { return Ok(None) };
        self.list_at(span, parameter).map(Some)
    }

    /// A list of strings, or a string in place of it.
    fn list_at(&mut self, span: Span, parameter: Parameter) -> Result<Vec<String>, DecodeError> {
        let token = self.token(span);
        if let Some(text) = string_of(token) {
            self.deviate(Deviation::SingleForList, span.start as usize)?;
            return Ok(if text.is_empty() { Vec::new() } else { vec![text.into_owned()] });
        }
        let mut scanner = Scanner::new(token.as_bytes(), self.options.max_depth);
        let mut list = Vec::new();
        if !scanner.take_if(b'[') {
            return Err(bad(parameter, "a list of strings", span));
        }
        if scanner.take_if(b']') {
            return Ok(list);
        }
        loop {
            if scanner.peek() != b'"' {
                return Err(bad(parameter, "a list of strings", span));
            }
            let start = scanner.position() + 1;
            let escaped = scanner.string()?;
            let text = &token[start..scanner.position() - 1];
            list.push(if escaped { unescape(text) } else { text.to_owned() });
            if !scanner.take_if(b',') {
                return Ok(list);
            }
        }
    }

    fn response_type(&mut self) -> Result<Option<ResponseTypeInfo>, DecodeError> {
        const EXPECTED: &str = "an object with rtv and nu";
        let parameter = Parameter::Rt;
        let Some((span, token)) = self.get(parameter)? else { return Ok(None) };
        let value_of = |envelope: &mut Self, token: &str, span| match envelope.integer_of(token, span, parameter)? {
            Some(number) => u16::try_from(number).map_err(|_| bad(parameter, "in range", span)),
            None => Err(bad(parameter, EXPECTED, span)),
        };
        if !token.starts_with('{') {
            let value = value_of(self, token, span)?.into();
            self.deviate(Deviation::BareResponseType, span.start as usize)?;
            return Ok(Some(ResponseTypeInfo { value, notification_uris: None }));
        }
        let (mut value, mut notification_uris) = (None, None);
        let mut scanner = Scanner::new(token.as_bytes(), self.options.max_depth);
        scanner.take(b'{', EXPECTED)?;
        let mut more = !scanner.take_if(b'}');
        while more {
            let name = scanner.name()?;
            let name_text = unescape(&token[name.start..name.end]);
            scanner.peek();
            let start = scanner.position();
            scanner.value(1)?;
            let member = Span { start: span.start + start as u32, end: span.start + scanner.position() as u32 };
            let duplicate = match name_text.as_str() {
                "rtv" => value.replace(value_of(self, self.token(member), member)?).is_some(),
                "nu" => notification_uris.replace(self.list_at(member, parameter)?).is_some(),
                _ => {
                    self.deviate(Deviation::ResponseTypeMember, member.start as usize)?;
                    false
                }
            };
            if duplicate {
                return Err(DecodeError::at(DecodeErrorKind::DuplicateMember(name_text), member.start as usize));
            }
            more = scanner.take_if(b',');
        }
        match value {
            Some(value) => Ok(Some(ResponseTypeInfo { value: value.into(), notification_uris })),
            None => Err(bad(parameter, EXPECTED, span)),
        }
    }

    /// A parameter that is an object and stays as it is.
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
        Err(bad(parameter, "an object", span))
    }

    /// `pc`, which peers write in more ways than any other parameter.
    #[inline]
    fn content(&mut self) -> Result<Option<Content>, DecodeError> {
        let Some((span, token)) = self.get(Parameter::Pc)? else { return Ok(None) };
        if token.starts_with('{') && self.content_members == 1 {
            return Ok(Some(self.slice(span)));
        }
        self.unusual_content(span, token)
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
        let Some(text) = string_of(token) else {
            return Err(bad(Parameter::Pc, "an object", span));
        };
        if text.is_empty() {
            return self.deviate(Deviation::EmptyContent, at).map(|()| None);
        }
        let mut scanner = Scanner::new(text.as_bytes(), self.options.max_depth);
        let is_object = scanner.peek() == b'{';
        if is_object && scanner.value(1).is_ok() && scanner.at_end() {
            self.deviate(Deviation::TextContent, at)?;
            return Ok(Some(Content::from_encoded(Format::Json, text.into_owned().into())));
        }
        self.deviate(Deviation::PlainContent, at).map(|()| Some(self.slice(span)))
    }
}

/// A number as most are written: few digits.
#[inline]
fn plain_integer(token: &str) -> Option<u64> {
    if token.len() > 19 {
        return None;
    }
    token.bytes().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + u64::from(byte - b'0')),
        _ => None,
    })
}

fn is_number(token: &str) -> bool {
    token.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The text of a value that is a string.
#[inline]
fn string_of(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    // All that a scanned string holds of what `find_special` stops at are backslashes.
    Some(if find_special(inner.as_bytes(), 0) == inner.len() {
        Cow::Borrowed(inner)
    } else {
        Cow::Owned(unescape(inner))
    })
}
