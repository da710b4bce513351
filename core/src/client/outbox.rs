//! Delivers what a client has accepted: the outbox, its file, and the session that carries it.
//!
//! Covers: TS-0020 5.2; rows WS-5.2-6, -8. What is sent when, and what becomes of it, is decided by [`Outbox`]. With a file,
//! accepted means that it is in there, and the next run delivers what this one did not.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};

use super::event::ClientEvent;
use super::{ConnectionState, Shared};
use crate::binding::{Delivery, Outbox, OutboxConfig, PostId, Posted, Session};
use crate::net::link::Completion;
use crate::net::{OsRandom, now};
use crate::primitive::{Request, Response};
use crate::spool::{Done, Record, RedbSpool, Sequence, Spool, StoreLimits, StoreOptions};
use crate::websocket::Random;
use crate::{Error, ErrorKind, Result};

/// The name of the outbox in its file.
const OUTBOX: &str = "outbox";
/// No wait of the task is longer: the clock on the wall may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A client's outbox.
pub(super) struct Poster {
    state: Mutex<State>,
    changed: Notify,
    /// How many requests are in it.
    length: watch::Sender<usize>,
    file: Option<RedbSpool>,
    /// Requests are posted on threads of the program's, too.
    runtime: Handle,
}

struct State {
    outbox: Outbox,
    /// Where they are in the file.
    places: HashMap<PostId, Sequence>,
}

impl Poster {
    /// Opens the file, if there is one, with what an earlier run left in it.
    pub(super) fn open(config: OutboxConfig, path: Option<&Path>, runtime: Handle) -> Result<Self> {
        let mut bytes = [0; 8];
        OsRandom::new().fill(&mut bytes);
        let mut outbox = Outbox::new(config, format!("p{:016x}-", u64::from_le_bytes(bytes)));
        let mut places = HashMap::new();
        let file = match path {
            None => None,
            Some(path) => {
                // The outbox keeps the bounds.
                let limits = StoreLimits { records: u64::MAX, bytes_per_registree: u64::MAX, bytes: u64::MAX };
                let file = RedbSpool::open(path, StoreOptions { limits, ..StoreOptions::default() })?;
                let now = now();
                for stored in file.read(OUTBOX, Sequence(0), usize::MAX, std::time::UNIX_EPOCH)? {
                    places.insert(outbox.restore(stored.request, stored.expires, now), stored.sequence);
                }
                Some(file)
            }
        };
        let length = watch::Sender::new(outbox.len());
        Ok(Self { state: Mutex::new(State { outbox, places }), changed: Notify::new(), length, file, runtime })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.state().outbox.len()
    }

    pub(super) fn list(&self) -> Vec<Posted> {
        self.state().outbox.list().collect()
    }

    /// Resolves when there is nothing in it.
    pub(super) async fn emptied(&self) {
        // The sender lives as long as `self`.
        let _ = self.length.subscribe().wait_for(|length| *length == 0).await;
    }

    /// Resolves when the file has everything that it is to have.
    pub(super) async fn written(&self) {
        if let Some(file) = &self.file {
            // What could not be written has been told.
            let _ = file.close().await;
        }
    }

    /// Calls `then` with what came of writing something.
    fn when_written<T: Send + 'static>(&self, written: Done<T>, then: impl FnOnce(Result<T>) + Send + 'static) {
        self.runtime.spawn(async move { then(written.await) });
    }

    fn tell_length(&self, state: &State) {
        self.length.send_replace(state.outbox.len());
    }
}

impl Shared {
    /// Takes a request into the outbox; the receiver hears when it is accepted.
    pub(super) fn post(self: &Arc<Self>, request: Request) -> Result<oneshot::Receiver<Result<String>>> {
        let poster = &self.poster;
        if self.link.peek(Session::is_closing) {
            return Err(Error::new(ErrorKind::Closed, "the client was closed; nothing can be posted any more"));
        }
        let (sender, receiver) = oneshot::channel();
        // The order in the file is that of the outbox, since both are under the lock.
        let mut state = poster.state();
        let (id, dropped) = state.outbox.post(now(), request)?;
        let appended = match (&poster.file, state.outbox.get(id)) {
            (Some(file), Some((request, expires))) => {
                Some(file.append(OUTBOX, Record::new(request.clone(), Some(expires))))
            }
            _ => None,
        };
        let rqi = state.outbox.get(id).map(|(request, _)| request.request_id.clone()).unwrap_or_default();
        poster.tell_length(&state);
        drop(state);
        dropped.into_iter().for_each(|delivery| self.left(delivery));
        let accepted = {
            let shared = Arc::clone(self);
            move |stored: Result<Option<Sequence>>| {
                let result = shared.accept(id, stored).map(|()| rqi);
                // Who does not wait any more is not told.
                let _ = sender.send(result);
            }
        };
        match appended {
            Some(appended) => poster.when_written(appended, move |stored| accepted(stored.map(Some))),
            None => accepted(Ok(None)),
        }
        Ok(receiver)
    }

    fn accept(&self, id: PostId, stored: Result<Option<Sequence>>) -> Result<()> {
        let poster = &self.poster;
        let mut state = poster.state();
        let result = match stored {
            Ok(place) => {
                state.places.extend(place.map(|place| (id, place)));
                state.outbox.accepted(id);
                Ok(())
            }
            Err(error) => {
                state.outbox.rejected(id);
                Err(error)
            }
        };
        poster.tell_length(&state);
        drop(state);
        poster.changed.notify_one();
        result
    }

    /// A request is not in the outbox any more: the file forgets it, and the application is told.
    fn left(&self, delivery: Delivery) {
        let poster = &self.poster;
        let Delivery { id, request_id, result } = delivery;
        let place = {
            let mut state = poster.state();
            poster.tell_length(&state);
            state.places.remove(&id)
        };
        if let (Some(file), Some(place)) = (&poster.file, place) {
            poster.when_written(file.acknowledge(OUTBOX, place, &request_id), |written| {
                if let Err(error) = written {
                    tracing::error!(%error, "a posted request could not be taken out of its file: it will be sent again");
                }
            });
        }
        self.announce(&ClientEvent::Delivered { request_id, result });
    }

    /// Nobody will deliver what was posted: without a file it is lost, and that is told.
    pub(super) fn abandon_posted(&self) {
        if self.poster.file.is_none() {
            let gone = Error::new(ErrorKind::Closed, "the client was closed before the request could be delivered");
            let given_up = self.poster.state().outbox.give_up(&gone);
            given_up.into_iter().for_each(|delivery| self.left(delivery));
        }
    }

    fn outcome(&self, id: PostId, result: Result<Response>) {
        let left = self.poster.state().outbox.outcome(now(), id, result);
        if let Some(delivery) = left {
            self.left(delivery);
        }
        self.poster.changed.notify_one();
    }
}

/// Hears the outcome of one attempt.
struct Outcome(Arc<Shared>);

impl Completion for Outcome {
    fn complete(&self, id: u64, result: Result<Response>) {
        self.0.outcome(PostId(id), result);
    }
}

/// Runs until the client is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let poster = &shared.poster;
    let mut states = shared.state.subscribe();
    loop {
        let state = states.borrow_and_update().state;
        if state == ConnectionState::Closed {
            break;
        }
        let expired = poster.state().outbox.expire(now());
        expired.into_iter().for_each(|delivery| shared.left(delivery));
        if shared.may_deliver() {
            deliver(&shared);
        }
        // Nothing is due while there is nothing in it.
        let wait = {
            let now = now();
            let due = poster.state().outbox.poll_timeout(now);
            due.map(|due| due.saturating_duration_since(now.monotonic).min(LONGEST_WAIT))
        };
        tokio::select! {
            () = poster.changed.notified() => {}
            () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            changed = states.changed() => {
                if changed.is_ok() && states.borrow().state.is_open() {
                    poster.state().outbox.opened();
                }
            }
        }
    }
    // What was posted while the client closed.
    shared.abandon_posted();
}

fn deliver(shared: &Arc<Shared>) {
    loop {
        let next = shared.poster.state().outbox.next(now());
        let Some((id, request)) = next else { return };
        if let Err(error) = shared.link.request_with(request, Arc::new(Outcome(Arc::clone(shared))), id.0) {
            shared.outcome(id, Err(error));
        }
    }
}
