//! Joins a session to a stream: bytes in, events out, bytes out.
//!
//! Covers: rows WS-5.1-1, WS-6.3-1. All that is ready is read and handled before anything is written, and then all
//! that became ready is written with one system call: a write per reply is the largest cost of all. An idle connection
//! holds no buffer: the one that is read into belongs to the worker thread, and so does the one that is written from, which
//! is lent to the connection meanwhile.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::link::{Link, Transmit, Waiter};
use crate::binding::Event;
use crate::websocket::Disconnect;

/// Read into by every connection of a worker thread in turn.
const READ_BUFFER: usize = 64 << 10;
/// The most that is read first; each further read of the same turn may be twice as large. What is answered leaves with the
/// write after each read, so that a peer that sent much has something to do while the rest of it is handled: without that both
/// ends work in turn, and wake each other up.
const FIRST_READ: usize = 4 << 10;
/// Rounds before other tasks of the worker have their turn.
const ROUNDS: usize = 16;
/// Unwritten bytes above which nothing more is read, and nothing more taken from the session: a peer that does not read is
/// not read from either, and what waits for it counts in the session's queue.
const HIGH_WATER: usize = 1 << 20;

thread_local! {
    // Taken while they are used: the application is called meanwhile, and may drive another connection on this thread.
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITE: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Largest buffer that a worker thread keeps for writing.
const WRITE_BUFFER: usize = 64 << 10;

/// Whose connection it is.
pub(crate) trait Owner {
    /// Something happened. Called without a lock.
    fn on_event(&mut self, event: Event<Waiter>);

    /// Has the driver of the link woken not after `deadline`, and tells when; `None` if the pump needs a timer of its own.
    fn wake_before(&self, now: Instant, deadline: Instant) -> Option<Instant>;
}

/// Drives the connection that `link`'s session has, until nothing of it is left.
pub(crate) struct Pump<'a, S, O> {
    stream: &'a mut S,
    link: &'a Link,
    owner: &'a mut O,
    /// What the socket does not take yet; mostly there is none, and no memory.
    unwritten: Option<Box<BytesMut>>,
    /// The peer has ended the stream, or it failed.
    ended: bool,
    /// The socket does not take all that there is.
    stalled: bool,
    /// The sending side is shut down; reading goes on.
    finished: bool,
    timer: Timer,
}

/// What wakes the pump for the next deadline. It is only ever set earlier: a deadline that moves away (each byte moves the
/// keep-alive) costs nothing, the pump is then woken once in vain.
enum Timer {
    None,
    /// The owner wakes it then.
    Coarse(Instant),
    Exact(Pin<Box<Sleep>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin, O: Owner> Future for Pump<'_, S, O> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ended = this.turn(cx);
        if ended.is_ready() {
            this.link.drive(|session, now| session.detach(now));
            this.link.hand_out(|event| this.owner.on_event(event));
        }
        ended
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin, O: Owner> Pump<'a, S, O> {
    pub(crate) fn new(stream: &'a mut S, link: &'a Link, owner: &'a mut O) -> Self {
        Self { stream, link, owner, unwritten: None, ended: false, stalled: false, finished: false, timer: Timer::None }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let link = self.link;
        let mut out = self.unwritten.take().map_or_else(BytesMut::new, |out| *out);
        let mut most = FIRST_READ;
        for _ in 0..ROUNDS {
            let congested = out.len() > HIGH_WATER;
            let mut progress = !congested && self.read(cx, most);
            most = READ_BUFFER.min(2 * most);
            link.hand_out(|event| self.owner.on_event(event));
            let deadline = match link.poll_transmit((!congested).then_some(&mut out), cx.waker()) {
                Transmit::Progress => {
                    progress = true;
                    None
                }
                Transmit::Idle { now, deadline } => deadline.map(|deadline| (now, deadline)),
            };
            match self.write(cx, &mut out) {
                Ok(changed) => progress |= changed, // the deadline may be another one
                Err(_) => return Poll::Ready(()),
            }
            // What was left alone meanwhile has its turn.
            progress |= congested && out.len() <= HIGH_WATER;
            if !progress {
                let written = out.is_empty();
                match link.peek(|session| session.transport()) {
                    Disconnect::Finish if written => self.finish(cx),
                    Disconnect::Now if written => {
                        if Pin::new(&mut *self.stream).poll_shutdown(cx).is_ready() {
                            return Poll::Ready(());
                        }
                    }
                    Disconnect::AtOnce => return Poll::Ready(()),
                    Disconnect::NotYet | Disconnect::Finish | Disconnect::Now => {}
                }
            }
            if !progress && !self.is_due(cx, deadline) {
                self.keep(out);
                return Poll::Pending;
            }
        }
        self.keep(out);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Keeps what the socket did not take.
    fn keep(&mut self, out: BytesMut) {
        if !out.is_empty() {
            self.unwritten = Some(Box::new(out));
        }
    }

    /// Takes what is there; true if there was anything.
    fn read(&mut self, cx: &mut Context<'_>, most: usize) -> bool {
        if self.ended {
            return false;
        }
        let mut buffer = READ.take();
        buffer.resize(READ_BUFFER, 0);
        let mut read = ReadBuf::new(&mut buffer[..most]);
        let any = match Pin::new(&mut *self.stream).poll_read(cx, &mut read) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                self.link.take_in(WRITE.take(), read.filled_mut(), |event| self.owner.on_event(event));
                true
            }
            Poll::Ready(_) => {
                self.ended = true;
                self.link.drive(|session, now| session.handle_eof(now));
                true
            }
        };
        READ.set(buffer);
        any
    }

    /// Writes as much as the socket takes. True if the connection was told that it takes less than there is, or does again.
    fn write(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> std::io::Result<bool> {
        let mut written = 0;
        while written < out.len() {
            match Pin::new(&mut *self.stream).poll_write(cx, &out[written..]) {
                Poll::Pending => {
                    out.advance(written);
                    return Ok(self.tell_written(written, out.len()));
                }
                Poll::Ready(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => written += count,
                Poll::Ready(Err(error)) => {
                    self.link.drive(|session, now| session.handle_eof(now));
                    return Err(error);
                }
            }
        }
        if out.capacity() > 0 {
            let mut spare = std::mem::take(out);
            spare.clear();
            if spare.capacity() <= WRITE_BUFFER {
                WRITE.set(spare);
            }
        }
        // TLS has its own buffer before the socket.
        match Pin::new(&mut *self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => Ok(self.tell_written(written, 0)),
            Poll::Pending => Ok(self.tell_written(written, 1)),
            Poll::Ready(Err(error)) => {
                self.link.drive(|session, now| session.handle_eof(now));
                Err(error)
            }
        }
    }

    /// Tells the connection how writing goes, as far as that matters to it.
    fn tell_written(&mut self, written: usize, left: usize) -> bool {
        let matters = if self.stalled { written > 0 || left == 0 } else { left > 0 };
        if matters {
            self.stalled = left > 0;
            self.link.drive(|session, now| session.handle_write(now, written, left));
        }
        matters
    }

    /// Shuts the sending side down, once.
    fn finish(&mut self, cx: &mut Context<'_>) {
        if !self.finished {
            self.finished = Pin::new(&mut *self.stream).poll_shutdown(cx).is_ready();
        }
    }

    /// True if the deadline, which comes with the time that it is, has passed and was handled; otherwise the pump is woken then.
    fn is_due(&mut self, cx: &mut Context<'_>, deadline: Option<(Instant, Instant)>) -> bool {
        let Some((now, deadline)) = deadline else { return false };
        match &mut self.timer {
            Timer::Coarse(at) if now < *at && *at <= deadline => return false,
            Timer::Exact(timer) if !timer.is_elapsed() && timer.deadline() <= deadline.into() => {}
            timer => {
                if let Some(at) = self.owner.wake_before(now, deadline) {
                    *timer = Timer::Coarse(at);
                    return false;
                }
                match timer {
                    Timer::Exact(timer) => timer.as_mut().reset(deadline.into()),
                    _ => *timer = Timer::Exact(Box::pin(tokio::time::sleep_until(deadline.into()))),
                }
            }
        }
        if let Timer::Exact(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_pending()
        {
            return false;
        }
        self.timer = Timer::None;
        self.link.drive(|session, now| session.handle_timeout(now));
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::binding::{self, Session};
    use crate::net::{OsRandom, now};
    use crate::primitive::{Format, Request};
    use crate::websocket::{Config, Connection, Role};

    const PATIENCE: Duration = Duration::from_secs(5);

    /// A server's end, and the peer's stream, which has room for `room` bytes that are not read.
    fn pump_to(room: usize, config: Config) -> (Arc<Link>, DuplexStream, tokio::task::JoinHandle<()>) {
        let mut session = Session::new(binding::Config::default(), &mut OsRandom::new());
        let now = now();
        session.attach(
            now,
            Connection::new(Role::Server, config, Box::new(OsRandom::new()), now.monotonic),
            Format::Json,
        );
        let link = Arc::new(Link::new(session));
        let (mut ours, theirs) = duplex(room);
        let run = {
            let link = Arc::clone(&link);
            async move { Pump::new(&mut ours, &link, &mut Nobody).await }
        };
        (link, theirs, tokio::spawn(run))
    }

    /// Nobody hears what happens.
    struct Nobody;

    impl Owner for Nobody {
        fn on_event(&mut self, _event: Event<Waiter>) {}

        fn wake_before(&self, _now: Instant, _deadline: Instant) -> Option<Instant> {
            None
        }
    }

    fn send(link: &Arc<Link>, size: usize) {
        let request = Request::update("x", json!({ "m2m:cnt": { "lbl": ["x".repeat(size)] } }));
        let link = Arc::clone(link);
        tokio::spawn(async move { link.request(request).await });
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up_with_all_that_waits_for_it() {
        let short = Duration::from_millis(50);
        let config = Config { ping_after: Some(short), pong_timeout: short, ..Config::default() };
        let (link, _theirs, ended) = pump_to(1 << 10, config);
        send(&link, 100 << 10);
        tokio::time::timeout(PATIENCE, ended).await.expect("the connection is held for ever").unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_sends_and_does_not_read_is_given_up_too() {
        let config = Config { ping_after: None, write_timeout: Duration::from_millis(100), ..Config::default() };
        let (link, mut theirs, mut ended) = pump_to(1 << 10, config);
        send(&link, 100 << 10);
        let give_up = tokio::time::Instant::now() + PATIENCE;
        let mut ping = tokio::time::interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                end = &mut ended => break end.unwrap(),
                _ = ping.tick() => {
                    let _ = theirs.write_all(b"\x89\x84\0\0\0\0ping").await;
                    assert!(tokio::time::Instant::now() < give_up, "the connection is held for ever");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_peer_that_reads_slowly_is_not_given_up() {
        let short = Duration::from_millis(200);
        let config = Config { ping_after: Some(short), pong_timeout: short, write_timeout: short, ..Config::default() };
        let (link, mut theirs, ended) = pump_to(1 << 10, config);
        send(&link, 2 * HIGH_WATER);
        let mut got = 0;
        let mut some = vec![0; 100 << 10];
        while got < 2 * HIGH_WATER {
            tokio::time::sleep(short / 10).await;
            // As much as a pipe of 1 kB hands over in a while, which is far less than waits.
            let until = tokio::time::Instant::now() + short / 10;
            while tokio::time::Instant::now() < until && got < 2 * HIGH_WATER {
                got += theirs.read(&mut some).await.unwrap();
            }
            assert!(!ended.is_finished(), "given up after {got} bytes");
        }
    }

    #[tokio::test]
    async fn a_close_does_not_wait_for_a_peer_that_does_not_read() {
        let config = Config { close_timeout: Duration::from_millis(50), ..Config::default() };
        let (link, _theirs, ended) = pump_to(1 << 10, config);
        send(&link, 100 << 10);
        tokio::time::sleep(Duration::from_millis(20)).await;
        link.with(|session, now| session.abort(now, 1001, ""));
        tokio::time::timeout(PATIENCE, ended).await.expect("the connection is held for ever").unwrap();
    }

    #[tokio::test]
    async fn reading_goes_on_when_a_peer_has_caught_up() {
        const ROOM: usize = 4 << 20;
        let (link, mut theirs, _) = pump_to(ROOM, Config::default());
        send(&link, ROOM + 2 * HIGH_WATER);
        tokio::time::sleep(Duration::from_millis(50)).await; // the stream is full, and more than the mark waits
        theirs.write_all(b"\x89\x84\0\0\0\0ping").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut got = BytesMut::with_capacity(2 * ROOM);
        let pong = async {
            while !got.ends_with(b"\x8a\x04ping") {
                assert_ne!(theirs.read_buf(&mut got).await.unwrap(), 0);
            }
        };
        tokio::time::timeout(PATIENCE, pong).await.expect("what came meanwhile is not read");
    }

    #[tokio::test]
    async fn what_a_peer_does_not_read_stays_in_the_queue() {
        let (link, _theirs, _) = pump_to(1 << 10, Config::default());
        for _ in 0..30 {
            send(&link, HIGH_WATER / 4);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (queued, in_flight) = link.peek(|session| (session.queued(), session.in_flight()));
        assert_eq!(queued + in_flight, 30);
        assert!(in_flight < 20, "{in_flight} were taken out of the queue for a peer that does not read");
    }
}
