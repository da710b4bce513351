//! A client behind an HTTP proxy (WS-6.6-1): one that does as it should, ones that do not, and a real one.
#![allow(clippy::unwrap_used, missing_docs)]

mod environment;
mod hostile;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
#[path = "../common/own_memory.rs"]
mod own_memory;
mod support;
mod tinyproxy;
mod tunnel;
