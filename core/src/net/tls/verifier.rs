//! Who is trusted: certificates by their authorities, raw public keys by their digests.
//!
//! Covers: TS-0003 8.1.2, 10.1; row WS-7-1. The rules for chains are webpki's (RFC 5280). What it does not do: revocation by OCSP.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::material::{Anchors, invalid};
use super::names;
use super::who::{Directory, of_key};
use crate::Result;
use crate::binding::ni::{KeyDigest, Truncation};
use crate::binding::{Framework, PeerIdentity, Principal};
use crate::primitive::SpId;

/// What rustls wants to know.
pub(super) type Verdict<T, E = Error> = std::result::Result<T, E>;

/// Why a credential is not taken, in our words; the peer gets the alert `certificate_unknown`.
#[derive(Debug)]
pub(super) struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

fn unknown(text: impl Into<String>) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Unknown(text.into())))))
}

/// What verifies the certificates of some authorities, and the providers whose entities they may certify; all if it is none.
type Group = (Arc<dyn ClientCertVerifier>, Option<Vec<SpId>>);

/// Clients with certificates, as a server sees them.
#[derive(Debug)]
pub(super) struct Clients {
    /// One after the other: an authority may be trusted for the entities of some providers only.
    groups: Vec<Group>,
    subjects: Vec<DistinguishedName>,
    directory: Arc<Directory>,
    is_mandatory: bool,
}

impl Clients {
    pub(super) fn new(
        anchors: &[Anchors],
        revoked: &[CertificateRevocationListDer<'static>],
        directory: Arc<Directory>,
        is_mandatory: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self> {
        let mut groups: Vec<Group> = Vec::new();
        let mut subjects = Vec::new();
        for Anchors { roots, providers } in anchors {
            subjects.extend(roots.subjects());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
                .with_crls(revoked.iter().cloned())
                .enforce_revocation_expiration()
                .build()
                .map_err(|error| invalid(format!("tls: {error}")))?;
            groups.push((verifier, providers.clone()));
        }
        Ok(Self { groups, subjects, directory, is_mandatory })
    }

    /// Whose certificate this is, at this time.
    pub(super) fn judge(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Verdict<PeerIdentity> {
        let mut why = None;
        for (verifier, providers) in &self.groups {
            match verifier.verify_client_cert(end, intermediates, now) {
                Ok(_) => return self.holder(end, providers.as_deref()),
                // What the right authority says of its own counts: the others do not know it.
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) if why.is_some() => {}
                Err(error) => why = Some(error),
            }
        }
        Err(why.unwrap_or(Error::InvalidCertificate(CertificateError::UnknownIssuer)))
    }

    /// Whose certificate this is, which a handshake has verified just now. To verify it again would cost a sixth of the handshake.
    pub(super) fn verified(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Verdict<PeerIdentity> {
        match &self.groups[..] {
            [(_, providers)] => self.holder(end, providers.as_deref()),
            // By which of them it was, only the signatures tell.
            _ => self.judge(end, intermediates, now),
        }
    }

    /// Who has this certificate, which an authority for entities of these `providers` vouches for.
    fn holder(&self, end: &CertificateDer<'_>, providers: Option<&[SpId]>) -> Verdict<PeerIdentity> {
        let names = names::of(end).map_err(unknown)?;
        self.directory.holder(&names, providers).map_err(unknown)
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Verdict<ClientCertVerified> {
        self.judge(end, intermediates, now).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        let (verifier, _) = self.groups.first().ok_or(Error::NoCertificatesPresented)?;
        verifier.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        let (verifier, _) = self.groups.first().ok_or(Error::NoCertificatesPresented)?;
        verifier.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.groups.first().map(|(verifier, _)| verifier.supported_verify_schemes()).unwrap_or_default()
    }
}

/// Peers with raw public keys, at either end (RFC 7250).
#[derive(Debug)]
pub(super) struct Keys {
    known: Vec<KeyDigest>,
    /// Whose they are; a client only asks whether they are known.
    directory: Option<Arc<Directory>>,
    is_mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl Keys {
    pub(super) fn new(
        known: &[String],
        directory: Option<Arc<Directory>>,
        is_mandatory: bool,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self> {
        let known = known.iter().map(|ni| ni.parse()).collect::<Result<_>>()?;
        Ok(Self { known, directory, is_mandatory, provider: Arc::clone(provider) })
    }

    /// Whose key this is.
    pub(super) fn judge(&self, public_key: &[u8]) -> Verdict<PeerIdentity> {
        let Some(key) = self.known.iter().find(|known| known.matches(public_key)) else {
            let shown = KeyDigest::of(public_key, Truncation::Full);
            return Err(unknown(format!(
                "the raw public key {shown} is not known here; say so if it should be (trust_key, trust_keys)"
            )));
        };
        Ok(self.directory.as_ref().map_or_else(|| of_key(key), |directory| directory.owner(key)))
    }

    fn verify(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.provider.signature_verification_algorithms)
    }
}

/// TLS 1.2 has no such keys in this library.
fn only_tls13() -> Error {
    Error::General("raw public keys are for TLS 1.3".to_owned())
}

impl ClientCertVerifier for Keys {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Verdict<ClientCertVerified> {
        self.judge(end).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        self.verify(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ServerCertVerifier for Keys {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Verdict<ServerCertVerified> {
        self.judge(end).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verdict<HandshakeSignatureValid> {
        self.verify(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A server with a certificate, as a client sees it.
pub(super) fn servers(
    anchors: &[Anchors],
    system: Option<RootCertStore>,
    revoked: &[CertificateRevocationListDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = system.unwrap_or_else(RootCertStore::empty);
    for group in anchors {
        roots.extend(group.roots.roots.iter().cloned());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(revoked.iter().cloned())
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| invalid(format!("tls: {error}")))
}

/// Which server it is, after its certificate was verified: the name that was asked for.
pub(super) fn server_identity(end: &CertificateDer<'_>, asked: &ServerName<'_>) -> Verdict<PeerIdentity, String> {
    let names = names::of(end)?;
    let principal = match asked {
        ServerName::IpAddress(ip) => format!("IP:{}", std::net::IpAddr::from(*ip)),
        name => format!("DNS:{}", name.to_str().to_ascii_lowercase()),
    };
    Ok(PeerIdentity::new(Framework::Certificate, Principal::new(principal))
        .named(names.all.iter().map(ToString::to_string).collect())
        .until(names.not_after))
}

/// The time that rustls and webpki count from.
pub(super) fn unix_time(at: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
