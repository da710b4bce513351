//! When registrees can be reached, and what follows from it for those that are away.
//!
//! Covers: TS-0020 5.2, row WS-5.2-7: a request to a registree that is not connected is refused with the time at which it can be
//! reached; WS-6.5-4: what is stored for one lives until its next window is over.
//!
//! Does not open connections: only the registree can (WS-5.2-4).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Server;
use crate::binding::Schedule;
use crate::primitive::format_timestamp;
use crate::{Error, ErrorKind};

/// Nothing is stored for longer because of a schedule.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// The schedules of registrees, by the fixed form of their names.
#[derive(Default)]
pub(super) struct Schedules {
    /// Whether there ever was one: most servers have none, and need not look.
    any: AtomicBool,
    all: Mutex<HashMap<String, Known>>,
}

struct Known {
    schedule: Schedule,
    /// What was found last.
    next: Option<Next>,
}

/// The first window that begins after a moment.
#[derive(Clone, Copy)]
struct Next {
    /// It was looked for at this time, and is the same until it begins.
    at: SystemTime,
    /// `None`: there is none.
    start: Option<SystemTime>,
    end: Option<SystemTime>,
}

impl Schedules {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, stem: &str, schedule: Option<Schedule>) {
        match schedule {
            Some(schedule) => {
                self.all().insert(stem.to_owned(), Known { schedule, next: None });
                self.any.store(true, Ordering::Release);
            }
            None => self.forget(stem),
        }
    }

    pub(super) fn forget(&self, stem: &str) {
        if self.any.load(Ordering::Acquire) {
            self.all().remove(stem);
        }
    }

    /// A copy, so that nothing is searched for under the lock.
    fn get(&self, stem: &str) -> Option<Schedule> {
        if self.any.load(Ordering::Acquire) { self.all().get(stem).map(|known| known.schedule.clone()) } else { None }
    }

    /// How long a notification without an expiration of its own is kept: `usual`, and at least to the end of the first window
    /// that begins after `now`. One that is open now may be as good as over.
    pub(super) fn life(&self, stem: &str, now: SystemTime, usual: Duration) -> Duration {
        // After a window that does not end, the usual time from its start.
        let end = self.next(stem, now).and_then(|next| next.end.or_else(|| next.start?.checked_add(usual)));
        let needed = end.and_then(|end| end.duration_since(now).ok());
        needed.filter(|needed| *needed <= LONGEST).map_or(usual, |needed| needed.max(usual))
    }

    /// The first window of a registree that begins after `now`. It is looked for once in a window, however many ask.
    fn next(&self, stem: &str, now: SystemTime) -> Option<Next> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let schedule = {
            let all = self.all();
            let known = all.get(stem)?;
            let still = |next: &Next| next.at <= now && next.start.is_none_or(|start| now < start);
            if let Some(next) = known.next.filter(still) {
                return Some(next);
            }
            known.schedule.clone()
        };
        let start = schedule.open_until(now).and_then(|until| schedule.next_open(until));
        let next = Next { at: now, start, end: start.and_then(|start| schedule.open_until(start)) };
        if let Some(known) = self.all().get_mut(stem).filter(|known| known.schedule == schedule) {
            known.next = Some(next);
        }
        Some(next)
    }
}

impl Server {
    /// Says when a registree can be reached, as its `<schedule>` has it; `None`: nothing is known. True if it is registered;
    /// otherwise nothing is kept. It is forgotten when the registree is deregistered.
    ///
    /// A [`crate::server::Handler`] calls this when a `<schedule>` is made, changed or deleted, and after
    /// [`Server::restore`]; the embedded registrar does so by itself.
    pub fn set_schedule(&self, entity: &str, schedule: Option<Schedule>) -> bool {
        // With the registry locked, so that a registration that ends takes its schedule with it.
        let registry = self.0.registry();
        let is_registered = registry.is_registered(entity);
        if is_registered {
            self.0.schedules.set(registry.stem(entity), schedule);
        }
        is_registered
    }

    /// The schedule of a registree, if it has one.
    #[must_use]
    pub fn schedule(&self, entity: &str) -> Option<Schedule> {
        self.0.schedules.get(self.0.registry().stem(entity))
    }

    /// When a registree can be reached by its schedule: `now` in a window, otherwise the start of the next one. `None`: it has
    /// no schedule, or there is no window any more. Whether it is connected is asked with [`Server::is_connected`].
    #[must_use]
    pub fn next_reachable(&self, entity: &str, now: SystemTime) -> Option<SystemTime> {
        self.schedule(entity)?.next_open(now)
    }

    /// An error about a registree that is not connected also says when it can be reached.
    pub(super) fn say_when(&self, entity: &str, error: Error) -> Error {
        if error.kind() != ErrorKind::NotConnected {
            return error;
        }
        let Some(schedule) = self.schedule(entity) else { return error };
        let now = SystemTime::now();
        let shown = |at| format_timestamp(at)[..15].to_owned();
        let when = match (schedule.is_open(now), schedule.open_until(now), schedule.next_open(now)) {
            (true, Some(until), _) => format!("can be reached now and until {}", shown(until)),
            (true, None, _) => "can always be reached".to_owned(),
            (false, _, Some(next)) => format!("can be reached again at {}", shown(next)),
            (false, _, None) => "cannot be reached any more".to_owned(),
        };
        Error::new(ErrorKind::NotConnected, format!("{}; by its schedule it {when} (UTC)", error.message()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::primitive::parse_timestamp;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(text: &str) -> SystemTime {
        parse_timestamp(text).unwrap()
    }

    /// When something expires that was stored at this time, for a registree with this schedule.
    fn expires(entry: &str, now: &str) -> String {
        let schedules = Schedules::default();
        schedules.set("Ca", Some(Schedule::parse([entry]).unwrap()));
        format_timestamp(at(now) + schedules.life("Ca", at(now), DAY))[..15].to_owned()
    }

    #[test]
    fn ws_6_5_4_what_is_stored_lives_until_the_next_window_is_over() {
        // 26 November 2026 is a Thursday.
        assert_eq!(expires("* * * * * 1 *", "20261126T120000"), "20261201T000000");
        // The window of now may be as good as over: the one of next week.
        assert_eq!(expires("* * * * * 1 *", "20261130T235959"), "20261208T000000");
        // The usual time where that is longer.
        assert_eq!(expires("* 0-4 6 * * * *", "20261126T055900"), "20261127T055900");
        // At the end of the window of today, that of tomorrow is over after 24 hours and five minutes.
        assert_eq!(expires("* 0-4 6 * * * *", "20261126T060000"), "20261127T060500");
    }

    #[test]
    fn ws_6_5_4_windows_without_an_end_and_windows_that_never_come() {
        // A window that does not end: the usual time from its start.
        assert_eq!(expires("* * * * * * 2027-9999", "20261230T120000"), "20270102T000000");
        for usual in ["* * * * * * *", "* * * 30 2 * *", "* * * * * * 2000-2025"] {
            assert_eq!(expires(usual, "20261126T120000"), "20261127T120000", "{usual}");
        }
    }

    #[test]
    fn ws_6_5_4_nothing_is_kept_for_more_than_a_year_because_of_a_schedule() {
        // The window of 27 November 2027 is over 366 days and one second after the first of these, and 366 after the second.
        assert_eq!(expires("* * * 27 11 * 2027", "20261126T235959"), "20261127T235959");
        assert_eq!(expires("* * * 27 11 * 2027", "20261127T000000"), "20271128T000000");
    }

    #[test]
    fn ws_6_5_4_what_was_found_holds_until_the_window_begins() {
        let schedules = Schedules::default();
        schedules.set("Ca", Some(Schedule::parse(["* * * * * 1 *"]).unwrap()));
        let expires = |now| format_timestamp(at(now) + schedules.life("Ca", at(now), DAY))[..15].to_owned();
        for (now, end) in [
            ("20261126T120000", "20261201T000000"),
            ("20261128T235959", "20261201T000000"),
            ("20261130T000000", "20261208T000000"),
            ("20261203T000000", "20261208T000000"),
            // The clock is set back.
            ("20261126T120000", "20261201T000000"),
        ] {
            assert_eq!(expires(now), end, "{now}");
        }
        schedules.set("Ca", Some(Schedule::parse(["* * * * * 2 *"]).unwrap()));
        assert_eq!(expires("20261126T120000"), "20261202T000000", "another schedule");
    }

    #[test]
    fn who_has_no_schedule_has_the_usual_time() {
        let schedules = Schedules::default();
        assert_eq!(schedules.life("Ca", at("20261126T120000"), DAY), DAY);
        schedules.set("Ca", Some(Schedule::parse(["* * * * * 1 *"]).unwrap()));
        assert_eq!(schedules.life("Cb", at("20261126T120000"), DAY), DAY);
        schedules.set("Ca", None);
        assert_eq!(schedules.life("Ca", at("20261126T120000"), DAY), DAY);
    }
}
