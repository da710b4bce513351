//! The names in a certificate.
//!
//! Covers: TS-0003 10.1.1 (where AE-ID, CSE-ID, node and device identifiers stand); row WS-7-2. What it does not do: trust them.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use x509_parser::der_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::der_parser::oid::Oid;
use x509_parser::prelude::{GeneralName, X509Certificate};

/// More names than any device has.
const MOST_NAMES: usize = 64;

/// What a certificate says of its holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Names {
    /// Its subjectAltNames, in their order.
    pub(super) all: Vec<Name>,
    pub(super) not_after: SystemTime,
    /// SubjectPublicKeyInfo, DER.
    pub(super) public_key: Vec<u8>,
}

/// A subjectAltName.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Name {
    Uri(String),
    Dns(String),
    Ip(IpAddr),
    /// A node's or a device's identifier (TS-0003 10.1.1.4, 10.1.1.8), after the identifier of its kind.
    Id(String),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uri(text) => write!(f, "URI:{text}"),
            Self::Dns(text) => write!(f, "DNS:{text}"),
            Self::Ip(ip) => write!(f, "IP:{ip}"),
            Self::Id(text) => write!(f, "ID:{text}"),
        }
    }
}

/// The names in a certificate.
///
/// # Errors
/// What is wrong with it.
pub(super) fn of(certificate: &[u8]) -> Result<Names, String> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| format!("it is no X.509 certificate: {error}"))?;
    let mut all = Vec::new();
    let alternative =
        parsed.subject_alternative_name().map_err(|error| format!("its names cannot be read: {error}"))?;
    for name in alternative.iter().flat_map(|extension| &extension.value.general_names) {
        let name = match name {
            GeneralName::URI(text) => Name::Uri((*text).to_owned()),
            GeneralName::DNSName(text) => Name::Dns(text.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(v4), _) => Name::Ip(v4.into()),
                (_, Ok(v6)) => Name::Ip(v6.into()),
                _ => return Err("it has an address that is none".to_owned()),
            },
            GeneralName::RegisteredID(id) => Name::Id(id.to_id_string()),
            GeneralName::OtherName(kind, value) => match identifier(value) {
                Some(value) => Name::Id(format!("{}={value}", kind.to_id_string())),
                None => continue,
            },
            _ => continue,
        };
        if all.len() == MOST_NAMES {
            return Err(format!("it has more than {MOST_NAMES} names"));
        }
        all.push(name);
    }
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Ok(Names { all, not_after, public_key: parsed.public_key().raw.to_vec() })
}

/// The value of an `otherName`: `[0] EXPLICIT` a text or an object identifier.
fn identifier(value: &[u8]) -> Option<String> {
    let (_, outer) = Any::from_der(value).ok()?;
    let inner = if outer.tag() == Tag(0) { Any::from_der(outer.data).ok()?.1 } else { outer };
    if inner.tag() == Tag::Oid {
        return Some(Oid::new(inner.data.into()).to_id_string());
    }
    let text = std::str::from_utf8(inner.data).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}
