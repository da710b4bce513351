//! See `oracles::server_handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::server_handshake(data));
