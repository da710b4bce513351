//! How foreign languages cross into the runtime, and how what happens there comes back.
//!
//! Two rules keep hosts alive: our threads never enter a foreign interpreter, and foreign threads never enter tokio.
//! Calls hand a request to a session and return; whatever comes back goes into one bounded [`Queue`] with one
//! descriptor to wait on, or into a [`Slot`] that one blocked caller waits on. A C program's own loop, its dispatcher
//! thread, Python's event loop and blocking callers are all small consumers of these two.
//!
//! For `ffi-c` and `py`; Rust programs use [`crate::client`] and [`crate::registrar`].

mod client;
mod queue;
mod registrar;
mod runtime;
mod slot;
mod wake;

use std::sync::Arc;

pub use client::Client;
pub use queue::{Delivery, Queue};
pub use registrar::Registrar;
pub use slot::{Slot, Waited};

use crate::binding::Registration;
use crate::net::link::Completion;
use crate::primitive::Response;
use crate::{Error, ErrorKind, Result};

/// What came of a call that succeeded.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A request was answered, with whatever status.
    Response(Response),
    /// A registration is in force; with the registrar's answer.
    Registered(Registration),
    /// A request was accepted for delivery; its `rqi`.
    Posted(String),
    /// The call has nothing to return.
    Done,
}

/// Where the outcome of a call goes.
#[derive(Clone)]
pub enum Recipient {
    /// To a queue, as [`Delivery::Completed`].
    Queue(Arc<Queue>),
    /// To the one caller that waits.
    Slot(Arc<Slot>),
}

impl Recipient {
    fn deliver(&self, call: u64, result: Result<Outcome>) {
        match self {
            Self::Queue(queue) => queue.push(Delivery::Completed { call, result }),
            Self::Slot(slot) => slot.fill(result),
        }
    }
}

impl Completion for Queue {
    fn complete(&self, call: u64, result: Result<Response>) {
        self.push(Delivery::Completed { call, result: result.map(Outcome::Response) });
    }

    fn acknowledge(&self, call: u64, response: Response) {
        self.push(Delivery::Acknowledged { call, response });
    }
}

impl Completion for Slot {
    fn complete(&self, _call: u64, result: Result<Response>) {
        self.fill(result.map(Outcome::Response));
    }
}

/// The process that a handle belongs to: after `fork`, the child has our memory but not our threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Home(u32);

impl Home {
    fn here() -> Self {
        Self(std::process::id())
    }

    fn check(self) -> Result<()> {
        if self == Self::here() {
            return Ok(());
        }
        let text = "this handle was made before fork(); make a new one in the child process";
        Err(Error::new(ErrorKind::Forked, text))
    }
}
