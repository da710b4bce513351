//! JSON serialization of primitives.
//!
//! Covers: TS-0004 8.4, TS-0020 6.2.2.9 and its note on bare primitives (rows WS-A-2). The envelope is read once; the
//! content stays a slice of the input. Does not read content ([`crate::primitive::Content::value`] does).

mod decode;
mod encode;
mod envelope;
mod item;
mod scanner;

pub(super) use decode::{decode, decode_text, text_content};
pub(super) use encode::{encode_request, encode_response};
pub(super) use item::{pretty, read, write};
