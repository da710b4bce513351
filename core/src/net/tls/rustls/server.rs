//! The server's end by rustls.
//!
//! Covers: TS-0020 7, TS-0003 8.2.1, 10.1; rows WS-7-1, WS-7-2. One port takes certificates and raw public keys: what a client offers
//! decides (RFC 7250 4.1). What it does not do: judge credentials ([`verifier`](crate::net::tls::verifier) does).

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{
    Acceptor as FirstFlight, AlwaysResolvesServerRawPublicKeys, CertificateType, ClientHello, NoClientAuth,
    NoServerSessionStorage, ResolvesServerCert,
};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

use super::versions;
use crate::Result;
use crate::binding::PeerIdentity;
use crate::net::tls::acceptor::{Accepting, ServerEnd, farewell, late, no_client};
use crate::net::tls::material::{Material, invalid};
use crate::net::tls::settings::Tls;
use crate::net::tls::shown::{Credential, Shown};
use crate::net::tls::stream::Quiet;
use crate::net::tls::verifier::{Clients, Keys, Verdict, unix_time};
use crate::net::tls::who::{Directory, Judged};
use crate::net::tls::{TlsStream, failure, provider};
use crate::primitive::{CseId, SpId};
use crate::websocket::escape;

/// The settings, read.
pub(in crate::net::tls) struct Server {
    certificates: Option<Arc<Clients>>,
    keys: Option<Arc<Keys>>,
    /// For the kind of the client's credential, and then of the server's.
    configs: [[Option<Arc<ServerConfig>>; 2]; 2],
}

/// How certificates are judged: verified, or only read when that was done.
type Way = fn(&Clients, &CertificateDer<'_>, &[CertificateDer<'_>], UnixTime) -> Verdict<PeerIdentity>;

/// Which kind of credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Certificate = 0,
    RawKey = 1,
}

impl ServerEnd for Server {
    fn accept(self: Arc<Self>, stream: TcpStream, until: Instant) -> Accepting {
        Box::pin(async move { self.handshake(stream, until).await })
    }

    /// Who shows that now.
    fn judge(&self, credential: &Credential) -> Judged<PeerIdentity> {
        let (kind, chain) = match credential {
            Credential::Certificate(chain) => (Kind::Certificate, chain),
            Credential::RawKey(chain) => (Kind::RawKey, chain),
            Credential::PreSharedKey(_) => return Err(not_taken()),
        };
        self.judge_chain(chain, kind, Clients::judge)
    }
}

fn not_taken() -> String {
    "credentials of its kind are not taken any more".to_owned()
}

/// An error of the handshake, safe to log.
fn in_words(error: &io::Error) -> String {
    match failure::told(error) {
        Some((_, text)) => escape(&text),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer went away within the TLS handshake".to_owned()
        }
        None => escape(&error.to_string()),
    }
}

impl Server {
    pub(in crate::net::tls) fn new(settings: &Tls, sp: &SpId, cse: &CseId) -> Result<Self> {
        let provider = provider();
        let material = Material::read(settings, &provider)?;
        let directory = Arc::new(Directory::new(settings, sp, cse)?);
        let is_mandatory = !settings.anonymous_clients;
        let certificates = (!material.anchors.is_empty())
            .then(|| {
                let directory = Arc::clone(&directory);
                Clients::new(&material.anchors, &material.revoked, directory, is_mandatory, &provider)
            })
            .transpose()?
            .map(Arc::new);
        let keys = (!settings.known_keys.is_empty())
            .then(|| Keys::new(&settings.known_keys, Some(directory), is_mandatory, &provider))
            .transpose()?
            .map(Arc::new);
        if material.raw.is_none() {
            return Err(invalid("tls: a server needs a certificate and its key, or a raw_key"));
        }
        if certificates.is_none() && keys.is_none() && is_mandatory {
            return Err(no_client());
        }
        let versions = versions(settings)?;
        let certificate = material.certified.map(|certified| {
            Arc::new(SingleCertAndKey::from(CertifiedKey::clone(&certified))) as Arc<dyn ResolvesServerCert>
        });
        let raw = material
            .raw
            .map(|raw| Arc::new(AlwaysResolvesServerRawPublicKeys::new(raw)) as Arc<dyn ResolvesServerCert>);
        let config = |clients: Arc<dyn ClientCertVerifier>, ours: Arc<dyn ResolvesServerCert>| -> Result<_> {
            let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(versions)
                .map_err(|error| invalid(format!("tls: {error}")))?
                .with_client_cert_verifier(clients)
                .with_cert_resolver(ours);
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Ok(Arc::new(config))
        };
        let with_certificates: Option<Arc<dyn ClientCertVerifier>> = match &certificates {
            Some(clients) => Some(Arc::clone(clients) as _),
            // A client that could show a key may come without one, too.
            None if !is_mandatory => Some(Arc::new(NoClientAuth)),
            None => None,
        };
        let with_keys = keys.clone().map(|keys| keys as Arc<dyn ClientCertVerifier>);
        let both = |clients: Option<Arc<dyn ClientCertVerifier>>| -> Result<[Option<Arc<ServerConfig>>; 2]> {
            let make = |ours: &Option<Arc<dyn ResolvesServerCert>>| {
                clients.clone().zip(ours.clone()).map(|(clients, ours)| config(clients, ours)).transpose()
            };
            Ok([make(&certificate)?, make(&raw)?])
        };
        Ok(Self { configs: [both(with_certificates)?, both(with_keys)?], certificates, keys })
    }

    async fn handshake(&self, stream: TcpStream, until: Instant) -> Judged<(TlsStream, Option<Shown>)> {
        let mut acceptor = LazyConfigAcceptor::new(FirstFlight::default(), Quiet(stream));
        let start = match timeout_at(until, &mut acceptor).await {
            Err(_) => return Err(late()),
            Ok(Ok(start)) => start,
            Ok(Err(error)) => {
                if let Some(stream) = acceptor.take_io() {
                    farewell(stream).await;
                }
                return Err(in_words(&error));
            }
        };
        let (kind, config) = self.config_for(&start.client_hello())?;
        let stream = match timeout_at(until, start.into_stream(config).into_fallible()).await {
            Err(_) => return Err(late()),
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                farewell(stream).await;
                return Err(in_words(&error));
            }
        };
        let shown = self.shown(stream.get_ref().1, kind)?;
        Ok((TlsStream::Server(Box::new(stream)), shown))
    }

    /// The configuration for a client, by the kinds of credentials that it offers to show and to take, and the kind that it is to
    /// show.
    fn config_for(&self, hello: &ClientHello<'_>) -> Judged<(Kind, Arc<ServerConfig>)> {
        let (shows, takes) = (kinds(hello.client_cert_types()), kinds(hello.server_cert_types()));
        let all = [Kind::Certificate, Kind::RawKey];
        let offered = shows.iter().flat_map(|client| takes.iter().map(move |server| (*client, *server)));
        // Without one in common it gets the alert that fits by a configuration that does not.
        let any = all.into_iter().flat_map(|client| all.map(|server| (client, server)));
        offered
            .chain(any)
            .find_map(|(client, server)| {
                Some((client, Arc::clone(self.configs[client as usize][server as usize].as_ref()?)))
            })
            .ok_or_else(|| "there is no configuration".to_owned())
    }

    /// What the client has shown, if anything.
    fn shown(&self, connection: &ServerConnection, kind: Kind) -> Judged<Option<Shown>> {
        let Some(chain) = connection.peer_certificates() else { return Ok(None) };
        let identity = self.judge_chain(chain, kind, Clients::verified)?;
        let credential = match kind {
            Kind::Certificate => Credential::Certificate(chain.into()),
            Kind::RawKey => Credential::RawKey(chain.into()),
        };
        Ok(Some(Shown { identity: identity.into(), credential }))
    }

    /// Who shows that; certificates are judged in this `way`.
    fn judge_chain(&self, chain: &[CertificateDer<'_>], kind: Kind, way: Way) -> Judged<PeerIdentity> {
        let (end, intermediates) = chain.split_first().ok_or("it showed nothing")?;
        let judged = match (kind, &self.certificates, &self.keys) {
            (Kind::Certificate, Some(clients), _) => way(clients, end, intermediates, unix_time(SystemTime::now())),
            (Kind::RawKey, _, Some(keys)) => keys.judge(end),
            _ => return Err(not_taken()),
        };
        judged.map_err(|error| failure::in_words(&error).1)
    }
}

/// The kinds that a client offers, the one that it likes best first (RFC 7250 4.1: without the extension it is certificates).
fn kinds(offered: Option<&[CertificateType]>) -> Vec<Kind> {
    let Some(offered) = offered else { return vec![Kind::Certificate] };
    let known = offered.iter().filter_map(|kind| match kind {
        CertificateType::X509 => Some(Kind::Certificate),
        CertificateType::RawPublicKey => Some(Kind::RawKey),
        _ => None,
    });
    known.collect()
}
