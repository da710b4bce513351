//! What went wrong in a handshake by OpenSSL, in the words that rustls has for it.
//!
//! Covers: row WS-7-1 (no association, no connection). What it does not do: decide.

use std::io;

use openssl::ssl::{Error, ErrorCode, SslRef};
use openssl::x509::X509VerifyResult;
use tokio_rustls::rustls::AlertDescription;

use crate::ErrorKind;
use crate::net::tls::failure::alerted;

/// What OpenSSL calls its errors (sslerr.h), which it promises not to change.
pub(super) mod reason {
    pub(in super::super) const NO_SUITABLE_SIGNATURE_ALGORITHM: i32 = 118;
    pub(in super::super) const CERTIFICATE_VERIFY_FAILED: i32 = 134;
    pub(in super::super) const DIGEST_CHECK_FAILED: i32 = 149;
    pub(in super::super) const HTTP_REQUEST: i32 = 156;
    pub(in super::super) const NO_SHARED_CIPHER: i32 = 193;
    pub(in super::super) const PEER_DID_NOT_RETURN_A_CERTIFICATE: i32 = 199;
    pub(in super::super) const BINDER_DOES_NOT_VERIFY: i32 = 253;
    pub(in super::super) const UNSUPPORTED_PROTOCOL: i32 = 258;
    pub(in super::super) const WRONG_VERSION_NUMBER: i32 = 267;
    pub(in super::super) const DECRYPTION_FAILED_OR_BAD_RECORD_MAC: i32 = 281;
    pub(in super::super) const UNEXPECTED_EOF_WHILE_READING: i32 = 294;
    /// An alert from the peer is this and its number.
    pub(in super::super) const ALERT: i32 = 1000;
}

/// The library within OpenSSL that has these errors.
const ERR_LIB_SSL: i32 = 20;

/// The last error of TLS itself, by its number.
pub(super) fn reason_of(error: &Error) -> Option<i32> {
    let errors = error.ssl_error()?.errors();
    errors.iter().rev().find(|one| one.library_code() == ERR_LIB_SSL).map(|one| one.reason_code())
}

/// The alert that the peer has sent.
pub(super) fn alert_of(error: &Error) -> Option<AlertDescription> {
    let number = reason_of(error)?.checked_sub(reason::ALERT)?;
    u8::try_from(number).ok().map(AlertDescription::from)
}

/// The kind and the text of an error of TLS; `None` if it is one of the network.
pub(in crate::net::tls) fn told(error: &io::Error) -> Option<(ErrorKind, String)> {
    error.get_ref()?.downcast_ref().map(in_words)
}

/// The kind and the text of an error.
pub(super) fn in_words(error: &Error) -> (ErrorKind, String) {
    if let Some(alert) = alert_of(error) {
        return alerted(alert);
    }
    if let Some(error) = error.io_error() {
        return (ErrorKind::Network, error.to_string());
    }
    let tls = |text: &str| (ErrorKind::TlsFailed, text.to_owned());
    match reason_of(error) {
        Some(reason::UNEXPECTED_EOF_WHILE_READING) => tls("the peer ended the connection within TLS"),
        None if error.code() == ErrorCode::SYSCALL => tls("the peer ended the connection within TLS"),
        Some(reason::PEER_DID_NOT_RETURN_A_CERTIFICATE) => {
            (ErrorKind::PeerNotTrusted, "the peer showed no certificate, and one is needed".to_owned())
        }
        Some(reason::NO_SHARED_CIPHER) => tls("there is no suite in common, or no kind of credential"),
        Some(reason::UNSUPPORTED_PROTOCOL) => tls("there is no version in common"),
        Some(reason::WRONG_VERSION_NUMBER | reason::HTTP_REQUEST) => tls("the peer does not speak TLS"),
        _ => tls(&format!("TLS failed: {error}")),
    }
}

/// What is wrong with the peer's certificate, if that is what it is.
pub(super) fn of_certificate(error: &Error, ssl: &SslRef) -> Option<String> {
    (reason_of(error) == Some(reason::CERTIFICATE_VERIFY_FAILED)).then(|| not_trusted(ssl.verify_result()))
}

/// What is wrong with a certificate (x509_vfy.h).
pub(super) fn not_trusted(why: X509VerifyResult) -> String {
    let hint = match why.as_raw() {
        2 | 7 | 18..=21 => "; trust the authority that issued it",
        3 => "; there is no list of its authority among the revoked ones",
        9..=12 => "; is the clock right?",
        47 | 48 => "; its authority may not certify this name",
        53 => {
            "; below an authority with name constraints for URIs an AE-ID has a scheme, as m2m://sp.example/Ssensor1 \
             (uri_scheme)"
        }
        62 | 64 => "; connect by a name that it has, or set server_name",
        _ => "",
    };
    format!("the peer's certificate is not accepted: {}{hint}", why.error_string())
}

/// Whether it is what one with another key sees, when it is here that the keys are compared.
pub(super) fn is_other_key(error: &Error) -> bool {
    matches!(
        reason_of(error),
        Some(
            reason::DECRYPTION_FAILED_OR_BAD_RECORD_MAC | reason::BINDER_DOES_NOT_VERIFY | reason::DIGEST_CHECK_FAILED
        )
    )
}
