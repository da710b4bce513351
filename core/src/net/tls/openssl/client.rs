//! The client's end by OpenSSL.
//!
//! Covers: TS-0020 7, TS-0003 8.2.2.1, 10.2; row WS-7-1. What it does not do: choose what is trusted ([`super::certificates`],
//! [`super::shared_keys`]).

use std::pin::Pin;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::ssl::{Error, SslContext, SslMethod, SslRef, SslVerifyMode};
use openssl::x509::X509PurposeId;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;
use tokio_rustls::rustls::AlertDescription;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use super::certificates::{self, Anchors};
use super::{Findings, Found, Place, Stream, address, connection, failure, forget_errors, shared_keys, unusable};
use crate::binding::PeerIdentity;
use crate::net::tls::connector::{ClientEnd, Connecting, nobody_trusted};
use crate::net::tls::material::invalid;
use crate::net::tls::settings::Tls;
use crate::net::tls::shown::{Credential, Shown};
use crate::net::tls::stream::Quiet;
use crate::net::tls::who::Judged;
use crate::net::tls::{TlsStream, psk, verifier};
use crate::{ErrorKind, Result};

/// The settings, read.
pub(super) struct Client {
    context: SslContext,
    place: Place,
    name: ServerName<'static>,
    /// The keys, of which there is one, if it is not certificates.
    keys: Option<psk::Keys>,
}

impl Client {
    pub(super) fn new(settings: &Tls, name: &ServerName<'static>) -> Result<Self> {
        let place = Findings::place().map_err(unusable)?;
        let name = name.clone();
        if settings.has_pre_shared_keys() {
            let keys = psk::Keys::read(settings)?;
            let key = keys.only().ok_or_else(|| invalid("tls: a client has exactly one pre-shared key"))?;
            let mut context = super::context(SslMethod::tls_client(), settings, &shared_keys::suites(settings))?;
            shared_keys::show(&mut context, Arc::clone(key), place).map_err(unusable)?;
            return Ok(Self { context: context.build(), place, name, keys: Some(keys) });
        }
        certificates::check(settings)?;
        let anchors = Anchors::read(settings)?;
        if anchors.0.is_empty() {
            return Err(nobody_trusted());
        }
        let mut context = super::context(SslMethod::tls_client(), settings, &certificates::suites(settings))?;
        certificates::show(&mut context, settings)?;
        context.set_cert_store(certificates::store(&anchors, settings, X509PurposeId::SSL_SERVER, Some(&name))?);
        context.set_verify(SslVerifyMode::PEER);
        Ok(Self { context: context.build(), place, name, keys: None })
    }

    async fn handshake(&self, stream: TcpStream) -> std::result::Result<(TlsStream, Shown), (ErrorKind, String)> {
        let findings = Findings::default();
        let mut stream = self
            .prepare(stream, findings.clone())
            .map_err(|error| (ErrorKind::TlsFailed, format!("TLS failed: {error}")))?;
        let done = Pin::new(&mut stream).connect().await;
        forget_errors();
        if let Err(error) = done {
            return Err(self.why(&error, stream.ssl(), findings.take()));
        }
        let shown = self.shown(stream.ssl(), findings.take()).map_err(|why| (ErrorKind::PeerNotTrusted, why))?;
        Ok((TlsStream::OpenSsl(Box::new(Stream::new(stream))), shown))
    }

    fn prepare(&self, stream: TcpStream, findings: Findings) -> std::result::Result<SslStream<Quiet>, ErrorStack> {
        let mut ssl = connection(&self.context, self.place, findings)?;
        if address(&self.name).is_none() {
            ssl.set_hostname(&self.name.to_str())?;
        }
        SslStream::new(ssl, Quiet(stream))
    }

    /// What the server has shown.
    fn shown(&self, ssl: &SslRef, found: Found) -> Judged<Shown> {
        if self.keys.is_some() {
            return match found {
                Found::Key(key) if shared_keys::was_by_key(ssl) => {
                    Ok(Shown { identity: key.sharer(None).into(), credential: Credential::PreSharedKey(key) })
                }
                Found::Nobody(why) => Err(why),
                _ => Err("the server has not shown that it has the pre-shared key".to_owned()),
            };
        }
        let chain = certificates::chain_of(ssl).ok_or("the server showed nothing")?;
        let identity = self.identity(&chain)?;
        Ok(Shown { identity: identity.into(), credential: Credential::Certificate(chain) })
    }

    /// Which server it is, whose certificate is good.
    fn identity(&self, chain: &[CertificateDer<'_>]) -> Judged<PeerIdentity> {
        verifier::server_identity(chain.first().ok_or("the server showed nothing")?, &self.name)
    }

    /// Why there is no connection.
    fn why(&self, error: &Error, ssl: &SslRef, found: Found) -> (ErrorKind, String) {
        match found {
            Found::Nobody(why) => return (ErrorKind::PeerNotTrusted, why),
            Found::Key(key) => {
                let id = key.id();
                match failure::alert_of(error) {
                    // That a key is unknown is said as if it were another one; others say it plainly.
                    Some(
                        alert @ (AlertDescription::BadRecordMac
                        | AlertDescription::DecryptError
                        | AlertDescription::IllegalParameter
                        | AlertDescription::UnknownPSKIdentity),
                    ) => {
                        let text = format!(
                            "the server does not know the pre-shared key {id:?}, or has another one (alert {alert:?})"
                        );
                        return (ErrorKind::CredentialRefused, text);
                    }
                    Some(AlertDescription::HandshakeFailure) => {
                        let text = format!(
                            "the server takes no pre-shared key, does not know {id:?}, or there is no suite in common (alert \
                             HandshakeFailure)"
                        );
                        return (ErrorKind::TlsFailed, text);
                    }
                    None if failure::is_other_key(error) => {
                        let text = format!("the server's pre-shared key {id:?} is another one than here");
                        return (ErrorKind::PeerNotTrusted, text);
                    }
                    _ => {}
                }
            }
            Found::Nothing | Found::Peer(_) => {}
        }
        match failure::of_certificate(error, ssl) {
            Some(why) => (ErrorKind::PeerNotTrusted, why),
            None => failure::in_words(error),
        }
    }
}

impl ClientEnd for Client {
    fn connect(self: Arc<Self>, stream: TcpStream) -> Connecting {
        Box::pin(async move { self.handshake(stream).await })
    }

    fn judge(&self, credential: &Credential) -> Judged<PeerIdentity> {
        match (&self.keys, credential) {
            (None, Credential::Certificate(chain)) => {
                certificates::verify(self.context.cert_store(), chain, |_| self.identity(chain))
            }
            (Some(keys), Credential::PreSharedKey(key)) if shared_keys::is_known(keys, key) => Ok(key.sharer(None)),
            (Some(_), Credential::PreSharedKey(_)) => Err("the pre-shared key is another one now".to_owned()),
            _ => Err("credentials of its kind are not taken any more".to_owned()),
        }
    }
}
