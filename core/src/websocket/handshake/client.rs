//! The opening end of the opening handshake.
//!
//! Covers: RFC 6455 4.1, TS-0020 6.2.2; rows WS-6.2.2.1-1 to WS-6.2.2.7-1, WS-6.2.3.4-1, WS-6.2.3.5-1.
//! Offers permessage-deflate if asked to, and no other extension (WS-6.2.2.8-1).
//! What it does not do: follow redirects, authenticate, or time out.

use std::fmt;

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use tungstenite::handshake::derive_accept_key;

use super::{
    InvalidField, Limits,
    body::BodyReader,
    check_field, check_subprotocol, extension,
    head::{Fields, Gatherer, room},
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
    /// Further header fields, sent last and in this order.
    pub headers: Vec<(String, String)>,
    /// Whether an answer without a subprotocol is taken although some were offered. It breaks TS-0020 6.2.3.5, but there
    /// are such servers.
    pub allow_missing_subprotocol: bool,
}

/// Sends the request and reads the answer of a server.
///
/// Send [`transmit`](Self::transmit), then hand bytes to [`handle_data`](Self::handle_data) until it gives a result, and report
/// the end of the TCP connection, or that waiting is over, to [`handle_eof`](Self::handle_eof).
#[derive(Debug)]
pub struct ClientHandshake {
    limits: Limits,
    request: Bytes,
    accept: String,
    offered: Vec<String>,
    allow_missing_subprotocol: bool,
    compression: Option<Compression>,
    /// Bytes of answers before the answer.
    interim: usize,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    Head(Gatherer),
    /// The body of a refusal.
    Body(Refusal, BodyReader),
}

/// What a head was, and what came after it.
enum Read {
    Accepted(Box<Accepted>),
    /// An answer before the answer (RFC 7231 6.2): it says nothing to us.
    Interim(BytesMut),
    Refused(BytesMut),
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

/// An HTTP answer other than 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The phrase after the status.
    pub reason: String,
    /// All header fields.
    pub headers: Vec<(String, String)>,
    /// The body as far as it came, chunks joined, at most [`Limits::max_bytes`].
    pub body: Vec<u8>,
}

/// Why no connection was opened. [`Display`](fmt::Display) says on one line what happened and what may help; what comes from
/// the peer is escaped there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The request cannot be sent as it is asked for.
    Request(InvalidField),
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
            limits,
            request: write_request(request, &key).map_err(HandshakeError::Request)?,
            accept: derive_accept_key(key.as_bytes()),
            offered: request.subprotocols.clone(),
            allow_missing_subprotocol: request.allow_missing_subprotocol,
            compression: request.compression.clone(),
            interim: 0,
            reading: Reading::Head(Gatherer::default()),
        })
    }

    /// The request; empty when it was given already.
    pub fn transmit(&mut self) -> Bytes {
        std::mem::take(&mut self.request)
    }

    /// Takes bytes from the server, cut anywhere. `None`: more is needed.
    ///
    /// # Errors
    /// Whatever keeps the connection from being opened; nothing more is to be handed over then.
    pub fn handle_data(&mut self, data: &[u8]) -> Result<Option<Accepted>, HandshakeError> {
        let mut data = BytesMut::from(data);
        loop {
            let gatherer = match &mut self.reading {
                Reading::Head(gatherer) => gatherer,
                Reading::Body(..) => return self.read_body(&data).map(|()| None),
            };
            let room = self.limits.max_bytes - self.interim;
            let gathered = gatherer.push(&data, room).map_err(|_| HandshakeError::TooLarge(self.limits))?;
            let Some((head, leftover)) = gathered else {
                return check_start(gatherer.so_far()).map(|()| None);
            };
            match self.read(&head, leftover)? {
                Read::Accepted(accepted) => return Ok(Some(*accepted)),
                Read::Interim(leftover) => {
                    self.interim += head.len();
                    data = leftover;
                }
                Read::Refused(leftover) => data = leftover,
            }
        }
    }

    /// The TCP connection ended, or there is no more time: what this comes to.
    pub fn handle_eof(&mut self) -> HandshakeError {
        match &mut self.reading {
            Reading::Head(gatherer) => HandshakeError::Ended(gatherer.so_far().len()),
            Reading::Body(refusal, _) => HandshakeError::Refused(refusal.clone()),
        }
    }

    fn read(&mut self, head: &[u8], leftover: BytesMut) -> Result<Read, HandshakeError> {
        check_start(head)?;
        let mut room = room(&self.limits);
        let mut answer = httparse::Response::new(&mut room);
        match answer.parse(head) {
            Ok(status) if status.is_complete() => {}
            Err(httparse::Error::TooManyHeaders) => {
                return Err(HandshakeError::TooLarge(self.limits));
            }
            Ok(_) => return Err(invalid("its head ends early")),
            Err(error) => return Err(invalid(format!("its head is malformed: {error}"))),
        }
        let fields = Fields::from_parsed(answer.headers);
        let status = answer.code.unwrap_or_default();
        if status / 100 == 1 && status != 101 {
            return Ok(Read::Interim(leftover));
        }
        if status != 101 {
            let body = BodyReader::new(status, &fields, self.limits.max_bytes);
            let reason = answer.reason.unwrap_or_default().to_owned();
            let refusal = Refusal { status, reason, headers: fields.0, body: Vec::new() };
            self.reading = Reading::Body(refusal, body);
            return Ok(Read::Refused(leftover));
        }
        if answer.version != Some(1) {
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
        Ok(Read::Accepted(Box::new(Accepted { subprotocol, agreement, headers: fields.0, leftover, deviation })))
    }

    fn read_body(&mut self, data: &[u8]) -> Result<(), HandshakeError> {
        if let Reading::Body(refusal, body) = &mut self.reading
            && body.read(data, &mut refusal.body)
        {
            return Err(HandshakeError::Refused(refusal.clone()));
        }
        Ok(())
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
fn write_request(request: &ClientRequest, key: &str) -> Result<Bytes, InvalidField> {
    let ClientRequest { authority, target, subprotocols, compression, headers, .. } = request;
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
        text += &format!("{name}: {value}\r\n");
    }
    Ok(Bytes::from(text + "\r\n"))
}

/// Notices at once, not after the deadline, that the peer does not speak HTTP.
fn check_start(so_far: &[u8]) -> Result<(), HandshakeError> {
    const START: &[u8] = b"HTTP/1.";
    let compared = so_far.len().min(START.len());
    if so_far[..compared] == START[..compared] { Ok(()) } else { Err(HandshakeError::NotHttp(printable(so_far))) }
}

fn once<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, HandshakeError> {
    fields.only(name).map_err(|_| invalid(format!("it has more than one {name}")))
}

fn invalid(what: impl Into<String>) -> HandshakeError {
    HandshakeError::Invalid(what.into())
}

impl Refusal {
    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, printable(self.reason.as_bytes()))?;
        if let Some(location) = self.header("Location") {
            write!(f, ", pointing to {}", printable(location.as_bytes()))?;
        }
        match self.body.trim_ascii() {
            [] => Ok(()),
            body => write!(f, ": {}", printable(body)),
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(invalid) => write!(f, "the WebSocket handshake cannot be sent: {invalid}"),
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
