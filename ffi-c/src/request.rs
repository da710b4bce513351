//! Request primitives (TS-0004 6.4.1) as handles: those that a program makes, and those of the peer's, which it answers.

use std::ffi::c_char;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use onem2m::primitive::{Format, Operation, Request, ResourceType, Response};
use onem2m::{Error, ErrorKind, IncomingRequest, Responder, Result};

use crate::format::{Converted, format};
use crate::guard::{guard, guard_number, guard_value};
use crate::handle::{Handle, borrow, borrow_mut, make, store, take};
use crate::members::{self, Json};
use crate::process::Homed;
use crate::response::{from_parts, onem2m_ws_response};
use crate::text::{content, onem2m_ws_text, optional_text, text};

/// What a request asks for (`op`).
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_operation {
    /// Create a resource below the target.
    ONEM2M_WS_CREATE = 1,
    /// Retrieve the target, or discover what lies below it.
    ONEM2M_WS_RETRIEVE = 2,
    /// Change attributes of the target.
    ONEM2M_WS_UPDATE = 3,
    /// Delete the target and all below it.
    ONEM2M_WS_DELETE = 4,
    /// Deliver information to the target.
    ONEM2M_WS_NOTIFY = 5,
}

/// The resource types that a program meets first (`ty`); every other number of the standard is fine as well.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_resource_type {
    /// No type: every operation but CREATE.
    ONEM2M_WS_NO_TYPE = 0,
    /// `<accessControlPolicy>`.
    ONEM2M_WS_ACCESS_CONTROL_POLICY = 1,
    /// `<AE>`.
    ONEM2M_WS_AE = 2,
    /// `<container>`.
    ONEM2M_WS_CONTAINER = 3,
    /// `<contentInstance>`.
    ONEM2M_WS_CONTENT_INSTANCE = 4,
    /// `<group>`.
    ONEM2M_WS_GROUP = 9,
    /// `<remoteCSE>`.
    ONEM2M_WS_REMOTE_CSE = 16,
    /// `<subscription>`.
    ONEM2M_WS_SUBSCRIPTION = 23,
    /// `<flexContainer>`.
    ONEM2M_WS_FLEX_CONTAINER = 28,
}

// The numbers are the core's.
const _: () = {
    use {onem2m_ws_operation as C, onem2m_ws_resource_type as T};
    assert!(C::ONEM2M_WS_CREATE as u8 == Operation::Create.code());
    assert!(C::ONEM2M_WS_RETRIEVE as u8 == Operation::Retrieve.code());
    assert!(C::ONEM2M_WS_UPDATE as u8 == Operation::Update.code());
    assert!(C::ONEM2M_WS_DELETE as u8 == Operation::Delete.code());
    assert!(C::ONEM2M_WS_NOTIFY as u8 == Operation::Notify.code());
    assert!(T::ONEM2M_WS_NO_TYPE as u32 == 0);
    assert!(T::ONEM2M_WS_ACCESS_CONTROL_POLICY as u32 == ResourceType::ACCESS_CONTROL_POLICY.code());
    assert!(T::ONEM2M_WS_AE as u32 == ResourceType::AE.code());
    assert!(T::ONEM2M_WS_CONTAINER as u32 == ResourceType::CONTAINER.code());
    assert!(T::ONEM2M_WS_CONTENT_INSTANCE as u32 == ResourceType::CONTENT_INSTANCE.code());
    assert!(T::ONEM2M_WS_GROUP as u32 == ResourceType::GROUP.code());
    assert!(T::ONEM2M_WS_REMOTE_CSE as u32 == ResourceType::REMOTE_CSE.code());
    assert!(T::ONEM2M_WS_SUBSCRIPTION as u32 == ResourceType::SUBSCRIPTION.code());
    assert!(T::ONEM2M_WS_FLEX_CONTAINER as u32 == ResourceType::FLEX_CONTAINER.code());
};

/// A request primitive.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_request {
    request: Request,
    json: Json,
    converted: Converted,
    /// Of a request of the peer's: what answers it, until it is answered.
    responder: Option<Homed<Mutex<Option<Responder>>>>,
}

impl Handle for onem2m_ws_request {}

impl onem2m_ws_request {
    fn new(request: Request) -> Self {
        Self { request, json: Json::default(), converted: Converted::default(), responder: None }
    }

    pub(crate) fn incoming(incoming: IncomingRequest) -> Self {
        let responder = Some(Homed::new(Mutex::new(Some(incoming.responder))));
        Self { request: *incoming.request, json: Json::default(), converted: Converted::default(), responder }
    }

    fn content_as(&self, format: Format) -> Result<Option<&[u8]>> {
        self.converted.get(self.request.content.as_ref(), format, |format| self.request.content_as(format))
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    fn change(&mut self, change: impl FnOnce(&mut Request)) {
        change(&mut self.request);
        (self.json, self.converted) = (Json::default(), Converted::default());
    }

    fn respond(&self, response: Response) -> Result<()> {
        let Some(responder) = &self.responder else {
            let text = "only a request that came to on_request can be answered; this one was made by the program";
            return Err(Error::new(ErrorKind::InvalidState, text));
        };
        let responder = responder.get()?.lock().unwrap_or_else(PoisonError::into_inner).take();
        match responder {
            Some(responder) => responder.respond(response),
            None => Err(Error::new(ErrorKind::AlreadyResponded, "the request was answered already")),
        }
    }
}

/// Makes a request: an operation, the target, the type of the resource to create (ONEM2M_WS_NO_TYPE for other operations)
/// and content (a JSON object, or NULL). The client fills in the originator, the identifier and the release version. Free it
/// with onem2m_ws_request_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_new(
    operation: i32,
    to: *const c_char,
    resource_type: i32,
    content_json: *const c_char,
    out: *mut *mut onem2m_ws_request,
) -> i32 {
    guard(|| {
        make(out, "out", || {
            let bad = |text| Error::new(ErrorKind::InvalidArgument, text);
            let operation = Operation::from_code(operation.into()).ok_or_else(|| {
                bad(format!("argument `operation` is {operation}; there are 1 (CREATE) to 5 (NOTIFY)"))
            })?;
            let mut request = Request::new(operation, text(to, "to")?);
            let ty = u32::try_from(resource_type)
                .map_err(|_| bad(format!("argument `resource_type` is {resource_type}; it cannot be negative")))?;
            request.resource_type = Some(ResourceType(ty)).filter(|ty| ty.code() != 0);
            if let Some(json) = optional_text(content_json, "content_json")? {
                request.content = Some(content(json, "content_json")?);
            }
            Ok(onem2m_ws_request::new(request))
        })
    })
}

/// Makes a request from a whole primitive in JSON, `{"op":2,"to":"cse-in",...}`; `rqi` may be missing.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_from_json(json: *const c_char, out: *mut *mut onem2m_ws_request) -> i32 {
    guard(|| make(out, "out", || members::read_request(text(json, "json")?).map(onem2m_ws_request::new)))
}

/// Frees a request; NULL is fine. A request of the peer's that was not answered is answered 5000 by this.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_free(request: *mut onem2m_ws_request) {
    guard_value((), || {
        drop(take(request));
        Ok(())
    });
}

/// Sets the originator (`fr`) instead of the client's; NULL leaves it to the client again.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_set_from(request: *mut onem2m_ws_request, originator: *const c_char) -> i32 {
    guard(|| {
        let from = optional_text(originator, "originator")?.map(str::to_owned);
        borrow_mut(request, "request")?.change(|request| request.from = from);
        Ok(())
    })
}

/// Sets the request identifier (`rqi`); NULL leaves it to the client again, which makes identifiers that never occur twice.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_set_id(request: *mut onem2m_ws_request, id: *const c_char) -> i32 {
    guard(|| {
        let id = optional_text(id, "id")?.unwrap_or_default().to_owned();
        borrow_mut(request, "request")?.change(|request| request.request_id = id);
        Ok(())
    })
}

/// Sets when the request stops being of use (`rqet`), in milliseconds from now; 0 for no such time. The client stops waiting
/// then.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_set_expiration_ms(request: *mut onem2m_ws_request, milliseconds: u32) -> i32 {
    guard(|| {
        borrow_mut(request, "request")?.change(|request| {
            request.request_expiration = (milliseconds > 0)
                .then(|| onem2m::primitive::AbsRelTimestamp::relative(Duration::from_millis(milliseconds.into())));
        });
        Ok(())
    })
}

/// Sets the parameter with this short name to a JSON value: "rcn" to "0", "fc" to `{"fu":1,"ty":[3]}`, "vsi" to "\"text\"";
/// "null" removes it.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_set(
    request: *mut onem2m_ws_request,
    short_name: *const c_char,
    json: *const c_char,
) -> i32 {
    guard(|| {
        let handle = borrow_mut(request, "request")?;
        let mut parameters = members::of_request(&handle.request)?;
        parameters.set(text(short_name, "short_name")?, members::value(text(json, "json")?)?);
        let changed = members::request_of(&parameters)?;
        handle.change(|request| *request = changed);
        Ok(())
    })
}

/// What it asks for: one of onem2m_ws_operation. Negative if `request` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_operation(request: *const onem2m_ws_request) -> i32 {
    guard_number(|| Ok(borrow(request, "request")?.request.operation.code().into()))
}

/// The type of the resource to create (`ty`), or 0. Negative if `request` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_resource_type(request: *const onem2m_ws_request) -> i32 {
    guard_number(|| {
        let ty = borrow(request, "request")?.request.resource_type.map_or(0, |ty| ty.code());
        Ok(i32::try_from(ty).unwrap_or(i32::MAX))
    })
}

fn look(
    request: *const onem2m_ws_request,
    at: impl FnOnce(&onem2m_ws_request) -> Result<Option<&str>>,
) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || Ok(onem2m_ws_text::of_option(at(borrow(request, "request")?)?)))
}

/// The target (`to`).
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_to(request: *const onem2m_ws_request) -> onem2m_ws_text {
    look(request, |handle| Ok(Some(handle.request.to.as_str())))
}

/// The originator (`fr`), if there is one.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_from(request: *const onem2m_ws_request) -> onem2m_ws_text {
    look(request, |handle| Ok(handle.request.from.as_deref()))
}

/// The request identifier (`rqi`), if there is one.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_id(request: *const onem2m_ws_request) -> onem2m_ws_text {
    look(request, |handle| Ok(Some(handle.request.request_id.as_str()).filter(|id| !id.is_empty())))
}

/// The content (`pc`) as JSON text: as it came, or converted from the format of the connection. No text also if it cannot be
/// converted; onem2m_ws_request_content_as() tells that apart.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_content(request: *const onem2m_ws_request) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || {
        Ok(onem2m_ws_text::of_optional_bytes(borrow(request, "request")?.content_as(Format::Json)?))
    })
}

/// The content (`pc`) in one of onem2m_ws_format: as it came, or converted. XML is the element that stands inside of `pc`.
/// Its data is NULL if there is no content; CBOR may be any bytes.
///
/// Errors: ONEM2M_WS_DECODE if the content cannot be read; ONEM2M_WS_ENCODE if it has something that the format cannot carry.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_content_as(
    request: *const onem2m_ws_request,
    format: i32,
    content: *mut onem2m_ws_text,
) -> i32 {
    guard(|| {
        store(content, "content", onem2m_ws_text::NONE)?;
        let bytes = borrow(request, "request")?.content_as(self::format(format, "format")?)?;
        store(content, "content", onem2m_ws_text::of_optional_bytes(bytes))
    })
}

/// Any parameter by its short name, as JSON text (a text has its quotes): "rt", "fc", also one that the standard does not
/// have.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_parameter(
    request: *const onem2m_ws_request,
    short_name: *const c_char,
) -> onem2m_ws_text {
    look(request, |handle| {
        handle.json.parameter(text(short_name, "short_name")?, || members::of_request(&handle.request))
    })
}

/// The whole primitive as JSON text; without `rqi` as long as it has none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_to_json(request: *const onem2m_ws_request) -> onem2m_ws_text {
    look(request, |handle| handle.json.text(|| members::of_request(&handle.request)).map(Some))
}

/// Answers a request of the peer's, exactly once, on any thread: a status (2000 for OK) and content (a JSON object, or
/// NULL). The request is still to be freed.
///
/// Errors: ONEM2M_WS_ALREADY_RESPONDED, also if the answer time-out was faster; ONEM2M_WS_CONNECTION_LOST if the connection
/// that it came from is gone; ONEM2M_WS_INVALID_STATE if it did not come from the peer.
/// After ONEM2M_WS_INVALID_ARGUMENT it can still be answered.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_respond(
    request: *const onem2m_ws_request,
    status: i32,
    content_json: *const c_char,
) -> i32 {
    guard(|| borrow(request, "request")?.respond(from_parts(status, content_json)?))
}

/// As onem2m_ws_request_respond(), with a response that may have any parameter; its `rqi` is filled in. The response is still
/// to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_request_respond_with(
    request: *const onem2m_ws_request,
    response: *const onem2m_ws_response,
) -> i32 {
    guard(|| borrow(request, "request")?.respond(borrow(response, "response")?.response().clone()))
}
