//! What happens to a client besides requests: where its connection stands, and what becomes of its registration.
//!
//! Covers: rows WS-5.2-5, -6, -9, WS-6.4-4. Only the words; the driver says them.

use std::time::{Duration, SystemTime};

use crate::binding::{Registration, UpkeepOutcome};
use crate::primitive::Response;
use crate::{Error, ErrorKind, Result};

/// Where a client's connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionState {
    /// There is none. It is opened by the next request, by [`Client::connect`](super::Client::connect), by the time to become
    /// reachable, or by itself if the client stays connected.
    Disconnected,
    /// One is being opened.
    Connecting,
    /// It is open; the entity is not registered yet.
    Open,
    /// It is open and the entity is registered: requests of any kind travel in both directions.
    Registered,
    /// It is being closed; what is under way is waited for.
    Closing,
    /// The client was closed; nothing can be sent any more.
    Closed,
}

impl ConnectionState {
    /// True while primitives travel: open or registered.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Registered)
    }
}

/// A change of a client's connection, with its cause.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// Where it stands now.
    pub state: ConnectionState,
    /// Why a connection was lost or could not be opened.
    pub cause: Option<Error>,
    /// Which attempt to open it this is, or how many failed in a row.
    pub attempt: u32,
    /// Time until the next attempt; `None` if there is none to come.
    pub next_attempt: Option<Duration>,
}

impl StateChange {
    pub(super) const fn new(state: ConnectionState) -> Self {
        Self { state, cause: None, attempt: 0, next_attempt: None }
    }
}

/// Something else that an application may want to know of its client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The registrar confirmed that the registration is still in force, after a reopening or in a new run.
    RegistrationConfirmed {
        /// When it lapses if it is not renewed; `None` if the registrar does not say.
        until: Option<SystemTime>,
    },
    /// The registration was renewed before it lapsed.
    RegistrationRenewed {
        /// When it lapses if it is not renewed again; it will be.
        until: SystemTime,
    },
    /// The registrar had forgotten the entity, and it was registered again. Containers and subscriptions below its resource are
    /// gone: make them again.
    RegisteredAgain(Registration),
    /// The registration could not be checked, renewed or made again; the error has the registrar's answer, its status and its
    /// text. It is tried again after a while.
    RegistrationFailed(Error),
    /// A request that was posted has left the outbox.
    Delivered {
        /// Its `rqi`, as [`Client::post`](super::Client::post) returned it.
        request_id: String,
        /// The response, whatever its status; or why there is none: `QueueFull` if it made room for a newer one, `Timeout` if it
        /// expired, `ConnectionLost` with an unknown outcome if it may not be repeated, `Encode`, `Closed`.
        result: Result<Response>,
    },
    /// What is to be known in the next run could not be written to its file.
    StorageFailed(Error),
}

impl From<UpkeepOutcome> for ClientEvent {
    fn from(outcome: UpkeepOutcome) -> Self {
        match outcome {
            UpkeepOutcome::Confirmed { until } => Self::RegistrationConfirmed { until },
            UpkeepOutcome::Renewed { until } => Self::RegistrationRenewed { until },
            UpkeepOutcome::RegisteredAgain(registration) => Self::RegisteredAgain(registration),
            UpkeepOutcome::Failed { attempt, status, debug } => {
                let text = format!("the registrar answered the attempt {attempt} with {status}: {debug:?}");
                let response = Response::error(status, debug);
                Self::RegistrationFailed(Error::new(ErrorKind::RegistrationRefused, text).with_response(response))
            }
        }
    }
}
