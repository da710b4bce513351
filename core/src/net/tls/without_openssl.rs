//! What stands for OpenSSL in a build without it: settings that need it are refused.
//!
//! Covers: row WS-7-1. What it does not do: TLS.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::ServerName;

use super::acceptor::ServerEnd;
use super::connector::ClientEnd;
use super::material::invalid;
use super::psk;
use super::settings::Tls;
use crate::primitive::{CseId, SpId};
use crate::{Error, ErrorKind, Result};

fn missing(settings: &Tls) -> Error {
    // What is wrong in any build is said first.
    if settings.has_pre_shared_keys()
        && let Err(error) = psk::Keys::read(settings)
    {
        return error;
    }
    invalid(
        "tls: pre-shared keys, ts0003_suites and TlsLibrary::OpenSsl need OpenSSL, and this build has none: build it with the \
         cargo feature openssl",
    )
}

pub(super) fn server(settings: &Tls, _sp: &SpId, _cse: &CseId) -> Result<Arc<dyn ServerEnd>> {
    Err(missing(settings))
}

pub(super) fn client(settings: &Tls, _name: &ServerName<'static>) -> Result<Arc<dyn ClientEnd>> {
    Err(missing(settings))
}

pub(super) fn told(_error: &io::Error) -> Option<(ErrorKind, String)> {
    None
}
