//! What comes back from the runtime: the queue that an event loop or a thread drains, and the slot that one call waits at.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use onem2m_ws::binding::{Registration, RegistreeKind};
use onem2m_ws::bridge::{self, Delivery, Outcome, Recipient, Waited};
use onem2m_ws::client::{ClientEvent, ConnectionState, StateChange};
use onem2m_ws::registrar::UpstreamState;
use onem2m_ws::server::ServerEvent;
use onem2m_ws::{Error, ErrorKind};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors::{self, OrRaise};
use crate::message::{ReceivedRequest, ReceivedResponse};
use crate::wait::{self, Home};

/// A call succeeded: its number, what it returns.
pub(crate) const RESULT: u8 = 0;
/// A call failed: its number, the exception.
pub(crate) const ERROR: u8 = 1;
/// A peer asks for something: the number of the handle, the request.
pub(crate) const REQUEST: u8 = 2;
/// A connection changed: the number of the handle, (state, cause, attempt, seconds until the next attempt).
pub(crate) const STATE: u8 = 3;
/// Something else happened to a client, or to a registree of a registrar: the number of the handle, the name of the class in
/// `onem2m_ws.events` and its fields.
pub(crate) const EVENT: u8 = 4;

/// The registrar has accepted a request whose result comes later: the number of the call, the acknowledgement.
pub(crate) const ACKNOWLEDGED: u8 = 5;

/// Everything that happens for the clients of one event loop or thread, in order.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Queue {
    pub(crate) queue: Arc<bridge::Queue>,
    home: Home,
}

#[pymethods]
impl Queue {
    #[new]
    fn new(py: Python<'_>, capacity: usize) -> PyResult<Self> {
        Ok(Self { queue: Arc::new(bridge::Queue::new(capacity).or_raise(py)?), home: Home::here() })
    }

    /// A descriptor that is readable while there is something.
    fn fileno(&self) -> i32 {
        self.queue.descriptor()
    }

    /// All there is, without waiting: a list of (kind, number, payload).
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.home.check(py)?;
        listed(py, self.queue.drain())
    }

    /// Waits until there is something and returns all of it; empty after `seconds`.
    fn wait<'py>(&self, py: Python<'py>, seconds: f64) -> PyResult<Bound<'py, PyList>> {
        self.home.check(py)?;
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let deadline = Instant::now() + time;
        let deliveries = wait::detached(py, || {
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let deliveries = self.queue.wait(left.min(wait::SLICE));
                if !deliveries.is_empty() || left.is_zero() || wait::is_exiting() {
                    return deliveries;
                }
            }
        })?;
        listed(py, deliveries)
    }
}

fn listed<'py>(py: Python<'py>, deliveries: VecDeque<Delivery>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for delivery in deliveries {
        match delivery {
            Delivery::Completed { call, result: Ok(outcome) } => list.append((RESULT, call, returned(py, outcome)?))?,
            Delivery::Completed { call, result: Err(error) } => {
                list.append((ERROR, call, errors::exception(py, &error)?))?;
            }
            // Nothing here sends in a mode that is acknowledged.
            Delivery::Acknowledged { call, response } => {
                list.append((ACKNOWLEDGED, call, ReceivedResponse::new(response)))?;
            }
            Delivery::Request { handle, request } => list.append((REQUEST, handle, ReceivedRequest::new(request)))?,
            Delivery::State { handle, change } => list.append((STATE, handle, state(py, &change)?))?,
            Delivery::Event { handle, event } => list.append((EVENT, handle, happened(py, event)?))?,
            Delivery::Registree { handle, event } => list.append((EVENT, handle, registree(py, event)?))?,
            Delivery::Upstream { handle, state } => list.append((EVENT, handle, upstream(py, &state)?))?,
        }
    }
    Ok(list)
}

/// What a call returns to Python.
fn returned(py: Python<'_>, outcome: Outcome) -> PyResult<Bound<'_, PyAny>> {
    match outcome {
        Outcome::Response(response) => Ok(Bound::new(py, ReceivedResponse::new(response))?.into_any()),
        Outcome::Registered(registration) => registered(&registration).into_bound_py_any(py),
        Outcome::Posted(rqi) => rqi.into_bound_py_any(py),
        Outcome::Done => Ok(py.None().into_bound(py)),
    }
}

pub(crate) fn registered(registration: &Registration) -> (&str, &'static str) {
    let kind = match registration.kind {
        RegistreeKind::Ae => "AE",
        RegistreeKind::Cse => "CSE",
    };
    (&registration.entity, kind)
}

pub(crate) fn state<'py>(py: Python<'py>, change: &StateChange) -> PyResult<Bound<'py, PyAny>> {
    let state = match change.state {
        ConnectionState::Disconnected => "disconnected",
        ConnectionState::Connecting => "connecting",
        ConnectionState::Open => "open",
        ConnectionState::Registered => "registered",
        ConnectionState::Closing => "closing",
        ConnectionState::Closed => "closed",
    };
    let cause = change.cause.as_ref().map(|error| errors::exception(py, error)).transpose()?;
    (state, cause, change.attempt, change.next_attempt.map(|time| time.as_secs_f64())).into_bound_py_any(py)
}

/// An event, as the class and the fields that Python makes of it; `None` if this version of the module does not know it.
fn happened(py: Python<'_>, event: ClientEvent) -> PyResult<Bound<'_, PyAny>> {
    match event {
        ClientEvent::RegistrationConfirmed { until } => {
            ("RegistrationConfirmed", until.map(since_epoch)).into_bound_py_any(py)
        }
        ClientEvent::RegistrationRenewed { until } => ("RegistrationRenewed", since_epoch(until)).into_bound_py_any(py),
        ClientEvent::RegisteredAgain(registration) => ("RegisteredAgain", registration.entity).into_bound_py_any(py),
        ClientEvent::RegistrationFailed(error) => {
            ("RegistrationFailed", errors::exception(py, &error)?).into_bound_py_any(py)
        }
        ClientEvent::StorageFailed(error) => ("StorageFailed", errors::exception(py, &error)?).into_bound_py_any(py),
        ClientEvent::Delivered { request_id, result } => {
            let (response, error) = match result {
                Ok(response) => (Some(ReceivedResponse::new(response)), None),
                Err(error) => (None, Some(errors::exception(py, &error)?)),
            };
            ("Delivered", request_id, response, error).into_bound_py_any(py)
        }
        _ => Ok(py.None().into_bound(py)),
    }
}

/// An event of a registrar, likewise.
fn registree(py: Python<'_>, event: ServerEvent) -> PyResult<Bound<'_, PyAny>> {
    let shown = |peer: Option<SocketAddr>| peer.map(|peer| peer.to_string());
    match event {
        ServerEvent::Registered { entity } => ("Registered", entity).into_bound_py_any(py),
        ServerEvent::Deregistered { entity } => ("Deregistered", entity).into_bound_py_any(py),
        ServerEvent::Reachable { entity, .. } => ("Reachable", entity).into_bound_py_any(py),
        ServerEvent::Unreachable { entity, cause, .. } => ("Unreachable", entity, cause).into_bound_py_any(py),
        ServerEvent::TakenOver { entity, .. } => ("TakenOver", entity).into_bound_py_any(py),
        ServerEvent::NewcomerRefused { entity, peer, .. } => {
            ("NewcomerRefused", entity, shown(peer)).into_bound_py_any(py)
        }
        ServerEvent::Flapping { entity, count } => ("Flapping", entity, count).into_bound_py_any(py),
        ServerEvent::SecurityAlert { entity, peer, .. } => ("SecurityAlert", entity, shown(peer)).into_bound_py_any(py),
        ServerEvent::TlsRefused { peer, why } => ("TlsRefused", peer.to_string(), why).into_bound_py_any(py),
        ServerEvent::RequestExpired { entity, rqi } => ("RequestExpired", entity, rqi).into_bound_py_any(py),
        ServerEvent::RequestGivenUp { entity, rqi } => ("RequestGivenUp", entity, rqi).into_bound_py_any(py),
        ServerEvent::Missed { count } => ("Missed", count).into_bound_py_any(py),
        _ => Ok(py.None().into_bound(py)),
    }
}

/// How a registrar stands with its own, likewise.
pub(crate) fn upstream<'py>(py: Python<'py>, state: &UpstreamState) -> PyResult<Bound<'py, PyAny>> {
    let cause = state.cause.as_ref().map(|error| errors::exception(py, error)).transpose()?;
    ("UpstreamState", state.is_registered, state.registrations, cause).into_bound_py_any(py)
}

/// A time as Python counts it: in seconds since 1970.
pub(crate) fn since_epoch(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// Where one blocked call waits for its outcome.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Slot {
    pub(crate) slot: Arc<bridge::Slot>,
    home: Home,
}

#[pymethods]
impl Slot {
    #[new]
    fn new() -> Self {
        Self { slot: bridge::Slot::new(), home: Home::here() }
    }

    /// Waits for the outcome and returns it, or raises the error. Ctrl-C is seen within 50 ms.
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.home.check(py)?;
        let mut signal = None;
        let waited = wait::detached(py, || {
            self.slot.wait(None, || {
                // This is the caller's own thread: it attaches itself again to run its signal handlers.
                wait::is_exiting()
                    || Python::attach(|py| py.check_signals()).map_err(|error| signal = Some(error)).is_err()
            })
        })?;
        match waited {
            Waited::Outcome(outcome) => returned(py, outcome.or_raise(py)?),
            Waited::TimedOut | Waited::Interrupted => {
                Err(signal
                    .unwrap_or_else(|| errors::raised(py, &Error::new(ErrorKind::Closed, "the program is ending"))))
            }
        }
    }
}

/// Where the outcome of a call goes: to the queue, with the number of the call, or to a slot.
#[derive(FromPyObject)]
pub(crate) enum To<'py> {
    Call(u64),
    Slot(Bound<'py, Slot>),
}

impl To<'_> {
    pub(crate) fn recipient(&self, queue: &Arc<bridge::Queue>) -> (Recipient, u64) {
        match self {
            Self::Call(call) => (Recipient::Queue(Arc::clone(queue)), *call),
            Self::Slot(slot) => (Recipient::Slot(Arc::clone(&slot.get().slot)), 0),
        }
    }
}
