//! Store-and-forward: what waits for a registree that is offline.
//!
//! Covers: TS-0020 5.2, 6.5; rows WS-5.2-8, WS-6.5-4. Records of one registree are delivered in the order in which they were
//! appended, at least once; the response primitive is the acknowledgement. [`MemorySpool`] keeps them in memory.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod memory;

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

pub use memory::{MemoryLimits, MemorySpool};

use crate::Result;
use crate::primitive::Request;

/// The place of a record among those of its registree: contiguous, beginning with 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sequence(pub u64);

/// Resolves when a record is as durable as the store makes it.
pub type Appended = Pin<Box<dyn Future<Output = Result<Sequence>> + Send>>;

/// A record that ran out of time before it could be delivered.
#[derive(Clone, PartialEq, Debug)]
pub struct Expired {
    /// The registree that it was for.
    pub entity: String,
    /// What was to be delivered.
    pub request: Request,
}

/// A store for requests to registrees. Registrees are named by one fixed form of their identifier.
///
/// Called from several tasks at the same time.
pub trait Spool: Send + Sync + 'static {
    /// Stores a request, which has its `rqi`, until `expires`. The order of calls is the order of the records, whenever
    /// their futures are polled; accepted is what the future resolves with.
    ///
    /// # Errors
    /// The future's: `QueueFull` if a bound is reached; then nothing was stored. Nothing that was accepted is dropped for it.
    fn append(&self, entity: &str, request: Request, expires: Option<SystemTime>) -> Appended;

    /// The oldest record of a registree that is neither acknowledged nor expired at `now`.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn next(&self, entity: &str, now: SystemTime) -> Result<Option<(Sequence, Request)>>;

    /// Removes a record: it was delivered. A record that is not there is no error (it may have expired meanwhile).
    ///
    /// # Errors
    /// If the store cannot be written.
    fn acknowledge(&self, entity: &str, sequence: Sequence) -> Result<()>;

    /// Removes and returns what expired before `now`.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn expire(&self, now: SystemTime) -> Result<Vec<Expired>>;

    /// Removes all records of a registree: it is deregistered (WS-6.4-5). Returns how many there were.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn drop_entity(&self, entity: &str) -> Result<usize>;

    /// Records that wait for a registree.
    fn waiting(&self, entity: &str) -> usize;
}
