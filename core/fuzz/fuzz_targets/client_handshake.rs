//! See `oracles::client_handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::client_handshake(data));
