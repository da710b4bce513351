//! The server's end by OpenSSL.
//!
//! Covers: TS-0020 7, TS-0003 8.2.1, 8.2.2.1, 10.2; rows WS-7-1, WS-7-2. What it does not do: choose what is trusted
//! ([`super::certificates`], [`super::shared_keys`]).

use std::pin::Pin;
use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::ssl::{Error, SslContext, SslContextBuilder, SslMethod, SslRef, SslVerifyMode};
use openssl::stack::Stack;
use openssl::x509::{X509PurposeId, X509Ref, X509StoreContext, X509VerifyResult};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_openssl::SslStream;

use super::certificates::{self, Anchors};
use super::failure::{self, reason};
use super::{Findings, Found, Place, Stream, connection, forget_errors, shared_keys, unusable};
use crate::Result;
use crate::binding::PeerIdentity;
use crate::net::tls::TlsStream;
use crate::net::tls::acceptor::{Accepting, ServerEnd, farewell, late, no_client};
use crate::net::tls::names;
use crate::net::tls::psk;
use crate::net::tls::settings::Tls;
use crate::net::tls::shown::{Credential, Shown};
use crate::net::tls::stream::Quiet;
use crate::net::tls::who::{Directory, Judged};
use crate::primitive::{CseId, SpId};
use crate::websocket::escape;

/// The settings, read.
pub(super) struct Server {
    context: SslContext,
    place: Place,
    taken: Taken,
}

/// What clients show.
enum Taken {
    Certificates(Arc<Clients>),
    Keys(Arc<psk::Keys>, Directory),
}

/// Whose certificates are whose.
struct Clients {
    anchors: Anchors,
    directory: Directory,
}

impl Clients {
    /// Who shows this certificate, which is good below this anchor.
    fn holder(&self, end: &[u8], anchor: &X509Ref) -> Judged<PeerIdentity> {
        self.directory.holder(&names::of(end)?, self.anchors.providers(anchor))
    }
}

impl Server {
    pub(super) fn new(settings: &Tls, sp: &SpId, cse: &CseId) -> Result<Self> {
        let directory = Directory::new(settings, sp, cse)?;
        let place = Findings::place().map_err(unusable)?;
        if settings.has_pre_shared_keys() {
            let keys = Arc::new(psk::Keys::read(settings)?);
            let mut context = super::context(SslMethod::tls_server(), settings, &shared_keys::suites(settings))?;
            shared_keys::demand(&mut context, Arc::clone(&keys), place);
            return Ok(Self { context: context.build(), place, taken: Taken::Keys(keys, directory) });
        }
        certificates::check(settings)?;
        let mut context = super::context(SslMethod::tls_server(), settings, &certificates::suites(settings))?;
        if !certificates::show(&mut context, settings)? {
            return Err(certificates::no_credential());
        }
        let anchors = Anchors::read(settings)?;
        if anchors.0.is_empty() && !settings.anonymous_clients {
            return Err(no_client());
        }
        context.set_cert_store(certificates::store(&anchors, settings, X509PurposeId::SSL_CLIENT, None)?);
        let clients = Arc::new(Clients { anchors, directory });
        demand(&mut context, Arc::clone(&clients), !settings.anonymous_clients, place).map_err(unusable)?;
        Ok(Self { context: context.build(), place, taken: Taken::Certificates(clients) })
    }

    async fn handshake(&self, stream: TcpStream, until: Instant) -> Judged<(TlsStream, Option<Shown>)> {
        let findings = Findings::default();
        let mut stream = self.prepare(stream, findings.clone()).map_err(|error| format!("TLS failed: {error}"))?;
        let done = timeout_at(until, Pin::new(&mut stream).accept()).await;
        forget_errors();
        match done {
            Err(_) => return Err(late()),
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let why = self.why(&error, stream.ssl(), findings.take());
                farewell(stream.get_mut()).await;
                return Err(escape(&why));
            }
        }
        let shown = self.shown(stream.ssl(), findings.take())?;
        Ok((TlsStream::OpenSsl(Box::new(Stream::new(stream))), shown))
    }

    fn prepare(&self, stream: TcpStream, findings: Findings) -> std::result::Result<SslStream<Quiet>, ErrorStack> {
        let ssl = connection(&self.context, self.place, findings)?;
        SslStream::new(ssl, Quiet(stream))
    }

    /// What the client has shown, if anything.
    fn shown(&self, ssl: &SslRef, found: Found) -> Judged<Option<Shown>> {
        match (&self.taken, found) {
            (Taken::Certificates(_), Found::Peer(identity)) => {
                let chain = certificates::chain_of(ssl).ok_or("it showed nothing")?;
                Ok(Some(Shown { identity: identity.into(), credential: Credential::Certificate(chain) }))
            }
            (Taken::Certificates(_), Found::Nothing) if ssl.peer_certificate().is_none() => Ok(None),
            (Taken::Keys(_, directory), Found::Key(key)) if shared_keys::was_by_key(ssl) => {
                let identity = key.sharer(Some(directory));
                Ok(Some(Shown { identity: identity.into(), credential: Credential::PreSharedKey(key) }))
            }
            (_, Found::Nobody(why)) => Err(why),
            _ => Err("it has not shown who it is".to_owned()),
        }
    }

    /// Why there is no connection.
    fn why(&self, error: &Error, ssl: &SslRef, found: Found) -> String {
        if let Found::Nobody(why) = found {
            return why;
        }
        if let Some(why) = failure::of_certificate(error, ssl) {
            return why;
        }
        match (&self.taken, found, failure::reason_of(error)) {
            (Taken::Keys(..), Found::Key(key), _) if failure::is_other_key(error) => {
                format!("its pre-shared key {:?} is another one than here", key.id())
            }
            (Taken::Keys(..), Found::Nothing, Some(reason::NO_SUITABLE_SIGNATURE_ALGORITHM)) => {
                "it offers no pre-shared key".to_owned()
            }
            _ => failure::in_words(error).1,
        }
    }
}

impl ServerEnd for Server {
    fn accept(self: Arc<Self>, stream: TcpStream, until: Instant) -> Accepting {
        Box::pin(async move { self.handshake(stream, until).await })
    }

    fn judge(&self, credential: &Credential) -> Judged<PeerIdentity> {
        match (&self.taken, credential) {
            (Taken::Certificates(clients), Credential::Certificate(chain)) => {
                let end = chain.first().ok_or("it showed nothing")?;
                certificates::verify(self.context.cert_store(), chain, |anchor| clients.holder(end, anchor))
            }
            (Taken::Keys(keys, directory), Credential::PreSharedKey(key)) if shared_keys::is_known(keys, key) => {
                Ok(key.sharer(Some(directory)))
            }
            (Taken::Keys(..), Credential::PreSharedKey(_)) => {
                Err("its pre-shared key is not known any more, or is another one".to_owned())
            }
            _ => Err("credentials of its kind are not taken any more".to_owned()),
        }
    }
}

/// Has clients show a certificate that is good, and names somebody.
fn demand(
    context: &mut SslContextBuilder,
    clients: Arc<Clients>,
    is_mandatory: bool,
    place: Place,
) -> std::result::Result<(), ErrorStack> {
    let mut mode = if clients.anchors.0.is_empty() { SslVerifyMode::NONE } else { SslVerifyMode::PEER };
    if is_mandatory {
        mode |= SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    }
    let mut subjects = Stack::new()?;
    for (anchor, _) in &clients.anchors.0 {
        subjects.push(anchor.subject_name().to_owned()?)?;
    }
    context.set_client_ca_list(subjects);
    let ssl_place = X509StoreContext::ssl_idx()?;
    context.set_verify_callback(mode, move |is_good, verified| {
        // The end of the chain is the last to be found good, or one before is not.
        if !is_good || verified.error_depth() > 0 {
            return is_good;
        }
        let ends = verified.chain().and_then(|chain| chain.iter().next().zip(chain.iter().last()));
        let (judged, refusal) = match ends {
            None => (Err("it has no chain".to_owned()), X509VerifyResult::APPLICATION_VERIFICATION),
            Some((end, anchor)) => {
                let der = end.to_der().map_err(|error| error.to_string());
                (der.and_then(|der| clients.holder(&der, anchor)), certificates::names_nobody(end))
            }
        };
        let is_somebody = judged.is_ok();
        if let Some(ssl) = verified.ex_data(ssl_place) {
            Findings::put(ssl, place, judged.map_or_else(Found::Nobody, Found::Peer));
        }
        if !is_somebody {
            verified.set_error(refusal);
        }
        is_somebody
    });
    Ok(())
}
