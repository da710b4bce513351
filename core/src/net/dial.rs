//! Opens a connection as a client: resolve, TCP, opening handshake, all within one deadline.
//!
//! Covers: TS-0020 5.1, 6.2.2; rows WS-5.1-2, WS-6.2.2.2-1, WS-6.2.2.5-1, WS-6.2.2.7-1, WS-6.2.3.4-1, WS-6.2.3.5-1. No TLS and no
//! proxy yet.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{OsRandom, socket};
use crate::binding::{PointOfAccess, subprotocol};
use crate::primitive::Format;
use crate::websocket::handshake::Limits;
use crate::websocket::handshake::client::{Accepted, ClientHandshake, ClientRequest, HandshakeError};
use crate::websocket::{Agreement, Compression};
use crate::{Error, ErrorKind, Result};

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) poa: PointOfAccess,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) compression: Option<Compression>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) deadline: Duration,
    pub(crate) limits: Limits,
    /// See [`socket::tune`].
    pub(crate) write_timeout: Duration,
    /// Without the subprotocol in the answer the first one offered is taken; off by default.
    pub(crate) allow_missing_subprotocol: bool,
}

/// A connection that is open.
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    pub(crate) format: Format,
    pub(crate) agreement: Option<Agreement>,
    /// What the server sent right behind its answer.
    pub(crate) leftover: BytesMut,
}

impl Dial {
    /// Opens the connection.
    pub(crate) async fn open(&self) -> Result<Opened> {
        if self.poa.is_secure() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{}: TLS is not part of this version; use a ws:// point of access", self.poa),
            ));
        }
        match tokio::time::timeout(self.deadline, self.steps()).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(
                ErrorKind::OpenTimeout,
                format!(
                    "{}: not open after {:?}; the peer does not answer, or accepts connections and stays silent",
                    self.poa, self.deadline
                ),
            )),
        }
    }

    async fn steps(&self) -> Result<Opened> {
        let mut stream = self.connect().await?;
        let accepted = self.handshake(&mut stream).await?;
        let format = match &accepted.subprotocol {
            Some(name) => subprotocol::format_of(name, true),
            None => self.subprotocols.first().and_then(|name| subprotocol::format_of(name, true)),
        };
        let format = format.ok_or_else(|| {
            let name = accepted.subprotocol.as_deref().unwrap_or_default();
            Error::new(ErrorKind::NoCommonSubprotocol, format!("{}: subprotocol {name:?} is not known here", self.poa))
        })?;
        Ok(Opened { stream, format, agreement: accepted.agreement, leftover: accepted.leftover })
    }

    async fn connect(&self) -> Result<TcpStream> {
        let (host, port) = (self.poa.host(), self.poa.port());
        let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
            Error::new(ErrorKind::UnknownHost, format!("{}: host {host:?} could not be resolved: {error}", self.poa))
        })?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    socket::tune(&stream, self.write_timeout).map_err(|error| self.network(&error))?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(match last {
            None => Error::new(ErrorKind::UnknownHost, format!("{}: host {host:?} has no address", self.poa)),
            Some(error) => self.network(&error),
        })
    }

    async fn handshake(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<Accepted> {
        let request = ClientRequest {
            authority: self.poa.authority(),
            target: self.poa.target().to_owned(),
            subprotocols: self.subprotocols.clone(),
            compression: self.compression.clone(),
            headers: self.headers.clone(),
            allow_missing_subprotocol: self.allow_missing_subprotocol,
        };
        let mut handshake =
            ClientHandshake::new(&request, self.limits, &mut OsRandom::new()).map_err(|error| self.refused(error))?;
        stream.write_all(&handshake.transmit()).await.map_err(|error| self.network(&error))?;
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) => return Err(self.refused(handshake.handle_eof())),
                Ok(count) => {
                    let accepted = handshake.handle_data(&buffer[..count]).map_err(|error| self.refused(error))?;
                    if let Some(accepted) = accepted {
                        return Ok(accepted);
                    }
                }
                // A reset behind a complete refusal takes nothing away from it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(self.refused(handshake.handle_eof()));
                }
                Err(error) => return Err(self.network(&error)),
            }
        }
    }

    fn network(&self, error: &io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
            io::ErrorKind::TimedOut => ErrorKind::OpenTimeout,
            _ => ErrorKind::Network,
        };
        let hint =
            if kind == ErrorKind::ConnectionRefused { "; is the CSE running, and is the port right?" } else { "" };
        Error::new(kind, format!("{}: {error}{hint}", self.poa))
    }

    fn refused(&self, error: HandshakeError) -> Error {
        let text = format!("{}: {error}", self.poa);
        match error {
            HandshakeError::Request(_) => Error::new(ErrorKind::InvalidArgument, text),
            HandshakeError::Refused(refusal) => Error::new(ErrorKind::HandshakeRefused, text).with_refusal(refusal),
            HandshakeError::Subprotocol(_) => Error::new(ErrorKind::NoCommonSubprotocol, text),
            HandshakeError::NotHttp(_)
            | HandshakeError::Invalid(_)
            | HandshakeError::TooLarge(_)
            | HandshakeError::Ended(_) => Error::new(ErrorKind::NotWebSocket, text),
        }
    }
}
