//! What TS-0020 adds to WebSocket and to primitives, as pure machines.
//!
//! Covers: TS-0020 clauses 5 and 6. [`Session`] is one end of a relation between registree and registrar; it outlives
//! its connections. [`Registry`] is what a registrar knows of its registrees. Time is an argument, random bytes come
//! from a trait; sockets and tasks are the `net` floor's part.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod deadline;
mod event;
mod incoming;
mod outgoing;
mod poa;
mod proxy;
mod registration;
mod registry;
mod session;
pub mod subprotocol;
mod transfer;

use std::time::{Instant, SystemTime};

pub use config::Config;
pub use event::{Counters, Event};
pub use incoming::IncomingToken;
pub use outgoing::{OutgoingLimits, Token};
pub use poa::PointOfAccess;
pub use proxy::Proxy;
pub use registration::{Accepts, Registration, RegistreeKind};
pub use registry::{Admission, ConnectionId, Registry};
pub use session::Session;
pub use transfer::Mode;

/// The two clocks of a machine: one for waiting, one for the times in primitives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Never goes back; deadlines are counted on it.
    pub monotonic: Instant,
    /// What `rqet` and timestamps are compared with; may be set while the program runs.
    pub wall: SystemTime,
}
