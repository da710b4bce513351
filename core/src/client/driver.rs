//! The task behind a client: opens its connection, keeps it, opens it again.
//!
//! Covers: TS-0020 5.2; rows WS-5.2-5, -6, -9. Requests never wait for this task: they go to the session, which writes
//! them or queues them.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{ConnectionState, Shared, StateChange};
use crate::binding::{Backoff, Event, Session, TAKEN_OVER};
use crate::net::dial::Opened;
use crate::net::link::{Until, Waiter};
use crate::net::pump::{self, Pump};
use crate::net::{OsRandom, now};
use crate::websocket::{Connection, Role};
use crate::{Error, ErrorKind};

/// Runs until the session is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::new(shared.reopening, Box::new(OsRandom::new()));
    loop {
        shared.tend(|session| session.is_closing() || shared.wants_connection(session)).await;
        if shared.link.peek(Session::is_closing) {
            break;
        }
        shared.wanted().hurry = false;
        shared.tell(ConnectionState::Connecting, None, backoff.failures() + 1, None);
        let opened = {
            let dial = shared.dial();
            let mut dial = pin!(dial.open());
            let mut tend = pin!(shared.tend(Session::is_closing));
            poll_fn(|cx| match dial.as_mut().poll(cx) {
                Poll::Ready(opened) => Poll::Ready(Some(opened)),
                Poll::Pending => tend.as_mut().poll(cx).map(|()| None),
            })
            .await
        };
        match opened {
            None => break,
            Some(Ok(opened)) => {
                let since = Instant::now();
                let cause = shared.carry(opened).await;
                if shared.link.peek(Session::is_closing) {
                    break;
                }
                backoff.connection_ended(since.elapsed());
                let reopens = shared.reopens();
                // Also the first time, since whoever lost it with others is not to come back with them. A request does not wait
                // for that, but for a connection that breaks again and again.
                let unstable = backoff.failures() > 1;
                let delay = (reopens || unstable).then(|| backoff.next_delay());
                let next = delay.filter(|_| reopens).or_else(|| shared.until_window());
                shared.tell(ConnectionState::Disconnected, Some(cause), 0, next);
                if let Some(delay) = delay {
                    shared.pause(delay, !unstable).await;
                }
            }
            Some(Err(error)) => {
                let fatal = is_fatal(&error);
                shared.link.with(|session, _| session.connection_failed(&error, fatal));
                let patient = shared.patient && !fatal;
                let asked = !patient && shared.answer_connect(Err(&error));
                backoff.connection_failed();
                // An explicit attempt that fails is over; a connection that was lost is tried for again.
                if fatal || asked {
                    shared.give_up();
                }
                let goes_on = shared.link.peek(|session| shared.wants_connection(session));
                let delay = goes_on.then(|| backoff.next_delay());
                shared.tell(ConnectionState::Disconnected, Some(error), backoff.failures(), delay);
                if let Some(delay) = delay {
                    shared.pause(delay, false).await;
                }
            }
        }
    }
    shared.tend(|_| true).await;
    // Whoever hears that the client is closed has heard everything.
    shared.abandon_posted();
    // In this order: who asks for a connection looks at the state after that.
    shared.tell(ConnectionState::Closed, None, 0, None);
    let gone = Error::new(ErrorKind::Closed, "the client was closed");
    shared.answer_connect(Err(&gone));
}

/// Trying again is pointless: the server, or the proxy before it, understood and refused. A proxy's 5xx is about its own
/// state, or says that the server cannot be reached now.
fn is_fatal(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::NoCommonSubprotocol => true,
        ErrorKind::HandshakeRefused | ErrorKind::ProxyAuthenticationRequired | ErrorKind::ProxyRefused => {
            // 408 Request Timeout and 429 Too Many Requests ask for another attempt.
            error.refusal().is_some_and(|refusal| refusal.status / 100 == 4 && !matches!(refusal.status, 408 | 429))
        }
        _ => false,
    }
}

impl Shared {
    /// Carries the session over a connection until it ends; returns why it ended.
    async fn carry(&self, opened: Opened) -> Error {
        let Opened { mut stream, shown, format, agreement, mut leftover } = opened;
        self.set_shown(shown);
        let random = Box::new(OsRandom::new());
        let mut connection = Connection::new(Role::Client, Arc::clone(&self.websocket), random, now().monotonic);
        if let Some(agreement) = &agreement {
            connection = connection.with_compression(agreement);
        }
        self.link.with(|session, now| session.attach(now, connection, format));
        let registered = self.link.peek(|session| session.registration().is_some());
        self.tell(ConnectionState::Open, None, 0, None);
        if registered {
            self.advance(ConnectionState::Open, ConnectionState::Registered);
            self.keeper.opened();
        }
        self.answer_connect(Ok(()));
        if !leftover.is_empty() {
            self.link.with(|session, now| session.handle_data(now, &mut leftover));
        }
        let mut owner = Owner { shared: self, cause: None };
        {
            let mut pump = pin!(Pump::new(&mut stream, &self.link, &mut owner));
            let mut schedule = pin!(self.keep_to_schedule());
            let mut credential = pin!(self.watch_credential());
            poll_fn(|cx| {
                let ended = pump.as_mut().poll(cx);
                if ended.is_pending() {
                    let _never_ends = schedule.as_mut().poll(cx);
                    let _never_ends = credential.as_mut().poll(cx);
                }
                ended
            })
            .await;
        }
        self.set_shown(None);
        owner.cause.unwrap_or_else(|| Error::new(ErrorKind::ConnectionLost, "the connection failed"))
    }

    /// Keeps the session's deadlines and hands out its events while there is no connection, until `ready`.
    async fn tend(&self, ready: impl Fn(&Session<Waiter>) -> bool) {
        let mut timer: Option<Pin<Box<tokio::time::Sleep>>> = None;
        poll_fn(|cx| {
            loop {
                self.link.hand_out(|event| self.handle(event));
                let deadline = match self.link.poll_until(cx.waker(), &ready) {
                    Until::Ready if self.link.peek(Session::has_events) => continue,
                    Until::Ready => return Poll::Ready(()),
                    Until::Wait(deadline) => deadline.map(tokio::time::Instant::from),
                };
                let look = self.until_next_look().map(|wait| tokio::time::Instant::now() + wait);
                let Some(deadline) = deadline.into_iter().chain(look).min() else { return Poll::Pending };
                let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.link.drive(|session, now| session.handle_timeout(now));
            }
        })
        .await;
    }

    /// Waits before the next attempt; closing or an explicit [`super::Client::connect`] ends the wait, and a request if it may.
    async fn pause(&self, delay: Duration, request_ends_it: bool) {
        let mut sleep = pin!(tokio::time::sleep(delay));
        let mut tend = pin!(self.tend(|session| {
            session.is_closing() || self.is_hurried() || (request_ends_it && session.wants_connection())
        }));
        poll_fn(|cx| if sleep.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { tend.as_mut().poll(cx) }).await;
    }

    fn tell(&self, state: ConnectionState, cause: Option<Error>, attempt: u32, next_attempt: Option<Duration>) {
        self.publish(StateChange { state, cause, attempt, next_attempt });
    }
}

/// Hears what happens on a connection.
struct Owner<'a> {
    shared: &'a Shared,
    /// Why it ended.
    cause: Option<Error>,
}

impl pump::Owner for Owner<'_> {
    fn on_event(&mut self, event: Event<Waiter>) {
        if let Event::Disconnected(closed) = &event {
            self.cause = Some(Error::new(ErrorKind::ConnectionLost, format!("the connection was {closed}")));
            if closed.by_peer && closed.code == Some(TAKEN_OVER) {
                // Another program has this entity's place (WS-5.2-3). To take it back by itself would have no end.
                self.shared.wanted().parked = true;
            }
        }
        self.shared.handle(event);
    }

    fn wake_before(&self, _now: Instant, _deadline: Instant) -> Option<Instant> {
        None // there is one connection, and a timer for it is no matter
    }
}
