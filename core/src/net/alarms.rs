//! One coarse clock for many connections that wait long.
//!
//! Covers: row WS-6.3-2, as far as it costs memory: an idle connection waits for its next ping, and a timer of its own would
//! be a tenth of all that it holds. What it does not do: be exact. It rings up to a second early, never late; who is rung
//! then sets a timer of its own for the rest.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long the alarms are that go together.
const TICK: Duration = Duration::from_secs(1);
/// What is further away rings after so many ticks, and is set again.
const MOST_TICKS: usize = 64;

/// Alarms of connections, each named by a `K`.
pub(crate) struct Alarms<K> {
    wheel: Mutex<Wheel<K>>,
    /// There is an earlier one than there was.
    earlier: Notify,
}

struct Wheel<K> {
    /// When the first tick rings.
    first: Instant,
    /// Who is to be rung, tick by tick.
    ticks: VecDeque<Vec<K>>,
}

impl<K> Alarms<K> {
    pub(crate) fn new(now: Instant) -> Self {
        let wheel = Wheel { first: now, ticks: VecDeque::new() };
        Self { wheel: Mutex::new(wheel), earlier: Notify::new() }
    }

    fn wheel(&self) -> MutexGuard<'_, Wheel<K>> {
        self.wheel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings `who` not after `deadline`, and tells when; `None` if that is so near that a timer of its own has to do.
    pub(crate) fn set(&self, now: Instant, deadline: Instant, who: K) -> Option<Instant> {
        let mut wheel = self.wheel();
        let (at, is_earlier) = wheel.set(now, deadline, who)?;
        drop(wheel);
        if is_earlier {
            self.earlier.notify_one();
        }
        Some(at)
    }

    /// Calls `ring` with those whose time has come, for ever.
    pub(crate) async fn run(&self, ring: impl Fn(Vec<K>)) {
        loop {
            let earlier = self.earlier.notified();
            let next = self.wheel().next();
            match next {
                None => earlier.await,
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => {}
                        () = earlier => continue,
                    }
                    for due in self.wheel().take_due(Instant::now()) {
                        ring(due);
                    }
                }
            }
        }
    }
}

impl<K> Wheel<K> {
    fn set(&mut self, now: Instant, deadline: Instant, who: K) -> Option<(Instant, bool)> {
        let next = self.next();
        if next.is_none() {
            // Nothing is set, so the ticks may begin anywhere.
            *self = Self { first: now + TICK, ticks: VecDeque::new() };
        }
        let ticks = deadline.checked_duration_since(self.first)?.as_secs() / TICK.as_secs();
        let tick = usize::try_from(ticks).unwrap_or(MOST_TICKS).min(MOST_TICKS);
        let at = self.first + TICK * tick as u32;
        if at <= now {
            return None;
        }
        if self.ticks.len() <= tick {
            self.ticks.resize_with(tick + 1, Vec::new);
        }
        self.ticks[tick].push(who);
        Some((at, next.is_none_or(|next| at < next)))
    }

    /// When somebody is rung next.
    fn next(&self) -> Option<Instant> {
        let tick = self.ticks.iter().position(|who| !who.is_empty())?;
        Some(self.first + TICK * tick as u32)
    }

    fn take_due(&mut self, now: Instant) -> Vec<Vec<K>> {
        let mut due = Vec::new();
        while self.first <= now
            && let Some(who) = self.ticks.pop_front()
        {
            self.first += TICK;
            due.push(who);
        }
        due
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn nobody_is_rung_late_or_much_too_early() {
        let start = Instant::now();
        let mut wheel = Wheel { first: start, ticks: VecDeque::new() };
        let mut set = Vec::new();
        for who in 0..500 {
            let now = start + seconds(f64::from(who) * 0.01);
            let deadline = now + seconds(f64::from(who * 7919 % 5000) * 0.01);
            match wheel.set(now, deadline, who) {
                Some((at, _)) => {
                    assert!(now < at && at <= deadline && (deadline - at < TICK), "{who}");
                    set.push((at, who));
                }
                None => assert!(deadline - now < 2 * TICK, "{who}"),
            }
        }
        set.sort_unstable();
        let mut rung = Vec::new();
        while let Some(next) = wheel.next() {
            assert!(wheel.take_due(next - seconds(0.001)).iter().all(Vec::is_empty));
            rung.extend(wheel.take_due(next).concat().into_iter().map(|who| (next, who)));
        }
        rung.sort_unstable();
        assert_eq!(rung, set);
    }

    #[test]
    fn what_is_far_away_rings_earlier_and_what_is_past_not_at_all() {
        let start = Instant::now();
        let mut wheel = Wheel { first: start, ticks: VecDeque::new() };
        let (at, is_earlier) = wheel.set(start, start + 1000 * TICK, 'a').unwrap();
        assert_eq!((at, is_earlier), (start + TICK * (1 + MOST_TICKS as u32), true));
        assert_eq!(wheel.set(start + 9 * TICK, start + 3 * TICK, 'b'), None);
        assert_eq!(wheel.set(start, start + 3 * TICK, 'c').unwrap(), (start + 3 * TICK, true));
        assert_eq!(wheel.set(start, start + 4 * TICK, 'd').unwrap(), (start + 4 * TICK, false));
        assert_eq!(wheel.take_due(at).concat(), ['c', 'd', 'a']);
        // After a long rest it begins anew.
        let later = at + 5000 * TICK;
        assert_eq!(wheel.set(later, later + 3 * TICK, 'e').unwrap(), (later + 3 * TICK, true));
        assert!(wheel.ticks.len() < 5);
    }

    #[tokio::test]
    async fn an_earlier_alarm_rings_before_one_that_is_waited_for() {
        let alarms = Alarms::new(Instant::now());
        let rung = Mutex::new(Vec::new());
        let ring = |who: Vec<char>| rung.lock().unwrap().extend(who);
        let now = Instant::now();
        let late = alarms.set(now, now + 30 * TICK, 'z').unwrap();
        let set = async {
            tokio::task::yield_now().await;
            let now = Instant::now();
            assert!(alarms.set(now, now + seconds(1.5), 'a').unwrap() < late);
            while rung.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), async {
            tokio::select! {
                () = alarms.run(ring) => {}
                () = set => {}
            }
        });
        ended.await.expect("nobody was rung");
        assert_eq!(*rung.lock().unwrap(), ['a']);
    }
}
