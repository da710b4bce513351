//! The one table of errors: kind, number in C, class in Python.
//!
//! Every error of the library is an [`Error`]: its [`ErrorKind`] says what a program can do about it, its text says what
//! was wrong, where, and what to do. A response that is not 2xxx is a response, not an error.

use std::fmt;

use crate::codec::{ContentError, ConvertError, RegisterError};
use crate::primitive::Response;
use crate::websocket::handshake::Refusal;

/// Declares [`ErrorKind`] with its C code and Python class, so that the three languages cannot drift apart.
macro_rules! error_kinds {
    ($($(#[$doc:meta])+ $kind:ident = $code:literal, $python:literal;)+) => {
        /// What kind of error it is: one value per thing that a program may want to do about it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum ErrorKind {
            $($(#[$doc])+ $kind = $code,)+
        }

        impl ErrorKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)+];

            /// The result code of the C interface.
            #[must_use]
            pub const fn c_code(self) -> i32 {
                self as i32
            }

            /// The name of the exception class in Python.
            #[must_use]
            pub const fn python_class(self) -> &'static str {
                match self {
                    $(ErrorKind::$kind => $python,)+
                }
            }
        }
    };
}

error_kinds! {
    // -1 to -19: the caller
    /// An argument is out of range or malformed.
    InvalidArgument = -1, "ArgumentError";
    /// The call does not fit the state of the object.
    InvalidState = -2, "StateError";
    /// The object was closed.
    Closed = -3, "ClosedError";
    /// A request other than a registration before the registration succeeded (TS-0020 6.4), or to an entity that is
    /// not registered.
    NotRegistered = -4, "NotRegisteredError";
    /// The request was answered already, by the application or by its time-out.
    AlreadyResponded = -5, "AlreadyRespondedError";
    /// The call would wait for itself.
    WouldDeadlock = -6, "WouldDeadlockError";
    /// The handle was made before a `fork` and is used in the child.
    Forked = -7, "ForkError";
    /// The request identifier is already in use by a request that waits for its response (TS-0001 7.1.7).
    DuplicateRequestId = -8, "DuplicateRequestIdError";
    // -20 to -39: time and flow
    /// No response in time. Whether the request was carried out is not known.
    Timeout = -20, "RequestTimeoutError";
    /// A bounded queue is full; the request was not taken.
    QueueFull = -21, "QueueFullError";
    // -40 to -59: network
    /// There is no connection and none is to be opened.
    NotConnected = -40, "NotConnectedError";
    /// The host name could not be resolved.
    UnknownHost = -41, "UnknownHostError";
    /// Nobody listens at the address.
    ConnectionRefused = -42, "ConnectionRefusedError";
    /// The connection was not open in time: the peer accepts and stays silent, or does not answer at all.
    OpenTimeout = -43, "OpenTimeoutError";
    /// The connection broke while the request waited. Whether it was carried out is not known.
    ConnectionLost = -44, "ConnectionLostError";
    /// Another error of the operating system's network.
    Network = -45, "NetworkError";
    /// The peer does not speak TLS, or no version and suite of it that is allowed here; or it broke off.
    TlsFailed = -46, "TlsError";
    // -60 to -79: protocol
    /// The server answered the opening handshake with another status than 101; [`Error::refusal`] has its answer.
    HandshakeRefused = -60, "HandshakeRefusedError";
    /// The peer does not speak WebSocket.
    NotWebSocket = -61, "NotWebSocketError";
    /// Client and server have no subprotocol, and so no serialization, in common (TS-0020 6.2.3.5).
    NoCommonSubprotocol = -62, "SubprotocolError";
    /// The peer broke RFC 6455.
    ProtocolViolation = -63, "ProtocolError";
    /// A message is larger than a limit allows.
    MessageTooBig = -64, "MessageTooBigError";
    /// Bytes are not a primitive, or content is not what was asked for.
    Decode = -65, "DecodeError";
    /// A primitive cannot be written in the connection's format.
    Encode = -66, "EncodeError";
    /// The proxy wants credentials, or does not accept those that it got (407, or 401); [`Error::refusal`] has its answer.
    ProxyAuthenticationRequired = -67, "ProxyAuthenticationError";
    /// The proxy opened no tunnel to the server; [`Error::refusal`] has its answer.
    ProxyRefused = -68, "ProxyRefusedError";
    /// What listens at the proxy's address does not answer as an HTTP proxy does.
    NotProxy = -69, "NotProxyError";
    /// The peer's certificate or key is not one that is trusted here: it has expired, has another name, or is of nobody that is
    /// known.
    PeerNotTrusted = -70, "PeerNotTrustedError";
    /// The peer did not accept the certificate or key of this end, or wants one and there is none.
    CredentialRefused = -71, "CredentialRefusedError";
    // -80 to -99: oneM2M
    /// The registrar answered the registration with an error; [`Error::response`] has its answer.
    RegistrationRefused = -80, "RegistrationRefusedError";
    // -100 and below: the library
    /// A defect of the library, or a resource of the process that could not be had.
    Internal = -100, "InternalError";
    /// A file of the library's cannot be opened, read or written, or is damaged; the text names it and says what to do.
    Storage = -101, "StorageError";
}

/// An error of the library.
#[derive(Clone)]
pub struct Error(Box<Details>);

#[derive(Clone)]
struct Details {
    kind: ErrorKind,
    message: String,
    refusal: Option<Refusal>,
    response: Option<Response>,
    outcome_unknown: bool,
}

/// A result of the library.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind; `message` says what was wrong, where, and what to do.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details { kind, message: message.into(), refusal: None, response: None, outcome_unknown: false }))
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text, which names what was wrong, where, and what to do.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The server's answer for [`ErrorKind::HandshakeRefused`], the proxy's for [`ErrorKind::ProxyAuthenticationRequired`] and
    /// [`ErrorKind::ProxyRefused`].
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// The registrar's answer, for [`ErrorKind::RegistrationRefused`].
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.0.response.as_ref()
    }

    /// True if the request was sent and no response came: it may have been carried out, and sending it again may do it twice.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Says that the request may have been carried out.
    #[must_use]
    pub fn with_unknown_outcome(mut self) -> Self {
        self.0.outcome_unknown = true;
        self
    }

    /// Adds the answer of the server or proxy.
    #[cfg(feature = "net")]
    #[must_use]
    pub(crate) fn with_refusal(mut self, refusal: Refusal) -> Self {
        self.0.refusal = Some(refusal);
        self
    }

    /// Adds the registrar's answer.
    #[must_use]
    pub(crate) fn with_response(mut self, response: Response) -> Self {
        self.0.response = Some(response);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<ConvertError> for Error {
    /// `Decode` if the input is not a primitive, `Encode` if the other format cannot carry it.
    fn from(error: ConvertError) -> Self {
        let kind = match error {
            ConvertError::Decode(_) => ErrorKind::Decode,
            ConvertError::Encode(_) => ErrorKind::Encode,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ContentError> for Error {
    /// `Decode` if the content cannot be read, `Encode` if the other format cannot carry it.
    fn from(error: ContentError) -> Self {
        let kind = match error {
            ContentError::Invalid(_) | ContentError::Unreadable(_) => ErrorKind::Decode,
            ContentError::NotCarried(_) => ErrorKind::Encode,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<RegisterError> for Error {
    fn from(error: RegisterError) -> Self {
        Self::new(ErrorKind::InvalidArgument, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_negative() {
        let codes: HashSet<i32> = ErrorKind::ALL.iter().map(|kind| kind.c_code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert!(codes.iter().all(|code| *code < 0));
    }

    #[test]
    fn what_cannot_be_read_and_what_cannot_be_carried_are_different_kinds() {
        use crate::codec::{self, DecodeOptions};
        use crate::primitive::{Content, Format, Request};

        let convert = |json: &'static str, to| {
            codec::convert(Format::Json, json.into(), to, &DecodeOptions::default()).map_err(Error::from)
        };
        let kind = |json, to| convert(json, to).err().map(|error| error.kind());
        let list = r#"{"rsc":2000,"rqi":"1","pc":{"m2m:cnt":{"lbl":["a b"]}},"rvi":"3"}"#;
        assert_eq!(kind("{", Format::Xml), Some(ErrorKind::Decode));
        assert_eq!(kind(list, Format::Xml), Some(ErrorKind::Encode));
        assert_eq!(kind(list, Format::Cbor), None);

        let content = |json: &'static str| Request::notify("a", Content::from_encoded(Format::Json, json.into()));
        let kind = |json, to| content(json).content_as(to).err().map(|error| Error::from(error).kind());
        assert_eq!(kind("{", Format::Cbor), Some(ErrorKind::Decode));
        assert_eq!(kind(r#"{"m2m:cnt":{"lbl":["a b"]}}"#, Format::Xml), Some(ErrorKind::Encode));

        let error = codec::register_namespace("", "urn:x").map_err(Error::from);
        assert_eq!(error.err().map(|error| error.kind()), Some(ErrorKind::InvalidArgument));
    }

    #[test]
    fn python_classes_are_unique() {
        let classes: HashSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.python_class()).collect();
        assert_eq!(classes.len(), ErrorKind::ALL.len());
    }
}
