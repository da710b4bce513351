//! What a session has to tell: events, and numbers that only grow.

use super::{IncomingToken, Registration};
use crate::Result;
use crate::primitive::{Request, Response};
use crate::websocket::Closed;

/// What happened in a session. `W` is what the caller gave with the request.
#[derive(Debug)]
pub enum Event<W> {
    /// The peer asks for something: answer with [`super::Session::respond`].
    Request {
        /// Names the request in the answer.
        token: IncomingToken,
        /// The request; in a box, since it is large and moves from hand to hand.
        request: Box<Request>,
    },
    /// The outcome of a request of ours.
    Response {
        /// What was given to [`super::Session::send`] or [`super::Session::send_in`].
        waiter: W,
        /// The response, whatever its status; an error if there will be none.
        result: Result<Response>,
    },
    /// The peer has accepted a request of [`super::Session::send_in`]; its outcome follows (WS-6.5-1).
    Acknowledged {
        /// What was given to [`super::Session::send_in`].
        waiter: W,
        /// The acknowledgement.
        response: Response,
    },
    /// Our registration succeeded (WS-6.4-2). That of a further entity over the same connection is not told here.
    Registered(Registration),
    /// Our registration was ended by deleting its resource (WS-6.4-5).
    Deregistered(Registration),
    /// The registrar answered a request of ours as if we were not registered (4103, 4106): it may have forgotten us.
    RegistrationDoubted,
    /// A response that nobody waits for: late, duplicate or foreign. Counted, never answered.
    Unmatched(Response),
    /// Bytes that are no primitive, or a primitive in the wrong kind of frame; the text says what was done.
    Malformed(String),
    /// The peer answered a ping: it is alive.
    Alive,
    /// The connection is over; the session goes on. Its transport is still to be wound up ([`super::Session::transport`]).
    Disconnected(Closed),
    /// The session is over: [`super::Session::close`] is complete.
    Closed,
}

/// What a session counted. Plain numbers, never reset.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that carried this session.
    pub connections: u64,
    /// Requests written to a connection.
    pub requests_sent: u64,
    /// Responses that found their request.
    pub responses_received: u64,
    /// Requests read from a connection, also those that were refused.
    pub requests_received: u64,
    /// Responses written to a connection.
    pub responses_sent: u64,
    /// Responses that nobody waits for.
    pub unmatched: u64,
    /// Requests of ours that ran out of time.
    pub timeouts: u64,
    /// Requests of ours that expired before they could be sent, and requests of the peer's that had expired when they came
    /// (4008).
    pub expired: u64,
    /// Requests of ours that were under way when their connection broke, and are sent again.
    pub repeated: u64,
    /// Requests of the peer's that our application did not answer in time.
    pub unanswered: u64,
    /// Messages that were no primitive.
    pub malformed: u64,
    /// Deviations from the standard that were tolerated.
    pub deviations: u64,
}

#[cfg(feature = "net")]
impl Counters {
    /// Adds the counts of another session.
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            connections,
            requests_sent,
            responses_received,
            requests_received,
            responses_sent,
            unmatched,
            timeouts,
            expired,
            repeated,
            unanswered,
            malformed,
            deviations,
        } = other;
        self.connections += connections;
        self.requests_sent += requests_sent;
        self.responses_received += responses_received;
        self.requests_received += requests_received;
        self.responses_sent += responses_sent;
        self.unmatched += unmatched;
        self.timeouts += timeouts;
        self.expired += expired;
        self.repeated += repeated;
        self.unanswered += unanswered;
        self.malformed += malformed;
        self.deviations += deviations;
    }
}
