//! What of one registree's stored requests is under way: which ones come next, and what an outcome means for those behind it.
//!
//! Covers: TS-0020 6.5; row WS-6.5-4 (in order, at least once). No I/O: [`super`] reads the store and sends.
//!
//! At most so many are under way as the window has room for: from their sending until the store knows that they are done with.
//! A crash repeats those, and no others. Requests go out in the order of their places; what has to go out again sets
//! [`Lane::next_after`] back, so that it and everything behind it is read again, in order, but for what is still under way.
//! - A lost connection sets it back to the oldest one that was not answered. Nothing goes out over another connection before
//!   all outcomes of the lost one are in.
//! - A wait in vain ends the pipelining: nothing goes out until the others that are under way have come to their ends, then one
//!   at a time, until those that failed are settled.

use std::collections::BTreeMap;

use crate::binding::ConnectionId;
use crate::primitive::EventCategory;
use crate::server::uplink::UPLINK;
use crate::spool::{Sequence, Stored};

/// The deliveries to one registree.
pub(super) struct Lane {
    /// Tells it from another lane of the same entity, after a deregistration.
    pub(super) id: u64,
    /// Somebody is sending. Whoever comes meanwhile only notes that there may be more to do.
    is_taken: bool,
    has_news: bool,
    under_way: Vec<Attempt>,
    next_after: Sequence,
    /// Those that were sent, and have to go out again.
    returning: BTreeMap<Sequence, Returning>,
    /// It takes nothing any more, though it may still be the way to the registree.
    dead: Option<ConnectionId>,
    /// The store had no more.
    is_drained: bool,
}

/// One request that is under way.
struct Attempt {
    /// Of this try. An outcome that comes late cannot be taken for that of another one.
    id: u64,
    sequence: Sequence,
    rqi: String,
    /// It may be replaced in the store while it is under way (`ec` latest); then its place is to be looked at again.
    is_latest: bool,
    connection: ConnectionId,
    /// Done with; the store does not know it yet.
    is_settled: bool,
}

/// One request that was sent and not answered.
struct Returning {
    rqi: String,
    /// Waits in vain so far; none if only connections were lost.
    time_outs: u32,
}

/// What is to be read from the store: at most `most` after this place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) after: Sequence,
    pub(super) most: usize,
}

/// What becomes of a record that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Begun {
    /// It is to be sent now, for the first time.
    First,
    /// It is to be sent now, not for the first time.
    Again,
    /// It is under way already.
    UnderWay,
    /// Not now: something has happened since it was read.
    NotNow,
}

/// What follows from a wait in vain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimedOut {
    Returns,
    TooOften,
}

/// What the store is to take out.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Settled {
    pub(super) sequence: Sequence,
    pub(super) rqi: String,
}

impl Lane {
    /// A lane whose first sender is the caller.
    pub(super) const fn taken(id: u64) -> Self {
        Self {
            id,
            is_taken: true,
            has_news: false,
            under_way: Vec::new(),
            next_after: Sequence(0),
            returning: BTreeMap::new(),
            dead: None,
            is_drained: false,
        }
    }

    /// Begins to send, if nobody else does.
    pub(super) const fn take(&mut self) -> bool {
        self.has_news = self.is_taken;
        !std::mem::replace(&mut self.is_taken, true)
    }

    /// Ends to send, unless there is news.
    pub(super) const fn release(&mut self) -> bool {
        self.is_taken = std::mem::replace(&mut self.has_news, false);
        !self.is_taken
    }

    /// True if there is nothing to be known of it.
    pub(super) const fn is_done(&self) -> bool {
        self.is_drained && self.under_way.is_empty()
    }

    fn waits(&self) -> impl Iterator<Item = &Attempt> {
        self.under_way.iter().filter(|attempt| !attempt.is_settled)
    }

    /// True if a request is under way whose outcome is not known.
    pub(super) fn is_waiting(&self) -> bool {
        self.waits().next().is_some()
    }

    /// What may be sent over `connection` now.
    pub(super) fn wants(&self, window: usize, connection: ConnectionId) -> Option<Wanted> {
        if self.dead == Some(connection) || self.waits().any(|attempt| attempt.connection != connection) {
            return None;
        }
        let alone = self.returning.values().any(|returning| returning.time_outs > 0);
        let room = match window.saturating_sub(self.under_way.len()) {
            1.. if alone => usize::from(!self.is_waiting()),
            room => room,
        };
        let known = self.under_way.iter().filter(|attempt| attempt.sequence > self.next_after).count();
        (room > 0).then_some(Wanted { after: self.next_after, most: room + known })
    }

    /// A record that was read after the place `after` is to be sent as the attempt `id`.
    pub(super) fn begin(
        &mut self,
        after: Sequence,
        id: u64,
        stored: &Stored,
        window: usize,
        connection: ConnectionId,
    ) -> Begun {
        let Stored { sequence, request, .. } = stored;
        if self.next_after != after || self.wants(window, connection).is_none() {
            return Begun::NotNow;
        }
        self.next_after = *sequence;
        if self.under_way.iter().any(|attempt| attempt.sequence == *sequence) {
            return Begun::UnderWay;
        }
        self.is_drained = false;
        // What is before it is not in the store any more; another one may have taken its place.
        self.returning.retain(|place, one| place > sequence || (place == sequence && one.rqi == request.request_id));
        self.under_way.push(Attempt {
            id,
            sequence: *sequence,
            rqi: request.request_id.clone(),
            is_latest: request.event_category == Some(EventCategory::LATEST),
            connection,
            is_settled: false,
        });
        if self.returning.contains_key(sequence) { Begun::Again } else { Begun::First }
    }

    /// The store had nothing after the place `after`.
    pub(super) fn drained(&mut self, after: Sequence) {
        self.is_drained = self.next_after == after;
        if self.is_drained && self.under_way.is_empty() {
            self.returning.clear();
        }
    }

    fn waiting(&self, id: u64) -> Option<usize> {
        self.under_way.iter().position(|attempt| attempt.id == id && !attempt.is_settled)
    }

    /// An attempt is over for good. `None`: there is no such attempt any more.
    pub(super) fn settle(&mut self, id: u64) -> Option<Settled> {
        let at = self.waiting(id)?;
        let attempt = &mut self.under_way[at];
        attempt.is_settled = true;
        self.returning.remove(&attempt.sequence);
        Some(Settled { sequence: attempt.sequence, rqi: attempt.rqi.clone() })
    }

    /// The store knows of it, or could not be told: then it comes again.
    pub(super) fn acknowledged(&mut self, id: u64, is_known: bool) {
        let Some(at) = self.under_way.iter().position(|attempt| attempt.id == id) else { return };
        let attempt = self.under_way.remove(at);
        if attempt.is_latest || !is_known {
            self.go_back_to(attempt.sequence);
        }
    }

    /// An attempt was waited for in vain: it comes again, unless that was so `most` times; then it is to be settled.
    pub(super) fn timed_out(&mut self, id: u64, most: u32) -> Option<TimedOut> {
        let at = self.waiting(id)?;
        let sequence = self.under_way[at].sequence;
        if self.returning.get(&sequence).map_or(0, |one| one.time_outs) + 1 >= most {
            return Some(TimedOut::TooOften);
        }
        self.failed(id);
        if let Some(one) = self.returning.get_mut(&sequence) {
            one.time_outs += 1;
        }
        Some(TimedOut::Returns)
    }

    /// The connection of an attempt takes nothing any more; it comes again over another one. Returns that connection.
    pub(super) fn lost(&mut self, id: u64) -> Option<ConnectionId> {
        let connection = self.waiting(id).map(|at| self.under_way[at].connection)?;
        // The uplink is the same one when it is open again.
        self.dead = Some(connection).filter(|connection| *connection != UPLINK).or(self.dead);
        self.failed(id);
        Some(connection)
    }

    /// An attempt failed, and comes again.
    fn failed(&mut self, id: u64) -> bool {
        let Some(at) = self.waiting(id) else { return false };
        let Attempt { sequence, rqi, .. } = self.under_way.remove(at);
        self.returning.entry(sequence).or_insert(Returning { rqi, time_outs: 0 });
        self.go_back_to(sequence);
        true
    }

    /// An attempt was not taken, and comes again.
    pub(super) fn not_taken(&mut self, id: u64) -> bool {
        let Some(at) = self.waiting(id) else { return false };
        let attempt = self.under_way.remove(at);
        self.go_back_to(attempt.sequence);
        true
    }

    fn go_back_to(&mut self, sequence: Sequence) {
        self.is_drained = false;
        self.next_after = self.next_after.min(Sequence(sequence.0.saturating_sub(1)));
    }
}

#[cfg(test)]
mod tests;
