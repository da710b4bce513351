//! A network that is cut without a word: no FIN, no RST, only silence, at one end or both, at any moment of a connection's
//! life. Both ends notice, tell what they do not know, come together again without a registration, and lose nothing.
//!
//! The cut is made by a relay ([`wire`]), and where the system lets us have a network of our own, by taking that down
//! ([`namespace`]). Times are small, and every wait ends with what is waited for: nothing here depends on how fast it is.
#![allow(clippy::unwrap_used, missing_docs)]

mod cuts;
mod handshakes;
#[cfg(target_os = "linux")]
mod namespace;
mod site;
mod wire;
