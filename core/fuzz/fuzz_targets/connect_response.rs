//! See `oracles::connect_response`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::connect_response(data));
