//! A live server and peers that do not behave: raw bytes in, the exact status or close code out.
#![allow(clippy::unwrap_used, missing_docs)]

mod collector;
mod compressed;
mod formats;
mod frames;
mod handshakes;
mod harness;
mod limits;
mod logs;
mod subprotocols;
