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
    all: Mutex<HashMap<String, Schedule>>,
}

impl Schedules {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Schedule>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, stem: &str, schedule: Option<Schedule>) {
        match schedule {
            Some(schedule) => {
                self.all().insert(stem.to_owned(), schedule);
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
        if self.any.load(Ordering::Acquire) { self.all().get(stem).cloned() } else { None }
    }

    /// How long a notification without an expiration of its own is kept: `usual`, and at least to the end of the next window.
    pub(super) fn life(&self, stem: &str, now: SystemTime, usual: Duration) -> Duration {
        let Some(schedule) = self.get(stem) else { return usual };
        let needed = end_of_next_window(&schedule, now, usual).and_then(|end| end.duration_since(now).ok());
        needed.filter(|needed| *needed <= LONGEST).map_or(usual, |needed| needed.max(usual))
    }
}

/// The end of the first window that begins after `now`: one that is open now may be as good as over. Of a window that does not
/// end, the moment `usual` after its start.
fn end_of_next_window(schedule: &Schedule, now: SystemTime, usual: Duration) -> Option<SystemTime> {
    let start = schedule.next_open(schedule.open_until(now)?)?;
    schedule.open_until(start).or_else(|| start.checked_add(usual))
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
