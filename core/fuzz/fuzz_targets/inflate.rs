//! See `oracles::inflate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::inflate(data));
