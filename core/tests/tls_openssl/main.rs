//! TLS by OpenSSL from the outside: clients and servers of ours over wss, and the command `openssl` at the other end.
//!
//! Covers: TS-0020 7, TS-0003 8.2.2.1, 10.2; rows WS-7-1, WS-7-2. Suites and credentials one by one are in the tests of
//! `core/src/net/tls/openssl`.
#![allow(clippy::unwrap_used, missing_docs)]

mod associations;
mod command;
mod harness;
#[allow(dead_code)]
mod pki;
