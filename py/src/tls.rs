//! Settings of TLS as `onem2m_ws.TLS` has them, and who is at the other end.

use std::path::PathBuf;

use onem2m_ws::binding::PeerIdentity;
use onem2m_ws::tls::{Pem, Tls, TlsLibrary, TlsVersion, Unnamed};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use crate::queue::since_epoch;
use crate::settings::{bad, one_of};

/// PEM: a path, or bytes, whose copy here does not stay in memory.
struct Source(Pem);

impl<'a, 'py> FromPyObject<'a, 'py> for Source {
    type Error = PyErr;

    fn extract(source: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match source.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self(Pem::bytes(bytes.as_bytes()))),
            Err(_) => Ok(Self(Pem::file(source.extract::<PathBuf>()?))),
        }
    }
}

/// A key that both ends have, whose copy here does not stay in memory.
struct Key(Zeroizing<Vec<u8>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Key {
    type Error = PyErr;

    fn extract(key: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(Zeroizing::new(key.cast::<PyBytes>()?.as_bytes().to_vec())))
    }
}

/// The fields of `onem2m_ws.TLS`; those that have several values are lists.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct TlsFields {
    cert: Option<Source>,
    key: Option<Source>,
    raw_key: Option<Source>,
    ca: Vec<Source>,
    ca_for: Vec<(Source, Vec<String>)>,
    crl: Vec<Source>,
    trust_keys: Vec<String>,
    trust_system: bool,
    server_name: Option<String>,
    min_version: String,
    max_version: String,
    peers: Vec<(String, Vec<String>)>,
    uri_schemes: Vec<String>,
    unnamed: String,
    anonymous_clients: bool,
    psk: Vec<(String, Key)>,
    psk_file: Option<Source>,
    ts0003_suites: bool,
    library: String,
}

const VERSIONS: [(&str, TlsVersion); 2] = [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];

pub(crate) fn tls(fields: TlsFields) -> onem2m_ws::Result<Tls> {
    let least = one_of("tls: min_version", &fields.min_version, VERSIONS)?;
    let most = one_of("tls: max_version", &fields.max_version, VERSIONS)?;
    if least > most {
        return Err(bad("tls: min_version is newer than max_version"));
    }
    let mut tls = Tls::new()
        .least_version(least)
        .most_version(most)
        .trust_system(fields.trust_system)
        .anonymous_clients(fields.anonymous_clients)
        .ts0003_suites(fields.ts0003_suites)
        .library(one_of(
            "tls: library",
            &fields.library,
            [("rustls", TlsLibrary::Rustls), ("openssl", TlsLibrary::OpenSsl)],
        )?)
        .unnamed(one_of(
            "tls: unnamed",
            &fields.unnamed,
            [("refuse", Unnamed::Refuse), ("first-come", Unnamed::FirstCome)],
        )?);
    tls = match (fields.cert, fields.key, fields.raw_key) {
        (Some(Source(cert)), Some(Source(key)), None) => tls.certificate(cert, key),
        // As many programs write it: one file for both.
        (Some(Source(both)), None, None) => tls.certificate(both.clone(), both),
        (None, None, Some(Source(key))) => tls.raw_key(key),
        (None, None, None) => tls,
        (None, Some(_), None) => {
            return Err(bad("tls: there is a key without its certificate; say cert, or raw_key for a key alone"));
        }
        (_, _, Some(_)) => {
            return Err(bad("tls: an end has a certificate with its key, or a raw_key, not both"));
        }
    };
    tls = fields.ca.into_iter().fold(tls, |tls, Source(ca)| tls.trust(ca));
    tls = fields.ca_for.into_iter().fold(tls, |tls, (Source(ca), providers)| tls.trust_for(ca, providers));
    tls = fields.crl.into_iter().fold(tls, |tls, Source(list)| tls.revoked(list));
    tls = fields.trust_keys.into_iter().fold(tls, Tls::trust_key);
    tls = fields.peers.into_iter().fold(tls, |tls, (credential, entities)| tls.peer(credential, entities));
    tls = fields.uri_schemes.into_iter().fold(tls, Tls::uri_scheme);
    tls = fields.psk.into_iter().fold(tls, |tls, (id, Key(key))| tls.pre_shared_key(id, key.to_vec()));
    if let Some(Source(file)) = fields.psk_file {
        tls = tls.pre_shared_keys(file);
    }
    Ok(match fields.server_name {
        Some(name) => tls.server_name(name),
        None => tls,
    })
}

/// What `onem2m_ws.PeerIdentity` is made of: framework, principal, names, entities, the end in seconds since 1970.
pub(crate) type IdentityFields = (&'static str, String, Vec<String>, Option<Vec<String>>, Option<f64>);

pub(crate) fn identity(identity: &PeerIdentity) -> IdentityFields {
    let entities = identity.entities().map(|all| all.iter().map(|entity| entity.as_str().to_owned()).collect());
    let principal = identity.principal().as_str().to_owned();
    (identity.framework().name(), principal, identity.names().to_vec(), entities, identity.not_after().map(since_epoch))
}
