//! What is to be written, in the order of the calls; and how long to wait for more of it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot::Sender;

use super::StoreOptions;
use super::record::Prepared;
use crate::spool::{Expired, Fact, FactKind, Sequence};
use crate::{Error, ErrorKind, Result};

/// Whoever has not added something for so long is not about to.
const PAUSE: Duration = Duration::from_micros(200);

/// Something to be written, and who waits for it. `noted` is what the index notes of it until then.
pub(super) enum Operation {
    Append { entity: String, record: Prepared, done: Sender<Result<Sequence>> },
    Acknowledge { entity: String, sequence: Sequence, rqi: String, noted: Option<(u32, u64)>, done: Sender<Result<()>> },
    Expire { now: SystemTime, done: Sender<Result<Vec<Expired>>> },
    Drop { entity: String, noted: Option<u32>, done: Sender<Result<usize>> },
    Keep { facts: Vec<Fact>, done: Sender<Result<()>> },
}

impl Operation {
    /// Bytes that it keeps until it is written; `None`: it frees room, and is always taken.
    fn size(&self) -> Option<usize> {
        match self {
            Self::Append { record, .. } => Some(record.value.len()),
            Self::Keep { facts, .. } => {
                Some(facts.iter().map(|fact| fact.key.len() + fact.value.as_ref().map_or(0, |value| value.len())).sum())
            }
            Self::Acknowledge { .. } | Self::Expire { .. } | Self::Drop { .. } => None,
        }
    }

    fn keeps_resources(&self) -> bool {
        matches!(self, Self::Keep { facts, .. } if facts.iter().any(|fact| fact.kind == FactKind::Resource))
    }

    /// Answers that it was not done.
    pub(super) fn refuse(self, error: Error) {
        // Nobody may be waiting any more.
        match self {
            Self::Append { done, .. } => drop(done.send(Err(error))),
            Self::Acknowledge { done, .. } | Self::Keep { done, .. } => drop(done.send(Err(error))),
            Self::Expire { done, .. } => drop(done.send(Err(error))),
            Self::Drop { done, .. } => drop(done.send(Err(error))),
        }
    }
}

pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    batch: usize,
    linger: Duration,
    most: usize,
    most_bytes: usize,
}

#[derive(Default)]
struct State {
    operations: VecDeque<Operation>,
    /// How many a writer that gathers waits for.
    enough: usize,
    /// Operations that may be refused, and their bytes.
    counted: usize,
    bytes: usize,
    /// Why nothing is taken at present.
    refused: Option<Error>,
    /// Why no resource is taken any more: a later one may stand on one that was not written.
    resources_refused: Option<Error>,
    closed: bool,
}

impl Queue {
    pub(super) fn new(options: &StoreOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            batch: options.batch.max(1),
            linger: options.linger,
            most: options.queue,
            most_bytes: options.queue_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an operation, or answers at once why not, and returns false.
    pub(super) fn push(&self, operation: Operation) -> bool {
        let mut state = self.lock();
        let refused = if state.closed {
            Some(Error::new(ErrorKind::Closed, "the store was closed"))
        } else if let Some(error) = &state.refused {
            Some(error.clone())
        } else if let Some(error) = state.resources_refused.as_ref().filter(|_| operation.keeps_resources()) {
            Some(error.clone())
        } else if let Some(size) = operation.size() {
            let (counted, bytes) = (state.counted + 1, state.bytes + size);
            if counted > self.most || bytes > self.most_bytes {
                Some(Error::new(
                    ErrorKind::QueueFull,
                    format!(
                        "the disk is slower than what is to be stored: {counted} requests and {bytes} bytes wait for it"
                    ),
                ))
            } else {
                (state.counted, state.bytes) = (counted, bytes);
                None
            }
        } else {
            None
        };
        if let Some(error) = refused {
            drop(state);
            operation.refuse(error);
            return false;
        }
        state.operations.push_back(operation);
        // A writer that gathers looks by itself, except for what it gathers.
        let wake = state.operations.len() == 1 || state.operations.len() == state.enough;
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        true
    }

    /// Waits for operations and takes a batch of them; `expected` came in the last one. `None`: closed, and all is written.
    pub(super) fn take(&self, expected: usize) -> Option<Vec<Operation>> {
        let mut state = self.lock();
        while state.operations.is_empty() {
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // A single caller is not made to wait. Of several, each waits for its last one to be written: the others come soon.
        let enough = expected.min(self.batch);
        state.enough = enough;
        let begin = Instant::now();
        while enough > 1 && state.operations.len() < enough && !state.closed {
            let left = self.linger.saturating_sub(begin.elapsed()).min(PAUSE);
            if left.is_zero() {
                break;
            }
            let before = state.operations.len();
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            if state.operations.len() == before {
                break;
            }
        }
        let count = state.operations.len().min(self.batch);
        let taken: Vec<_> = state.operations.drain(..count).collect();
        for size in taken.iter().filter_map(Operation::size) {
            state.counted -= 1;
            state.bytes -= size;
        }
        Some(taken)
    }

    /// Refuses what waits and what comes, for this reason, until [`accept`](Self::accept).
    pub(super) fn fail(&self, error: &Error) {
        let waiting = {
            let mut state = self.lock();
            state.refused = Some(error.clone());
            state.resources_refused.get_or_insert_with(|| error.clone());
            (state.counted, state.bytes) = (0, 0);
            std::mem::take(&mut state.operations)
        };
        for operation in waiting {
            operation.refuse(error.clone());
        }
    }

    pub(super) fn accept(&self) {
        self.lock().refused = None;
    }

    /// Takes nothing more. What is in it is written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for so long. True if it was closed.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, time, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Why nothing is taken at present, if so.
    pub(super) fn refused(&self) -> Option<Error> {
        self.lock().refused.clone()
    }
}
