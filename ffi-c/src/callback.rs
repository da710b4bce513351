//! The functions of the program that are called: what they are, and whose state they get.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use onem2m::client::{ConnectionState, StateChange};
use onem2m::{Error, Result};

use crate::event::onem2m_ws_event;
use crate::handle::{Callbacks, null};
use crate::request::onem2m_ws_request;
use crate::response::onem2m_ws_response;
use crate::text::onem2m_ws_text;

/// Where a client's connection stands.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_connection_state {
    /// There is none. It is opened by the next request, by onem2m_ws_client_connect(), or by itself if the client stays
    /// connected.
    ONEM2M_WS_DISCONNECTED = 0,
    /// One is being opened.
    ONEM2M_WS_CONNECTING = 1,
    /// It is open; the entity is not registered yet.
    ONEM2M_WS_OPEN = 2,
    /// The client was closed; nothing can be sent any more.
    ONEM2M_WS_CLIENT_CLOSED = 3,
    /// It is open and the entity is registered: requests of any kind travel in both directions.
    ONEM2M_WS_REGISTERED = 4,
    /// It is being closed; what is under way is waited for.
    ONEM2M_WS_CLOSING = 5,
}

/// A change of a client's connection. Later versions may add members at the end.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_state {
    /// One of onem2m_ws_connection_state.
    pub state: i32,
    /// Why a connection was lost or could not be opened: one of onem2m_ws_result; 0 if there is no cause.
    pub cause: i32,
    /// Which attempt to open it this is, or how many failed in a row.
    pub attempt: u32,
    /// Milliseconds until the next attempt; -1 if there is none to come.
    pub next_attempt_ms: i64,
    /// The text of the cause. Valid until the callback returns.
    pub message: onem2m_ws_text,
}

/// Calls `use_state` with the change as C sees it.
pub(crate) fn with_state<R>(change: &StateChange, use_state: impl FnOnce(&onem2m_ws_state) -> R) -> R {
    use onem2m_ws_connection_state as S;
    let state = match change.state {
        ConnectionState::Disconnected => S::ONEM2M_WS_DISCONNECTED,
        ConnectionState::Connecting => S::ONEM2M_WS_CONNECTING,
        ConnectionState::Open => S::ONEM2M_WS_OPEN,
        ConnectionState::Registered => S::ONEM2M_WS_REGISTERED,
        ConnectionState::Closing => S::ONEM2M_WS_CLOSING,
        ConnectionState::Closed => S::ONEM2M_WS_CLIENT_CLOSED,
    };
    use_state(&onem2m_ws_state {
        state: state as i32,
        cause: change.cause.as_ref().map_or(0, |cause| cause.kind().c_code()),
        attempt: change.attempt,
        next_attempt_ms: change.next_attempt.map_or(-1, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
        message: onem2m_ws_text::of_option(change.cause.as_ref().map(Error::message)),
    })
}

/// The functions of the program that a client calls. Set `struct_size` to sizeof(onem2m_ws_callbacks) and what is not needed
/// to NULL; the struct itself is copied.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_callbacks {
    /// sizeof(onem2m_ws_callbacks): a later library knows by this which members a program has.
    pub struct_size: usize,
    /// Given to each function below.
    pub user_data: *mut c_void,
    /// Called once, as the last of all calls with `user_data`, when the client has ended; not if it could not be made.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
    /// Called with each request of the peer's. The request belongs to the program: it answers it now or later, on any
    /// thread, and frees it. NULL: every request is answered 4005.
    pub on_request: Option<extern "C" fn(user_data: *mut c_void, request: *mut onem2m_ws_request)>,
    /// Called when the connection changes. `state` is lent for the time of the call.
    pub on_state: Option<extern "C" fn(user_data: *mut c_void, state: *const onem2m_ws_state)>,
    /// Called when something else happens that the program may want to know: what became of the registration, and of what
    /// was posted. `event` is lent for the time of the call.
    pub on_event: Option<extern "C" fn(user_data: *mut c_void, event: *const onem2m_ws_event)>,
}

/// Called once with the outcome of an asynchronous call: `result` is one of onem2m_ws_result; `response` is the answer, lent
/// for the time of the call, for calls that have one, and else NULL. If `result` is an error, onem2m_ws_last_error() has its
/// text during the call.
#[allow(non_camel_case_types)]
pub type onem2m_ws_completion =
    Option<extern "C" fn(user_data: *mut c_void, result: i32, response: *const onem2m_ws_response)>;

/// Called at most once, before the completion, when the registrar has accepted a request of onem2m_ws_client_send_in_async() for
/// later: `response` is its acknowledgement (1001 or 1002), lent for the time of the call. A registrar that answers at once does
/// not acknowledge.
#[allow(non_camel_case_types)]
pub type onem2m_ws_acknowledged = Option<extern "C" fn(user_data: *mut c_void, response: *const onem2m_ws_response)>;

/// Called once with the outcome of onem2m_ws_client_post_async(): `result` is one of onem2m_ws_result; `request_id` is the `rqi`
/// under which the request was accepted, lent for the time of the call. If `result` is an error, onem2m_ws_last_error() has its
/// text during the call.
#[allow(non_camel_case_types)]
pub type onem2m_ws_posted = Option<extern "C" fn(user_data: *mut c_void, result: i32, request_id: onem2m_ws_text)>;

// SAFETY: header, "Threads and callbacks": callbacks and their user data may be used on the thread that delivers them.
unsafe impl Send for onem2m_ws_callbacks {}
// SAFETY: as above; callbacks of one client never run at the same time.
unsafe impl Sync for onem2m_ws_callbacks {}

impl Callbacks for onem2m_ws_callbacks {
    const NONE: Self = Self {
        struct_size: size_of::<Self>(),
        user_data: ptr::null_mut(),
        drop: None,
        on_request: None,
        on_state: None,
        on_event: None,
    };
}

/// A completion callback with its user data.
pub(crate) struct Completion {
    function: Function,
    acknowledged: onem2m_ws_acknowledged,
    user_data: *mut c_void,
}

/// An acknowledgement callback with its user data.
pub(crate) struct Acknowledged {
    function: extern "C" fn(*mut c_void, *const onem2m_ws_response),
    user_data: *mut c_void,
}

impl Acknowledged {
    pub(crate) fn call(&self, response: &onem2m_ws_response) {
        (self.function)(self.user_data, response);
    }
}

enum Function {
    Completion(extern "C" fn(*mut c_void, i32, *const onem2m_ws_response)),
    Posted(extern "C" fn(*mut c_void, i32, onem2m_ws_text)),
}

// SAFETY: header, "Threads and callbacks": completions and their user data may be used on the thread that delivers them.
unsafe impl Send for Completion {}

impl Completion {
    pub(crate) fn new(function: onem2m_ws_completion, user_data: *mut c_void) -> Result<Self> {
        let function = Function::Completion(function.ok_or_else(|| null("completion"))?);
        Ok(Self { function, acknowledged: None, user_data })
    }

    pub(crate) fn posted(function: onem2m_ws_posted, user_data: *mut c_void) -> Result<Self> {
        let function = Function::Posted(function.ok_or_else(|| null("posted"))?);
        Ok(Self { function, acknowledged: None, user_data })
    }

    /// With a callback for the acknowledgement, which may be NULL.
    pub(crate) fn with_acknowledgement(mut self, function: onem2m_ws_acknowledged) -> Self {
        self.acknowledged = function;
        self
    }

    pub(crate) fn acknowledged(&self) -> Option<Acknowledged> {
        self.acknowledged.map(|function| Acknowledged { function, user_data: self.user_data })
    }

    /// Calls it; each kind takes of the outcome what it is for.
    pub(crate) fn call(self, result: i32, response: Option<&onem2m_ws_response>, request_id: Option<&str>) {
        match self.function {
            Function::Completion(function) => {
                function(self.user_data, result, response.map_or(ptr::null(), ptr::from_ref));
            }
            Function::Posted(function) => function(self.user_data, result, onem2m_ws_text::of_option(request_id)),
        }
    }
}

thread_local! {
    /// The client whose callback runs on this thread.
    static CURRENT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// Marks that callbacks of `client` are called on this thread, until it is dropped.
pub(crate) struct Calling {
    before: *const (),
}

impl Calling {
    pub(crate) fn of<T>(client: *const T) -> Self {
        Self { before: CURRENT.replace(client.cast()) }
    }

    /// True within a callback of `client`.
    pub(crate) fn is_of<T>(client: *const T) -> bool {
        CURRENT.get() == client.cast()
    }

    /// True within any callback.
    pub(crate) fn is_any() -> bool {
        !CURRENT.get().is_null()
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}
