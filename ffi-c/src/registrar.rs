//! The embedded registrar: a small CSE, so that a program can be written and tested with nothing else installed.

use std::ffi::{c_char, c_int};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use onem2m::bridge::{Queue, Recipient, Registrar, Slot};
use onem2m::{Error, ErrorKind, Result};

use crate::callback::Calling;
use crate::client::wait;
use crate::courier::{Courier, Dispatcher};
use crate::error::{OK, remember};
use crate::guard::{guard, guard_number, guard_value};
use crate::handle::{Handle, borrow, make, read_callbacks, store_if_wanted, store_sized, take};
use crate::process::Homed;
use crate::registrar_config::onem2m_ws_registrar_config;
use crate::registree::{Listener, onem2m_ws_registrar_callbacks};
use crate::text::{onem2m_ws_text, text};

pub(crate) struct Running {
    pub(crate) registrar: Registrar,
    points_of_access: Vec<String>,
    /// If the program listens.
    listener: Option<(Arc<Courier<Listener>>, Dispatcher)>,
}

/// A registrar that runs in this process: CSEBase, AE, container, contentInstance, subscription, remoteCSE. For development
/// and tests; it is no product CSE. It keeps everything in memory, unless it has a store.
#[allow(non_camel_case_types)]
pub struct onem2m_ws_registrar(Homed<Running>);

impl Handle for onem2m_ws_registrar {}

pub(crate) fn running<'a>(registrar: *const onem2m_ws_registrar) -> Result<&'a Running> {
    borrow(registrar, "registrar")?.0.get()
}

/// Starts a registrar; it listens when this returns. `config` may be NULL. Free it with onem2m_ws_registrar_free().
///
/// Errors: ONEM2M_WS_INVALID_ARGUMENT if a setting cannot work, ONEM2M_WS_NETWORK if it cannot listen there, ONEM2M_WS_STORAGE if
/// its store cannot be used: the text says what to do.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_start(
    config: *const onem2m_ws_registrar_config,
    out: *mut *mut onem2m_ws_registrar,
) -> i32 {
    onem2m_ws_registrar_start_with(config, std::ptr::null(), out)
}

/// As onem2m_ws_registrar_start(), with callbacks that tell what happens to its registrees; `callbacks` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_start_with(
    config: *const onem2m_ws_registrar_config,
    callbacks: *const onem2m_ws_registrar_callbacks,
    out: *mut *mut onem2m_ws_registrar,
) -> i32 {
    guard(|| {
        make(out, "out", || {
            let settings = onem2m_ws_registrar_config::settings(config)?;
            let poll_mode = settings.poll_mode();
            let (registrar, listener) = if callbacks.is_null() {
                (Registrar::start(settings.builder()?)?, None)
            } else {
                // No requests come this way.
                let queue = Arc::new(Queue::new(0)?);
                let courier = Courier::new(Listener::new(read_callbacks(callbacks, "callbacks")?), Arc::clone(&queue));
                let registrar = Registrar::start_telling(settings.builder()?, queue, 0)?;
                let dispatcher = if poll_mode { Dispatcher::none() } else { Dispatcher::start(Arc::clone(&courier))? };
                (registrar, Some((courier, dispatcher)))
            };
            let points_of_access = registrar.points_of_access()?;
            Ok(onem2m_ws_registrar(Homed::new(Running { registrar, points_of_access, listener })))
        })
    })
}

/// Where registrees reach it: "ws://127.0.0.1:9000", the first with `index` 0; no text after the last. Valid until the
/// registrar is freed.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_point_of_access(
    registrar: *const onem2m_ws_registrar,
    index: usize,
) -> onem2m_ws_text {
    guard_value(onem2m_ws_text::NONE, || {
        let running = running(registrar)?;
        Ok(onem2m_ws_text::of_option(running.points_of_access.get(index).map(String::as_str)))
    })
}

/// Stops: takes no new connection, closes every connection as soon as nothing under way waits on it, and waits for that at
/// most `timeout_ms` (0: as long as it takes). Can be called again. The registrar is still to be freed.
///
/// Errors: ONEM2M_WS_TIMEOUT: it goes on in the background. ONEM2M_WS_WOULD_DEADLOCK within a callback, since a client of this
/// process may be what it would wait for.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_stop(registrar: *const onem2m_ws_registrar, timeout_ms: u32) -> i32 {
    guard(|| {
        let running = running(registrar)?;
        if Calling::is_any() {
            let text = "onem2m_ws_registrar_stop() could wait for the callback that calls it";
            return Err(Error::new(ErrorKind::WouldDeadlock, text));
        }
        let slot = Slot::new();
        running.registrar.stop(&Recipient::Slot(Arc::clone(&slot)), 0)?;
        wait(&slot, timeout_ms).map(|_| ())
    })
}

/// Stops at once and frees the registrar; NULL is fine. `drop` of its callbacks is called before this returns - or, if this is
/// called within a callback, after that callback has returned: then it does not wait. Without callbacks it waits for nothing.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_free(registrar: *mut onem2m_ws_registrar) {
    guard_value((), || {
        if let Some(Running { registrar, listener, .. }) = take(registrar).and_then(|registrar| registrar.0.take()) {
            drop(registrar);
            if let Some((courier, dispatcher)) = listener {
                dispatcher.end(&courier);
            }
        }
        Ok(())
    });
}

// --- poll mode --------------------------------------------------------------------------------------------------------

fn polled<'a>(registrar: *const onem2m_ws_registrar) -> Result<&'a Arc<Courier<Listener>>> {
    match &running(registrar)?.listener {
        Some((courier, dispatcher)) if !dispatcher.is_thread() => Ok(courier),
        _ => {
            let text = "the registrar has no callbacks in poll mode: onem2m_ws_registrar_config_set_poll_mode() and \
                        onem2m_ws_registrar_start_with()";
            Err(Error::new(ErrorKind::InvalidState, text))
        }
    }
}

/// In poll mode: a descriptor that is readable while there is something to deliver, as onem2m_ws_client_fd().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_fd(registrar: *const onem2m_ws_registrar) -> c_int {
    guard_number(|| Ok(RawFd::from(polled(registrar)?.queue().descriptor())))
}

/// In poll mode: calls the callbacks for all that has happened, on this thread, as onem2m_ws_client_dispatch().
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_dispatch(registrar: *const onem2m_ws_registrar, timeout_ms: u32) -> i32 {
    guard(|| {
        // A callback may free the registrar.
        let courier = Arc::clone(polled(registrar)?);
        courier.dispatch(Duration::from_millis(timeout_ms.into()))
    })
}

// --- its own registrar ------------------------------------------------------------------------------------------------

/// How an MN-CSE stands with its registrar: 1 if there is a connection and the registration is known to be in force, 0 if not,
/// negative for an error. `*registrations` (may be NULL) is how often this registrar has registered there: more than once if that
/// one has forgotten it. If it is 0, `*cause` (may be NULL) is why, one of onem2m_ws_result, and onem2m_ws_last_error() has its text;
/// ONEM2M_WS_OK if it is not known or not tried yet.
///
/// Errors: ONEM2M_WS_INVALID_STATE if it has no registrar.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_upstream_state(
    registrar: *const onem2m_ws_registrar,
    registrations: *mut u64,
    cause: *mut i32,
) -> i32 {
    guard_number(|| {
        let state = running(registrar)?.registrar.upstream_state()?.ok_or_else(|| {
            let text = "this registrar has no registrar itself: onem2m_ws_registrar_config_set_upstream()";
            Error::new(ErrorKind::InvalidState, text)
        })?;
        store_if_wanted(registrations, || state.registrations);
        let why = state.cause.filter(|_| !state.is_registered).map_or(OK, remember);
        store_if_wanted(cause, || why);
        Ok(state.is_registered.into())
    })
}

/// How many notifications wait for an entity ("Ca", "/id-mn"); negative for an error.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_waiting(registrar: *const onem2m_ws_registrar, entity: *const c_char) -> i32 {
    guard_number(|| {
        let waiting = running(registrar)?.registrar.waiting(text(entity, "entity")?)?;
        Ok(i32::try_from(waiting).unwrap_or(i32::MAX))
    })
}

// --- what it has counted ----------------------------------------------------------------------------------------------

/// What became of the notifications that a registrar stored for its registrees. Set `struct_size` to
/// sizeof(onem2m_ws_delivery_counters) before the call.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_delivery_counters {
    /// sizeof(onem2m_ws_delivery_counters): only as much is written.
    pub struct_size: usize,
    /// Stored.
    pub accepted: u64,
    /// Answered by their registrees.
    pub delivered: u64,
    /// Sent once more, since no answer came.
    pub repeated: u64,
    /// Dropped because their time was over.
    pub expired: u64,
    /// Dropped because three times no answer came, or because they cannot be written in the registree's format.
    pub given_up: u64,
    /// Replaced by later ones of the same subscription.
    pub replaced: u64,
    /// Not taken, because the store was full.
    pub refused: u64,
}

/// Writes what became of what was stored to `*counters`.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_delivery_counters(
    registrar: *const onem2m_ws_registrar,
    counters: *mut onem2m_ws_delivery_counters,
) -> i32 {
    guard(|| {
        let c = running(registrar)?.registrar.delivery_counters()?;
        store_sized(
            counters,
            "counters",
            &onem2m_ws_delivery_counters {
                struct_size: 0, // stays what it is
                accepted: c.accepted,
                delivered: c.delivered,
                repeated: c.repeated,
                expired: c.expired,
                given_up: c.given_up,
                replaced: c.replaced,
                refused: c.refused,
            },
        )
    })
}

/// How often connections met others of the same entity. Set `struct_size` to sizeof(onem2m_ws_take_over_counters) before the
/// call.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_take_over_counters {
    /// sizeof(onem2m_ws_take_over_counters): only as much is written.
    pub struct_size: usize,
    /// Entities that changed from one connection to another.
    pub taken_over: u64,
    /// Newcomers that were refused because a connection lives.
    pub refused: u64,
    /// Times that somebody spoke for what belongs to another credential.
    pub alerts: u64,
    /// Times that take-overs were too many.
    pub flapping: u64,
}

/// Writes how often connections met others to `*counters`.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_take_over_counters(
    registrar: *const onem2m_ws_registrar,
    counters: *mut onem2m_ws_take_over_counters,
) -> i32 {
    guard(|| {
        let c = running(registrar)?.registrar.take_overs()?;
        store_sized(
            counters,
            "counters",
            &onem2m_ws_take_over_counters {
                struct_size: 0, // stays what it is
                taken_over: c.taken_over,
                refused: c.refused,
                alerts: c.alerts,
                flapping: c.flapping,
            },
        )
    })
}

/// How many peers got no connection. Set `struct_size` to sizeof(onem2m_ws_refusal_counters) before the call.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_refusal_counters {
    /// sizeof(onem2m_ws_refusal_counters): only as much is written.
    pub struct_size: usize,
    /// Their opening handshake was refused, was too slow, or was never finished.
    pub handshake: u64,
    /// Their TLS handshake failed: mostly their credential is not one that is taken.
    pub tls: u64,
    /// Too many others were being opened, in total or from their address.
    pub half_open: u64,
    /// Every place was taken.
    pub connections: u64,
}

/// Writes how many peers got no connection to `*counters`.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_registrar_refusal_counters(
    registrar: *const onem2m_ws_registrar,
    counters: *mut onem2m_ws_refusal_counters,
) -> i32 {
    guard(|| {
        let c = running(registrar)?.registrar.refusals()?;
        store_sized(
            counters,
            "counters",
            &onem2m_ws_refusal_counters {
                struct_size: 0, // stays what it is
                handshake: c.handshake,
                tls: c.tls,
                half_open: c.half_open,
                connections: c.connections,
            },
        )
    })
}
