//! TLS of a client: which server it is connected to, and whether that is still to be trusted.
//!
//! Covers: TS-0003 8.2.2.3 (a credential is good for as long as it lasts, not only when it is shown); row WS-7-1. What it does not
//! do: handshakes ([`crate::net::tls`] does).

use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use super::{Client, Shared};
use crate::Result;
use crate::binding::PeerIdentity;
use crate::net::tls::connector::Shown;
use crate::websocket::CloseCode;

/// The clock of the system may be set: it is asked at least so often.
const LOOK: Duration = Duration::from_secs(60);

impl Client {
    /// Who the registrar is that this client is connected to, by its certificate or key; `None` without TLS, or without a
    /// connection.
    #[must_use]
    pub fn peer_identity(&self) -> Option<PeerIdentity> {
        self.shared().shown().map(|shown| PeerIdentity::clone(&shown.identity))
    }

    /// Reads the files of [`ClientBuilder::tls`](super::ClientBuilder::tls) anew. The next connection is made by them, as each one is
    /// that is opened after this; the one that is open is closed with 1008 if its server is not to be trusted any more, and opened
    /// again.
    ///
    /// # Errors
    /// `InvalidArgument` if a file cannot be used: then all stays as it was. `InvalidState` if there is no TLS.
    pub fn reload_tls(&self) -> Result<()> {
        let shared = self.shared();
        let Some(connector) = &shared.dial.tls else {
            return Err(crate::Error::new(crate::ErrorKind::InvalidState, "this client has no TLS"));
        };
        connector.reload()?;
        shared.review();
        Ok(())
    }
}

impl Shared {
    fn shown(&self) -> Option<Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the server of the connection has shown, from its opening to its end.
    pub(super) fn set_shown(&self, shown: Option<Shown>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Closes the connection if its server is not to be trusted any more.
    fn review(&self) {
        if let (Some(connector), Some(shown)) = (&self.dial.tls, self.shown())
            && let Err(error) = connector.review(&shown)
        {
            tracing::warn!(%error, "the connection is closed: its server is not trusted any more");
            self.link
                .with(|session, now| session.disconnect(now, CloseCode::Policy.into(), "your credential has ended"));
        }
    }

    /// Looks after the credential of the connection's server while it is open; never ends.
    pub(super) async fn watch_credential(&self) {
        loop {
            let end = self.shown().and_then(|shown| shown.identity.not_after());
            let Some(end) = end else { return std::future::pending().await };
            // At its very end it is good still.
            let left = end.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_millis(1);
            tokio::time::sleep(left.min(LOOK)).await;
            if SystemTime::now() > end {
                self.review();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
