//! What an authority has revoked, and the list that says so (RFC 5280 5).
//!
//! Covers: nothing of TS-0020. The list is empty or has every certificate that was ever revoked: those that have ended by
//! themselves stay in it.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use data_encoding::HEXLOWER;
use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber, SigningKey,
};
use time::OffsetDateTime;

use super::{Validity, bad, internal, pem};
use crate::{Error, Result};

/// The number of a certificate, by which it is revoked. Shown and read as hexadecimal digits, with or without colons.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// From the bytes of the number, the largest first.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Self(bytes[zeros..].to_vec())
    }

    /// The bytes of the number, the largest first, without zeros before it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Serial {
    type Err = Error;

    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it is no number of 1 to 20 bytes (RFC 5280 4.1.2.2).
    fn from_str(text: &str) -> Result<Self> {
        let digits: String = text.chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect();
        let bytes = HEXLOWER.decode(digits.as_bytes()).unwrap_or_default();
        let serial = Self::new(&bytes);
        match (1..=20).contains(&serial.0.len()) {
            true => Ok(serial),
            false => Err(bad(format!("{text:?} is no serial number: 1 to 20 bytes as hexadecimal digits"))),
        }
    }
}

/// A revoked certificate: a line of the file `revoked`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Revoked {
    pub(super) serial: Serial,
    /// Seconds since 1970.
    at: i64,
}

impl Revoked {
    pub(super) fn now(serial: Serial) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { serial, at: i64::try_from(since.as_secs()).unwrap_or_default() }
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.serial, self.at)
    }

    /// Every line of the file; the number of the first that is none.
    pub(super) fn read(text: &str) -> std::result::Result<Vec<Self>, usize> {
        let line = |line: &str| {
            let (serial, at) = line.split_once(' ')?;
            let at = at.parse().ok().filter(|at| OffsetDateTime::from_unix_timestamp(*at).is_ok())?;
            Some(Self { serial: serial.parse().ok()?, at })
        };
        // One that was cut off would be another number.
        let whole = text.split_inclusive('\n').map(|line| line.strip_suffix('\n'));
        whole.enumerate().map(|(number, text)| text.and_then(line).ok_or(number + 1)).collect()
    }
}

/// The list in PEM, signed.
pub(super) fn list(revoked: &[Revoked], validity: Validity, issuer: &Issuer<'_, impl SigningKey>) -> Result<String> {
    let (this_update, next_update) = (validity.begin()?, validity.end()?);
    let entry = |revoked: &Revoked| RevokedCertParams {
        serial_number: SerialNumber::from_slice(&revoked.serial.0),
        revocation_time: OffsetDateTime::from_unix_timestamp(revoked.at).unwrap_or(this_update),
        reason_code: Some(RevocationReason::Unspecified),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update,
        next_update,
        crl_number: number(),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(issuer).map_err(internal)?;
    Ok(pem::encode("X509 CRL", list.der()).to_string())
}

/// Grows from list to list (RFC 5280 5.2.3) without being kept anywhere: microseconds.
fn number() -> SerialNumber {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX >> 1).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_has_one_form() {
        for text in ["0a1b2c", "0A:1B:2C", "000a1b2c"] {
            assert_eq!(text.parse::<Serial>().unwrap().to_string(), "0a1b2c");
        }
        assert!("ff".repeat(20).parse::<Serial>().is_ok());
        for text in ["", "00", "a", "xy", "0x1234", &"ff".repeat(21)] {
            assert!(text.parse::<Serial>().unwrap_err().message().contains("serial number"), "{text}");
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_damage_is_found() {
        let all = ["0a1b", "77"].map(|serial| Revoked::now(serial.parse().unwrap()));
        let text: String = all.iter().map(|revoked| revoked.line() + "\n").collect();
        assert_eq!(Revoked::read(&text).unwrap(), all);
        assert_eq!(Revoked::read("").unwrap(), []);
        assert_eq!(Revoked::read(text.trim_end()), Err(2), "the end of the last line is missing");
        assert_eq!(Revoked::read("0a1b 1\n\n"), Err(2));
        assert_eq!(Revoked::read("0a1b\n"), Err(1));
        assert_eq!(Revoked::read("0a1b 99999999999999\n"), Err(1), "no time");
    }
}
