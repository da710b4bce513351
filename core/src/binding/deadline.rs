//! How long things wait, and when to look at the deadlines of what waits: one instant for many.
//!
//! Each request keeps its own deadline. Here is only the earliest of them, which is not moved when that request ends: whoever
//! comes back then finds nothing due, and looks for the earliest again. For requests that all wait equally long, as most
//! do, that is once in such a time, and noting a deadline costs a comparison and no memory.

use std::time::{Duration, Instant};

use super::Now;
use crate::primitive::Request;
use crate::{Error, ErrorKind, Result};

/// As good as never, and still a point in time.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The instant `wait` after `now`; no wait is too long.
pub(super) fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(NEVER)
}

/// The wait after so many failures in a row: it doubles with each, up to the longest.
pub(super) fn doubled(first: Duration, failures: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << failures.min(20)).min(longest)
}

/// How long a request of ours is still of use: to its `rqet` or `rset`. `None`: it says neither.
pub(super) fn time_left(request: &Request, now: Now) -> Result<Option<Duration>> {
    match request.time_left(now.wall) {
        Err(expiration) => {
            let text = format!("{expiration} is neither a timestamp nor milliseconds");
            Err(Error::new(ErrorKind::InvalidArgument, text))
        }
        Ok(Some((Duration::ZERO, expiration))) => {
            Err(Error::new(ErrorKind::Timeout, format!("{expiration} has passed")))
        }
        Ok(left) => Ok(left.map(|(left, _)| left)),
    }
}

/// No deadline is before it.
#[derive(Default)]
pub(super) struct Earliest(Option<Instant>);

impl Earliest {
    pub(super) fn add(&mut self, deadline: Instant) {
        if self.0.is_none_or(|earliest| deadline < earliest) {
            self.0 = Some(deadline);
        }
    }

    pub(super) fn get(&self) -> Option<Instant> {
        self.0
    }

    /// Those of `all` that are due, the first to be due first; the earliest is that of the others from now on.
    pub(super) fn take_due<T: Ord>(&mut self, now: Instant, all: impl Iterator<Item = (Instant, T)>) -> Vec<T> {
        if self.0.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        self.0 = None;
        let mut due = Vec::new();
        for (deadline, item) in all {
            if deadline <= now {
                due.push((deadline, item));
            } else {
                self.add(deadline);
            }
        }
        due.sort_unstable();
        due.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_due_comes_in_order_and_the_rest_is_waited_for() {
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        let mut earliest = Earliest::default();
        let mut all = vec![(at(3), 'c'), (at(1), 'a'), (at(2), 'b'), (at(9), 'z')];
        all.iter().for_each(|(deadline, _)| earliest.add(*deadline));
        assert_eq!(earliest.get(), Some(at(1)));
        assert!(earliest.take_due(start, all.iter().copied()).is_empty());
        assert_eq!(earliest.take_due(at(3), all.iter().copied()), ['a', 'b', 'c']);
        assert_eq!(earliest.get(), Some(at(9)));
        // The one that was waited for has ended meanwhile.
        all.clear();
        assert!(earliest.take_due(at(9), all.iter().copied()).is_empty());
        assert_eq!(earliest.get(), None);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let wait = |failures| doubled(SECOND, failures, 60 * SECOND).as_secs();
        assert_eq!([0, 1, 5, 6, 7, u32::MAX].map(wait), [1, 2, 32, 60, 60, 60]);
        assert_eq!(doubled(Duration::MAX, 3, Duration::MAX), Duration::MAX);
    }

    #[test]
    fn no_wait_is_too_long() {
        let now = Instant::now();
        assert_eq!(after(now, SECOND), now + SECOND);
        assert!(after(now, Duration::MAX) > now + Duration::from_secs(1 << 30));
    }
}
