//! See `oracles::codec_json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::codec_json(data));
