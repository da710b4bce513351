//! Whole primitives from one format to another.
//!
//! Covers: TS-0004 8.3 to 8.5. For gateways, tools and tests; a session reads and writes by itself.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{DecodeError, DecodeOptions, EncodeError, Primitive, decode, encode_request, encode_response, json, xml};
use crate::primitive::Format;

/// A primitive that cannot be converted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConvertError {
    /// The input is not a primitive of its format.
    Decode(DecodeError),
    /// The primitive holds something that the other format cannot carry.
    Encode(EncodeError),
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConvertError {}

impl From<DecodeError> for ConvertError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for ConvertError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

/// Reads the one primitive that `input` is and writes it in another format, or in the correct form of the same one.
///
/// ```
/// use onem2m_ws::codec::{self, DecodeOptions};
/// use onem2m_ws::primitive::Format;
///
/// let json = r#"{"rsc":2000,"rqi":"1","pc":{"m2m:uril":["cse-in/a","cse-in/b"]},"rvi":"3"}"#;
/// let xml = codec::convert(Format::Json, json.into(), Format::Xml, &DecodeOptions::default())?;
/// let back = codec::convert(Format::Xml, xml, Format::Json, &DecodeOptions::default())?;
/// assert_eq!(back, json);
/// # Ok::<(), codec::ConvertError>(())
/// ```
///
/// # Errors
/// [`ConvertError`] names the place and the reason: what cannot be read, or what the other format cannot carry (XML has no
/// list items with blanks, no control characters, no numbers where the schema has any type). Nothing is changed to fit.
pub fn convert(from: Format, input: Bytes, to: Format, options: &DecodeOptions) -> Result<Bytes, ConvertError> {
    let mut out = BytesMut::with_capacity(2 * input.len() + 64);
    match decode(from, input, options)?.primitive {
        Primitive::Request(request) => encode_request(to, &request, &mut out)?,
        Primitive::Response(response) => encode_response(to, &response, &mut out)?,
    }
    Ok(out.freeze())
}

/// Breaks a primitive that this library has written into lines, for people to read. CBOR stays as it is.
#[must_use]
pub fn pretty(format: Format, primitive: &Bytes) -> Bytes {
    match format {
        Format::Json => json::pretty(primitive).into(),
        Format::Xml => xml::pretty(primitive).into(),
        Format::Cbor => primitive.clone(),
    }
}
