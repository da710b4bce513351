//! When the client has a connection: wanted, needed by a request, or as its schedule says.
//!
//! Covers: TS-0020 5.2; rows WS-5.2-6, -7, WS-6.5-2, -3. The schedule's part is decided by [`Reachability`].

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Shared;
use crate::binding::{Pending, Reach, Reachability, Session};
use crate::net::link::Waiter;
use crate::websocket::CloseCode;

/// How often to look whether the connection is to be closed, once it may be.
const LOOK: Duration = Duration::from_millis(100);
/// A connection that was opened outside of a window stays for so long after the last primitive: more may follow.
const LINGER: Duration = Duration::from_secs(5);

impl Shared {
    fn reachability(&self) -> MutexGuard<'_, Reachability> {
        self.reachability.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self, session: &Session<Waiter>) -> Reach {
        let queued = session.queued() > 0 || (self.poster.len() > 0 && session.in_flight() == 0);
        let under_way = !session.is_quiet();
        self.reachability().decide(SystemTime::now(), Pending { queued, under_way })
    }

    /// True if a connection is to be opened.
    pub(super) fn wants_connection(&self, session: &Session<Waiter>) -> bool {
        if self.is_asked() {
            return true;
        }
        match self.reach(session) {
            Reach::Open => true,
            Reach::Stay | Reach::Close => false,
            _ => session.wants_connection() || self.is_kept(),
        }
    }

    /// True if what was posted may be delivered now, or may open a connection for it.
    pub(super) fn may_deliver(&self) -> bool {
        self.link.peek(|session| {
            let known = session.registration().is_some() || !session.is_gated();
            let in_time = session.is_connected() || !matches!(self.reach(session), Reach::Stay | Reach::Close);
            known && in_time
        })
    }

    /// Time until a window begins or ends; `None` if there is no schedule.
    pub(super) fn until_next_look(&self) -> Option<Duration> {
        self.reachability().wait(SystemTime::now())
    }

    /// Time until the next window begins, while there is none.
    pub(super) fn until_window(&self) -> Option<Duration> {
        let now = SystemTime::now();
        let mut reachability = self.reachability();
        match reachability.decide(now, Pending::default()) {
            Reach::Close => reachability.next_change(now)?.duration_since(now).ok(),
            _ => None,
        }
    }

    /// Closes the connection when its time is over and nothing is pending. Never returns: it is dropped with the connection.
    pub(super) async fn keep_to_schedule(&self) {
        let mut in_window = false;
        let (mut seen, mut since) = (None, Instant::now());
        loop {
            let (reach, counters) = self.link.peek(|session| (self.reach(session), session.counters()));
            if seen != Some(counters) {
                (seen, since) = (Some(counters), Instant::now());
            }
            let window = self.reachability().decide(SystemTime::now(), Pending::default());
            in_window |= window == Reach::Open;
            let lingers = !in_window && since.elapsed() < LINGER;
            match reach {
                Reach::Close if !lingers => break,
                Reach::Free => return std::future::pending().await,
                Reach::Open if window == Reach::Open => {
                    tokio::time::sleep(self.until_next_look().unwrap_or(LOOK)).await;
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
        self.wanted().parked = true;
        self.closing();
        let text = "the time to be reachable is over";
        self.link.with(|session, now| session.disconnect(now, CloseCode::Normal.into(), text));
        std::future::pending().await
    }
}
