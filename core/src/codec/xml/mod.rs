//! XML serialization of primitives.
//!
//! Covers: TS-0004 8.3, 6.1; TS-0020 6.2.2.9. The document is checked in one pass that finds the parameters; the content stays a
//! slice of it. Only the correct form is written, and what XML cannot carry is refused. XML has no types of its own: what
//! a text means is the schema's part.

mod attribute;
mod chars;
mod decode;
mod encode;
mod envelope;
mod gather;
mod name;
mod pretty;
mod read;
mod scope;
mod source;
mod text;
mod value;
mod write;

pub(super) use decode::{decode, decode_text};
pub(super) use encode::{encode_request, encode_response};
pub(super) use pretty::pretty;
pub(super) use read::read;
pub(super) use write::write_content;
