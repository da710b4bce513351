//! See `oracles::client_connection`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::client_connection(data));
