//! All deadlines of a session in one heap: "when do we wake" has one answer.
//!
//! Entries are not taken out when their request ends (that would cost a search each time): whoever looks at the
//! heap passes over what is stale, and the heap is rebuilt when stale entries outnumber live ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A request of ours has waited long enough for its response.
    Outgoing(u64),
    /// A request of the peer's has waited long enough for our application.
    Incoming(u64),
}

#[derive(Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Timers {
    pub(super) fn add(&mut self, at: Instant, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    /// The next deadline of something that `is_live`.
    pub(super) fn next(&mut self, live: usize, is_live: impl Fn(Timer) -> bool) -> Option<Instant> {
        if self.0.len() > 64 + 2 * live {
            self.0.retain(|Reverse((_, timer))| is_live(*timer));
            self.0.shrink_to(64 + 2 * live);
        }
        while let Some(Reverse((at, timer))) = self.0.peek() {
            if is_live(*timer) {
                return Some(*at);
            }
            self.0.pop();
        }
        None
    }

    /// Takes out the next timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        match self.0.peek() {
            Some(Reverse((at, _))) if *at <= now => self.0.pop().map(|Reverse((_, timer))| timer),
            _ => None,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
