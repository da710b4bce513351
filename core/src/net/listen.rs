//! Opens connections as a server: the opening handshake with its limits, deadline and refusals.
//!
//! Covers: TS-0020 6.2.3; rows WS-6.2.2.7-2, WS-6.2.3.1-1, WS-6.2.3.5-1.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::binding::subprotocol;
use crate::primitive::Format;
use crate::websocket::handshake::Limits;
use crate::websocket::handshake::server::{Rejection, ServerHandshake, UpgradeRequest};
use crate::websocket::{Agreement, Compression};

/// What a server accepts.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) formats: Vec<Format>,
    /// Takes the subprotocol spellings of older texts too.
    pub(crate) stray_subprotocols: bool,
    /// Whether and how permessage-deflate is taken.
    pub(crate) compression: Option<Compression>,
    pub(crate) limits: Limits,
    pub(crate) deadline: Duration,
}

/// A client whose handshake was accepted.
pub(crate) struct Upgraded {
    pub(crate) request: UpgradeRequest,
    pub(crate) format: Format,
    pub(crate) agreement: Option<Agreement>,
}

impl Listen {
    /// Reads a handshake and answers it. The error says, for the log, why there is no connection.
    pub(crate) async fn upgrade(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<Upgraded, String> {
        match tokio::time::timeout(self.deadline, self.steps(stream)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no complete handshake within {:?}", self.deadline)),
        }
    }

    async fn steps(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<Upgraded, String> {
        match self.read(stream).await? {
            Ok((upgraded, answer)) => {
                stream.write_all(&answer).await.map_err(|error| error.to_string())?;
                Ok(upgraded)
            }
            Err(rejection) => {
                refuse(stream, &rejection).await;
                Err(rejection.to_string())
            }
        }
    }

    async fn read(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Result<(Upgraded, bytes::Bytes), Rejection>, String> {
        let mut handshake = ServerHandshake::new(self.limits);
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).await.map_err(|error| error.to_string())?;
            if count == 0 {
                return Err("the peer went away within the handshake".to_owned());
            }
            match handshake.handle_data(&buffer[..count]) {
                Ok(None) => {}
                Ok(Some(request)) => return Ok(self.decide(request)),
                Err(rejection) => return Ok(Err(rejection)),
            }
        }
    }

    fn decide(&self, request: UpgradeRequest) -> Result<(Upgraded, bytes::Bytes), Rejection> {
        if request.origin.is_some() {
            // A browser's page speaks with the user's rights; devices send no Origin (RFC 6455 10.2).
            return Err(Rejection::new(403, "requests from web pages (Origin header) are not accepted here"));
        }
        let Some((name, format)) = subprotocol::select(&request.subprotocols, &self.formats, self.stray_subprotocols)
        else {
            let wanted = subprotocol::offer(&self.formats).join(", ");
            let text = if request.subprotocols.is_empty() {
                format!("Sec-WebSocket-Protocol is missing; offer one of: {wanted}")
            } else {
                format!("none of the offered subprotocols is served; offer one of: {wanted}")
            };
            return Err(Rejection::new(400, text));
        };
        let name = name.to_owned();
        let negotiated = self.compression.as_ref().and_then(|wanted| request.negotiate(wanted));
        match request.accept(Some(&name), negotiated.as_ref(), &[]) {
            Ok(answer) => Ok((Upgraded { request, format, agreement: negotiated.map(|n| n.agreement) }, answer)),
            Err(error) => Err(Rejection::new(400, error.to_string())),
        }
    }
}

/// Answers without looking at the request.
pub(crate) async fn turn_away(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), status: u16, reason: &str) {
    let rejection = Rejection::new(status, reason);
    // A peer that does not read its refusal is left alone.
    let _ = tokio::time::timeout(Duration::from_secs(1), refuse(stream, &rejection)).await;
}

/// Sends a refusal so that the client can read it: what it still sends is read, since closing a socket with unread bytes
/// resets the connection and may take the answer away.
async fn refuse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), rejection: &Rejection) {
    let answer = rejection.to_bytes();
    if stream.write_all(&answer).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut scrap = BytesMut::zeroed(4096);
    let drain = async {
        for _ in 0..16 {
            if !matches!(stream.read(&mut scrap).await, Ok(count) if count > 0) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), drain).await;
}
