//! What the embedded registrar keeps in its server's store, and what follows when it cannot.
//!
//! Covers: rows WS-6.4-4, -5, WS-6.5-4: what is answered with success is there after a crash, with its notifications.
//!
//! The CSE decides in memory, and its decision is written before it is told to anybody. When it cannot be written, memory is
//! ahead of the store, by something that was refused to its originator. Nothing that is decided from then on could be relied
//! on, so nothing is: every request is answered 5000 until the registrar is started anew, from what the store has.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::Cse;
use crate::binding::Registry;
use crate::primitive::{Response, StatusCode};
use crate::server::Kept;
use crate::spool::{Done, Fact, FactKind, Spool};
use crate::{Error, ErrorKind};

/// The way to a store that outlives the process.
#[derive(Clone)]
pub(super) struct Keeper {
    spool: Arc<dyn Spool>,
    failure: Arc<OnceLock<Error>>,
}

impl Keeper {
    /// `None` if the store is lost with the process.
    pub(super) fn new(spool: &Arc<dyn Spool>) -> Option<Self> {
        spool.is_durable().then(|| Self { spool: Arc::clone(spool), failure: Arc::default() })
    }

    /// Hands what the CSE has changed to the store. `None` if that is nothing.
    pub(super) fn keep(&self, cse: &mut Cse) -> Option<Done<()>> {
        let changes = cse.take_changes();
        if changes.is_empty() {
            return None;
        }
        let fact = |change: super::Change| Fact { kind: FactKind::Resource, key: change.ri, value: change.resource };
        Some(self.spool.keep(changes.into_iter().map(fact).collect()))
    }

    /// Something could not be written.
    pub(super) fn failed(&self, error: &Error) {
        if self.failure.set(error.clone()).is_ok() {
            tracing::error!(%error, "the registrar's store failed: it answers 5000 until it is started anew");
        }
    }

    /// The answer to everybody, once something could not be written.
    pub(super) fn refusal(&self) -> Option<Response> {
        self.failure.get().map(|error| {
            let text = format!("the store of this CSE failed, and it has to be started anew: {}", error.message());
            Response::error(StatusCode::INTERNAL_SERVER_ERROR, text)
        })
    }
}

/// True if a notification was refused for a reason of its own: others are not concerned.
pub(super) fn concerns_one_only(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::QueueFull | ErrorKind::NotRegistered | ErrorKind::InvalidArgument)
}

/// The resources decide who is registered: a crash may have come between the writing of a resource and that of the
/// registration, or between the ends of the two.
pub(super) fn reconcile(cse: &Cse, Kept { spool, registry }: Kept<'_>) {
    let of_resources: Vec<_> = cse.registrations().collect();
    let known: HashSet<String> = of_resources.iter().map(|one| registry.stem(&one.entity).to_owned()).collect();
    for entity in stale(registry, &known) {
        registry.deregister(&entity);
        let fact = Fact { kind: FactKind::Registration, key: entity.clone(), value: None };
        // In this order, before everything of this run. If it cannot be written, the next start does it.
        drop(spool.drop_entity(&entity));
        drop(spool.keep(vec![fact]));
    }
    for registration in of_resources {
        registry.restore(registration);
    }
}

fn stale(registry: &Registry, known: &HashSet<String>) -> Vec<String> {
    let all = registry.entities().map(|registration| registry.stem(&registration.entity));
    all.filter(|stem| !known.contains(*stem)).map(str::to_owned).collect()
}
