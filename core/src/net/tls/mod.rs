//! TLS below the WebSocket connection, and who is at its other end.
//!
//! Covers: TS-0020 7, TS-0003 8.2, 10.1, 10.2; rows WS-7-1, WS-7-2. TLS 1.3 and 1.2: by rustls, with certificates or raw public
//! keys (RFC 7250), or by OpenSSL, with certificates or pre-shared keys. [`Tls`] has the settings of both ends, `acceptor` and
//! `connector` are what is made of them, and `TlsStream` with [`PeerIdentity`](crate::binding::PeerIdentity) is all that stands
//! above sees of it. No session is ever resumed, no early data taken: whoever comes is judged each time. What it does not do:
//! say which requests an identity may make (`binding::originator` does).

pub(crate) mod acceptor;
pub(crate) mod connector;
pub(crate) mod failure;
mod material;
mod names;
#[cfg(feature = "openssl")]
mod openssl;
#[cfg(not(feature = "openssl"))]
#[path = "without_openssl.rs"]
mod openssl;
// Without OpenSSL they are only read.
#[cfg_attr(not(feature = "openssl"), allow(dead_code))]
mod psk;
mod rustls;
mod settings;
mod shown;
pub(crate) mod stream;
mod verifier;
mod who;

pub use settings::{Pem, Tls, TlsLibrary, TlsVersion, Unnamed};
pub(crate) use stream::TlsStream;

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

/// What our cryptography is by; said with each configuration, never the default of the process, which is the program's own.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
