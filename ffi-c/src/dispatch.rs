//! Delivers what happened to a client to the program's callbacks: on a thread of its own, or where the program asks for
//! it. No callback is called while a lock is held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};
use onem2m::binding::Token;
use onem2m::bridge::{self, Delivery, Outcome, Queue};
use onem2m::{Error, ErrorKind, Result};

use crate::callback::{Calling, Completion, onem2m_ws_callbacks, with_state};
use crate::error::{OK, remember};
use crate::event::with_event;
use crate::guard::guard;
use crate::handle::give;
use crate::request::onem2m_ws_request;
use crate::response::onem2m_ws_response;

/// A client, its callbacks, and the asynchronous calls that wait for their outcome.
pub(crate) struct Shared {
    client: bridge::Client,
    queue: Arc<Queue>,
    callbacks: onem2m_ws_callbacks,
    /// For how long the program wants registrations to be made.
    registration_lifetime: Option<Duration>,
    calls: Mutex<Calls>,
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Calls {
    last: u64,
    waiting: HashMap<u64, Call>,
}

struct Call {
    completion: Completion,
    token: Option<Token>,
}

/// Who delivers. Callbacks of one client never run at the same time.
#[derive(Default)]
struct Turn {
    busy: bool,
    freed: bool,
}

/// Ends the turn however it is left: a defect on the way costs one delivery, not all that follow.
struct InTurn<'a>(&'a Shared);

impl Drop for InTurn<'_> {
    fn drop(&mut self) {
        self.0.end_turn();
    }
}

/// How long the dispatcher sleeps without an event. It is woken by every event; this only bounds one wait.
const LONG: Duration = Duration::from_secs(3600);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        client: bridge::Client,
        queue: Arc<Queue>,
        callbacks: onem2m_ws_callbacks,
        registration_lifetime: Option<Duration>,
    ) -> Arc<Self> {
        let (calls, turn) = (Mutex::default(), Mutex::default());
        Arc::new(Self { client, queue, callbacks, registration_lifetime, calls, turn })
    }

    pub(crate) fn registration_lifetime(&self) -> Option<Duration> {
        self.registration_lifetime
    }

    pub(crate) fn client(&self) -> &bridge::Client {
        &self.client
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// True on a thread that is in a callback of this client.
    pub(crate) fn is_calling(&self) -> bool {
        Calling::is_of(self)
    }

    /// Begins an asynchronous call; its completion is called once if this succeeds, and not at all if it fails.
    pub(crate) fn call(
        &self,
        completion: Completion,
        begin: impl FnOnce(&bridge::Client, u64) -> Result<Option<Token>>,
    ) -> Result<u64> {
        // The outcome may come before `begin` returns.
        let number = {
            let mut calls = lock(&self.calls);
            calls.last += 1;
            let number = calls.last;
            calls.waiting.insert(number, Call { completion, token: None });
            number
        };
        match begin(&self.client, number) {
            Ok(token) => {
                if let Some(call) = lock(&self.calls).waiting.get_mut(&number) {
                    call.token = token;
                }
                Ok(number)
            }
            Err(error) => {
                lock(&self.calls).waiting.remove(&number);
                Err(error)
            }
        }
    }

    /// Forgets an asynchronous call: its completion is not called. False if that has happened or happens.
    pub(crate) fn cancel(&self, number: u64) -> bool {
        let call = lock(&self.calls).waiting.remove(&number);
        if let Some(token) = call.as_ref().and_then(|call| call.token) {
            self.client.cancel(token);
        }
        call.is_some()
    }

    /// Delivers what there is; waits for something first if `timeout` allows.
    pub(crate) fn dispatch(&self, timeout: Duration) -> Result<()> {
        let _turn = self.begin_turn()?;
        let batch = if timeout.is_zero() { self.queue.drain() } else { self.queue.wait(timeout) };
        for delivery in batch {
            self.deliver(delivery);
        }
        Ok(())
    }

    fn begin_turn(&self) -> Result<InTurn<'_>> {
        let mut turn = lock(&self.turn);
        if turn.busy {
            let (kind, text) = if self.is_calling() {
                (ErrorKind::WouldDeadlock, "callbacks of this client are being called: this is one of them")
            } else {
                (ErrorKind::InvalidState, "another thread calls this client's callbacks at this moment")
            };
            return Err(Error::new(kind, text));
        }
        turn.busy = true;
        Ok(InTurn(self))
    }

    fn end_turn(&self) {
        let freed = {
            let mut turn = lock(&self.turn);
            // A client that was freed stays busy: it has had its last turn.
            turn.busy = turn.freed;
            turn.freed
        };
        if freed {
            self.finish();
        }
    }

    fn is_freed(&self) -> bool {
        lock(&self.turn).freed
    }

    fn deliver(&self, delivery: Delivery) {
        match delivery {
            Delivery::Completed { call, result } => self.complete(call, result),
            // A program that has freed the client expects nothing else; a request is answered 5000 by being dropped.
            _ if self.is_freed() => {}
            Delivery::Request { request, .. } => {
                if let Some(on_request) = self.callbacks.on_request {
                    let _calling = Calling::of(self);
                    on_request(self.callbacks.user_data, give(onem2m_ws_request::incoming(request)));
                }
            }
            Delivery::State { change, .. } => {
                if let Some(on_state) = self.callbacks.on_state {
                    let _calling = Calling::of(self);
                    with_state(&change, |state| on_state(self.callbacks.user_data, state));
                }
            }
            Delivery::Event { event, .. } => {
                if let Some(on_event) = self.callbacks.on_event {
                    let _calling = Calling::of(self);
                    with_event(event, |event| on_event(self.callbacks.user_data, event));
                }
            }
        }
    }

    fn complete(&self, call: u64, result: Result<Outcome>) {
        // Not there: it was cancelled.
        let Some(Call { completion, .. }) = lock(&self.calls).waiting.remove(&call) else { return };
        let _calling = Calling::of(self);
        match result {
            Ok(Outcome::Response(response)) => completion.call(OK, Some(&onem2m_ws_response::new(response)), None),
            Ok(Outcome::Posted(request_id)) => completion.call(OK, None, Some(&request_id)),
            Ok(_) => completion.call(OK, None, None),
            Err(error) => completion.call(remember(error), None, None),
        }
    }

    /// The last calls of all: outcomes that are there, `Closed` for every other call that waits, then `drop`.
    fn finish(&self) {
        for delivery in self.queue.drain() {
            self.deliver(delivery);
        }
        let mut waiting: Vec<u64> = lock(&self.calls).waiting.keys().copied().collect();
        waiting.sort_unstable();
        for call in waiting {
            self.complete(call, Err(Error::new(ErrorKind::Closed, "the client was freed before the outcome came")));
        }
        if let Some(drop) = self.callbacks.drop {
            let _calling = Calling::of(self);
            drop(self.callbacks.user_data);
        }
    }
}

/// The thread that delivers, if the program does not do it.
pub(crate) struct Dispatcher(Option<JoinHandle<()>>);

impl Dispatcher {
    /// None: the program delivers.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Starts the thread, with all signals blocked: the program's handlers run on the program's threads.
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Self> {
        let error =
            |what: String| Error::new(ErrorKind::Internal, format!("the dispatcher could not be started: {what}"));
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(|e| error(e.to_string()))?;
        let thread = Builder::new().name("onem2m-ws-calls".to_owned()).spawn(move || {
            while !shared.is_freed() {
                // It fails only if the turn belongs to who frees the client, or for a defect, which must not end the thread.
                let _ = guard(|| shared.dispatch(LONG));
            }
        });
        before.thread_set_mask().map_err(|e| error(e.to_string()))?;
        thread.map(|thread| Self(Some(thread))).map_err(|e| error(e.to_string()))
    }

    pub(crate) fn is_thread(&self) -> bool {
        self.0.is_some()
    }

    /// Ends the client: the last callbacks are called, here or on the thread that delivers. Within a callback, of
    /// whichever client, nothing is waited for: two clients could wait for each other.
    pub(crate) fn end(self, shared: &Arc<Shared>) {
        shared.client.abort();
        let mine = {
            let mut turn = lock(&shared.turn);
            turn.freed = true;
            // A thread that sleeps in its turn ends it, and does the rest.
            let mine = !turn.busy;
            turn.busy = true;
            mine
        };
        shared.queue.close();
        if mine {
            shared.finish();
        }
        if let Some(thread) = self.0
            && !Calling::is_any()
        {
            // It ends without a panic, or its last callbacks are not called; nobody can be told.
            let _ = thread.join();
        }
    }
}
