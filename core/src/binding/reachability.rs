//! What a client with a schedule does about its connection: open it when a window begins, close it when a window has ended and
//! nothing is pending.
//!
//! Covers: TS-0020 5.2, rows WS-5.2-6 and WS-5.2-7; WS-6.5-2 and -3 are kept because nothing is closed that something waits
//! for. Pure: it is asked again at the time that it names, and whenever what is pending has changed.
//!
//! Does not dial, and does not read the schedule of a resource: who uses it sets it.

use std::time::{Duration, SystemTime};

use super::Schedule;

/// The longest time after which to ask again: the wall clock may have been set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What becomes of a request that is to be sent outside of a window.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum OutsideWindow {
    /// It opens the connection at once (WS-5.2-6), which is closed again when nothing is pending.
    #[default]
    Open,
    /// It waits for the next window, or until it expires.
    Hold,
}

/// What a client still has to do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Pending {
    /// Requests that are not sent yet.
    pub queued: bool,
    /// Requests of either end that are sent and not answered.
    pub under_way: bool,
}

/// What to do about the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reach {
    /// There is no schedule: what else is set decides.
    Free,
    /// Have one: open it if there is none.
    Open,
    /// Keep one that there is; open none.
    Stay,
    /// Have none: close it.
    Close,
}

/// The policy. One per client.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use onem2m_ws::binding::{OutsideWindow, Pending, Reach, Reachability, Schedule};
///
/// let schedule = Schedule::parse(["* 0-4 6 * * * *"])?;
/// let mut reachability = Reachability::new(Some(schedule), OutsideWindow::Open);
/// let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
/// let idle = Pending::default();
/// assert_eq!(reachability.decide(at(0), idle), Reach::Close);
/// assert_eq!(reachability.next_change(at(0)), Some(at(6 * 3600)));
/// assert_eq!(reachability.decide(at(6 * 3600), idle), Reach::Open);
/// assert_eq!(reachability.decide(at(6 * 3600 + 300), Pending { under_way: true, queued: false }), Reach::Stay);
/// # Ok::<(), onem2m_ws::binding::ScheduleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reachability {
    schedule: Option<Schedule>,
    outside: OutsideWindow,
    /// What was found last: as long as the clock stands in it, nothing is looked for.
    span: Option<Span>,
}

/// A time in which nothing changes.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: SystemTime,
    /// `None`: for ever.
    to: Option<SystemTime>,
    is_open: bool,
}

impl Span {
    fn has(&self, now: SystemTime) -> bool {
        self.from <= now && self.to.is_none_or(|to| now < to)
    }
}

impl Reachability {
    /// The policy for a schedule; `None` leaves the connection to what else is set.
    #[must_use]
    pub fn new(schedule: Option<Schedule>, outside: OutsideWindow) -> Self {
        Self { schedule, outside, span: None }
    }

    /// Takes another schedule; ask again then.
    pub fn set_schedule(&mut self, schedule: Option<Schedule>) {
        self.schedule = schedule;
        self.span = None;
    }

    /// The schedule in force.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// What to do about the connection at this moment.
    pub fn decide(&mut self, now: SystemTime, pending: Pending) -> Reach {
        let Some(span) = self.span(now) else { return Reach::Free };
        let opens = pending.queued && self.outside == OutsideWindow::Open;
        match (span.is_open || opens, pending.under_way) {
            (true, _) => Reach::Open,
            (false, true) => Reach::Stay,
            (false, false) => Reach::Close,
        }
    }

    /// When a window begins or ends next; `None`: never, or there is no schedule.
    pub fn next_change(&mut self, now: SystemTime) -> Option<SystemTime> {
        self.span(now)?.to
    }

    /// After which time to ask again if nothing happens; a minute at most, because the clock may be set. `None`: there is no
    /// schedule.
    pub fn wait(&mut self, now: SystemTime) -> Option<Duration> {
        let to = self.span(now)?.to;
        let left = to.map(|to| to.duration_since(now).unwrap_or(Duration::ZERO));
        Some(left.map_or(LOOK_AGAIN, |left| left.min(LOOK_AGAIN)))
    }

    fn span(&mut self, now: SystemTime) -> Option<Span> {
        let schedule = self.schedule.as_ref()?;
        if let Some(span) = self.span.filter(|span| span.has(now)) {
            return Some(span);
        }
        let is_open = schedule.is_open(now);
        let to = if is_open { schedule.open_until(now) } else { schedule.next_open(now) };
        let span = Span { from: now, to, is_open };
        self.span = Some(span);
        Some(span)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDLE: Pending = Pending { queued: false, under_way: false };
    const QUEUED: Pending = Pending { queued: true, under_way: false };
    const UNDER_WAY: Pending = Pending { queued: false, under_way: true };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Open from 6:00 to 6:05.
    fn mornings(outside: OutsideWindow) -> Reachability {
        Reachability::new(Some(Schedule::parse(["* 0-4 6 * * * *"]).unwrap()), outside)
    }

    const SIX: u64 = 6 * 3600;

    #[test]
    fn ws_5_2_7_a_window_opens_and_closes_at_its_edges() {
        let mut client = mornings(OutsideWindow::Open);
        for (now, reach) in
            [(SIX - 1, Reach::Close), (SIX, Reach::Open), (SIX + 299, Reach::Open), (SIX + 300, Reach::Close)]
        {
            assert_eq!(client.decide(at(now), IDLE), reach, "{now}");
        }
        assert_eq!(client.decide(at(SIX + 300), UNDER_WAY), Reach::Stay);
        assert_eq!(client.next_change(at(SIX + 300)), Some(at(SIX + 86_400)));
        // Nanoseconds before the window.
        assert_eq!(client.decide(at(SIX) - Duration::from_nanos(1), IDLE), Reach::Close);
    }

    #[test]
    fn ws_5_2_6_a_request_outside_of_a_window_opens_unless_it_is_to_wait() {
        assert_eq!(mornings(OutsideWindow::Open).decide(at(0), QUEUED), Reach::Open);
        let mut holding = mornings(OutsideWindow::Hold);
        assert_eq!(holding.decide(at(0), QUEUED), Reach::Close);
        assert_eq!(holding.decide(at(0), Pending { queued: true, under_way: true }), Reach::Stay);
        assert_eq!(holding.decide(at(SIX), QUEUED), Reach::Open);
    }

    #[test]
    fn ws_5_2_7_it_is_asked_again_in_time_and_within_a_minute() {
        let mut client = mornings(OutsideWindow::Open);
        assert_eq!(client.wait(at(0)), Some(Duration::from_secs(60)));
        assert_eq!(client.wait(at(SIX - 7)), Some(Duration::from_secs(7)));
        // The clock is set back, and forth.
        assert_eq!(client.decide(at(SIX), IDLE), Reach::Open);
        assert_eq!(client.decide(at(0), IDLE), Reach::Close);
        assert_eq!(client.decide(at(SIX + 10), IDLE), Reach::Open);
    }

    #[test]
    fn without_a_schedule_nothing_is_decided_here() {
        let mut client = Reachability::new(None, OutsideWindow::Hold);
        assert_eq!(
            (client.decide(at(0), QUEUED), client.wait(at(0)), client.next_change(at(0))),
            (Reach::Free, None, None)
        );
        client.set_schedule(Some(Schedule::parse(["* * * * * * 2000-2001"]).unwrap()));
        assert_eq!(
            (client.decide(at(2_000_000_000), IDLE), client.next_change(at(2_000_000_000))),
            (Reach::Close, None)
        );
        assert_eq!(client.wait(at(2_000_000_000)), Some(LOOK_AGAIN));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A client in virtual time that acts only when it is woken, and to which requests come at any time.
        #[test]
        fn ws_5_2_7_a_client_is_open_in_every_window_and_outside_only_for_what_is_pending(
            minutes in 1_u32..20, from in 0_u32..40, hour in 0_u32..24, hold: bool,
            requests in prop::collection::vec((0_u64..2 * 86_400, 1_u64..900), 0..12),
        ) {
            let entry = format!("* {from}-{} {hour} * * * *", from + minutes - 1);
            let schedule = Schedule::parse([entry]).unwrap();
            let outside = if hold { OutsideWindow::Hold } else { OutsideWindow::Open };
            let mut client = Reachability::new(Some(schedule.clone()), outside);
            let mut to_come = requests;
            to_come.sort_unstable();
            let (mut queued, mut under_way, mut connected): (Vec<u64>, Vec<u64>, bool) = (Vec::new(), Vec::new(), false);
            let mut now = 0;
            while now < 3 * 86_400 {
                // What comes and what is answered at this moment.
                let (come, later): (Vec<_>, Vec<_>) = to_come.into_iter().partition(|(at, _)| *at <= now);
                to_come = later;
                queued.extend(come.into_iter().map(|(_, takes)| takes));
                under_way.retain(|until| *until > now);
                loop {
                    let pending = Pending { queued: !queued.is_empty(), under_way: !under_way.is_empty() };
                    let before = connected;
                    match client.decide(at(now), pending) {
                        Reach::Open => connected = true,
                        Reach::Stay => {}
                        Reach::Close => connected = false,
                        Reach::Free => prop_assert!(false, "there is a schedule"),
                    }
                    if connected {
                        prop_assert!(before || !hold || schedule.is_open(at(now)), "opened outside of a window");
                        under_way.extend(queued.drain(..).map(|takes| now + takes));
                    }
                    prop_assert!(connected || under_way.is_empty(), "closed while something was under way");
                    if connected == before && queued.is_empty() || !connected {
                        break;
                    }
                }
                prop_assert!(connected || !schedule.is_open(at(now)), "closed in a window");
                prop_assert!(!connected || schedule.is_open(at(now)) || !under_way.is_empty(), "open for nothing");
                prop_assert!(hold || queued.is_empty());
                let wait = client.wait(at(now)).unwrap().as_secs().max(1);
                let next = to_come.iter().map(|(at, _)| *at).chain(under_way.iter().copied()).min();
                let woken = (now + wait).min(next.unwrap_or(u64::MAX)).max(now + 1);
                // Nothing changed while it slept.
                let was = schedule.is_open(at(now));
                prop_assert!((now..woken).all(|second| schedule.is_open(at(second)) == was));
                now = woken;
            }
            prop_assert!(queued.is_empty() && to_come.is_empty(), "a request was never sent");
        }
    }
}
