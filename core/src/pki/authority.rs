//! The authority: makes certificates, revokes them, and is kept in a folder.
//!
//! Covers: TS-0003 10.1.1.1 and 10.1.1.3 (curve, digest, key usage, chains).

use std::fmt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::key::Key;
use super::revocation::{self, Revoked, Serial};
use super::store::{self, Target};
use super::{Subject, Validity, bad, internal, new_serial, pem};
use crate::binding::ni::KeyDigest;
use crate::{Error, ErrorKind, Result};

const CERTIFICATE: &str = "CERTIFICATE";
/// In the name of everything that is made here.
const ORGANIZATION: &str = "For development and tests only";
/// The longest common name (RFC 5280 appendix A, ub-common-name).
const MAX_NAME: usize = 64;

/// A certification authority **for development and tests**. `Debug` shows its name alone.
///
/// ```
/// use onem2m_ws::pki::{Authority, Subject, Validity};
///
/// let authority = Authority::create("Our tests", Validity::days(30)?)?;
/// let sensor = authority.issue(&[Subject::Ae("//sp.example/Ssensor1".to_owned())], Validity::days(7)?)?;
/// assert!(sensor.certificate_pem.starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), onem2m_ws::Error>(())
/// ```
pub struct Authority {
    issuer: Issuer<'static, Key>,
    name: String,
    /// Its certificate and, if it is not a root, those between it and the root, in DER.
    certificates: Vec<Vec<u8>>,
    is_root: bool,
    revoked: Vec<Revoked>,
    /// Where it is kept, if it is.
    folder: Option<PathBuf>,
}

impl Authority {
    /// A new root. It is nowhere but in memory, until it is [saved](Self::save).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the name is not 1 to 64 characters without control characters.
    pub fn create(name: &str, validity: Validity) -> Result<Self> {
        let key = Key::generate()?;
        let params = authority_params(name, validity)?;
        let certificate = params.self_signed(&key).map_err(internal)?.der().to_vec();
        Ok(Self::new(name, params, key, vec![certificate], true))
    }

    /// A new authority below this one; what it issues comes with its certificate.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn intermediate(&self, name: &str, validity: Validity) -> Result<Self> {
        let key = Key::generate()?;
        let params = authority_params(name, validity)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(internal)?.der().to_vec();
        let above = self.certificates.iter().filter(|_| !self.is_root).cloned();
        let certificates = std::iter::once(certificate).chain(above).collect();
        Ok(Self::new(name, params, key, certificates, false))
    }

    fn new(name: &str, params: CertificateParams, key: Key, certificates: Vec<Vec<u8>>, is_root: bool) -> Self {
        let issuer = Issuer::new(params, key);
        Self { issuer, name: name.to_owned(), certificates, is_root, revoked: Vec::new(), folder: None }
    }

    /// Writes `ca.pem` and `ca.key` (mode 0600) into the folder, which is made if it is missing, and what is revoked into
    /// `revoked`. From then on it is kept there.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if there is an authority in the folder, or a file cannot be written.
    pub fn save(&mut self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        let (certificate, key) = (Target::new(folder, "ca", "pem")?, Target::new(folder, "ca", "key")?);
        store::create_both(&key, &self.issuer.key().pem(), &certificate, &self.certificate_pem())?;
        for revoked in &self.revoked {
            store::append(&folder.join("revoked"), &revoked.line())?;
        }
        self.folder = Some(folder.to_owned());
        Ok(())
    }

    /// The authority that was saved in the folder.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if there is none, or its files are damaged or do not belong together.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let read = |name: &str| {
            store::read(&folder.join(name))?.ok_or_else(|| {
                Error::new(ErrorKind::Storage, format!("there is no authority in {folder:?}: its {name} is missing"))
            })
        };
        let damaged =
            |name: &str, what: &str| Error::new(ErrorKind::Storage, format!("{:?}: {what}", folder.join(name)));
        let blocks = pem::decode(CERTIFICATE, &read("ca.pem")?).unwrap_or_default();
        let certificates: Vec<Vec<u8>> = blocks.iter().map(|block| block.to_vec()).collect();
        let key = Key::from_pem(&read("ca.key")?).map_err(|error| damaged("ca.key", error.message()))?;
        let parsed = certificates.first().and_then(|der| X509Certificate::from_der(der).ok());
        let Some((_, certificate)) = parsed else {
            return Err(damaged("ca.pem", "it has no certificate in PEM"));
        };
        if certificate.public_key().raw != key.public() {
            return Err(damaged("ca.pem", "it is not the certificate of the key in ca.key"));
        }
        if !certificate.is_ca() {
            return Err(damaged("ca.pem", "it is not the certificate of an authority"));
        }
        let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let name = name.unwrap_or_default().to_owned();
        let is_root = certificate.subject() == certificate.issuer();
        let revoked = store::read(&folder.join("revoked"))?.unwrap_or_default();
        let revoked = Revoked::read(&revoked).map_err(|line| {
            damaged("revoked", &format!("line {line} is no serial number and a time in seconds, or not complete"))
        })?;
        let issuer = Issuer::from_ca_cert_der(&certificates[0].as_slice().into(), key)
            .map_err(|error| damaged("ca.pem", &error.to_string()))?;
        Ok(Self { issuer, name, certificates, is_root, revoked, folder: Some(folder.to_owned()) })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its certificate in PEM, which those who are to trust it are given; behind it those up to the root, if it is not one.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        chain_pem(self.certificates.iter().map(Vec::as_slice))
    }

    /// Makes a key and a certificate for it that has all these names. Whether they are clients or servers follows from who
    /// they are ([`Subject`]).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if there is no name, or one is malformed.
    pub fn issue(&self, subjects: &[Subject], validity: Validity) -> Result<Issued> {
        let (params, serial) = entity_params(subjects, validity)?;
        let key = Key::generate()?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(internal)?;
        let above = self.certificates.iter().filter(|_| !self.is_root).map(Vec::as_slice);
        let chain = chain_pem(std::iter::once::<&[u8]>(certificate.der()).chain(above));
        Ok(Issued { certificate_pem: chain, key_pem: key.pem(), serial, digest: key.digest() })
    }

    /// The number of a certificate (in PEM, the first one) that this authority has issued.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is none, or another authority's.
    pub fn serial_of(&self, certificate_pem: &str) -> Result<Serial> {
        let blocks = pem::decode(CERTIFICATE, certificate_pem).unwrap_or_default();
        let parsed = blocks.first().and_then(|der| X509Certificate::from_der(der).ok());
        let Some((_, certificate)) = parsed else {
            return Err(bad("it is no certificate in PEM"));
        };
        let own = X509Certificate::from_der(&self.certificates[0]).map_err(|error| bad(error.to_string()))?.1;
        match certificate.verify_signature(Some(own.public_key())) {
            Ok(()) => Ok(Serial::new(&certificate.tbs_certificate.serial.to_bytes_be())),
            Err(_) => Err(bad(format!("the certificate was not issued by {:?}", self.name))),
        }
    }

    /// Revokes a certificate from now on, for good; false if it was revoked already. Peers learn it from the next
    /// [list](Self::crl_pem). An authority that is kept in a folder writes it down before this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written.
    pub fn revoke(&mut self, serial: &Serial) -> Result<bool> {
        if self.is_revoked(serial) {
            return Ok(false);
        }
        let revoked = Revoked::now(serial.clone());
        if let Some(folder) = &self.folder {
            store::append(&folder.join("revoked"), &revoked.line())?;
        }
        self.revoked.push(revoked);
        Ok(true)
    }

    /// Whether the certificate with this number was revoked.
    #[must_use]
    pub fn is_revoked(&self, serial: &Serial) -> bool {
        self.revoked.iter().any(|revoked| revoked.serial == *serial)
    }

    /// The list of what is revoked, in PEM (RFC 5280 5): made at the beginning of the validity, to be replaced before its end.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be signed.
    pub fn crl_pem(&self, validity: Validity) -> Result<String> {
        revocation::list(&self.revoked, validity, &self.issuer)
    }

    /// Writes the list into `crl.pem` of the folder in which the authority is kept, in the place of the one before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidState`] if it is kept nowhere, [`ErrorKind::Storage`] if it cannot be written.
    pub fn save_crl(&self, validity: Validity) -> Result<PathBuf> {
        let Some(folder) = &self.folder else {
            return Err(Error::new(ErrorKind::InvalidState, "the authority is kept in no folder yet: save it first"));
        };
        let path = folder.join("crl.pem");
        store::replace(&path, &self.crl_pem(validity)?)?;
        Ok(path)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?}, key hidden)", self.name)
    }
}

/// A certificate and its key. `Debug` shows no key.
#[derive(Clone)]
#[non_exhaustive]
pub struct Issued {
    /// The certificate in PEM, and behind it those of the authorities below the root.
    pub certificate_pem: String,
    /// Its private key: PKCS #8 in PEM.
    pub key_pem: Zeroizing<String>,
    /// Its number, by which it is revoked.
    pub serial: Serial,
    /// The name of its public key.
    pub digest: KeyDigest,
}

impl Issued {
    /// Writes `NAME.pem` and `NAME.key` (mode 0600) into the folder, which is made if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if one of the files is there, or cannot be written; [`ErrorKind::InvalidArgument`] if the name is no
    /// plain name of a file.
    pub fn save(&self, folder: impl AsRef<Path>, name: &str) -> Result<()> {
        let certificate = Target::new(folder.as_ref(), name, "pem")?;
        let key = Target::new(folder.as_ref(), name, "key")?;
        store::create_both(&key, &self.key_pem, &certificate, &self.certificate_pem)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({}, {}, key hidden)", self.serial, self.digest)
    }
}

/// A certificate that nobody but itself vouches for: for tests of what is to be refused.
///
/// # Errors
/// As [`Authority::issue`].
pub fn self_signed(subjects: &[Subject], validity: Validity) -> Result<Issued> {
    let (params, serial) = entity_params(subjects, validity)?;
    let key = Key::generate()?;
    let certificate = params.self_signed(&key).map_err(internal)?;
    let certificate_pem = chain_pem(std::iter::once::<&[u8]>(certificate.der()));
    Ok(Issued { certificate_pem, key_pem: key.pem(), serial, digest: key.digest() })
}

fn chain_pem<'a>(certificates: impl Iterator<Item = &'a [u8]>) -> String {
    certificates.map(|der| pem::encode(CERTIFICATE, der).to_string()).collect()
}

fn common_params(name: Option<&str>, validity: Validity) -> Result<CertificateParams> {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::OrganizationName, ORGANIZATION);
    if let Some(name) = name {
        distinguished_name.push(DnType::CommonName, name);
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name;
    (params.not_before, params.not_after) = (validity.begin()?, validity.end()?);
    params.serial_number = Some(new_serial()?);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn authority_params(name: &str, validity: Validity) -> Result<CertificateParams> {
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(bad(format!("{name:?} is no name for an authority: 1 to {MAX_NAME} characters that can be shown")));
    }
    let mut params = common_params(Some(name), validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn entity_params(subjects: &[Subject], validity: Validity) -> Result<(CertificateParams, Serial)> {
    let Some(first) = subjects.first() else {
        return Err(bad("a certificate names somebody: an AE, a CSE, a server, a node or a device"));
    };
    // One that is too long stands in the subjectAltName alone, which is what counts.
    let name = Some(first.shown()).filter(|name| name.chars().count() <= MAX_NAME);
    let mut params = common_params(name.as_deref(), validity)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for usage in [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth] {
        if subjects.iter().any(|subject| subject.usages().contains(&usage)) {
            params.insert_extended_key_usage(usage);
        }
    }
    for subject in subjects {
        let name = subject.alternative_name()?;
        if !params.subject_alt_names.contains(&name) {
            params.subject_alt_names.push(name);
        }
    }
    let serial = params.serial_number.as_ref().map(|serial| Serial::new(serial.as_ref()));
    Ok((params, serial.unwrap_or_else(|| Serial::new(&[]))))
}
