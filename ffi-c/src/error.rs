//! Result codes, and what is known of the last error of a thread.

use std::cell::RefCell;
use std::ffi::{CString, c_char};

use onem2m::websocket::handshake::Refusal;
use onem2m::{Error, ErrorKind};

use crate::guard::guard_value;
use crate::response::onem2m_ws_response;
use crate::text::{onem2m_ws_text, text};

/// Result codes: 0 is success, everything negative an error. The blocks are fixed: -1 to -19 the caller, -20 to -39 time
/// and flow, -40 to -59 network, -60 to -79 protocol, -80 to -99 oneM2M, -100 and below the library. Codes may be added;
/// treat one that you do not know as an error of its block.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types)]
pub enum onem2m_ws_result {
    /// Success.
    ONEM2M_WS_OK = 0,
    /// An argument is NULL, not UTF-8, out of range or malformed.
    ONEM2M_WS_INVALID_ARGUMENT = -1,
    /// The call does not fit the state of the object.
    ONEM2M_WS_INVALID_STATE = -2,
    /// The client or registrar was closed.
    ONEM2M_WS_CLOSED = -3,
    /// A request other than a registration before the registration succeeded.
    ONEM2M_WS_NOT_REGISTERED = -4,
    /// The request was answered already, by the program or by its time-out.
    ONEM2M_WS_ALREADY_RESPONDED = -5,
    /// The call would wait for itself.
    ONEM2M_WS_WOULD_DEADLOCK = -6,
    /// The handle was made before a fork() and is used in the child process.
    ONEM2M_WS_FORKED = -7,
    /// The request identifier is in use by a request that waits for its response.
    ONEM2M_WS_DUPLICATE_REQUEST_ID = -8,
    /// No outcome in time. Whether a request was carried out is not known.
    ONEM2M_WS_TIMEOUT = -20,
    /// A bounded queue is full; the request was not taken.
    ONEM2M_WS_QUEUE_FULL = -21,
    /// There is no connection and none is to be opened.
    ONEM2M_WS_NOT_CONNECTED = -40,
    /// The host name could not be resolved.
    ONEM2M_WS_UNKNOWN_HOST = -41,
    /// Nobody listens at the address.
    ONEM2M_WS_CONNECTION_REFUSED = -42,
    /// The connection was not open in time: the peer accepts and stays silent, or does not answer at all.
    ONEM2M_WS_OPEN_TIMEOUT = -43,
    /// The connection broke while the request waited. Whether it was carried out is not known.
    ONEM2M_WS_CONNECTION_LOST = -44,
    /// Another error of the network.
    ONEM2M_WS_NETWORK = -45,
    /// The TLS handshake failed: the peer does not speak TLS, or there is no version or suite in common.
    ONEM2M_WS_TLS_FAILED = -46,
    /// The server answered the opening handshake with another status than 101: onem2m_ws_last_error_http_status(),
    /// onem2m_ws_last_error_http_header() and onem2m_ws_last_error_http_body() have its answer.
    ONEM2M_WS_HANDSHAKE_REFUSED = -60,
    /// The peer does not speak WebSocket.
    ONEM2M_WS_NOT_WEBSOCKET = -61,
    /// Client and server have no subprotocol, and so no serialization, in common.
    ONEM2M_WS_NO_COMMON_SUBPROTOCOL = -62,
    /// The peer broke the rules of WebSocket.
    ONEM2M_WS_PROTOCOL_VIOLATION = -63,
    /// A message is larger than a limit allows.
    ONEM2M_WS_MESSAGE_TOO_BIG = -64,
    /// Text is not a primitive.
    ONEM2M_WS_DECODE = -65,
    /// A primitive cannot be written.
    ONEM2M_WS_ENCODE = -66,
    /// The proxy wants credentials, or does not accept those that it got; its answer is where a server's is.
    ONEM2M_WS_PROXY_AUTHENTICATION_REQUIRED = -67,
    /// The proxy opened no tunnel to the server; its answer is where a server's is.
    ONEM2M_WS_PROXY_REFUSED = -68,
    /// What listens at the proxy's address does not answer as an HTTP proxy does.
    ONEM2M_WS_NOT_PROXY = -69,
    /// The registrar's certificate or key is not trusted; the text says why.
    ONEM2M_WS_PEER_NOT_TRUSTED = -70,
    /// The registrar does not accept the certificate or key of this end, or wants one.
    ONEM2M_WS_CREDENTIAL_REFUSED = -71,
    /// The registrar answered the registration with an error: onem2m_ws_last_error_response() is its answer.
    ONEM2M_WS_REGISTRATION_REFUSED = -80,
    /// A defect of the library, or a resource of the process that could not be had.
    ONEM2M_WS_INTERNAL = -100,
    /// A file of the library's cannot be opened, read or written, or is damaged; the text names it and says what to do.
    ONEM2M_WS_STORAGE = -101,
}

pub(crate) const OK: i32 = onem2m_ws_result::ONEM2M_WS_OK as i32;

struct Last {
    text: CString,
    refusal: Option<Refusal>,
    outcome_unknown: bool,
    response: Option<Box<onem2m_ws_response>>,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Keeps what there is to know of an error for this thread, and returns its code.
pub(crate) fn remember(error: Error) -> i32 {
    let kind = error.kind();
    // A zero byte would cut the text off.
    let text = CString::new(error.message().replace('\0', "\\0")).unwrap_or_default();
    let last = Last {
        text,
        refusal: error.refusal().cloned(),
        outcome_unknown: error.is_outcome_unknown(),
        response: error.response().map(|response| Box::new(onem2m_ws_response::new(response.clone()))),
    };
    // In `atexit` functions the thread's storage may be gone; then there is only the code.
    let before = LAST.try_with(|place| place.replace(Some(last)));
    drop(before);
    kind.c_code()
}

fn look<T>(otherwise: T, at: impl FnOnce(&Last) -> T) -> T {
    guard_value(None, || Ok(LAST.try_with(|last| last.borrow().as_ref().map(at)).ok().flatten())).unwrap_or(otherwise)
}

/// The text of the last error on this thread: what was wrong, where, and what to do; "" if there was none. Never NULL. Calls
/// that succeed leave it as it is. Valid until the next error on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_last_error() -> *const c_char {
    look(c"".as_ptr(), |last| last.text.as_ptr())
}

/// The HTTP status of the answer that came instead of a connection, if the last error on this thread was
/// ONEM2M_WS_HANDSHAKE_REFUSED (the server's), ONEM2M_WS_PROXY_REFUSED or ONEM2M_WS_PROXY_AUTHENTICATION_REQUIRED (the
/// proxy's); else 0.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_last_error_http_status() -> i32 {
    look(0, |last| last.refusal.as_ref().map_or(0, |refusal| refusal.status.into()))
}

/// The first header field of that answer with this name, in any case; its data is NULL if there is none. Valid until the
/// next error on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_last_error_http_header(name: *const c_char) -> onem2m_ws_text {
    let Ok(name) = text(name, "name") else { return onem2m_ws_text::NONE };
    look(onem2m_ws_text::NONE, |last| {
        onem2m_ws_text::of_option(last.refusal.as_ref().and_then(|refusal| refusal.header(name)))
    })
}

/// The body of that answer, as it came: any bytes, at most as many as a handshake may have. Valid until the next error on
/// this thread.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_last_error_http_body() -> onem2m_ws_text {
    look(onem2m_ws_text::NONE, |last| {
        last.refusal.as_ref().map_or(onem2m_ws_text::NONE, |refusal| onem2m_ws_text::of_bytes(&refusal.body))
    })
}

/// The registrar's answer, if ONEM2M_WS_REGISTRATION_REFUSED was the last error on this thread; else NULL. Not to be freed;
/// valid until the next error on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_last_error_response() -> *const onem2m_ws_response {
    look(std::ptr::null(), |last| last.response.as_deref().map_or(std::ptr::null(), std::ptr::from_ref))
}

/// True if the last error on this thread leaves it open whether the request was carried out: it was sent, and no response came.
/// Sending it again may do it twice. Always true after the time-out of a blocking call. False: it was not carried out, or the error
/// is not about a request.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_last_error_outcome_unknown() -> bool {
    look(false, |last| last.outcome_unknown)
}

/// The name of a result code, "ONEM2M_WS_TIMEOUT"; "unknown" for one that this version does not have. Valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn onem2m_ws_result_name(code: i32) -> *const c_char {
    if code == OK {
        return c"ONEM2M_WS_OK".as_ptr();
    }
    ErrorKind::ALL.iter().find(|kind| kind.c_code() == code).map_or(c"unknown", |kind| name(*kind)).as_ptr()
}

macro_rules! names {
    ($($kind:ident = $name:ident;)+) => {
        /// The name of a kind in the header.
        fn name(kind: ErrorKind) -> &'static std::ffi::CStr {
            // A kind whose number in the header differs does not compile.
            $(const _: () = assert!(ErrorKind::$kind.c_code() == onem2m_ws_result::$name as i32);)+
            match kind {
                $(ErrorKind::$kind => {
                    const NAME: &std::ffi::CStr =
                        match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                            Ok(name) => name,
                            Err(_) => c"",
                        };
                    NAME
                })+
                _ => c"unknown",
            }
        }

        #[cfg(test)]
        const NAMED: &[ErrorKind] = &[$(ErrorKind::$kind,)+];
    };
}

names! {
    InvalidArgument = ONEM2M_WS_INVALID_ARGUMENT;
    InvalidState = ONEM2M_WS_INVALID_STATE;
    Closed = ONEM2M_WS_CLOSED;
    NotRegistered = ONEM2M_WS_NOT_REGISTERED;
    AlreadyResponded = ONEM2M_WS_ALREADY_RESPONDED;
    WouldDeadlock = ONEM2M_WS_WOULD_DEADLOCK;
    Forked = ONEM2M_WS_FORKED;
    DuplicateRequestId = ONEM2M_WS_DUPLICATE_REQUEST_ID;
    Timeout = ONEM2M_WS_TIMEOUT;
    QueueFull = ONEM2M_WS_QUEUE_FULL;
    NotConnected = ONEM2M_WS_NOT_CONNECTED;
    UnknownHost = ONEM2M_WS_UNKNOWN_HOST;
    ConnectionRefused = ONEM2M_WS_CONNECTION_REFUSED;
    OpenTimeout = ONEM2M_WS_OPEN_TIMEOUT;
    ConnectionLost = ONEM2M_WS_CONNECTION_LOST;
    Network = ONEM2M_WS_NETWORK;
    TlsFailed = ONEM2M_WS_TLS_FAILED;
    HandshakeRefused = ONEM2M_WS_HANDSHAKE_REFUSED;
    NotWebSocket = ONEM2M_WS_NOT_WEBSOCKET;
    NoCommonSubprotocol = ONEM2M_WS_NO_COMMON_SUBPROTOCOL;
    ProtocolViolation = ONEM2M_WS_PROTOCOL_VIOLATION;
    MessageTooBig = ONEM2M_WS_MESSAGE_TOO_BIG;
    Decode = ONEM2M_WS_DECODE;
    Encode = ONEM2M_WS_ENCODE;
    ProxyAuthenticationRequired = ONEM2M_WS_PROXY_AUTHENTICATION_REQUIRED;
    ProxyRefused = ONEM2M_WS_PROXY_REFUSED;
    NotProxy = ONEM2M_WS_NOT_PROXY;
    PeerNotTrusted = ONEM2M_WS_PEER_NOT_TRUSTED;
    CredentialRefused = ONEM2M_WS_CREDENTIAL_REFUSED;
    RegistrationRefused = ONEM2M_WS_REGISTRATION_REFUSED;
    Internal = ONEM2M_WS_INTERNAL;
    Storage = ONEM2M_WS_STORAGE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_code_in_the_header() {
        for kind in ErrorKind::ALL {
            assert!(NAMED.contains(kind), "{kind:?} is missing in onem2m_ws_result");
        }
    }
}
