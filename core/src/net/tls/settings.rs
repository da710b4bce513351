//! Settings of TLS, the same for both ends.
//!
//! Covers: TS-0020 7, TS-0003 8.1.2, 10.1; row WS-7-1. What it does not do: read files or check anything; a client or a server
//! does that when it is made, and when it is asked to do it again.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::material::invalid;
use super::psk::PreSharedKey;
use crate::Result;

/// PEM, in a file or in memory. What is in memory is erased when it is not needed any more, and shown nowhere.
#[derive(Clone)]
pub enum Pem {
    /// The file at this path. It is read when the client or server is made, and again when it is told to reload.
    File(PathBuf),
    /// These bytes.
    Bytes(Arc<Zeroizing<Vec<u8>>>),
}

impl Pem {
    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(path.into())
    }

    /// PEM in memory.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Arc::new(Zeroizing::new(bytes.into())))
    }

    /// True for PEM where the name of a file is expected, which may be a private key and is shown nowhere.
    pub(super) fn is_mistaken(&self) -> bool {
        matches!(self, Self::File(path) if path.to_string_lossy().contains("-----BEGIN "))
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) if self.is_mistaken() => write!(f, "File({} bytes of PEM)", path.as_os_str().len()),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Bytes(_) => f.write_str("Bytes(..)"),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for Pem {
    fn from(path: P) -> Self {
        Self::File(path.into())
    }
}

/// A version of TLS. Older ones than these are not spoken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), the version that TS-0003 10.2.1 names.
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// What TLS is done by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum TlsLibrary {
    /// rustls, which is always there: certificates and raw public keys, and suites that authenticate what they encrypt (AEAD) only.
    #[default]
    Rustls,
    /// The OpenSSL 3 of the system, in a build with the feature `openssl`: certificates and pre-shared keys, all suites of TS-0003,
    /// and certificates whose authority has name constraints for URIs.
    OpenSsl,
}

/// What becomes of a client whose certificate is trusted, but names no entity, and has none by [`Tls::peer`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Unnamed {
    /// It gets no connection (alert `access_denied`).
    #[default]
    Refuse,
    /// It speaks for what it registers: each entity belongs to the first certificate's key over whose connection it is
    /// registered, until it is deregistered.
    FirstCome,
}

/// Settings of TLS, for a client ([`ClientBuilder::tls`](crate::client::ClientBuilder::tls)) and for a server
/// ([`ServerBuilder::tls`](crate::server::ServerBuilder::tls)).
///
/// Each end has a certificate and its key, and trusts certificates of its own authorities and nobody else's: those of the
/// system are trusted only if that is said. An end without a certificate shows its public key alone (RFC 7250, TLS 1.3), and an
/// end without authorities trusts the public keys that it knows.
///
/// ```no_run
/// # async fn example() -> onem2m_ws::Result<()> {
/// use onem2m_ws::client::Client;
/// use onem2m_ws::tls::Tls;
///
/// let tls = Tls::new().certificate("sensor.pem", "sensor.key").trust("ca.pem");
/// let client = Client::builder("wss://in.sp.example").originator("Ssensor1").tls(tls).connect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Tls {
    pub(super) certificate: Option<Pem>,
    pub(super) key: Option<Pem>,
    pub(super) trusted: Vec<Trusted>,
    pub(super) trust_system: bool,
    pub(super) revoked: Vec<Pem>,
    pub(super) known_keys: Vec<String>,
    pub(super) peers: Vec<(String, Vec<String>)>,
    pub(super) uri_schemes: Vec<String>,
    pub(super) unnamed: Unnamed,
    pub(super) server_name: Option<String>,
    pub(super) anonymous_clients: bool,
    pub(super) least: Option<TlsVersion>,
    pub(super) most: Option<TlsVersion>,
    pub(super) pre_shared_keys: Vec<Arc<PreSharedKey>>,
    pub(super) pre_shared_key_files: Vec<Pem>,
    pub(super) ts0003_suites: bool,
    pub(super) library: TlsLibrary,
}

/// Authorities, and the service providers whose entities they may certify; all if it is none.
#[derive(Clone, Debug)]
pub(super) struct Trusted {
    pub(super) anchors: Pem,
    pub(super) providers: Option<Vec<String>>,
}

impl Tls {
    /// The defaults: TLS 1.3 and 1.2, no certificate, nobody trusted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The certificate of this end, with what stands between it and its authority behind it, and its private key (PKCS #8,
    /// SEC 1 or PKCS #1, not encrypted).
    pub fn certificate(mut self, chain: impl Into<Pem>, key: impl Into<Pem>) -> Self {
        self.certificate = Some(chain.into());
        self.key = Some(key.into());
        self
    }

    /// The private key of this end alone: peers know its public key (RFC 7250). TLS 1.3 only. A server with a certificate shows
    /// its public key to whoever asks for that, without this.
    pub fn raw_key(mut self, key: impl Into<Pem>) -> Self {
        self.certificate = None;
        self.key = Some(key.into());
        self
    }

    /// Trusts the certificates of these authorities. Can be called more than once.
    pub fn trust(mut self, authorities: impl Into<Pem>) -> Self {
        self.trusted.push(Trusted { anchors: authorities.into(), providers: None });
        self
    }

    /// Trusts the certificates of these authorities, for entities of these service providers (`sp.example`) only. It stands for
    /// the name constraints of TS-0003 8.1.2.2, which rustls does not take for URIs ([`TlsLibrary::OpenSsl`] does).
    pub fn trust_for<S: Into<String>>(
        mut self,
        authorities: impl Into<Pem>,
        providers: impl IntoIterator<Item = S>,
    ) -> Self {
        let providers = Some(providers.into_iter().map(Into::into).collect());
        self.trusted.push(Trusted { anchors: authorities.into(), providers });
        self
    }

    /// Trusts, as a client, the authorities of the system too. Off by default: anybody who has a name in the web could be the
    /// registrar then.
    pub fn trust_system(mut self, yes: bool) -> Self {
        self.trust_system = yes;
        self
    }

    /// Takes no certificate that these lists (CRL, RFC 5280 5) revoke. Where there is a list, there must be one of each authority
    /// on the way from a certificate to an anchor: a certificate of whose state nothing is known is refused. So it is when the list has
    /// expired: bring a new one in time, and reload.
    pub fn revoked(mut self, lists: impl Into<Pem>) -> Self {
        self.revoked.push(lists.into());
        self
    }

    /// Trusts the peer whose raw public key has this digest (RFC 6920): `ni:///sha-256;...`, `sha-256-128` or `sha-256-120`. Can
    /// be called more than once.
    pub fn trust_key(mut self, ni: impl Into<String>) -> Self {
        self.known_keys.push(ni.into());
        self
    }

    /// For a server: the entities that speak with a credential which does not name them itself (TS-0003 8.2.1). It is named as
    /// [`PeerIdentity::names`](crate::binding::PeerIdentity::names) shows it: `DNS:node7.sp.example`, `ID:...`,
    /// `ni:///sha-256;...`, `PSK:7f3a@mef.sp.example`. Entities are `Cname`, `Sname` or `/cse`, in any form. What is said here holds over the names in a
    /// certificate.
    pub fn peer<S: Into<String>>(
        mut self,
        credential: impl Into<String>,
        entities: impl IntoIterator<Item = S>,
    ) -> Self {
        self.peers.push((credential.into(), entities.into_iter().map(Into::into).collect()));
        self
    }

    /// For a server: takes an AE-ID in a certificate also behind this scheme, as `m2m://sp.example/Ssensor1` for `m2m`. By default
    /// it is the AE-ID alone: `//sp.example/Ssensor1` (TS-0003 8.1.2.5). That form no library takes below an authority with name
    /// constraints for URIs.
    pub fn uri_scheme(mut self, scheme: impl Into<String>) -> Self {
        self.uri_schemes.push(scheme.into());
        self
    }

    /// For a server: what becomes of a client whose certificate names no entity.
    pub fn unnamed(mut self, what: Unnamed) -> Self {
        self.unnamed = what;
        self
    }

    /// For a client: the name that the server's certificate must have, a domain name or an address, instead of the host of the
    /// point of access. It is sent in the handshake too (SNI).
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// For a server: takes clients without a credential too. Off by default, since TS-0020 7 asks for both ends to be
    /// authenticated: such a client is what one without TLS is.
    pub fn anonymous_clients(mut self, yes: bool) -> Self {
        self.anonymous_clients = yes;
        self
    }

    /// The oldest version that is spoken: TLS 1.2 by default.
    pub fn least_version(mut self, version: TlsVersion) -> Self {
        self.least = Some(version);
        self
    }

    /// The newest version that is spoken: TLS 1.3 by default.
    pub fn most_version(mut self, version: TlsVersion) -> Self {
        self.most = Some(version);
        self
    }

    /// A key that both ends have (TS-0003 8.2.2.1, KpsaID and Kpsa), instead of certificates. It is for one client and one server:
    /// never give two devices the same one. A client has one, a server can have one for each client. By OpenSSL, with TLS 1.3 and
    /// 1.2; without the feature `openssl` the client or server is refused when it is made.
    ///
    /// A client with it speaks for what [`peer`](Self::peer) says of `PSK:` and `id`; if nothing is said, each entity that it
    /// registers belongs to it, until it is deregistered.
    ///
    /// - `id`: `relative@issuer`, the latter a domain name; at most 128 bytes.
    /// - `key`: 16 to 64 bytes, of a random source.
    pub fn pre_shared_key(mut self, id: impl Into<String>, key: impl Into<Vec<u8>>) -> Self {
        self.pre_shared_keys.push(Arc::new(PreSharedKey::new(id.into(), key.into())));
        self
    }

    /// [Pre-shared keys](Self::pre_shared_key) of a file, which is read again when the client or server is told to reload. Each line
    /// has an identifier, a colon, and the key in hexadecimal digits; empty ones and those that begin with `#` are left out.
    pub fn pre_shared_keys(mut self, file: impl Into<Pem>) -> Self {
        self.pre_shared_key_files.push(file.into());
        self
    }

    /// Speaks, after all better ones, the suites too that TS-0003 10.2 makes mandatory for TLS 1.2:
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256` with certificates, `TLS_PSK_WITH_AES_128_CBC_SHA256` with pre-shared keys. Off by
    /// default: the latter has no forward secrecy, and both are safe with encrypt-then-MAC (RFC 7366) only, which a peer need not
    /// have. By OpenSSL.
    pub fn ts0003_suites(mut self, yes: bool) -> Self {
        self.ts0003_suites = yes;
        self
    }

    /// What TLS is done by: rustls by default, and OpenSSL in any case if there is a pre-shared key, or
    /// [`ts0003_suites`](Self::ts0003_suites). Without the feature `openssl` a client or server that needs it is refused when it is
    /// made.
    pub fn library(mut self, library: TlsLibrary) -> Self {
        self.library = library;
        self
    }

    pub(super) fn has_pre_shared_keys(&self) -> bool {
        !self.pre_shared_keys.is_empty() || !self.pre_shared_key_files.is_empty()
    }

    pub(super) fn needed_library(&self) -> TlsLibrary {
        if self.ts0003_suites || self.has_pre_shared_keys() { TlsLibrary::OpenSsl } else { self.library }
    }

    /// The oldest and the newest version that are spoken.
    ///
    /// # Errors
    /// `InvalidArgument` if there is none between them.
    pub(super) fn versions(&self) -> Result<(TlsVersion, TlsVersion)> {
        let (least, most) = (self.least.unwrap_or(TlsVersion::V1_2), self.most.unwrap_or(TlsVersion::V1_3));
        if least > most {
            return Err(invalid("tls: least_version is newer than most_version"));
        }
        Ok((least, most))
    }
}
