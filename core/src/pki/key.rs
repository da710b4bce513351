//! Key pairs: those of authorities and certificates, and raw ones.
//!
//! Covers: TS-0003 10.1.1.1 (secp256r1, uncompressed point), 10.1.1.2 and 10.1.2 (raw public keys and their names).

use std::fmt;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::Zeroizing;

use super::store::Target;
use super::{bad, internal, pem};
use crate::Result;
use crate::binding::ni::{KeyDigest, Truncation};

const PRIVATE: &str = "PRIVATE KEY";

/// A key pair, wiped when it is dropped.
pub(super) struct Key(Zeroizing<KeyPair>);

impl Key {
    pub(super) fn generate() -> Result<Self> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(|pair| Self(Zeroizing::new(pair))).map_err(internal)
    }

    /// From PKCS #8 in PEM. The error does not show the text.
    pub(super) fn from_pem(text: &str) -> Result<Self> {
        let blocks = pem::decode(PRIVATE, text).unwrap_or_default();
        let [block] = blocks.as_slice() else {
            return Err(bad("it is not one private key in PEM (PKCS #8)"));
        };
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&block.as_slice().into(), &PKCS_ECDSA_P256_SHA256);
        pair.map(|pair| Self(Zeroizing::new(pair))).map_err(|_| bad("it is not a private key of the curve secp256r1"))
    }

    /// The private key, PKCS #8 in PEM.
    pub(super) fn pem(&self) -> Zeroizing<String> {
        pem::encode(PRIVATE, self.0.serialized_der())
    }

    /// The SubjectPublicKeyInfo in DER.
    pub(super) fn public(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    pub(super) fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.public(), Truncation::Full)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

/// A key pair for the case without certificates (RFC 7250), **for development and tests**. `Debug` shows no key.
#[derive(Clone)]
#[non_exhaustive]
pub struct RawKey {
    /// The private key: PKCS #8 in PEM.
    pub key_pem: Zeroizing<String>,
    /// The public key: its SubjectPublicKeyInfo in PEM.
    pub public_key_pem: String,
    /// The name by which a peer may know it.
    pub digest: KeyDigest,
}

impl RawKey {
    /// Writes `NAME.pub` and `NAME.key` (mode 0600) into the folder, which is made if it is missing.
    ///
    /// # Errors
    /// [`Storage`](crate::ErrorKind::Storage) if one of the files is there, or cannot be written.
    pub fn save(&self, folder: impl AsRef<std::path::Path>, name: &str) -> Result<()> {
        let public = Target::new(folder.as_ref(), name, "pub")?;
        let private = Target::new(folder.as_ref(), name, "key")?;
        super::store::create_both(&private, &self.key_pem, &public, &self.public_key_pem)
    }
}

impl fmt::Debug for RawKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawKey({}, key hidden)", self.digest)
    }
}

/// Makes a key pair of secp256r1.
///
/// # Errors
/// [`Internal`](crate::ErrorKind::Internal) if the system has no random bytes.
pub fn raw_key() -> Result<RawKey> {
    let key = Key::generate()?;
    let public_key_pem = pem::encode("PUBLIC KEY", &key.public()).to_string();
    Ok(RawKey { key_pem: key.pem(), public_key_pem, digest: key.digest() })
}
