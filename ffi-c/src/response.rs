//! Response primitives (TS-0004 6.4.2) as handles.

use std::ffi::c_char;

use onem2m::primitive::{Format, Response, StatusCode};
use onem2m::{Error, ErrorKind, Result};

use crate::format::{Converted, format};
use crate::guard::{guard, guard_number, guard_value};
use crate::handle::{Handle, borrow, borrow_mut, make, store, take};
use crate::members::{self, Json};
use crate::text::{content, onem2m_ws_text, optional_text, text};

/// A response primitive.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_response {
    response: Response,
    json: Json,
    converted: Converted,
}

impl Handle for onem2m_ws_response {}

impl onem2m_ws_response {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, json: Json::default(), converted: Converted::default() }
    }

    fn content_as(&self, format: Format) -> Result<Option<&[u8]>> {
        self.converted.get(self.response.content.as_ref(), format, |format| self.response.content_as(format))
    }

    pub(crate) fn response(&self) -> &Response {
        &self.response
    }
}

/// A status for an answer, from C.
pub(crate) fn status(code: i32) -> Result<StatusCode> {
    u16::try_from(code).ok().filter(|code| (1000..=9999).contains(code)).map(StatusCode).ok_or_else(|| {
        let text = format!("argument `status` is {code}; a response status code has four digits, 2000 for OK");
        Error::new(ErrorKind::InvalidArgument, text)
    })
}

/// A response from its parts.
pub(crate) fn from_parts(code: i32, json: *const c_char) -> Result<Response> {
    let response = Response::new(status(code)?);
    Ok(match optional_text(json, "content_json")? {
        Some(json) => response.content(content(json, "content_json")?),
        None => response,
    })
}

/// Makes a response: a status (2000 for OK) and content (a JSON object, or NULL). Free it with onem2m_ws_response_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_new(
    status: i32,
    content_json: *const c_char,
    out: *mut *mut onem2m_ws_response,
) -> i32 {
    guard(|| make(out, "out", || from_parts(status, content_json).map(onem2m_ws_response::new)))
}

/// Makes a response from a whole primitive in JSON, `{"rsc":2000,...}`; `rqi` may be missing.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_from_json(json: *const c_char, out: *mut *mut onem2m_ws_response) -> i32 {
    guard(|| make(out, "out", || members::read_response(text(json, "json")?).map(onem2m_ws_response::new)))
}

/// Makes another response with the same parameters, to keep one that was only lent.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_clone(
    response: *const onem2m_ws_response,
    out: *mut *mut onem2m_ws_response,
) -> i32 {
    guard(|| make(out, "out", || Ok(onem2m_ws_response::new(borrow(response, "response")?.response.clone()))))
}

/// Frees a response; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_free(response: *mut onem2m_ws_response) {
    guard_value((), || {
        drop(take(response));
        Ok(())
    });
}

/// Sets the parameter with this short name to a JSON value ("\"Cae1\"" for a text); "null" removes it.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_set(
    response: *mut onem2m_ws_response,
    short_name: *const c_char,
    json: *const c_char,
) -> i32 {
    guard(|| {
        let handle = borrow_mut(response, "response")?;
        let mut parameters = members::of_response(&handle.response)?;
        parameters.set(text(short_name, "short_name")?, members::value(text(json, "json")?)?);
        *handle = onem2m_ws_response::new(members::response_of(&parameters)?);
        Ok(())
    })
}

/// The response status code: 2000 for OK, 4004 for NOT_FOUND. Negative if `response` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_status(response: *const onem2m_ws_response) -> i32 {
    guard_number(|| Ok(borrow(response, "response")?.response.status.code().into()))
}

/// True if the status is 2xxx: the request was carried out.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_is_success(response: *const onem2m_ws_response) -> bool {
    guard_value(false, || Ok(borrow(response, "response")?.response.status.is_success()))
}

fn look(
    response: *const onem2m_ws_response,
    at: impl FnOnce(&onem2m_ws_response) -> Result<Option<&str>>,
) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || Ok(onem2m_ws_text::of_option(at(borrow(response, "response")?)?)))
}

/// The content (`pc`) as JSON text: as it came, or converted from the format of the connection. No text also if it cannot be
/// converted; onem2m_ws_response_content_as() tells that apart.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_content(response: *const onem2m_ws_response) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || {
        Ok(onem2m_ws_text::of_optional_bytes(borrow(response, "response")?.content_as(Format::Json)?))
    })
}

/// The content (`pc`) in one of onem2m_ws_format: as it came, or converted. XML is the element that stands inside of `pc`.
/// Its data is NULL if there is no content; CBOR may be any bytes.
///
/// Errors: ONEM2M_WS_DECODE if the content cannot be read; ONEM2M_WS_ENCODE if it has something that the format cannot carry.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_content_as(
    response: *const onem2m_ws_response,
    format: i32,
    content: *mut onem2m_ws_text,
) -> i32 {
    guard(|| {
        store(content, "content", onem2m_ws_text::NONE)?;
        let bytes = borrow(response, "response")?.content_as(self::format(format, "format")?)?;
        store(content, "content", onem2m_ws_text::of_optional_bytes(bytes))
    })
}

/// The request identifier (`rqi`) of the request that this answers.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_request_id(response: *const onem2m_ws_response) -> onem2m_ws_text {
    look(response, |handle| Ok(Some(handle.response.request_id.as_str()).filter(|id| !id.is_empty())))
}

/// Who answers (`fr`), if it says so.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_from(response: *const onem2m_ws_response) -> onem2m_ws_text {
    look(response, |handle| Ok(handle.response.from.as_deref()))
}

/// Whom it answers (`to`), if it says so.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_to(response: *const onem2m_ws_response) -> onem2m_ws_text {
    look(response, |handle| Ok(handle.response.to.as_deref()))
}

/// Any parameter by its short name, as JSON text (a text has its quotes): "rset", "cnst", also one that the standard does
/// not have.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_parameter(
    response: *const onem2m_ws_response,
    short_name: *const c_char,
) -> onem2m_ws_text {
    look(response, |handle| {
        handle.json.parameter(text(short_name, "short_name")?, || members::of_response(&handle.response))
    })
}

/// The whole primitive as JSON text.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_response_to_json(response: *const onem2m_ws_response) -> onem2m_ws_text {
    look(response, |handle| handle.json.text(|| members::of_response(&handle.response)).map(Some))
}
