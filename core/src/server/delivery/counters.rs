//! What became of the requests that were stored for registrees, in numbers.
//!
//! Covers: rows WS-5.2-8, WS-6.5-4: nothing is lost silently.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of requests for registrees that were handed to the store, since the server started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryCounters {
    /// Stored.
    pub accepted: u64,
    /// Answered by their registrees.
    pub delivered: u64,
    /// Sent once more, since no answer came. What a run before this one sent is not known.
    pub repeated: u64,
    /// Dropped because their time was over.
    pub expired: u64,
    /// Dropped because three times no answer came, or because they cannot be written in the registree's format.
    pub given_up: u64,
    /// Replaced by later ones of the same subscription (`ec` latest).
    pub replaced: u64,
    /// Not taken, because the store was full.
    pub refused: u64,
}

/// [`DeliveryCounters`] as they are counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) refused: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    pub(super) fn get(&self, replaced: u64) -> DeliveryCounters {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Self { accepted, delivered, repeated, expired, given_up, refused } = self;
        DeliveryCounters {
            accepted: get(accepted),
            delivered: get(delivered),
            repeated: get(repeated),
            expired: get(expired),
            given_up: get(given_up),
            replaced,
            refused: get(refused),
        }
    }
}
