//! The certificates of the C tests, in a folder whose path they find in the environment. Whose they are, `tests/c/tls.c` says.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use onem2m::binding::ni::{KeyDigest, Truncation};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData, RevokedCertParams, SanType, SerialNumber,
};

/// The name of the variable that has the path of the folder.
pub(crate) const VARIABLE: &str = "ONEM2M_WS_TEST_CERTIFICATES";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where they are made.
struct Maker {
    folder: PathBuf,
    last: u64,
}

type Authority = Issuer<'static, KeyPair>;

/// Makes all of them in this folder.
pub(crate) fn make(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut maker = Maker { folder: folder.to_owned(), last: 0 };
    let (authority, other) = (maker.authority("ca"), maker.authority("other-ca"));
    let local = || SanType::IpAddress([127, 0, 0, 1].into());
    let uri = |name: &str| vec![SanType::URI(name.try_into().unwrap())];
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let now = SystemTime::now();

    let registrar = maker.certificate("registrar", vec![local(), dns("localhost")], now + DAY, &authority);
    maker.certificate("elsewhere", vec![dns("elsewhere.example")], now + DAY, &authority);
    maker.certificate("gateway", vec![local(), dns("id-mn.id-in.onem2m-ws.example")], now + DAY, &authority);
    let one = maker.certificate("one", uri("//onem2m-ws.example/id-in/Cone"), now + DAY, &authority);
    maker.certificate("two", uri("//onem2m-ws.example/id-in/Ctwo"), now + DAY, &authority);
    maker.certificate("sensor", uri("//onem2m-ws.example/Ssensor"), now + DAY, &authority);
    maker.certificate("node", vec![dns("node7.sp.example")], now + DAY, &authority);
    maker.certificate("expired", uri("//onem2m-ws.example/id-in/Cone"), now - DAY, &authority);
    maker.certificate("stranger", uri("//onem2m-ws.example/id-in/Cone"), now + DAY, &other);
    maker.list("none", None, &authority);
    maker.list("one", Some(one), &authority);
    maker.list("registrar", Some(registrar), &authority);
}

impl Maker {
    fn write(&self, name: String, text: &str) {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    fn params(&mut self) -> CertificateParams {
        self.last += 1;
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(self.last));
        params.not_before = (SystemTime::now() - 10 * DAY).into();
        params.not_after = (SystemTime::now() + 10 * DAY).into();
        params.use_authority_key_identifier_extension = true;
        params
    }

    /// NAME.pem
    fn authority(&mut self, name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = self.params();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        self.write(format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        Issuer::new(params, key)
    }

    /// NAME.pem, NAME.key, and the digest of the public key as NAME.ni; returns its number.
    fn certificate(&mut self, name: &str, names: Vec<SanType>, until: SystemTime, authority: &Authority) -> u64 {
        let key = KeyPair::generate().unwrap();
        let mut params = self.params();
        params.subject_alt_names = names;
        params.not_after = until.into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        self.write(format!("{name}.pem"), &params.signed_by(&key, authority).unwrap().pem());
        self.write(format!("{name}.key"), &key.serialize_pem());
        let digest = KeyDigest::of(&key.subject_public_key_info(), Truncation::Full);
        self.write(format!("{name}.ni"), &digest.to_string());
        self.last
    }

    /// NAME.crl, which has this number or none.
    fn list(&self, name: &str, number: Option<u64>, authority: &Authority) {
        let now = SystemTime::now();
        let revoked = number.map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(number),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: (now - DAY).into(),
            next_update: (now + DAY).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write(format!("{name}.crl"), &list.signed_by(authority).unwrap().pem().unwrap());
    }
}
