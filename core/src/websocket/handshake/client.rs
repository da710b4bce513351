//! The opening end of the opening handshake.
//!
//! Covers: RFC 6455 4.1, TS-0020 6.2.2; rows WS-6.2.2.1-1 to WS-6.2.2.7-1, WS-6.2.3.1-1, WS-6.2.3.4-1,
//! WS-6.2.3.5-1; RFC 7235 4.2 (`Authorization`).
//! Offers permessage-deflate if asked to, and no other extension (WS-6.2.2.8-1).
//! What it does not do: follow redirects, answer a challenge (credentials are sent at once), or time out.

use std::fmt;

use bytes::BytesMut;
use data_encoding::BASE64;
use tungstenite::handshake::derive_accept_key;
use zeroize::Zeroizing;

use super::{
    Credentials, InvalidField, Limits, Refusal,
    answer::{Answer, AnswerError, AnswerReader},
    check_field, check_subprotocol,
    credentials::joined,
    extension,
    head::Fields,
    printable,
};
use crate::websocket::{Agreement, Compression, Random, escape};

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct ClientRequest {
    /// Host and port of the receiver as its URI has them, also through a proxy (TS-0020 6.2.2.2).
    pub authority: String,
    /// The request target: `/`, or the path and query of the URI (TS-0020 6.2.2.1).
    pub target: String,
    /// The names offered, in order of preference (TS-0020 6.2.2.7).
    pub subprotocols: Vec<String>,
    /// Whether permessage-deflate is offered, and how (TS-0020 6.2.2.8). A server that declines is taken without.
    pub compression: Option<Compression>,
    /// Further header fields, in this order.
    pub headers: Vec<(String, String)>,
    /// Who we are towards the server: the last field, `Authorization`, which may not be among the others then.
    pub credentials: Option<Credentials>,
    /// Whether an answer without a subprotocol is taken although some were offered. It breaks TS-0020 6.2.3.5, but there
    /// are such servers.
    pub allow_missing_subprotocol: bool,
}

const AUTHORIZATION: &str = "Authorization";

/// Sends the request and reads the answer of a server.
///
/// Send [`transmit`](Self::transmit), then hand bytes to [`handle_data`](Self::handle_data) until it gives a result, and report
/// the end of the TCP connection, or that waiting is over, to [`handle_eof`](Self::handle_eof).
pub struct ClientHandshake {
    request: Zeroizing<Vec<u8>>,
    credentials: Option<Credentials>,
    accept: String,
    offered: Vec<String>,
    allow_missing_subprotocol: bool,
    compression: Option<Compression>,
    answer: AnswerReader,
}

/// The connection is open.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The name chosen, in the spelling in which it was offered.
    pub subprotocol: Option<String>,
    /// How messages are compressed; `None` if they are not. For [`Connection::with_compression`].
    ///
    /// [`Connection::with_compression`]: crate::websocket::Connection::with_compression
    pub agreement: Option<Agreement>,
    /// All header fields of the answer.
    pub headers: Vec<(String, String)>,
    /// What came after the answer: the first bytes for the connection.
    pub leftover: BytesMut,
    /// In what the answer broke the rules and was taken nevertheless.
    pub deviation: Option<Deviation>,
}

/// A tolerated fault in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// The subprotocol differs in case from what was offered; this is how it was answered.
    SubprotocolCase(String),
    /// No subprotocol was answered, see [`ClientRequest::allow_missing_subprotocol`].
    SubprotocolMissing,
}

/// Why no connection was opened. [`Display`](fmt::Display) says on one line what happened and what may help; what comes from
/// the peer is escaped there. No credentials are in it, even if the server sends them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The request cannot be sent as it is asked for.
    Request(InvalidField),
    /// The server wants to know who we are, or does not accept who we say we are: 401.
    Unauthorized {
        /// Its answer; what is wanted is in its `WWW-Authenticate`.
        refusal: Refusal,
        /// Whether credentials were sent.
        sent: bool,
    },
    /// The server answered with another status than 101.
    Refused(Refusal),
    /// The peer does not speak HTTP; its first bytes, escaped.
    NotHttp(String),
    /// The answer is not one to a WebSocket handshake (RFC 6455 4.1).
    Invalid(String),
    /// The server chose a subprotocol that was not offered (this one), or none at all.
    Subprotocol(Option<String>),
    /// The answer is beyond these limits.
    TooLarge(Limits),
    /// The TCP connection ended within the answer, after so many bytes of it.
    Ended(usize),
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl ClientHandshake {
    /// Makes the request, with a fresh key from `random`.
    ///
    /// # Errors
    /// [`HandshakeError::Request`] when a part of the request may not stand where it would.
    pub fn new(request: &ClientRequest, limits: Limits, random: &mut dyn Random) -> Result<Self, HandshakeError> {
        let mut key = [0; 16];
        random.fill(&mut key);
        let key = BASE64.encode(&key);
        Ok(Self {
            request: write_request(request, &key).map_err(HandshakeError::Request)?,
            credentials: request.credentials.clone(),
            accept: derive_accept_key(key.as_bytes()),
            offered: request.subprotocols.clone(),
            allow_missing_subprotocol: request.allow_missing_subprotocol,
            compression: request.compression.clone(),
            answer: AnswerReader::new(limits, |status| status == 101),
        })
    }

    /// The request; empty when it was given already.
    pub fn transmit(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.request)
    }

    /// Takes bytes from the server, cut anywhere. `None`: more is needed.
    ///
    /// # Errors
    /// Whatever keeps the connection from being opened; nothing more is to be handed over then.
    pub fn handle_data(&mut self, data: &[u8]) -> Result<Option<Accepted>, HandshakeError> {
        let answer = self.answer.handle_data(data).map_err(HandshakeError::from);
        let judged = answer.and_then(|answer| answer.map(|answer| self.judge(answer)).transpose());
        judged.map_err(|error| self.failed(error))
    }

    /// The TCP connection ended, or there is no more time: what this comes to.
    pub fn handle_eof(&mut self) -> HandshakeError {
        let error = self.answer.handle_eof().into();
        self.failed(error)
    }

    /// What is told of it: without our credentials, and a 401 as what it is.
    fn failed(&self, error: HandshakeError) -> HandshakeError {
        let error = match (error, &self.credentials) {
            (error, None) => error,
            (HandshakeError::Refused(refusal), Some(own)) => HandshakeError::Refused(own.hide_in(refusal)),
            (HandshakeError::NotHttp(start), Some(own)) => HandshakeError::NotHttp(own.hide(start)),
            (HandshakeError::Invalid(what), Some(own)) => HandshakeError::Invalid(own.hide(what)),
            (HandshakeError::Subprotocol(name), Some(own)) => {
                HandshakeError::Subprotocol(name.map(|name| own.hide(name)))
            }
            (error, Some(_)) => error,
        };
        match error {
            HandshakeError::Refused(refusal) if refusal.status == 401 => {
                HandshakeError::Unauthorized { refusal, sent: self.credentials.is_some() }
            }
            error => error,
        }
    }

    /// RFC 6455 4.1, second half.
    fn judge(&self, answer: Answer) -> Result<Accepted, HandshakeError> {
        let Answer { version, fields, leftover } = answer;
        if version != 1 {
            return Err(invalid("its HTTP version is not 1.1"));
        }
        // Nothing else may stand there (RFC 6455 4.1, step 2).
        if !fields.list_has("Upgrade", "websocket") || fields.list("Upgrade").count() > 1 {
            return Err(invalid("it has no \"Upgrade: WebSocket\""));
        }
        if !fields.list_has("Connection", "upgrade") {
            return Err(invalid("it has no \"Connection: Upgrade\""));
        }
        if once(&fields, "Sec-WebSocket-Accept")? != Some(&self.accept) {
            return Err(invalid("its Sec-WebSocket-Accept does not answer our key"));
        }
        let answered = extension::parse(fields.all(extension::HEADER))
            .map_err(|_| invalid(format!("its {} cannot be read", extension::HEADER)))?;
        let agreement = extension::judge(&answered, self.compression.as_ref()).map_err(invalid)?;
        let (subprotocol, deviation) = self.judge_subprotocol(once(&fields, "Sec-WebSocket-Protocol")?)?;
        Ok(Accepted { subprotocol, agreement, headers: fields.0, leftover, deviation })
    }

    /// RFC 6455 4.1: what is answered was offered. A difference in case is tolerated, and so is, on request, no answer.
    fn judge_subprotocol(&self, answered: Option<&str>) -> Result<(Option<String>, Option<Deviation>), HandshakeError> {
        let Some(answered) = answered else {
            return match (self.offered.is_empty(), self.allow_missing_subprotocol) {
                (true, _) => Ok((None, None)),
                (false, true) => Ok((None, Some(Deviation::SubprotocolMissing))),
                (false, false) => Err(HandshakeError::Subprotocol(None)),
            };
        };
        let exact = self.offered.iter().find(|offered| *offered == answered);
        if let Some(offered) = exact {
            return Ok((Some(offered.clone()), None));
        }
        match self.offered.iter().find(|offered| offered.eq_ignore_ascii_case(answered)) {
            Some(offered) => Ok((Some(offered.clone()), Some(Deviation::SubprotocolCase(answered.to_owned())))),
            None => Err(HandshakeError::Subprotocol(Some(answered.to_owned()))),
        }
    }
}

/// The request, with the fields and the order of TS-0020 5.2, step 2.
fn write_request(request: &ClientRequest, key: &str) -> Result<Zeroizing<Vec<u8>>, InvalidField> {
    let ClientRequest { authority, target, subprotocols, compression, headers, credentials, .. } = request;
    if authority.is_empty() || !authority.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b)) {
        let what = format!("authority \"{}\"", escape(authority));
        return Err(InvalidField { what, why: "is not host[:port]" });
    }
    if !target.starts_with('/') || !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        let what = format!("request target \"{}\"", escape(target));
        return Err(InvalidField { what, why: "is not a path in visible ASCII characters" });
    }
    subprotocols.iter().try_for_each(|name| check_subprotocol(name))?;

    let mut text = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
    );
    if !subprotocols.is_empty() {
        text += &format!("Sec-WebSocket-Protocol: {}\r\n", subprotocols.join(", "));
    }
    if let Some(compression) = compression {
        compression.check().map_err(|what| InvalidField { what, why: "(RFC 7692 7.1)" })?;
        text += &format!("{}: {}\r\n", extension::HEADER, extension::offer(compression));
    }
    text += "Sec-WebSocket-Version: 13\r\n";
    for (name, value) in headers {
        check_field(name, value)?;
        if credentials.is_some() && name.eq_ignore_ascii_case(AUTHORIZATION) {
            let what = format!("header field \"{}\"", escape(name));
            return Err(InvalidField { what, why: "is there already: there are credentials" });
        }
        text += &format!("{name}: {value}\r\n");
    }
    let field = credentials.as_ref().map(|credentials| credentials.line(AUTHORIZATION)).unwrap_or_default();
    Ok(joined(&[text.as_bytes(), &field, b"\r\n"]))
}

fn once<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, HandshakeError> {
    fields.only(name).map_err(|_| invalid(format!("it has more than one {name}")))
}

fn invalid(what: impl Into<String>) -> HandshakeError {
    HandshakeError::Invalid(what.into())
}

impl From<AnswerError> for HandshakeError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Refused(refusal) => Self::Refused(refusal),
            AnswerError::NotHttp(start) => Self::NotHttp(start),
            AnswerError::Malformed(what) => Self::Invalid(what),
            AnswerError::TooLarge(limits) => Self::TooLarge(limits),
            AnswerError::Ended(bytes) => Self::Ended(bytes),
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(invalid) => write!(f, "the WebSocket handshake cannot be sent: {invalid}"),
            Self::Unauthorized { refusal, sent } => {
                write!(f, "the server refused the WebSocket handshake with {refusal}; ")?;
                f.write_str(if *sent { "our credentials are not accepted" } else { "credentials are wanted" })?;
                let fields = refusal.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
                let challenges: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
                if !challenges.is_empty() {
                    write!(f, " ({})", printable(challenges.join(", ").as_bytes()))?;
                }
                f.write_str(if *sent { "; check them" } else { "; set them" })
            }
            Self::Refused(refusal) => write!(f, "the server refused the WebSocket handshake with {refusal}"),
            Self::NotHttp(start) => write!(
                f,
                "the peer does not speak HTTP, it sent \"{start}\"; check the port, and ws:// against wss://"
            ),
            Self::Invalid(what) => {
                write!(f, "the server's answer to the WebSocket handshake is invalid: {what}; check that the address is a WebSocket server's")
            }
            Self::Subprotocol(Some(name)) => write!(
                f,
                "the server chose the subprotocol \"{}\", which was not offered; offer it, or check the server's settings",
                printable(name.as_bytes())
            ),
            Self::Subprotocol(None) => f.write_str(
                "the server chose none of the offered subprotocols; offer one that it knows, or allow a missing subprotocol",
            ),
            Self::TooLarge(Limits { max_bytes, max_fields }) => write!(
                f,
                "the server's answer to the WebSocket handshake is larger than {max_bytes} bytes or {max_fields} header fields"
            ),
            Self::Ended(0) => f.write_str(
                "the server ended the connection instead of answering the WebSocket handshake; check ws:// against wss://",
            ),
            Self::Ended(bytes) => {
                write!(f, "the connection ended after {bytes} bytes of the server's answer to the WebSocket handshake")
            }
        }
    }
}

impl std::error::Error for HandshakeError {}

#[cfg(test)]
mod tests;
