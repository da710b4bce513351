//! The opening handshake (RFC 6455 4), both ends, as pure machines.
//!
//! Covers: TS-0020 clauses 5.2 (steps 2 and 3), 6.2.1 to 6.2.3; rows WS-6.2.1-1, WS-6.2.2.*, WS-6.2.3.*, WS-6.6-1.
//!
//! Both ends read incrementally: bytes may come one at a time, and are parsed once, when the blank line is there. Both are
//! strict about what RFC 6455 demands; what is tolerated is said in [`client::Accepted::deviation`].
//!
//! Before either, [`proxy`] asks an HTTP proxy for a tunnel, where there is one.
//!
//! What it does not do: TLS, deadlines, redirects, or choosing a subprotocol.

mod answer;
mod body;
pub mod client;
mod credentials;
mod extension;
mod head;
pub mod proxy;
pub mod server;
mod target;

use std::fmt;

pub use answer::Refusal;
pub use credentials::Credentials;
#[cfg(feature = "net")]
pub(crate) use credentials::is_b64token;

use super::escape;

/// How much of a handshake is taken from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes up to and with the blank line; 16 KiB. Also the most that is kept of the body of a refusal.
    pub max_bytes: usize,
    /// The most header fields; 64.
    pub max_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 16 << 10, max_fields: 64 }
    }
}

/// Something that may not stand in a handshake was to be sent. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    what: String,
    why: &'static str,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.why)
    }
}

impl std::error::Error for InvalidField {}

/// Accepts a header field that this end wants to send: no part can break out of its line, and what the handshake says itself
/// cannot be said twice.
fn check_field(name: &str, value: &str) -> Result<(), InvalidField> {
    const OURS: [&str; 5] = ["Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"];
    let invalid = |why| Err(InvalidField { what: format!("header field \"{}\"", escape(name)), why });
    if !is_token(name) {
        return invalid("is not named by a token (RFC 7230 3.2.6)");
    }
    if OURS.iter().any(|own| own.eq_ignore_ascii_case(name)) || starts_with_ignore_case(name, "Sec-WebSocket-") {
        return invalid("is set by the handshake itself");
    }
    if value.chars().any(char::is_control) {
        return invalid("has a control character in its value");
    }
    Ok(())
}

/// Accepts a subprotocol name (RFC 6455 4.1: the characters of a token).
fn check_subprotocol(name: &str) -> Result<(), InvalidField> {
    if is_token(name) {
        return Ok(());
    }
    let what = format!("subprotocol name \"{}\"", escape(name));
    Err(InvalidField { what, why: "is not a token (RFC 6455 4.1)" })
}

/// RFC 7230 3.2.6.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn starts_with_ignore_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// What a peer sent, cut and made printable for errors and logs.
fn printable(text: &[u8]) -> String {
    const MOST: usize = 200;
    let shown = String::from_utf8_lossy(&text[..text.len().min(MOST)]);
    let more = if text.len() > MOST { "..." } else { "" };
    format!("{}{more}", escape(&shown))
}
