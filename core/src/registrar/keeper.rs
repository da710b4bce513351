//! What the embedded registrar keeps in its server's store, and what follows when it cannot.
//!
//! Covers: rows WS-6.4-4, -5, WS-6.5-4: what is answered with success is there after a crash, with its notifications.
//!
//! The CSE decides in memory, and its decision is written before it is told to anybody. When it cannot be written, memory is
//! ahead of the store, by something that was refused to its originator. Nothing that is decided from then on could be relied
//! on, so nothing is: every request is answered 5000 until the registrar is started anew, from what the store has. Where the
//! disk is only slower than what comes, the changes wait, and no request is looked at before they are on their way.

use std::collections::HashSet;
use std::future::ready;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::{Change, Cse};
use crate::binding::Registry;
use crate::primitive::{Response, StatusCode};
use crate::server::Kept;
use crate::spool::{Done, Fact, FactKind, Spool};
use crate::{Error, ErrorKind, Result};

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
        let identifiers: Vec<String> = changes.iter().map(|change| change.ri.clone()).collect();
        let fact = |change: Change| Fact { kind: FactKind::Resource, key: change.ri, value: change.resource };
        let mut kept = self.spool.keep(changes.into_iter().map(fact).collect());
        match kept.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Some(kept),
            Poll::Ready(result) => {
                if result.as_ref().is_err_and(is_congestion) {
                    // With the next ones, so that nothing is ever kept without what it stands on.
                    cse.take_back(identifiers);
                }
                Some(Box::pin(ready(result)))
            }
        }
    }

    /// The answer to a request that must not be looked at now: something could not be written before.
    pub(super) fn refusal(&self, cse: &mut Cse) -> Option<Response> {
        if let Some(error) = self.failure.get() {
            return Some(failed(error));
        }
        if !cse.has_changes() {
            return None;
        }
        let mut kept = self.keep(cse)?;
        match kept.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) if is_congestion(&error) => {
                let text = format!("ask again later: {}", error.message());
                Some(Response::error(StatusCode::NOT_ACCEPTABLE, text))
            }
            Poll::Ready(Err(error)) => Some(self.failed(&error)),
            // If these cannot be written, what follows cannot either, and tells.
            Poll::Ready(Ok(())) | Poll::Pending => None,
        }
    }

    /// Something could not be written. What is answered instead of success.
    fn failed(&self, error: &Error) -> Response {
        if self.failure.set(error.clone()).is_ok() {
            tracing::error!(%error, "the registrar's store failed: it answers 5000 until it is started anew");
        }
        failed(error)
    }

    /// True once something could not be written.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// What is to be answered instead of success, as far as the changes of the CSE are concerned.
    pub(super) fn verdict(&self, kept: Result<()>) -> Option<Response> {
        match kept {
            Ok(()) => self.failure.get().map(failed),
            Err(error) if is_congestion(&error) => {
                let text = format!("it was carried out, and is not stored yet: {}", error.message());
                Some(Response::error(StatusCode::INTERNAL_SERVER_ERROR, text))
            }
            Err(error) => Some(self.failed(&error)),
        }
    }

    /// The same of a notification, or of the end of a registration. That one registree's store is full does not concern the
    /// originator.
    pub(super) fn verdict_of_one(&self, error: &Error) -> Option<Response> {
        match error.kind() {
            ErrorKind::QueueFull | ErrorKind::NotRegistered | ErrorKind::InvalidArgument => None,
            _ => Some(self.failed(error)),
        }
    }
}

fn failed(error: &Error) -> Response {
    let text = format!("the store of this CSE failed, and it has to be started anew: {}", error.message());
    Response::error(StatusCode::INTERNAL_SERVER_ERROR, text)
}

/// The disk is slower than what comes.
fn is_congestion(error: &Error) -> bool {
    error.kind() == ErrorKind::QueueFull
}

/// The resources decide who is registered: a crash may have come between the writing of a resource and that of the
/// registration, or between the ends of the two.
pub(super) fn reconcile(cse: &Cse, Kept { spool, registry }: Kept<'_>) {
    let now = Instant::now();
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
        // Those that the store has as registrations are there already, with the principals to which they belong.
        registry.restore(registration, None, now);
    }
}

fn stale(registry: &Registry, known: &HashSet<String>) -> Vec<String> {
    let all = registry.entities().map(|registration| registry.stem(&registration.entity));
    all.filter(|stem| !known.contains(*stem)).map(str::to_owned).collect()
}
