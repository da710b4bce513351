//! Whether the peer is still there: pings after silence, and a deadline after each ping.
//!
//! Covers: RFC 6455 5.5.2, 5.5.3; row WS-6.3-2. What it does not do: send anything (`connection` does).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Config;

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Ping,
    /// No byte came in time after a ping.
    GiveUp,
}

/// Any byte shows that the peer lives, not only a pong: a pong may queue behind a large message.
#[derive(Debug)]
pub(super) struct KeepAlive {
    config: Arc<Config>,
    last_heard: Instant,
    /// When the peer counts as gone; set by a ping, lifted by any byte.
    give_up: Option<Instant>,
    /// When the newest ping was made, if it has not been answered.
    pending: Option<Instant>,
    /// How many pings were made: the number of the newest.
    pings: u64,
}

impl KeepAlive {
    pub(super) fn new(config: Arc<Config>, now: Instant) -> Self {
        Self { config, last_heard: now, give_up: None, pending: None, pings: 0 }
    }

    /// Something has arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.give_up = None;
    }

    /// A ping is to be sent: its number.
    pub(super) fn ping(&mut self, now: Instant) -> u64 {
        self.pings += 1;
        self.pending = Some(now);
        self.give_up = self.give_up.or(now.checked_add(self.config.pong_timeout));
        self.pings
    }

    /// A pong has come: the ping that it answers, and how long that took. `None` for one that was not asked for.
    pub(super) fn pong(&mut self, now: Instant, payload: &[u8]) -> Option<(u64, Duration)> {
        if self.pings.to_be_bytes() != payload {
            return None;
        }
        let sent = self.pending.take()?;
        Some((self.pings, now.saturating_duration_since(sent)))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.give_up.or_else(|| self.last_heard.checked_add(self.config.ping_after?))
    }

    pub(super) fn handle_timeout(&self, now: Instant) -> Action {
        match self.poll_timeout() {
            Some(deadline) if deadline <= now => match self.give_up {
                Some(_) => Action::GiveUp,
                None => Action::Ping,
            },
            _ => Action::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn keep_alive(ping_after: Option<Duration>, pong_timeout: Duration, now: Instant) -> KeepAlive {
        KeepAlive::new(Arc::new(Config { ping_after, pong_timeout, ..Config::default() }), now)
    }

    #[test]
    fn silence_is_asked_about_once_and_then_given_up() {
        let start = Instant::now();
        let mut keep_alive = keep_alive(Some(20 * SECOND), 10 * SECOND, start);
        keep_alive.heard(start + SECOND);
        assert_eq!(keep_alive.poll_timeout(), Some(start + 21 * SECOND));
        assert_eq!(keep_alive.handle_timeout(start + 20 * SECOND), Action::Nothing);
        assert_eq!(keep_alive.handle_timeout(start + 21 * SECOND), Action::Ping);
        keep_alive.ping(start + 21 * SECOND);
        assert_eq!(keep_alive.handle_timeout(start + 30 * SECOND), Action::Nothing);
        assert_eq!(keep_alive.poll_timeout(), Some(start + 31 * SECOND));
        assert_eq!(keep_alive.handle_timeout(start + 31 * SECOND), Action::GiveUp);
        keep_alive.heard(start + 31 * SECOND);
        assert_eq!(keep_alive.handle_timeout(start + 31 * SECOND), Action::Nothing);
    }

    #[test]
    fn more_pings_do_not_postpone_the_end() {
        let start = Instant::now();
        let mut keep_alive = keep_alive(None, 10 * SECOND, start);
        assert_eq!(keep_alive.poll_timeout(), None);
        keep_alive.ping(start);
        keep_alive.ping(start + 9 * SECOND);
        assert_eq!(keep_alive.poll_timeout(), Some(start + 10 * SECOND));
    }

    #[test]
    fn only_the_newest_ping_is_answered_and_only_once() {
        let start = Instant::now();
        let mut keep_alive = keep_alive(None, 10 * SECOND, start);
        let first = keep_alive.ping(start).to_be_bytes();
        let second = keep_alive.ping(start + SECOND).to_be_bytes();
        assert_eq!(keep_alive.pong(start + 2 * SECOND, &first), None);
        assert_eq!(keep_alive.pong(start + 2 * SECOND, b"unsolicited"), None);
        assert_eq!(keep_alive.pong(start + 3 * SECOND, &second), Some((2, 2 * SECOND)));
        assert_eq!(keep_alive.pong(start + 3 * SECOND, &second), None);
    }

    #[test]
    fn a_time_beyond_the_clock_is_never() {
        let mut keep_alive = keep_alive(Some(Duration::MAX), Duration::MAX, Instant::now());
        assert_eq!(keep_alive.poll_timeout(), None);
        keep_alive.ping(Instant::now());
        assert_eq!(keep_alive.poll_timeout(), None);
    }
}
