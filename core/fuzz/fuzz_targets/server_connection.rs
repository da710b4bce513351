//! See `oracles::server_connection`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::server_connection(data));
