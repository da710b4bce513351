//! From the members of a primitive to its typed parameters, whatever format they were found in.
//!
//! Covers: TS-0004 6.4 (which parameter a primitive has, and of which type). Each format says how one parameter is read
//! ([`Members`]); which there are, which must be there and what follows from their absence is said here, once.
//! Does not read bytes.

use std::borrow::Cow;

use super::found::Found;
use super::item::Item;
use super::parameter::{OF_REQUEST, OF_RESPONSE, Parameter, Parameters};
use super::{DecodeError, DecodeErrorKind, Decoded, Deviation, Primitive};
use crate::primitive::{
    AbsRelTimestamp, Additional, Content, ContentStatus, EventCategory, IdResultType, Operation, ReleaseVersion,
    Request, ResourceType, Response, ResponseAdditional, ResponseTypeInfo, ResultContent, StatusCode, release_version,
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

/// The members that were found of one primitive.
///
/// Each reader answers `None` for a parameter that is absent or null, notes what it overlooked, and refuses what it cannot
/// read as the type that was asked for. The readers that are here take the short way where a format has one, and the JSON
/// data model otherwise.
pub(super) trait Members<'a> {
    /// Which members there are, and what was overlooked.
    fn found(&self) -> &Found<'a>;
    /// The same, to be changed.
    fn found_mut(&mut self) -> &mut Found<'a>;
    /// The text of a parameter that is one and written in the usual way: what nearly all texts are.
    fn plain_text(&self, parameter: Parameter) -> Option<Cow<'a, str>>;
    /// The number that a parameter is which is not negative, not large, and written in the usual way.
    fn plain_number(&self, parameter: Parameter) -> Option<u64>;
    /// The parameter in the JSON data model. Null is a deviation. Of a list and an object, only that it is one.
    fn item(&mut self, parameter: Parameter) -> Result<Option<Item<'a>>, DecodeError>;
    /// Texts, or one text in place of them.
    fn list(&mut self, parameter: Parameter) -> Result<Option<Vec<String>>, DecodeError>;
    /// `rt`.
    fn response_type(&mut self) -> Result<Option<ResponseTypeInfo>, DecodeError>;
    /// A parameter that has members of its own and stays as it is.
    fn structure(&mut self, parameter: Parameter) -> Result<Option<Content>, DecodeError>;
    /// `pc`.
    fn content(&mut self) -> Result<Option<Content>, DecodeError>;
    /// Takes the members that are not in `own`: those that are no parameters, and parameters of the other kind of primitive.
    fn take_unknown(&mut self, own: Parameters) -> Result<Vec<(String, Content)>, DecodeError>;

    /// Notes a deviation, or refuses it.
    #[inline]
    fn deviate(&mut self, deviation: Deviation, at: usize) -> Result<(), DecodeError> {
        self.found_mut().note(deviation, at)
    }

    /// Where the parameter stands.
    fn position(&self, parameter: Parameter) -> usize {
        self.found().span(parameter).start as usize
    }

    /// A number, in any of the spellings that are let pass.
    #[inline]
    fn integer(&mut self, parameter: Parameter) -> Result<Option<i128>, DecodeError> {
        match self.plain_number(parameter) {
            Some(number) => Ok(Some(number.into())),
            None => unusual_integer(self, parameter),
        }
    }

    /// A number that is not negative and fits into `N`.
    #[inline]
    fn unsigned<N: TryFrom<u64> + TryFrom<i128>>(&mut self, parameter: Parameter) -> Result<Option<N>, DecodeError> {
        if !self.found().has(parameter) {
            return Ok(None);
        }
        let number = match self.plain_number(parameter) {
            Some(number) => N::try_from(number).ok(),
            None => match unusual_integer(self, parameter)? {
                Some(number) => N::try_from(number).ok(),
                None => return Ok(None),
            },
        };
        number.map(Some).ok_or_else(|| bad(parameter, "in range", self.position(parameter)))
    }

    /// `true` or `false`.
    fn boolean(&mut self, parameter: Parameter) -> Result<Option<bool>, DecodeError> {
        let Some(item) = self.item(parameter)? else { return Ok(None) };
        let (value, deviation) = match &item {
            Item::Boolean(value) => return Ok(Some(*value)),
            Item::Integer(1) => (true, Deviation::NumberBoolean),
            Item::Integer(0) => (false, Deviation::NumberBoolean),
            Item::Text(text) if matches!(text.as_ref(), "true" | "1") => (true, Deviation::TextBoolean),
            Item::Text(text) if matches!(text.as_ref(), "false" | "0") => (false, Deviation::TextBoolean),
            _ => return Err(bad(parameter, "a boolean", self.position(parameter))),
        };
        self.deviate(deviation, self.position(parameter))?;
        Ok(Some(value))
    }

    /// Text.
    #[inline]
    fn string(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        match self.plain_text(parameter) {
            Some(text) => Ok(Some(text.into_owned())),
            None => unusual_string(self, parameter),
        }
    }

    /// A number in place of a text, or a text that is written in another way.
    #[cold]
    fn number_text(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        let number = match self.item(parameter)? {
            Some(Item::Text(text)) => return Ok(Some(text.into_owned())),
            None => return Ok(None),
            Some(Item::Integer(number)) => number.to_string(),
            Some(Item::Float(number)) => number.to_string(),
            Some(_) => return Err(bad(parameter, "a string", self.position(parameter))),
        };
        self.deviate(Deviation::NumberText, self.position(parameter))?;
        Ok(Some(number))
    }

    /// Text that some peers write as a number.
    #[inline]
    fn identifier(&mut self, parameter: Parameter) -> Result<Option<String>, DecodeError> {
        match self.plain_text(parameter) {
            Some(text) => Ok(Some(text.into_owned())),
            None => self.number_text(parameter),
        }
    }

    /// `rvi`, whose absence is a deviation.
    #[inline]
    fn release_version(&mut self) -> Result<Option<ReleaseVersion>, DecodeError> {
        if let Some(text) = self.plain_text(Parameter::Rvi) {
            return Ok(Some(release_version(&text)));
        }
        match self.number_text(Parameter::Rvi)? {
            Some(text) => Ok(Some(release_version(&text))),
            None => self.deviate(Deviation::MissingReleaseVersion, 0).map(|()| None),
        }
    }

    /// A time. The standard does not say whether milliseconds are a string or a number in JSON, so neither deviates.
    fn time(&mut self, parameter: Parameter) -> Result<Option<AbsRelTimestamp>, DecodeError> {
        let text = match self.item(parameter)? {
            None => return Ok(None),
            Some(Item::Text(text)) => text.into_owned(),
            Some(item) => integer_of(self, item, parameter)?
                .ok_or_else(|| bad(parameter, "a time", self.position(parameter)))?
                .to_string(),
        };
        Ok(Some(AbsRelTimestamp::from_text(text)))
    }

    /// The primitive that these are the members of: a response if they have `rsc`, whatever else they have.
    #[inline]
    fn primitive(&mut self) -> Result<Decoded, DecodeError> {
        if !self.found().has(Parameter::Rsc) { request(self) } else { response(self) }
    }
}

/// A parameter that is not what it must be.
pub(super) fn bad(parameter: Parameter, expected: &'static str, at: usize) -> DecodeError {
    DecodeError::at(DecodeErrorKind::BadValue { member: parameter.name(), expected }, at)
}

/// A number as most are written: few digits.
#[inline]
pub(super) fn few_digits(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + u64::from(byte - b'0')),
        _ => None,
    })
}

fn missing(parameter: Parameter) -> DecodeError {
    DecodeError::at(DecodeErrorKind::Missing(parameter.name()), 0)
}

#[inline]
fn request<'a, M: Members<'a> + ?Sized>(members: &mut M) -> Result<Decoded, DecodeError> {
    let Some(operation) = members.integer(Parameter::Op)? else {
        return Err(missing(Parameter::Op));
    };
    let operation = i64::try_from(operation)
        .ok()
        .and_then(Operation::from_code)
        .ok_or_else(|| bad(Parameter::Op, "an operation (1 to 5)", members.position(Parameter::Op)))?;
    // A request that nobody can be answered for is worth nothing to its sender.
    let request_id = members.identifier(Parameter::Rqi)?.filter(|rqi| !rqi.is_empty());
    let request_id = request_id.ok_or_else(|| missing(Parameter::Rqi))?;
    let to = members.string(Parameter::To)?.ok_or_else(|| missing(Parameter::To))?;
    let from = members.string(Parameter::Fr)?;
    if from.is_none() && operation != Operation::Create {
        members.deviate(Deviation::MissingFrom, 0)?;
    }
    let mut request = Box::new(Request {
        from,
        request_id,
        resource_type: members.unsigned(Parameter::Ty)?.map(ResourceType),
        content: members.content()?,
        release_version: members.release_version()?,
        ..Request::new(operation, to)
    });
    if members.found().seen & !OF_EVERY_REQUEST != 0 || !members.found().unknown.is_empty() {
        rest_of_request(members, &mut request)?;
    }
    Ok(Decoded { primitive: Primitive::Request(request), deviations: members.found().deviations })
}

/// What many requests do not have.
#[inline(never)]
fn rest_of_request<'a, M: Members<'a> + ?Sized>(members: &mut M, request: &mut Request) -> Result<(), DecodeError> {
    request.originating_timestamp = members.string(Parameter::Ot)?;
    request.request_expiration = members.time(Parameter::Rqet)?;
    request.result_expiration = members.time(Parameter::Rset)?;
    request.response_type = members.response_type()?;
    request.result_content = members.unsigned(Parameter::Rcn)?.map(ResultContent);
    request.event_category = members.unsigned(Parameter::Ec)?.map(EventCategory);
    request.filter_criteria = members.structure(Parameter::Fc)?;
    request.id_result_type = members.unsigned(Parameter::Drt)?.map(IdResultType);
    if members.found().seen & !REQUEST_FIELDS != 0 || !members.found().unknown.is_empty() {
        let additional = request_additional(members)?;
        request.additional = (additional != Additional::default()).then(|| Box::new(additional));
    }
    Ok(())
}

#[inline]
fn response<'a, M: Members<'a> + ?Sized>(members: &mut M) -> Result<Decoded, DecodeError> {
    let Some(status) = members.unsigned(Parameter::Rsc)? else {
        return Err(missing(Parameter::Rsc));
    };
    if members.found().has(Parameter::Op) {
        members.deviate(Deviation::OperationInResponse, members.position(Parameter::Op))?;
    }
    // The session correlates it by other means, if it can.
    let request_id = members.identifier(Parameter::Rqi)?.unwrap_or_default();
    if request_id.is_empty() {
        members.deviate(Deviation::MissingRequestId, 0)?;
    }
    let mut response = Response {
        request_id,
        content: members.content()?,
        release_version: members.release_version()?,
        ..Response::new(StatusCode(status))
    };
    if members.found().seen & !OF_EVERY_RESPONSE != 0 || !members.found().unknown.is_empty() {
        rest_of_response(members, &mut response)?;
    }
    Ok(Decoded { primitive: Primitive::Response(response), deviations: members.found().deviations })
}

/// What many responses do not have.
#[inline(never)]
fn rest_of_response<'a, M: Members<'a> + ?Sized>(members: &mut M, response: &mut Response) -> Result<(), DecodeError> {
    response.to = members.string(Parameter::To)?;
    response.from = members.string(Parameter::Fr)?;
    response.originating_timestamp = members.string(Parameter::Ot)?;
    response.result_expiration = members.time(Parameter::Rset)?;
    if members.found().seen & !RESPONSE_FIELDS != 0 || !members.found().unknown.is_empty() {
        let additional = response_additional(members)?;
        response.additional = (additional != ResponseAdditional::default()).then(|| Box::new(additional));
    }
    Ok(())
}

#[cold]
fn request_additional<'a, M: Members<'a> + ?Sized>(members: &mut M) -> Result<Additional, DecodeError> {
    Ok(Additional {
        role_ids: members.list(Parameter::Rids)?,
        operation_execution_time: members.time(Parameter::Oet)?,
        result_persistence: members.time(Parameter::Rp)?,
        delivery_aggregation: members.boolean(Parameter::Da)?,
        group_request_id: members.string(Parameter::Gid)?,
        tokens: members.list(Parameter::Tkns)?,
        token_ids: members.list(Parameter::Tids)?,
        local_token_ids: members.list(Parameter::Ltids)?,
        token_request_indicator: members.boolean(Parameter::Tqi)?,
        group_request_target_members: members.list(Parameter::Grtm)?,
        authorization_signature_indicator: members.boolean(Parameter::Asi)?,
        authorization_signatures: members.list(Parameter::Aus)?,
        authorization_relationship_indicator: members.boolean(Parameter::Auri)?,
        semantic_query_indicator: members.boolean(Parameter::Sqi)?,
        vendor_information: members.string(Parameter::Vsi)?,
        ontology_mapping_resources: members.list(Parameter::Omr)?,
        group_somecast_target_number: members.unsigned(Parameter::Gstn)?,
        service_user: members.string(Parameter::Msu)?,
        maximum_age: members.string(Parameter::Ma)?,
        unknown: members.take_unknown(OF_REQUEST)?,
    })
}

#[cold]
fn response_additional<'a, M: Members<'a> + ?Sized>(members: &mut M) -> Result<ResponseAdditional, DecodeError> {
    Ok(ResponseAdditional {
        event_category: members.unsigned(Parameter::Ec)?.map(EventCategory),
        content_status: members.unsigned(Parameter::Cnst)?.map(ContentStatus),
        content_offset: members.unsigned(Parameter::Cnot)?,
        assigned_token_ids: members.structure(Parameter::Ati)?,
        token_request_information: members.structure(Parameter::Tqf)?,
        authorization_signature_request: members.boolean(Parameter::Asri)?,
        vendor_information: members.string(Parameter::Vsi)?,
        service_user: members.string(Parameter::Msu)?,
        // An operation in a response says nothing.
        unknown: members.take_unknown(OF_RESPONSE | Parameter::Op.bit())?,
    })
}

/// A number, in any of the spellings that are let pass.
#[cold]
fn unusual_integer<'a, M: Members<'a> + ?Sized>(
    members: &mut M,
    parameter: Parameter,
) -> Result<Option<i128>, DecodeError> {
    let Some(item) = members.item(parameter)? else { return Ok(None) };
    let number = integer_of(members, item, parameter)?;
    number.map(Some).ok_or_else(|| bad(parameter, "an integer", members.position(parameter)))
}

/// Text, from the data model.
#[cold]
fn unusual_string<'a, M: Members<'a> + ?Sized>(
    members: &mut M,
    parameter: Parameter,
) -> Result<Option<String>, DecodeError> {
    match members.item(parameter)? {
        Some(Item::Text(text)) => Ok(Some(text.into_owned())),
        None => Ok(None),
        Some(_) => Err(bad(parameter, "a string", members.position(parameter))),
    }
}

/// The integer that a value is, however it is written; `None` if it is none.
fn integer_of<'a, M: Members<'a> + ?Sized>(
    members: &mut M,
    item: Item<'a>,
    parameter: Parameter,
) -> Result<Option<i128>, DecodeError> {
    let at = members.position(parameter);
    match item {
        Item::Integer(number) => Ok(Some(number)),
        Item::Float(number) => match whole(number) {
            Some(number) => members.deviate(Deviation::FloatInteger, at).map(|()| Some(number)),
            None => Ok(None),
        },
        Item::Text(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(None);
            }
            members.deviate(Deviation::TextInteger, at)?;
            // What does not fit is an integer all the same, and in no one's range.
            text.parse().map(Some).map_err(|_| bad(parameter, "in range", at))
        }
        _ => Ok(None),
    }
}

/// The integer that a number with a fraction or an exponent is.
fn whole(number: f64) -> Option<i128> {
    // Up to 2^53 a float is exact; beyond it, nobody can tell which integer was meant.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i128)
}

/// A text in place of a list.
#[cold]
pub(super) fn single_text<'a, M: Members<'a> + ?Sized>(
    members: &mut M,
    text: &str,
    at: usize,
) -> Result<Vec<String>, DecodeError> {
    members.deviate(Deviation::SingleForList, at)?;
    Ok(if text.is_empty() { Vec::new() } else { vec![text.to_owned()] })
}

/// What a list that is none should be.
pub(super) const LIST: &str = "a list of strings";

/// `rt` from what was found in it: the value of `rtv`, or a number in place of the object.
pub(super) fn response_type_of<'a, M: Members<'a> + ?Sized>(
    members: &mut M,
    value: Option<Item<'a>>,
    notification_uris: Option<Vec<String>>,
) -> Result<Option<ResponseTypeInfo>, DecodeError> {
    const EXPECTED: &str = "an object with rtv and nu";
    let at = members.position(Parameter::Rt);
    let value = value.ok_or_else(|| bad(Parameter::Rt, EXPECTED, at))?;
    let value = integer_of(members, value, Parameter::Rt)?.ok_or_else(|| bad(Parameter::Rt, EXPECTED, at))?;
    let value = u16::try_from(value).map_err(|_| bad(Parameter::Rt, "in range", at))?;
    Ok(Some(ResponseTypeInfo { value: value.into(), notification_uris }))
}
