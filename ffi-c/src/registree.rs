//! What happens to the registrees of a registrar, as C sees it.

use std::ffi::c_void;
use std::ptr;

use onem2m::Error;
use onem2m::bridge::Delivery;
use onem2m::registrar::UpstreamState;
use onem2m::server::ServerEvent;

use crate::callback::Calling;
use crate::courier::Receiver;
use crate::error::OK;
use crate::handle::Callbacks;
use crate::peer_identity::onem2m_ws_peer_identity;
use crate::text::onem2m_ws_text;

/// What happened. Kinds may be added: ignore one that you do not know.
#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_registree_event_kind {
    /// `entity` registered over a connection. ONEM2M_WS_REGISTREE_REACHABLE follows, unless another one of it is open.
    ONEM2M_WS_REGISTREE_REGISTERED = 1,
    /// Its registration has ended. Nothing is routed to it any more.
    ONEM2M_WS_REGISTREE_DEREGISTERED = 2,
    /// It was offline and is reached over `connection` now; what waits for it is sent.
    ONEM2M_WS_REGISTREE_REACHABLE = 3,
    /// It is offline: `connection` ended, as `cause` says. Notifications for it wait until it comes back.
    ONEM2M_WS_REGISTREE_UNREACHABLE = 4,
    /// It is reached over another connection than before, `connection`, without a time between them in which it was offline.
    ONEM2M_WS_REGISTREE_TAKEN_OVER = 5,
    /// A newcomer, `connection` from `peer`, spoke for an entity whose connection lives, and was closed for it.
    ONEM2M_WS_REGISTREE_NEWCOMER_REFUSED = 6,
    /// It was taken over `count` times, so often that two programs seem to have its credential. Nobody is banned for it.
    ONEM2M_WS_REGISTREE_FLAPPING = 7,
    /// Somebody at `peer` spoke for an entity that belongs to another credential, and was refused.
    ONEM2M_WS_REGISTREE_SECURITY_ALERT = 8,
    /// The request `request_id` that was accepted for the entity expired before the entity came to take it.
    ONEM2M_WS_REGISTREE_REQUEST_EXPIRED = 9,
    /// The request `request_id` that was accepted for the entity will not be sent any more: it was not answered in several tries,
    /// or cannot be written.
    ONEM2M_WS_REGISTREE_REQUEST_GIVEN_UP = 10,
    /// `count` events were not kept, since callbacks were too slow.
    ONEM2M_WS_REGISTREE_EVENTS_MISSED = 11,
    /// Somebody at `peer` got no connection because TLS failed, as `cause` says: their credential is not one that is taken here, or
    /// they do not speak it. At most 16 in a second are told; onem2m_ws_registrar_refusal_counters() counts all.
    ONEM2M_WS_REGISTREE_TLS_REFUSED = 12,
}

/// Something that happened to a registree. Members that a kind does not name are empty or 0. Later versions may add members at
/// the end. Everything is valid until the callback returns.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_registree_event {
    /// One of onem2m_ws_registree_event_kind.
    pub kind: i32,
    /// The entity, by the shortest form of its identifier: "Ca" for "/id-in/Ca".
    pub entity: onem2m_ws_text,
    /// The number of a connection; none is used twice in a process.
    pub connection: u64,
    /// How many.
    pub count: u64,
    /// Why, in one line that is safe to log.
    pub cause: onem2m_ws_text,
    /// The address of the other end, "192.0.2.1:40000".
    pub peer: onem2m_ws_text,
    /// Who is authenticated there.
    pub principal: onem2m_ws_text,
    /// A request identifier (`rqi`).
    pub request_id: onem2m_ws_text,
    /// Who is authenticated on `connection`, if the kind is REACHABLE or TAKEN_OVER; else NULL. Not to be freed.
    pub identity: *const onem2m_ws_peer_identity,
}

/// The functions of the program that a registrar calls. Set `struct_size` to sizeof(onem2m_ws_registrar_callbacks) and what is
/// not needed to NULL; the struct itself is copied. What holds for the callbacks of a client holds for them.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_registrar_callbacks {
    /// sizeof(onem2m_ws_registrar_callbacks): a later library knows by this which members a program has.
    pub struct_size: usize,
    /// Given to each function below.
    pub user_data: *mut c_void,
    /// Called once, as the last of all calls with `user_data`, when the registrar has ended; not if it could not be started.
    pub drop: Option<extern "C" fn(user_data: *mut c_void)>,
    /// Called when a registree registers, comes, goes, is taken over, and so on. `event` is lent for the time of the call.
    pub on_event: Option<extern "C" fn(user_data: *mut c_void, event: *const onem2m_ws_registree_event)>,
    /// Called with how it stands with its own registrar, if it has one: at the beginning, and after each change; changes in quick
    /// succession may be told as one. `state` is lent for the time of the call.
    pub on_upstream: Option<extern "C" fn(user_data: *mut c_void, state: *const onem2m_ws_upstream_state)>,
}

/// How an MN-CSE stands with its registrar. Later versions may add members at the end.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct onem2m_ws_upstream_state {
    /// There is a connection, and the registration is known to be in force.
    pub is_registered: bool,
    /// Why it is not, as far as that is known: one of onem2m_ws_result; 0 if there is no cause.
    pub cause: i32,
    /// How often this registrar has registered there: more than once if that one has forgotten it.
    pub registrations: u64,
    /// The text of the cause. Valid until the callback returns.
    pub message: onem2m_ws_text,
}

// SAFETY: header, "Threads and callbacks": callbacks and their user data may be used on the thread that delivers them.
unsafe impl Send for onem2m_ws_registrar_callbacks {}
// SAFETY: as above; callbacks of one registrar never run at the same time.
unsafe impl Sync for onem2m_ws_registrar_callbacks {}

impl Callbacks for onem2m_ws_registrar_callbacks {
    const NONE: Self = Self {
        struct_size: size_of::<Self>(),
        user_data: ptr::null_mut(),
        drop: None,
        on_event: None,
        on_upstream: None,
    };
}

/// The callbacks of a registrar.
pub(crate) struct Listener(onem2m_ws_registrar_callbacks);

impl Listener {
    pub(crate) const fn new(callbacks: onem2m_ws_registrar_callbacks) -> Self {
        Self(callbacks)
    }
}

impl Receiver for Listener {
    const WHAT: &'static str = "registrar";

    fn deliver(&self, delivery: Delivery, freed: bool) {
        let onem2m_ws_registrar_callbacks { user_data, on_event, on_upstream, .. } = self.0;
        let _calling = Calling::of(self);
        match delivery {
            _ if freed => {}
            Delivery::Registree { event, .. } => {
                if let Some(on_event) = on_event {
                    with_event(&event, |event| on_event(user_data, event));
                }
            }
            Delivery::Upstream { state, .. } => {
                if let Some(on_upstream) = on_upstream {
                    with_upstream(&state, |state| on_upstream(user_data, state));
                }
            }
            // The rest is of clients.
            _ => {}
        }
    }

    fn finish(&self) {
        if let Some(drop) = self.0.drop {
            let _calling = Calling::of(self);
            drop(self.0.user_data);
        }
    }
}

fn with_upstream(state: &UpstreamState, use_state: impl FnOnce(&onem2m_ws_upstream_state)) {
    use_state(&onem2m_ws_upstream_state {
        is_registered: state.is_registered,
        cause: state.cause.as_ref().map_or(OK, |cause| cause.kind().c_code()),
        registrations: state.registrations,
        message: onem2m_ws_text::of_option(state.cause.as_ref().map(Error::message)),
    });
}

/// Calls `use_event` with the event as C sees it; not at all for one that this interface does not have.
fn with_event(event: &ServerEvent, use_event: impl FnOnce(&onem2m_ws_registree_event)) {
    use ServerEvent as E;
    use onem2m_ws_registree_event_kind as K;
    let mut seen = onem2m_ws_registree_event {
        kind: 0,
        entity: onem2m_ws_text::NONE,
        connection: 0,
        count: 0,
        cause: onem2m_ws_text::NONE,
        peer: onem2m_ws_text::NONE,
        principal: onem2m_ws_text::NONE,
        request_id: onem2m_ws_text::NONE,
        identity: ptr::null(),
    };
    let text = |text: &str| onem2m_ws_text::of(text);
    let address = match event {
        E::NewcomerRefused { peer, .. } | E::SecurityAlert { peer, .. } => peer.map(|peer| peer.to_string()),
        E::TlsRefused { peer, .. } => Some(peer.to_string()),
        _ => None,
    };
    let identity = match event {
        E::Reachable { identity, .. } | E::TakenOver { identity, .. } => identity.as_deref(),
        _ => None,
    };
    let identity = identity.cloned().map(onem2m_ws_peer_identity::new);
    if let Some(identity) = &identity {
        seen.identity = identity;
    }
    let (kind, entity) = match event {
        E::Registered { entity } => (K::ONEM2M_WS_REGISTREE_REGISTERED, Some(entity)),
        E::Deregistered { entity } => (K::ONEM2M_WS_REGISTREE_DEREGISTERED, Some(entity)),
        E::Reachable { entity, connection, .. } => {
            seen.connection = connection.0;
            (K::ONEM2M_WS_REGISTREE_REACHABLE, Some(entity))
        }
        E::Unreachable { entity, connection, cause } => {
            (seen.connection, seen.cause) = (connection.0, text(cause));
            (K::ONEM2M_WS_REGISTREE_UNREACHABLE, Some(entity))
        }
        E::TakenOver { entity, by, principal, .. } => {
            seen.connection = by.0;
            seen.principal = onem2m_ws_text::of_option(principal.as_ref().map(|principal| principal.as_str()));
            (K::ONEM2M_WS_REGISTREE_TAKEN_OVER, Some(entity))
        }
        E::NewcomerRefused { entity, connection, .. } => {
            seen.connection = connection.0;
            (K::ONEM2M_WS_REGISTREE_NEWCOMER_REFUSED, Some(entity))
        }
        E::Flapping { entity, count } => {
            seen.count = *count as u64;
            (K::ONEM2M_WS_REGISTREE_FLAPPING, Some(entity))
        }
        E::SecurityAlert { entity, principal, .. } => {
            seen.principal = onem2m_ws_text::of_option(principal.as_ref().map(|principal| principal.as_str()));
            (K::ONEM2M_WS_REGISTREE_SECURITY_ALERT, Some(entity))
        }
        E::RequestExpired { entity, rqi } => {
            seen.request_id = text(rqi);
            (K::ONEM2M_WS_REGISTREE_REQUEST_EXPIRED, Some(entity))
        }
        E::RequestGivenUp { entity, rqi } => {
            seen.request_id = text(rqi);
            (K::ONEM2M_WS_REGISTREE_REQUEST_GIVEN_UP, Some(entity))
        }
        E::TlsRefused { why, .. } => {
            seen.cause = text(why);
            (K::ONEM2M_WS_REGISTREE_TLS_REFUSED, None)
        }
        E::Missed { count } => {
            seen.count = *count;
            (K::ONEM2M_WS_REGISTREE_EVENTS_MISSED, None)
        }
        _ => return,
    };
    seen.kind = kind as i32;
    seen.entity = onem2m_ws_text::of_option(entity.map(String::as_str));
    seen.peer = onem2m_ws_text::of_option(address.as_deref());
    use_event(&seen);
}
