//! Requests of the peer's that our application has not answered yet.
//!
//! Covers: TS-0001 7.1.7 (an identifier that is still pending is rejected; a finished one is a new request), row
//! WS-6.5-2 (a request that we owe an answer holds our close back).

use std::time::Instant;

use super::timers::{Timer, Timers};
use crate::primitive::Response;
use crate::{Error, ErrorKind, Result};

/// Names one request of the peer's until it is answered. A stale token names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct IncomingToken(u64);

struct Entry {
    number: u64,
    rqi: String,
    release_version: Option<String>,
}

/// Few at a time (the limit is small), so a list that is searched from the end is the fastest table.
#[derive(Default)]
pub(super) struct Incoming {
    next: u64,
    entries: Vec<Entry>,
    /// Those whose connection went before they were answered, of the last one only: so that a late answer is told why it
    /// is none.
    lost: Vec<u64>,
}

impl Incoming {
    /// Takes a request in; `None` if its identifier is pending already.
    pub(super) fn push(
        &mut self,
        rqi: String,
        release_version: Option<String>,
        deadline: Instant,
        timers: &mut Timers,
    ) -> Option<IncomingToken> {
        if self.entries.iter().any(|entry| entry.rqi == rqi) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.entries.push(Entry { number, rqi, release_version });
        timers.add(deadline, Timer::Incoming(number));
        Some(IncomingToken(number))
    }

    /// Takes the request out and completes its response with what only the request knows.
    pub(super) fn answer(&mut self, token: IncomingToken, mut response: Response) -> Result<Response> {
        let Some(at) = self.entries.iter().rposition(|entry| entry.number == token.0) else {
            return Err(self.why_not(token));
        };
        let entry = self.entries.swap_remove(at);
        response.request_id = entry.rqi;
        if response.release_version.is_none() {
            response.release_version = entry.release_version;
        }
        self.let_go();
        Ok(response)
    }

    fn why_not(&mut self, token: IncomingToken) -> Error {
        match self.lost.iter().position(|number| *number == token.0) {
            Some(at) => {
                self.lost.swap_remove(at);
                Error::new(ErrorKind::ConnectionLost, "the connection that brought the request is gone")
            }
            None => Error::new(ErrorKind::AlreadyResponded, "the request was answered already, or ran out of time"),
        }
    }

    /// An idle session holds no memory of its busiest hour.
    fn let_go(&mut self) {
        if self.entries.is_empty() {
            self.entries = Vec::new();
        }
    }

    /// Takes the request out without an answer.
    pub(super) fn dismiss(&mut self, token: IncomingToken) {
        self.entries.retain(|entry| entry.number != token.0);
        self.let_go();
    }

    pub(super) fn token(&self, number: u64) -> Option<IncomingToken> {
        self.contains(number).then_some(IncomingToken(number))
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.entries.iter().any(|entry| entry.number == number)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The connection that brought them is gone, or will take no answer.
    pub(super) fn lose(&mut self) {
        if !self.entries.is_empty() {
            self.lost = self.entries.iter().map(|entry| entry.number).collect();
            self.entries = Vec::new();
        }
    }
}
