//! All deadlines of a session in one heap: "when do we wake" has one answer.
//!
//! Entries are not taken out when their request ends (that would cost a search each time): whoever looks at the
//! heap passes over what is stale, and the heap is rebuilt when stale entries outnumber live ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A request of ours has waited long enough for its response.
    Outgoing(u64),
    /// A request of the peer's has waited long enough for our application.
    Incoming(u64),
}

/// Entries for which an idle session keeps room.
const IDLE: usize = 16;

/// As good as never, and still a point in time.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The instant `wait` after `now`; no wait is too long.
pub(super) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(NEVER)
}

#[derive(Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Timers {
    pub(super) fn add(&mut self, at: Instant, timer: Timer) {
        self.0.push(Reverse((at, timer)));
    }

    /// Lets go of stale entries when they outnumber the `live` ones. To be called after each [`Self::add`].
    pub(super) fn tidy(&mut self, live: usize, is_live: impl Fn(Timer) -> bool) {
        if self.0.len() > 64 + 2 * live {
            self.0.retain(|Reverse((_, timer))| is_live(*timer));
            self.0.shrink_to(64 + 2 * live);
        }
    }

    /// The next deadline of something that `is_live`.
    pub(super) fn next(&mut self, is_live: impl Fn(Timer) -> bool) -> Option<Instant> {
        while let Some(Reverse((at, timer))) = self.0.peek() {
            if is_live(*timer) {
                return Some(*at);
            }
            self.0.pop();
        }
        self.0.shrink_to(IDLE);
        None
    }

    /// Takes out the next timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        match self.0.peek() {
            Some(Reverse((at, _))) if *at <= now => self.0.pop().map(|Reverse((_, timer))| timer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_entries_do_not_pile_up_although_nobody_asks_for_the_next() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for number in 0..100_000 {
            timers.add(start, Timer::Outgoing(number));
            timers.tidy(1, |timer| timer == Timer::Outgoing(number));
            assert!(timers.0.len() <= 67);
        }
        assert!(timers.0.capacity() <= 256);
        assert_eq!(timers.next(|_| false), None);
        assert!(timers.0.capacity() <= IDLE);
    }

    #[test]
    fn no_wait_is_too_long() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::from_secs(1)), now + Duration::from_secs(1));
        assert!(after(now, Duration::MAX) > now + Duration::from_secs(1 << 30));
    }
}
