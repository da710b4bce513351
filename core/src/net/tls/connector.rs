//! The client's end: TLS before the opening handshake, and whether it is the server that was meant.
//!
//! Covers: TS-0020 7, TS-0003 10.1, 10.2.1 (SNI); rows WS-7-1, WS-5.1-2. A TLS 1.3 handshake is over for a client before the server
//! has judged its certificate: whether that was accepted, the answer to the opening handshake tells. What it does not do: connect.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::client::{
    AlwaysResolvesClientRawPublicKeys, ResolvesClientCert, Resumption, WebPkiServerVerifier,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::material::{Material, invalid};
use super::settings::{Tls, TlsVersion, Unnamed};
use super::stream::Quiet;
use super::verifier::{self, Keys, unix_time};
use super::{TlsStream, failure, provider};
use crate::binding::PeerIdentity;
use crate::{Error, ErrorKind, Result};

/// Makes TLS of a client's connections, by settings that can be read anew.
pub(crate) struct Connector {
    settings: Tls,
    name: ServerName<'static>,
    ready: RwLock<Arc<Ready>>,
}

/// The settings, read.
struct Ready {
    config: Arc<ClientConfig>,
    servers: Servers,
}

/// Which servers are trusted.
enum Servers {
    Certificates(Arc<WebPkiServerVerifier>),
    Keys(Arc<Keys>),
}

/// What the server has shown, for as long as the connection lives.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) identity: PeerIdentity,
    chain: Box<[CertificateDer<'static>]>,
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
        let ready = RwLock::new(Arc::new(Ready::new(&settings)?));
        Ok(Self { settings, name, ready })
    }

    /// Reads all files anew, for connections from now on.
    pub(crate) fn reload(&self) -> Result<()> {
        let ready = Arc::new(Ready::new(&self.settings)?);
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = ready;
        Ok(())
    }

    fn ready(&self) -> Arc<Ready> {
        Arc::clone(&self.ready.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes TLS of a connection. The caller limits the time.
    ///
    /// # Errors
    /// `PeerNotTrusted`, `CredentialRefused` or `TlsFailed`, and the text without the place.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
    ) -> std::result::Result<(TlsStream, Shown), (ErrorKind, String)> {
        let ready = self.ready();
        let connector = TlsConnector::from(Arc::clone(&ready.config));
        let stream = connector.connect(self.name.clone(), Quiet(stream)).await.map_err(|error| {
            failure::told(&error).unwrap_or_else(|| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    (ErrorKind::TlsFailed, "the peer ended the connection within the TLS handshake".to_owned())
                }
                _ => (ErrorKind::Network, error.to_string()),
            })
        })?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let identity = ready.judge(chain, &self.name).map_err(|text| (ErrorKind::PeerNotTrusted, text))?;
        let shown = Shown { identity, chain: chain.into() };
        Ok((TlsStream::Client(Box::new(stream)), shown))
    }

    /// Whether what the server has shown is still good.
    ///
    /// # Errors
    /// `PeerNotTrusted`, and why.
    pub(crate) fn review(&self, shown: &Shown) -> Result<()> {
        match self.ready().judge(&shown.chain, &self.name) {
            Ok(_) => Ok(()),
            Err(text) => Err(Error::new(ErrorKind::PeerNotTrusted, text)),
        }
    }
}

impl Ready {
    fn new(settings: &Tls) -> Result<Self> {
        let only_servers = [
            (!settings.peers.is_empty(), "peer"),
            (!settings.uri_schemes.is_empty(), "uri_scheme"),
            (settings.unnamed != Unnamed::default(), "unnamed"),
            (settings.anonymous_clients, "anonymous_clients"),
        ];
        if let Some((_, name)) = only_servers.iter().find(|(is_set, _)| *is_set) {
            return Err(invalid(format!("tls: {name} is for servers")));
        }
        let provider = provider();
        let material = Material::read(settings, &provider)?;
        let has_authorities = !material.anchors.is_empty() || settings.trust_system;
        let servers = match (has_authorities, settings.known_keys.is_empty()) {
            (true, true) => {
                let system = settings.trust_system.then(system_roots).transpose()?;
                Servers::Certificates(verifier::servers(&material.anchors, system, &material.revoked, &provider)?)
            }
            (false, false) => Servers::Keys(Arc::new(Keys::new(&settings.known_keys, None, true, &provider)?)),
            (true, false) => {
                return Err(invalid("tls: a client trusts its server's authority or its server's key, not both"));
            }
            (false, true) => {
                return Err(invalid(
                    "tls: no server would be trusted: name its authority with trust, its raw public key with trust_key, or \
                     say trust_system",
                ));
            }
        };
        let verifier: Arc<dyn ServerCertVerifier> = match &servers {
            Servers::Certificates(verifier) => Arc::clone(verifier) as _,
            Servers::Keys(keys) => Arc::clone(keys) as _,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions(settings)?)
            .map_err(|error| invalid(format!("tls: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match (material.certified, material.raw) {
            (Some(certified), _) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::clone(&certified))))
            }
            (None, Some(raw)) => builder.with_client_cert_resolver(raw_key(raw)),
            (None, None) => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), servers })
    }

    fn judge(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> std::result::Result<PeerIdentity, String> {
        let (end, intermediates) = chain.split_first().ok_or("the server showed nothing")?;
        let in_words = |error| failure::in_words(&error).1;
        match &self.servers {
            Servers::Keys(keys) => keys.judge(end).map_err(in_words),
            Servers::Certificates(verifier) => {
                verifier
                    .verify_server_cert(end, intermediates, name, &[], unix_time(SystemTime::now()))
                    .map_err(in_words)?;
                verifier::server_identity(end, name)
            }
        }
    }
}

fn raw_key(raw: Arc<CertifiedKey>) -> Arc<dyn ResolvesClientCert> {
    Arc::new(AlwaysResolvesClientRawPublicKeys::new(raw))
}

/// The authorities that the system trusts.
fn system_roots() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "certificates of the system that cannot be used");
    }
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "there is none".to_owned(), ToString::to_string);
        return Err(invalid(format!("tls: trust_system: the system's authorities cannot be read: {why}")));
    }
    Ok(roots)
}

static VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// The versions that are spoken.
pub(super) fn versions(settings: &Tls) -> Result<&'static [&'static SupportedProtocolVersion]> {
    let least = settings.least.unwrap_or(TlsVersion::V1_2);
    let most = settings.most.unwrap_or(TlsVersion::V1_3);
    match (least, most) {
        (TlsVersion::V1_2, TlsVersion::V1_3) => Ok(&VERSIONS),
        (TlsVersion::V1_3, TlsVersion::V1_3) => Ok(&VERSIONS[..1]),
        (TlsVersion::V1_2, TlsVersion::V1_2) => Ok(&VERSIONS[1..]),
        (TlsVersion::V1_3, TlsVersion::V1_2) => Err(invalid("tls: least_version is newer than most_version")),
    }
}
