//! What happens to a client besides requests and changes of its connection, as C sees it.

use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use onem2m::Error;
use onem2m::client::ClientEvent;

use crate::error::{OK, remember};
use crate::response::onem2m_ws_response;
use crate::text::onem2m_ws_text;

/// What happened. Kinds may be added: ignore one that you do not know.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_event_kind {
    /// The registrar confirmed that the registration is still in force, after a reopening or in a new run. `until_ms`.
    ONEM2M_WS_EVENT_REGISTRATION_CONFIRMED = 1,
    /// The registration was renewed before it lapsed. `until_ms`.
    ONEM2M_WS_EVENT_REGISTRATION_RENEWED = 2,
    /// The registrar had forgotten the entity, and it was registered again, as `entity`. Containers and subscriptions below its
    /// resource are gone: make them again.
    ONEM2M_WS_EVENT_REGISTERED_AGAIN = 3,
    /// The registration could not be checked, renewed or made again. `result`, `message`, and onem2m_ws_last_error_response() during
    /// the call; it is tried again after a while.
    ONEM2M_WS_EVENT_REGISTRATION_FAILED = 4,
    /// A request that was posted, `request_id`, has left the outbox: `response` is its response, whatever its status. NULL if there
    /// is none, and `result` says why: ONEM2M_WS_QUEUE_FULL if it made room for a newer one, ONEM2M_WS_TIMEOUT if it expired,
    /// ONEM2M_WS_CONNECTION_LOST if it may not be sent again, ONEM2M_WS_ENCODE, ONEM2M_WS_CLOSED.
    ONEM2M_WS_EVENT_DELIVERED = 5,
    /// What is to be known in the next run could not be written to its file. `result`, `message`.
    ONEM2M_WS_EVENT_STORAGE_FAILED = 6,
}

/// Something that happened to a client. Later versions may add members at the end. Everything is valid until the callback
/// returns.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_event {
    /// One of onem2m_ws_event_kind.
    pub kind: i32,
    /// What went wrong: one of onem2m_ws_result; 0 if nothing did. If it is an error, onem2m_ws_last_error() and those after it
    /// tell the rest during the call.
    pub result: i32,
    /// When the registration lapses if it is not renewed, in milliseconds since 1970 (UTC); -1 if it is not known.
    pub until_ms: i64,
    /// The entity that is registered, with ONEM2M_WS_EVENT_REGISTERED_AGAIN.
    pub entity: onem2m_ws_text,
    /// The `rqi` of the request that was posted, with ONEM2M_WS_EVENT_DELIVERED.
    pub request_id: onem2m_ws_text,
    /// The text of what went wrong.
    pub message: onem2m_ws_text,
    /// The response to what was posted; not to be freed.
    pub response: *const onem2m_ws_response,
}

/// Milliseconds since 1970.
pub(crate) fn since_1970(time: SystemTime) -> i64 {
    let ms = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    time.duration_since(UNIX_EPOCH).map_or_else(|before| -ms(before.duration()), ms)
}

/// Calls `use_event` with the event as C sees it; not at all for one that this interface does not have.
pub(crate) fn with_event(event: ClientEvent, use_event: impl FnOnce(&onem2m_ws_event)) {
    use onem2m_ws_event_kind as K;
    let mut seen = onem2m_ws_event {
        kind: 0,
        result: OK,
        until_ms: -1,
        entity: onem2m_ws_text::NONE,
        request_id: onem2m_ws_text::NONE,
        message: onem2m_ws_text::NONE,
        response: ptr::null(),
    };
    // What `seen` points to.
    let (entity, request_id, response, error);
    let failed = |kind: K, error: &Error, seen: &mut onem2m_ws_event| {
        seen.kind = kind as i32;
        seen.message = onem2m_ws_text::of(error.message());
        seen.result = remember(error.clone());
    };
    match event {
        ClientEvent::RegistrationConfirmed { until } => {
            seen.kind = K::ONEM2M_WS_EVENT_REGISTRATION_CONFIRMED as i32;
            seen.until_ms = until.map_or(-1, since_1970);
        }
        ClientEvent::RegistrationRenewed { until } => {
            seen.kind = K::ONEM2M_WS_EVENT_REGISTRATION_RENEWED as i32;
            seen.until_ms = since_1970(until);
        }
        ClientEvent::RegisteredAgain(registration) => {
            entity = registration.entity;
            seen.kind = K::ONEM2M_WS_EVENT_REGISTERED_AGAIN as i32;
            seen.entity = onem2m_ws_text::of(&entity);
        }
        ClientEvent::RegistrationFailed(why) => {
            error = why;
            failed(K::ONEM2M_WS_EVENT_REGISTRATION_FAILED, &error, &mut seen);
        }
        ClientEvent::Delivered { request_id: id, result } => {
            request_id = id;
            match result {
                Ok(answer) => {
                    response = onem2m_ws_response::new(answer);
                    seen.kind = K::ONEM2M_WS_EVENT_DELIVERED as i32;
                    seen.response = &raw const response;
                }
                Err(why) => {
                    error = why;
                    failed(K::ONEM2M_WS_EVENT_DELIVERED, &error, &mut seen);
                }
            }
            seen.request_id = onem2m_ws_text::of(&request_id);
        }
        ClientEvent::StorageFailed(why) => {
            error = why;
            failed(K::ONEM2M_WS_EVENT_STORAGE_FAILED, &error, &mut seen);
        }
        _ => return,
    }
    use_event(&seen);
}
