//! See `oracles::codec_cbor`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::codec_cbor(data));
