//! Who is at the other end, by what the opening handshake shows: the program's hook judges it.
//!
//! Covers: TS-0020 5.2, 7; row WS-5.2-3 (who may take over is a matter of credentials), row WS-6.2.3.1-1 (401, 403). What
//! it does not do: know passwords or tokens, or say what an authenticated peer may do.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Server, Shared};
use crate::binding::Principal;
use crate::websocket::handshake::server::{Rejection, UpgradeRequest};

/// The hook: see [`super::ServerBuilder::authenticate`].
pub(super) type Authenticate = Arc<dyn Fn(&HandshakeInfo<'_>) -> Result<Option<Principal>, Denied> + Send + Sync>;

/// What is known of a peer that wants to open a connection. Its fields may hold credentials: they are not part of `Debug`.
pub struct HandshakeInfo<'a> {
    pub(super) request: &'a UpgradeRequest,
    pub(super) peer: SocketAddr,
}

impl HandshakeInfo<'_> {
    /// Whence the TCP connection comes: the peer, or a proxy in front of this server.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The request target as sent, with a query if it has one.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.request.target
    }

    /// The authority that the client believes it speaks to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.request.host
    }

    /// The first header field of that name, in any case. Where a field decides who somebody is, see in
    /// [`headers`](Self::headers) that there is one only; for `Authorization` there are [`basic`](Self::basic) and
    /// [`bearer`](Self::bearer).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// All header fields, as they came.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        self.request.headers()
    }
}

impl fmt::Debug for HandshakeInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeInfo").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// The answer to a peer that is not let in: 401 or 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(Rejection);

impl Denied {
    /// 401: credentials are missing or wrong. `challenge` is the value of `WWW-Authenticate`, which says what is wanted
    /// (RFC 7235 4.1): `Basic realm="cse"`, `Bearer`. One that cannot be sent in a header is left out.
    #[must_use]
    pub fn unauthorized(challenge: &str) -> Self {
        let rejection = Rejection::new(401, "credentials are missing or not accepted");
        let with_challenge = rejection.clone().with_header("WWW-Authenticate", challenge);
        Self(with_challenge.unwrap_or_else(|error| {
            tracing::error!(%error, "the challenge cannot be sent");
            rejection
        }))
    }

    /// 403: who it is is known, or does not matter, and it is not let in. The peer reads the reason.
    #[must_use]
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self(Rejection::new(403, reason))
    }
}

impl Shared {
    /// Judges a handshake that is good otherwise: whether it may open a connection, and whose that is.
    pub(super) fn judge(
        &self,
        server: &Server,
        request: &UpgradeRequest,
        peer: SocketAddr,
    ) -> Result<Option<Principal>, Rejection> {
        let principal = match &self.authenticate {
            Some(hook) => ask(hook, &HandshakeInfo { request, peer })?,
            None => None,
        };
        if let Some(hint) = hint(request) {
            let (greeted, orders) = self.change(Some(peer), "", |registry, _| registry.greet(principal.as_ref(), hint));
            self.follow(server, orders);
            greeted.map_err(|text| Rejection::new(403, text))?;
        }
        Ok(principal)
    }
}

/// The entity that a handshake names.
pub(super) fn hint(request: &UpgradeRequest) -> Option<&str> {
    request.header("X-M2M-Origin").filter(|hint| !hint.is_empty())
}

fn ask(hook: &Authenticate, handshake: &HandshakeInfo<'_>) -> Result<Option<Principal>, Rejection> {
    match catch_unwind(AssertUnwindSafe(|| hook(handshake))) {
        Ok(judged) => judged.map_err(|Denied(rejection)| rejection),
        Err(_) => {
            tracing::error!("the hook for authentication panicked");
            Err(Rejection::new(500, "internal error"))
        }
    }
}
