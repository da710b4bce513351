//! Certificates for both ends of TLS, P-256 throughout. The parent makes the key of one authority and hands it over in the
//! environment; each program makes of it what it needs.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::process::originator;

const AUTHORITY: &str = "BENCH_AUTHORITY";
pub(crate) const SERVER_NAME: &str = "localhost";

/// The key of an authority, for all programs.
pub(crate) fn hand_over(command: &mut std::process::Command) {
    static KEY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    command.env(AUTHORITY, KEY.get_or_init(|| key().serialize_pem()));
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// Who certifies everybody.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
    /// Of all that it certifies in this process.
    key: KeyPair,
}

/// A certificate with its key.
pub(crate) struct Credential {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn from_environment() -> Self {
        let its_key = KeyPair::from_pem(&std::env::var(AUTHORITY).unwrap()).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the authority of a benchmark");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&its_key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, its_key), key: key() }
    }

    fn certify(&self, name: SanType, usage: ExtendedKeyUsagePurpose) -> Credential {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&self.key, &self.issuer).unwrap().pem();
        Credential { certificate, key: self.key.serialize_pem() }
    }

    pub(crate) fn server(&self) -> Credential {
        self.certify(SanType::DnsName(SERVER_NAME.try_into().unwrap()), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// The certificate of an AE, with its AE-ID (TS-0003 10.1.1.3).
    fn originator(&self, number: usize) -> Credential {
        let name = format!("//sp.example/id-in/{}", originator(number));
        self.certify(SanType::URI(name.as_str().try_into().unwrap()), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        Arc::new(roots)
    }

    /// For the client with this number, which shows its certificate and resumes nothing.
    pub(crate) fn client_config(
        &self,
        number: usize,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let (chain, key) = self.originator(number).read();
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(chain, key)
            .unwrap();
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    /// For the plain server: it wants a certificate of each client, and as ours resumes nothing.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let (chain, key) = self.server().read();
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots(), provider()).build().unwrap();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }
}

impl Credential {
    fn read(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()];
        (chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
