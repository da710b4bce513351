//! The durable store when the disk is not as it should be: full, read-only, locked, of another program, cut, changed.
//!
//! Whatever it is, what was accepted comes back as it was, or the error says that it does not.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../spool/support.rs"]
#[allow(dead_code)]
mod support;

mod changed;
#[cfg(target_os = "linux")]
mod full;
mod missing;
mod refused;
