//! The C library: `onem2m_ws.h` is made from the functions and types of this crate.
//!
//! Thin: it converts, guards and hands over to [`onem2m::bridge`]; nothing of the protocol is here. It has no Rust
//! interface. Every entry point is a plain `extern "C" fn` (cbindgen does not see what a macro declares) whose whole body
//! is inside [`guard`], so that no panic leaves it. Pointers become references only in [`handle`] and [`text`]; what
//! makes that sound is promised by the caller in the first lines of the header, which the SAFETY lines name.

mod callback;
mod client;
mod client_config;
mod client_life;
mod counters;
mod courier;
mod dispatch;
mod error;
mod event;
mod format;
mod guard;
mod handle;
mod members;
mod outbox;
mod peer_identity;
mod process;
mod registrar;
mod registrar_config;
mod registree;
mod request;
mod response;
mod settings;
mod text;
mod tls;
mod tls_settings;
mod transfer;
mod version;
