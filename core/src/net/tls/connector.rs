//! The client's end: TLS before the opening handshake, and whether it is the server that was meant.
//!
//! Covers: TS-0020 7, TS-0003 10.1, 10.2.1 (SNI); rows WS-7-1, WS-5.1-2. A TLS 1.3 handshake is over for a client before the server
//! has judged its certificate: whether that was accepted, the answer to the opening handshake tells. What it does not do: connect,
//! or handshakes, which a library does ([`super::rustls`], [`super::openssl`]).

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::material::invalid;
use super::settings::{Tls, TlsLibrary, Unnamed};
use super::shown::Credential;
pub(crate) use super::shown::Shown;
use super::who::Judged;
use super::{TlsStream, openssl, rustls};
use crate::binding::PeerIdentity;
use crate::{Error, ErrorKind, Result};

/// Makes TLS of a client's connections, by settings that can be read anew.
pub(crate) struct Connector {
    settings: Tls,
    name: ServerName<'static>,
    ready: RwLock<Arc<dyn ClientEnd>>,
}

/// What a library makes of the settings of a client.
pub(super) trait ClientEnd: Send + Sync {
    /// Makes TLS of a connection. The caller limits the time.
    ///
    /// # Errors
    /// `PeerNotTrusted`, `CredentialRefused`, `TlsFailed` or `Network`, and the text without the place.
    fn connect(self: Arc<Self>, stream: TcpStream) -> Connecting;

    /// Which server shows that now.
    ///
    /// # Errors
    /// Why it is none that is trusted.
    fn judge(&self, credential: &Credential) -> Judged<PeerIdentity>;
}

pub(super) type Connecting =
    Pin<Box<dyn Future<Output = std::result::Result<(TlsStream, Shown), (ErrorKind, String)>> + Send>>;

/// Reads what the settings name.
fn read(settings: &Tls, name: &ServerName<'static>) -> Result<Arc<dyn ClientEnd>> {
    let only_servers = [
        (!settings.peers.is_empty(), "peer"),
        (!settings.uri_schemes.is_empty(), "uri_scheme"),
        (settings.unnamed != Unnamed::default(), "unnamed"),
        (settings.anonymous_clients, "anonymous_clients"),
    ];
    if let Some((_, name)) = only_servers.iter().find(|(is_set, _)| *is_set) {
        return Err(invalid(format!("tls: {name} is for servers")));
    }
    Ok(match settings.needed_library() {
        TlsLibrary::Rustls => Arc::new(rustls::Client::new(settings, name)?),
        TlsLibrary::OpenSsl => openssl::client(settings, name)?,
    })
}

impl Connector {
    /// For the server that is called `host`, unless the settings call it otherwise.
    ///
    /// # Errors
    /// `InvalidArgument` if a file cannot be used, or the settings are not those of a client.
    pub(crate) fn new(settings: Tls, host: &str) -> Result<Self> {
        let name = settings.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name.clone())
            .map_err(|error| invalid(format!("tls: server name {name:?}: {error}")))?;
        let ready = RwLock::new(read(&settings, &name)?);
        Ok(Self { settings, name, ready })
    }

    /// Reads all files anew, for connections from now on.
    pub(crate) fn reload(&self) -> Result<()> {
        let ready = read(&self.settings, &self.name)?;
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = ready;
        Ok(())
    }

    fn ready(&self) -> Arc<dyn ClientEnd> {
        Arc::clone(&self.ready.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes TLS of a connection. The caller limits the time.
    ///
    /// # Errors
    /// `PeerNotTrusted`, `CredentialRefused`, `TlsFailed` or `Network`, and the text without the place.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
    ) -> std::result::Result<(TlsStream, Shown), (ErrorKind, String)> {
        self.ready().connect(stream).await
    }

    /// Whether what the server has shown is still good.
    ///
    /// # Errors
    /// `PeerNotTrusted`, and why.
    pub(crate) fn review(&self, shown: &Shown) -> Result<()> {
        match self.ready().judge(&shown.credential) {
            Ok(_) => Ok(()),
            Err(text) => Err(Error::new(ErrorKind::PeerNotTrusted, text)),
        }
    }
}

/// Neither an authority nor a key of a server is named.
pub(super) fn nobody_trusted() -> Error {
    invalid(
        "tls: no server would be trusted: name its authority (trust, ca) or its raw public key \
         (trust_key, trust_keys), or say trust_system",
    )
}
