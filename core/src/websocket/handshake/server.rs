//! The accepting end of the opening handshake.
//!
//! Covers: RFC 6455 4.2, TS-0020 6.2.3; rows WS-6.2.2.3-1, WS-6.2.2.6-1, WS-6.2.2.7-2, WS-6.2.3.1-1, WS-6.2.3.4-1.
//! What it does not do: choose the subprotocol, judge who may come, or time out.

use std::fmt;

use bytes::{Bytes, BytesMut};
use data_encoding::BASE64;
use tungstenite::handshake::derive_accept_key;

use super::{
    InvalidField, Limits, check_field, check_subprotocol, extension,
    head::{Fields, Gatherer, TooLarge, room},
    is_token, printable, target,
};
use crate::websocket::{Agreement, Compression, escape};

/// Reads the request of a client.
///
/// Hand bytes to [`handle_data`](Self::handle_data) until it gives a request or a rejection; then send
/// [`UpgradeRequest::accept`] or [`Rejection::to_bytes`], and in the latter case close. How long to wait is the caller's affair.
#[derive(Debug)]
pub struct ServerHandshake {
    limits: Limits,
    gatherer: Gatherer,
}

/// A request to open a WebSocket connection that is valid by RFC 6455 4.2.1.
#[derive(Clone, Debug)]
pub struct UpgradeRequest {
    /// The request target as sent, `/` from oneM2M peers (TS-0020 6.2.2.1); see [`path`](Self::path).
    pub target: String,
    /// The authority that the client believes it speaks to.
    pub host: String,
    /// The names offered, over all header lines, in the client's order of preference (WS-6.2.2.7-2).
    pub subprotocols: Vec<String>,
    /// The web page that made the request; other programs send none. A server that pages could misuse checks it (RFC 6455 10.2).
    pub origin: Option<String>,
    /// What came after the request: the first bytes for the connection.
    pub leftover: BytesMut,
    fields: Fields,
    accept: String,
}

/// What a client's offer of permessage-deflate came to, and the answer that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// For [`Connection::with_compression`](crate::websocket::Connection::with_compression).
    pub agreement: Agreement,
    answer: String,
}

/// An answer that refuses the request. [`Display`](fmt::Display) gives status and reason on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    /// False in answer to HEAD, which takes none (RFC 7231 4.3.2).
    has_body: bool,
}

impl ServerHandshake {
    /// A handshake of which nothing has been read.
    pub fn new(limits: Limits) -> Self {
        Self { limits, gatherer: Gatherer::default() }
    }

    /// Takes bytes from the client, cut anywhere. `None`: more is needed.
    ///
    /// # Errors
    /// The answer to a request that cannot be accepted: 400 (malformed), 405 (not GET), 426 (another version of the protocol),
    /// 431 (beyond the limits).
    pub fn handle_data(&mut self, data: &[u8]) -> Result<Option<UpgradeRequest>, Rejection> {
        let gathered = self.gatherer.push(data, self.limits.max_bytes);
        // Before the size, so that a TLS peer hears the same of it however its bytes are cut.
        refuse_early(self.gatherer.so_far())?;
        match gathered {
            Ok(Some((head, leftover))) => self.read(&head, leftover).map(Some),
            Ok(None) => Ok(None),
            Err(TooLarge) => {
                Err(Rejection::new(431, format!("the handshake is larger than {} bytes", self.limits.max_bytes)))
            }
        }
    }

    fn read(&self, head: &[u8], leftover: BytesMut) -> Result<UpgradeRequest, Rejection> {
        refuse_early(head)?;
        let mut room = room(&self.limits);
        let mut request = httparse::Request::new(&mut room);
        match request.parse(head) {
            Ok(status) if status.is_complete() => {}
            Err(httparse::Error::TooManyHeaders) => {
                let reason = format!("the handshake has more than {} header fields", self.limits.max_fields);
                return Err(Rejection::new(431, reason));
            }
            Ok(_) => return Err(malformed("the request ends early")),
            Err(error) => return Err(malformed(format!("the request is not HTTP/1.1: {error}"))),
        }
        let method = request.method.unwrap_or_default();
        if method != "GET" {
            let reason = format!("the method is {}; a WebSocket opens with GET", printable(method.as_bytes()));
            let rejection = Rejection { has_body: method != "HEAD", ..Rejection::new(405, reason) };
            return Err(rejection.with("Allow", "GET"));
        }
        if request.version != Some(1) {
            return Err(malformed("the HTTP version is not 1.1"));
        }
        let target = request.path.unwrap_or_default().to_owned();
        if target::path(&target).is_none() {
            return Err(malformed("the request target is neither a path nor a whole URI"));
        }
        let fields = Fields::from_parsed(request.headers);

        let host =
            once(&fields, "Host")?.filter(|host| !host.is_empty()).ok_or_else(|| malformed("no Host"))?.to_owned();
        if !is_authority(&host) {
            return Err(malformed(format!("\"{}\" is no Host", printable(host.as_bytes()))));
        }
        if fields.first("Transfer-Encoding").is_some() || fields.all("Content-Length").any(|length| length != "0") {
            return Err(malformed("the request has a body"));
        }
        if !fields.list_has("Upgrade", "websocket") {
            return Err(malformed("this is a WebSocket server, and the request has no \"Upgrade: WebSocket\""));
        }
        if !fields.list_has("Connection", "upgrade") {
            return Err(malformed("the request has no \"Connection: Upgrade\""));
        }
        check_version(&fields)?;
        let key = once(&fields, "Sec-WebSocket-Key")?.ok_or_else(|| malformed("no Sec-WebSocket-Key"))?;
        if !BASE64.decode(key.as_bytes()).is_ok_and(|key| key.len() == 16) {
            return Err(malformed("Sec-WebSocket-Key is not the base64 form of 16 bytes"));
        }
        let accept = derive_accept_key(key.as_bytes());
        let subprotocols: Vec<String> = fields.list("Sec-WebSocket-Protocol").map(str::to_owned).collect();
        if let Some(name) = subprotocols.iter().find(|name| !is_token(name)) {
            return Err(malformed(format!("\"{}\" cannot be a subprotocol name", printable(name.as_bytes()))));
        }
        if extension::parse(fields.all(extension::HEADER)).is_err() {
            return Err(malformed(format!("{} cannot be read", extension::HEADER)));
        }
        let origin = once(&fields, "Origin")?.map(str::to_owned);
        Ok(UpgradeRequest { target, host, subprotocols, origin, leftover, fields, accept })
    }
}

impl UpgradeRequest {
    /// The path that is asked for, without a query.
    pub fn path(&self) -> &str {
        target::path(&self.target).unwrap_or_default()
    }

    /// All header fields as they came.
    pub fn headers(&self) -> &[(String, String)] {
        &self.fields.0
    }

    /// The first header field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.first(name)
    }

    /// What the client's offers of permessage-deflate come to: the first that this end can take (RFC 7692 5). `None`: there is none,
    /// and the connection goes on without.
    pub fn negotiate(&self, wanted: &Compression) -> Option<Negotiated> {
        let offers = extension::parse(self.fields.all(extension::HEADER)).ok()?;
        extension::answer(&offers, wanted).map(|(agreement, answer)| Negotiated { agreement, answer })
    }

    /// The answer that opens the connection, with the names and order of TS-0020 5.2, step 3. `subprotocol` is one of
    /// [`subprotocols`](Self::subprotocols), `compression` what [`negotiate`](Self::negotiate) gave; `headers` come last.
    ///
    /// # Errors
    /// When the subprotocol was not offered, or a header field cannot be sent.
    pub fn accept(
        &self,
        subprotocol: Option<&str>,
        compression: Option<&Negotiated>,
        headers: &[(String, String)],
    ) -> Result<Bytes, InvalidField> {
        let mut answer =
            String::from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n");
        if let Some(name) = subprotocol {
            check_subprotocol(name)?;
            if !self.subprotocols.iter().any(|offered| offered == name) {
                let what = format!("subprotocol name \"{name}\"");
                return Err(InvalidField { what, why: "was not offered by the client" });
            }
            answer += &format!("Sec-WebSocket-Protocol: {name}\r\n");
        }
        answer += &format!("Sec-WebSocket-Accept: {}\r\n", self.accept);
        if let Some(compression) = compression {
            answer += &format!("{}: {}\r\n", extension::HEADER, compression.answer);
        }
        for (name, value) in headers {
            check_field(name, value)?;
            answer += &format!("{name}: {value}\r\n");
        }
        Ok(Bytes::from(answer + "\r\n"))
    }
}

impl Rejection {
    /// A refusal with an HTTP status, and a reason for people, which goes into the body.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), headers: Vec::new(), has_body: true }
    }

    /// Adds a header field, for instance `WWW-Authenticate` with 401 or `Retry-After` with 503.
    ///
    /// # Errors
    /// When the field cannot be sent.
    pub fn with_header(self, name: &str, value: &str) -> Result<Self, InvalidField> {
        check_field(name, value)?;
        Ok(self.with(name, value))
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason as given.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The answer as sent; after it the TCP connection ends. Control characters in the reason are escaped.
    pub fn to_bytes(&self) -> Bytes {
        let body = format!("{}\n", escape(&self.reason));
        let mut answer = format!("HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        for (name, value) in &self.headers {
            answer += &format!("{name}: {value}\r\n");
        }
        answer += &format!("Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n", body.len());
        // Whoever sends Upgrade says so in Connection (RFC 7230 6.7).
        let names_upgrade = self.headers.iter().any(|(name, _)| name == "Upgrade");
        answer += if names_upgrade { "Connection: close, Upgrade\r\n\r\n" } else { "Connection: close\r\n\r\n" };
        Bytes::from(if self.has_body { answer + &body } else { answer })
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, phrase(self.status), escape(&self.reason))
    }
}

impl std::error::Error for Rejection {}

fn malformed(reason: impl Into<String>) -> Rejection {
    Rejection::new(400, reason)
}

fn once<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, Rejection> {
    fields.only(name).map_err(|_| malformed(format!("more than one {name}")))
}

/// One version is asked for, and it is 13. Several are several, on whichever lines they stand.
fn check_version(fields: &Fields) -> Result<(), Rejection> {
    let mut versions = fields.list("Sec-WebSocket-Version");
    match (versions.next(), versions.next()) {
        (Some("13"), None) => Ok(()),
        (None, _) => Err(malformed("no Sec-WebSocket-Version")),
        (_, Some(_)) => Err(malformed("more than one Sec-WebSocket-Version")),
        (Some(other), None) => {
            let reason = format!("WebSocket version {} is not taken; 13 is", printable(other.as_bytes()));
            // RFC 6455 4.4, RFC 7231 6.5.15.
            let rejection = Rejection::new(426, reason).with("Upgrade", "WebSocket");
            Err(rejection.with("Sec-WebSocket-Version", "13"))
        }
    }
}

/// Whether this can be host and port: what else may stand in a URI is no part of them, and a list is none (RFC 7230 5.4).
fn is_authority(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\,".contains(&b))
}

/// Refuses what can never become a request, so that such a peer hears of it at once and not after the deadline.
fn refuse_early(head: &[u8]) -> Result<(), Rejection> {
    match head.first() {
        Some(0x16) => {
            Err(malformed("this looks like TLS, and this port speaks plain WebSocket: use ws://, not wss://"))
        }
        Some(first) if !first.is_ascii_graphic() => Err(malformed("this is not HTTP")),
        _ => Ok(()),
    }
}

/// The reason phrases of RFC 7231, RFC 6585 and RFC 7235 that a refusal may need.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests;
