//! A certification authority with everything that can be wrong, and both ends with its certificates.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use onem2m_ws::client::{Client, ClientBuilder};
use onem2m_ws::primitive::{Request, Response, StatusCode};
use onem2m_ws::server::{Server, ServerBuilder, ServerEvent};
use onem2m_ws::tls::{Pem, Tls, TlsVersion};
use onem2m_ws::{IncomingRequest, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) serial: u64,
}

/// When a certificate is good.
#[derive(Clone, Copy)]
pub(crate) enum Good {
    Now,
    /// It ends in so long.
    For(Duration),
    Before,
    Later,
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn params(names: Vec<SanType>, good: Good) -> CertificateParams {
    static SERIAL: AtomicUsize = AtomicUsize::new(1);
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    let (from, to) = match good {
        Good::Now => (now - DAY, now + DAY),
        Good::For(time) => (now - DAY, now + time),
        Good::Before => (now - 2 * DAY, now - DAY),
        Good::Later => (now + DAY, now + 2 * DAY),
    };
    params.not_before = from.into();
    params.not_after = to.into();
    params.serial_number = Some(SerialNumber::from(SERIAL.fetch_add(1, Ordering::Relaxed) as u64));
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn serial(params: &CertificateParams) -> u64 {
    params.serial_number.as_ref().unwrap().to_bytes().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(Vec::new(), Good::Now);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages = Vec::new();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issue(&self, names: Vec<SanType>, good: Good) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let params = params(names, good);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem(), serial: serial(&params) }
    }

    /// The list of what it has revoked.
    pub(crate) fn revoked(&self, serials: &[u64]) -> Pem {
        self.revoked_as_of(SystemTime::now(), serials)
    }

    /// The list of that day.
    pub(crate) fn revoked_as_of(&self, now: SystemTime, serials: &[u64]) -> Pem {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: (now - DAY).into(),
            next_update: (now + DAY).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Pem::bytes(list.signed_by(&self.issuer).unwrap().pem().unwrap())
    }
}

/// A certificate that nobody vouches for.
pub(crate) fn self_signed(names: Vec<SanType>) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let params = params(names, Good::Now);
    let certificate = params.self_signed(&key).unwrap().pem();
    Leaf { certificate, key: key.serialize_pem(), serial: serial(&params) }
}

/// A private key, and the digest of its public key.
pub(crate) fn raw_key() -> (Pem, String) {
    use onem2m_ws::binding::ni::{KeyDigest, Truncation};
    use rcgen::PublicKeyData;
    let key = KeyPair::generate().unwrap();
    let ni = KeyDigest::of(&key.subject_public_key_info(), Truncation::Full);
    (Pem::bytes(key.serialize_pem()), ni.to_string())
}

pub(crate) fn pem(text: &str) -> Pem {
    Pem::bytes(text)
}

/// Settings with that certificate.
pub(crate) fn with(leaf: &Leaf) -> Tls {
    Tls::new().certificate(pem(&leaf.certificate), pem(&leaf.key))
}

/// The two that trust each other, for most tests.
pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) server: Leaf,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("the authority");
        let server = authority.issue(vec![dns("localhost")], Good::Now);
        Self { authority, server }
    }

    pub(crate) fn trust(&self, tls: Tls) -> Tls {
        tls.trust(pem(&self.authority.pem))
    }

    pub(crate) fn server(&self) -> Tls {
        self.trust(with(&self.server))
    }

    /// The certificate of an AE.
    pub(crate) fn ae(&self, name: &str) -> Leaf {
        self.authority.issue(vec![uri(name)], Good::Now)
    }

    pub(crate) fn client(&self, leaf: &Leaf) -> Tls {
        self.trust(with(leaf))
    }
}

/// A client that is not ours, with that certificate: rustls by itself.
pub(crate) fn foreign_client(world: &World, leaf: &Leaf) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.authority.pem.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap(),
        )
        .unwrap()
}

/// A server that counts what reaches its handler, and keeps what it tells.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) requests: Arc<AtomicUsize>,
    pub(crate) events: Arc<Mutex<Vec<ServerEvent>>>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { requests: Arc::default(), events: Arc::default() }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Why the last one was refused.
    pub(crate) async fn refusal(&self) -> String {
        for _ in 0..500 {
            let events = self.events.lock().unwrap().clone();
            if let Some(ServerEvent::TlsRefused { why, .. }) = events.last() {
                return why.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        "nothing was told".to_owned()
    }
}

impl onem2m_ws::server::Handler for Seen {
    fn on_request(&self, _server: &Server, request: IncomingRequest) {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let created = request.request.resource_type.is_some();
        let response = if created { Response::new(StatusCode::CREATED) } else { Response::ok() };
        let _ = request.respond(response);
    }

    fn on_event(&self, _server: &Server, event: ServerEvent) {
        self.events.lock().unwrap().push(event);
    }
}

/// A server with these settings at a free port, and what it sees.
pub(crate) fn serve(tls: Tls) -> (Server, Seen) {
    serve_with(Server::builder().tls(tls))
}

pub(crate) fn serve_with(builder: ServerBuilder) -> (Server, Seen) {
    let seen = Seen::new();
    let builder = builder.listen("wss://127.0.0.1:0").identity("//sp.example", "/id-in");
    (builder.start(seen.clone()).unwrap(), seen)
}

pub(crate) fn at(server: &Server) -> ClientBuilder {
    let port = server.points_of_access()[0].port();
    Client::builder(format!("wss://localhost:{port}")).originator("Sae1").registered(true).stay_connected(false)
}

/// Connects, and sends one request.
pub(crate) async fn round(client: ClientBuilder) -> Result<(Client, Response)> {
    let client = client.request_timeout(PATIENCE).connect().await?;
    let response = client.send(register()).await?;
    Ok((client, response))
}

/// A registration, which passes every gate.
pub(crate) fn register() -> Request {
    use onem2m_ws::primitive::ResourceType;
    let ae = serde_json::json!({"m2m:ae": {"api": "Nx", "rr": true, "srv": ["4"]}});
    Request::create("cse-in", ResourceType::AE, ae).from("Sae1")
}
