//! One end of the relation between a registree and its registrar.
//!
//! Covers: TS-0020 5.2, 6.1, 6.2.2.9, 6.3, 6.4, 6.5; rows WS-5.1-1, WS-5.2-5, -6, -9, WS-6.1-3, WS-6.2.2.9-3, WS-6.3-2, WS-6.4-3, -4, WS-6.5-1 to -3.
//! Correlates requests and responses, keeps their deadlines, and holds a close back while one waits. Does not open
//! connections (the client does) and does not know who else is registered ([`super::Registry`] does).

mod pace;
mod receive;
mod transfer;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::deadline::{after, time_left};
use super::incoming::{Entry, Incoming};
use super::outgoing::{Outgoing, Prefix};
use super::transfer::{For, Transfers};
use super::{Config, Counters, Event, IncomingToken, Now, Registration, Token};
use crate::primitive::{Format, Request, Response, StatusCode};
use crate::websocket::{CloseCode, Connection, Disconnect, Random, Read};
use crate::{Error, ErrorKind, Result};
use pace::Pace;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    /// A close was asked for and waits for what is under way (WS-6.5-2), but not for ever: a peer that goes on asking does
    /// not hold it back.
    Draining {
        until: Instant,
        code: CloseCode,
    },
    Closed,
}

/// One end of the relation between a registree and its registrar.
///
/// The session outlives its connections: a close loses only the connection (WS-5.2-9, WS-6.4-4). It is a pure machine.
/// Its methods are of four kinds, called in this order:
///
/// 1. *Inputs*: [`attach`](Self::attach) a connection after the opening handshake, [`handle_data`](Self::handle_data) or
///    [`handle_next`](Self::handle_next), [`handle_eof`](Self::handle_eof), [`handle_timeout`](Self::handle_timeout) when the time of `poll_timeout` has come,
///    and what the application wants: [`send`](Self::send), [`respond`](Self::respond), [`close`](Self::close).
/// 2. [`poll_event`](Self::poll_event) until it returns `None`; handling an event may be an input again.
/// 3. [`poll_transmit`](Self::poll_transmit): bytes for the socket; all that is ready at once.
/// 4. [`poll_timeout`](Self::poll_timeout): when to come back if nothing else happens.
pub struct Session<W> {
    config: Arc<Config>,
    connection: Option<Connection>,
    format: Format,
    registration: Option<Box<Registration>>,
    outgoing: Outgoing<For<W>>,
    /// Calls whose result comes later than their response (WS-6.5-1).
    transfers: Transfers<W>,
    incoming: Incoming,
    /// That of the connection, where its peer needs a gap between messages.
    pace: Option<Box<Pace>>,
    events: VecDeque<Event<W>>,
    /// In a box, as some allocators leave room for one beside what they align.
    counters: Box<Counters>,
    phase: Phase,
    /// Our close frame is out: what the peer still asks for cannot be answered any more.
    said_close: bool,
    /// When the last primitive went either way; kept where an idle connection is closed.
    last_primitive: Option<Instant>,
    /// The connection was closed because nothing travelled over it.
    closed_idle: bool,
    /// The application closed the connection: nothing but a request opens it again.
    parked: bool,
    /// Why there is no connection.
    last_failure: Option<Error>,
}

impl<W> Session<W> {
    /// A session without a connection. `random` makes its request identifiers unique across restarts. Sessions can share
    /// their settings.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>, random: &mut dyn Random) -> Self {
        Self {
            config: config.into(),
            connection: None,
            format: Format::Json,
            registration: None,
            outgoing: Outgoing::new(identifier_prefix(random)),
            transfers: Transfers::default(),
            incoming: Incoming::default(),
            pace: None,
            events: VecDeque::new(),
            counters: Box::default(),
            phase: Phase::Open,
            said_close: false,
            last_primitive: None,
            closed_idle: false,
            parked: false,
            last_failure: None,
        }
    }

    // ---- inputs: the transport

    /// Joins a connection whose opening handshake agreed on `format`. One that was there before is given up. If the session
    /// is closed already (while it was being opened), the connection is closed at once.
    pub fn attach(&mut self, now: Now, connection: Connection, format: Format) {
        self.detach(now);
        self.connection = Some(connection);
        self.format = format;
        self.counters.connections += 1;
        self.last_failure = None;
        self.said_close = false;
        self.closed_idle = false;
        self.parked = false;
        self.pace = self.config.message_gap.map(|gap| Box::new(Pace::new(gap, now.monotonic)));
        self.note_primitive(now);
        if self.phase == Phase::Closed {
            self.close_connection(now, CloseCode::Normal.into(), "");
        }
        self.write_queue();
    }

    /// Bytes from the socket. They are changed in place (unmasked).
    pub fn handle_data(&mut self, now: Now, mut data: &mut [u8]) {
        while self.handle_next(now, &mut data) {}
    }

    /// Like [`handle_data`](Self::handle_data), up to the next whole thing in `data`, which is taken off its front. False:
    /// there was none, and all of `data` was taken. With events taken in between, a request is answered before the next one
    /// is read, and none need be kept.
    pub fn handle_next(&mut self, now: Now, data: &mut &mut [u8]) -> bool {
        let read = self.connection.as_mut().map_or(Read::All, |connection| connection.read_next(now.monotonic, data));
        match read {
            Read::Message(message) => self.handle_whole(now, message),
            Read::Some => self.take_in(now),
            Read::All => self.absorb(now),
        }
        read != Read::All
    }

    /// How writing goes: see [`Connection::handle_write`].
    pub fn handle_write(&mut self, now: Now, written: usize, left: usize) {
        if let Some(connection) = &mut self.connection {
            connection.handle_write(now.monotonic, written, left);
        }
    }

    /// The peer ended the transport, or it failed.
    pub fn handle_eof(&mut self, now: Now) {
        if let Some(connection) = &mut self.connection {
            connection.handle_eof(now.monotonic);
            self.absorb(now);
        }
    }

    /// The transport is closed, or failed: nothing of the connection is left.
    pub fn detach(&mut self, now: Now) {
        self.handle_eof(now);
        self.connection = None;
        self.pace = None;
        self.go_on_closing(now);
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Now) {
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now.monotonic);
        }
        self.absorb(now);
    }

    // ---- inputs: the application

    /// Sends a request, or queues it until there is a connection and a place in the window.
    ///
    /// `waiter` comes back with the outcome in [`Event::Response`], exactly once, unless the request is cancelled.
    /// Empty `rqi`, `fr` and `rvi` are filled in.
    ///
    /// # Errors
    /// `Closed`, `NotRegistered`, `DuplicateRequestId`, `QueueFull`, or `Timeout` if its `rqet` or `rset` has passed already.
    pub fn send(&mut self, now: Now, request: Request, waiter: W) -> Result<Token> {
        let wait = self.admit(now, &request)?;
        self.dispatch(now, request, For::Caller(waiter), after(now.monotonic, wait))
    }

    /// Whether a request may be sent now, and how long its response is waited for.
    fn admit(&self, now: Now, request: &Request) -> Result<Duration> {
        if self.phase != Phase::Open {
            return Err(Error::new(ErrorKind::Closed, "the session is closed; nothing can be sent any more"));
        }
        if self.config.gated && self.registration.is_none() && !Registration::is_requested_by(request) {
            return Err(Error::new(
                ErrorKind::NotRegistered,
                format!(
                    "{} {:?}: not registered yet; register first, or say that the originator is registered already \
                     (TS-0020 6.4)",
                    request.operation, request.to
                ),
            ));
        }
        // After it expires nobody wants the answer.
        let left = time_left(request, now)?;
        Ok(left.unwrap_or(Duration::MAX).min(self.config.request_timeout))
    }

    /// Sends a request, or queues it.
    #[inline] // a request is large
    fn dispatch(&mut self, now: Now, mut request: Request, to: For<W>, deadline: Instant) -> Result<Token> {
        if request.from.is_none() {
            request.from.clone_from(&self.config.originator);
        }
        if request.release_version.is_none() {
            request.release_version.clone_from(&self.config.release_version);
        }
        let number = self.outgoing.push(&self.config.outgoing, &mut request, to, deadline)?;
        self.note_primitive(now);
        if self.is_writable() && self.outgoing.send_at_once(number) {
            self.write_request(number, request);
        } else {
            self.outgoing.queue(number, request);
        }
        Ok(Token::new(number))
    }

    /// Forgets a request: its response will count as unmatched. Returns the waiter if the request still waited.
    pub fn cancel(&mut self, now: Now, token: Token) -> Option<W> {
        let waiter = match token.call() {
            Some(id) => {
                let (waiter, leg) = self.transfers.cancel(id)?;
                leg.and_then(|leg| self.outgoing.cancel(leg));
                waiter
            }
            None => match self.outgoing.cancel(token)? {
                For::Caller(waiter) => waiter,
                For::First(_) | For::Look(_) => return None, // nobody outside knows their tokens
            },
        };
        self.write_queue();
        self.go_on_closing(now);
        Some(waiter)
    }

    /// Answers a request of the peer's. `rqi` and, if absent, `rvi` are taken from the request.
    ///
    /// # Errors
    /// `AlreadyResponded` if it was answered (by the application or by its time-out), `ConnectionLost` if the connection
    /// that brought it is gone or closing, `Encode` if the content cannot be written: then 5000 has been sent.
    pub fn respond(&mut self, now: Now, token: IncomingToken, response: Response) -> Result<()> {
        self.answer(now, token, &response)
    }

    /// [`respond`](Self::respond) with a response that is not moved, since it is large.
    pub(crate) fn answer(&mut self, now: Now, token: IncomingToken, response: &Response) -> Result<()> {
        let Entry { rqi, release_version: asked_in, .. } = self.incoming.take(token)?;
        self.note_primitive(now);
        let release_version = response.release_version.as_deref().or(asked_in.as_deref());
        let written = self.write_response(response, &rqi, release_version);
        if let Err(error) = &written
            && error.kind() == ErrorKind::Encode
        {
            // Of what the application gave nothing is used again: the peer is to hear something in any case.
            let text = format!("the answer could not be written: {}", error.message());
            let instead = Response::error(StatusCode::INTERNAL_SERVER_ERROR, text);
            self.write_response(&instead, &rqi, asked_in.as_deref())?;
        }
        self.go_on_closing(now);
        written
    }

    /// Does not answer a request of the peer's at all: it asked for no response.
    pub fn dismiss(&mut self, now: Now, token: IncomingToken) {
        self.incoming.dismiss(token);
        self.go_on_closing(now);
    }

    /// Declares a registration that is in force from an earlier run, so that nothing is held back.
    pub fn assume_registered(&mut self, registration: Registration) {
        Arc::make_mut(&mut self.config).originator = Some(registration.entity.clone());
        self.registration = Some(Box::new(registration));
    }

    /// Closes: no further request is taken; the connection is closed as soon as nothing waits for a response on it
    /// (WS-6.5-2), at the latest when the time of all that waits now is over. [`Event::Closed`] follows.
    pub fn close(&mut self, now: Now) {
        self.drain(now, CloseCode::Normal);
    }

    /// Like [`close`](Self::close), because this end stops: the peer is told so with 1001 (RFC 6455 7.4.1).
    pub fn go_away(&mut self, now: Now) {
        self.drain(now, CloseCode::Away);
    }

    fn drain(&mut self, now: Now, code: CloseCode) {
        if self.phase == Phase::Open {
            let longest = self.config.request_timeout.max(self.config.answer_timeout);
            self.phase = Phase::Draining { until: after(now.monotonic, longest), code };
        }
        self.go_on_closing(now);
    }

    /// Closes the connection at once with this code; what waited fails. [`Event::Closed`] follows.
    pub fn abort(&mut self, now: Now, code: u16, reason: &str) {
        self.end(now, code, reason, ErrorKind::Closed, "the session was closed before the response came");
    }

    /// Like [`abort`](Self::abort), because another connection has the place of this one: what waited fails at once with
    /// `ConnectionLost`, and can be sent over that one. A peer that is silent holds nothing back.
    pub fn give_way(&mut self, now: Now, code: u16, reason: &str) {
        let text =
            "another connection has taken the place of this one; the response did not come and the outcome is unknown";
        self.end(now, code, reason, ErrorKind::ConnectionLost, text);
    }

    fn end(&mut self, now: Now, code: u16, reason: &str, kind: ErrorKind, text: &str) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Draining { until: now.monotonic, code: CloseCode::Normal };
        for number in self.outgoing.all_numbers() {
            self.fail(number, kind, text);
        }
        self.end_calls(ErrorKind::Closed, "the session was closed before its result came");
        self.incoming.lose();
        self.close_connection(now, code, reason);
        self.absorb(now);
    }

    /// Closes the connection but not the session: it can be attached to another one later. What waits for a response
    /// fails with `ConnectionLost`, what is queued stays.
    pub fn disconnect(&mut self, now: Now, code: u16, reason: &str) {
        self.parked = true;
        self.close_connection(now, code, reason);
        self.absorb(now);
    }

    /// No connection could be opened. The cause is told with requests that run out of time meanwhile; if trying again is
    /// pointless (`fatal`), all that waits fails with it at once.
    pub fn connection_failed(&mut self, cause: &Error, fatal: bool) {
        if fatal {
            for number in self.outgoing.all_numbers() {
                self.fail_with(number, cause.clone());
            }
            self.end_calls(cause.kind(), &format!("its result cannot come: {cause}"));
        }
        self.last_failure = Some(cause.clone());
    }

    /// Asks the peer for a sign of life; it is given up if none comes in time.
    pub fn probe(&mut self, now: Now) {
        if let Some(connection) = &mut self.connection {
            connection.ping(now.monotonic);
        }
    }

    // ---- outputs

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event<W>> {
        let event = self.events.pop_front();
        if event.is_none() && self.events.capacity() > 0 {
            self.events = VecDeque::new(); // an event is large, and an idle session holds no memory
        }
        event
    }

    /// Memory for what is written next, so that none need be claimed; [`poll_transmit`](Self::poll_transmit) gives it back.
    pub fn lend(&mut self, room: BytesMut) {
        if let Some(connection) = &mut self.connection {
            connection.lend(room);
        }
    }

    /// Moves all bytes that are ready to the end of `out`; false if there were none.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        self.write_queue(); // what the high-water mark held back
        self.connection.as_mut().is_some_and(|connection| connection.poll_transmit(out))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called if nothing else happens.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let connection = self.connection.as_ref().and_then(Connection::poll_timeout);
        let close = match self.phase {
            Phase::Draining { until, .. } if self.is_connected() => Some(until),
            _ => None,
        };
        let pace = self.pace.as_ref().and_then(|pace| pace.poll_timeout(self.outgoing.queued() > 0));
        let waits = [self.outgoing.poll_timeout(), self.incoming.poll_timeout(), self.transfers.poll_timeout(), pace];
        waits.into_iter().chain([connection, close, self.idle_deadline()]).flatten().min()
    }

    // ---- state

    /// True while requests can be sent at once.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_open)
    }

    /// True if there is a connection with permessage-deflate.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_compressed)
    }

    /// What the connection speaks; `None` if there is none.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.connection.is_some().then_some(self.format)
    }

    /// What is to be done with the transport once everything from [`poll_transmit`](Self::poll_transmit) is written.
    #[must_use]
    pub fn transport(&self) -> Disconnect {
        self.connection.as_ref().map_or(Disconnect::AtOnce, Connection::disconnect)
    }

    /// True if something waits for a connection (WS-5.2-6: then the client reopens it), also the result of an accepted request,
    /// unless the application has closed the connection itself.
    #[must_use]
    pub fn wants_connection(&self) -> bool {
        self.connection.is_none() && (self.outgoing.queued() > 0 || !self.parked && self.transfers.are_expecting())
    }

    /// True if [`poll_event`](Self::poll_event) has something.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// True once [`close`](Self::close) or [`abort`](Self::abort) was called.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.phase != Phase::Open
    }

    /// True if the connection that is gone was closed because nothing travelled over it ([`Config::idle_close`]): there is no
    /// need for another one before there is something to send.
    #[must_use]
    pub fn closed_idle(&self) -> bool {
        self.closed_idle
    }

    /// The registration in force.
    #[must_use]
    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_deref()
    }

    /// The originator of requests that name none: as configured, or as assigned at registration.
    #[must_use]
    pub fn originator(&self) -> Option<&str> {
        self.config.originator.as_deref()
    }

    /// Requests on the wire without a response.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.outgoing.sent()
    }

    /// True if this end is a registree's, which registers first.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        self.config.gated
    }

    /// Requests that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outgoing.queued()
    }

    /// The requests that wait to be written, in their order, and until when they wait.
    pub fn queue(&self) -> impl Iterator<Item = (&Request, Instant)> {
        self.outgoing.waiting()
    }

    /// Bytes that wait for [`poll_transmit`](Self::poll_transmit).
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.connection.as_ref().map_or(0, Connection::buffered)
    }

    /// What the session counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *self.counters
    }

    /// Room for one event is made first: mostly there is only one, and an event is large.
    fn tell(&mut self, event: Event<W>) {
        if self.events.capacity() == 0 {
            self.events.reserve_exact(1);
        }
        self.events.push_back(event);
    }

    // ---- ends

    /// Ends what has run out of time.
    fn expire(&mut self, now: Now) {
        for number in self.outgoing.take_due(now.monotonic) {
            self.time_out(number);
        }
        for token in self.incoming.take_due(now.monotonic) {
            self.answer_for_the_application(now, token);
        }
        self.go_on_with_calls(now);
    }

    fn time_out(&mut self, number: u64) {
        self.counters.timeouts += 1;
        let text = if self.outgoing.may_have_arrived(number) {
            "no response in time; whether the request was carried out is not known".to_owned()
        } else {
            let why = match &self.last_failure {
                Some(failure) => failure.to_string(),
                None => "there was no connection, or no place in the window".to_owned(),
            };
            self.counters.expired += 1;
            format!("the request ran out of time before it could be sent; it was not carried out ({why})")
        };
        self.fail(number, ErrorKind::Timeout, &text);
    }

    fn fail(&mut self, number: u64, kind: ErrorKind, text: &str) {
        self.fail_with(number, Error::new(kind, text));
    }

    /// A request will get no response.
    fn fail_with(&mut self, number: u64, error: Error) {
        let unknown = self.outgoing.may_have_arrived(number);
        self.tell_failure(number, if unknown { error.with_unknown_outcome() } else { error });
    }

    fn tell_failure(&mut self, number: u64, error: Error) {
        if let Some(finished) = self.outgoing.finish(number) {
            self.deliver_failure(finished.waiter, error);
        }
    }

    /// A primitive goes either way.
    fn note_primitive(&mut self, now: Now) {
        if self.config.idle_close.is_some() {
            self.last_primitive = Some(now.monotonic);
        }
        self.tick(now);
    }

    /// True if nothing waits or is under way that a close would interrupt (WS-6.5-2, WS-6.5-3).
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.outgoing.is_empty() && self.incoming.len() == 0 && self.transfers.is_empty() && self.held() == 0
    }

    /// When the connection is to be closed because nothing travels over it, if nothing does until then.
    fn idle_deadline(&self) -> Option<Instant> {
        let is_idle = self.is_connected() && self.is_quiet();
        if is_idle { self.last_primitive?.checked_add(self.config.idle_close?) } else { None }
    }

    fn close_if_idle(&mut self, now: Now) {
        if self.idle_deadline().is_some_and(|deadline| deadline <= now.monotonic) {
            self.closed_idle = true;
            self.close_connection(now, CloseCode::Normal.into(), "nothing to send or to wait for");
        }
    }

    fn close_connection(&mut self, now: Now, code: u16, reason: &str) {
        self.write_all_held();
        if let Some(connection) = &mut self.connection {
            connection.close(now.monotonic, code, reason);
            self.said_close = true;
        }
    }

    /// Takes the next step of a close that was asked for.
    fn go_on_closing(&mut self, now: Now) {
        let Phase::Draining { until, code } = self.phase else { return };
        match &self.connection {
            Some(connection) if connection.is_open() => {
                if self.is_quiet() || until <= now.monotonic {
                    self.close_connection(now, code.into(), "");
                }
            }
            Some(_) => {} // the closing handshake is under way, or the transport is being wound up
            None => {
                for number in self.outgoing.all_numbers() {
                    self.fail(number, ErrorKind::Closed, "the session was closed before the request could be sent");
                }
                self.end_calls(ErrorKind::Closed, "the session was closed before its result came");
                self.phase = Phase::Closed;
                self.events.push_back(Event::Closed);
            }
        }
    }
}

/// 72 random bits in characters that need no escape in any format.
fn identifier_prefix(random: &mut dyn Random) -> Prefix {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~";
    let mut prefix = Prefix::default();
    random.fill(&mut prefix);
    prefix.map(|byte| ALPHABET[usize::from(byte & 63)])
}
