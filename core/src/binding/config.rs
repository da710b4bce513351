//! Settings of a session, with their defaults.
//!
//! Covers: the rows of `Session`; each limit has a default here and a test at its edge beside [`super::Session`].

use std::time::Duration;

use super::{Accepts, OutgoingLimits};
use crate::codec::DecodeOptions;
use crate::primitive::{Operation, ReleaseVersion};

/// Which requests may be sent again, with the same `rqi`, when the connection broke before their response came.
///
/// The receiver may have carried the first one out, and takes the second one for a new request (TS-0001 7.1.7): so none is by
/// default, and its outcome is told to be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Repeat {
    /// None.
    #[default]
    Never,
    /// RETRIEVE, which changes nothing.
    Retrieve,
    /// RETRIEVE, UPDATE and DELETE: done twice, they leave what they leave when done once. Of a second DELETE the answer is 4004.
    Idempotent,
    /// All: a CREATE may make two resources, a NOTIFY may be heard twice.
    All,
}

impl Repeat {
    /// True if a request with this operation may be sent again.
    #[must_use]
    pub const fn allows(self, operation: Operation) -> bool {
        match self {
            Self::Never => false,
            Self::Retrieve => matches!(operation, Operation::Retrieve),
            Self::Idempotent => matches!(operation, Operation::Retrieve | Operation::Update | Operation::Delete),
            Self::All => true,
        }
    }
}

/// Settings of a [`super::Session`].
#[derive(Clone, Debug)]
pub struct Config {
    /// How primitives are read.
    pub decode: DecodeOptions,
    /// Longest wait for a response: 30 s. A request's own `rqet` counts where it is sooner.
    pub request_timeout: Duration,
    /// Longest wait for our application's answer to a request of the peer's: 30 s, then 5000 is sent.
    pub answer_timeout: Duration,
    /// Requests of the peer's that may be unanswered at a time: 256. One more is answered 5207 NOT_ACCEPTABLE.
    pub max_incoming: usize,
    /// Bounds of what waits on our side.
    pub outgoing: OutgoingLimits,
    /// Which requests may be sent again when their connection broke: none.
    pub repeat: Repeat,
    /// Which requests the application takes.
    pub accepts: Accepts,
    /// Put into requests that have no `fr`.
    pub originator: Option<String>,
    /// Put into requests that have no `rvi`; `None` speaks to a Release 1 registrar.
    pub release_version: Option<ReleaseVersion>,
    /// True for a registree: its requests other than a registration are refused before the registration (WS-6.4-3), and
    /// its registrations are noticed (WS-6.4-2).
    pub gated: bool,
    /// Closes a connection over which no primitive has travelled for so long, to save power; `None`: it stays open as long as
    /// possible (TS-0020 6.3). It waits for what is under way (WS-6.5-2), and the registration stays in force (WS-6.4-4).
    pub idle_close: Option<Duration>,
    /// Least time between two messages of which the first is not known to have been read: a request is when its response has
    /// come. None, unless the peer mixes up what comes right behind one another, as ACME does.
    pub message_gap: Option<Duration>,
    /// Written but unsent bytes above which no further request is taken out of the queue: 1 MiB.
    pub high_water: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            decode: DecodeOptions::default(),
            request_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(30),
            max_incoming: 256,
            outgoing: OutgoingLimits::default(),
            repeat: Repeat::Never,
            accepts: Accepts::default(),
            originator: None,
            release_version: Some("3".into()),
            gated: false,
            idle_close: None,
            message_gap: None,
            high_water: 1 << 20,
        }
    }
}
