//! Whom a certificate is for, and how its name is written there.
//!
//! Covers: TS-0003 10.1.1.4 to 10.1.1.8 (what is in the subjectAltName, and that it has no wildcard); TS-0001 annex H.

use std::net::IpAddr;

use rcgen::string::Ia5String;
use rcgen::{ExtendedKeyUsagePurpose, SanType};

use super::bad;
use crate::Result;
use crate::primitive::{Address, AddressForm, AeIdStem, MAX_ID_LENGTH};

/// Whom a certificate is for. A certificate may name several: a CSE that is reached at an address of its own is
/// `[Cse(..), Server(..)]`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Subject {
    /// An AE, by its absolute AE-ID `//sp.example/Sae1` or `//sp.example/cse/Cae1`: the URI, exactly so (10.1.1.5). For clients.
    Ae(String),
    /// A CSE, by the public domain name that stands for its CSE-ID (TS-0001 6.5.1.1), as `in-cse.sp.example`: a DNS name
    /// (10.1.1.7). For clients and servers, since an MN-CSE is both.
    Cse(String),
    /// A server, by its domain name or IP address, for trying also `localhost` or `127.0.0.1` (10.1.1.6).
    Server(String),
    /// A node, by its M2M-Node-ID. TS-0003 10.1.1.8 does not say as what: a URI, such as `urn:dev:mac:0024befffe804ff1`. For
    /// clients.
    Node(String),
    /// A device, by its object identifier `0.2.481.1.100.3030.10011`, of which the first arcs are those that say "an M2M device"
    /// (`indication`, as `0.2.481.1`): an otherName of that type, whose value is the rest as a UTF8String (10.1.1.4, TS-0001
    /// annex H). For clients.
    Device {
        /// The M2M Device Indication ID (TS-0001 H.2.1): the higher arc.
        indication: String,
        /// Manufacturer, model, serial number and, for a device behind the device, a fourth number.
        id: String,
    },
    /// Any URI as it stands, not looked at: for tests of what is to be refused.
    AnyUri(String),
    /// Any DNS name as it stands, likewise.
    AnyDns(String),
}

impl Subject {
    /// The name as a person is told it, and as it stands in the common name: with its kind before it, so that nothing takes
    /// it for a host name.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Ae(id) => format!("AE-ID {id}"),
            Self::Cse(name) => format!("CSE-ID {name}"),
            Self::Server(name) => format!("server {name}"),
            Self::Node(id) => format!("Node-ID {id}"),
            Self::Device { indication, id } => format!("device {indication}.{id}"),
            Self::AnyUri(name) => format!("URI {name}"),
            Self::AnyDns(name) => format!("DNS {name}"),
        }
    }

    pub(super) fn usages(&self) -> &'static [ExtendedKeyUsagePurpose] {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        match self {
            Self::Ae(_) | Self::Node(_) | Self::Device { .. } => &[ClientAuth],
            Self::Server(_) => &[ServerAuth],
            Self::Cse(_) | Self::AnyUri(_) | Self::AnyDns(_) => &[ClientAuth, ServerAuth],
        }
    }

    /// As it stands in the certificate.
    pub(super) fn alternative_name(&self) -> Result<SanType> {
        match self {
            Self::Ae(id) => {
                check_ae_id(id)?;
                Ok(SanType::URI(ascii(id)?))
            }
            Self::Cse(name) => {
                if name.starts_with('/') {
                    return Err(bad(format!(
                        "CSE {name:?}: the certificate of a CSE has its public domain name, as in-cse.sp.example, not its CSE-ID"
                    )));
                }
                check_domain("CSE", name)?;
                Ok(SanType::DnsName(ascii(name)?))
            }
            Self::Server(name) => match name.parse::<IpAddr>() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => {
                    check_domain("server", name)?;
                    Ok(SanType::DnsName(ascii(name)?))
                }
            },
            Self::Node(id) => {
                check_node_id(id)?;
                Ok(SanType::URI(ascii(id)?))
            }
            Self::Device { indication, id } => {
                let kind = arcs(indication)?;
                let rest = arcs(id)?;
                if kind.len() < 2 || kind[0] > 2 || (kind[0] < 2 && kind[1] > 39) {
                    return Err(bad(format!(
                        "device {indication:?}: an object identifier begins with 0, 1 or 2 and, for 0 and 1, a number up to 39"
                    )));
                }
                if !(3..=4).contains(&rest.len()) {
                    return Err(bad(format!(
                        "device {id:?}: behind the arc that says \"an M2M device\" ({indication}) there are three or four \
                         numbers: manufacturer, model, serial number, and that of a device behind it"
                    )));
                }
                Ok(SanType::OtherName((kind, id.clone().into())))
            }
            Self::AnyUri(name) => Ok(SanType::URI(ascii(name)?)),
            Self::AnyDns(name) => Ok(SanType::DnsName(ascii(name)?)),
        }
    }
}

fn ascii(text: &str) -> Result<Ia5String> {
    Ia5String::try_from(text).map_err(|_| bad(format!("{text:?} has a character outside ASCII")))
}

fn no_wildcard(what: &str, text: &str) -> Result<()> {
    match text.contains('*') {
        true => Err(bad(format!("{what} {text:?}: a certificate has no wildcards (TS-0003 10.1.1)"))),
        false => Ok(()),
    }
}

fn check_ae_id(id: &str) -> Result<()> {
    no_wildcard("AE", id)?;
    let hint = "write the absolute AE-ID, //sp.example/Sae1 or //sp.example/cse/Cae1";
    let address = Address::parse(id).map_err(|error| bad(format!("AE {id:?}: {error}; {hint}")))?;
    if address.form() != AddressForm::Absolute {
        return Err(bad(format!("AE {id:?} is not absolute: {hint}")));
    }
    // S: of the provider. C: of the CSE that comes before it.
    let stem = id.rsplit('/').next().unwrap_or_default();
    let parts = id.split('/').count() - 2;
    let starts = |letter| parts == if letter == 'S' { 2 } else { 3 } && stem.starts_with(letter);
    match AeIdStem::new(stem).is_ok() && (starts('S') || starts('C')) {
        true => Ok(()),
        false => Err(bad(format!("AE {id:?} is no AE-ID: {hint}"))),
    }
}

/// RFC 1123 2.1: letters, digits and hyphens, and nothing that a peer may read in another way.
fn check_domain(what: &str, name: &str) -> Result<()> {
    no_wildcard(what, name)?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits belongs to an address (RFC 3696 2).
    let digits = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    match name.len() <= 253 && name.split('.').all(label) && !digits {
        true => Ok(()),
        false => Err(bad(format!(
            "{what} {name:?} is no domain name: letters, digits and - in parts of at most 63, with dots between them"
        ))),
    }
}

/// RFC 3986 2.2 and 2.3, so that it can be a URI.
fn check_node_id(id: &str) -> Result<()> {
    no_wildcard("node", id)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()+,;=%".contains(&byte);
    if id.is_empty() || id.len() > MAX_ID_LENGTH || !id.bytes().all(allowed) {
        return Err(bad(format!(
            "node {id:?}: a Node-ID here is 1 to {MAX_ID_LENGTH} characters that may stand in a URI"
        )));
    }
    match id.starts_with("//") {
        true => Err(bad(format!("node {id:?}: what begins with // is the absolute ID of an AE or a CSE"))),
        false => Ok(()),
    }
}

fn arcs(text: &str) -> Result<Vec<u64>> {
    // A leading zero would be a second way to write the same number.
    let arc = |part: &str| match part.len() > 1 && part.starts_with('0') || !part.bytes().all(|b| b.is_ascii_digit()) {
        true => None,
        false => part.parse::<u32>().ok().map(u64::from),
    };
    text.split('.').map(arc).collect::<Option<_>>().ok_or_else(|| {
        bad(format!("device {text:?} is no object identifier: numbers up to {} with dots between them", u32::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ae(id: &str) -> Subject {
        Subject::Ae(id.to_owned())
    }

    fn device(indication: &str, id: &str) -> Subject {
        Subject::Device { indication: indication.to_owned(), id: id.to_owned() }
    }

    #[test]
    fn names_stand_in_the_certificate_as_ts_0003_says() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
        for (subject, expected) in [
            (ae("//sp.example/Sae1"), uri("//sp.example/Sae1")),
            (ae("//sp.example/cse/Cae1"), uri("//sp.example/cse/Cae1")),
            (Subject::Cse("in-cse.sp.example".to_owned()), dns("in-cse.sp.example")),
            (Subject::Server("localhost".to_owned()), dns("localhost")),
            (Subject::Server("127.0.0.1".to_owned()), SanType::IpAddress([127, 0, 0, 1].into())),
            (Subject::Server("::1".to_owned()), SanType::IpAddress("::1".parse().unwrap())),
            (Subject::Node("urn:dev:mac:0024befffe804ff1".to_owned()), uri("urn:dev:mac:0024befffe804ff1")),
            (
                device("0.2.481.1", "100.3030.10011"),
                SanType::OtherName((vec![0, 2, 481, 1], "100.3030.10011".to_owned().into())),
            ),
        ] {
            assert_eq!(subject.alternative_name().unwrap(), expected, "{subject:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        let cse = |name: &str| Subject::Cse(name.to_owned());
        let server = |name: &str| Subject::Server(name.to_owned());
        let node = |id: &str| Subject::Node(id.to_owned());
        let long = format!("{}.{}", "a".repeat(64), "example");
        for (subject, reason) in [
            (ae("Sae1"), "not absolute"),
            (ae("/cse/Cae1"), "not absolute"),
            (ae(""), "absolute AE-ID"),
            (ae("//sp.example"), "AE-ID"),
            (ae("//sp.example/"), "AE-ID"),
            (ae("//sp.example/cse"), "no AE-ID"),
            (ae("//sp.example/Cae1"), "no AE-ID"),
            (ae("//sp.example/cse/Sae1"), "no AE-ID"),
            (ae("//sp.example/cse/Cae1/data"), "no AE-ID"),
            (ae("//*.example/Sae1"), "wildcard"),
            (ae("//sp.example/S*"), "wildcard"),
            (ae("m2m://sp.example/Sae1"), "AE-ID"),
            (ae("//sp.example/Sä"), "AE-ID"),
            (cse("/id-in"), "not its CSE-ID"),
            (cse("*.sp.example"), "wildcard"),
            (cse("in_cse.sp.example"), "no domain name"),
            (cse("in-cse.sp.example."), "no domain name"),
            (server(""), "no domain name"),
            (server("*"), "wildcard"),
            (server("127.0.0.300"), "no domain name"),
            (server("-a.example"), "no domain name"),
            (server(&long), "no domain name"),
            (server("a b"), "no domain name"),
            (server("[::1]"), "no domain name"),
            (node(""), "Node-ID"),
            (node("a b"), "Node-ID"),
            (node("urn:dev:*"), "wildcard"),
            (node("//sp.example/Sae1"), "begins with //"),
            (device("0.2.481.1", "100.3030"), "three or four"),
            (device("0.2.481.1", "1.2.3.4.5"), "three or four"),
            (device("3.1", "1.2.3"), "0, 1 or 2"),
            (device("0.40", "1.2.3"), "0, 1 or 2"),
            (device("1", "1.2.3"), "0, 1 or 2"),
            (device("0.2.481.1", "1.02.3"), "object identifier"),
            (device("0.2.481.1", "1..3"), "object identifier"),
            (device("0.2.481.1", "1.2.4294967296"), "object identifier"),
        ] {
            let error = subject.alternative_name().unwrap_err();
            assert!(error.message().contains(reason), "{subject:?}: {error}");
        }
    }

    #[test]
    fn tests_may_have_what_is_to_be_refused() {
        assert!(Subject::AnyDns("*.sp.example".to_owned()).alternative_name().is_ok());
        assert!(Subject::AnyUri("m2m://sp.example/S*".to_owned()).alternative_name().is_ok());
        assert!(Subject::AnyUri("ä".to_owned()).alternative_name().is_err());
    }
}
