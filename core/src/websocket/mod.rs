//! RFC 6455, both ends, as pure machines: bytes and instants in, messages and bytes out.
//!
//! With permessage-deflate (RFC 7692) where both ends want it.
//!
//! Covers: TS-0020 clauses 6.1, 6.2.2, 6.2.3, 6.3; rows WS-6.1-1, WS-6.1-2, WS-6.2.1-1, WS-6.2.2.*, WS-6.2.3.*, WS-6.3-1.
//!
//! - [`handshake::client`] and [`handshake::server`] read and write the opening handshake.
//! - [`Connection`] does everything after it: frames, fragments, control frames, keep-alive, closing.
//!
//! What it does not do: it opens no socket, reads no clock, draws no random bytes (they come through [`Random`]), starts no
//! thread, and knows nothing of oneM2M: subprotocol names are strings here, payloads are bytes.
//!
//! Inside, one idea per file, each usable and tested alone:
//!
//! ```text
//!                 connection      state, closing handshake, deadlines
//!     ┌─────────┬────┴────┬──────────┐
//!  receive    send      close    keep_alive   bytes → messages │ messages → bytes │ close payloads │ is the peer there
//!   ┌─┴────┬────┴─┬────────┐
//!  utf8  frame  mask    deflate               text as it arrives │ one frame's head │ the masking key │ RFC 7692
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod close;
mod compression;
mod connection;
mod deflate;
mod frame;
pub mod handshake;
mod keep_alive;
mod mask;
mod receive;
mod send;
#[cfg(test)]
pub(crate) mod testing;
mod utf8;

pub use compression::{Agreement, Compression, Direction};
pub use connection::{Closed, Config, Connection, Disconnect, Event, Read, SendError};
pub use receive::Whole;
pub use tungstenite::protocol::frame::coding::CloseCode;

/// Where masking keys and handshake keys come from.
///
/// RFC 6455 5.3 asks for keys that the author of the payload cannot predict, so an implementation draws from a
/// cryptographically strong source. Tests give fixed bytes.
pub trait Random: Send {
    /// Fills all of `out`.
    fn fill(&mut self, out: &mut [u8]);
}

/// Which end of the connection this is. It decides who masks (RFC 6455 5.1) and who closes TCP first (7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that opened the connection: masks what it sends, refuses what is masked.
    Client,
    /// The end that accepted it: refuses what is not masked.
    Server,
}

/// The two kinds of messages (RFC 6455 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text. Valid UTF-8 when received, and expected to be so when sent.
    Text,
    /// Any bytes.
    Binary,
}

/// Makes what a peer sent fit for one line of a log or an error: what does not print is escaped, quotes are left alone.
pub(crate) fn escape(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' => line.push(c),
            _ => line.extend(c.escape_debug()),
        }
    }
    line
}
