//! What went wrong in a TLS handshake, in words that help.
//!
//! Covers: row WS-7-1 (no association, no connection). What it does not do: decide.

use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

use crate::ErrorKind;

/// The error of rustls in one of the stream's.
fn of(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The kind and the text of an error of TLS; `None` if it is one of the network.
pub(crate) fn told(error: &io::Error) -> Option<(ErrorKind, String)> {
    of(error).map(in_words).or_else(|| super::openssl::told(error))
}

/// The kind and the text of an error of TLS.
pub(crate) fn in_words(error: &Error) -> (ErrorKind, String) {
    match error {
        Error::InvalidCertificate(why) => (ErrorKind::PeerNotTrusted, not_trusted(why)),
        Error::AlertReceived(alert) => alerted(*alert),
        Error::NoCertificatesPresented => {
            (ErrorKind::PeerNotTrusted, "the peer showed no certificate, and one is needed".to_owned())
        }
        Error::InvalidMessage(_) => (ErrorKind::TlsFailed, format!("the peer does not speak TLS ({error})")),
        error => (ErrorKind::TlsFailed, format!("TLS failed: {error}")),
    }
}

/// What a peer says by an alert.
pub(super) fn alerted(alert: AlertDescription) -> (ErrorKind, String) {
    if is_about_us(alert) {
        let text = format!("the peer does not accept the credential of this end: {}", words(alert));
        return (ErrorKind::CredentialRefused, text);
    }
    (ErrorKind::TlsFailed, format!("the peer ended TLS: {}", words(alert)))
}

/// What it may mean that a server ends the connection where its answer to the opening handshake should be: that of TLS 1.3 is over
/// for a client before its certificate was judged, and not every server says what it thinks of it.
pub(crate) fn cut() -> (ErrorKind, String) {
    let text = "the peer ended the connection without an answer; some servers do so that do not accept the certificate of this \
                end, or want one";
    (ErrorKind::TlsFailed, text.to_owned())
}

fn not_trusted(why: &CertificateError) -> String {
    use CertificateError::*;
    let hint = match why {
        // Our own words.
        Other(why) => return why.to_string(),
        UnknownIssuer => "nobody who is trusted here has issued it; trust the authority that did",
        Revoked => "it is revoked",
        UnknownRevocationStatus => {
            "whether it is revoked is not known: there is no list of its authority among the revoked ones"
        }
        ExpiredRevocationList | ExpiredRevocationListContext { .. } => {
            "whether it is revoked is not known: the list of its authority has expired; bring a new one"
        }
        InvalidPurpose | InvalidPurposeContext { .. } => "it is not for this end of TLS (extended key usage)",
        BadEncoding => "it is no X.509 certificate",
        NotValidForName | NotValidForNameContext { .. } => {
            return format!(
                "the peer's certificate is not accepted: {why}; connect by a name that it has, or set server_name"
            );
        }
        NotValidYet | NotValidYetContext { .. } => {
            return format!("the peer's certificate is not accepted: {why}; is the clock right?");
        }
        _ => return format!("the peer's certificate is not accepted: {why}"),
    };
    format!("the peer's certificate is not accepted: {hint}")
}

/// True for what a peer says of our certificate or key.
fn is_about_us(alert: AlertDescription) -> bool {
    use AlertDescription::*;
    matches!(
        alert,
        NoCertificate
            | BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateExpired
            | CertificateUnknown
            | UnknownCA
            | AccessDenied
            | DecryptError
            | UnknownPSKIdentity
            | CertificateRequired
    )
}

fn words(alert: AlertDescription) -> String {
    use AlertDescription::*;
    let hint = match alert {
        CertificateRequired => "it wants a certificate; set certificate and key",
        UnknownCA => "it does not trust the authority of the certificate, or does not know its state",
        CertificateExpired => "the certificate has expired, or is not valid yet",
        CertificateRevoked => "the certificate is revoked",
        CertificateUnknown => "it knows nobody with this certificate or key",
        HandshakeFailure => "there is no version, suite or kind of credential in common, or it wants a certificate",
        ProtocolVersion => "there is no version in common",
        _ => return format!("alert {alert:?}"),
    };
    format!("{hint} (alert {alert:?})")
}
