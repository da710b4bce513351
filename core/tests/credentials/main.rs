//! Basic and Bearer credentials in the opening handshake: a client that has them, a server that decides by them, and
//! where they never show.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../hostile/collector.rs"]
mod collector;
mod decided;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
#[path = "../common/own_memory.rs"]
mod own_memory;
mod settings;
mod support;
