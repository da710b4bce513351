//! The server's end: TLS before the opening handshake, and who the client is.
//!
//! Covers: TS-0020 7, TS-0003 8.2.1, 10.1; rows WS-7-1, WS-7-2. One port takes certificates and raw public keys: what a client offers
//! decides (RFC 7250 4.1). No session is resumed: a client that has lost its rights is not to come back by an old one. What it
//! does not do: open WebSocket connections, or close those whose credential has ended.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{
    Acceptor as FirstFlight, AlwaysResolvesServerRawPublicKeys, CertificateType, ClientHello, NoClientAuth,
    NoServerSessionStorage, ResolvesServerCert,
};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

use super::material::{Material, invalid};
use super::settings::Tls;
use super::stream::Quiet;
use super::verifier::{Clients, Keys, Verdict, unix_time};
use super::who::{Directory, Judged};
use super::{TlsStream, connector, failure, provider};
use crate::Result;
use crate::binding::PeerIdentity;
use crate::primitive::{CseId, SpId};

/// So long a client that is refused has to read why.
const FAREWELL: Duration = Duration::from_secs(1);
/// So much of what it still sends is read meanwhile.
const FAREWELL_BYTES: usize = 64 << 10;

/// Makes TLS of the connections of one listener, by settings that can be read anew.
pub(crate) struct Acceptor {
    settings: Tls,
    sp: SpId,
    cse: CseId,
    ready: RwLock<Arc<Ready>>,
}

/// What a client has shown, for as long as its connection lives.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) identity: Arc<PeerIdentity>,
    kind: Kind,
    /// A certificate with what was behind it, or a raw public key.
    chain: Box<[CertificateDer<'static>]>,
}

/// The settings, read.
struct Ready {
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

impl Acceptor {
    /// For the server of the CSE `cse` of the provider `sp`.
    ///
    /// # Errors
    /// `InvalidArgument` if a file cannot be used, or the settings are not those of a server.
    pub(crate) fn new(settings: Tls, sp: SpId, cse: CseId) -> Result<Self> {
        let ready = Ready::new(&settings, &sp, &cse)?;
        Ok(Self { settings, sp, cse, ready: RwLock::new(Arc::new(ready)) })
    }

    /// Reads all files anew. Whoever comes from now on is judged by what they say now; if they cannot be used, by what they said
    /// before.
    pub(crate) fn reload(&self) -> Result<()> {
        let ready = Arc::new(Ready::new(&self.settings, &self.sp, &self.cse)?);
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = ready;
        Ok(())
    }

    fn ready(&self) -> Arc<Ready> {
        Arc::clone(&self.ready.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes TLS of a connection until that time.
    ///
    /// # Errors
    /// Why there is no connection, in one line that is safe to log.
    pub(crate) async fn accept(&self, stream: TcpStream, until: Instant) -> Judged<(TlsStream, Option<Shown>)> {
        let ready = self.ready();
        let late = || "the peer did not finish the TLS handshake in time".to_owned();
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
        let (kind, config) = ready.config_for(&start.client_hello())?;
        let stream = match timeout_at(until, start.into_stream(config).into_fallible()).await {
            Err(_) => return Err(late()),
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                farewell(stream).await;
                return Err(in_words(&error));
            }
        };
        let shown = ready.shown(stream.get_ref().1, kind)?;
        Ok((TlsStream::Server(Box::new(stream)), shown))
    }

    /// Whether what a client has shown when it came is still good, and of the same.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn review(&self, shown: &Shown) -> Judged<()> {
        let identity = self.ready().judge(&shown.chain, shown.kind, Clients::judge)?;
        if identity == *shown.identity { Ok(()) } else { Err("its entities are others now".to_owned()) }
    }
}

/// An error of the handshake, safe to log.
fn in_words(error: &io::Error) -> String {
    match failure::told(error) {
        Some((_, text)) => text.escape_debug().to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer went away within the TLS handshake".to_owned()
        }
        None => error.to_string().escape_debug().to_string(),
    }
}

/// The alert is written: what the client still sends is read, since closing a socket with unread bytes resets the connection, and
/// may take the alert away (RFC 7230 6.6).
async fn farewell(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let drain = async {
        stream.shutdown().await?;
        let mut scrap = [0; 4096];
        let mut drained = 0;
        while drained < FAREWELL_BYTES {
            match stream.read(&mut scrap).await? {
                0 => break,
                count => drained += count,
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(FAREWELL, drain).await;
}

impl Ready {
    fn new(settings: &Tls, sp: &SpId, cse: &CseId) -> Result<Self> {
        if settings.server_name.is_some() {
            return Err(invalid("tls: server_name is for clients"));
        }
        if settings.trust_system {
            return Err(invalid("tls: trust_system is for clients: name the authorities of your entities with trust"));
        }
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
            return Err(invalid(
                "tls: no client could be authenticated (TS-0020 7): say with trust which authorities certify them, or with \
                 trust_key which keys they have; anonymous_clients does without",
            ));
        }
        let versions = connector::versions(settings)?;
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
        let identity = Arc::new(self.judge(chain, kind, Clients::verified)?);
        Ok(Some(Shown { identity, kind, chain: chain.into() }))
    }

    /// Who shows that now; certificates are judged in this `way`.
    fn judge(&self, chain: &[CertificateDer<'_>], kind: Kind, way: Way) -> Judged<PeerIdentity> {
        let (end, intermediates) = chain.split_first().ok_or("it showed nothing")?;
        let judged = match (kind, &self.certificates, &self.keys) {
            (Kind::Certificate, Some(clients), _) => way(clients, end, intermediates, unix_time(SystemTime::now())),
            (Kind::RawKey, _, Some(keys)) => keys.judge(end),
            _ => return Err("credentials of its kind are not taken any more".to_owned()),
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
