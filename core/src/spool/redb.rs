//! A spool in a file: what was accepted survives the process, and a power failure.
//!
//! Covers: rows WS-5.2-8, WS-6.4-4, WS-6.5-4; TS-0004 Annex H.2.4. The file is a database of redb (ACID, checksums on its
//! pages, no compaction in the background). One thread writes; what is asked for at the same time is one transaction. What is
//! accepted was committed with `fdatasync` before its future resolved; every value has a checksum of its own, and every place
//! of a registree is accounted for, so that what is missing is noticed. In memory are counts per registree, no records.
//!
//! Does not encrypt: the file is made for its owner alone (mode 0600), and whoever reads it reads what was to be delivered.

mod batch;
mod index;
mod open;
mod queue;
mod read;
mod record;
mod request;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use ::redb::{Database, ReadTransaction, ReadableDatabase};
use bytes::Bytes;
use tokio::sync::oneshot;

use self::index::Index;
use self::open::Source;
use self::queue::{Operation, Queue};
use self::record::Prepared;
use self::tables::{Cause, guarded};
use super::{Done, Expired, Fact, FactKind, Record, Sequence, Spool, Stored};
use crate::{Error, ErrorKind, Result};

/// Bounds of what a [`RedbSpool`] keeps. What a record takes is what is written of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreLimits {
    /// Records that wait for one registree: 10 000.
    pub records: u64,
    /// Bytes that the records for one registree have: 64 MiB.
    pub bytes_per_registree: u64,
    /// Bytes that all of them have: 1 GiB. The file is somewhat larger.
    pub bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { records: 10_000, bytes_per_registree: 64 << 20, bytes: 1 << 30 }
    }
}

/// How a [`RedbSpool`] works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// Bounds.
    pub limits: StoreLimits,
    /// Operations that are written in one transaction, at most: 256.
    pub batch: usize,
    /// How long a transaction waits for more operations, at most, if several came at a time before: 2 ms. A single one does
    /// not wait.
    pub linger: Duration,
    /// Records and facts that wait to be written, at most: 8192. Beyond that they are refused with `QueueFull`.
    pub queue: usize,
    /// Their bytes, at most: 64 MiB.
    pub queue_bytes: usize,
    /// Memory for pages of the file: 16 MiB.
    pub cache: usize,
    /// Commit in two phases: on. A newest commit that cannot be read after a crash is then reported, instead of undone.
    pub two_phase: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            limits: StoreLimits::default(),
            batch: 256,
            linger: Duration::from_millis(2),
            queue: 8192,
            queue_bytes: 64 << 20,
            cache: 16 << 20,
            two_phase: true,
        }
    }
}

/// What was in the file when it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Found {
    /// Records that wait.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Registrees that have had records.
    pub registrees: u64,
    /// Facts.
    pub facts: u64,
}

/// Keeps records and facts in a file.
///
/// Dropping it waits until everything is written that was asked for; so does [`close`](Self::close), without blocking.
pub struct RedbSpool {
    shared: Arc<Shared>,
    found: Found,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    source: Source,
    options: StoreOptions,
    queue: Queue,
    index: Mutex<Index>,
    /// `None` after an error, until it was opened again, and when it is closed.
    database: Mutex<Option<Arc<Database>>>,
    commits: AtomicU64,
    replaced: AtomicU64,
    closing: Mutex<Closing>,
}

#[derive(Default)]
struct Closing {
    closed: Option<Result<()>>,
    waiting: Vec<oneshot::Sender<Result<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RedbSpool {
    /// Opens the file at `path`, which is made if there is none, and verifies all that is in it. This reads the whole file:
    /// call it before the server starts, or where blocking is allowed.
    ///
    /// # Errors
    /// `Storage`: the file is open elsewhere, may not be written, is of another program or of a later version, or is damaged.
    pub fn open(path: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        Self::open_source(Source::File(path.as_ref().to_owned()), options)
    }

    fn open_source(source: Source, options: StoreOptions) -> Result<Self> {
        let opened = open::open(&source, &options)?;
        let found = opened.found;
        let path = source.path().to_owned();
        tracing::info!(path = %path.display(), ?found, "the store is open");
        let shared = Arc::new(Shared {
            path,
            source,
            options,
            queue: Queue::new(&options),
            index: Mutex::new(opened.index),
            database: Mutex::new(Some(Arc::new(opened.database))),
            commits: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            closing: Mutex::default(),
        });
        let writer = {
            let shared = shared.clone();
            std::thread::Builder::new().name("onem2m-store".to_owned()).spawn(move || writer::run(&shared))
        };
        let writer = writer.map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the system gives no thread to write the store with: {error}"))
        })?;
        Ok(Self { shared, found, writer: Some(writer) })
    }

    /// What was in the file when it was opened.
    #[must_use]
    pub fn found(&self) -> Found {
        self.found
    }

    /// Transactions that were committed since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Takes nothing more, and resolves when everything is written that was asked for before, and the file is closed.
    ///
    /// # Errors
    /// `Storage` if the file could not be written any more.
    pub fn close(&self) -> Done<()> {
        let (done, closed) = oneshot::channel();
        let mut closing = lock(&self.shared.closing);
        match &closing.closed {
            Some(closed) => drop(done.send(closed.clone())),
            None => closing.waiting.push(done),
        }
        drop(closing);
        self.shared.queue.close();
        when(closed)
    }

    fn ask<T: Send + 'static>(&self, operation: impl FnOnce(oneshot::Sender<Result<T>>) -> Operation) -> Done<T> {
        self.ask_noted(operation, |_| {})
    }

    /// `forget` takes back what was noted in the index, if the operation is not taken.
    fn ask_noted<T: Send + 'static>(
        &self,
        operation: impl FnOnce(oneshot::Sender<Result<T>>) -> Operation,
        forget: impl FnOnce(&mut Index),
    ) -> Done<T> {
        let (done, written) = oneshot::channel();
        if !self.shared.queue.push(operation(done)) {
            forget(&mut lock(&self.shared.index));
        }
        when(written)
    }
}

fn when<T: Send + 'static>(written: oneshot::Receiver<Result<T>>) -> Done<T> {
    Box::pin(async move {
        written
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Storage, "the store's writer stopped: open it anew")))
    })
}

impl Drop for RedbSpool {
    fn drop(&mut self) {
        self.shared.queue.close();
        // What the writer wakes may let go of the store on its thread.
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
        {
            // It panics only if it is defective, and everybody was told then.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> std::result::Result<T, Cause>) -> Result<T> {
        let Some(database) = lock(&self.database).clone() else {
            return Err(self.queue.refused().unwrap_or_else(|| Error::new(ErrorKind::Closed, "the store was closed")));
        };
        guarded(|| work(&database.begin_read()?)).map_err(|cause| cause.error(&self.path))
    }

    /// An operation is written: what was noted of it meanwhile is not needed any more.
    fn settled(&self, index: &mut Index, operation: &Operation) {
        match operation {
            Operation::Acknowledge { noted: Some(noted), .. } => drop(index.acknowledged.remove(noted)),
            Operation::Drop { noted: Some(noted), .. } => drop(index.dropped.remove(noted)),
            _ => {}
        }
    }
}

impl Spool for RedbSpool {
    fn append(&self, entity: &str, record: Record) -> Done<Sequence> {
        match Prepared::new(record) {
            Ok(record) => self.ask(|done| Operation::Append { entity: entity.to_owned(), record, done }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn read(&self, entity: &str, after: Sequence, most: usize, now: SystemTime) -> Result<Vec<Stored>> {
        let Some(meta) = lock(&self.shared.index).get(entity).copied() else {
            // Also one whose registrees are not known is an error to be seen.
            return self.shared.read(|_| Ok(Vec::new()));
        };
        let is_acknowledged = |sequence, rqi: &str| {
            let index = lock(&self.shared.index);
            index.acknowledged.get(&(meta.id, sequence)).is_some_and(|noted| noted == rqi)
        };
        self.shared.read(|transaction| read::records(transaction, meta.id, after.0, most, now, is_acknowledged))
    }

    fn acknowledge(&self, entity: &str, sequence: Sequence, rqi: &str) -> Done<()> {
        let noted = {
            let mut index = lock(&self.shared.index);
            let noted = index.get(entity).map(|meta| (meta.id, sequence.0));
            if let Some(noted) = noted {
                index.acknowledged.insert(noted, rqi.to_owned());
            }
            noted
        };
        let (entity, rqi) = (entity.to_owned(), rqi.to_owned());
        self.ask_noted(
            |done| Operation::Acknowledge { entity, sequence, rqi, noted, done },
            |index| index.acknowledged.retain(|key, _| Some(*key) != noted),
        )
    }

    fn expire(&self, now: SystemTime) -> Done<Vec<Expired>> {
        self.ask(|done| Operation::Expire { now, done })
    }

    fn drop_entity(&self, entity: &str) -> Done<usize> {
        let noted = {
            let mut index = lock(&self.shared.index);
            let noted = index.get(entity).map(|meta| meta.id);
            index.dropped.extend(noted);
            noted
        };
        self.ask_noted(
            |done| Operation::Drop { entity: entity.to_owned(), noted, done },
            |index| index.dropped.retain(|id| Some(*id) != noted),
        )
    }

    fn replaced(&self) -> u64 {
        self.shared.replaced.load(Ordering::Relaxed)
    }

    fn waiting(&self, entity: &str) -> usize {
        let index = lock(&self.shared.index);
        index.get(entity).map_or(0, |meta| usize::try_from(meta.count).unwrap_or(usize::MAX))
    }

    fn keep(&self, facts: Vec<Fact>) -> Done<()> {
        self.ask(|done| Operation::Keep { facts, done })
    }

    fn kept(&self, kind: FactKind) -> Result<Vec<(String, Bytes)>> {
        self.shared.read(|transaction| read::facts(transaction, record::kind_code(kind)))
    }

    fn is_durable(&self) -> bool {
        true
    }
}
