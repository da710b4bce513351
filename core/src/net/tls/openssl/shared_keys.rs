//! Pre-shared keys by OpenSSL, with TLS 1.2 (RFC 4279, RFC 5489) and 1.3 (RFC 8446 4.2.11).
//!
//! Covers: TS-0003 8.2.2.1, 10.2.2, 10.5; row WS-7-1. A client that names a key which is not known is answered as one with a wrong
//! key: nobody learns which identifiers there are. What it does not do: certificates, which no context with keys takes.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use openssl::ssl::{SslContextBuilder, SslRef, SslVerifyMode, SslVersion};

use super::{Findings, Found, Place};
use crate::net::tls::psk::{Keys, PreSharedKey};
use crate::net::tls::settings::Tls;

/// Suites of TLS 1.2: with forward secrecy, then those that authenticate what they encrypt.
const SUITES: &str = "ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES128-CBC-SHA256:\
                      PSK-AES128-GCM-SHA256:PSK-CHACHA20-POLY1305:PSK-AES128-CCM";
/// The one that TS-0003 10.2.2 makes mandatory, after them.
const SUITES_TS0003: &str = ":PSK-AES128-CBC-SHA256";
/// Bytes of the key that stands for one that is not known.
const DECOY: usize = 32;

pub(super) fn suites(settings: &Tls) -> String {
    format!("{SUITES}{}", if settings.ts0003_suites { SUITES_TS0003 } else { "" })
}

/// Has clients show that they have one of these keys.
pub(super) fn demand(context: &mut SslContextBuilder, keys: Arc<Keys>, place: Place) {
    context.set_verify(SslVerifyMode::NONE);
    context.set_psk_server_callback(move |ssl, id, room| {
        // Called once for each key that a client names; that of the last call is the one that counts.
        let id = id.unwrap_or_default();
        let Some(key) = keys.find(id) else {
            let shown = String::from_utf8_lossy(id);
            let why = format!("it names the pre-shared key {:?}, which is not known here", cut(&shown));
            Findings::put(ssl, place, Found::Nobody(why));
            let decoy = room.get_mut(..DECOY).unwrap_or_default();
            rand_bytes(decoy)?;
            return Ok(decoy.len());
        };
        Findings::put(ssl, place, Found::Key(Arc::clone(key)));
        Ok(copy(key.key(), room))
    });
}

/// Shows that this client has this key, and has the server show it too.
pub(super) fn show(context: &mut SslContextBuilder, key: Arc<PreSharedKey>, place: Place) -> Result<(), ErrorStack> {
    // With TLS 1.3 a server may come with a certificate instead.
    let ssl_place = openssl::x509::X509StoreContext::ssl_idx()?;
    context.set_verify_callback(SslVerifyMode::PEER, move |_, verified| {
        if let Some(ssl) = verified.ex_data(ssl_place) {
            let why = "the server shows a certificate, and not that it has the pre-shared key".to_owned();
            Findings::put(ssl, place, Found::Nobody(why));
        }
        false
    });
    context.set_psk_client_callback(move |ssl, _hint, id, room| {
        // A zero ends the identifier.
        let ours = key.id().as_bytes();
        if ours.len() >= id.len() {
            return Ok(0);
        }
        id[..ours.len()].copy_from_slice(ours);
        id[ours.len()] = 0;
        Findings::put(ssl, place, Found::Key(Arc::clone(&key)));
        Ok(copy(key.key(), room))
    });
    Ok(())
}

/// How many bytes of a key were given to OpenSSL, which erases them; none if it has no room.
fn copy(key: &[u8], room: &mut [u8]) -> usize {
    let Some(room) = room.get_mut(..key.len()) else { return 0 };
    room.copy_from_slice(key);
    key.len()
}

/// At most 256 characters of what a peer has sent.
fn cut(text: &str) -> String {
    text.chars().take(256).collect()
}

/// Whether the handshake, which is over, was by a key. With TLS 1.3 that counts as a session that goes on.
pub(super) fn was_by_key(ssl: &SslRef) -> bool {
    match ssl.version2() {
        Some(SslVersion::TLS1_3) => ssl.session_reused(),
        _ => ssl.current_cipher().is_some_and(|suite| suite.name().contains("PSK")),
    }
}

/// Whether the key of that identifier is still this one.
pub(super) fn is_known(keys: &Keys, key: &PreSharedKey) -> bool {
    keys.find(key.id().as_bytes())
        .is_some_and(|known| known.key().len() == key.key().len() && openssl::memcmp::eq(known.key(), key.key()))
}
