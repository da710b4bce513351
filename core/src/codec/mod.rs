//! Bytes to primitives and back.
//!
//! Covers: TS-0004 clause 8 (JSON 8.4), TS-0020 6.2.2.9 (which format a connection speaks is its subprotocol's matter;
//! here it is an argument), rows WS-A-2. Decoding is strict about shape and size and lenient about the deviations
//! that deployed peers show; each is named in [`Deviations`] and refused when [`DecodeOptions::strict`] is set.
//! Encoding follows the specification exactly.
//!
//! Pure: knows nothing of WebSocket, has no clock and no I/O. Does not check which parameter goes with which operation.

mod cbor;
mod content;
mod convert;
mod emit;
mod error;
mod found;
mod item;
mod json;
mod members;
mod parameter;
mod schema;
mod xml;

use bytes::{Bytes, BytesMut};

use crate::primitive::{Format, Request, Response};

pub use content::ContentError;
pub use convert::{ConvertError, convert, pretty};
pub use error::{DecodeError, DecodeErrorKind, Deviation, Deviations, EncodeError, Shape};
pub use schema::{AttributeType, RegisterError, register_flex_container, register_namespace};

/// The deepest nesting that [`DecodeOptions::max_depth`] can allow.
pub const MAX_DEPTH: u32 = 64;

/// One message: a request or a response.
#[derive(Clone, PartialEq, Debug)]
pub enum Primitive {
    /// It asks for something, and is to be answered. In a box: it is large and moves from hand to hand, which takes more time
    /// than claiming memory once.
    Request(Box<Request>),
    /// It answers a request, and is never answered.
    Response(Response),
}

/// How to read a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeOptions {
    /// Refuse every [`Deviation`] instead of naming it. Off by default.
    pub strict: bool,
    /// How deep objects and arrays may nest, the primitive itself being level 1. Default, and at most, [`MAX_DEPTH`].
    pub max_depth: u32,
    /// How many members that the standard's table does not know a primitive may have. Default 64.
    pub max_unknown_members: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { strict: false, max_depth: MAX_DEPTH, max_unknown_members: 64 }
    }
}

/// What a message was, and what was overlooked in reading it.
#[derive(Clone, PartialEq, Debug)]
pub struct Decoded {
    /// The message.
    pub primitive: Primitive,
    /// What did not follow the specification, but was understood.
    pub deviations: Deviations,
}

/// Reads one message, which must be the whole of `input`.
///
/// The content of the primitive and its other structured parameters are slices of `input`: it stays alive as long as
/// they do.
///
/// # Errors
/// [`DecodeError`] says what was wrong and where, and what is known of the message, so that a request can be answered.
pub fn decode(format: Format, input: Bytes, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    match format {
        Format::Json => json::decode(&input, options),
        Format::Xml => xml::decode(&input, options),
        Format::Cbor => cbor::decode(&input, options),
    }
}

/// Reads one message that is text already and may be gone afterwards: what is kept of it is copied.
///
/// # Errors
/// As [`decode`].
pub fn decode_text(format: Format, input: &str, options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    match format {
        Format::Json => json::decode_text(input, options),
        Format::Xml => xml::decode_text(input, options),
        Format::Cbor => cbor::decode(&Bytes::copy_from_slice(input.as_bytes()), options),
    }
}

/// Appends `request` to `out`.
///
/// # Errors
/// [`EncodeError`] if the request cannot be written in `format`; `out` is then as it was.
pub fn encode_request(format: Format, request: &Request, out: &mut BytesMut) -> Result<(), EncodeError> {
    all_or_nothing(out, |out| match format {
        Format::Json => json::encode_request(request, out),
        Format::Xml => xml::encode_request(request, out),
        Format::Cbor => cbor::encode_request(request, out),
    })
}

/// Appends `response` to `out`. A response without a request identifier is written without one (it answers a request
/// whose identifier could not be read).
///
/// # Errors
/// [`EncodeError`] if the response cannot be written in `format`; `out` is then as it was.
pub fn encode_response(format: Format, response: &Response, out: &mut BytesMut) -> Result<(), EncodeError> {
    encode_answer(format, response, &response.request_id, response.release_version.as_deref(), out)
}

/// [`encode_response`] with the request identifier and the release version from elsewhere.
pub(crate) fn encode_answer(
    format: Format,
    response: &Response,
    rqi: &str,
    rvi: Option<&str>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    all_or_nothing(out, |out| match format {
        Format::Json => json::encode_response(response, rqi, rvi, out),
        Format::Xml => xml::encode_response(response, rqi, rvi, out),
        Format::Cbor => cbor::encode_response(response, rqi, rvi, out),
    })
}

fn all_or_nothing(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let before = out.len();
    write(out).inspect_err(|_| out.truncate(before))
}
