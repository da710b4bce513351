//! TLS by rustls: certificates and raw public keys.
//!
//! Covers: TS-0020 7, TS-0003 10.1; row WS-7-1. What it does not do: pre-shared keys, suites with CBC, name constraints for URIs
//! ([`super::openssl`] does).

mod client;
mod server;

pub(super) use client::Client;
pub(super) use server::Server;

use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::settings::{Tls, TlsVersion};
use crate::Result;

static VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// The versions that are spoken.
fn versions(settings: &Tls) -> Result<&'static [&'static SupportedProtocolVersion]> {
    Ok(match settings.versions()? {
        (TlsVersion::V1_2, TlsVersion::V1_3) => &VERSIONS,
        (TlsVersion::V1_3, _) => &VERSIONS[..1],
        (TlsVersion::V1_2, TlsVersion::V1_2) => &VERSIONS[1..],
    })
}
