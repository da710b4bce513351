//! What TS-0020 adds to WebSocket and to primitives, as pure machines.
//!
//! Covers: TS-0020 clauses 5 and 6. [`Session`] is one end of a relation between registree and registrar; it outlives
//! its connections. [`Registry`] is what a registrar knows of its registrees. Time is an argument, random bytes come
//! from a trait; sockets and tasks are the `net` floor's part.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backoff;
mod config;
mod deadline;
mod event;
mod identity;
mod incoming;
pub mod ni;
mod originator;
mod outbox;
mod outgoing;
mod poa;
mod proxy;
mod reachability;
mod registration;
mod registry;
mod schedule;
mod session;
pub mod subprotocol;
mod transfer;
mod upkeep;

use std::time::{Instant, SystemTime};

pub use backoff::{Backoff, Reopening};
pub use config::{Config, Repeat};
pub use event::{Counters, Event};
pub use identity::{Framework, PeerIdentity};
pub use incoming::IncomingToken;
pub use outbox::{Delivery, Outbox, OutboxConfig, PostId, Posted, WhenFull};
pub use outgoing::{OutgoingLimits, Token};
pub use poa::PointOfAccess;
pub use proxy::Proxy;
pub use reachability::{OutsideWindow, Pending, Reach, Reachability};
pub use registration::{Accepts, Registration, RegistreeKind};
pub use registry::{
    Admission, ConnectionId, Eviction, Flapping, Principal, Registry, RegistryEvent, TAKEN_OVER, TakeOver,
    TakeOverRules,
};
pub use schedule::{Field as ScheduleField, Schedule, ScheduleError};
pub use session::Session;
pub use transfer::Mode;
pub use upkeep::{Saved, Upkeep, UpkeepOutcome};

/// The two clocks of a machine: one for waiting, one for the times in primitives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Never goes back; deadlines are counted on it.
    pub monotonic: Instant,
    /// What `rqet` and timestamps are compared with; may be set while the program runs.
    pub wall: SystemTime,
}
