//! Who is at the other end, by what the opening handshake shows: the program's hook judges it.
//!
//! Covers: TS-0020 5.2, 7; row WS-5.2-3 (who may take over is a matter of credentials), row WS-6.2.3.1-1 (401, 403). What
//! it does not do: know passwords or tokens, or say what an authenticated peer may do.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Server, Shared};
use crate::binding::{PeerIdentity, Principal};
use crate::websocket::handshake::server::{Rejection, UpgradeRequest};

/// The hook: see [`super::ServerBuilder::authenticate`].
pub(super) type Authenticate = Arc<dyn Fn(&HandshakeInfo<'_>) -> Result<Option<Principal>, Denied> + Send + Sync>;

/// What is known of a peer that wants to open a connection. Its fields may hold credentials: they are not part of `Debug`.
pub struct HandshakeInfo<'a> {
    pub(super) request: &'a UpgradeRequest,
    pub(super) peer: SocketAddr,
    pub(super) identity: Option<&'a PeerIdentity>,
}

impl HandshakeInfo<'_> {
    /// Whence the TCP connection comes: the peer, or a proxy in front of this server.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Who is at the other end by the credential that TLS accepted; `None` without TLS, or if it asked for none. Then the
    /// connection belongs to this one, and the hook can only deny it.
    #[must_use]
    pub fn identity(&self) -> Option<&PeerIdentity> {
        self.identity
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
    /// Judges a handshake that is good otherwise: whether it may open a connection, and whose that is. `identity` is what TLS says
    /// of its peer.
    pub(super) fn judge(
        &self,
        server: &Server,
        request: &UpgradeRequest,
        peer: SocketAddr,
        identity: Option<Arc<PeerIdentity>>,
    ) -> Result<Option<Arc<PeerIdentity>>, Rejection> {
        let principal = match &self.authenticate {
            Some(hook) => ask(hook, &HandshakeInfo { request, peer, identity: identity.as_deref() })?,
            None => None,
        };
        let identity = identity.or_else(|| principal.map(|principal| Arc::new(principal.into())));
        let hint = hint(request);
        if identity.is_some() || hint.is_some() {
            let (greeted, orders) =
                self.change(Some(peer), "", |registry, _| registry.greet(identity.as_deref(), hint));
            self.follow(server, orders);
            greeted.map_err(|text| Rejection::new(403, text))?;
        }
        Ok(identity)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::binding::Framework;
    use crate::net::link::IncomingRequest;
    use crate::primitive::{CseId, EntityId, SpId};
    use crate::websocket::handshake::Limits;
    use crate::websocket::handshake::server::ServerHandshake;

    fn upgrade(extra: &str) -> UpgradeRequest {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: oneM2M.json\r\n{extra}\r\n"
        );
        ServerHandshake::new(Limits::default()).handle_data(request.as_bytes()).unwrap().unwrap()
    }

    #[tokio::test]
    async fn ws_7_2_what_tls_says_counts_and_the_hook_can_only_deny() {
        let server = Server::builder()
            .listen("ws://127.0.0.1:0")
            .identity("//sp.example", "/id-in")
            .authenticate(|handshake| match (handshake.header("authorization"), handshake.identity()) {
                (Some("deny"), _) => Err(Denied::forbidden("not today")),
                (_, Some(identity)) => Ok(Some(Principal::new(format!("not {}", identity.principal())))),
                (name, None) => Ok(name.map(Principal::new)),
            })
            .start(|_: &Server, request: IncomingRequest| drop(request))
            .unwrap();
        let (sp_id, cse_id) = (SpId::new("//sp.example").unwrap(), CseId::new("/id-in").unwrap());
        let ca = EntityId::from_originator("Ca", &sp_id, &cse_id).unwrap();
        let certificate = PeerIdentity::new(Framework::Certificate, Principal::new("certificate")).only(vec![ca]);
        let judge = |extra: &str, identity: Option<&PeerIdentity>| {
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            server.0.judge(&server, &upgrade(extra), peer, identity.cloned().map(Arc::new))
        };
        let status = |judged: Result<Option<Arc<PeerIdentity>>, Rejection>| judged.unwrap_err().status();

        let known = judge("Authorization: Basic x\r\n", Some(&certificate)).unwrap();
        assert_eq!(known.as_deref(), Some(&certificate));
        assert_eq!(status(judge("Authorization: deny\r\n", Some(&certificate))), 403);
        assert!(judge("X-M2M-Origin: /id-in/Ca\r\n", Some(&certificate)).is_ok());
        assert_eq!(status(judge("X-M2M-Origin: Cb\r\n", Some(&certificate))), 403, "a hint for another one");
        let known = judge("Authorization: token\r\n", None).unwrap().unwrap();
        assert_eq!(*known, Principal::new("token").into());
        assert_eq!(judge("X-M2M-Origin: Cb\r\n", None).unwrap(), None);
        server.shutdown().await;
    }
}
