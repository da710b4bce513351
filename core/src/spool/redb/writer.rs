//! The one thread that writes: a batch is one transaction, and is answered when it is on the disk.
//!
//! After an error of the disk nobody knows what the system still holds of what was written: the file is never written again
//! through the same handle. It is closed, opened anew and verified, and only then is something accepted again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::redb::{Database, Durability};

use super::batch::{Batch, Placed};
use super::index::Changes;
use super::open;
use super::queue::Operation;
use super::tables::{Cause, guarded};
use super::{Shared, lock};
use crate::spool::{Expired, Sequence};
use crate::{Error, ErrorKind};

/// Between attempts to open the file again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What comes of an operation once the transaction is committed.
enum Outcome {
    Placed(Result<Placed, Error>),
    Expired(Vec<Expired>),
    Dropped(usize),
    Written,
}

/// Sees to it that nobody waits for a writer that is gone.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        let database = lock(&self.0.database).take();
        let closed = match database.map(alone) {
            Some(database) => guarded(|| Ok(database.close()?)).map_err(|cause| cause.error(&self.0.path)),
            None => self.0.queue.refused().map_or(Ok(()), Err),
        };
        self.0.queue.fail(&Error::new(ErrorKind::Closed, "the store was closed"));
        let mut closing = lock(&self.0.closing);
        for waiting in std::mem::take(&mut closing.waiting) {
            // Nobody may be waiting any more.
            let _ = waiting.send(closed.clone());
        }
        closing.closed = Some(closed);
    }
}

/// Writes until the store is closed.
pub(super) fn run(shared: &Shared) {
    let _gone = Gone(shared);
    let mut expected = 0;
    while let Some(mut operations) = shared.queue.take(expected) {
        expected = operations.len();
        let Some(database) = lock(&shared.database).clone() else { return };
        let mut outcomes = Vec::with_capacity(operations.len());
        match guarded(|| write(shared, &database, &mut operations, &mut outcomes)) {
            Ok(changes) => {
                let mut index = lock(&shared.index);
                if let Some(changes) = changes {
                    index.apply(changes);
                }
                for operation in &operations {
                    shared.settled(&mut index, operation);
                }
                drop(index);
                for (operation, outcome) in operations.into_iter().zip(outcomes) {
                    if matches!(&outcome, Outcome::Placed(Ok(placed)) if placed.replaces) {
                        shared.replaced.fetch_add(1, Ordering::Relaxed);
                    }
                    answer(operation, outcome);
                }
            }
            Err(cause) => {
                drop(database);
                let unsure = unsure(&operations, &outcomes);
                let error = cause.error(&shared.path);
                tracing::error!(%error, "the store takes nothing until its file is opened again");
                // First this: who learns of the error finds the store refusing, and not its old handle.
                let old = lock(&shared.database).take();
                shared.queue.fail(&error);
                {
                    let mut index = lock(&shared.index);
                    (index.acknowledged, index.dropped) = Default::default();
                }
                for operation in operations {
                    operation.refuse(error.clone());
                }
                drop(old.map(alone));
                if !recover(shared, &unsure) {
                    return;
                }
            }
        }
    }
}

/// Waits for those who read through this handle; each is done soon.
fn alone(mut database: Arc<Database>) -> Database {
    loop {
        match Arc::try_unwrap(database) {
            Ok(database) => return database,
            Err(shared) => database = shared,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn begin(
    shared: &Shared,
    database: &Database,
    work: impl FnOnce(&mut Batch<'_>) -> Result<(), Cause>,
) -> Result<Option<Changes>, Cause> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // A crash must not be an excuse for a newest commit that cannot be read: with one phase it would be rolled back.
    transaction.set_two_phase_commit(shared.options.two_phase);
    let mut batch = Batch::new(&transaction, &shared.index, shared.options.limits)?;
    work(&mut batch)?;
    if !batch.changed {
        drop(batch);
        transaction.abort()?;
        return Ok(None);
    }
    let changes = batch.finish()?;
    transaction.commit()?;
    shared.commits.fetch_add(1, Ordering::Relaxed);
    Ok(Some(changes))
}

fn write(
    shared: &Shared,
    database: &Database,
    operations: &mut [Operation],
    outcomes: &mut Vec<Outcome>,
) -> Result<Option<Changes>, Cause> {
    begin(shared, database, |batch| {
        for operation in operations {
            outcomes.push(match operation {
                Operation::Append { entity, record, .. } => Outcome::Placed(batch.append(entity, record)?),
                Operation::Acknowledge { entity, sequence, rqi, .. } => {
                    batch.acknowledge(entity, *sequence, rqi)?;
                    Outcome::Written
                }
                Operation::Expire { now, .. } => Outcome::Expired(batch.expire(*now)?),
                Operation::Drop { entity, .. } => Outcome::Dropped(batch.drop_entity(entity)?),
                Operation::Keep { facts, .. } => {
                    batch.keep(facts)?;
                    Outcome::Written
                }
            });
        }
        Ok(())
    })
}

fn answer(operation: Operation, outcome: Outcome) {
    // Nobody may be waiting any more.
    match (operation, outcome) {
        (Operation::Append { done, .. }, Outcome::Placed(placed)) => {
            drop(done.send(placed.map(|placed| placed.sequence)));
        }
        (Operation::Expire { done, .. }, Outcome::Expired(expired)) => drop(done.send(Ok(expired))),
        (Operation::Drop { done, .. }, Outcome::Dropped(count)) => drop(done.send(Ok(count))),
        (Operation::Acknowledge { done, .. } | Operation::Keep { done, .. }, _) => drop(done.send(Ok(()))),
        (operation, _) => operation.refuse(Error::new(ErrorKind::Internal, "the store mixed up its answers")),
    }
}

/// New records of a transaction that failed. It may have reached the disk nevertheless, and they were refused.
fn unsure(operations: &[Operation], outcomes: &[Outcome]) -> Vec<(String, Sequence)> {
    let placed = |(operation, outcome): (&Operation, &Outcome)| match (operation, outcome) {
        (Operation::Append { entity, .. }, Outcome::Placed(Ok(placed))) if !placed.replaces => {
            Some((entity.clone(), placed.sequence))
        }
        _ => None,
    };
    operations.iter().zip(outcomes).filter_map(placed).collect()
}

/// Opens the file again, as often as it takes. False: it was closed before that.
fn recover(shared: &Shared, unsure: &[(String, Sequence)]) -> bool {
    let mut pause = FIRST_PAUSE;
    loop {
        if shared.queue.pause(pause) {
            return false;
        }
        match open_again(shared, unsure) {
            Ok(()) => {
                tracing::info!(path = %shared.path.display(), "the store takes records again");
                return true;
            }
            Err(error) => {
                tracing::error!(%error, "the store could not be opened again");
                shared.queue.fail(&error);
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn open_again(shared: &Shared, unsure: &[(String, Sequence)]) -> Result<(), Error> {
    let opened = open::open(&shared.source, &shared.options)?;
    *lock(&shared.index) = opened.index;
    let withdrawn = guarded(|| {
        begin(shared, &opened.database, |batch| {
            unsure.iter().try_for_each(|(entity, sequence)| batch.withdraw(entity, *sequence))
        })
    });
    if let Some(changes) = withdrawn.map_err(|cause| cause.error(&shared.path))? {
        lock(&shared.index).apply(changes);
    }
    *lock(&shared.database) = Some(Arc::new(opened.database));
    shared.queue.accept();
    Ok(())
}
