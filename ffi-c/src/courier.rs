//! Delivers what happened to a client or a registrar to the program's callbacks: on a thread of its own, or where the program
//! asks for it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};
use onem2m::bridge::{Delivery, Queue};
use onem2m::{Error, ErrorKind, Result};

use crate::callback::Calling;
use crate::guard::guard;

/// What has callbacks.
pub(crate) trait Receiver: Send + Sync + 'static {
    /// What it is, for messages.
    const WHAT: &'static str;

    /// Calls what is to be called; `freed` if the program has freed it and expects the last calls only.
    fn deliver(&self, delivery: Delivery, freed: bool);

    /// Makes the last calls of all, after everything was delivered.
    fn finish(&self);
}

/// A receiver, and what is to be delivered to it.
pub(crate) struct Courier<R> {
    receiver: R,
    queue: Arc<Queue>,
    turn: Mutex<Turn>,
}

/// Who delivers. Callbacks of one receiver never run at the same time.
#[derive(Default)]
struct Turn {
    busy: bool,
    freed: bool,
}

/// Ends the turn however it is left: a defect on the way costs one delivery, not all that follow.
struct InTurn<'a, R: Receiver>(&'a Courier<R>);

impl<R: Receiver> Drop for InTurn<'_, R> {
    fn drop(&mut self) {
        self.0.end_turn();
    }
}

/// How long the dispatcher sleeps without an event. It is woken by every event; this only bounds one wait.
const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R> Deref for Courier<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.receiver
    }
}

impl<R: Receiver> Courier<R> {
    pub(crate) fn new(receiver: R, queue: Arc<Queue>) -> Arc<Self> {
        Arc::new(Self { receiver, queue, turn: Mutex::default() })
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Delivers what there is; waits for something first if `timeout` allows.
    pub(crate) fn dispatch(&self, timeout: Duration) -> Result<()> {
        let _turn = self.begin_turn()?;
        let batch = if timeout.is_zero() { self.queue.drain() } else { self.queue.wait(timeout) };
        for delivery in batch {
            self.receiver.deliver(delivery, self.is_freed());
        }
        Ok(())
    }

    fn begin_turn(&self) -> Result<InTurn<'_, R>> {
        let mut turn = lock(&self.turn);
        if turn.busy {
            let what = R::WHAT;
            let (kind, text) = if Calling::is_of(&raw const self.receiver) {
                (ErrorKind::WouldDeadlock, format!("callbacks of this {what} are being called: this is one of them"))
            } else {
                (ErrorKind::InvalidState, format!("another thread calls this {what}'s callbacks at this moment"))
            };
            return Err(Error::new(kind, text));
        }
        turn.busy = true;
        Ok(InTurn(self))
    }

    fn end_turn(&self) {
        let freed = {
            let mut turn = lock(&self.turn);
            // What was freed stays busy: it has had its last turn.
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

    /// The last calls of all.
    fn finish(&self) {
        for delivery in self.queue.drain() {
            self.receiver.deliver(delivery, true);
        }
        self.receiver.finish();
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
    pub(crate) fn start<R: Receiver>(courier: Arc<Courier<R>>) -> Result<Self> {
        let error =
            |what: String| Error::new(ErrorKind::Internal, format!("the dispatcher could not be started: {what}"));
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(|e| error(e.to_string()))?;
        let thread = Builder::new().name("onem2m-ws-calls".to_owned()).spawn(move || {
            while !courier.is_freed() {
                // It fails only if the turn belongs to who frees the receiver, or for a defect, which must not end the thread.
                let _ = guard(|| courier.dispatch(LONG));
            }
        });
        before.thread_set_mask().map_err(|e| error(e.to_string()))?;
        thread.map(|thread| Self(Some(thread))).map_err(|e| error(e.to_string()))
    }

    pub(crate) fn is_thread(&self) -> bool {
        self.0.is_some()
    }

    /// Ends the receiver: the last callbacks are called, here or on the thread that delivers. Within a callback, of
    /// whichever receiver, nothing is waited for: two could wait for each other.
    pub(crate) fn end<R: Receiver>(self, courier: &Courier<R>) {
        let mine = {
            let mut turn = lock(&courier.turn);
            turn.freed = true;
            // A thread that sleeps in its turn ends it, and does the rest.
            let mine = !turn.busy;
            turn.busy = true;
            mine
        };
        courier.queue.close();
        if mine {
            courier.finish();
        }
        if let Some(thread) = self.0
            && !Calling::is_any()
        {
            // It ends without a panic, or its last callbacks are not called; nobody can be told.
            let _ = thread.join();
        }
    }
}
