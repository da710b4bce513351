//! The client's end by rustls.
//!
//! Covers: TS-0020 7, TS-0003 10.1, 10.2.1 (SNI); row WS-7-1. What it does not do: connect.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::client::{
    AlwaysResolvesClientRawPublicKeys, ResolvesClientCert, Resumption, WebPkiServerVerifier,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::versions;
use crate::binding::PeerIdentity;
use crate::net::tls::connector::{ClientEnd, Connecting, nobody_trusted};
use crate::net::tls::material::{Material, invalid, system_certificates};
use crate::net::tls::settings::Tls;
use crate::net::tls::shown::{Credential, Shown};
use crate::net::tls::stream::Quiet;
use crate::net::tls::verifier::{self, Keys, unix_time};
use crate::net::tls::who::Judged;
use crate::net::tls::{TlsStream, failure, provider};
use crate::{ErrorKind, Result};

/// The settings, read.
pub(in crate::net::tls) struct Client {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    servers: Servers,
}

/// Which servers are trusted.
enum Servers {
    Certificates(Arc<WebPkiServerVerifier>),
    Keys(Arc<Keys>),
}

impl ClientEnd for Client {
    fn connect(self: Arc<Self>, stream: TcpStream) -> Connecting {
        Box::pin(async move { self.handshake(stream).await })
    }

    fn judge(&self, credential: &Credential) -> Judged<PeerIdentity> {
        match credential {
            Credential::Certificate(chain) | Credential::RawKey(chain) => self.judge_chain(chain),
            Credential::PreSharedKey(_) => Err("credentials of its kind are not taken any more".to_owned()),
        }
    }
}

impl Client {
    pub(in crate::net::tls) fn new(settings: &Tls, name: &ServerName<'static>) -> Result<Self> {
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
            (false, true) => return Err(nobody_trusted()),
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
        Ok(Self { name: name.clone(), config: Arc::new(config), servers })
    }

    async fn handshake(&self, stream: TcpStream) -> std::result::Result<(TlsStream, Shown), (ErrorKind, String)> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), Quiet(stream)).await.map_err(|error| {
            failure::told(&error).unwrap_or_else(|| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => {
                    (ErrorKind::TlsFailed, "the peer ended the connection within the TLS handshake".to_owned())
                }
                _ => (ErrorKind::Network, error.to_string()),
            })
        })?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let identity = self.judge_chain(chain).map_err(|text| (ErrorKind::PeerNotTrusted, text))?;
        let credential = match self.servers {
            Servers::Certificates(_) => Credential::Certificate(chain.into()),
            Servers::Keys(_) => Credential::RawKey(chain.into()),
        };
        Ok((TlsStream::Client(Box::new(stream)), Shown { identity: identity.into(), credential }))
    }

    fn judge_chain(&self, chain: &[CertificateDer<'_>]) -> Judged<PeerIdentity> {
        let (end, intermediates) = chain.split_first().ok_or("the server showed nothing")?;
        let in_words = |error| failure::in_words(&error).1;
        match &self.servers {
            Servers::Keys(keys) => keys.judge(end).map_err(in_words),
            Servers::Certificates(verifier) => {
                verifier
                    .verify_server_cert(end, intermediates, &self.name, &[], unix_time(SystemTime::now()))
                    .map_err(in_words)?;
                verifier::server_identity(end, &self.name)
            }
        }
    }
}

fn raw_key(raw: Arc<CertifiedKey>) -> Arc<dyn ResolvesClientCert> {
    Arc::new(AlwaysResolvesClientRawPublicKeys::new(raw))
}

/// The authorities that the system trusts.
fn system_roots() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(system_certificates()?);
    if ignored > 0 {
        tracing::debug!(ignored, "certificates of the system that cannot be used");
    }
    Ok(roots)
}
