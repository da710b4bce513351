//! Certificates by OpenSSL: what this end has, and who is trusted.
//!
//! Covers: TS-0003 8.1.2, 10.1, 10.2.3; row WS-7-1. The rules for chains are OpenSSL's (RFC 5280), name constraints for URIs among
//! them. What it does not do: revocation by OCSP.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{SslContextBuilder, SslFiletype, SslRef};
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder, X509StoreRef};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509Ref, X509StoreContext, X509VerifyResult};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::{LEAST_SECURITY, address, failure, forget_errors, unusable};
use crate::net::tls::material::{self, invalid};
use crate::net::tls::settings::{Pem, Tls};
use crate::net::tls::who::Judged;
use crate::primitive::SpId;
use crate::{Error, Result};

/// Suites of TLS 1.2.
const SUITES: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:\
                      ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
/// The one that TS-0003 10.2.3 makes mandatory, after them.
const SUITES_TS0003: &str = ":ECDHE-ECDSA-AES128-SHA256";

pub(super) fn suites(settings: &Tls) -> String {
    format!("{SUITES}{}", if settings.ts0003_suites { SUITES_TS0003 } else { "" })
}

/// Refuses settings that OpenSSL cannot fulfil.
pub(super) fn check(settings: &Tls) -> Result<()> {
    if !settings.known_keys.is_empty() || (settings.key.is_some() && settings.certificate.is_none()) {
        return Err(invalid("tls: raw public keys are by rustls only: OpenSSL takes certificates or pre-shared keys"));
    }
    Ok(())
}

/// Shows the certificate of this end, if there is one; true if there is.
pub(super) fn show(context: &mut SslContextBuilder, settings: &Tls) -> Result<bool> {
    let (Some(chain), Some(key)) = (&settings.certificate, &settings.key) else { return Ok(false) };
    let (place, pem) = material::read_key_pem(key)?;
    // It is not encrypted; if it were, OpenSSL would ask at the terminal.
    let key = PKey::private_key_from_pem_callback(&pem, |_| Ok(0)).map_err(|_| material::unknown_key(&place))?;
    let (place, chain) = material::read_chain(chain)?;
    for (at, certificate) in chain.iter().enumerate() {
        let certificate = parse(&place, certificate)?;
        let shown = match at {
            0 => context.set_certificate(&certificate),
            _ => context.add_extra_chain_cert(certificate),
        };
        shown.map_err(|error| invalid(format!("{place}: {error}")))?;
    }
    context.set_private_key(&key).and_then(|()| context.check_private_key()).map_err(|_| material::mismatch(&place))?;
    Ok(true)
}

fn parse(place: &str, certificate: &CertificateDer<'_>) -> Result<X509> {
    X509::from_der(certificate).map_err(|error| invalid(format!("{place}: {error}")))
}

/// Authorities, each with the providers whose entities it may certify.
pub(super) struct Anchors(pub(super) Vec<(X509, Option<Vec<SpId>>)>);

impl Anchors {
    pub(super) fn read(settings: &Tls) -> Result<Self> {
        let mut all = Vec::new();
        for trusted in &settings.trusted {
            let providers = material::providers_of(trusted)?;
            let (place, certificates) = material::read_certificates(&trusted.anchors, "trust")?;
            for certificate in certificates {
                all.push((parse(&place, &certificate)?, providers.clone()));
            }
        }
        if settings.trust_system {
            let usable = |certificate: CertificateDer<'_>| Some((X509::from_der(&certificate).ok()?, None));
            all.extend(material::system_certificates()?.into_iter().filter_map(usable));
        }
        Ok(Self(all))
    }

    /// The providers whose entities this anchor may certify; all if it is `None`.
    pub(super) fn providers(&self, anchor: &X509Ref) -> Option<&[SpId]> {
        let same = |known: &X509Ref| known.to_der().ok().zip(anchor.to_der().ok()).is_some_and(|(a, b)| a == b);
        self.0.iter().find(|(known, _)| same(known)).and_then(|(_, providers)| providers.as_deref())
    }
}

/// Which peers are trusted: with certificates for `purpose`, below these anchors and no others, and of this name if there is one.
pub(super) fn store(
    anchors: &Anchors,
    settings: &Tls,
    purpose: X509PurposeId,
    name: Option<&ServerName<'_>>,
) -> Result<X509Store> {
    let has_lists = !settings.revoked.is_empty();
    let set_up = || -> std::result::Result<X509StoreBuilder, ErrorStack> {
        let mut param = X509VerifyParam::new()?;
        // An anchor need not be a root.
        param.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        if has_lists {
            param.set_flags(X509VerifyFlags::CRL_CHECK | X509VerifyFlags::CRL_CHECK_ALL)?;
        }
        param.set_purpose(purpose)?;
        param.set_auth_level(LEAST_SECURITY.cast_signed());
        if let Some(name) = name {
            param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS | X509CheckFlags::NEVER_CHECK_SUBJECT);
            match address(name) {
                Some(ip) => param.set_ip(ip)?,
                None => param.set_host(&name.to_str())?,
            }
        }
        let mut store = X509StoreBuilder::new()?;
        store.set_param(&param)?;
        for (anchor, _) in &anchors.0 {
            store.add_cert(anchor.clone())?;
        }
        Ok(store)
    };
    let mut store = set_up().map_err(unusable)?;
    for lists in &settings.revoked {
        add_lists(&mut store, lists)?;
    }
    Ok(store.build())
}

/// With this a list begins.
const LIST: &[u8] = b"BEGIN X509 CRL";

/// Adds lists of what is revoked. OpenSSL's binding reads them from a file only.
fn add_lists(store: &mut X509StoreBuilder, lists: &Pem) -> Result<()> {
    let (place, bytes) = material::read(lists, "revoked")?;
    if !bytes.windows(LIST.len()).any(|window| window == LIST) {
        return Err(material::no_list(&place));
    }
    let file = Scratch::with(&bytes).map_err(|error| invalid(format!("{place}: no copy for OpenSSL: {error}")))?;
    let wrong = |error: ErrorStack| invalid(format!("{place}: {error}"));
    // A path that is not UTF-8 is no path for that binding.
    let path =
        file.0.to_str().ok_or_else(|| invalid(format!("{place}: the folder for temporary files is not UTF-8")))?;
    store.add_lookup(X509Lookup::file()).map_err(wrong)?.load_crl_file(path, SslFiletype::PEM).map_err(wrong)?;
    forget_errors();
    Ok(())
}

/// A file that is there for a moment, for nobody else.
struct Scratch(PathBuf);

impl Scratch {
    fn with(bytes: &[u8]) -> std::io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let name = format!("onem2m-ws-{}.crl", data_encoding::HEXLOWER.encode(&random));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let scratch = Self(std::env::temp_dir().join(name));
        options.open(&scratch.0)?.write_all(bytes)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What a peer has shown: its certificate, and what was behind it.
pub(super) fn chain_of(ssl: &SslRef) -> Option<Box<[CertificateDer<'static>]>> {
    let der = |certificate: &X509Ref| certificate.to_der().ok().map(CertificateDer::from);
    let end = der(&*ssl.peer_certificate()?)?;
    // A client finds the end among them, a server does not.
    let others: Vec<_> =
        ssl.peer_cert_chain().into_iter().flatten().filter_map(der).filter(|one| *one != end).collect();
    Some(std::iter::once(end).chain(others).collect())
}

/// Judges a chain as the handshake did, now; its end and its anchor are handed to `then`.
pub(super) fn verify<T>(
    store: &X509StoreRef,
    chain: &[CertificateDer<'_>],
    then: impl FnOnce(&X509Ref) -> Judged<T>,
) -> Judged<T> {
    let judge = || -> std::result::Result<Judged<T>, ErrorStack> {
        let mut parsed = chain.iter().map(|certificate| X509::from_der(certificate));
        let Some(end) = parsed.next().transpose()? else { return Ok(Err("it showed nothing".to_owned())) };
        let mut others = Stack::new()?;
        for other in parsed {
            others.push(other?)?;
        }
        X509StoreContext::new()?.init(store, &end, &others, |context| {
            if !context.verify_cert()? {
                return Ok(Err(failure::not_trusted(context.error())));
            }
            let anchor = context.chain().and_then(|chain| chain.iter().last());
            Ok(anchor.map_or_else(|| Err("it has no anchor".to_owned()), then))
        })
    };
    let judged = judge().unwrap_or_else(|error| Err(format!("it cannot be verified: {error}")));
    forget_errors();
    judged
}

/// A result of which OpenSSL makes the alert `bad_certificate`, for a certificate that is good and names nobody: the only one that
/// the binding has a name for makes `handshake_failure`, which would say something else.
pub(super) fn names_nobody(end: &X509Ref) -> X509VerifyResult {
    match end.issued(end) {
        X509VerifyResult::OK => X509VerifyResult::APPLICATION_VERIFICATION,
        not_its_own_issuer => not_its_own_issuer,
    }
}

/// A server that could show nothing.
pub(super) fn no_credential() -> Error {
    invalid("tls: a server needs a certificate and its key, or pre-shared keys")
}
