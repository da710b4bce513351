//! Store-and-forward: what waits for a registree that is offline, and what a registrar must still know after a restart.
//!
//! Covers: TS-0020 5.2, 6.4, 6.5; rows WS-5.2-8, WS-6.4-4, WS-6.5-4. Records of one registree are delivered in the order in
//! which they were appended, at least once; the response primitive is the acknowledgement. [`MemorySpool`] keeps them in
//! memory, [`RedbSpool`] in a file.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod memory;
mod redb;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use bytes::Bytes;

pub use memory::{MemoryLimits, MemorySpool};
pub use redb::{Found, RedbSpool, StoreLimits, StoreOptions};

use crate::Result;
use crate::primitive::Request;

/// The place of a record among those of its registree: contiguous, beginning with 1, and never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Sequence(pub u64);

/// Resolves when what was asked for is as durable as the store makes it. It is done whether this is polled or not.
pub type Done<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// A request that is to be stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The request, which has its `rqi`.
    pub request: Request,
    /// When it stops being of use; `None`: never.
    pub expires: Option<SystemTime>,
    /// For a notification with `ec` *latest*: what it is the latest of (its subscription). It takes the place of a stored
    /// record of the same registree with the same name (TS-0004 Annex H.2.4), which is gone then.
    pub latest_of: Option<String>,
}

impl Record {
    /// A request that is kept until `expires`.
    #[must_use]
    pub fn new(request: Request, expires: Option<SystemTime>) -> Self {
        Self { request, expires, latest_of: None }
    }
}

/// A record as it is read back.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// Its place.
    pub sequence: Sequence,
    /// The request.
    pub request: Request,
    /// When it stops being of use.
    pub expires: Option<SystemTime>,
}

/// A record that ran out of time before it could be delivered.
#[derive(Clone, PartialEq, Debug)]
pub struct Expired {
    /// The registree that it was for.
    pub entity: String,
    /// What was to be delivered.
    pub request: Request,
}

/// What a fact is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum FactKind {
    /// A registration that is in force (WS-6.4-4); the key is the registree.
    Registration,
    /// A resource of the embedded registrar; the key is its resource identifier.
    Resource,
}

/// Something that is to be known after a restart, by its key; or that is not to be known any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// What it is about.
    pub kind: FactKind,
    /// Its name.
    pub key: String,
    /// What is known; `None` forgets it.
    pub value: Option<Bytes>,
}

/// A store for requests to registrees. Registrees are named by one fixed form of their identifier.
///
/// Called from several tasks at the same time. No method waits for a disk: what takes long is in the futures.
pub trait Spool: Send + Sync + 'static {
    /// Stores a record. The order of calls is the order of the records, whenever their futures are polled; accepted is what the
    /// future resolves with.
    ///
    /// # Errors
    /// The future's: `QueueFull` if a bound is reached, `Storage` if it cannot be written; then nothing was stored. Nothing that
    /// was accepted is dropped for it.
    fn append(&self, entity: &str, record: Record) -> Done<Sequence>;

    /// The oldest records of a registree after the place `after` that are neither acknowledged nor expired at `now`: at most
    /// `most`, in their order.
    ///
    /// # Errors
    /// If the store cannot be read, or what is in it is not what was written.
    fn read(&self, entity: &str, after: Sequence, most: usize, now: SystemTime) -> Result<Vec<Stored>>;

    /// Removes a record: it was delivered. Nothing happens if it is not there (it may have expired), or if a later one has taken
    /// its place: its `rqi` must be this one.
    ///
    /// # Errors
    /// The future's, if the store cannot be written: then the record may come again.
    fn acknowledge(&self, entity: &str, sequence: Sequence, rqi: &str) -> Done<()>;

    /// Removes and returns what expired before `now`; of much, a part: the rest comes the next time.
    ///
    /// # Errors
    /// The future's, `Storage`.
    fn expire(&self, now: SystemTime) -> Done<Vec<Expired>>;

    /// Removes all records of a registree: it is deregistered (WS-6.4-5). Returns how many there were.
    ///
    /// # Errors
    /// The future's, `Storage`.
    fn drop_entity(&self, entity: &str) -> Done<usize>;

    /// How many records were replaced by later ones ([`Record::latest_of`]) since the store was opened; 0 if none ever is.
    fn replaced(&self) -> u64 {
        0
    }

    /// Records that wait for a registree.
    fn waiting(&self, entity: &str) -> usize;

    /// Notes facts, all or none, in the order of the calls. A store that does not outlive the process need not keep them.
    ///
    /// Resources stand on one another: once some could not be written, no others are taken until the store is opened anew.
    ///
    /// # Errors
    /// The future's: `Storage`; `QueueFull` if too much waits to be written, which it resolves with at once.
    fn keep(&self, facts: Vec<Fact>) -> Done<()>;

    /// The facts of a kind, as the last run left them.
    ///
    /// # Errors
    /// If the store cannot be read, or what is in it is not what was written.
    fn kept(&self, kind: FactKind) -> Result<Vec<(String, Bytes)>>;

    /// True if what it holds survives the process.
    fn is_durable(&self) -> bool;
}

/// Calls `then` with what came of it: now if it is known already, otherwise on a task of its own.
pub(crate) fn when_done<T: Send + 'static>(mut done: Done<T>, then: impl FnOnce(Result<T>) + Send + 'static) {
    match done.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => then(result),
        Poll::Pending => {
            tokio::spawn(async move { then(done.await) });
        }
    }
}
