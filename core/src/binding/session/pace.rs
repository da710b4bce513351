//! Keeps messages apart, for a peer that mixes up what comes right behind one another.
//!
//! Covers: TS-0020 5.1 with a peer that has this defect; `Config::message_gap`. Decides nothing about what is sent.
//!
//! ACME 2026 hands each message to a thread of its own by a closure over the variable that the next message is read into: if
//! that comes before the thread runs, the first of the two is lost and the second is carried out twice. A window of one keeps
//! requests apart, but not a request and an answer, nor two answers. A message is known to have been read when the response to
//! it has come; behind any other one there is a gap.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;

/// Whether a message may go out, and the answers that wait for that.
pub(super) struct Pace {
    gap: Duration,
    /// As of the last input.
    now: Instant,
    /// So long nothing goes out.
    quiet_until: Option<Instant>,
    /// The last message, if it is a request.
    last_request: Option<u64>,
    /// Encoded answers, the oldest first.
    held: VecDeque<BytesMut>,
}

impl Pace {
    pub(super) const fn new(gap: Duration, now: Instant) -> Self {
        Self { gap, now, quiet_until: None, last_request: None, held: VecDeque::new() }
    }

    /// It is `now`.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        self.quiet_until.take_if(|until| *until <= now);
    }

    /// True if a message may go out now.
    pub(super) const fn is_free(&self) -> bool {
        self.quiet_until.is_none()
    }

    /// A message goes out; `request` is its number, if it is one.
    pub(super) fn sent(&mut self, request: Option<u64>) {
        self.quiet_until = self.now.checked_add(self.gap);
        self.last_request = request;
    }

    /// A request has its response.
    pub(super) fn answered(&mut self, request: u64) {
        if self.last_request == Some(request) {
            self.quiet_until = None;
        }
    }

    /// Keeps an answer until it may go out.
    pub(super) fn hold(&mut self, answer: BytesMut) {
        self.held.push_back(answer);
    }

    /// Takes the next answer that waits.
    pub(super) fn take_held(&mut self) -> Option<BytesMut> {
        self.held.pop_front()
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// When something that waits may go out.
    pub(super) fn poll_timeout(&self, requests_wait: bool) -> Option<Instant> {
        self.quiet_until.filter(|_| requests_wait || !self.held.is_empty())
    }
}
