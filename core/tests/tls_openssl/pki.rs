//! Authorities and certificates for the tests.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, CrlNumber, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509CrlBuilder, X509Extension, X509Name, X509RevokedBuilder};

const DAY: i64 = 24 * 3600;

pub(crate) fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed()
}

fn time(seconds: i64) -> Asn1Time {
    Asn1Time::from_unix(seconds).unwrap()
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn name(text: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
    name.build()
}

fn serial() -> Asn1Integer {
    let mut number = BigNum::new().unwrap();
    number.rand(120, MsbOption::MAYBE_ZERO, false).unwrap();
    number.to_asn1_integer().unwrap()
}

pub(crate) struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

pub(crate) struct Issued {
    certificate: X509,
    key: PKey<Private>,
}

/// What a certificate is for.
pub(crate) struct Leaf<'a> {
    /// As `URI:...` or `DNS:...`, apart by spaces; `IP:...`.
    pub(crate) names: &'a str,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) is_server: bool,
}

impl<'a> Leaf<'a> {
    pub(crate) fn client(names: &'a str) -> Self {
        Self { names, from: now() - DAY, until: now() + DAY, is_server: false }
    }

    pub(crate) fn server() -> Leaf<'static> {
        Leaf { is_server: true, ..Leaf::client("DNS:localhost IP:127.0.0.1") }
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::constrained(None)
    }

    /// With name constraints, as `critical,permitted;URI:sp.example`.
    #[allow(deprecated)] // the only way to an extension for which the binding has no builder
    pub(crate) fn constrained(constraints: Option<&str>) -> Self {
        let key = new_key();
        let own = name(&format!("authority {}", serial().to_bn().unwrap()));
        let mut builder = begin(&own, &own, &key, now() - DAY, now() + 30 * DAY);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()).unwrap();
        if let Some(constraints) = constraints {
            let context = builder.x509v3_context(None, None);
            let extension = X509Extension::new_nid(None, Some(&context), Nid::NAME_CONSTRAINTS, constraints).unwrap();
            builder.append_extension(extension).unwrap();
        }
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub(crate) fn issue(&self, leaf: &Leaf<'_>) -> Issued {
        let key = new_key();
        let mut builder = begin(self.certificate.subject_name(), &name("an end"), &key, leaf.from, leaf.until);
        builder.append_extension(KeyUsage::new().critical().digital_signature().build().unwrap()).unwrap();
        let mut usage = ExtendedKeyUsage::new();
        let usage = if leaf.is_server { usage.server_auth() } else { usage.client_auth() };
        builder.append_extension(usage.build().unwrap()).unwrap();
        if !leaf.names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for one in leaf.names.split(' ') {
                match one.split_once(':').unwrap() {
                    ("URI", text) => names.uri(text),
                    ("DNS", text) => names.dns(text),
                    ("IP", text) => names.ip(text),
                    (other, _) => panic!("{other}"),
                };
            }
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        Issued { certificate: builder.build(), key }
    }

    /// The list of what it has revoked, good until then.
    pub(crate) fn revoke(&self, revoked: &[&Issued], until: i64) -> Vec<u8> {
        let mut list = X509CrlBuilder::new().unwrap();
        list.set_issuer_name(self.certificate.subject_name()).unwrap();
        list.set_last_update(&time(now() - DAY)).unwrap();
        list.set_next_update(&time(until)).unwrap();
        let begun = X509::builder().unwrap();
        let context = begun.x509v3_context(Some(&self.certificate), None);
        list.append_extension(AuthorityKeyIdentifier::new().issuer(true).build(&context).unwrap()).unwrap();
        let number = CrlNumber::new(BigNum::from_u32(1).unwrap()).unwrap().build().unwrap();
        list.append_extension(number).unwrap();
        // The builder wants one at least.
        let nobody = serial();
        let serials = revoked.iter().map(|one| one.certificate.serial_number()).chain([&*nobody]);
        for serial in serials {
            let mut entry = X509RevokedBuilder::new().unwrap();
            entry.set_serial_number(serial).unwrap();
            entry.set_revocation_date(&time(now() - DAY)).unwrap();
            list.add_revoked(entry.build()).unwrap();
        }
        list.sign(&self.key, MessageDigest::sha256()).unwrap();
        list.build().unwrap().to_pem().unwrap()
    }
}

impl Issued {
    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub(crate) fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }
}

fn begin(
    issuer: &openssl::x509::X509NameRef,
    subject: &X509Name,
    key: &PKey<Private>,
    from: i64,
    until: i64,
) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial()).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&time(from)).unwrap();
    builder.set_not_after(&time(until)).unwrap();
    builder
}
