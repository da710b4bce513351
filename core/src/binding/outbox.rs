//! Requests that a client has accepted, and delivers when it can: its offline queue.
//!
//! Covers: TS-0020 5.2; TS-0004 Annex H (buffering); rows WS-5.2-6, -8. A pure machine: it decides what is taken, what is sent
//! next and what becomes of it; the requests travel through a [`Session`](super::Session), and a file that makes them durable is
//! the client's part. In the order in which they were posted, one at a time unless told otherwise, at least once; with the same
//! `rqi` each time.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use super::deadline::{after, doubled, time_left};
use super::{Now, Repeat};
use crate::primitive::{Operation, Request, Response, StatusCode};
use crate::{Error, ErrorKind, Result};

/// First wait after an attempt that came to nothing; it doubles.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait between two attempts.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// After being refused as if the entity were not registered: time in which it is registered again.
const DENIED_RETRY: Duration = Duration::from_secs(2);

/// What becomes of a request for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum WhenFull {
    /// It is refused.
    #[default]
    Refuse,
    /// The oldest ones make room for it; that is told.
    DropOldest,
}

/// Settings of an [`Outbox`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OutboxConfig {
    /// Most requests at a time: 1024; at least 1.
    pub requests: usize,
    /// Their size in memory, about: 8 MiB.
    pub bytes: usize,
    /// What becomes of one more: it is refused.
    pub when_full: WhenFull,
    /// How long a request is kept that has no `rqet` or `rset`: a day; more than 0, at most a year.
    pub lifetime: Duration,
    /// Most requests that are sent in a second; `None`: as fast as they are answered. More than 0.
    pub rate: Option<f64>,
    /// Requests under way at a time: 1, which keeps their order also where one has to be sent again; 1 to 256.
    pub window: usize,
    /// Which requests are sent again when it is not known whether they were carried out: all. Others are told to have an unknown
    /// outcome.
    pub repeat: Repeat,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            requests: 1024,
            bytes: 8 << 20,
            when_full: WhenFull::Refuse,
            lifetime: Duration::from_secs(86_400),
            rate: None,
            window: 1,
            repeat: Repeat::All,
        }
    }
}

/// Names one request in the outbox. Later ones are larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PostId(pub u64);

/// A request in the outbox, for those who want to look.
#[derive(Clone, PartialEq, Debug)]
pub struct Posted {
    /// `rqi`: the same at every attempt.
    pub request_id: String,
    /// What it asks for.
    pub operation: Operation,
    /// Of whom.
    pub to: String,
    /// When it stops being of use.
    pub expires: SystemTime,
    /// How often it was sent so far.
    pub attempts: u32,
}

/// A request that has left the outbox, and why.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which.
    pub id: PostId,
    /// Its `rqi`.
    pub request_id: String,
    /// The response, whatever its status; or why there is none: `QueueFull` if it made room for a newer one, `Timeout` if it
    /// expired.
    pub result: Result<Response>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It is not durable yet.
    Accepting,
    Waiting,
    UnderWay,
}

struct Entry {
    id: PostId,
    request: Request,
    size: usize,
    expires: SystemTime,
    attempts: u32,
    /// It was refused once as if the entity were not registered.
    denied: bool,
    state: State,
}

impl Entry {
    fn leaves(self, result: Result<Response>) -> Delivery {
        Delivery { id: self.id, request_id: self.request.request_id, result }
    }
}

/// A client's offline queue: in the order in which requests were posted, one at a time unless told otherwise, at least once.
pub struct Outbox {
    config: OutboxConfig,
    /// Makes identifiers unique.
    prefix: String,
    next: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    under_way: usize,
    /// None expires before it.
    earliest: Option<SystemTime>,
    /// In a row.
    failures: u32,
    not_before: Option<Instant>,
}

impl Outbox {
    /// An empty one. The identifiers that it makes begin with `prefix`, which no other run uses.
    #[must_use]
    pub fn new(config: OutboxConfig, prefix: String) -> Self {
        Self {
            config,
            prefix,
            next: 1,
            entries: VecDeque::new(),
            bytes: 0,
            under_way: 0,
            earliest: None,
            failures: 0,
            not_before: None,
        }
    }

    // ---- inputs

    /// Takes a request. It is sent once it is [`accepted`](Self::accepted). Its `rqi` is made if it has none, its expiration
    /// becomes an absolute time. What had to make room is returned.
    ///
    /// # Errors
    /// `QueueFull`, `Timeout` if it has expired already, `InvalidArgument` for an expiration that is no time.
    pub fn post(&mut self, now: Now, mut request: Request) -> Result<(PostId, Vec<Delivery>)> {
        let expires = self.expiration(now, &mut request)?;
        let id = PostId(self.next);
        if request.request_id.is_empty() {
            request.request_id = format!("{}{}", self.prefix, id.0);
        }
        let size = request.size();
        let dropped = self.make_room(size)?;
        self.next += 1;
        self.push(Entry { id, request, size, expires, attempts: 0, denied: false, state: State::Accepting });
        Ok((id, dropped))
    }

    /// Takes a request that an earlier run accepted; bounds do not count.
    pub fn restore(&mut self, request: Request, expires: Option<SystemTime>, now: Now) -> PostId {
        let id = PostId(self.next);
        self.next += 1;
        let expires = expires.or_else(|| now.wall.checked_add(self.config.lifetime)).unwrap_or(now.wall);
        let size = request.size();
        self.push(Entry { id, request, size, expires, attempts: 0, denied: false, state: State::Waiting });
        id
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.size;
        self.earliest = Some(self.earliest.map_or(entry.expires, |earliest| earliest.min(entry.expires)));
        self.entries.push_back(entry);
    }

    fn expiration(&self, now: Now, request: &mut Request) -> Result<SystemTime> {
        let own = time_left(request, now)?.unwrap_or(Duration::MAX);
        // `rqet` may be later than what is kept by default.
        let left = if request.request_expiration.is_some() { own } else { own.min(self.config.lifetime) };
        request.fix_expirations(now.wall);
        Ok(now.wall.checked_add(left).unwrap_or(now.wall))
    }

    fn make_room(&mut self, size: usize) -> Result<Vec<Delivery>> {
        let OutboxConfig { requests, bytes, when_full, .. } = self.config;
        let fits = |outbox: &Self| outbox.entries.len() < requests && outbox.bytes + size <= bytes;
        if fits(self) {
            return Ok(Vec::new());
        }
        let droppable = self.entries.iter().filter(|entry| entry.state == State::Waiting);
        let (count, freed) = droppable.fold((0, 0), |(count, freed), entry| (count + 1, freed + entry.size));
        let would_fit = self.entries.len() - count < requests && self.bytes - freed + size <= bytes;
        if when_full == WhenFull::Refuse || !would_fit {
            return Err(Error::new(
                ErrorKind::QueueFull,
                format!(
                    "the outbox is full ({} requests, {} bytes; limits {requests} and {bytes}): wait until some are delivered, \
                     or set that the oldest are dropped",
                    self.entries.len(),
                    self.bytes
                ),
            ));
        }
        let mut dropped = Vec::new();
        while !fits(self) {
            let Some(at) = self.entries.iter().position(|entry| entry.state == State::Waiting) else { break };
            let gone = Error::new(ErrorKind::QueueFull, "the outbox is full, and a newer request took its place");
            dropped.extend(self.remove(at).map(|entry| entry.leaves(Err(gone))));
        }
        Ok(dropped)
    }

    /// A request that was posted is as durable as it is to be.
    pub fn accepted(&mut self, id: PostId) {
        if let Some(entry) = self.entry_mut(id) {
            entry.state = State::Waiting;
        }
    }

    /// A request that was posted could not be made durable: it is taken back.
    pub fn rejected(&mut self, id: PostId) {
        if let Some(at) = self.position(id) {
            self.remove(at);
        }
    }

    /// The connection is open again: what waits is not held back any longer by earlier failures.
    pub fn opened(&mut self) {
        if self.failures > 0 {
            (self.failures, self.not_before) = (0, None);
        }
    }

    /// What came of a request that [`next`](Self::next) gave. Returned if the request leaves the outbox.
    pub fn outcome(&mut self, now: Now, id: PostId, result: Result<Response>) -> Option<Delivery> {
        let at = self.position(id).filter(|at| self.entries[*at].state == State::UnderWay)?;
        let repeat = self.config.repeat;
        let entry = &mut self.entries[at];
        let again = match &result {
            Ok(Response {
                status: StatusCode::ORIGINATOR_HAS_NO_PRIVILEGE | StatusCode::ORIGINATOR_NOT_AUTHENTICATED,
                ..
            }) if !entry.denied => {
                entry.denied = true;
                Some(DENIED_RETRY)
            }
            Ok(_) => None,
            Err(error) if error.is_outcome_unknown() && !repeat.allows(entry.request.operation) => None,
            Err(error) => match error.kind() {
                ErrorKind::Encode | ErrorKind::InvalidArgument | ErrorKind::DuplicateRequestId => None,
                _ => Some(doubled(FIRST_RETRY, self.failures, LONGEST_RETRY)),
            },
        };
        let Some(wait) = again else {
            self.failures = 0;
            return self.remove(at).map(|entry| entry.leaves(result));
        };
        entry.state = State::Waiting;
        self.earliest = Some(self.earliest.map_or(entry.expires, |earliest| earliest.min(entry.expires)));
        self.under_way -= 1;
        self.failures = self.failures.saturating_add(1);
        self.hold_until(after(now.monotonic, wait));
        None
    }

    // ---- outputs

    /// The request that is to be sent now, if there is one.
    pub fn next(&mut self, now: Now) -> Option<(PostId, Request)> {
        if self.under_way >= self.config.window || self.not_before.is_some_and(|at| at > now.monotonic) {
            return None;
        }
        // What is not durable yet holds back what came after it.
        let waiting = self.entries.iter_mut().find(|entry| entry.state != State::UnderWay);
        let entry = waiting.filter(|entry| entry.state == State::Waiting && entry.expires > now.wall)?;
        entry.state = State::UnderWay;
        entry.attempts += 1;
        let found = (entry.id, entry.request.clone());
        self.under_way += 1;
        if let Some(rate) = self.config.rate {
            self.hold_until(after(now.monotonic, Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX)));
        }
        Some(found)
    }

    fn hold_until(&mut self, at: Instant) {
        self.not_before = Some(self.not_before.map_or(at, |other| other.max(at)));
    }

    /// The requests that have expired; they leave.
    pub fn expire(&mut self, now: Now) -> Vec<Delivery> {
        if self.earliest.is_none_or(|earliest| earliest > now.wall) {
            return Vec::new();
        }
        let mut expired = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            if entry.state != State::Waiting || entry.expires > now.wall {
                self.entries.push_back(entry);
                continue;
            }
            self.bytes -= entry.size;
            let error = Error::new(ErrorKind::Timeout, "the request expired before it could be delivered");
            let sent = entry.attempts > 0;
            expired.push(entry.leaves(Err(if sent { error.with_unknown_outcome() } else { error })));
        }
        // One that is under way runs out of time by itself.
        let waiting = self.entries.iter().filter(|entry| entry.state != State::UnderWay);
        self.earliest = waiting.map(|entry| entry.expires).min();
        expired
    }

    /// When [`expire`](Self::expire) and [`next`](Self::next) are to be asked again if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<Instant> {
        let expiry = self.earliest.filter(|_| !self.entries.is_empty());
        let expiry = expiry.map(|at| after(now.monotonic, at.duration_since(now.wall).unwrap_or_default()));
        let waits = self.entries.len() > self.under_way && self.under_way < self.config.window;
        let next = self.not_before.filter(|at| *at > now.monotonic && waits);
        [expiry, next].into_iter().flatten().min()
    }

    /// Everything that is in it, in its order.
    pub fn list(&self) -> impl Iterator<Item = Posted> {
        self.entries.iter().map(|entry| Posted {
            request_id: entry.request.request_id.clone(),
            operation: entry.request.operation,
            to: entry.request.to.clone(),
            expires: entry.expires,
            attempts: entry.attempts,
        })
    }

    /// How many requests are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The request of an identifier, and when it expires.
    #[must_use]
    pub fn get(&self, id: PostId) -> Option<(&Request, SystemTime)> {
        self.position(id).map(|at| (&self.entries[at].request, self.entries[at].expires))
    }

    /// Takes everything out: there is nobody to deliver it any more.
    pub fn give_up(&mut self, error: &Error) -> Vec<Delivery> {
        (self.bytes, self.under_way) = (0, 0);
        std::mem::take(&mut self.entries).into_iter().map(|entry| entry.leaves(Err(error.clone()))).collect()
    }

    fn position(&self, id: PostId) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    fn entry_mut(&mut self, id: PostId) -> Option<&mut Entry> {
        let at = self.position(id)?;
        self.entries.get_mut(at)
    }

    fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.remove(at)?;
        self.bytes -= entry.size;
        if entry.state == State::UnderWay {
            self.under_way -= 1;
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
