//! TLS of a server: whose credential does not count any more.
//!
//! Covers: TS-0003 8.2.2.3 (a credential is good for as long as it lasts, not only when it is shown); rows WS-7-1, WS-7-2. What it
//! does not do: handshakes ([`crate::net::tls`] does).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::connection::Registree;
use super::{Server, ServerEvent, Shared};
use crate::net::tls::acceptor::{Acceptor, Shown};
use crate::websocket::CloseCode;
use crate::{Error, ErrorKind, Result};

/// Credentials are looked at so often: the clock of the system may be set, and connections come and go.
const LOOK: Duration = Duration::from_secs(1);
/// Refusals that are told in a second; more are counted only, so that they cannot crowd out what else there is to tell.
const MOST_TOLD: u32 = 16;

/// What a client has shown, and to whom.
pub(super) struct Credential {
    pub(super) shown: Shown,
    pub(super) to: Arc<Acceptor>,
}

/// How many refusals were told in this second.
pub(super) struct Told(Mutex<(Instant, u32)>);

impl Told {
    pub(super) fn new() -> Self {
        Self(Mutex::new((Instant::now(), 0)))
    }

    /// True if one more may be told.
    fn one_more(&self, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(told.0) >= Duration::from_secs(1) {
            *told = (now, 0);
        }
        told.1 += 1;
        told.1 <= MOST_TOLD
    }
}

impl Server {
    /// Reads the files of all TLS settings anew: certificates, keys, authorities, lists of what is revoked. Whoever connects from
    /// now on is judged by them, and so is whoever is connected: a connection whose credential does not count any more, or has
    /// other entities now, is closed with 1008. How many that are is returned.
    ///
    /// # Errors
    /// `InvalidArgument` if a file cannot be used: then its listener goes on with what it has. `InvalidState` if the server
    /// listens without TLS only.
    pub fn reload_tls(&self) -> Result<usize> {
        let shared = &*self.0;
        if shared.acceptors.is_empty() {
            return Err(Error::new(ErrorKind::InvalidState, "this server listens without TLS only"));
        }
        let reloaded: Vec<Result<()>> = shared.acceptors.iter().map(|acceptor| acceptor.reload()).collect();
        let closed = self.all().iter().filter(|registree| shared.review(registree)).count();
        reloaded.into_iter().collect::<Result<()>>()?;
        Ok(closed)
    }
}

impl Shared {
    /// Closes a connection whose credential does not count any more; true if it was closed.
    fn review(&self, registree: &Registree) -> bool {
        let Some(Credential { shown, to }) = registree.credential.as_deref() else { return false };
        let Err(why) = to.review(shown) else { return false };
        let principal = shown.identity.principal();
        tracing::warn!(peer = %registree.peer(), ?principal, "a connection is closed, its credential has ended: {why}");
        registree.link.with(|session, now| session.abort(now, CloseCode::Policy.into(), "your credential has ended"));
        true
    }

    /// Somebody got no association.
    pub(super) fn not_secure(&self, peer: SocketAddr, why: String) {
        tracing::info!(%peer, "no connection: {why}");
        self.refusals.add_tls();
        if self.tls_refusals_told.one_more(Instant::now()) {
            self.events.push(ServerEvent::TlsRefused { peer, why });
        }
    }
}

/// Closes connections whose credential has come to its end, until the server has stopped.
pub(super) async fn watch_credentials(server: Server) {
    let shared = &*server.0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shared.is_over() => return,
        }
        let now = SystemTime::now();
        for registree in server.all() {
            let credential = registree.credential.as_ref();
            let end = credential.and_then(|credential| credential.shown.identity.not_after());
            if end.is_some_and(|end| end < now) {
                shared.review(&registree);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_beyond_the_bound_of_a_second_are_not_told() {
        let refusals = Told::new();
        let start = Instant::now();
        let told = |at| (0..20).filter(|_| refusals.one_more(start + Duration::from_millis(at))).count();
        assert_eq!(told(0), 16);
        assert_eq!(told(1100), 16);
    }
}
