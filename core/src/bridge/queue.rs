//! Everything that happens for a foreign language, in order, with one descriptor to wait on.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Outcome;
use super::wake::Wake;
use crate::Result;
use crate::client::{ClientEvent, StateChange};
use crate::net::link::IncomingRequest;
use crate::primitive::{Response, StatusCode};
use crate::registrar::UpstreamState;
use crate::server::ServerEvent;

/// One thing that happened. The numbers are the caller's: of a call, or of a handle.
#[derive(Debug)]
pub enum Delivery {
    /// A call came to its end.
    Completed {
        /// The call.
        call: u64,
        /// Its outcome.
        result: Result<Outcome>,
    },
    /// The registrar has accepted a request of [`super::Client::send_in`] for later; the call is completed when its result is
    /// there.
    Acknowledged {
        /// The call.
        call: u64,
        /// The acknowledgement (1001 or 1002).
        response: Response,
    },
    /// The peer of a handle asks for something.
    Request {
        /// The handle.
        handle: u64,
        /// The request, to be answered once; dropped, it is answered 5000.
        request: IncomingRequest,
    },
    /// The connection of a handle changed.
    State {
        /// The handle.
        handle: u64,
        /// The change.
        change: StateChange,
    },
    /// Something else happened to the client of a handle.
    Event {
        /// The handle.
        handle: u64,
        /// What happened.
        event: ClientEvent,
    },
    /// Something happened to a registree of the registrar of a handle.
    Registree {
        /// The handle.
        handle: u64,
        /// What happened.
        event: ServerEvent,
    },
    /// The registrar of a handle stands in another way with its own registrar.
    Upstream {
        /// The handle.
        handle: u64,
        /// How.
        state: UpstreamState,
    },
}

/// A bounded queue from the runtime to a foreign language.
///
/// Outcomes are always taken: they are bounded by the calls that wait. Requests above the bound are answered
/// 5207 NOT_ACCEPTABLE at once. State changes and events have a bound of their own, above which the oldest are dropped.
pub struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    wake: Wake,
    capacity: usize,
}

#[derive(Default)]
struct Inner {
    deliveries: VecDeque<Delivery>,
    requests: usize,
    news: usize,
    closed: bool,
}

/// State changes and events that are kept for a consumer that does not look.
const MOST_NEWS: usize = 4096;

impl Queue {
    /// An empty queue that holds at most `capacity` requests of peers.
    ///
    /// # Errors
    /// `Internal` if the process has no descriptor left.
    pub fn new(capacity: usize) -> Result<Self> {
        Ok(Self { inner: Mutex::default(), arrived: Condvar::new(), wake: Wake::new()?, capacity })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Readable while the queue has something; to be waited on, never read.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    pub(super) fn push(&self, delivery: Delivery) {
        let mut inner = self.lock();
        match &delivery {
            Delivery::Completed { .. } | Delivery::Acknowledged { .. } => {}
            Delivery::Request { .. } if inner.requests >= self.capacity => {
                drop(inner);
                if let Delivery::Request { request, .. } = delivery {
                    let text = format!("{} requests wait for this application already", self.capacity);
                    // A connection that is gone needs no answer.
                    let _ = request.respond(Response::error(StatusCode::NOT_ACCEPTABLE, text));
                }
                return;
            }
            Delivery::Request { .. } => inner.requests += 1,
            Delivery::State { .. }
            | Delivery::Event { .. }
            | Delivery::Registree { .. }
            | Delivery::Upstream { .. } => {
                let is_news = |delivery: &Delivery| {
                    !matches!(
                        delivery,
                        Delivery::Completed { .. } | Delivery::Acknowledged { .. } | Delivery::Request { .. }
                    )
                };
                if inner.news >= MOST_NEWS
                    && let Some(oldest) = inner.deliveries.iter().position(is_news)
                {
                    inner.deliveries.remove(oldest);
                    inner.news -= 1;
                }
                inner.news += 1;
            }
        }
        let first = inner.deliveries.is_empty();
        inner.deliveries.push_back(delivery);
        if first {
            // One wake-up per burst: the consumer takes all there is.
            self.wake.set();
            self.arrived.notify_all();
        }
    }

    /// Takes all there is, without waiting.
    #[must_use]
    pub fn drain(&self) -> VecDeque<Delivery> {
        let mut inner = self.lock();
        if inner.deliveries.is_empty() {
            return VecDeque::new();
        }
        // A queue whose consumer is to end stays readable.
        if !inner.closed {
            self.wake.reset();
        }
        (inner.requests, inner.news) = (0, 0);
        std::mem::take(&mut inner.deliveries)
    }

    /// Tells the consumer to end: from now on [`Queue::wait`] does not wait, and the descriptor is readable.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.set();
        self.arrived.notify_all();
    }

    /// Waits until there is something, and takes all of it; empty if `timeout` passed first, or the queue was closed.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> VecDeque<Delivery> {
        let deadline = Instant::now() + timeout;
        let mut inner = self.lock();
        while inner.deliveries.is_empty() && !inner.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return VecDeque::new();
            }
            inner = self.arrived.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(inner);
        self.drain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::BorrowedFd;
    use std::sync::Arc;

    fn delivery(call: u64) -> Delivery {
        Delivery::Completed { call, result: Ok(Outcome::Done) }
    }

    fn is_readable(queue: &Queue) -> bool {
        // An eventfd with something in it can be read once; putting it back leaves it as it was.
        let wake: BorrowedFd<'_> = std::os::fd::AsFd::as_fd(&queue.wake);
        let mut byte = [0; 8];
        let readable = nix::unistd::read(wake, &mut byte).is_ok();
        if readable {
            queue.wake.set();
        }
        readable
    }

    #[test]
    fn the_descriptor_is_readable_while_there_is_something() {
        let queue = Queue::new(1).unwrap();
        assert!(!is_readable(&queue));
        queue.push(delivery(1));
        queue.push(delivery(2));
        assert!(is_readable(&queue));
        assert_eq!(queue.drain().len(), 2);
        assert!(!is_readable(&queue));
    }

    #[test]
    fn a_closed_queue_wakes_its_consumer_and_never_waits_again() {
        let queue = Arc::new(Queue::new(1).unwrap());
        let consumer = std::thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.wait(Duration::from_secs(600)).len()
        });
        queue.close();
        assert_eq!(consumer.join().unwrap(), 0);
        queue.push(delivery(1));
        assert_eq!(queue.wait(Duration::from_secs(600)).len(), 1);
        assert_eq!(queue.wait(Duration::from_secs(600)).len(), 0);
        assert!(is_readable(&queue));
    }
}
