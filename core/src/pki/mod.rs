//! A small certification authority of one's own, **for development and tests only**.
//!
//! Covers: nothing of TS-0020. It makes the certificates that TS-0003 10.1.1 describes, so that wss can be tried and tested:
//! id-ecPublicKey secp256r1, ECDSA with SHA-256, keyUsage digitalSignature, and the name of an AE, a CSE, a node, a device or
//! a server in the subjectAltName. [`Authority`] issues and revokes, [`Subject`] is who a certificate is for, [`raw_key`] makes
//! a pair for the case without certificates (RFC 7250).
//!
//! What it does not do: guard its key (it is a file, and anybody who reads it may be anybody), take requests for signing
//! (PKCS #10), constrain the names below it (TS-0003 10.1.1.5 asks for that; rustls refuses every constraint on URIs), or answer
//! OCSP. Deployments have an authority that does. Keys are wiped from the memory that is ours; what `ring` keeps of them
//! while they are used is not.

mod authority;
mod key;
mod pem;
mod revocation;
mod store;
mod subject;

use std::time::{Duration, SystemTime};

pub use authority::{Authority, Issued, self_signed};
pub use key::{RawKey, raw_key};
use rcgen::SerialNumber;
pub use revocation::Serial;
pub use subject::Subject;
use time::OffsetDateTime;

use crate::{Error, ErrorKind, Result};

/// From when until when a certificate, or a list of revoked ones, is valid. To the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Validity {
    /// The longest time, in days: a hundred years.
    pub const MAX_DAYS: u32 = 36_500;

    /// So many days from now, 1 to [`MAX_DAYS`](Self::MAX_DAYS). It begins five minutes ago, for peers whose clock is late.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is no such number.
    pub fn days(days: u32) -> Result<Self> {
        if !(1..=Self::MAX_DAYS).contains(&days) {
            return Err(bad(format!("{days} days: a certificate is valid for 1 to {} days", Self::MAX_DAYS)));
        }
        let now = SystemTime::now();
        Self::between(now - Duration::from_secs(300), now + Duration::from_secs(u64::from(days) * 86_400))
    }

    /// Between two times, both of which may be past or to come.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it ends before it has begun, or is not between the years 1970 and 9999.
    pub fn between(not_before: SystemTime, not_after: SystemTime) -> Result<Self> {
        if not_after <= not_before {
            return Err(bad("the validity ends before it begins"));
        }
        let validity = Self { not_before, not_after };
        validity.begin().and(validity.end()).map(|_| validity)
    }

    /// When it begins.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    fn begin(&self) -> Result<OffsetDateTime> {
        date_time(self.not_before)
    }

    fn end(&self) -> Result<OffsetDateTime> {
        date_time(self.not_after)
    }
}

fn date_time(time: SystemTime) -> Result<OffsetDateTime> {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| bad("a validity lies between the years 1970 and 9999"))
}

/// Of 127 random bits and so never given twice, positive, and always 16 bytes long (RFC 5280 4.1.2.2).
fn new_serial() -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("no random bytes: {error}")))?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn bad(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, text)
}

/// What is wrong when it is neither the caller nor a file.
fn internal(error: rcgen::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("a certificate could not be made: {error}"))
}
