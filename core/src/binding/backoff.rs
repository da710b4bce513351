//! How long a client waits before it opens a lost connection again.
//!
//! Covers: TS-0020 5.2; rows WS-5.2-5, -6. Delays grow with failures, and each is a random part of what it may be, so that
//! clients that were cut off together do not come back together. What it does not do: wait, or open anything.

use std::time::Duration;

use super::deadline::doubled;
use crate::websocket::Random;

/// When a lost connection is opened again (WS-5.2-6).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reopening {
    /// Delay before the second attempt: 0.5 s. It doubles with every failure, and each delay is a random part of it.
    pub first_delay: Duration,
    /// Largest delay: 60 s.
    pub largest_delay: Duration,
    /// A connection that lasted so long begins anew with the first delay: 30 s.
    pub stable_after: Duration,
}

impl Default for Reopening {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(500),
            largest_delay: Duration::from_secs(60),
            stable_after: Duration::from_secs(30),
        }
    }
}

/// Delays between attempts to open one connection: exponential with full jitter.
pub struct Backoff {
    policy: Reopening,
    failures: u32,
    random: Box<dyn Random>,
}

impl Backoff {
    /// No attempt has failed yet. `random` decides which part of a delay is waited.
    #[must_use]
    pub fn new(policy: Reopening, random: Box<dyn Random>) -> Self {
        Self { policy, failures: 0, random }
    }

    /// How many attempts failed in a row, or ended before they were stable.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A connection was open for so long, and ended.
    pub fn connection_ended(&mut self, lasted: Duration) {
        self.failures = if lasted >= self.policy.stable_after { 0 } else { self.failures.saturating_add(1) };
    }

    /// An attempt to open a connection failed.
    pub fn connection_failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The time until the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        let Reopening { first_delay, largest_delay, .. } = self.policy;
        let most = doubled(first_delay, self.failures.saturating_sub(1), largest_delay);
        let mut bytes = [0; 2];
        self.random.fill(&mut bytes);
        let part = f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX);
        most.mul_f64(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are spread and the same each time (SplitMix64).
    struct Spread(u64);

    impl Random for Spread {
        fn fill(&mut self, out: &mut [u8]) {
            for byte in out {
                self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = self.0;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                *byte = (mixed ^ (mixed >> 31)) as u8;
            }
        }
    }

    fn backoff(seed: u64) -> Backoff {
        Backoff::new(Reopening::default(), Box::new(Spread(seed)))
    }

    #[test]
    fn ws_5_2_6_delays_double_up_to_the_largest_and_are_spread() {
        let mut backoff = backoff(1);
        for (failures, largest) in [(1, 500), (2, 1000), (3, 2000), (8, 60_000), (4_000_000_000, 60_000)] {
            backoff.failures = failures;
            let delays: Vec<Duration> = (0..200).map(|_| backoff.next_delay()).collect();
            assert!(delays.iter().all(|d| *d <= Duration::from_millis(largest)));
            assert!(delays.iter().max() > delays.iter().min());
            assert!(delays.iter().any(|d| *d > Duration::from_millis(largest / 2)));
        }
    }

    #[test]
    fn a_stable_connection_begins_anew() {
        let mut backoff = backoff(1);
        backoff.connection_ended(Duration::from_secs(1));
        backoff.connection_failed();
        assert_eq!(backoff.failures(), 2);
        backoff.connection_ended(Duration::from_secs(31));
        assert_eq!(backoff.failures(), 0);
    }
}
