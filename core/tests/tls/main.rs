//! TLS at both ends: who is let in, who is not and what they are told, and what becomes of those whose credential ends
//! (TS-0020 7, TS-0003; WS-7-1, WS-7-2).
#![allow(clippy::unwrap_used, missing_docs)]

mod annex;
mod hostile;
mod identity;
mod life;
mod matrix;
mod records;
mod settings;
mod support;
