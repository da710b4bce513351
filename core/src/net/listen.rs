//! Opens connections as a server: the opening handshake with its limits, deadline and refusals.
//!
//! Covers: TS-0020 6.2.3, RFC 6455 4.2.2 and 10.2; rows WS-6.2.2.7-2, WS-6.2.3.1-1, WS-6.2.3.5-1. What it does not do: count
//! connections, or serve them.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::binding::subprotocol;
use crate::primitive::Format;
use crate::websocket::handshake::Limits;
use crate::websocket::handshake::server::{Rejection, ServerHandshake, UpgradeRequest};
use crate::websocket::{Agreement, Compression};

/// So much of what a peer that is refused still sends is read.
const FAREWELL_BYTES: usize = 256 << 10;

/// What a server accepts.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) formats: Vec<Format>,
    /// Takes the subprotocol spellings of older texts too.
    pub(crate) stray_subprotocols: bool,
    /// Whether and how permessage-deflate is taken.
    pub(crate) compression: Option<Compression>,
    /// Served paths; every one if empty.
    pub(crate) paths: Vec<String>,
    /// Web pages that may open connections.
    pub(crate) allow_origins: Vec<String>,
    pub(crate) limits: Limits,
    /// From the accept to the end of the handshake.
    pub(crate) deadline: Duration,
}

/// A client whose handshake was accepted.
pub(crate) struct Upgraded {
    pub(crate) request: UpgradeRequest,
    pub(crate) format: Format,
    pub(crate) agreement: Option<Agreement>,
}

/// Why there is no connection.
pub(crate) enum NotUpgraded {
    /// It is refused, and is to be told so.
    Refused(Rejection),
    /// The peer went away, or said nothing until the deadline; in our words.
    Gone(String),
}

impl Listen {
    /// Reads a handshake from a stream that was accepted at `accepted`, and answers it if it is good and `judge` lets its
    /// sender in; a refusal is the caller's to send, with [`farewell`].
    pub(crate) async fn upgrade<S>(
        &self,
        stream: &mut S,
        accepted: Instant,
        judge: impl FnOnce(&UpgradeRequest) -> Result<(), Rejection>,
    ) -> Result<Upgraded, NotUpgraded>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = accepted + self.deadline;
        let mut has_begun = false;
        let request = match timeout_at(deadline, self.read(stream, &mut has_begun)).await {
            Ok(request) => request?,
            Err(_) => return Err(self.too_slow(has_begun)),
        };
        let (upgraded, answer) = self.decide(request, judge).map_err(NotUpgraded::Refused)?;
        let write = async {
            stream.write_all(&answer).await?;
            stream.flush().await
        };
        match timeout_at(deadline, write).await {
            Ok(Ok(())) => Ok(upgraded),
            Ok(Err(error)) => Err(NotUpgraded::Gone(error.to_string())),
            Err(_) => Err(NotUpgraded::Gone("the peer does not take its answer".to_owned())),
        }
    }

    async fn read(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        has_begun: &mut bool,
    ) -> Result<UpgradeRequest, NotUpgraded> {
        let mut handshake = ServerHandshake::new(self.limits);
        let mut buffer = [0; 4096];
        loop {
            let count = stream.read(&mut buffer).await.map_err(|error| NotUpgraded::Gone(error.to_string()))?;
            if count == 0 {
                return Err(NotUpgraded::Gone("the peer went away within the handshake".to_owned()));
            }
            *has_begun = true;
            if let Some(request) = handshake.handle_data(&buffer[..count]).map_err(NotUpgraded::Refused)? {
                return Ok(request);
            }
        }
    }

    /// A peer that has said something is told that it was not enough; there is nothing to answer to one that was silent.
    fn too_slow(&self, has_begun: bool) -> NotUpgraded {
        let why = format!("no complete handshake within {:?}", self.deadline);
        if has_begun { NotUpgraded::Refused(Rejection::new(408, why)) } else { NotUpgraded::Gone(why) }
    }

    fn decide(
        &self,
        request: UpgradeRequest,
        judge: impl FnOnce(&UpgradeRequest) -> Result<(), Rejection>,
    ) -> Result<(Upgraded, Bytes), Rejection> {
        if !self.paths.is_empty() && !self.paths.iter().any(|path| path == request.path()) {
            return Err(Rejection::new(404, "nothing is served under this path"));
        }
        // A browser's page speaks with the user's rights; devices send no Origin (RFC 6455 10.2).
        if let Some(origin) = &request.origin
            && !self.allow_origins.contains(origin)
        {
            return Err(Rejection::new(403, "connections from this web page (Origin header) are not accepted here"));
        }
        let Some((name, format)) = subprotocol::select(&request.subprotocols, &self.formats, self.stray_subprotocols)
        else {
            let wanted = subprotocol::offer(&self.formats, true).join(", ");
            let text = if request.subprotocols.is_empty() {
                format!("Sec-WebSocket-Protocol is missing; offer one of: {wanted}")
            } else {
                format!("none of the offered subprotocols is served; offer one of: {wanted}")
            };
            return Err(Rejection::new(400, text));
        };
        judge(&request)?;
        let name = name.to_owned();
        let negotiated = self.compression.as_ref().and_then(|wanted| request.negotiate(wanted));
        match request.accept(Some(&name), negotiated.as_ref(), &[]) {
            Ok(answer) => Ok((Upgraded { request, format, agreement: negotiated.map(|n| n.agreement) }, answer)),
            Err(error) => Err(Rejection::new(400, error.to_string())),
        }
    }
}

/// Sends a refusal so that the client can read it.
pub(crate) async fn farewell(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), rejection: &Rejection) {
    super::farewell::say(stream, &rejection.to_bytes(), FAREWELL_BYTES).await;
}
