//! See `oracles::codec_convert`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::codec_convert(data));
