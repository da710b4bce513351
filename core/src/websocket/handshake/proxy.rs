//! Asking an HTTP proxy for a tunnel to the server, before the opening handshake.
//!
//! Covers: TS-0020 6.6; RFC 7231 4.3.6 (CONNECT), RFC 7235 and 7617 (Basic); row WS-6.6-1. The answer is judged as one from
//! somebody who may be hostile: any 2xx opens the tunnel and no other status does, lengths that a 2xx declares mean nothing,
//! and nothing may come behind its head, since in the tunnel the client speaks first, in TLS and in WebSocket alike.
//!
//! What it does not do: follow redirects, try again with credentials (they are sent at once where there are some), any
//! scheme but Basic, TLS to the proxy, time out, or choose the proxy.

use std::fmt;
use std::net::Ipv6Addr;

use zeroize::Zeroizing;

use super::{
    InvalidField, Limits, Refusal,
    answer::{Answer, AnswerError, AnswerReader},
    credentials::joined,
    printable,
};
use crate::websocket::escape;

pub use super::credentials::Credentials;

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct ProxyRequest {
    /// Name or address of the server to be reached; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are towards the proxy.
    pub credentials: Option<Credentials>,
}

/// Sends the CONNECT and reads the answer of a proxy.
///
/// Send [`transmit`](Self::transmit), then hand bytes to [`handle_data`](Self::handle_data) until it gives a result, and report
/// the end of the TCP connection, or that waiting is over, to [`handle_eof`](Self::handle_eof).
///
/// ```
/// use onem2m_ws::websocket::handshake::Limits;
/// use onem2m_ws::websocket::handshake::proxy::{ProxyHandshake, ProxyRequest};
///
/// let request = ProxyRequest { host: "in.example".to_owned(), port: 443, credentials: None };
/// let mut handshake = ProxyHandshake::new(&request, Limits::default())?;
/// assert_eq!(*handshake.transmit(), b"CONNECT in.example:443 HTTP/1.1\r\nHost: in.example:443\r\n\r\n");
/// assert!(handshake.handle_data(b"HTTP/1.1 200 Conn")?.is_none());
/// assert!(handshake.handle_data(b"ection established\r\n\r\n")?.is_some());
/// # Ok::<(), onem2m_ws::websocket::handshake::proxy::ProxyError>(())
/// ```
pub struct ProxyHandshake {
    request: Zeroizing<Vec<u8>>,
    credentials: Option<Credentials>,
    answer: AnswerReader,
}

/// The tunnel is open: the next byte is the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// All header fields of the proxy's answer.
    pub headers: Vec<(String, String)>,
}

/// Why there is no tunnel. [`Display`](fmt::Display) says on one line what happened and what may help; what comes from the
/// proxy is escaped there. No credentials are in it, even if the proxy sends them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// The CONNECT cannot be sent as it is asked for. Nothing was sent.
    Request(InvalidField),
    /// The proxy wants to know who we are, or does not accept who we say we are: 407, or 401, which some answer to wrong
    /// credentials (tinyproxy does).
    AuthenticationRequired {
        /// Its answer.
        refusal: Refusal,
        /// The schemes that its `Proxy-Authenticate` names.
        schemes: Vec<String>,
        /// Whether credentials were sent.
        sent: bool,
    },
    /// The proxy answered with another status than 2xx.
    Refused(Refusal),
    /// The peer does not speak HTTP; its first bytes, escaped.
    NotHttp(String),
    /// The answer is not one to a CONNECT.
    Invalid(String),
    /// The answer is beyond these limits.
    TooLarge(Limits),
    /// The TCP connection ended within the answer, after so many bytes of it.
    Ended(usize),
}

impl fmt::Debug for ProxyHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyHandshake").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl ProxyHandshake {
    /// Makes the CONNECT. `limits` are those of the answer; as much of the body of a refusal is kept as of a head.
    ///
    /// # Errors
    /// [`ProxyError::Request`] when the host may not stand where it would.
    pub fn new(request: &ProxyRequest, limits: Limits) -> Result<Self, ProxyError> {
        Ok(Self {
            request: write_request(request).map_err(ProxyError::Request)?,
            credentials: request.credentials.clone(),
            answer: AnswerReader::new(limits, |status| status / 100 == 2),
        })
    }

    /// The request; empty when it was given already.
    pub fn transmit(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.request)
    }

    /// Takes bytes from the proxy, cut anywhere. `None`: more is needed.
    ///
    /// # Errors
    /// Whatever keeps the tunnel from being opened; nothing more is to be handed over then.
    pub fn handle_data(&mut self, data: &[u8]) -> Result<Option<Tunnel>, ProxyError> {
        match self.answer.handle_data(data) {
            Ok(None) => Ok(None),
            // A Content-Length or Transfer-Encoding in it has no meaning (RFC 7231 4.3.6): what follows is the tunnel.
            Ok(Some(Answer { fields, leftover, .. })) if leftover.is_empty() => Ok(Some(Tunnel { headers: fields.0 })),
            Ok(Some(Answer { leftover, .. })) => Err(ProxyError::Invalid(format!(
                "{} bytes came behind it, before anything was sent through the tunnel",
                leftover.len()
            ))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// The TCP connection ended, or there is no more time: what this comes to.
    pub fn handle_eof(&mut self) -> ProxyError {
        let error = self.answer.handle_eof();
        self.failed(error)
    }

    fn failed(&self, error: AnswerError) -> ProxyError {
        match error {
            AnswerError::Refused(refusal) => {
                let refusal = match &self.credentials {
                    Some(credentials) => credentials.hide_in(refusal),
                    None => refusal,
                };
                if matches!(refusal.status, 401 | 407) {
                    let schemes = schemes(&refusal);
                    ProxyError::AuthenticationRequired { refusal, schemes, sent: self.credentials.is_some() }
                } else {
                    ProxyError::Refused(refusal)
                }
            }
            AnswerError::NotHttp(start) => ProxyError::NotHttp(match &self.credentials {
                Some(credentials) => credentials.hide(start),
                None => start,
            }),
            AnswerError::Malformed(what) => ProxyError::Invalid(what),
            AnswerError::TooLarge(limits) => ProxyError::TooLarge(limits),
            AnswerError::Ended(bytes) => ProxyError::Ended(bytes),
        }
    }
}

/// The request. Authorities have the port always (RFC 7231 4.3.6).
fn write_request(request: &ProxyRequest) -> Result<Zeroizing<Vec<u8>>, InvalidField> {
    let ProxyRequest { host, port, credentials } = request;
    let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\:[]".contains(&b));
    let authority = match host.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]:{port}"),
        Err(_) if is_name => format!("{host}:{port}"),
        Err(_) => {
            let what = format!("host \"{}\"", escape(host));
            return Err(InvalidField { what, why: "is neither a name nor an address" });
        }
    };
    let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    let field = credentials.as_ref().map(|credentials| credentials.line("Proxy-Authorization")).unwrap_or_default();
    Ok(joined(&[head.as_bytes(), &field, b"\r\n"]))
}

/// The schemes in a list of challenges (RFC 7235 4.3): elements that begin with a word which no `=` follows. The commas
/// within a challenge and between challenges look alike.
fn schemes(refusal: &Refusal) -> Vec<String> {
    let values = refusal.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Proxy-Authenticate"));
    let mut schemes = Vec::new();
    for (_, value) in values {
        let (mut quoted, mut escaped) = (false, false);
        let elements = value.split(|c| {
            let ends = c == ',' && !quoted;
            (quoted, escaped) = (quoted ^ (c == '"' && !escaped), c == '\\' && quoted && !escaped);
            ends
        });
        for element in elements {
            let element = element.trim();
            let word = element.split([' ', '\t', '=']).next().unwrap_or_default();
            let is_parameter = element[word.len()..].trim_start().starts_with('=');
            if !word.is_empty() && !is_parameter && !schemes.iter().any(|s: &String| s.eq_ignore_ascii_case(word)) {
                schemes.push(word.to_owned());
            }
        }
    }
    schemes
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(invalid) => write!(f, "the CONNECT cannot be sent: {invalid}"),
            Self::AuthenticationRequired { refusal, schemes, sent } => {
                f.write_str("the proxy asks for authentication")?;
                if !schemes.is_empty() {
                    write!(f, " ({})", printable(schemes.join(", ").as_bytes()))?;
                }
                let speaks_basic = schemes.is_empty() || schemes.iter().any(|s| s.eq_ignore_ascii_case("Basic"));
                let help = match (sent, speaks_basic) {
                    (_, false) => "only Basic is spoken here",
                    (true, true) => "it does not accept the user name and password; check both",
                    (false, true) => "set the user name and password for the proxy",
                };
                write!(f, " with {refusal}; {help}")
            }
            Self::Refused(refusal) => {
                write!(f, "the proxy refused to open a tunnel with {refusal}")?;
                f.write_str(match refusal.status {
                    502..=504 => "; it could not reach the server",
                    300..=399 => "; redirects of a proxy are not followed",
                    403 | 405 => "; its rules may forbid this host or port",
                    _ => "",
                })
            }
            Self::NotHttp(start) => {
                write!(f, "the proxy does not speak HTTP, it sent \"{start}\"; check the proxy's port")
            }
            Self::Invalid(what) => write!(f, "the proxy's answer to the CONNECT is invalid: {what}"),
            Self::TooLarge(Limits { max_bytes, max_fields }) => write!(
                f,
                "the proxy's answer to the CONNECT is larger than {max_bytes} bytes or {max_fields} header fields"
            ),
            Self::Ended(0) => f.write_str("the proxy ended the connection instead of answering the CONNECT"),
            Self::Ended(bytes) => {
                write!(f, "the connection ended after {bytes} bytes of the proxy's answer to the CONNECT")
            }
        }
    }
}

impl std::error::Error for ProxyError {}

#[cfg(test)]
mod tests;
