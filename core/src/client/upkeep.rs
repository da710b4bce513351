//! Keeps the client's registration alive: sends what the machine asks for, and keeps its state in the file.
//!
//! Covers: TS-0020 5.2, 6.4; rows WS-5.2-9, WS-6.4-4. What is to be done, and when, is decided by [`Upkeep`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::event::ClientEvent;
use super::state_file::StateFile;
use super::{ConnectionState, Shared};
use crate::Result;
use crate::binding::{Registration, Saved, Upkeep};
use crate::net::{OsRandom, now};
use crate::primitive::{Request, Response};
use crate::websocket::Random;

/// No wait of a task is longer: the clock on the wall may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The registration of one client.
pub(super) struct Keeper {
    machine: Mutex<Upkeep>,
    changed: Notify,
    /// The file says something else.
    unsaved: AtomicBool,
    file: Option<StateFile>,
    /// Nothing is checked, renewed or made again.
    off: bool,
    /// The registration is that of an earlier run.
    resumed: AtomicBool,
    /// Held by whoever asks the registrar about the registration, so that two do not register.
    turn: tokio::sync::Mutex<()>,
    /// Held while the file is written.
    saving: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(super) fn new(file: Option<StateFile>, saved: Option<Saved>, off: bool) -> Self {
        let mut bytes = [0; 2];
        OsRandom::new().fill(&mut bytes);
        let mut machine = Upkeep::new(u16::from_le_bytes(bytes));
        let resumed = AtomicBool::new(saved.is_some());
        if let Some(saved) = saved {
            machine.resume(saved);
        }
        Self {
            machine: Mutex::new(machine),
            changed: Notify::new(),
            unsaved: AtomicBool::new(false),
            file,
            off,
            resumed,
            turn: tokio::sync::Mutex::default(),
            saving: tokio::sync::Mutex::default(),
        }
    }

    fn machine(&self) -> MutexGuard<'_, Upkeep> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if there is anything to be done for it.
    pub(super) fn has_work(&self) -> bool {
        !self.off || self.file.is_some()
    }

    /// A connection was opened by the driver.
    pub(super) fn opened(&self) {
        if !self.off {
            self.machine().opened();
            self.changed.notify_one();
        }
    }

    /// The registrar answered as if the entity were not registered.
    pub(super) fn doubted(&self) {
        if !self.off {
            self.machine().doubted(now());
            self.changed.notify_one();
        }
    }

    /// Nobody else asks the registrar about the registration until this is dropped.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The registration of an earlier run, and whether the registrar has confirmed it in this one.
    pub(super) fn of_earlier_run(&self) -> Option<(Registration, bool)> {
        let machine = self.machine();
        let saved = machine.saved().filter(|_| self.resumed.load(Ordering::Relaxed))?;
        Some((saved.registration.clone(), machine.is_confirmed()))
    }

    /// The entity has registered.
    pub(super) async fn registered(
        &self,
        registration: Registration,
        request: &Request,
        response: &Response,
    ) -> Result<()> {
        self.resumed.store(false, Ordering::Relaxed);
        self.machine().registered(now(), registration, request, response);
        self.changed.notify_one();
        self.save().await
    }

    /// The registrar still knows the registration of an earlier run.
    pub(super) async fn confirmed(&self, response: &Response) -> Result<()> {
        self.machine().confirmed(response);
        self.changed.notify_one();
        self.save().await
    }

    /// The registration has ended.
    pub(super) fn ended(&self) {
        self.machine().ended();
        self.unsaved.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    async fn save_or_tell(&self, shared: &Shared) {
        if let Err(error) = self.save().await {
            tracing::error!(%error, "registration");
            shared.announce(&ClientEvent::StorageFailed(error));
        }
    }

    async fn save(&self) -> Result<()> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let _in_order = self.saving.lock().await;
        let saved = self.machine().saved().cloned();
        let written = tokio::task::spawn_blocking(move || file.write(saved.as_ref())).await;
        written.unwrap_or_else(|error| Err(crate::Error::new(crate::ErrorKind::Internal, error.to_string())))
    }
}

/// Runs until the client is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let until = |wanted: fn(ConnectionState) -> bool| {
        let mut states = shared.state.subscribe();
        async move {
            // The sender lives as long as `shared`.
            let _ = states.wait_for(|change| wanted(change.state)).await;
        }
    };
    let kept = async {
        // A client opens nothing before it is told to.
        until(ConnectionState::is_open).await;
        keep(&shared).await;
    };
    tokio::select! {
        () = until(|state| state == ConnectionState::Closed) => {}
        () = kept => {}
    }
}

async fn keep(shared: &Shared) {
    let keeper = &shared.keeper;
    loop {
        if keeper.unsaved.swap(false, Ordering::Relaxed) {
            keeper.save_or_tell(shared).await;
        }
        let turn = keeper.turn().await;
        let next = if keeper.off { None } else { keeper.machine().next(now()) };
        let Some(request) = next else {
            drop(turn);
            let now = now();
            let wait = keeper
                .machine()
                .poll_timeout(now)
                .filter(|_| !keeper.off)
                .map(|at| at.saturating_duration_since(now.monotonic));
            tokio::select! {
                () = keeper.changed.notified() => {}
                () = tokio::time::sleep(wait.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)) => {}
            }
            continue;
        };
        let result = shared.link.request(request).await;
        let outcome = keeper.machine().answered(now(), &result);
        drop(turn);
        let Some(outcome) = outcome else { continue };
        let event = ClientEvent::from(outcome);
        tracing::info!(poa = %shared.dial.poa, ?event, "registration");
        shared.announce(&event);
        keeper.save_or_tell(shared).await;
    }
}
