//! XML serialization of primitives.
//!
//! Covers: TS-0004 8.3; TS-0020 6.2.2.9.

use bytes::{Bytes, BytesMut};

use super::item::Item;
use super::{DecodeError, DecodeOptions, Decoded, EncodeError};
use crate::primitive::{Format, Request, Response, XmlPlace};

pub(super) fn decode(_input: &Bytes, _options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Err(DecodeError::unsupported(Format::Xml))
}
pub(super) fn decode_text(_text: &str, _options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Err(DecodeError::unsupported(Format::Xml))
}
pub(super) fn encode_request(_request: &Request, _out: &mut BytesMut) -> Result<(), EncodeError> {
    Err(EncodeError::not_carried("soon"))
}
pub(super) fn encode_response(
    _response: &Response,
    _rqi: &str,
    _rvi: Option<&str>,
    _out: &mut BytesMut,
) -> Result<(), EncodeError> {
    Err(EncodeError::not_carried("soon"))
}
/// Reads the element `text`, which is what the place says.
pub(super) fn read(_text: &str, _place: XmlPlace, _max_depth: u32) -> Result<Item<'_>, DecodeError> {
    Err(DecodeError::unsupported(Format::Xml))
}
/// Appends the element that stands in `pc` for this content.
pub(super) fn write_content(_item: &Item<'_>, _in_response: bool, _out: &mut BytesMut) -> Result<(), EncodeError> {
    Err(EncodeError::not_carried("soon"))
}
/// Inserts white space into a document so that people can read it.
pub(super) fn pretty(_document: &[u8]) -> Vec<u8> {
    Vec::new()
}
