//! See `oracles::codec_xml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::codec_xml(data));
