//! The server's end: TLS before the opening handshake, and who the client is.
//!
//! Covers: TS-0020 7, TS-0003 8.2.1, 10.1; rows WS-7-1, WS-7-2. No session is resumed: a client that has lost its rights is not to
//! come back by an old one. What it does not do: handshakes, which a library does ([`super::rustls`], [`super::openssl`]), or open
//! WebSocket connections, or close those whose credential has ended.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::material::invalid;
use super::settings::{Tls, TlsLibrary};
use super::shown::Credential;
pub(crate) use super::shown::Shown;
use super::who::Judged;
use super::{TlsStream, openssl, rustls};
use crate::binding::PeerIdentity;
use crate::primitive::{CseId, SpId};
use crate::{Error, Result};

/// So much of what a client that is refused still sends is read.
const FAREWELL_BYTES: usize = 64 << 10;

/// Makes TLS of the connections of one listener, by settings that can be read anew.
pub(crate) struct Acceptor {
    settings: Tls,
    sp: SpId,
    cse: CseId,
    ready: RwLock<Arc<dyn ServerEnd>>,
}

/// What a library makes of the settings of a server.
pub(super) trait ServerEnd: Send + Sync {
    /// Makes TLS of a connection until that time.
    ///
    /// # Errors
    /// Why there is no connection, in one line that is safe to log.
    fn accept(self: Arc<Self>, stream: TcpStream, until: Instant) -> Accepting;

    /// Who shows that now.
    ///
    /// # Errors
    /// Why it is nobody.
    fn judge(&self, credential: &Credential) -> Judged<PeerIdentity>;
}

/// What a client has shown is `None` for one that need not show anything.
pub(super) type Accepting = Pin<Box<dyn Future<Output = Judged<(TlsStream, Option<Shown>)>> + Send>>;

/// Reads what the settings name.
fn read(settings: &Tls, sp: &SpId, cse: &CseId) -> Result<Arc<dyn ServerEnd>> {
    if settings.server_name.is_some() {
        return Err(invalid("tls: server_name is for clients"));
    }
    if settings.trust_system {
        return Err(invalid("tls: trust_system is for clients: name the authorities of your entities (trust, ca)"));
    }
    Ok(match settings.needed_library() {
        TlsLibrary::Rustls => Arc::new(rustls::Server::new(settings, sp, cse)?),
        TlsLibrary::OpenSsl => openssl::server(settings, sp, cse)?,
    })
}

impl Acceptor {
    /// For the server of the CSE `cse` of the provider `sp`.
    ///
    /// # Errors
    /// `InvalidArgument` if a file cannot be used, or the settings are not those of a server.
    pub(crate) fn new(settings: Tls, sp: SpId, cse: CseId) -> Result<Self> {
        let ready = RwLock::new(read(&settings, &sp, &cse)?);
        Ok(Self { settings, sp, cse, ready })
    }

    /// Reads all files anew. Whoever comes from now on is judged by what they say now; if they cannot be used, by what they said
    /// before.
    pub(crate) fn reload(&self) -> Result<()> {
        let ready = read(&self.settings, &self.sp, &self.cse)?;
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = ready;
        Ok(())
    }

    fn ready(&self) -> Arc<dyn ServerEnd> {
        Arc::clone(&self.ready.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes TLS of a connection until that time.
    ///
    /// # Errors
    /// Why there is no connection, in one line that is safe to log.
    pub(crate) async fn accept(&self, stream: TcpStream, until: Instant) -> Judged<(TlsStream, Option<Shown>)> {
        self.ready().accept(stream, until).await
    }

    /// Whether what a client has shown when it came is still good, and of the same.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn review(&self, shown: &Shown) -> Judged<()> {
        let identity = self.ready().judge(&shown.credential)?;
        if identity == *shown.identity { Ok(()) } else { Err("its entities are others now".to_owned()) }
    }
}

/// The alert is written, and is to be read.
pub(super) async fn farewell(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    crate::net::farewell::say(&mut stream, &[], FAREWELL_BYTES).await;
}

/// Why there is no connection, if its handshake took too long.
pub(super) fn late() -> String {
    "the peer did not finish the TLS handshake in time".to_owned()
}

/// Settings by which every client would be refused.
pub(super) fn no_client() -> Error {
    invalid(
        "tls: no client could be authenticated (TS-0020 7): say which authorities certify them (trust, ca), or \
         which raw public keys they have (trust_key, trust_keys); anonymous_clients does without",
    )
}
