//! Requests of ours that wait: for a connection, for a place in the window, or for their response.
//!
//! Covers: rows WS-5.2-6 (what is kept until the connection is reopened), WS-6.5-2 (what holds a close back); TS-0001
//! 7.1.7 (a request identifier is not used twice while it waits). Encodes nothing and sends nothing.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use slab::Slab;

use super::deadline::Earliest;
use crate::primitive::Request;
use crate::{Error, ErrorKind, Result};

/// Bounds of what waits on our side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutgoingLimits {
    /// Requests on the wire that have no response yet: 1 to 65 535, 64 by default. Stock ACME loses requests above 1.
    pub window: usize,
    /// Requests that wait for a connection or for a place in the window: 1024 by default; with the window at most
    /// 65 535. A full queue refuses the new request.
    pub queued_requests: usize,
    /// Their size in memory, about: 8 MiB by default.
    pub queued_bytes: usize,
}

impl Default for OutgoingLimits {
    fn default() -> Self {
        Self { window: 64, queued_requests: 1024, queued_bytes: 8 << 20 }
    }
}

/// Names one request of ours until its outcome is known. A stale token names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u64);

impl Token {
    pub(super) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// The low bits of a request's number are its place in the slab, so that a response finds it without a search.
const SLOT_BITS: u32 = 16;
/// Most requests that one session can have waiting.
pub(super) const MOST_WAITING: usize = (1 << SLOT_BITS) - 1;

struct Entry<W> {
    number: u64,
    waiter: W,
    deadline: Instant,
    /// The caller's own identifier; ours are made from `number`.
    own_rqi: Option<Box<str>>,
    state: State,
}

enum State {
    /// Just taken in.
    New,
    Queued {
        request: Box<Request>,
        size: usize,
        /// It was sent before, over a connection that is gone.
        again: bool,
    },
    Sent {
        /// The request, if it is still of use: see [`Outgoing::keep`].
        kept: Option<Box<Request>>,
    },
}

/// A request that leaves the table because its outcome is known.
pub(super) struct Finished<W> {
    pub(super) waiter: W,
    /// The request, if it was kept.
    pub(super) kept: Option<Box<Request>>,
}

/// What our identifiers begin with, before a hyphen: characters that need no escape in any format.
pub(super) type Prefix = [u8; 12];

/// The requests of ours that wait, and what their identifiers are made of.
pub(super) struct Outgoing<W> {
    /// Makes our identifiers unique across restarts: random, given at construction.
    prefix: Prefix,
    next: u64,
    /// While something waits: most sessions of a registrar never send anything.
    table: Option<Box<Table<W>>>,
}

struct Table<W> {
    limits: OutgoingLimits,
    entries: Slab<Entry<W>>,
    earliest: Earliest,
    named: HashMap<Box<str>, u64>,
    queue: VecDeque<u64>,
    queued: usize,
    queued_bytes: usize,
    sent: usize,
}

impl<W> Outgoing<W> {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self { prefix, next: 1, table: None }
    }

    /// An identifier for a request that is known by it for longer than it waits here.
    pub(super) fn identifier_of_call(&mut self) -> String {
        let number = self.next;
        self.next += 1;
        let prefix: String = self.prefix.iter().copied().map(char::from).collect();
        format!("{prefix}-t{number}") // none of those that are made for one exchange
    }

    /// Takes a request in, gives it an identifier if it has none, and returns its number. It is to go on with
    /// [`send_at_once`](Self::send_at_once) or [`queue`](Self::queue).
    pub(super) fn push(
        &mut self,
        limits: &OutgoingLimits,
        request: &mut Request,
        waiter: W,
        deadline: Instant,
    ) -> Result<u64> {
        let own_rqi: Option<Box<str>> = if request.request_id.is_empty() {
            None
        } else {
            let rqi = request.request_id.as_str();
            if self.number_of(rqi).is_some() {
                return Err(Error::new(
                    ErrorKind::DuplicateRequestId,
                    format!("a request with the identifier {rqi:?} waits already; leave it empty to have one made"),
                ));
            }
            Some(rqi.into())
        };
        let table = self.table.get_or_insert_with(|| Box::new(Table::new(*limits)));
        table.admit(request.size())?;
        let number = (self.next << SLOT_BITS) | table.entries.vacant_key() as u64;
        self.next += 1;
        match &own_rqi {
            Some(rqi) => {
                table.named.insert(rqi.clone(), number);
            }
            None => request.request_id = identifier(&self.prefix, number),
        }
        table.entries.insert(Entry { number, waiter, deadline, own_rqi, state: State::New });
        table.earliest.add(deadline);
        Ok(number)
    }

    /// Counts a new request as sent, if there is a place in the window and none is before it: it is never queued.
    pub(super) fn send_at_once(&mut self, number: u64) -> bool {
        self.table.as_mut().is_some_and(|table| table.send_at_once(number))
    }

    /// Puts a new request at the end of the queue.
    pub(super) fn queue(&mut self, number: u64, request: Request) {
        if let Some(table) = &mut self.table {
            table.queue(number, request);
        }
    }

    /// The next request to be written, if the window has a place: it counts as sent from here on.
    pub(super) fn next_to_send(&mut self) -> Option<(u64, Box<Request>)> {
        self.table.as_mut()?.next_to_send()
    }

    /// Keeps a request that was sent beside its entry: its response decides about the registration (TS-0020 6.4), or it may be
    /// sent again.
    pub(super) fn keep(&mut self, number: u64, request: Box<Request>) {
        if let Some(Entry { state: State::Sent { kept }, .. }) = self.entry_mut(number) {
            *kept = Some(request);
        }
    }

    /// Puts a request that was sent, and kept, back to the front of the queue: its connection is gone. False: it was not kept.
    /// Those that go back together go in the reverse of their order.
    pub(super) fn send_again(&mut self, number: u64) -> bool {
        self.table.as_mut().is_some_and(|table| table.send_again(number))
    }

    /// The request of a number, if it was sent and kept.
    pub(super) fn kept(&self, number: u64) -> Option<&Request> {
        match &self.entry(number)?.state {
            State::Sent { kept } => kept.as_deref(),
            State::New | State::Queued { .. } => None,
        }
    }

    /// The request that waits for a response with this identifier.
    pub(super) fn find(&self, rqi: &str) -> Option<u64> {
        self.number_of(rqi).filter(|number| self.is_sent(*number))
    }

    /// The request that waits, whether its identifier was made here or by the caller.
    fn number_of(&self, rqi: &str) -> Option<u64> {
        let table = self.table.as_ref()?;
        let made_here = number_in(&self.prefix, rqi);
        if made_here.and_then(|number| table.get(number)).is_some_and(|entry| entry.own_rqi.is_none()) {
            return made_here;
        }
        table.named.get(rqi).copied()
    }

    /// The only request on the wire, for a response that names none (tinyIoT and Mobius send such).
    ///
    /// A late answer of such a peer, to a request that has timed out, goes to the request after it: nothing tells them
    /// apart. `strict` decoding refuses answers without `rqi`.
    pub(super) fn only_sent(&self) -> Option<u64> {
        if self.sent() != 1 {
            return None;
        }
        self.entries().find(|entry| entry.is_sent()).map(|entry| entry.number)
    }

    /// Takes an entry out.
    pub(super) fn finish(&mut self, number: u64) -> Option<Finished<W>> {
        self.table.as_mut()?.finish(number)
    }

    pub(super) fn cancel(&mut self, token: Token) -> Option<W> {
        self.finish(token.0).map(|finished| finished.waiter)
    }

    /// The numbers of all requests on the wire, in the order in which they were taken.
    pub(super) fn sent_numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.entries().filter(|entry| entry.is_sent()).map(|entry| entry.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The numbers of all requests, in the order in which they were taken.
    pub(super) fn all_numbers(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.entries().map(|entry| entry.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The next deadline. When nothing waits there is none, and no memory is held.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.table.take_if(|table| table.entries.is_empty());
        self.table.as_ref()?.earliest.get()
    }

    /// The numbers of those that have waited long enough.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<u64> {
        let Some(table) = &mut self.table else { return Vec::new() };
        table.earliest.take_due(now, table.entries.iter().map(|(_, entry)| (entry.deadline, entry.number)))
    }

    fn is_sent(&self, number: u64) -> bool {
        self.entry(number).is_some_and(Entry::is_sent)
    }

    /// True if the peer may have carried the request out.
    pub(super) fn may_have_arrived(&self, number: u64) -> bool {
        self.entry(number)
            .is_some_and(|entry| entry.is_sent() || matches!(entry.state, State::Queued { again: true, .. }))
    }

    /// The requests that wait to be written, in their order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&Request, Instant)> {
        let table = self.table.as_deref();
        table.into_iter().flat_map(|table| {
            table.queue.iter().filter_map(|number| {
                let entry = table.get(*number)?;
                match &entry.state {
                    State::Queued { request, .. } => Some((&**request, entry.deadline)),
                    State::New | State::Sent { .. } => None,
                }
            })
        })
    }

    pub(super) fn queued(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.queued)
    }

    pub(super) fn sent(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.sent)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.as_ref().is_none_or(|table| table.entries.is_empty())
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<W>> {
        self.table.iter().flat_map(|table| &table.entries).map(|(_, entry)| entry)
    }

    fn entry(&self, number: u64) -> Option<&Entry<W>> {
        self.table.as_ref()?.get(number)
    }

    fn entry_mut(&mut self, number: u64) -> Option<&mut Entry<W>> {
        self.table.as_mut()?.get_mut(number)
    }
}

impl<W> Entry<W> {
    fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent { .. })
    }
}

impl<W> Table<W> {
    fn new(limits: OutgoingLimits) -> Self {
        Self {
            limits,
            entries: Slab::new(),
            earliest: Earliest::default(),
            named: HashMap::new(),
            queue: VecDeque::new(),
            queued: 0,
            queued_bytes: 0,
            sent: 0,
        }
    }

    /// Whether there is a place for one more.
    fn admit(&self, size: usize) -> Result<()> {
        if self.queued >= self.limits.queued_requests || self.queued_bytes + size > self.limits.queued_bytes {
            return Err(Error::new(
                ErrorKind::QueueFull,
                format!(
                    "the queue of requests that wait to be sent is full ({} requests, {} bytes; limits {} and {}): \
                     wait for answers, or for the connection, and send again",
                    self.queued, self.queued_bytes, self.limits.queued_requests, self.limits.queued_bytes
                ),
            ));
        }
        if self.entries.len() >= MOST_WAITING {
            return Err(Error::new(ErrorKind::QueueFull, format!("{MOST_WAITING} requests wait already")));
        }
        Ok(())
    }

    /// With none, nothing would ever be sent.
    fn window(&self) -> usize {
        self.limits.window.max(1)
    }

    fn send_at_once(&mut self, number: u64) -> bool {
        let passes = self.queued == 0 && self.sent < self.window();
        if passes && let Some(entry) = self.get_mut(number) {
            entry.state = State::Sent { kept: None };
            self.sent += 1;
        }
        passes
    }

    fn queue(&mut self, number: u64, request: Request) {
        let size = request.size();
        if let Some(entry) = self.get_mut(number) {
            entry.state = State::Queued { request: Box::new(request), size, again: false };
            if self.queue.len() > 64 + 2 * self.queued {
                // Without a connection nobody passes over what has timed out.
                let entries = &self.entries;
                self.queue.retain(|number| entries.get(slot_of(*number)).is_some_and(|entry| entry.number == *number));
            }
            self.queue.push_back(number);
            self.queued += 1;
            self.queued_bytes += size;
        }
    }

    fn send_again(&mut self, number: u64) -> bool {
        let Some(Entry { state, .. }) = self.get_mut(number) else { return false };
        let State::Sent { kept } = state else { return false };
        let Some(request) = kept.take() else { return false };
        let size = request.size();
        *state = State::Queued { request, size, again: true };
        self.queue.push_front(number);
        self.sent -= 1;
        self.queued += 1;
        self.queued_bytes += size;
        true
    }

    fn next_to_send(&mut self) -> Option<(u64, Box<Request>)> {
        while self.sent < self.window() {
            let number = self.queue.pop_front()?;
            let Some(entry) = self.get_mut(number) else { continue }; // timed out or cancelled while it was queued
            let State::Queued { request, size, .. } = std::mem::replace(&mut entry.state, State::Sent { kept: None })
            else {
                continue;
            };
            self.queued -= 1;
            self.queued_bytes -= size;
            self.sent += 1;
            return Some((number, request));
        }
        None
    }

    fn finish(&mut self, number: u64) -> Option<Finished<W>> {
        self.get(number)?;
        let entry = self.entries.remove(slot_of(number));
        if let Some(rqi) = &entry.own_rqi {
            self.named.remove(rqi);
        }
        let kept = match entry.state {
            State::New => None,
            State::Queued { size, .. } => {
                // Its number stays in `queue` and is passed over there.
                self.queued -= 1;
                self.queued_bytes -= size;
                None
            }
            State::Sent { kept } => {
                self.sent -= 1;
                kept
            }
        };
        Some(Finished { waiter: entry.waiter, kept })
    }

    fn get(&self, number: u64) -> Option<&Entry<W>> {
        self.entries.get(slot_of(number)).filter(|entry| entry.number == number)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Entry<W>> {
        self.entries.get_mut(slot_of(number)).filter(|entry| entry.number == number)
    }
}

/// The identifier of a request that has none of its caller's.
fn identifier(prefix: &Prefix, number: u64) -> String {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number);
    let mut rqi = String::with_capacity(prefix.len() + 1 + digits.len());
    rqi.extend(prefix.iter().copied().map(char::from));
    rqi.push('-');
    rqi.push_str(digits);
    rqi
}

/// The number in an identifier that looks like one of ours.
fn number_in(prefix: &Prefix, rqi: &str) -> Option<u64> {
    let (before, digits) = rqi.split_at_checked(prefix.len())?;
    let digits = digits.strip_prefix('-').filter(|_| before.as_bytes() == prefix)?;
    // What `parse` takes besides the form that was sent.
    if digits.starts_with(['+', '0']) { None } else { digits.parse().ok() }
}

#[allow(clippy::cast_possible_truncation)] // the mask leaves 16 bits
const fn slot_of(number: u64) -> usize {
    (number & ((1 << SLOT_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: Prefix = *b"abcdefghijkl";
    const LIMITS: OutgoingLimits = OutgoingLimits { window: 64, queued_requests: 1024, queued_bytes: 8 << 20 };

    #[test]
    fn ws_5_2_8_what_timed_out_without_a_connection_leaves_nothing_behind() {
        let mut outgoing = Outgoing::new(PREFIX);
        let push = |outgoing: &mut Outgoing<()>| {
            let mut request = Request::retrieve("x");
            let number = outgoing.push(&LIMITS, &mut request, (), Instant::now()).unwrap();
            outgoing.queue(number, request);
            number
        };
        // There is always one that waits, and the others come and go.
        let first = push(&mut outgoing);
        for _ in 0..10_000 {
            let number = push(&mut outgoing);
            outgoing.finish(number).unwrap();
        }
        let table = outgoing.table.as_ref().unwrap();
        assert!(table.queue.len() < 100, "{}", table.queue.len());
        assert_eq!((table.queued, table.entries.len()), (1, 1));
        assert_eq!(outgoing.next_to_send().unwrap().0, first);
        outgoing.finish(first).unwrap();
        let table = outgoing.table.as_ref().unwrap();
        assert_eq!((table.queued_bytes, table.sent), (0, 0));
        assert_eq!(outgoing.poll_timeout(), None);
        assert!(outgoing.table.is_none(), "nothing waits, and memory is held");
    }

    #[test]
    fn an_identifier_is_ours_only_in_the_form_that_was_sent() {
        let mut outgoing = Outgoing::new(PREFIX);
        let mut request = Request::retrieve("x");
        let number = outgoing.push(&LIMITS, &mut request, (), Instant::now()).unwrap();
        assert_eq!(request.request_id, "abcdefghijkl-65536");
        assert_eq!(outgoing.find("abcdefghijkl-65536"), None, "it is not sent yet");
        assert!(outgoing.send_at_once(number));
        assert_eq!(outgoing.find("abcdefghijkl-65536"), Some(number));
        for other in ["+65536", "065536", "65537", "131072", "", "65536 "].map(|end| format!("abcdefghijkl-{end}")) {
            assert_eq!(outgoing.find(&other), None, "{other}");
        }
        for other in ["65536", "Abcdefghijkl-65536", "abcdefghijkl65536", "abcdefghijk\u{e4}-65536", "abcdefghijkl", ""]
        {
            assert_eq!(outgoing.find(other), None, "{other}");
        }
    }
}
