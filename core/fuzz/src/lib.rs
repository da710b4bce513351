//! What must hold for any bytes whatsoever: the oracles behind the fuzz targets.
//!
//! The targets in `fuzz_targets/` search for inputs that break them (`make fuzz`); `core/tests/fuzz_replay.rs` compiles the
//! same functions into an ordinary test, and runs them over the seeds and over every input that once broke one.
//!
//! An oracle gets any bytes, and panics if something does not hold. Those of the WebSocket layer begin their input with a head
//! that says how the rest is used, see [`input::Input`]. They use public interfaces only.

mod codec;
mod connection;
mod extension;
mod frames;
mod handshake;
mod http;
mod inflate;
mod input;
mod proxy;
mod reference;

pub use codec::{codec_cbor, codec_convert, codec_json, codec_xml};
pub use connection::{client_connection, server_connection};
pub use extension::deflate_negotiation;
pub use handshake::{client_handshake, server_handshake};
pub use inflate::inflate;
pub use proxy::connect_response;

/// Panics if something does not hold.
pub type Oracle = fn(&[u8]);

/// Every target by the name of its folder in `seeds/` and `regressions/`.
pub const TARGETS: &[(&str, Oracle)] = &[
    ("client_connection", client_connection),
    ("client_handshake", client_handshake),
    ("codec_cbor", codec_cbor),
    ("codec_convert", codec_convert),
    ("codec_json", codec_json),
    ("codec_xml", codec_xml),
    ("connect_response", connect_response),
    ("deflate_negotiation", deflate_negotiation),
    ("inflate", inflate),
    ("server_connection", server_connection),
    ("server_handshake", server_handshake),
];
