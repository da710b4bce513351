//! Requests of the peer's that our application has not answered yet.
//!
//! Covers: TS-0001 7.1.7 (an identifier that is still pending is rejected; a finished one is a new request), row
//! WS-6.5-2 (a request that we owe an answer holds our close back).

use std::collections::VecDeque;
use std::time::Instant;

use smol_str::SmolStr;

use super::deadline::Earliest;
use crate::primitive::ReleaseVersion;
use crate::{Error, ErrorKind, Result};

/// Names one request of the peer's until it is answered. A stale token names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IncomingToken(u64);

/// A request that waits for its answer: what that repeats of it.
pub(super) struct Entry {
    number: u64,
    deadline: Instant,
    /// Mostly short enough to claim no memory.
    pub(super) rqi: SmolStr,
    pub(super) release_version: Option<ReleaseVersion>,
}

/// In the order in which they came, which is also that of their numbers; few at a time (the limit is small), and mostly
/// answered in that order.
#[derive(Default)]
pub(super) struct Incoming {
    next: u64,
    entries: VecDeque<Entry>,
    earliest: Earliest,
    /// Those whose connection went before they were answered, of the last one only: so that a late answer is told why it
    /// is none.
    lost: Vec<u64>,
}

impl Incoming {
    /// Takes a request in; `None` if its identifier is pending already.
    pub(super) fn push(
        &mut self,
        rqi: &str,
        release_version: Option<ReleaseVersion>,
        deadline: Instant,
    ) -> Option<IncomingToken> {
        if self.entries.iter().any(|entry| entry.rqi == rqi) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        if self.entries.capacity() == 0 {
            self.entries.reserve_exact(1); // one request at a time is what most peers send
        }
        self.entries.push_back(Entry { number, deadline, rqi: rqi.into(), release_version });
        self.earliest.add(deadline);
        Some(IncomingToken(number))
    }

    /// Takes the request out, to answer it.
    pub(super) fn take(&mut self, token: IncomingToken) -> Result<Entry> {
        // Most are answered in the order in which they came.
        let entry = match self.entries.front() {
            Some(first) if first.number == token.0 => self.entries.pop_front(),
            _ => self.position(token.0).and_then(|at| self.entries.remove(at)),
        };
        entry.ok_or_else(|| self.why_not(token))
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

    /// The next deadline. When nothing waits there is none, and no memory is held.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        if self.entries.is_empty() {
            if self.entries.capacity() > 0 {
                self.entries = VecDeque::new();
            }
            self.earliest = Earliest::default();
        }
        self.earliest.get()
    }

    /// Those that have waited long enough for our application.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<IncomingToken> {
        let all = self.entries.iter().map(|entry| (entry.deadline, IncomingToken(entry.number)));
        self.earliest.take_due(now, all)
    }

    /// Takes the request out without an answer.
    pub(super) fn dismiss(&mut self, token: IncomingToken) {
        self.entries.retain(|entry| entry.number != token.0);
    }

    fn position(&self, number: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&number, |entry| entry.number).ok()
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

    #[test]
    fn answers_find_their_request_in_any_order_and_once() {
        let (mut incoming, now) = (Incoming::default(), Instant::now());
        let mut tokens: Vec<_> = (0..9).map(|n| incoming.push(&format!("r{n}"), None, now).unwrap()).collect();
        assert_eq!(incoming.push("r4", None, now), None, "it is pending already");
        for (at, rqi) in [(4, "r4"), (0, "r0"), (6, "r8"), (2, "r3")] {
            let token = tokens.remove(at);
            assert_eq!(incoming.take(token).unwrap().rqi, rqi);
            assert_eq!(incoming.take(token).err().unwrap().kind(), ErrorKind::AlreadyResponded);
        }
        assert!(incoming.push("r4", None, now).is_some(), "a finished one is a new request");
        assert_eq!(incoming.len(), 6);
        tokens.into_iter().for_each(|token| incoming.dismiss(token));
        assert_eq!(incoming.len(), 1);
    }

    #[test]
    fn nothing_that_waits_holds_no_memory_and_has_no_deadline() {
        let (mut incoming, now) = (Incoming::default(), Instant::now());
        let tokens: Vec<_> = (0..100).map(|n| incoming.push(&format!("r{n}"), None, now).unwrap()).collect();
        assert_eq!(incoming.poll_timeout(), Some(now));
        tokens.into_iter().for_each(|token| incoming.dismiss(token));
        assert_eq!((incoming.poll_timeout(), incoming.entries.capacity()), (None, 0));
    }
}
