//! Requests that a client accepts now and delivers when it can, for C.

use std::ffi::c_void;

use onem2m::binding::Posted;
use onem2m::bridge::Outcome;
use onem2m::{Error, ErrorKind};

use crate::callback::{Completion, onem2m_ws_completion, onem2m_ws_posted};
use crate::client::{Begin, begin, begin_with, block, onem2m_ws_client, shared};
use crate::event::since_1970;
use crate::format::onem2m_ws_buffer;
use crate::guard::{guard, guard_number, guard_value};
use crate::handle::{Handle, borrow, give, make, store_if_wanted, store_sized, take};
use crate::request::onem2m_ws_request;
use crate::text::onem2m_ws_text;

fn posting<'a>(request: *const onem2m_ws_request) -> Box<Begin<'a>> {
    Box::new(move |client, to, call| {
        let request = borrow(request, "request")?.request().clone();
        client.post(request, to, call).map(|()| None)
    })
}

fn flushing<'a>() -> Box<Begin<'a>> {
    Box::new(|client, to, call| client.flush(to, call).map(|()| None))
}

/// Accepts a request for delivery, and returns when it is accepted: with a file (onem2m_ws_client_config_set_outbox_file()), when
/// it is in there. It is delivered as soon as the entity is registered and connected, in the order of the calls, at least once,
/// with the same `rqi` each time; ONEM2M_WS_EVENT_DELIVERED tells what became of it. `*request_id` (`request_id` may be NULL) is
/// that `rqi`, the request's own or a new one, to be freed with onem2m_ws_buffer_free().
///
/// Errors: ONEM2M_WS_QUEUE_FULL, ONEM2M_WS_CLOSED, ONEM2M_WS_STORAGE, ONEM2M_WS_INVALID_ARGUMENT: it was not accepted; so for
/// ONEM2M_WS_TIMEOUT if its expiration has passed, but after `timeout_ms` (0: as long as the file takes) it still may be.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_post(
    client: *const onem2m_ws_client,
    request: *const onem2m_ws_request,
    timeout_ms: u32,
    request_id: *mut *mut onem2m_ws_buffer,
) -> i32 {
    guard(|| {
        store_if_wanted(request_id, std::ptr::null_mut);
        let Outcome::Posted(id) = block(client, timeout_ms, posting(request))? else {
            return Err(Error::new(ErrorKind::Internal, "an outcome without a request identifier"));
        };
        store_if_wanted(request_id, || give(onem2m_ws_buffer::of(id)));
        Ok(())
    })
}

/// onem2m_ws_client_post() with a callback, which gets the `rqi` when the request is accepted, and errors likewise. The request may
/// be freed at once. The order of the calls is that of delivery, but their callbacks may come in any order, and
/// ONEM2M_WS_EVENT_DELIVERED before them: a program that is to know the `rqi` by then sets it, onem2m_ws_request_set_id().
/// onem2m_ws_client_cancel() only forgets the callback.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_post_async(
    client: *const onem2m_ws_client,
    request: *const onem2m_ws_request,
    posted: onem2m_ws_posted,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin_with(client, || Completion::posted(posted, user_data), call, posting(request))
}

/// Waits until everything that was posted has left the outbox: delivered, expired or given up.
///
/// Errors: ONEM2M_WS_TIMEOUT after `timeout_ms`: it goes on being delivered. ONEM2M_WS_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_flush(client: *const onem2m_ws_client, timeout_ms: u32) -> i32 {
    guard(|| block(client, timeout_ms, flushing()).map(|_| ()))
}

/// onem2m_ws_client_flush() with a completion callback.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_flush_async(
    client: *const onem2m_ws_client,
    completion: onem2m_ws_completion,
    user_data: *mut c_void,
    call: *mut u64,
) -> i32 {
    begin(client, completion, user_data, call, flushing())
}

/// How many requests were posted and have not left the outbox; negative for an error.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_outbox_len(client: *const onem2m_ws_client) -> i32 {
    guard_number(|| Ok(i32::try_from(shared(client)?.client().outbox_len()?).unwrap_or(i32::MAX)))
}

/// What was in the outbox of a client at one moment, in its order.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_outbox(Vec<Posted>);

impl Handle for onem2m_ws_outbox {}

/// A request in an outbox. Set `struct_size` to sizeof(onem2m_ws_outbox_entry) before the call.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_outbox_entry {
    /// sizeof(onem2m_ws_outbox_entry): only as much is written.
    pub struct_size: usize,
    /// Its `rqi`, the same at every attempt.
    pub request_id: onem2m_ws_text,
    /// Whom it is for.
    pub to: onem2m_ws_text,
    /// What it asks for: one of onem2m_ws_operation.
    pub operation: i32,
    /// How often it was sent so far.
    pub attempts: u32,
    /// When it stops being of use, in milliseconds since 1970 (UTC).
    pub expires_ms: i64,
}

/// What is in the outbox now, to look at. Free it with onem2m_ws_outbox_free().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_client_outbox(client: *const onem2m_ws_client, out: *mut *mut onem2m_ws_outbox) -> i32 {
    guard(|| make(out, "out", || Ok(onem2m_ws_outbox(shared(client)?.client().outbox()?))))
}

/// How many requests there are; 0 if `outbox` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_outbox_count(outbox: *const onem2m_ws_outbox) -> usize {
    guard_value(0, || Ok(borrow(outbox, "outbox")?.0.len()))
}

/// Writes what there is to know of one of them to `*entry`, the first with `index` 0. Its texts are valid until the outbox is
/// freed.
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_outbox_get(
    outbox: *const onem2m_ws_outbox,
    index: usize,
    entry: *mut onem2m_ws_outbox_entry,
) -> i32 {
    guard(|| {
        let list = &borrow(outbox, "outbox")?.0;
        let posted = list.get(index).ok_or_else(|| {
            let text = format!("argument `index` is {index}; there are {} requests", list.len());
            Error::new(ErrorKind::InvalidArgument, text)
        })?;
        store_sized(
            entry,
            "entry",
            &onem2m_ws_outbox_entry {
                struct_size: 0, // stays what it is
                request_id: onem2m_ws_text::of(&posted.request_id),
                to: onem2m_ws_text::of(&posted.to),
                operation: posted.operation.code().into(),
                attempts: posted.attempts,
                expires_ms: since_1970(posted.expires),
            },
        )
    })
}

/// Frees what was listed; NULL is fine. The outbox of the client stays as it is.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_outbox_free(outbox: *mut onem2m_ws_outbox) {
    guard_value((), || {
        drop(take(outbox));
        Ok(())
    });
}
