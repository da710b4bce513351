//! Requests of the peer's that our application has not answered yet.
//!
//! Covers: TS-0001 7.1.7 (an identifier that is still pending is rejected; a finished one is a new request), row
//! WS-6.5-2 (a request that we owe an answer holds our close back).

use std::collections::VecDeque;
use std::time::Instant;

use super::timers::{Timer, Timers};
use crate::primitive::Response;
use crate::{Error, ErrorKind, Result};

/// Names one request of the peer's until it is answered. A stale token names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct IncomingToken(u64);

/// Entries for which an idle session keeps room: one request at a time is what most peers send.
const IDLE_ENTRIES: usize = 1;

struct Entry {
    number: u64,
    rqi: String,
    release_version: Option<String>,
}

/// In the order in which they came, which is also that of their numbers; few at a time (the limit is small), and mostly
/// answered in that order.
#[derive(Default)]
pub(super) struct Incoming {
    next: u64,
    entries: VecDeque<Entry>,
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
        if self.entries.capacity() == 0 {
            self.entries.reserve_exact(IDLE_ENTRIES);
        }
        self.entries.push_back(Entry { number, rqi, release_version });
        timers.add(deadline, Timer::Incoming(number));
        Some(IncomingToken(number))
    }

    /// Takes the request out and completes its response with what only the request knows.
    pub(super) fn answer(&mut self, token: IncomingToken, mut response: Response) -> Result<Response> {
        let Some(entry) = self.position(token.0).and_then(|at| self.entries.remove(at)) else {
            return Err(self.why_not(token));
        };
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
        if self.entries.is_empty() && self.entries.capacity() > IDLE_ENTRIES {
            self.entries = VecDeque::new();
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

    fn position(&self, number: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&number, |entry| entry.number).ok()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.position(number).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The connection that brought them is gone, or will take no answer.
    pub(super) fn lose(&mut self) {
        if !self.entries.is_empty() {
            self.lost = self.entries.iter().map(|entry| entry.number).collect();
            self.entries = VecDeque::new();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::primitive::StatusCode;

    #[test]
    fn answers_find_their_request_in_any_order_and_once() {
        let (mut incoming, mut timers, now) = (Incoming::default(), Timers::default(), Instant::now());
        let mut tokens: Vec<_> =
            (0..9).map(|n| incoming.push(format!("r{n}"), None, now, &mut timers).unwrap()).collect();
        assert_eq!(incoming.push("r4".to_owned(), None, now, &mut timers), None, "it is pending already");
        for (at, rqi) in [(4, "r4"), (0, "r0"), (6, "r8"), (2, "r3")] {
            let token = tokens.remove(at);
            let answer = incoming.answer(token, Response::new(StatusCode::OK)).unwrap();
            assert_eq!(answer.request_id, rqi);
            let again = incoming.answer(token, Response::new(StatusCode::OK)).unwrap_err();
            assert_eq!(again.kind(), ErrorKind::AlreadyResponded);
            assert!(!incoming.contains(token.0));
        }
        assert!(incoming.push("r4".to_owned(), None, now, &mut timers).is_some(), "a finished one is a new request");
        assert_eq!(incoming.len(), 6);
        tokens.into_iter().for_each(|token| incoming.dismiss(token));
        assert_eq!(incoming.len(), 1);
    }
}
