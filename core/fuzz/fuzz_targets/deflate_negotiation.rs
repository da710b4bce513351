//! See `oracles::deflate_negotiation`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::deflate_negotiation(data));
