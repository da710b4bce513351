//! TLS by the system's OpenSSL: certificates, pre-shared keys, and the suites of TS-0003.
//!
//! Covers: TS-0020 7, TS-0003 8.2.2.1, 10.1, 10.2; row WS-7-1. A context takes certificates or pre-shared keys, never both, so that
//! nobody comes in by the weaker one. What it does not do: raw public keys, which OpenSSL has from 3.2 on.

mod certificates;
mod client;
mod failure;
mod server;
mod shared_keys;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ::openssl::error::ErrorStack;
use ::openssl::ex_data::Index;
use ::openssl::ssl::{
    Ssl, SslContextBuilder, SslContextRef, SslMethod, SslMode, SslOptions, SslRef, SslSessionCacheMode, SslVersion,
};
use once_cell::sync::OnceCell;
use tokio_rustls::rustls::pki_types::ServerName;

use super::acceptor::ServerEnd;
use super::connector::ClientEnd;
use super::material::invalid;
use super::psk::PreSharedKey;
use super::settings::{Tls, TlsVersion};
use crate::binding::PeerIdentity;
use crate::primitive::{CseId, SpId};
use crate::{Error, Result};

pub(super) use failure::told;
pub(crate) use stream::Stream;

/// Suites of TLS 1.3. All are of SHA-256, as a pre-shared key is that comes with TLS 1.2's callbacks (RFC 8446 4.2.11).
const SUITES_1_3: &str = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
/// The groups for a key of one connection, the best first; TS-0003 10.1.1.1 asks for P-256.
const GROUPS: &str = "X25519:P-256:P-384";
/// What is weaker than 112 bits is not spoken, whatever the system allows.
const LEAST_SECURITY: u32 = 2;

/// A server.
///
/// # Errors
/// `InvalidArgument` if a file cannot be used, or the settings are not those of a server.
pub(super) fn server(settings: &Tls, sp: &SpId, cse: &CseId) -> Result<Arc<dyn ServerEnd>> {
    Ok(Arc::new(server::Server::new(settings, sp, cse)?))
}

/// A client of the server of this name.
///
/// # Errors
/// `InvalidArgument` if a file cannot be used, or the settings are not those of a client.
pub(super) fn client(settings: &Tls, name: &ServerName<'static>) -> Result<Arc<dyn ClientEnd>> {
    Ok(Arc::new(client::Client::new(settings, name)?))
}

/// A setting that OpenSSL does not take.
fn unusable(error: ErrorStack) -> Error {
    invalid(format!("tls: OpenSSL cannot be set up so: {error}"))
}

/// What is alike for both ends and all credentials; `suites` are those of TLS 1.2.
fn context(method: SslMethod, settings: &Tls, suites: &str) -> Result<SslContextBuilder> {
    let (least, most) = settings.versions()?;
    let set_up = || -> std::result::Result<SslContextBuilder, ErrorStack> {
        let mut context = SslContextBuilder::new(method)?;
        context.set_min_proto_version(Some(version(least)))?;
        context.set_max_proto_version(Some(version(most)))?;
        context.set_cipher_list(suites)?;
        context.set_ciphersuites(SUITES_1_3)?;
        context.set_groups_list(GROUPS)?;
        // Whoever comes is judged each time: there is no session to come back by. What is written is not copied, and an idle
        // connection holds no buffer.
        context.set_session_cache_mode(SslSessionCacheMode::OFF);
        context.set_num_tickets(0)?;
        context.set_options(
            SslOptions::NO_TICKET
                | SslOptions::NO_RENEGOTIATION
                | SslOptions::NO_COMPRESSION
                | SslOptions::CIPHER_SERVER_PREFERENCE,
        );
        context.set_mode(
            SslMode::ENABLE_PARTIAL_WRITE
                | SslMode::ACCEPT_MOVING_WRITE_BUFFER
                | SslMode::RELEASE_BUFFERS
                | SslMode::AUTO_RETRY
                | SslMode::NO_AUTO_CHAIN,
        );
        Ok(context)
    };
    set_up().map_err(unusable)
}

fn version(version: TlsVersion) -> SslVersion {
    match version {
        TlsVersion::V1_2 => SslVersion::TLS1_2,
        TlsVersion::V1_3 => SslVersion::TLS1_3,
    }
}

/// One connection, with where its callbacks put what they find.
fn connection(context: &SslContextRef, place: Place, findings: Findings) -> std::result::Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    // A system may ask for more.
    if ssl.security_level() < LEAST_SECURITY {
        ssl.set_security_level(LEAST_SECURITY);
    }
    ssl.set_ex_data(place, findings);
    Ok(ssl)
}

/// What the callbacks of one handshake have found out about the peer.
#[derive(Default)]
enum Found {
    #[default]
    Nothing,
    /// It has a certificate that is good, and is this one.
    Peer(PeerIdentity),
    /// It names this key. Whether it has it, the end of the handshake tells.
    Key(Arc<PreSharedKey>),
    /// It is not taken, in our words.
    Nobody(String),
}

/// Where they put it: it is attached to the connection's `Ssl`.
#[derive(Clone, Default)]
struct Findings(Arc<Mutex<Found>>);

/// Where it is attached.
type Place = Index<Ssl, Findings>;

impl Findings {
    fn place() -> std::result::Result<Place, ErrorStack> {
        static PLACE: OnceCell<Place> = OnceCell::new();
        PLACE.get_or_try_init(Ssl::new_ex_index).copied()
    }

    fn put(ssl: &SslRef, place: Place, found: Found) {
        if let Some(Self(slot)) = ssl.ex_data(place) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = found;
        }
    }

    fn take(&self) -> Found {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What OpenSSL keeps of errors that were handled is not to be taken for one of another connection of this thread.
fn forget_errors() {
    drop(ErrorStack::get());
}

/// The address, if the name is one.
fn address(name: &ServerName<'_>) -> Option<IpAddr> {
    match name {
        ServerName::IpAddress(ip) => Some((*ip).into()),
        _ => None,
    }
}
