//! Where one blocked caller waits for one outcome.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Outcome;
use crate::Result;

/// How often a blocked caller asks whether it is to stop (Ctrl-C in Python).
const SLICE: Duration = Duration::from_millis(50);

/// The place of one outcome. Used once.
#[derive(Default)]
pub struct Slot {
    outcome: Mutex<Option<Result<Outcome>>>,
    filled: Condvar,
}

/// How a wait ended.
#[derive(Debug)]
pub enum Waited {
    /// The outcome came.
    Outcome(Result<Outcome>),
    /// The deadline passed; the outcome may still come.
    TimedOut,
    /// The caller asked to stop.
    Interrupted,
}

impl Slot {
    /// An empty slot.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn fill(&self, result: Result<Outcome>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.get_or_insert(result);
        self.filled.notify_all();
    }

    /// Waits for the outcome, until `deadline` if there is one, or until `stop`, which is asked every 50 ms, says so.
    pub fn wait(&self, deadline: Option<Instant>, mut stop: impl FnMut() -> bool) -> Waited {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = outcome.take() {
                return Waited::Outcome(result);
            }
            let left = deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Waited::TimedOut;
            }
            outcome = self.filled.wait_timeout(outcome, left.min(SLICE)).unwrap_or_else(PoisonError::into_inner).0;
            if outcome.is_none() {
                drop(outcome);
                if stop() {
                    return Waited::Interrupted;
                }
                outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
