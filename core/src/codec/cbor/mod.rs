//! CBOR serialization of primitives.
//!
//! Covers: TS-0004 8.5, RFC 8949, TS-0020 6.2.2.9 (rows WS-6.2.2.9-1, WS-A-2). The model is that of JSON. Writes definite lengths,
//! text strings, integers, and floats of 32 or 64 bits. Reads indefinite lengths, floats of 16 bits, and byte strings that
//! hold text (the examples of TS-0004 8.5.2 are written so). Refuses tags, which have no meaning in the JSON data model.
//! The content stays a slice of the input, unless it is written in a way in which this library does not write.

mod decode;
mod encode;
mod envelope;
mod item;
mod scanner;

pub(super) use decode::decode;
pub(super) use encode::{encode_request, encode_response};
pub(super) use item::{read, write};
