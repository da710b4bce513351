//! Requests whose result comes in a transfer mode of its own, for C.

use std::ffi::c_void;

use onem2m::client::Mode;
use onem2m::{Error, ErrorKind, Result};

use crate::callback::{Completion, onem2m_ws_acknowledged, onem2m_ws_completion};
use crate::client::{Begin, begin_with, block_for_response, onem2m_ws_client};
use crate::handle::borrow;
use crate::request::onem2m_ws_request;
use crate::response::onem2m_ws_response;

/// How the result of a request comes to its originator: the values of `rt`.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_mode {
    /// In a `<request>` at the registrar, which the library looks at until it is there: after 0.1 s, then after twice the time, up
    /// to every 5 s.
    ONEM2M_WS_NON_BLOCKING_SYNCH = 1,
    /// In a NOTIFY of the registrar's, which the library takes itself: it does not come to on_request.
    ONEM2M_WS_NON_BLOCKING_ASYNCH = 2,
    /// In the response, as with onem2m_ws_client_send().
    ONEM2M_WS_BLOCKING = 3,
    /// In whichever of these ways the registrar decides for.
    ONEM2M_WS_FLEX_BLOCKING = 4,
}

fn mode(number: i32) -> Result<Mode> {
    use onem2m_ws_mode::*;
    let modes = [
        (ONEM2M_WS_NON_BLOCKING_SYNCH, Mode::NonBlockingSynch),
        (ONEM2M_WS_NON_BLOCKING_ASYNCH, Mode::NonBlockingAsynch),
        (ONEM2M_WS_BLOCKING, Mode::Blocking),
        (ONEM2M_WS_FLEX_BLOCKING, Mode::FlexBlocking),
    ];
    modes.into_iter().find(|(of, _)| *of as i32 == number).map(|(_, mode)| mode).ok_or_else(|| {
        let text = format!(
            "argument `mode` is {number}; there are 1 (non-blocking synchronous), 2 (non-blocking asynchronous), 3 (blocking) and \
             4 (flexible)"
        );
        Error::new(ErrorKind::InvalidArgument, text)
    })
}

fn sending_in<'a>(number: i32, request: *const onem2m_ws_request) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let request = borrow(request, "request")?.request().clone();
        client.send_in(mode(number)?, request, to, call).map(Some)
    })
}

/// Sends a request whose result comes in a way of its own, one of onem2m_ws_mode, and waits for that result: as
/// onem2m_ws_client_send(), whatever the registrar makes of it. The result is waited for until the request's `rset`, or for the
/// request time-out, beginning at its `oet`; it is also taken over a connection that is opened meanwhile.
///
/// Errors: as onem2m_ws_client_send(); ONEM2M_WS_INVALID_ARGUMENT for a registration, which is blocking always.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_send_in(
    client: *const onem2m_ws_client,
    mode: i32,
    request: *const onem2m_ws_request,
    timeout_ms: u32,
    response: *mut *mut onem2m_ws_response,
) -> i32 {
    block_for_response(client, timeout_ms, response, sending_in(mode, request))
}

/// onem2m_ws_client_send_in() with a callback for the acknowledgement, which may be NULL, and a completion callback, which gets the
/// result. Both get `user_data`. Cancelling the call forgets both.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_send_in_async(
    client: *const onem2m_ws_client,
    mode: i32,
    request: *const onem2m_ws_request,
    acknowledged: onem2m_ws_acknowledged,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    let completion =
        || Completion::new(completion, user_data).map(|completion| completion.with_acknowledgement(acknowledged));
    begin_with(client, completion, call, sending_in(mode, request))
}
