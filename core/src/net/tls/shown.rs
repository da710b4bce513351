//! What a peer has shown, from its handshake to the end of its connection.
//!
//! Covers: TS-0003 8.2.2.3 (a credential is good for as long as it lasts); row WS-7-1. What it does not do: judge it.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::psk::PreSharedKey;
use crate::binding::PeerIdentity;

/// Who a peer is, and by what it has shown that.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) identity: Arc<PeerIdentity>,
    pub(super) credential: Credential,
}

/// What can be judged again.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// A certificate, and what was behind it.
    Certificate(Box<[CertificateDer<'static>]>),
    /// A raw public key.
    RawKey(Box<[CertificateDer<'static>]>),
    /// A key that both ends have.
    #[cfg_attr(not(feature = "openssl"), allow(dead_code))]
    PreSharedKey(Arc<PreSharedKey>),
}
