//! One WebSocket connection after its handshake: state, control frames, closing handshake, deadlines.
//!
//! Covers: RFC 6455 5.5 (control frames), 6 (sending and receiving), 7 (closing); rows WS-6.1-1, WS-6.1-2, WS-6.3-1, WS-6.3-2.
//! What it does not do: the opening handshake ([`super::handshake`]), and anything with sockets, clocks or threads.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

use super::{
    Agreement, MessageKind, Random, Role,
    close::{CloseCode, CloseFrame},
    escape,
    frame::{Opcode, Violation},
    keep_alive::{Action, KeepAlive},
    receive::{Received, Receiver, Whole},
    send::Sender,
};

/// Pings answered one by one between two transmissions; beyond that only the newest is (RFC 6455 5.5.3 allows it), so that a
/// flood of pings fills no memory.
const MAX_WAITING_PONGS: usize = 16;

/// The limits and times of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The largest message taken, in bytes; 1 MiB. Counted from the heads of frames, before anything is buffered, and of what is
    /// compressed as it is decompressed; a larger one closes the connection with 1009 (RFC 6455 7.4.1, 10.4).
    pub max_message_size: usize,
    /// The most fragments of one message taken, at least 1; 4096. One more closes the connection with 1008: a peer may
    /// otherwise make us work for every byte.
    pub max_fragments: usize,
    /// The largest payload of one frame that is sent; 32 KiB, since some peers refuse frames above 64 KiB. `None`: a message
    /// is always one frame, for peers that cannot put fragments together. `Some(0)` counts as `Some(1)`.
    pub fragment_size: Option<usize>,
    /// How long the peer has to answer our close frame, and then to end the TCP connection; 5 s each.
    pub close_timeout: Duration,
    /// After so much time without a received byte a ping is sent; 20 s. `None`: never.
    pub ping_after: Option<Duration>,
    /// So long after a ping without a received byte the peer counts as gone; 10 s.
    pub pong_timeout: Duration,
    /// So long the peer may take none of the bytes that wait for it; 30 s. Then the connection is given up.
    pub write_timeout: Duration,
    /// The most control frames taken in a second; 256. One more closes the connection with 1008: each costs more work than
    /// it costs the peer.
    pub max_control_frames: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 1 << 20,
            max_fragments: 4096,
            fragment_size: Some(32 << 10),
            close_timeout: Duration::from_secs(5),
            ping_after: Some(Duration::from_secs(20)),
            pong_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_control_frames: 256,
        }
    }
}

/// What [`Connection::read_next`] took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// All of the data: there was no whole thing in it, or nothing more is read.
    All,
    /// Something; there may be events.
    Some,
    /// A message, where it stands.
    Message(Whole<'a>),
}

/// What a connection has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message has come.
    Message {
        /// What its first frame said. The payload of [`MessageKind::Text`] is valid UTF-8.
        kind: MessageKind,
        /// Unmasked and joined; owns exactly its size.
        payload: Bytes,
    },
    /// A ping of ours was answered: one asked for by [`Connection::ping`], or one sent after silence.
    Pong {
        /// The number that [`Connection::ping`] gave.
        ping: u64,
        /// From the making of the ping to the reading of its answer.
        round_trip: Duration,
    },
    /// The connection is over. Always the last event, and it always comes.
    Closed(Closed),
}

/// How a connection ended. [`Display`](fmt::Display) makes one line of it that is safe to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The code in the first close frame of the two ends; 1005 if that frame had none. `None` if there was no close frame,
    /// which RFC 6455 7.1.5 calls 1006.
    pub code: Option<u16>,
    /// The reason in that frame, or in our words what happened instead of one. The peer's words come as they are: do not log
    /// them unescaped.
    pub reason: String,
    /// Whether the peer began.
    pub by_peer: bool,
    /// Whether close frames went both ways (RFC 6455 7.1.4), so that neither end was cut off in a message.
    pub clean: bool,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, reason, by_peer, clean } = self;
        match (code, by_peer) {
            (Some(code), true) => write!(f, "closed by the peer with code {code}")?,
            (Some(code), false) => write!(f, "closed by this end with code {code}")?,
            (None, true) => f.write_str("ended by the peer without a close frame")?,
            (None, false) => f.write_str("given up by this end without a close frame")?,
        }
        if code.is_some() && !clean {
            f.write_str(", without the closing handshake")?;
        }
        if !reason.is_empty() {
            write!(f, ": {}", escape(reason))?;
        }
        Ok(())
    }
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError<E = Infallible> {
    /// Our close frame was sent; nothing may follow it (RFC 6455 5.5.1).
    Closing,
    /// The connection is over.
    Closed,
    /// The payload could not be written. Nothing of it was sent, and the connection goes on.
    Write(E),
}

impl<E: fmt::Display> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closing => f.write_str("the WebSocket connection is closing; send on the next one"),
            Self::Closed => f.write_str("the WebSocket connection is closed; send on the next one"),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for SendError<E> {}

/// What is to be done with the TCP connection, once everything from [`Connection::poll_transmit`] is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// Nothing: go on reading and writing.
    NotYet,
    /// Shut down the sending side and go on reading. The connection failed, the peer may still be sending, and closing a
    /// socket with unread bytes would reset it and could take our close frame away from the peer (RFC 6455 7.1.1).
    Finish,
    /// Close it.
    Now,
    /// Close it without waiting for anything, also if bytes are not written: the peer is gone, or has not taken them in time.
    AtOnce,
}

#[derive(Debug)]
enum State {
    Open,
    /// Our close frame is out, the peer's is not in (RFC 6455 7.1.3). `outcome` is what it comes to without that.
    Closing {
        outcome: Box<Closed>,
        deadline: Option<Instant>,
    },
    /// [`Event::Closed`] is out; only the TCP connection is left, at most until the deadline.
    Over {
        disconnect: Disconnect,
        deadline: Option<Instant>,
    },
}

/// One end of a WebSocket connection after the opening handshake, without its socket.
///
/// The methods are of four kinds:
/// - *input*, what the outside reports: [`handle_data`](Self::handle_data), [`handle_next`](Self::handle_next),
///   [`handle_write`](Self::handle_write), [`handle_eof`](Self::handle_eof), [`handle_timeout`](Self::handle_timeout);
/// - *commands*, what the user wants: [`send`](Self::send), [`try_send`](Self::try_send), [`ping`](Self::ping),
///   [`close`](Self::close), [`lend`](Self::lend);
/// - *output*, what the outside is to do: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
///   [`poll_timeout`](Self::poll_timeout), [`disconnect`](Self::disconnect);
/// - *queries*, which change nothing: [`is_open`](Self::is_open), [`is_closed`](Self::is_closed),
///   [`is_compressed`](Self::is_compressed), [`buffered`](Self::buffered).
///
/// The order: after any number of inputs and commands,
/// 1. take events until there are none (commands given in between are fine),
/// 2. transmit, when the socket takes bytes: once per batch, not once per message,
/// 3. do what [`disconnect`](Self::disconnect) says, when all is written,
/// 4. set one timer to [`poll_timeout`](Self::poll_timeout), and wait for the next input or command.
///
/// Report what has come before time that has passed, or a peer may be given up whose answer lies unread. An instant given is
/// never earlier than the one before. An idle connection holds no buffer.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    state: State,
    receiver: Receiver,
    sender: Sender,
    keep_alive: KeepAlive,
    /// Few: a message that comes whole is lent instead.
    events: VecDeque<Event>,
    /// When the peer counts as one that takes nothing; set while bytes wait for it.
    stalled: Option<Instant>,
    /// Made by the first ping or pong that comes.
    pings: Option<Box<Pings>>,
}

/// What is kept of the pings and pongs of the peer.
#[derive(Debug)]
struct Pings {
    rate: ControlRate,
    /// Pongs added since the last transmission.
    waiting_pongs: usize,
    /// The newest ping beyond [`MAX_WAITING_PONGS`].
    late: Option<Bytes>,
}

/// How many control frames have come in the second that began at `since`.
#[derive(Debug)]
struct ControlRate {
    since: Instant,
    count: u32,
}

impl ControlRate {
    const SECOND: Duration = Duration::from_secs(1);

    /// One more has come: how many that makes.
    fn add(&mut self, now: Instant) -> u32 {
        if now.saturating_duration_since(self.since) >= Self::SECOND {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

impl Connection {
    /// A connection whose opening handshake is done. `random` gives masking keys, which only a client needs. Connections can
    /// share their limits.
    ///
    /// Bytes that came along with the handshake are the first for [`handle_data`](Self::handle_data).
    pub fn new(role: Role, config: impl Into<Arc<Config>>, random: Box<dyn Random>, now: Instant) -> Self {
        let config = config.into();
        Self {
            role,
            state: State::Open,
            receiver: Receiver::new(role, Arc::clone(&config)),
            sender: Sender::new(role, Arc::clone(&config), random),
            keep_alive: KeepAlive::new(Arc::clone(&config), now),
            config,
            events: VecDeque::new(),
            stalled: None,
            pings: None,
        }
    }

    /// The same with permessage-deflate, as the handshake agreed on it.
    #[must_use]
    pub fn with_compression(mut self, agreement: &Agreement) -> Self {
        self.receiver.decompress(agreement);
        self.sender.compress(agreement);
        self
    }

    /// Input: bytes came from the peer, cut anywhere. They are unmasked in place; what is left in `data` has no meaning.
    pub fn handle_data(&mut self, now: Instant, mut data: &mut [u8]) {
        while self.handle_next(now, &mut data) {}
    }

    /// Input: like [`handle_data`](Self::handle_data), up to the next whole thing in `data`, which is taken off its front.
    /// False: there was none, and all of `data` was taken. With events taken in between, none need be kept.
    pub fn handle_next(&mut self, now: Instant, data: &mut &mut [u8]) -> bool {
        let (kind, payload) = match self.read_next(now, data) {
            Read::All => return false,
            Read::Some => return true,
            Read::Message(Whole::Text(text)) => (MessageKind::Text, text.as_bytes()),
            Read::Message(Whole::Binary(bytes)) => (MessageKind::Binary, bytes),
        };
        self.tell(Event::Message { kind, payload: Bytes::copy_from_slice(payload) });
        true
    }

    /// Input: like [`handle_next`](Self::handle_next), but a message that stands in `data` as a whole is lent, and no event
    /// tells of it. It comes after the events that there are already.
    pub fn read_next<'a>(&mut self, now: Instant, data: &mut &'a mut [u8]) -> Read<'a> {
        // What follows the peer's close frame, or a violation, is not looked at (RFC 6455 1.4, 7.1.7).
        if data.is_empty() || self.is_closed() {
            return Read::All;
        }
        self.keep_alive.heard(now);
        match self.receiver.next(data) {
            Ok(Some(Received::Whole(message))) => return Read::Message(message),
            Ok(Some(received)) => self.take(now, received),
            Ok(None) => return Read::All,
            Err(violation) => self.fail(now, violation),
        }
        Read::Some
    }

    /// Input: of what was transmitted before, the socket took `written` bytes, and `left` bytes still wait for it. To be told
    /// when the socket does not take all at once, and again until it has.
    pub fn handle_write(&mut self, now: Instant, written: usize, left: usize) {
        if left == 0 {
            self.stalled = None;
        } else if written > 0 || self.stalled.is_none() {
            self.stalled = now.checked_add(self.config.write_timeout);
        }
        if written > 0 {
            // A peer that takes bytes lives, though nothing be read from it meanwhile.
            self.keep_alive.heard(now);
        }
    }

    /// Input: the peer ended the TCP connection, or it broke.
    pub fn handle_eof(&mut self, _now: Instant) {
        self.abandon("the TCP connection ended", true);
    }

    /// Input: the instant of [`poll_timeout`](Self::poll_timeout) has come. Harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        let has_come = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        match self.state {
            State::Open if has_come(self.stalled) => {
                let time = self.config.write_timeout;
                self.abandon(&format!("the peer has taken none of the bytes that wait for it in {time:?}"), false);
            }
            State::Open => match self.keep_alive.handle_timeout(now) {
                Action::Nothing => {}
                Action::Ping => {
                    self.ping(now);
                }
                Action::GiveUp => self.abandon("the peer has been silent since a ping", false),
            },
            State::Closing { deadline, .. } | State::Over { deadline, .. } if has_come(deadline) => {
                self.abandon("the closing handshake was not completed", false);
            }
            State::Closing { .. } | State::Over { .. } => {}
        }
    }

    /// Command: gives memory for what is written next, so that none need be claimed.
    /// [`poll_transmit`](Self::poll_transmit) gives it back, with something in it or, to a buffer without memory, empty.
    pub fn lend(&mut self, room: BytesMut) {
        self.sender.lend(room);
    }

    /// Command: sends a message whose payload `write` appends to the outgoing buffer; gives its size in bytes.
    ///
    /// `write` may only append. For [`MessageKind::Text`] it writes UTF-8.
    ///
    /// # Errors
    /// When this end has sent a close frame, or the connection is over; then `write` is not called.
    pub fn send(&mut self, kind: MessageKind, write: impl FnOnce(&mut BytesMut)) -> Result<usize, SendError> {
        self.try_send(kind, |out| {
            write(out);
            Ok(())
        })
    }

    /// Command: like [`send`](Self::send), with a payload whose writing can fail.
    ///
    /// # Errors
    /// As for `send`, and [`SendError::Write`] when `write` fails; then nothing is sent and the connection goes on.
    pub fn try_send<E>(
        &mut self,
        kind: MessageKind,
        write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<usize, SendError<E>> {
        match self.state {
            State::Open => self.sender.message(kind, write).map_err(SendError::Write),
            State::Closing { .. } => Err(SendError::Closing),
            State::Over { .. } => Err(SendError::Closed),
        }
    }

    /// Command: asks the peer for a sign of life. Gives the number by which [`Event::Pong`] tells of the answer, or `None`
    /// when the connection is not open. If no byte at all comes within [`Config::pong_timeout`], the peer counts as gone.
    pub fn ping(&mut self, now: Instant) -> Option<u64> {
        if !self.is_open() {
            return None;
        }
        let number = self.keep_alive.ping(now);
        self.sender.control(Opcode::Ping, &number.to_be_bytes());
        Some(number)
    }

    /// Command: begins the closing handshake (RFC 6455 7.1.2). Messages that the peer sends before its answer still come.
    /// Does nothing when this end has sent a close frame already.
    ///
    /// A `reason` above 123 bytes is cut. The code 1005 sends a close frame without code and reason; any other code that may
    /// not be sent (RFC 6455 7.4) is replaced by 1011.
    pub fn close(&mut self, now: Instant, code: impl Into<u16>, reason: &str) {
        if self.is_open() {
            let frame = CloseFrame::new(code.into(), reason);
            self.send_close(&frame);
            let CloseFrame { code, reason } = frame;
            let outcome = Box::new(Closed { code: Some(code), reason, by_peer: false, clean: false });
            self.state = State::Closing { outcome, deadline: self.close_deadline(now) };
        }
    }

    /// Output: moves everything that is ready to the end of `out`, without copying if that is empty. False: there was nothing.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        self.answer_late_ping();
        if let Some(pings) = &mut self.pings {
            pings.waiting_pongs = 0;
        }
        self.sender.drain_into(out)
    }

    /// Output: the next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if self.events.is_empty() {
            self.events = VecDeque::new(); // an idle connection holds no memory
        }
        Some(event)
    }

    /// Output: when to call [`handle_timeout`](Self::handle_timeout), unless something else happens before. `None`: never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Open => [self.keep_alive.poll_timeout(), self.stalled].into_iter().flatten().min(),
            State::Closing { deadline, .. } | State::Over { deadline, .. } => deadline,
        }
    }

    /// Output: what is to be done with the TCP connection, once everything from [`poll_transmit`](Self::poll_transmit) is
    /// written. The server closes first; a client waits for that, at most [`Config::close_timeout`] (RFC 6455 7.1.1).
    pub fn disconnect(&self) -> Disconnect {
        match self.state {
            State::Over { disconnect, .. } if self.sender.waiting() == 0 => disconnect,
            _ => Disconnect::NotYet,
        }
    }

    /// Query: whether messages can be sent.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Query: whether [`Event::Closed`] has been given out or waits in [`poll_event`](Self::poll_event).
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Over { .. })
    }

    /// Query: whether permessage-deflate was agreed on.
    pub fn is_compressed(&self) -> bool {
        self.sender.is_compressed()
    }

    /// Query: how many bytes wait for [`poll_transmit`](Self::poll_transmit).
    pub fn buffered(&self) -> usize {
        self.sender.waiting()
    }

    fn tell(&mut self, event: Event) {
        if self.events.capacity() == 0 {
            self.events.reserve_exact(1);
        }
        self.events.push_back(event);
    }

    /// Acts on what the peer sent.
    fn take(&mut self, now: Instant, received: Received<'_>) {
        if matches!(received, Received::Ping(_) | Received::Pong(_)) {
            let most = self.config.max_control_frames;
            if self.pings(now).rate.add(now) > most {
                let reason = format!("more than {most} control frames in a second");
                return self.fail(now, Violation::new(CloseCode::Policy, reason));
            }
        }
        match received {
            Received::Whole(_) => {} // given on by the caller
            Received::Message { kind, payload } => self.tell(Event::Message { kind, payload }),
            Received::Ping(payload) => self.answer_ping(now, payload),
            Received::Pong(payload) => {
                if let Some((ping, round_trip)) = self.keep_alive.pong(now, &payload) {
                    self.tell(Event::Pong { ping, round_trip });
                }
            }
            Received::Close(payload) => match CloseFrame::parse(&payload) {
                Ok(frame) => self.take_close(now, frame),
                Err(violation) => self.fail(now, violation),
            },
        }
    }

    /// The peer's close frame answers ours, or is answered with its own code (RFC 6455 5.5.1).
    fn take_close(&mut self, now: Instant, frame: CloseFrame) {
        let closed = match &self.state {
            State::Closing { outcome, .. } => Closed { clean: true, ..Closed::clone(outcome) },
            _ => {
                self.send_close(&CloseFrame::new(frame.code, ""));
                Closed { code: Some(frame.code), reason: frame.reason, by_peer: true, clean: true }
            }
        };
        let disconnect = match self.role {
            Role::Server => Disconnect::Now,
            Role::Client => Disconnect::NotYet,
        };
        self.finish(closed, disconnect, self.close_deadline(now));
    }

    /// Fails the connection (RFC 6455 7.1.7): says why, and reads no more.
    fn fail(&mut self, now: Instant, violation: Violation) {
        self.close(now, violation.code, &violation.reason);
        if let State::Closing { outcome, .. } = &self.state {
            self.finish(Closed::clone(outcome), Disconnect::Finish, self.close_deadline(now));
        }
    }

    /// Nothing more can come or go. The arguments tell why, unless the connection was closing already.
    fn abandon(&mut self, reason: &str, by_peer: bool) {
        self.sender.clear();
        let closed = match &self.state {
            State::Open => Closed { code: None, reason: reason.to_owned(), by_peer, clean: false },
            State::Closing { outcome, .. } => Closed::clone(outcome),
            State::Over { .. } => {
                self.state = State::Over { disconnect: Disconnect::AtOnce, deadline: None };
                return;
            }
        };
        self.finish(closed, Disconnect::AtOnce, None);
    }

    /// Tells the outcome and lets go of everything but what is still to be transmitted.
    fn finish(&mut self, closed: Closed, disconnect: Disconnect, deadline: Option<Instant>) {
        self.tell(Event::Closed(closed));
        self.state = State::Over { disconnect, deadline };
        self.receiver.clear();
        self.pings = None;
    }

    fn pings(&mut self, now: Instant) -> &mut Pings {
        self.pings.get_or_insert_with(|| {
            Box::new(Pings { rate: ControlRate { since: now, count: 0 }, waiting_pongs: 0, late: None })
        })
    }

    fn answer_ping(&mut self, now: Instant, payload: Bytes) {
        if !self.is_open() {
            return; // Our close frame is the last that we send.
        }
        let pings = self.pings(now);
        if pings.waiting_pongs < MAX_WAITING_PONGS {
            pings.waiting_pongs += 1;
            self.sender.control(Opcode::Pong, &payload);
        } else {
            pings.late = Some(payload);
        }
    }

    fn answer_late_ping(&mut self) {
        if let Some(payload) = self.pings.as_mut().and_then(|pings| pings.late.take()) {
            self.sender.control(Opcode::Pong, &payload);
        }
    }

    fn send_close(&mut self, frame: &CloseFrame) {
        self.answer_late_ping();
        self.sender.control(Opcode::Close, &frame.payload());
    }

    fn close_deadline(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.config.close_timeout)
    }
}

#[cfg(test)]
mod tests;
