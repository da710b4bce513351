//! Opens a connection as a client: resolve, TCP, a tunnel through a proxy, TLS, opening handshake, all within one deadline.
//!
//! Covers: TS-0020 5.1, 6.2.2, 6.6; rows WS-5.1-2, WS-6.2.2.2-1, WS-6.2.2.5-1, WS-6.2.2.7-1, WS-6.2.3.4-1, WS-6.2.3.5-1,
//! WS-6.6-1, WS-7-1.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::tls::connector::{Connector, Shown};
use super::tls::{TlsStream, failure};
use super::{OsRandom, socket};
use crate::binding::{PointOfAccess, Proxy, subprotocol};
use crate::primitive::Format;
use crate::websocket::handshake::client::{Accepted, ClientHandshake, ClientRequest, HandshakeError};
use crate::websocket::handshake::proxy::{ProxyError, ProxyHandshake, ProxyRequest};
use crate::websocket::handshake::{Credentials, Limits};
use crate::websocket::{Agreement, Compression};
use crate::{Error, ErrorKind, Result};

/// What a client asks for.
#[derive(Clone)]
pub(crate) struct Dial {
    pub(crate) poa: PointOfAccess,
    /// By which way; `None` for a direct connection.
    pub(crate) proxy: Option<Proxy>,
    /// For a `wss://` point of access, and no other.
    pub(crate) tls: Option<Arc<Connector>>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) compression: Option<Compression>,
    pub(crate) headers: Vec<(String, String)>,
    /// Who we are towards the server.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) deadline: Duration,
    pub(crate) limits: Limits,
    /// See [`socket::tune`].
    pub(crate) write_timeout: Duration,
    /// Without the subprotocol in the answer the first one offered is taken; off by default.
    pub(crate) allow_missing_subprotocol: bool,
}

/// A connection that is open.
pub(crate) struct Opened {
    pub(crate) stream: TlsStream,
    /// What the server has shown, with TLS.
    pub(crate) shown: Option<Shown>,
    pub(crate) format: Format,
    pub(crate) agreement: Option<Agreement>,
    /// What the server sent right behind its answer.
    pub(crate) leftover: BytesMut,
}

/// A part of the way, which ends at the proxy or at the server. Shown, it is the beginning of an error's text.
#[derive(Clone, Copy)]
struct Hop<'a> {
    dial: &'a Dial,
    to: Peer,
    /// When the whole way is to be open.
    until: Instant,
}

#[derive(Clone, Copy)]
enum Peer {
    Proxy,
    Server,
}

/// What a peer did.
enum Read<'b> {
    Data(&'b [u8]),
    End,
    /// The connection was reset, or has ended without TLS's own end.
    Cut,
    /// Nothing, until it was too late.
    Nothing,
}

impl fmt::Display for Hop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dial { poa, proxy, .. } = self.dial;
        match (proxy, self.to) {
            (None, _) => write!(f, "{poa}"),
            (Some(proxy), Peer::Proxy) => write!(f, "{poa}: at the proxy {proxy}"),
            (Some(proxy), Peer::Server) => write!(f, "{poa}: behind the proxy {proxy}"),
        }
    }
}

impl Dial {
    /// Opens the connection.
    pub(crate) async fn open(&self) -> Result<Opened> {
        let until = Instant::now() + self.deadline;
        let server = Hop { dial: self, to: Peer::Server, until };
        let stream = match &self.proxy {
            None => server.connect(self.poa.host(), self.poa.port()).await?,
            Some(proxy) => Hop { to: Peer::Proxy, ..server }.tunnel(proxy).await?,
        };
        let (mut stream, shown) = match &self.tls {
            None => (TlsStream::Plain(stream), None),
            Some(connector) => {
                let secure = async { connector.connect(stream).await.map_err(|failed| server.insecure(failed)) };
                let (stream, shown) = server.within(secure).await?;
                (stream, Some(shown))
            }
        };
        let accepted = server.handshake(&mut stream).await?;
        let format = match &accepted.subprotocol {
            Some(name) => subprotocol::format_of(name, true),
            None => self.subprotocols.first().and_then(|name| subprotocol::format_of(name, true)),
        };
        let format = format.ok_or_else(|| {
            let name = accepted.subprotocol.as_deref().unwrap_or_default();
            Error::new(ErrorKind::NoCommonSubprotocol, format!("{server}: subprotocol {name:?} is not known here"))
        })?;
        Ok(Opened { stream, shown, format, agreement: accepted.agreement, leftover: accepted.leftover })
    }
}

impl Hop<'_> {
    async fn within<T>(self, step: impl Future<Output = Result<T>>) -> Result<T> {
        timeout_at(self.until, step).await.unwrap_or_else(|_| Err(self.too_late()))
    }

    fn too_late(self) -> Error {
        let whose = match self.to {
            Peer::Proxy => "the proxy does not answer, or waits for a server that does not",
            Peer::Server => "the peer does not answer, or accepts connections and stays silent",
        };
        Error::new(ErrorKind::OpenTimeout, format!("{self}: not open after {:?}; {whose}", self.dial.deadline))
    }

    async fn connect(self, host: &str, port: u16) -> Result<TcpStream> {
        self.within(async {
            let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
                Error::new(ErrorKind::UnknownHost, format!("{self}: host {host:?} could not be resolved: {error}"))
            })?;
            let mut last = None;
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        socket::tune(&stream, self.dial.write_timeout).map_err(|error| self.network(&error))?;
                        return Ok(stream);
                    }
                    Err(error) => last = Some(error),
                }
            }
            Err(match last {
                None => Error::new(ErrorKind::UnknownHost, format!("{self}: host {host:?} has no address")),
                Some(error) => self.network(&error),
            })
        })
        .await
    }

    /// A connection to the server, through the proxy, which resolves the server's name.
    async fn tunnel(self, proxy: &Proxy) -> Result<TcpStream> {
        let Dial { poa, limits, .. } = self.dial;
        let (host, port, credentials) = (poa.host().to_owned(), poa.port(), proxy.credentials().cloned());
        let mut handshake = ProxyHandshake::new(&ProxyRequest { host, port, credentials }, *limits)
            .map_err(|error| self.refused_by_proxy(error))?;
        let mut stream = self.connect(proxy.host(), proxy.port()).await?;
        self.write(&mut stream, &handshake.transmit()).await?;
        let mut buffer = [0; 4096];
        loop {
            let step = match self.read(&mut stream, &mut buffer).await? {
                Read::Data(data) => handshake.handle_data(data),
                Read::End | Read::Cut => Err(handshake.handle_eof()),
                Read::Nothing => match handshake.handle_eof() {
                    error @ (ProxyError::Refused(_) | ProxyError::AuthenticationRequired { .. }) => Err(error),
                    _ => return Err(self.too_late()),
                },
            };
            if step.map_err(|error| self.refused_by_proxy(error))?.is_some() {
                return Ok(stream);
            }
        }
    }

    async fn handshake(self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<Accepted> {
        let Dial { poa, subprotocols, compression, headers, credentials, allow_missing_subprotocol, .. } = self.dial;
        let request = ClientRequest {
            authority: poa.authority(),
            target: poa.target().to_owned(),
            subprotocols: subprotocols.clone(),
            compression: compression.clone(),
            headers: headers.clone(),
            credentials: credentials.clone(),
            allow_missing_subprotocol: *allow_missing_subprotocol,
        };
        let mut handshake = ClientHandshake::new(&request, self.dial.limits, &mut OsRandom::new())
            .map_err(|error| self.refused(error))?;
        self.write(stream, &handshake.transmit()).await?;
        let mut buffer = [0; 4096];
        let mut is_answered = false;
        loop {
            let step = match self.read(stream, &mut buffer).await? {
                Read::Data(data) => {
                    is_answered = true;
                    handshake.handle_data(data)
                }
                Read::Cut if self.dial.tls.is_some() && !is_answered => return Err(self.insecure(failure::cut())),
                Read::End | Read::Cut => Err(handshake.handle_eof()),
                // A refusal whose body has no end is one nevertheless.
                Read::Nothing => match handshake.handle_eof() {
                    error @ (HandshakeError::Refused(_) | HandshakeError::Unauthorized { .. }) => Err(error),
                    _ => return Err(self.too_late()),
                },
            };
            if let Some(accepted) = step.map_err(|error| self.refused(error))? {
                return Ok(accepted);
            }
        }
    }

    async fn write(self, stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<()> {
        let write = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        self.within(async { write.await.map_err(|error| self.network(&error)) }).await
    }

    async fn read<'b>(self, stream: &mut (impl AsyncRead + Unpin), buffer: &'b mut [u8]) -> Result<Read<'b>> {
        match timeout_at(self.until, stream.read(buffer)).await {
            Err(_) => Ok(Read::Nothing),
            Ok(Ok(0)) => Ok(Read::End),
            Ok(Ok(count)) => Ok(Read::Data(&buffer[..count])),
            // Behind a complete refusal this takes nothing away from it.
            Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                Ok(Read::Cut)
            }
            Ok(Err(error)) => Err(self.network(&error)),
        }
    }

    fn insecure(self, (kind, text): (ErrorKind, String)) -> Error {
        Error::new(kind, format!("{self}: {text}"))
    }

    fn network(self, error: &io::Error) -> Error {
        // With TLS 1.3 this is how a client hears that its certificate was not accepted.
        if let Some(failed) = failure::told(error) {
            return self.insecure(failed);
        }
        let (kind, hint) = match (error.kind(), self.to) {
            (io::ErrorKind::ConnectionRefused, Peer::Server) => {
                (ErrorKind::ConnectionRefused, "; is the CSE running, and is the port right?")
            }
            (io::ErrorKind::ConnectionRefused, Peer::Proxy) => {
                (ErrorKind::ConnectionRefused, "; is the proxy running, and is its port right?")
            }
            (io::ErrorKind::TimedOut, _) => (ErrorKind::OpenTimeout, ""),
            _ => (ErrorKind::Network, ""),
        };
        Error::new(kind, format!("{self}: {error}{hint}"))
    }

    fn refused_by_proxy(self, error: ProxyError) -> Error {
        let text = format!("{self}: {error}");
        match error {
            ProxyError::Request(_) => Error::new(ErrorKind::InvalidArgument, text),
            ProxyError::AuthenticationRequired { refusal, .. } => {
                Error::new(ErrorKind::ProxyAuthenticationRequired, text).with_refusal(refusal)
            }
            ProxyError::Refused(refusal) => Error::new(ErrorKind::ProxyRefused, text).with_refusal(refusal),
            ProxyError::NotHttp(_) | ProxyError::Invalid(_) | ProxyError::TooLarge(_) | ProxyError::Ended(_) => {
                Error::new(ErrorKind::NotProxy, text)
            }
        }
    }

    fn refused(self, error: HandshakeError) -> Error {
        // What begins so is an alert of TLS (RFC 8446 5.1).
        let speaks_tls = matches!(&error, HandshakeError::NotHttp(start) if start.starts_with("\\u{15}\\u{3}"));
        let hint = if speaks_tls { "; it speaks TLS: use wss://" } else { "" };
        let text = format!("{self}: {error}{hint}");
        match error {
            HandshakeError::Request(_) => Error::new(ErrorKind::InvalidArgument, text),
            HandshakeError::Refused(refusal) | HandshakeError::Unauthorized { refusal, .. } => {
                Error::new(ErrorKind::HandshakeRefused, text).with_refusal(refusal)
            }
            HandshakeError::Subprotocol(_) => Error::new(ErrorKind::NoCommonSubprotocol, text),
            HandshakeError::NotHttp(_)
            | HandshakeError::Invalid(_)
            | HandshakeError::TooLarge(_)
            | HandshakeError::Ended(_) => Error::new(ErrorKind::NotWebSocket, text),
        }
    }
}
