//! A registrar for a foreign language.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Delivery, Home, Outcome, Queue, Recipient, runtime};
use crate::binding::PeerIdentity;
use crate::registrar::{self, RegistrarBuilder, UpstreamState};
use crate::server::{DeliveryCounters, Refusals, TakeOverCounters};
use crate::{Error, ErrorKind, Result};

/// A registrar that runs in this process. Every call returns `Forked` in a child process. Dropping it stops it at once.
pub struct Registrar {
    // Not touched in a forked child, not even to drop it; see `bridge::Client`.
    registrar: Option<registrar::Registrar>,
    runtime: Handle,
    home: Home,
}

impl Registrar {
    /// Starts a registrar: it listens when this returns.
    ///
    /// # Errors
    /// `InvalidArgument` if a setting cannot work, `Network` if an address cannot be listened at, `Storage` if the store cannot
    /// be used, `Internal` if the runtime cannot be started.
    pub fn start(config: RegistrarBuilder) -> Result<Self> {
        let runtime = runtime::handle()?;
        let registrar = config.start_on(&runtime)?;
        Ok(Self { registrar: Some(registrar), runtime, home: Home::here() })
    }

    /// Starts a registrar that tells of its registrees, as [`Delivery::Registree`] with the number `handle`, and how it stands with
    /// its own registrar, if it has one, as [`Delivery::Upstream`].
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_telling(config: RegistrarBuilder, queue: Arc<Queue>, handle: u64) -> Result<Self> {
        let to_queue = Arc::clone(&queue);
        let this = Self::start(config.on_event(move |_, event| to_queue.push(Delivery::Registree { handle, event })))?;
        if let Some(mut states) = this.registrar()?.upstream_states() {
            this.runtime.spawn(async move {
                loop {
                    let state = states.borrow_and_update().clone();
                    queue.push(Delivery::Upstream { handle, state });
                    if states.changed().await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(this)
    }

    /// How it stands with its registrar; `None` if it has none.
    ///
    /// # Errors
    /// `Forked`.
    pub fn upstream_state(&self) -> Result<Option<UpstreamState>> {
        Ok(self.registrar()?.upstream_state())
    }

    /// Notifications that wait for an entity.
    ///
    /// # Errors
    /// `Forked`.
    pub fn waiting(&self, entity: &str) -> Result<usize> {
        Ok(self.registrar()?.server().waiting(entity))
    }

    /// What became of the notifications that it stored.
    ///
    /// # Errors
    /// `Forked`.
    pub fn delivery_counters(&self) -> Result<DeliveryCounters> {
        Ok(self.registrar()?.server().delivery_counters())
    }

    /// How often connections met others of the same entity.
    ///
    /// # Errors
    /// `Forked`.
    pub fn take_overs(&self) -> Result<TakeOverCounters> {
        Ok(self.registrar()?.server().take_overs())
    }

    /// Who is at the other end of the connection over which an entity is reached; see [`crate::server::Server::identity_of`].
    ///
    /// # Errors
    /// `Forked`.
    pub fn identity_of(&self, entity: &str) -> Result<Option<PeerIdentity>> {
        Ok(self.registrar()?.server().identity_of(entity))
    }

    /// How many peers got no connection, by cause.
    ///
    /// # Errors
    /// `Forked`.
    pub fn refusals(&self) -> Result<Refusals> {
        Ok(self.registrar()?.server().refusals())
    }

    /// Reads the files of all TLS settings anew; see [`registrar::Registrar::reload_tls`].
    ///
    /// # Errors
    /// As [`registrar::Registrar::reload_tls`]; `Forked`.
    pub fn reload_tls(&self) -> Result<usize> {
        self.registrar()?.reload_tls()
    }

    /// Where registrees reach it.
    ///
    /// # Errors
    /// `Forked`.
    pub fn points_of_access(&self) -> Result<Vec<String>> {
        Ok(self.registrar()?.points_of_access().iter().map(ToString::to_string).collect())
    }

    /// Stops: closes every connection as soon as nothing under way waits on it. Outcome: `Done`. May be called again.
    ///
    /// # Errors
    /// `Forked`.
    pub fn stop(&self, to: &Recipient, call: u64) -> Result<()> {
        let registrar = self.registrar()?.clone();
        let to = to.clone();
        self.runtime.spawn(async move {
            registrar.shutdown().await;
            to.deliver(call, Ok(Outcome::Done));
        });
        Ok(())
    }

    fn registrar(&self) -> Result<&registrar::Registrar> {
        self.home.check()?;
        self.registrar.as_ref().ok_or_else(|| Error::new(ErrorKind::Closed, "the registrar was dropped"))
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        match self.registrar() {
            Ok(registrar) => registrar.abort(),
            Err(_forked) => std::mem::forget(self.registrar.take()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bridge::{Slot, Waited};
    use crate::registrar::Upstream;

    #[test]
    fn ws_5_2_2_an_mn_that_stops_does_not_say_that_its_registrar_is_away() {
        let builder = || registrar::Registrar::builder().listen("ws://127.0.0.1:0");
        let above = Registrar::start(builder()).unwrap();
        let url = above.points_of_access().unwrap().remove(0);
        for _ in 0..50 {
            let queue = Arc::new(Queue::new(16).unwrap());
            let mn = builder().cse_id("/id-mn").cse_name("cse-mn").upstream(Upstream::new(url.as_str(), "/id-in"));
            let mn = Registrar::start_telling(mn, Arc::clone(&queue), 1).unwrap();
            let registered =
                |delivery: &Delivery| matches!(delivery, Delivery::Upstream { state, .. } if state.is_registered);
            while !queue.wait(Duration::from_secs(20)).iter().any(registered) {}
            let slot = Slot::new();
            mn.stop(&Recipient::Slot(Arc::clone(&slot)), 2).unwrap();
            assert!(matches!(slot.wait(None, || false), Waited::Outcome(Ok(Outcome::Done))));
            // What was under way comes to its end.
            std::thread::sleep(Duration::from_millis(5));
            let lost = queue.drain().into_iter().find(|delivery| matches!(delivery, Delivery::Upstream { .. }));
            assert!(lost.is_none(), "{lost:?}");
        }
    }
}
