//! What the files of the settings hold: certificates, the key, authorities, lists of what is revoked.
//!
//! Covers: row WS-7-1. What it does not do: watch the files; they are read anew when somebody asks for it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey};
use tokio_rustls::rustls::{RootCertStore, crypto::CryptoProvider};
use zeroize::{Zeroize, Zeroizing};

use super::names;
use super::settings::{Pem, Tls, Trusted};
use crate::primitive::SpId;
use crate::{Error, ErrorKind, Result};

/// A certificate of ours that ends sooner than this is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);
/// No file of certificates is larger.
const MOST_BYTES: u64 = 16 << 20;

/// What this end has, and whom it trusts.
pub(super) struct Material {
    /// The certificate with its key.
    pub(super) certified: Option<Arc<CertifiedKey>>,
    /// The key with its public key alone (RFC 7250).
    pub(super) raw: Option<Arc<CertifiedKey>>,
    pub(super) anchors: Vec<Anchors>,
    pub(super) revoked: Vec<CertificateRevocationListDer<'static>>,
}

/// Authorities that certify entities of these providers, or of all.
pub(super) struct Anchors {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) providers: Option<Vec<SpId>>,
}

pub(super) fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, text)
}

impl Material {
    /// Reads all that the settings name.
    ///
    /// # Errors
    /// `InvalidArgument`: what is wrong, in which file.
    pub(super) fn read(tls: &Tls, provider: &CryptoProvider) -> Result<Self> {
        let key = tls.key.as_ref().map(|pem| read_key(pem, provider)).transpose()?;
        let (mut certified, mut raw) = (None, None);
        if let Some(key) = key {
            if let Some(pem) = &tls.certificate {
                certified = Some(Arc::new(certify(pem, Arc::clone(&key))?));
            }
            if let Some(public) = key.public_key() {
                let public = CertificateDer::from(public.as_ref().to_vec());
                raw = Some(Arc::new(CertifiedKey::new(vec![public], key)));
            }
        }
        let mut anchors = Vec::new();
        for trusted in &tls.trusted {
            anchors
                .push(Anchors { roots: Arc::new(read_anchors(&trusted.anchors)?), providers: providers_of(trusted)? });
        }
        let mut revoked = Vec::new();
        for pem in &tls.revoked {
            revoked.extend(lists(pem)?);
        }
        Ok(Self { certified, raw, anchors, revoked })
    }
}

/// The providers whose entities these authorities may certify.
pub(super) fn providers_of(trusted: &Trusted) -> Result<Option<Vec<SpId>>> {
    let Some(names) = &trusted.providers else { return Ok(None) };
    let parse =
        |name: &String| SpId::new(name).map_err(|error| invalid(format!("tls: service provider {name:?}: {error}")));
    names.iter().map(parse).collect::<Result<_>>().map(Some)
}

/// Lists of what is revoked.
fn lists(pem: &Pem) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let (place, bytes) = read(pem, "revoked")?;
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| unreadable(&place, &error))?;
    if lists.is_empty() {
        return Err(no_list(&place));
    }
    Ok(lists)
}

pub(super) fn no_list(place: &str) -> Error {
    invalid(format!("{place} holds no list (BEGIN X509 CRL)"))
}

/// The certificates of the authorities that the system trusts.
pub(super) fn system_certificates() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found.errors.first().map_or_else(|| "there is none".to_owned(), ToString::to_string);
        return Err(invalid(format!("tls: trust_system: the system's authorities cannot be read: {why}")));
    }
    Ok(found.certs)
}

/// What a setting is called in an error, and the bytes.
pub(super) fn read(pem: &Pem, setting: &str) -> Result<(String, Zeroizing<Vec<u8>>)> {
    match pem {
        Pem::Bytes(bytes) => Ok((format!("tls: {setting}: the PEM in memory"), Zeroizing::new(bytes.to_vec()))),
        Pem::File(_) if pem.is_mistaken() => {
            Err(invalid(format!("tls: {setting}: this is PEM, and no name of a file; give PEM as bytes")))
        }
        Pem::File(path) => {
            let place = format!("tls: {setting}: {}", path.display());
            let wrong = |error: &dyn std::fmt::Display| invalid(format!("{place} cannot be read: {error}"));
            let length = fs::metadata(path).map_err(|error| wrong(&error))?.len();
            if length > MOST_BYTES {
                return Err(wrong(&format!("it is larger than {MOST_BYTES} bytes")));
            }
            let bytes = fs::read(path).map_err(|error| wrong(&error))?;
            Ok((place, Zeroizing::new(bytes)))
        }
    }
}

fn unreadable(place: &str, error: &pem::Error) -> Error {
    invalid(format!("{place} is no good PEM: {error}"))
}

/// What the private key is called in an error, and its PEM, which is not encrypted.
pub(super) fn read_key_pem(pem: &Pem) -> Result<(String, Zeroizing<Vec<u8>>)> {
    let (place, bytes) = read(pem, "key")?;
    if bytes.windows(9).any(|window| window == b"ENCRYPTED") {
        return Err(invalid(format!("{place} is encrypted; decrypt it first, as with openssl pkey")));
    }
    if let Pem::File(path) = pem {
        warn_if_open_to_others(path);
    }
    Ok((place, bytes))
}

fn read_key(pem: &Pem, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>> {
    let (place, bytes) = read_key_pem(pem)?;
    let mut key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => invalid(format!("{place} holds no private key (BEGIN PRIVATE KEY)")),
        error => unreadable(&place, &error),
    })?;
    let loaded = provider.key_provider.load_private_key(key.clone_key());
    key.zeroize();
    // The library's text could hold parts of the key.
    loaded.map_err(|_| unknown_key(&place))
}

pub(super) fn unknown_key(place: &str) -> Error {
    invalid(format!("{place} is a private key of a kind that is not known here: use P-256"))
}

#[cfg(unix)]
pub(super) fn warn_if_open_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(?path, mode = format!("{:o}", mode & 0o777), "others may read this key; chmod 600");
    }
}

#[cfg(not(unix))]
pub(super) fn warn_if_open_to_others(_path: &Path) {}

/// Certificates of a setting, at least one.
pub(super) fn read_certificates(pem: &Pem, setting: &str) -> Result<(String, Vec<CertificateDer<'static>>)> {
    let (place, bytes) = read(pem, setting)?;
    let all = certificates(&place, &bytes)?;
    Ok((place, all))
}

fn certificates(place: &str, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| unreadable(place, &error))?;
    if all.is_empty() {
        return Err(invalid(format!("{place} holds no certificate (BEGIN CERTIFICATE)")));
    }
    Ok(all)
}

/// The certificate of this end, and what is behind it.
pub(super) fn read_chain(pem: &Pem) -> Result<(String, Vec<CertificateDer<'static>>)> {
    let (place, chain) = read_certificates(pem, "certificate")?;
    let names = names::of(&chain[0]).map_err(|error| invalid(format!("{place}: {error}")))?;
    match names.not_after.duration_since(SystemTime::now()) {
        // Whoever has only this one can do nothing but try with it.
        Err(_) => tracing::error!("{place} has expired: peers will refuse it"),
        Ok(left) if left < SOON => tracing::warn!("{place} expires in {} days", left.as_secs() / (24 * 3600)),
        Ok(_) => {}
    }
    Ok((place, chain))
}

fn certify(pem: &Pem, key: Arc<dyn SigningKey>) -> Result<CertifiedKey> {
    let (place, chain) = read_chain(pem)?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|_| mismatch(&place))?;
    Ok(certified)
}

pub(super) fn mismatch(place: &str) -> Error {
    invalid(format!("{place} and the private key do not belong together"))
}

fn read_anchors(pem: &Pem) -> Result<RootCertStore> {
    let (place, certificates) = read_certificates(pem, "trust")?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| invalid(format!("{place}: {error}")))?;
    }
    Ok(roots)
}
