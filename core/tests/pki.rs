//! The authority for development and tests: what its certificates say, its files, and what it revokes.
//!
//! Covers: TS-0003 10.1.1 and 10.1.2, as far as they are about certificates. py/tests/test_pki.py has OpenSSL judge them.

#![cfg(feature = "pki")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use onem2m_ws::ErrorKind;
use onem2m_ws::binding::ni::{KeyDigest, Truncation};
use onem2m_ws::pki::{self, Authority, Issued, Subject, Validity};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("onem2m-ws-pki-{}-{name}", std::process::id()));
        _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn days(days: u32) -> Validity {
    Validity::days(days).unwrap()
}

fn authority() -> Authority {
    Authority::create("Test CA", days(10)).unwrap()
}

fn ae(id: &str) -> Subject {
    Subject::Ae(id.to_owned())
}

fn cse(name: &str) -> Subject {
    Subject::Cse(name.to_owned())
}

fn server(name: &str) -> Subject {
    Subject::Server(name.to_owned())
}

fn blocks(pem: &str) -> Vec<Pem> {
    Pem::iter_from_buffer(pem.as_bytes()).map(Result::unwrap).collect()
}

/// Looks at the first certificate of the text.
fn look<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    look(&blocks(pem)[0].parse_x509().unwrap())
}

fn is_signed_by(certificate: &Issued, authority: &Authority) -> bool {
    look(&authority.certificate_pem(), |above| {
        look(&certificate.certificate_pem, |certificate| certificate.verify_signature(Some(above.public_key())).is_ok())
    })
}

/// Names, then whether it is for clients and for servers.
fn said(issued: &Issued) -> (Vec<String>, bool, bool) {
    look(&issued.certificate_pem, |certificate| {
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        let shown = |name: &GeneralName<'_>| match name {
            GeneralName::URI(uri) => format!("URI:{uri}"),
            GeneralName::DNSName(name) => format!("DNS:{name}"),
            GeneralName::IPAddress(bytes) => format!("IP:{bytes:?}"),
            GeneralName::OtherName(kind, value) => format!("other:{kind}:{value:?}"),
            other => format!("{other:?}"),
        };
        let usage = certificate.extended_key_usage().unwrap().unwrap().value;
        (names.value.general_names.iter().map(shown).collect(), usage.client_auth, usage.server_auth)
    })
}

#[test]
fn certificates_have_the_profile_of_ts_0003_10_1_1() {
    let authority = authority();
    let issued = authority.issue(&[ae("//sp.example/Sae1")], days(1)).unwrap();
    assert!(is_signed_by(&issued, &authority));
    let both = [&issued.certificate_pem, &authority.certificate_pem()].map(|pem| {
        look(pem, |certificate| {
            let key = certificate.public_key();
            assert_eq!(key.algorithm.algorithm.to_id_string(), "1.2.840.10045.2.1", "id-ecPublicKey");
            let curve = key.algorithm.parameters.as_ref().unwrap().as_oid().unwrap();
            assert_eq!(curve.to_id_string(), "1.2.840.10045.3.1.7", "secp256r1");
            assert_eq!((key.subject_public_key.data[0], key.subject_public_key.data.len()), (4, 65), "uncompressed");
            let signature = certificate.signature_algorithm.algorithm.to_id_string();
            assert_eq!(signature, "1.2.840.10045.4.3.2", "ecdsa-with-SHA256");
            let usage = certificate.key_usage().unwrap().unwrap();
            assert!(usage.critical && usage.value.digital_signature());
            assert!(certificate.issuer().to_string().contains("For development and tests only"));
            let names: Vec<_> =
                certificate.subject().iter_common_name().map(|n| n.as_str().unwrap().to_owned()).collect();
            (certificate.is_ca(), usage.value.key_cert_sign(), usage.value.crl_sign(), names)
        })
    });
    assert_eq!(both[0], (false, false, false, vec!["AE-ID //sp.example/Sae1".to_owned()]));
    assert_eq!(both[1], (true, true, true, vec!["Test CA".to_owned()]));
}

#[test]
fn every_subject_has_its_name_and_its_usage() {
    let authority = authority();
    let node = || Subject::Node("urn:dev:mac:0024befffe804ff1".to_owned());
    let said = |subjects: &[Subject]| said(&authority.issue(subjects, days(1)).unwrap());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(said(&[ae("//sp.example/Sae1")]), (names(&["URI://sp.example/Sae1"]), true, false));
    assert_eq!(said(&[ae("//sp.example/cse/Cae1")]), (names(&["URI://sp.example/cse/Cae1"]), true, false));
    assert_eq!(said(&[cse("in-cse.sp.example")]), (names(&["DNS:in-cse.sp.example"]), true, true));
    assert_eq!(said(&[server("localhost")]), (names(&["DNS:localhost"]), false, true));
    assert_eq!(said(&[node()]), (names(&["URI:urn:dev:mac:0024befffe804ff1"]), true, false));
    let several = [cse("in-cse.sp.example"), server("127.0.0.1"), server("in-cse.sp.example"), server("::1")];
    let ipv6 = "IP:[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]";
    assert_eq!(said(&several), (names(&["DNS:in-cse.sp.example", "IP:[127, 0, 0, 1]", ipv6]), true, true));

    let device = Subject::Device { indication: "0.2.481.1".to_owned(), id: "100.3030.10011".to_owned() };
    // [0] { UTF8String "100.3030.10011" }
    let value = [&[0xa0, 16, 0x0c, 14], "100.3030.10011".as_bytes()].concat();
    assert_eq!(said(&[device]), (vec![format!("other:0.2.481.1:{value:?}")], true, false));
}

#[test]
fn a_name_that_is_too_long_for_a_common_name_stands_in_the_alternative_names_alone() {
    let id = format!("//sp.example/S{}", "x".repeat(80));
    let issued = authority().issue(&[ae(&id)], days(1)).unwrap();
    assert_eq!(said(&issued).0, [format!("URI:{id}")]);
    look(&issued.certificate_pem, |certificate| assert!(certificate.subject().iter_common_name().next().is_none()));
}

#[test]
fn what_is_no_subject_is_refused_with_the_reason() {
    let authority = authority();
    for (subjects, reason) in
        [(vec![], "names somebody"), (vec![ae("Sae1")], "not absolute"), (vec![server("*.example")], "wildcard")]
    {
        let error = authority.issue(&subjects, days(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(reason), "{error}");
    }
    for name in ["", "a\nb", &"x".repeat(65)] {
        assert_eq!(Authority::create(name, days(1)).unwrap_err().kind(), ErrorKind::InvalidArgument, "{name:?}");
    }
    assert!(Authority::create(&"x".repeat(64), days(1)).is_ok());
}

#[test]
fn a_validity_may_be_past_or_to_come_and_is_kept_to_the_second() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let authority = authority();
    for (from, to) in [(1_000_000_000, 1_000_000_001), (2_600_000_000, 2_700_000_000)] {
        let issued = authority.issue(&[server("localhost")], Validity::between(at(from), at(to)).unwrap()).unwrap();
        look(&issued.certificate_pem, |certificate| {
            let validity = certificate.validity();
            assert_eq!((validity.not_before.timestamp(), validity.not_after.timestamp()), (from as i64, to as i64));
            assert!(!validity.is_valid());
        });
    }
    let fresh = authority.issue(&[server("localhost")], days(1)).unwrap();
    look(&fresh.certificate_pem, |certificate| assert!(certificate.validity().is_valid()));

    assert!(Validity::between(at(5), at(5)).is_err());
    assert!(Validity::between(at(0), at(1)).is_ok());
    assert!(Validity::between(at(0) - Duration::from_secs(1), at(1)).is_err(), "before 1970");
    assert!(Validity::between(at(0), at(253_402_300_799)).is_ok());
    assert!(Validity::between(at(0), at(253_402_300_800)).is_err(), "the year 10000");
    for (number, ok) in [(0, false), (1, true), (36_500, true), (36_501, false)] {
        assert_eq!(Validity::days(number).is_ok(), ok, "{number}");
    }
}

#[test]
fn every_certificate_has_its_own_number_and_key() {
    let authority = authority();
    let issued: Vec<Issued> = (0..20).map(|_| authority.issue(&[server("localhost")], days(1)).unwrap()).collect();
    for (place, one) in issued.iter().enumerate() {
        assert_eq!(one.serial.as_bytes().len(), 16);
        assert_eq!(authority.serial_of(&one.certificate_pem).unwrap(), one.serial);
        look(&one.certificate_pem, |certificate| {
            assert_eq!(KeyDigest::of(certificate.public_key().raw, Truncation::Full), one.digest);
        });
        for other in &issued[..place] {
            assert!(one.serial != other.serial && one.digest != other.digest && one.key_pem != other.key_pem);
        }
    }
}

#[test]
fn an_authority_is_found_again_and_never_overwritten() {
    let folder = Folder::new("again");
    let mut saved = authority();
    saved.save(&folder.0).unwrap();
    assert_eq!(folder.names(), ["ca.key", "ca.pem"], "and nothing else");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(folder.path("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let loaded = Authority::load(&folder.0).unwrap();
    assert_eq!((loaded.name(), loaded.certificate_pem()), ("Test CA", saved.certificate_pem()));
    let issued = loaded.issue(&[ae("//sp.example/Sae1")], days(1)).unwrap();
    assert!(is_signed_by(&issued, &saved));
    assert_eq!(blocks(&issued.certificate_pem).len(), 1, "the root is not sent");

    let key = fs::read(folder.path("ca.key")).unwrap();
    let error = authority().save(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("not overwritten"), "{error}");
    fs::remove_file(folder.path("ca.pem")).unwrap();
    assert!(
        authority().save(&folder.0).unwrap_err().message().contains("ca.key"),
        "half of one is not overwritten either"
    );
    assert_eq!(fs::read(folder.path("ca.key")).unwrap(), key);
    assert_eq!(folder.names(), ["ca.key"], "and nothing is left behind");

    issued.save(&folder.0, "ae").unwrap();
    assert!(issued.save(&folder.0, "ae").unwrap_err().message().contains("not overwritten"));
    for name in ["", "..", ".hidden", "a/b", "a\nb", "a\\b"] {
        assert_eq!(issued.save(&folder.0, name).unwrap_err().kind(), ErrorKind::InvalidArgument, "{name:?}");
    }
    assert_eq!(folder.names(), ["ae.key", "ae.pem", "ca.key"]);
}

#[test]
fn what_is_no_authority_is_refused_with_the_file_and_the_reason() {
    let folder = Folder::new("damaged");
    let load = || Authority::load(&folder.0).unwrap_err();
    assert!(load().message().contains("no authority"), "{}", load());
    authority().save(&folder.0).unwrap();
    let (certificate, key) = (fs::read(folder.path("ca.pem")).unwrap(), fs::read(folder.path("ca.key")).unwrap());
    let entity = authority().issue(&[server("localhost")], days(1)).unwrap();
    let other = authority().certificate_pem();
    let cut = &key[..key.len() / 2];
    for (name, bytes, reason) in [
        ("ca.pem", b"".as_slice(), "no certificate"),
        ("ca.pem", &certificate[..certificate.len() / 2], "no certificate"),
        ("ca.pem", &key, "no certificate"),
        ("ca.pem", other.as_bytes(), "not the certificate of the key"),
        ("ca.pem", b"\xff", "UTF-8"),
        ("ca.key", b"", "private key"),
        ("ca.key", cut, "private key"),
        ("ca.key", entity.key_pem.as_bytes(), "not the certificate of the key"),
        ("revoked", b"0a1b", "line 1"),
        ("revoked", b"0a1b 1\nsomething 2\n", "line 2"),
    ] {
        fs::write(folder.path("ca.pem"), &certificate).unwrap();
        fs::write(folder.path("ca.key"), &key).unwrap();
        fs::write(folder.path("revoked"), "").unwrap();
        assert!(Authority::load(&folder.0).is_ok());
        fs::write(folder.path(name), bytes).unwrap();
        let error = load();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains(reason), "{name}: {error}");
        let secret = String::from_utf8_lossy(&key[40..60]).into_owned();
        assert!(!error.message().contains(&secret), "it shows the key");
    }
    entity.save(&folder.0, "entity").unwrap();
    fs::write(folder.path("revoked"), "").unwrap();
    fs::copy(folder.path("entity.pem"), folder.path("ca.pem")).unwrap();
    fs::copy(folder.path("entity.key"), folder.path("ca.key")).unwrap();
    assert!(load().message().contains("not the certificate of an authority"), "{}", load());
}

/// The numbers in a list, once its signature was checked.
fn listed(pem: &str, authority: &Authority) -> Vec<String> {
    let block = &blocks(pem)[0];
    assert_eq!(block.label, "X509 CRL");
    let list = CertificateRevocationList::from_der(&block.contents).unwrap().1;
    look(&authority.certificate_pem(), |above| {
        assert!(list.verify_signature(above.public_key()).is_ok());
        assert_eq!(list.issuer(), above.subject());
    });
    list.iter_revoked_certificates().map(|one| one.serial().to_str_radix(16)).collect()
}

#[test]
fn what_is_revoked_is_in_the_list_and_stays_revoked() {
    let folder = Folder::new("revoked");
    let mut authority = authority();
    let issued: Vec<Issued> = (0..3).map(|_| authority.issue(&[server("localhost")], days(1)).unwrap()).collect();
    assert_eq!(listed(&authority.crl_pem(days(1)).unwrap(), &authority), [""; 0]);
    assert!(authority.save_crl(days(1)).unwrap_err().message().contains("save it first"));

    // Before it is kept somewhere, and afterwards.
    assert!(authority.revoke(&issued[0].serial).unwrap());
    authority.save(&folder.0).unwrap();
    assert!(authority.revoke(&issued[1].serial).unwrap());
    assert!(!authority.revoke(&issued[1].serial).unwrap(), "it was already");
    let numbers = [&issued[0], &issued[1]].map(|issued| issued.serial.to_string());
    for authority in [&authority, &Authority::load(&folder.0).unwrap()] {
        assert_eq!(listed(&authority.crl_pem(days(1)).unwrap(), authority), numbers);
        assert!(authority.is_revoked(&issued[1].serial) && !authority.is_revoked(&issued[2].serial));
    }
    let path = authority.save_crl(days(1)).unwrap();
    assert!(authority.revoke(&issued[2].serial).unwrap());
    assert_eq!(authority.save_crl(days(1)).unwrap(), path, "it is replaced");
    assert_eq!(listed(&fs::read_to_string(&path).unwrap(), &authority).len(), 3);
    assert_eq!(folder.names(), ["ca.key", "ca.pem", "crl.pem", "revoked"]);
}

#[test]
fn two_that_revoke_at_once_both_succeed() {
    let folder = Folder::new("at-once");
    let mut one = authority();
    one.save(&folder.0).unwrap();
    let mut other = Authority::load(&folder.0).unwrap();
    let issued = [(); 2].map(|()| one.issue(&[server("localhost")], days(1)).unwrap());
    assert!(one.revoke(&issued[0].serial).unwrap() && other.revoke(&issued[1].serial).unwrap());
    let both = Authority::load(&folder.0).unwrap();
    assert!(issued.iter().all(|issued| both.is_revoked(&issued.serial)));
}

#[test]
fn only_ones_own_certificates_can_be_revoked() {
    let authority = authority();
    let other = Authority::create("Test CA", days(10)).unwrap();
    let issued = other.issue(&[server("localhost")], days(1)).unwrap();
    assert!(!is_signed_by(&issued, &authority), "of the same name, and another key");
    let alone = pki::self_signed(&[server("localhost")], days(1)).unwrap();
    for (text, reason) in [
        (issued.certificate_pem.as_str(), "not issued by"),
        (alone.certificate_pem.as_str(), "not issued by"),
        (issued.key_pem.as_str(), "no certificate"),
        ("", "no certificate"),
    ] {
        let error = authority.serial_of(text).unwrap_err();
        assert!(error.message().contains(reason), "{error}");
    }
}

#[test]
fn a_chain_comes_with_what_an_intermediate_issues() {
    let folder = Folder::new("chain");
    let root = authority();
    let mut middle = root.intermediate("Middle", days(5)).unwrap();
    middle.save(&folder.0).unwrap();
    let below = Authority::load(&folder.0).unwrap().intermediate("Below", days(5)).unwrap();
    for (authority, above, length) in [(&middle, &root, 2), (&below, &middle, 3)] {
        let issued = authority.issue(&[ae("//sp.example/Sae1")], days(1)).unwrap();
        assert!(is_signed_by(&issued, authority) && !is_signed_by(&issued, above));
        let chain = blocks(&issued.certificate_pem);
        assert_eq!(chain.len(), length);
        for pair in chain.windows(2) {
            let (lower, upper) = (pair[0].parse_x509().unwrap(), pair[1].parse_x509().unwrap());
            assert!(lower.verify_signature(Some(upper.public_key())).is_ok());
            assert!(upper.is_ca());
        }
        let last = chain[length - 1].parse_x509().unwrap();
        look(&root.certificate_pem(), |root| assert!(last.verify_signature(Some(root.public_key())).is_ok()));
    }
}

#[test]
fn one_that_signs_itself_is_vouched_for_by_nobody_else() {
    let alone = pki::self_signed(&[ae("//sp.example/Sae1")], days(1)).unwrap();
    assert_eq!(said(&alone).0, ["URI://sp.example/Sae1"]);
    look(&alone.certificate_pem, |certificate| {
        assert!(certificate.verify_signature(None).is_ok() && !certificate.is_ca());
    });
    assert!(!is_signed_by(&alone, &authority()));
}

#[test]
fn a_raw_key_is_named_by_its_digest() {
    let folder = Folder::new("raw");
    let key = pki::raw_key().unwrap();
    let public = &blocks(&key.public_key_pem)[0];
    assert_eq!((public.label.as_str(), public.contents.len()), ("PUBLIC KEY", 91));
    assert!(key.digest.matches(&public.contents));
    assert_ne!(pki::raw_key().unwrap().digest, key.digest);
    key.save(&folder.0, "device").unwrap();
    assert_eq!(folder.names(), ["device.key", "device.pub"]);
    assert!(key.save(&folder.0, "device").is_err());
    assert_eq!(fs::read_to_string(folder.path("device.key")).unwrap(), *key.key_pem);
}

#[test]
fn nothing_shows_a_key() {
    let authority = authority();
    let issued = authority.issue(&[server("localhost")], days(1)).unwrap();
    let raw = pki::raw_key().unwrap();
    for (shown, key) in [
        (format!("{authority:?}"), None),
        (format!("{issued:?}"), Some(&issued.key_pem)),
        (format!("{raw:?}"), Some(&raw.key_pem)),
    ] {
        assert!(shown.contains("key hidden") && !shown.contains("PRIVATE"), "{shown}");
        let line = key.map(|key| key.lines().nth(1).unwrap().to_owned());
        assert!(line.is_none_or(|line| line.len() == 64 && !shown.contains(&line)));
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new("file");
    fs::write(&folder.0, "").unwrap();
    let error = authority().save(Path::new(&folder.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("onem2m-ws-pki"), "{error}");
    _ = fs::remove_file(&folder.0);
}
